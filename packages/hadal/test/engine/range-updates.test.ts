/** Parts that lie together are written as ranges of memory: where they lie is no part of a plan. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { engine, fromTypedArray, noGrad, slice, type Tensor, zeros } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';

function counted(...shape: number[]): Tensor {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1);
  return fromTypedArray(data, shape);
}

/** In memory of its own. */
function written(t: Tensor): Tensor {
  t.dataSync();
  return t;
}

function numbers(t: Tensor): number[] {
  return Array.from(t.dataSync(), Number);
}

onEveryEngine('an assignment', ({ run }) => {
  test('to any row has one plan', () =>
    run(() => {
      const [x, rows] = [written(counted(20, 6)), written(counted(20, 6).neg())];
      const want = numbers(x);
      const plans: number[] = [];
      for (const row of [3, 0, 19, 7, 8, 12]) {
        const part = written(rows.index(row).clone());
        const before = engine().statistics.plans;
        x.setIndex(part.mul(2), row);
        engine().realize([]);
        plans.push(engine().statistics.plans - before);
        for (let c = 0; c < 6; c++) want[6 * row + c] *= -2;
      }
      expect(plans).toEqual([1, 0, 0, 0, 0, 0]);
      expect(numbers(x)).toEqual(want);
    }));

  test('of the same number to places of two tensors', () =>
    run(() => {
      const [x, y] = [written(counted(5, 4)), written(counted(5, 4))];
      x.setIndex(-1, 2);
      y.view([-1]).index(slice(3, 7)).fill_(-1);
      engine().realize([]);
      expect(numbers(x)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, -1, -1, -1, -1, 13, 14, 15, 16, 17, 18, 19, 20]);
      expect(numbers(y)).toEqual([1, 2, 3, -1, -1, -1, -1, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    }));

  test('of what another tensor holds, and of flags', () =>
    run(() => {
      const [flags, part] = [written(zeros([4, 5], { dtype: 'bool' })), written(counted(3).gt(1))];
      flags.setIndex(part, 2, slice(1, 4));
      flags.setIndex(true, 3, slice(0, 2));
      flags.setIndex(true, 0, 4);
      engine().realize([]);
      expect(numbers(flags)).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0]);
    }));

  test('is seen by products that had packed the matrix', () =>
    run(() => {
      const [a, b] = [written(counted(8, 160)), written(counted(160, 48))];
      for (let i = 0; i < 4; i++) written(a.matmul(b));
      b.setIndex(0, 7);
      engine().realize([]);
      const fresh = numbers(b);
      expect(fresh.slice(7 * 48, 8 * 48)).toEqual(new Array(48).fill(0));
      const again = fromTypedArray(Float32Array.from(fresh), [160, 48]);
      expect(numbers(a.matmul(b))).toEqual(numbers(a.matmul(again)));
    }));

  test('takes the gradient of what it replaces', () =>
    run(() => {
      const w = counted(4).requiresGrad_();
      const x = written(w.mul(1).expand([3, 4]).clone());
      const before = written(w.square());
      x.setIndex(before, 1);
      engine().realize([]);
      x.sum().backward();
      expect(numbers(w.grad ?? x)).toEqual([4, 6, 8, 10]);
    }));
});

onEveryEngine('assignments at random', ({ run }) => {
  const assignment = fc.record({
    from: fc.nat(30),
    count: fc.integer({ min: 1, max: 12 }),
    value: fc.integer({ min: -9, max: 9 }),
    /** What else is asked for in the same run. */
    reads: fc.constantFrom('nothing', 'nothing', 'old', 'new', 'itself', 'other'),
    isRun: fc.boolean(),
  });
  test('leave in memory what they would in an array', () =>
    run(() =>
      fc.assert(
        fc.property(fc.array(assignment, { maxLength: 8 }), (assignments) => {
          const [x, other] = [written(counted(31)), written(counted(31))];
          const want = numbers(x);
          const read: [Tensor, number[]][] = [];
          noGrad(() => {
            for (const { from, count, value, reads, isRun } of assignments) {
              const to = Math.min(31, from + count);
              const part = x.index(slice(from, to));
              if (reads === 'old') read.push([x.mul(2), want.map((v) => 2 * v)]);
              const source =
                reads === 'itself' ? part : reads === 'other' ? other.index(slice(from, to)) : null;
              if (source === null) part.fill_(value);
              else part.copy_(source.mul(value));
              for (let i = from; i < to; i++)
                want[i] = source === null ? value : value * (reads === 'itself' ? want[i] : i + 1) + 0;
              if (reads === 'new') read.push([x.add(1), want.map((v) => v + 1)]);
              if (isRun) engine().realize([]);
            }
          });
          expect(numbers(x).map((v) => v + 0)).toEqual(want);
          for (const [t, values] of read) expect(numbers(t).map((v) => v + 0)).toEqual(values);
        }),
        { numRuns: 60 },
      ),
    ));
});

/** Parts whose elements lie apart, along the lanes: kernels that replace or spread them are vectors all the same. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decompose } from '../../src/graph/rewrites/decompose.js';
import { capture, templateOf } from '../../src/graph/template.js';
import { fromTypedArray, slice, type Tensor } from '../../src/index.js';
import {
  addIndex,
  clampIndex,
  constantIndex,
  exactDivIndex,
  indexKey,
  scaleIndex,
  unclampedRange,
  variableIndex,
} from '../../src/kernel/index-expr.js';
import { chooseVector } from '../../src/kernel/loops/vectors.js';
import { avx512Target } from '../../src/runtime/native/targets.js';
import { schedule } from '../../src/schedule/plan.js';
import { onEveryEngine } from '../support/engines.js';

function counted(...shape: number[]): Tensor {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1);
  return fromTypedArray(data, shape);
}

/** Into how many lanes the last kernel goes that computes a tensor. */
function lanesOf(t: Tensor): number {
  const captured = capture([{ node: t.value.node, into: null }]);
  const { launches } = schedule(decompose(templateOf(captured), avx512Target), avx512Target);
  const { kernel } = launches[launches.length - 1];
  return kernel.kind === 'loops' ? chooseVector(kernel, avx512Target).lanes : 0;
}

const changed: Record<string, () => Tensor> = {
  'every seventh of all elements'() {
    const x = counted(64, 64).exp();
    x.view([-1])
      .index(slice(3, null, 7))
      .mul_(2);
    return x;
  },
  'every other column'() {
    const x = counted(64, 64).exp();
    x.index(':', slice(1, null, 2)).add_(1);
    return x;
  },
  'the diagonal of the inner part'() {
    const x = counted(64, 64).exp();
    x.index(slice(1, -1), slice(1, -1)).diagonal(0, 0, 1).fill_(0.5);
    return x;
  },
};

describe('the kernel that changes', () => {
  test.each(Object.entries(changed))('%s takes vectors', (_, make) => {
    expect(lanesOf(make())).toBe(16);
  });

  test('gradients of every third element takes vectors', () => {
    const x = counted(48, 48).requiresGrad_();
    const y = x.mul(2);
    y.index(':', slice(null, null, 3)).mul_(5);
    y.sum().backward();
    if (x.grad === null) throw new Error('no gradient');
    expect(lanesOf(x.grad)).toBe(16);
  });
});

describe('what lies in steps', () => {
  test('is its own position times the step', () => {
    const v = variableIndex(0, 100);
    const at = clampIndex(v, 3, 71);
    expect(indexKey(scaleIndex(exactDivIndex(at, 7), 7))).toBe(indexKey(at));
    expect(indexKey(scaleIndex(addIndex(exactDivIndex(at, 7), constantIndex(2)), 14))).toBe(
      indexKey(addIndex(scaleIndex(at, 2), constantIndex(28))),
    );
    expect(exactDivIndex(scaleIndex(v, 7), 7)).toEqual(v);
  });

  test('begins before the first position where nothing is cut off', () => {
    const inner = clampIndex(variableIndex(0, 32), 1, 30);
    const both = addIndex(scaleIndex(inner, 30), clampIndex(variableIndex(1, 32), 1, 30));
    expect(unclampedRange(both)).toEqual({ min: -31, max: 930 });
  });
});

onEveryEngine('parts that lie in steps', ({ run }) => {
  test('are replaced where they lie, and nothing else', () =>
    run(() =>
      fc.assert(
        fc.property(
          fc.record({
            rows: fc.integer({ min: 1, max: 4 }),
            columns: fc.integer({ min: 1, max: 70 }),
            start: fc.nat(80),
            step: fc.integer({ min: 1, max: 40 }),
            isFlat: fc.boolean(),
          }),
          ({ rows, columns, start, step, isFlat }) => {
            const x = counted(rows, columns).requiresGrad_();
            const y = x.mul(1);
            const length = isFlat ? rows * columns : columns;
            const part = (isFlat ? y.view([-1]) : y).index('...', slice(start % length, null, step));
            part.mul_(3);
            const isIn = (i: number): boolean => {
              const at = (isFlat ? i : i % columns) - (start % length);
              return at >= 0 && at % step === 0;
            };
            const ones = Array.from({ length: rows * columns }, (_, i) => (isIn(i) ? 3 : 1));
            expect(Array.from(y.detach().dataSync(), Number)).toEqual(ones.map((f, i) => f * (i + 1)));
            y.sum().backward();
            expect(Array.from(x.grad?.dataSync() ?? [], Number)).toEqual(ones);
          },
        ),
        { numRuns: 60 },
      ),
    ));

  test.each([5, 18, 33, 40])('are the diagonal of the inner part of %i rows', (size) =>
    run(() => {
      const x = counted(size, size);
      const y = x.mul(1);
      y.index(slice(1, -1), slice(2, -1)).diagonal(0, 0, 1).fill_(-1);
      const want = Array.from({ length: size * size }, (_, i) => {
        const [r, c] = [Math.floor(i / size), i % size];
        return c === r + 1 && r >= 1 && c < size - 1 ? -1 : i + 1;
      });
      expect(Array.from(y.dataSync(), Number)).toEqual(want);
    }),
  );
});

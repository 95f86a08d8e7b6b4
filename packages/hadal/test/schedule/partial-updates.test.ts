/** What replaces a part of a storage in place writes that part alone, where it may; on all engines it means what it means. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decompose } from '../../src/graph/rewrites/decompose.js';
import type { Root } from '../../src/graph/template.js';
import { capture, templateOf } from '../../src/graph/template.js';
import { fromTypedArray, noGrad, slice, type Tensor } from '../../src/index.js';
import { variableSizes } from '../../src/kernel/l2.js';
import { avx512Target } from '../../src/runtime/native/targets.js';
import type { ExplainedPlan } from '../../src/schedule/plan.js';
import { schedule } from '../../src/schedule/plan.js';
import { onEveryEngine } from '../support/engines.js';

function counted(...shape: number[]): Tensor {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1);
  return fromTypedArray(data, shape);
}

/** The plan of what `write` does to a tensor, which takes over its memory, and of other values. */
function planOf(cache: Tensor, write: () => readonly Tensor[]): ExplainedPlan {
  const target = cache.storage.node;
  const others = noGrad(write);
  const update: Root = { node: cache.storage.node, into: target };
  const roots = [update, ...others.map((t): Root => ({ node: t.value.node, into: null }))];
  return schedule(decompose(templateOf(capture(roots)), avx512Target), avx512Target);
}

/** Points that the kernel which overwrites memory computes. */
function pointsWritten(plan: ExplainedPlan): number[] {
  return plan.launches.flatMap((l) =>
    l.blocks
      .filter((b) => b.writes.some((w) => plan.template.nodes[w].into >= 0))
      .map((b) => variableSizes(b.kernel).reduce((n, size) => n * size, 1)),
  );
}

describe('the plan of an update', () => {
  test('of some rows computes those', () => {
    const [cache, rows] = [counted(8, 128, 32), counted(8, 2, 32)];
    const plan = planOf(cache, () => {
      cache.narrow(1, 125, 2).copy_(rows.mul(2));
      return [];
    });
    expect(pointsWritten(plan)).toEqual([8 * 2 * 32]);
    expect(plan.updates).toHaveLength(1);
  });

  test('of every third column, and through another shape', () => {
    const [cache, part] = [counted(6, 30), counted(2, 3, 3)];
    const plan = planOf(cache, () => {
      cache
        .reshape([2, 3, 30])
        .index('...', slice(2, 11, 3))
        .copy_(part);
      return [];
    });
    expect(pointsWritten(plan)).toEqual([2 * 3 * 3]);
  });

  test('that reads the part it replaces', () => {
    const cache = counted(50, 20);
    const plan = planOf(cache, () => {
      cache.narrow(0, 7, 3).mul_(2);
      return [];
    });
    expect(pointsWritten(plan)).toEqual([3 * 20]);
  });

  test('whose old value is needed by what reads the new one is whole, in memory of its own', () => {
    const cache = counted(40, 20);
    const plan = planOf(cache, () => {
      const before = cache.neg().index(5);
      cache.narrow(0, 7, 3).fill_(0);
      return [before.mul(cache.sum())];
    });
    expect(pointsWritten(plan)).toEqual([40 * 20]);
    expect(plan.updates).toHaveLength(0);
  });
});

onEveryEngine('parts of tensors that are replaced', ({ run }) => {
  test('leave the rest as it is, whatever reads either', () =>
    run(() =>
      fc.assert(
        fc.property(
          fc.record({
            rows: fc.integer({ min: 1, max: 9 }),
            columns: fc.integer({ min: 1, max: 40 }),
            from: fc.nat(100),
            count: fc.integer({ min: 0, max: 9 }),
            step: fc.integer({ min: 1, max: 3 }),
            dim: fc.constantFrom(0, 1),
            from3: fc.boolean(),
            reads: fc.constantFrom('nothing', 'old', 'new', 'both', 'shifted'),
          }),
          ({ rows, columns, from, count, step, dim, from3, reads }) => {
            const x = counted(rows, columns);
            const want = Array.from({ length: rows * columns }, (_, i) => i + 1);
            const old = [...want];
            x.dataSync();
            const size = [rows, columns][dim];
            const start = from % (size + 1);
            const stop = Math.min(size, start + count * step);
            const range = slice(start, stop, step);
            const others: Tensor[] = [];
            const expected: number[][] = [];
            noGrad(() => {
              if (reads === 'old' || reads === 'both') others.push(x.mul(3));
              const base = from3 ? x.reshape([rows, columns, 1]) : x;
              const part = dim === 0 ? base.index(range) : base.index(slice(), range);
              if (reads === 'shifted' && rows > 1) {
                // The first row goes everywhere: it must be read before it is overwritten.
                const first = base.narrow(0, 0, 1).expand([part.shape[0], ...base.shape.slice(1)]);
                part.copy_(dim === 0 ? first : first.index(slice(), range));
              } else part.copy_(part.mul(2).add(1));
              if (reads === 'new' || reads === 'both') others.push(x.mul(5));
            });
            want.forEach((v, i) => {
              const [r, c] = [Math.floor(i / columns), i % columns];
              const at = dim === 0 ? r : c;
              if (at < start || at >= stop || (at - start) % step !== 0) return;
              want[i] = reads === 'shifted' && rows > 1 ? old[c] : 2 * v + 1;
            });
            if (reads === 'old' || reads === 'both') expected.push(old.map((v) => 3 * v));
            if (reads === 'new' || reads === 'both') expected.push(want.map((v) => 5 * v));
            expect(Array.from(x.dataSync(), Number)).toEqual(want);
            expect(others.map((t) => Array.from(t.dataSync(), Number))).toEqual(expected);
          },
        ),
        { numRuns: 60 },
      ),
    ));
});

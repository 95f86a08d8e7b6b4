/** Every other element along a row, read and written two by two: all engines give what the reference gives, for like kernels of other steps too. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromTypedArray, slice, type Tensor } from '../../src/index.js';
import { maxPool2d } from '../../src/nn/functional/pooling.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace, testEngines } from '../support/engines.js';

const reference = openWorkspace('reference');
if (!reference.ok) throw new Error(reference.reason);

/** Multiples of 1/16, so that sums are exact in any order; many equal ones, NaN among them where wanted. */
function image(rows: number, columns: number, hasNaN: boolean): Tensor {
  const data = Float32Array.from({ length: rows * columns }, (_, i) =>
    hasNaN && i % 11 === 3 ? Number.NaN : (((i * 29) % 32) - 16) / 16,
  );
  return fromTypedArray(data, [rows, columns]);
}

const cases = fc.record({
  rows: fc.integer({ min: 2, max: 7 }),
  columns: fc.integer({ min: 8, max: 75 }),
  step: fc.integer({ min: 2, max: 3 }),
  first: fc.nat(1),
  apart: fc.integer({ min: 0, max: 3 }),
  hasNaN: fc.boolean(),
  what: fc.constantFrom('sum', 'row', 'three', 'in place', 'halves', 'both', 'pool', 'pool gradient'),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

function run(space: Workspace, c: Case): number[] {
  return withWorkspace(space, () => {
    const x = image(c.rows, c.columns, c.hasNaN);
    const length = Math.floor((c.columns - c.first - c.apart) / c.step);
    const from = (start: number): Tensor =>
      x.index('...', slice(start, start + (length - 1) * c.step + 1, c.step));
    const [p, q] = [from(c.first), from(c.first + c.apart)];
    switch (c.what) {
      case 'sum':
        return Array.from(p.sub(q.mul(2)).dataSync(), Number);
      case 'row':
        return Array.from(p.mul(q).sum(-1).dataSync(), Number);
      case 'three':
        return Array.from(from(0).add(p.relu()).sub(q).dataSync(), Number);
      case 'in place':
        p.mul_(2);
        q.add_(1);
        return Array.from(x.dataSync(), Number);
      case 'halves':
        p.copy_(q);
        return Array.from(x.dataSync(), Number);
      case 'both':
        p.copy_(p.neg());
        q.copy_(x.index('...', slice(0, length)).abs());
        return Array.from(x.dataSync(), Number);
      case 'pool':
      case 'pool gradient': {
        const size: [number, number] = [2, c.first + 2];
        const leaf = image(c.rows, c.columns, c.hasNaN).reshape([1, 1, c.rows, c.columns]);
        leaf.requiresGrad_();
        const y = maxPool2d(leaf, size, { stride: [2, c.step] });
        if (c.what === 'pool') return Array.from(y.dataSync(), Number);
        y.backward(
          fromTypedArray(
            Float32Array.from({ length: y.numel() }, (_, i) => i + 1),
            y.shape,
          ),
        );
        return leaf.grad === null ? [] : Array.from(leaf.grad.dataSync(), Number);
      }
    }
  });
}

forEachEngine(
  'every other element',
  (space) => {
    test('is what the reference engine takes and leaves', () => {
      fc.assert(
        fc.property(cases, (c) => {
          expect(run(space, c)).toEqual(run(reference.space, c));
        }),
        { numRuns: 250 },
      );
    });
  },
  testEngines.filter((engine) => engine !== 'reference'),
);

/** Products of any shape, layout and dtype with all that the template takes along: every engine gives what the reference gives. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromTypedArray, pad, slice, type Tensor, zeros } from '../../src/index.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace, testEngines } from '../support/engines.js';

const reference = openWorkspace('reference');
if (!reference.ok) throw new Error(reference.reason);

/** Edges of tiles among the sizes, none, one, and more than a block of the deepest engine. */
const across = fc.oneof(fc.nat(3), fc.integer({ min: 4, max: 40 }), fc.constantFrom(63, 64, 65, 97, 130));
const along = fc.oneof(
  fc.nat(3),
  fc.integer({ min: 4, max: 40 }),
  fc.constantFrom(255, 257, 385, 512, 513, 1030),
);

const operand = fc.constantFrom('plain', 'transposed', 'every other', 'flipped', 'relu', 'padded', 'spread');
type Form = 'plain' | 'transposed' | 'every other' | 'flipped' | 'relu' | 'padded' | 'spread';

const products = fc.record({
  batch: fc.constantFrom(null, null, 1, 3),
  m: across,
  n: across,
  k: along,
  forms: fc.tuple(operand, operand),
  dtype: fc.constantFrom('float32', 'float32', 'float16', 'bfloat16'),
  after: fc.constantFrom('nothing', 'bias and relu', 'two results', 'added in place', 'turned'),
});
type Product = typeof products extends fc.Arbitrary<infer T> ? T : never;

/** Multiples of 1/8 up to 1: sums of 1030 products are exact in float32, in any order. */
function numbers(shape: readonly number[], seed: number): Tensor {
  const n = shape.reduce((p, q) => p * q, 1);
  const data = Float32Array.from({ length: n }, (_, i) => (((i * 7 + seed * 5 + (i >> 4)) % 17) - 8) / 8);
  return fromTypedArray(data, shape);
}

function laidOut(form: Form, shape: readonly number[], seed: number): Tensor {
  const [outer, [rows, columns]] = [shape.slice(0, -2), shape.slice(-2)];
  switch (form) {
    case 'plain':
      return numbers(shape, seed);
    case 'transposed':
      return numbers([...outer, columns, rows], seed).transpose(-1, -2);
    case 'every other':
      return numbers([...outer, rows, 2 * columns], seed).index('...', slice(0, null, 2));
    case 'flipped':
      return numbers(shape, seed).flip([-1]);
    case 'relu':
      return numbers(shape, seed).relu().sub(0.25);
    case 'padded':
      if (rows < 2 || columns < 3) return numbers(shape, seed);
      return pad(numbers([...outer, rows - 1, columns - 2], seed), [1, 1, 0, 1]);
    case 'spread':
      return numbers([...outer, rows, 1], seed).expand([...outer, rows, columns]);
  }
}

function run(space: Workspace, p: Product): number[][] {
  return withWorkspace(space, () => {
    const outer = p.batch === null ? [] : [p.batch];
    const a = laidOut(p.forms[0], [...outer, p.m, p.k], 1).to(p.dtype);
    const b = laidOut(p.forms[1], [...outer, p.k, p.n], 2).to(p.dtype);
    const y = a.matmul(b);
    const out = ((): Tensor[] => {
      switch (p.after) {
        case 'nothing':
          return [y];
        case 'bias and relu':
          return [y.add(numbers([p.n], 3)).relu()];
        case 'two results':
          return [y, y.mul(2).neg()];
        case 'added in place':
          return [zeros([...outer, p.m, p.n]).add_(y)];
        case 'turned':
          return [y.transpose(-1, -2).contiguous()];
      }
    })();
    return out.map((t) => Array.from(t.to('float32').dataSync(), Number));
  });
}

forEachEngine(
  'products',
  (space) => {
    test('of any shape are those of the reference engine', () => {
      fc.assert(
        fc.property(products, (p) => {
          expect(run(space, p)).toEqual(run(reference.space, p));
        }),
        { numRuns: 80 },
      );
    }, 60_000);

    test('have rows and columns that depend on no others, to the last bit', () => {
      const uneven = (shape: readonly number[]): Tensor =>
        numbers(shape, 4).mul(1.1).add(numbers(shape, 9).mul(0.013));
      // One row or column alone is a sum along the other operand's rows, in another order.
      const cut = fc.record({
        m: fc.integer({ min: 2, max: 70 }),
        n: fc.integer({ min: 2, max: 70 }),
        k: along,
      });
      fc.assert(
        fc.property(cut, ({ m, n, k }) => {
          withWorkspace(space, () => {
            const [a, b] = [uneven([70, k]), uneven([k, 70])];
            const whole = a.matmul(b).index(slice(0, m), slice(0, n)).dataSync();
            const part = a
              .index(slice(0, m))
              .matmul(b.index(slice(), slice(0, n)))
              .dataSync();
            expect(part).toEqual(whole);
          });
        }),
        { numRuns: 30 },
      );
    }, 60_000);
  },
  testEngines.filter((engine) => engine !== 'reference'),
);

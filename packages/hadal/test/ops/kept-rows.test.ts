/** What a row kernel computes in one pass and needs in a later one is computed once, and comes out the same as on its own. */
import { describe, expect, test } from 'vitest';
import { explain, fromTypedArray, type Tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

const ROWS = 3;

function some(columns: number, dtype: 'float32' | 'float64'): Tensor {
  const make = { length: ROWS * columns };
  const value = (_: unknown, i: number): number =>
    Math.sin(i * 1.7) * 5 + (i % 11 === 3 ? Number.NEGATIVE_INFINITY : 0);
  const values = dtype === 'float32' ? Float32Array.from(make, value) : Float64Array.from(make, value);
  return fromTypedArray(values, [ROWS, columns]);
}

/** Each of a function that keeps rows, and the same with the kept values computed by a kernel of their own. */
const formulas: { readonly [name: string]: (x: Tensor, own: (t: Tensor) => Tensor) => Tensor } = {
  softmax: (x, own) => {
    const powers = own(x.sub(x.amax(1, { keepdim: true })).exp());
    return powers.div(powers.sum(1, { keepdim: true }));
  },
  'two of them in two passes': (x, own) => {
    const first = own(x.sigmoid());
    const second = own(first.sub(first.mean(1, { keepdim: true })).tanh());
    return second.sub(second.sum(1, { keepdim: true })).mul(first);
  },
  'one inside of another formula': (x, own) => {
    const y = own(x.mul(0.5).tanh());
    return y
      .mul(2)
      .add(y.amax(1, { keepdim: true }))
      .add(y.sum(1, { keepdim: true }));
  },
};

function copies(name: string, code: string): number {
  return code.split('\n').filter((line) => new RegExp(`= ${name}\\b`).test(line)).length;
}

forEachEngine('values that two passes need', (space, engine) => {
  describe.each(Object.entries(formulas))('%s', (_, formula) => {
    test.each(['float32', 'float64'] as const)('of %s has the bits of values in memory', (dtype) => {
      withWorkspace(space, () => {
        for (const columns of [1, 2, 15, 16, 17, 33, 64, 130, 1000]) {
          const x = some(columns, dtype);
          const fused = formula(x, (t) => t);
          const apart = formula(x, (t) => {
            t.dataSync();
            return t;
          });
          expect(fused.dataSync(), `${columns} columns`).toEqual(apart.dataSync());
        }
      });
    });
  });

  // The reference engine makes no code.
  if (engine === 'reference') return;
  test('the exponentials of a softmax are computed once', () => {
    withWorkspace(space, () => {
      const { code } = explain(some(64, 'float32').softmax(1));
      const l3 = String(code).split('\n\n')[0];
      // For several vectors in turn; for what is left of a row masked, or in vectors and one by one.
      expect(copies('round', l3)).toBe(engine === 'native AVX-512' ? 2 : 3);
    });
  });
});

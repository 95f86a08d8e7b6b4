/** Columns that are reduced several vectors at a time come out with the bits that they have alone. */
import { expect, test } from 'vitest';
import { fromTypedArray, type Tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

const ROWS = 37;

function some(columns: number): Tensor {
  const values = Float32Array.from({ length: ROWS * columns }, (_, i) => Math.sin(i * 1.7) * 5);
  return fromTypedArray(values, [ROWS, columns]);
}

const formulas: Record<string, (x: Tensor) => Tensor> = {
  sum: (x) => x.sum(0, { keepdim: true }),
  'a sum of two dimensions': (x) => x.reshape([1, ROWS, x.shape[1]]).sum([0, 1]),
  max: (x) => x.amax(0, { keepdim: true }),
  'two sums of one pass': (x) => x.sum(0).mul(x.square().sum(0)),
  'a variance, of two passes': (x) => x.var(0),
  softmax: (x) => x.softmax(0),
};

forEachEngine('columns reduced together', (space) => {
  test.each(Object.entries(formulas))('%s', (_, formula) => {
    withWorkspace(space, () => {
      for (const columns of [3, 31, 64, 130, 300]) {
        const x = some(columns);
        const together = formula(x);
        const rows = together.ndim === 2 ? together.shape[0] : 1;
        const all = together.dataSync();
        for (let c = 0; c + 2 <= columns; c += 29) {
          // Of a single column the elements are neighbours, as those of a row are.
          const alone = formula(x.narrow(1, c, 2).contiguous().keep()).dataSync();
          for (let r = 0; r < rows; r++)
            expect(all[r * columns + c], `${columns} columns, at ${r}, ${c}`).toBe(alone[2 * r]);
        }
      }
    });
  });
});

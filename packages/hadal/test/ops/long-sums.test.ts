/** Sums of very many numbers go in blocks of blocks, along rows, down columns, and where a row has no vectors. */
import { expect, test } from 'vitest';
import { full } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

forEachEngine('sums of very many numbers', (space) => {
  const count = 1 << 21;
  const exact = count * Math.fround(0.1);
  const error = (sum: number | bigint): number => Math.abs(Number(sum) - exact) / exact;

  test.each<[string, () => ArrayLike<number | bigint>]>([
    [
      'of all rows of a matrix',
      () =>
        full([count >> 11, 1 << 11], 0.1)
          .sum()
          .dataSync(),
    ],
    [
      'of all numbers of images',
      () =>
        full([count >> 12, 4, 32, 32], 0.1)
          .sum()
          .dataSync(),
    ],
    ['along a row', () => full([count], 0.1).sum().dataSync()],
    ['down a column', () => full([count, 2], 0.1).sum(0).dataSync()],
    ['along the row of a transposed matrix', () => full([count, 2], 0.1).t().sum(1).dataSync()],
  ])('%s keep their digits', (_, sums) => {
    withWorkspace(space, () => {
      for (const sum of Array.from(sums(), Number)) expect(error(sum)).toBeLessThan(5e-6);
    });
  });
});

/** Products whose register tiles have another shape give the same bits as the usual ones. */
import { expect, it } from 'vitest';
import { fromTypedArray } from '../../src/index.js';
import { tileShape } from '../../src/kernel/gemm/tile-shapes.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

const N = 401;

it('rows that fill no tile of twelve choose another', () => {
  const shapeOf = (m: number, n: number): string => tileShape({ batch: [2], m, n });
  expect([1, 3, 4, 5, 12, 16, 32, 64, 128, 512].map((m) => shapeOf(m, N))).toEqual([
    'few',
    'few',
    'few',
    'wide',
    'usual',
    'wide',
    'wide',
    'wide',
    'usual',
    'usual',
  ]);
  expect([1, 64].map((m) => shapeOf(m, 49))).toEqual(['usual', 'usual']);
  expect(tileShape({ batch: [], m: 64, n: N })).toBe('usual');
});

forEachEngine('tiles of other shapes', (workspace) => {
  it.each([300, 700])('give the same bits, k = %d', (k) => {
    withWorkspace(workspace, () => {
      const numbers = (n: number, seed: number): Float32Array =>
        Float32Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i * 1.7 + seed)));
      const a = numbers(72 * k, 1);
      const b = fromTypedArray(numbers(k * N, 2), [1, k, N]);
      const first = (rows: number): number[] => {
        const rowsOfA = fromTypedArray(a.slice(0, rows * k), [1, rows, k]);
        return [...(rowsOfA.matmul(b).dataSync() as Float32Array)];
      };
      const whole = first(72);
      // A single row deeper than a block is no matter of tiles: it is one chain (see lower-small-gemm.ts).
      const fewest = k <= 512 ? [1, 3] : [3];
      for (const rows of [...fewest, 4, 5, 16, 31, 64]) expect(first(rows)).toEqual(whole.slice(0, rows * N));
    });
  });
});

/**
 * A sum begins with 0 and never is -0, whichever kernel adds it up; PyTorch 2 gives the same. A largest or least value that is 0 has no
 * sign either: which of 0 and -0 wins would hang on the order of comparisons.
 */
import { expect, test } from 'vitest';
import { functional as F, fromTypedArray, full, type Tensor } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';

function zeros(count: number): number[] {
  return new Array<number>(count).fill(0);
}

/** Whether each element is 0, and its sign. */
function expectZeros(t: Tensor): void {
  expect(Array.from(t.dataSync(), Number)).toEqual(zeros(t.numel()));
}

const dtypes = ['float32', 'float64', 'float16', 'bfloat16'] as const;

onEveryEngine('sums of -0', ({ run }) => {
  for (const dtype of dtypes) {
    const filled = (shape: readonly number[], x: number): Tensor =>
      fromTypedArray(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(x), shape).to(dtype);

    test(`products of matrices of ${dtype}`, () =>
      run(() => {
        for (const depth of [1, 2, 5, 64, 300])
          for (const [rows, columns] of [
            [1, 1],
            [1, 7],
            [3, 1],
            [2, 70],
            [5, 6],
            [40, 40],
          ])
            expectZeros(filled([rows, depth], 0).matmul(filled([depth, columns], -1.5)));
      }));

    test(`convolutions of ${dtype}`, () =>
      run(() => {
        for (const [channels, features, groups] of [
          [1, 1, 1],
          [1, 3, 1],
          [4, 4, 4],
          [4, 8, 4],
          [6, 6, 2],
          [8, 16, 1],
        ])
          for (const k of [1, 2, 3]) {
            const [x, w] = [filled([2, channels, 9], 0), filled([features, channels / groups, k], -2)];
            expectZeros(F.conv1d(x, w, null, { groups }));
            const image = filled([2, channels, 9, 8], 0);
            expectZeros(F.conv2d(image, filled([features, channels / groups, k, k], -2), null, { groups }));
            const turned = filled([channels, features / groups, k], -2);
            expectZeros(F.convTranspose1d(x, turned, null, { groups, stride: 2, padding: k - 1 }));
          }
      }));

    test(`sums and running sums of ${dtype}`, () =>
      run(() => {
        for (const shape of [[1], [1, 1], [1, 6], [6, 1], [3, 40], [40, 3], [1, 700]]) {
          const x = filled(shape, -0);
          expectZeros(x.sum());
          for (const d of shape.keys()) expectZeros(x.sum(d));
        }
      }));
  }

  test('extremes of 0 and -0', () =>
    run(() => {
      for (const rows of [
        [-0, -0, -0],
        [0, -0, -0],
        [-0, -0, 0],
      ])
        for (const dtype of dtypes) {
          const x = fromTypedArray(Float32Array.from([...rows, ...rows]), [2, 3]).to(dtype);
          for (const d of [0, 1]) {
            expectZeros(x.amax(d));
            expectZeros(x.amin(d));
          }
          expectZeros(x.amax());
        }
    }));

  test('gradients of depthwise kernels', () =>
    run(() => {
      const x = full([2, 3, 6, 6], 0);
      const w = full([3, 1, 3, 3], -1).requiresGrad_();
      F.conv2d(x, w, null, { groups: 3 }).mul(-1).sum().backward();
      if (w.grad === null) throw new Error('no gradient');
      expectZeros(w.grad);
    }));
});

import { describe, expect, it } from 'vitest';
import { ArgumentError, DTypeError, ShapeError } from '../../src/base/errors.js';
import { functional as F, fromTypedArray, nn, randn, type Tensor, zeros } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

/** Values of PyTorch are in the fixtures of convolutions; here is what they cannot say. */
describe('gradients of convolutions by themselves', () => {
  const cases = [
    { rank: 1, x: [3, 4, 11], w: [6, 2, 3], options: { stride: 2, padding: 1, groups: 2 } },
    { rank: 2, x: [2, 3, 9, 70], w: [4, 3, 3, 2], options: { dilation: 2, padding: 'valid' } },
    { rank: 2, x: [2, 6, 8, 8], w: [6, 1, 3, 3], options: { padding: 'same', groups: 6 } },
    { rank: 2, x: [5, 9, 9], w: [3, 5, 1, 1], options: { stride: 2 } },
    { rank: 3, x: [1, 2, 5, 6, 7], w: [3, 2, 2, 2, 2], options: { padding: [0, 1, 0] } },
  ] as const;
  const convolutions = [F.conv1d, F.conv2d, F.conv3d];
  const ofInput = [nn.grad.conv1dInput, nn.grad.conv2dInput, nn.grad.conv3dInput];
  const ofWeight = [nn.grad.conv1dWeight, nn.grad.conv2dWeight, nn.grad.conv3dWeight];

  it.each(cases)('are those of backward: $x, $w', ({ rank, x: xSize, w: wSize, options }) => {
    const x = randn(xSize, { requiresGrad: true });
    const w = randn(wSize, { requiresGrad: true });
    const y = convolutions[rank - 1](x, w, null, options);
    const dy = randn(y.shape);
    y.backward(dy);
    const at = rank - 1;
    const same = (found: Tensor, wanted: Tensor | null): void => {
      expect(found.shape).toEqual(wanted?.shape);
      expect(found.tolistSync()).toEqual(wanted?.tolistSync());
    };
    same(ofInput[at](xSize, w.detach(), dy, options), x.grad);
    same(ofWeight[at](x.detach(), wSize, dy, options), w.grad);
  });

  it('know nothing of the rest that a stride leaves', () => {
    const [w, dy] = [randn([2, 3, 3, 3]), randn([1, 2, 4, 4])];
    const [small, large] = [9, 10].map((side) =>
      nn.grad.conv2dInput([1, 3, side, side], w, dy, { stride: 2 }),
    );
    expect(large.narrow(2, 0, 9).narrow(3, 0, 9).tolistSync()).toEqual(small.tolistSync());
    expect(large.narrow(2, 9, 1).eq(0).all().itemSync()).toBe(true);
  });

  it('are zeros of an empty batch', () => {
    const dw = nn.grad.conv2dWeight(zeros([0, 2, 5, 5]), [3, 2, 3, 3], zeros([0, 3, 3, 3]));
    expect(dw.tolistSync()).toEqual(zeros([3, 2, 3, 3]).tolistSync());
    expect(nn.grad.conv2dInput([0, 2, 5, 5], zeros([3, 2, 3, 3]), zeros([0, 3, 3, 3])).shape).toEqual([
      0, 2, 5, 5,
    ]);
  });

  const [w, dy] = [zeros([3, 2, 3, 3]), zeros([1, 3, 3, 3])];
  it.each<[string, new (...of: never[]) => Error, RegExp, () => Tensor]>([
    [
      'a gradient of another size',
      ShapeError,
      /gives \[1, 3, 4, 3\].*got \[1, 3, 3, 3\]/,
      () => nn.grad.conv2dInput([1, 2, 6, 5], w, dy),
    ],
    ['other channels', ShapeError, /wants 2 channels/, () => nn.grad.conv2dInput([1, 4, 5, 5], w, dy)],
    ['a size that is none', ArgumentError, /inputSize/, () => nn.grad.conv2dInput([1, 2, 5.5, -5], w, dy)],
    [
      'a number for sizes',
      ArgumentError,
      /weightSize/,
      () =>
        // @ts-expect-error what JavaScript may give
        nn.grad.conv2dWeight(zeros([1, 2, 5, 5]), 3, dy),
    ],
    [
      'no tensor',
      ArgumentError,
      /gradient of the result/,
      () =>
        // @ts-expect-error what JavaScript may give
        nn.grad.conv2dInput([1, 2, 5, 5], w, [1]),
    ],
    ['integers', DTypeError, /float/, () => nn.grad.conv2dInput([1, 2, 5, 5], w.to('int64'), dy.to('int64'))],
    ['two dtypes', DTypeError, /float64/, () => nn.grad.conv2dInput([1, 2, 5, 5], w, dy.to('float64'))],
    ['groups of 0', ArgumentError, /groups/, () => nn.grad.conv2dInput([1, 2, 5, 5], w, dy, { groups: 0 })],
    [
      'a window beyond the input',
      ShapeError,
      /does not fit/,
      () => nn.grad.conv2dWeight(zeros([1, 2, 2, 2]), [3, 2, 3, 3], dy),
    ],
    [
      'an empty kernel',
      ShapeError,
      /empty/,
      () => nn.grad.conv2dWeight(zeros([1, 2, 5, 5]), [3, 2, 0, 3], dy),
    ],
  ])('refuse %s', (_, error, message, make) => {
    expect(make).toThrow(error);
    expect(make).toThrow(message);
  });
});

forEachEngine('gradients of kernels of one element', (workspace) => {
  it.each([1, 3])('are sums over %d samples of products of matrices', (samples) => {
    withWorkspace(workspace, () => {
      // Whole numbers: sums are exact in any order.
      const whole = (shape: readonly number[], seed: number): Tensor => {
        const n = shape.reduce((p, q) => p * q, 1);
        return fromTypedArray(
          Float32Array.from({ length: n }, (_, i) => ((i * 7 + seed) % 13) - 6),
          shape,
        );
      };
      const x = whole([samples, 5, 9, 8], 1);
      const dy = whole([samples, 40, 9, 8], 2);
      const [left, right] = [dy.reshape([samples, 40, 72]), x.reshape([samples, 5, 72])];
      const wanted = left.matmul(right.transpose(1, 2)).sum(0).reshape([40, 5, 1, 1]);
      expect(nn.grad.conv2dWeight(x, [40, 5, 1, 1], dy).tolistSync()).toEqual(wanted.tolistSync());
    });
  });
});

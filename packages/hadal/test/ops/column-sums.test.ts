/** Sums down columns of what a kernel walks by rows are taken there, with the bits that they have alone. */
import { expect, test } from 'vitest';
import { explain, functional as F, fromTypedArray, type Tensor } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';

function some(seed: number, ...shape: number[]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: size }, (_, i) => Math.sin((i + seed) * 1.7) * 5);
  return fromTypedArray(values, shape);
}

/** Gradients of a layer norm's weight, bias and input. */
function gradients(shape: readonly number[]): Tensor[] {
  const columns = shape[shape.length - 1];
  const [x, dy] = [some(1, ...shape), some(2, ...shape)];
  const [weight, bias] = [some(3, columns).requiresGrad_(), some(4, columns).requiresGrad_()];
  const leaf = x.detach().requiresGrad_();
  F.layerNorm(leaf, [columns], { weight, bias }).backward(dy);
  return [weight.grad, bias.grad, leaf.grad].flatMap((t) => (t === null ? [] : [t]));
}

/** The first two of them as sums of what lies in memory. */
function sumsApart(shape: readonly number[]): Tensor[] {
  const over = shape.slice(0, -1).map((_, d) => d);
  const [x, dy] = [some(1, ...shape), some(2, ...shape)];
  const product = dy.mul(F.layerNorm(x, shape.slice(-1))).keep();
  product.dataSync();
  return [product.sum(over), dy.sum(over)];
}

onEveryEngine('sums down columns beside rows', ({ name, run }) => {
  test.each([
    [[256, 300]],
    [[1024, 65]],
    [[4, 128, 160]],
    [[3, 256, 130]],
    [[2, 1, 384, 100]],
    // Not in whole blocks of rows, and too small to be cut.
    [[200, 400]],
    [[128, 20]],
  ])('%j', (shape) =>
    run(() => {
      const together = gradients(shape);
      expect(together).toHaveLength(3);
      sumsApart(shape).forEach((t, i) => {
        expect(together[i].dataSync()).toEqual(t.dataSync());
      });
    }),
  );

  test('one kernel walks the rows, another the sums of blocks', () =>
    run(() => {
      const { length } = explain(...gradients([512, 200])).kernels;
      // The reference engine cuts nothing.
      if (name === 'reference') expect(length).toBeGreaterThan(0);
      else expect(length).toBe(2);
    }));

  test('NaN and infinity reach their column alone', () =>
    run(() => {
      const dy = some(2, 256, 300).detach();
      const values = Float32Array.from(dy.dataSync() as Float32Array);
      values[130 * 300 + 7] = Number.NaN;
      values[5 * 300 + 9] = Number.POSITIVE_INFINITY;
      const bias = some(4, 300).requiresGrad_();
      const weight = some(3, 300).requiresGrad_();
      F.layerNorm(some(1, 256, 300), [300], { weight, bias }).backward(fromTypedArray(values, [256, 300]));
      const sums = bias.grad?.dataSync() ?? [];
      expect(sums[7]).toBeNaN();
      expect(sums[9]).toBe(Number.POSITIVE_INFINITY);
      expect([...sums].filter((v) => !Number.isFinite(v))).toHaveLength(2);
    }));
});

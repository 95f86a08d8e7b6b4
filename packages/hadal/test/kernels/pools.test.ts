/** Pools with windows of every kind: large, overlapping, apart, over the edge; values and gradients, the same on all engines. */
import { describe, expect, test } from 'vitest';
import { autograd, explain, functional as F, fromTypedArray, type Tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { elements, finite, sameOnAllEngines } from './agree.js';

const pools: { readonly [name: string]: (x: Tensor) => Tensor } = {
  'max, side by side': (x) => F.maxPool2d(x, 2),
  'max, overlapping': (x) => F.maxPool2d(x, 3, { stride: 2, padding: 1 }),
  'max, step by step': (x) => F.maxPool2d(x, 5, { stride: 1, padding: 2 }),
  'max, dilated': (x) => F.maxPool2d(x, [2, 3], { stride: [1, 2], dilation: [2, 1] }),
  'max, large': (x) => F.maxPool2d(x, 6),
  'max, large and overlapping': (x) => F.maxPool2d(x, [7, 6], { stride: [2, 1], padding: [3, 2] }),
  'max, of everything': (x) => F.maxPool2d(x, [13, 17]),
  'max, over the edge': (x) => F.maxPool2d(x, 3, { stride: 3, ceilMode: true }),
  'max, adaptive': (x) => F.adaptiveMaxPool2d(x, [3, 5]),
  'mean, side by side': (x) => F.avgPool2d(x, 2),
  'mean, overlapping': (x) => F.avgPool2d(x, 3, { stride: 2, padding: 1 }),
  'mean, step by step': (x) => F.avgPool2d(x, [4, 6], { stride: 1 }),
  'mean, apart': (x) => F.avgPool2d(x, 2, { stride: [3, 4] }),
  'mean, large': (x) => F.avgPool2d(x, [6, 8], { stride: [3, 2] }),
  'mean, larger than what is unrolled along a dimension': (x) =>
    F.avgPool1d(x.reshape([2, 3, 221]), 60, { stride: 7 }),
  'mean, over the edge': (x) =>
    F.avgPool2d(x, 4, { stride: 3, ceilMode: true, countIncludePad: false, padding: 1 }),
};

/** Whose way back is a convolution; results are below 1, rounded a few times. */
const convolved = 'mean, overlapping';

describe('pools', () => {
  for (const [name, pool] of Object.entries(pools)) {
    const make = (): readonly Tensor[] => {
      const x = finite('float32', [2, 3, 13, 17]).requiresGrad_();
      const y = pool(x);
      const weights = finite('float32', y.shape, 4);
      const [g] = autograd.grad([y], [x], { gradOutputs: [weights.requiresGrad_()], createGraph: true });
      return [y, g, ...autograd.grad(g.mul(finite('float32', x.shape, 9)).sum(), weights)];
    };
    sameOnAllEngines(name, make, name === convolved ? 1e-6 : 0);
  }

  sameOnAllEngines('of NaN, infinities, and other dtypes', () => [
    F.maxPool2d(elements('float32', [1, 2, 12, 12]), 6, { stride: 3 }),
    F.maxPool2d(elements('float32', [1, 2, 12, 12]), 3, { stride: 1 }),
    F.maxPool2d(elements('int64', [1, 2, 12, 12]), 7),
    F.maxPool2d(elements('float16', [1, 2, 12, 12]), 2),
    F.avgPool2d(finite('float64', [1, 2, 12, 12]), 6),
    F.avgPool2d(finite('float16', [1, 2, 12, 12]), 2),
    F.maxPool2d(elements('float32', [0, 2, 12, 12]), 7),
  ]);
});

forEachEngine('large windows', (space) => {
  test('take a few kernels, however large they are', () =>
    withWorkspace(space, () => {
      const x = fromTypedArray(new Float32Array(64 * 64), [1, 1, 64, 64]).requiresGrad_();
      const y = F.maxPool2d(x, 32)
        .sum()
        .add(F.avgPool2d(x, 32, { stride: 16 }).sum());
      const [g] = autograd.grad(y, x);
      const shown = explain(y, g);
      expect(shown.kernels.length).toBeLessThan(16);
      expect(shown.graph.length).toBeLessThan(20_000);
    }));
});

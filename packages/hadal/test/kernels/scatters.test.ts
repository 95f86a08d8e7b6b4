/** Scatters: every dtype and dimension, duplicates in order, indices out of range, and what is fused into them. */
import { describe, expect, test } from 'vitest';
import {
  explain,
  functional as F,
  fromTypedArray,
  IndexError,
  slice,
  type Tensor,
  zeros,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { dtypes } from '../support/dtypes.js';
import { forEachEngine } from '../support/engines.js';
import { elements, finite, sameOnAllEngines } from './agree.js';

/** Positions below `size`, with repetitions. */
function positions(shape: readonly number[], size: number, seed = 3): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  let state = seed;
  const data = BigInt64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return BigInt((state >>> 8) % size);
  });
  return fromTypedArray(data, [...shape]);
}

describe('scatters', () => {
  for (const dtype of dtypes) {
    sameOnAllEngines(`${dtype}`, () => {
      const x = elements(dtype, [6, 9]);
      const source = elements(dtype, [20, 9], 5);
      const at = positions([20, 9], 6);
      const along = positions([6, 30], 9);
      return [
        x.scatter(0, at, source),
        x.scatter(1, along, elements(dtype, [6, 30], 8)),
        x.indexCopy(0, positions([4], 6), elements(dtype, [4, 9], 2)),
      ];
    });
    sameOnAllEngines(`sums of ${dtype}`, () => {
      const x = finite(dtype, [6, 37]);
      return [
        x.scatterAdd(0, positions([20, 37], 6), finite(dtype, [20, 37], 5)),
        x.scatterAdd(1, positions([6, 50], 37), finite(dtype, [6, 50], 5)),
        x.indexAdd(0, positions([25], 6), finite(dtype, [25, 37], 6)),
        x.indexAdd(1, positions([64], 37), finite(dtype, [6, 64], 7)),
        finite(dtype, [2, 5, 3]).indexAdd(1, positions([40], 5), finite(dtype, [2, 40, 3], 7)),
      ];
    });
  }

  sameOnAllEngines('sizes 0 and 1', () => [
    zeros([3, 4]).scatterAdd(0, positions([0, 4], 3), zeros([0, 4])),
    zeros([3, 0]).indexAdd(0, positions([20], 3), zeros([20, 0])),
    finite('float32', [1, 1]).scatterAdd(0, positions([12, 1], 1), finite('float32', [12, 1])),
    finite('float32', [1]).scatter(0, positions([1], 1), finite('float32', [1], 9)),
  ]);

  sameOnAllEngines('an index smaller than what is written into', () => [
    finite('float32', [5, 7, 4]).scatterAdd(1, positions([3, 20, 2], 7), finite('float32', [4, 30, 2])),
    finite('float32', [5, 7, 4]).scatter(2, positions([3, 7, 9], 4), finite('float32', [4, 7, 9])),
  ]);

  sameOnAllEngines('views, and expressions that are read', () => {
    const x = finite('float32', [30, 12]);
    const y = finite('float32', [12, 30], 4);
    const at = positions([12, 30], 30).t();
    return [
      x.scatterAdd(0, at, y.t().mul(x).relu()),
      x.t().scatter(0, at.t().remainder(12), y.mul(2)),
      x.flip([0]).indexAdd(0, positions([15], 15).mul(2), y.t().index(slice(0, 15))),
    ];
  });

  sameOnAllEngines('in place, also from the tensor itself', () => {
    const x = finite('float32', [40, 6]);
    x.dataSync();
    x.scatter_(0, positions([40, 6], 40), x.mul(2));
    x.dataSync();
    x.indexAdd_(0, positions([40], 40), x.flip([0]));
    return [x];
  });

  sameOnAllEngines('gradients of lookups', () => {
    const table = finite('float32', [50, 24]).requiresGrad_();
    const words = positions([4, 40], 50);
    F.embedding(words, table)
      .mul(finite('float32', [4, 40, 24], 6))
      .square()
      .sum()
      .backward();
    const x = finite('float32', [9, 90]).requiresGrad_();
    x.gather(1, positions([9, 30], 90))
      .square()
      .sum()
      .backward();
    return [table, x].map((t) => t.grad ?? zeros([1]));
  });
});

forEachEngine('scattering', (space) => {
  test('a step of an embedding model runs as kernels', () =>
    withWorkspace(space, () => {
      const table = finite('float32', [50, 24]).requiresGrad_();
      const loss = F.crossEntropy(F.embedding(positions([64], 50), table), positions([64], 24));
      loss.backward();
      const shown = explain(loss, table.grad ?? loss);
      expect(shown.plan).not.toMatch(/^ *host /m);
      expect(shown.kernels.some((k) => k.name.startsWith('scatter_indexAdd'))).toBe(true);
    }));

  test('positions out of range are errors, and nothing is written', () =>
    withWorkspace(space, () => {
      for (const wrong of [9n, -1n]) {
        const at = fromTypedArray(BigInt64Array.of(0n, 3n, 1n, wrong, 2n, 0n, 1n, 2n, 3n, 4n), [10]);
        expect(() =>
          zeros([9])
            .scatterAdd(0, at, zeros([10]))
            .dataSync(),
        ).toThrow(IndexError);
        expect(() =>
          zeros([9, 2])
            .indexAdd(0, at, zeros([10, 2]))
            .dataSync(),
        ).toThrow(IndexError);
        expect(() =>
          zeros([9])
            .scatter(0, at, zeros([10]))
            .dataSync(),
        ).toThrow(IndexError);
      }
      const none = fromTypedArray(BigInt64Array.of(0n), [1]);
      expect(() =>
        zeros([0])
          .scatterAdd(0, none.expand([20]), zeros([20]))
          .dataSync(),
      ).toThrow(IndexError);
    }));
});

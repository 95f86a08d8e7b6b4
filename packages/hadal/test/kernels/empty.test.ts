/** Scatters, sorts, running sums and their gradients where there is nothing, or nothing to do. */
import { expect, test } from 'vitest';
import { functional as F, IndexError, ones, type Tensor, tensor, zeros } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';

const index = (...shape: number[]): Tensor => zeros(shape, { dtype: 'int64' });

function gradient(shape: readonly number[], of: (x: Tensor) => Tensor): unknown {
  const x = ones(shape).requiresGrad_();
  of(x).sum().backward();
  return x.grad?.tolistSync();
}

const cases: Record<string, readonly [give: () => unknown, expected: unknown]> = {
  'the gradient of sorting nothing': [() => gradient([0], (x) => x.sort().values), []],
  'the gradient of no largest elements': [() => gradient([2, 0], (x) => x.topk(0).values), [[], []]],
  'the gradient of a running sum of nothing': [() => gradient([0], (x) => x.cumsum(0)), []],
  'scatterAdd of nothing': [
    () =>
      ones([3])
        .scatterAdd(0, index(0), zeros([0]))
        .tolistSync(),
    [1, 1, 1],
  ],
  'scatterAdd into nothing': [
    () =>
      ones([0, 3])
        .scatterAdd(0, index(0, 3), zeros([0, 3]))
        .tolistSync(),
    [],
  ],
  'scatter of nothing': [
    () =>
      ones([3])
        .scatter(0, index(0), zeros([0]))
        .tolistSync(),
    [1, 1, 1],
  ],
  'scatter into nothing': [
    () =>
      ones([2, 0])
        .scatter(1, index(2, 0), zeros([2, 0]))
        .tolistSync(),
    [[], []],
  ],
  'indexAdd of nothing': [
    () =>
      ones([2, 2])
        .indexAdd(0, index(0), zeros([0, 2]))
        .tolistSync(),
    [
      [1, 1],
      [1, 1],
    ],
  ],
  'indexAdd of empty rows': [
    () =>
      ones([2, 0])
        .indexAdd(0, tensor([0n, 1n]), zeros([2, 0]))
        .tolistSync(),
    [[], []],
  ],
  'the gradient of looking nothing up': [() => gradient([2, 1], (x) => F.embedding(index(0), x)), [[0], [0]]],
  'the gradient of gathering nothing': [() => gradient([2, 1], (x) => x.gather(0, index(0, 1))), [[0], [0]]],
};

onEveryEngine('nothing', ({ run }) => {
  test.each(Object.entries(cases))('%s', (_, [give, expected]) =>
    run(() => {
      expect(give()).toEqual(expected);
    }),
  );

  test('has no position', () =>
    run(() => {
      expect(() =>
        zeros([0])
          .scatterAdd(0, index(1), ones([1]))
          .tolistSync(),
      ).toThrow(IndexError);
      expect(() =>
        zeros([0, 2])
          .indexAdd(0, index(1), ones([1, 2]))
          .tolistSync(),
      ).toThrow(IndexError);
    }));
});

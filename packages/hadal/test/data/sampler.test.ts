import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentError } from '../../src/base/errors.js';
import {
  BatchSampler,
  DataLoader,
  RandomSampler,
  type Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  TensorDataset,
  WeightedRandomSampler,
} from '../../src/data/index.js';
import { fromTypedArray, type Tensor } from '../../src/tensor/index.js';

const sorted = (indices: ArrayLike<number>) => Array.from(indices).sort((a, b) => a - b);
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

const samplers: [string, Sampler][] = [
  ['SequentialSampler', new SequentialSampler(50)],
  ['RandomSampler', new RandomSampler(50, { seed: 3 })],
  ['RandomSampler with replacement', new RandomSampler(50, { replacement: true, numSamples: 200, seed: 3 })],
  ['WeightedRandomSampler', new WeightedRandomSampler(upTo(50), 80, { seed: 3 })],
  [
    'WeightedRandomSampler without replacement',
    new WeightedRandomSampler(upTo(50), 40, { replacement: false }),
  ],
  ['SubsetRandomSampler', new SubsetRandomSampler([4, 8, 15, 16, 23, 42], { seed: 3 })],
];

describe.each(samplers)('%s', (name, sampler) => {
  test('gives as many indices as its length says, the same for the same epoch', () => {
    for (const epoch of [0, 1, 7]) {
      const indices = Array.from(sampler.indices(epoch));
      expect(indices).toHaveLength(sampler.length);
      expect(Array.from(sampler.indices(epoch))).toEqual(indices);
    }
  });

  test('has an order of its own in each epoch', () => {
    const orders = new Set([0, 1, 2, 3].map((epoch) => Array.from(sampler.indices(epoch)).join()));
    expect(orders.size).toBe(name === 'SequentialSampler' ? 1 : 4);
  });
});

describe('samplers', () => {
  test('sequential and random ones have each sample once', () => {
    expect(Array.from(new SequentialSampler(5).indices())).toEqual([0, 1, 2, 3, 4]);
    expect(sorted(new RandomSampler(100).indices(2))).toEqual(upTo(100));
    expect(new Set(new RandomSampler(100, { numSamples: 30 }).indices(2)).size).toBe(30);
    expect(sorted(new SubsetRandomSampler([9, 3, 7]).indices(0))).toEqual([3, 7, 9]);
  });

  test('a random sampler gives the order of a shuffled loader', () => {
    const data = new TensorDataset(fromTypedArray(Int32Array.from(upTo(20)), [20]));
    const order = (loader: DataLoader<[Tensor]>) =>
      [...loader].flatMap(([x]) => Array.from(x.dataSync(), Number));
    const one = new DataLoader(data, { batchSize: 6, shuffle: true, seed: 9 });
    const two = new DataLoader(data, { batchSize: 6, sampler: new RandomSampler(data, { seed: 9 }) });
    for (let epoch = 0; epoch < 2; epoch++) expect(order(one)).toEqual(order(two));
  });

  test('with replacement each sample is as likely', () => {
    const counts = new Array<number>(10).fill(0);
    for (const i of new RandomSampler(10, { replacement: true, numSamples: 100_000 }).indices(0)) counts[i]++;
    // 6 standard deviations of a binomial count with n = 1e5, p = 0.1.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(6 * Math.sqrt(9000));
  });

  test('weights are met, and zero is never drawn', () => {
    const weights = [0, 1, 0, 2, 3, 0, 4];
    const counts = new Array<number>(7).fill(0);
    for (const i of new WeightedRandomSampler(weights, 100_000).indices(0)) counts[i]++;
    weights.forEach((weight, i) => {
      const p = weight / 10;
      expect(Math.abs(counts[i] - 1e5 * p)).toBeLessThanOrEqual(6 * Math.sqrt(1e5 * p * (1 - p)));
    });
  });

  test('without replacement the first draw has the weights and no sample comes twice', () => {
    const first = new Array<number>(3).fill(0);
    for (let epoch = 0; epoch < 20_000; epoch++) {
      const drawn = new WeightedRandomSampler([1, 2, 5], 3, { replacement: false }).indices(epoch);
      expect(sorted(drawn)).toEqual([0, 1, 2]);
      first[drawn[0]]++;
    }
    [1, 2, 5].forEach((weight, i) => {
      const p = weight / 8;
      expect(Math.abs(first[i] - 2e4 * p)).toBeLessThan(6 * Math.sqrt(2e4 * p * (1 - p)));
    });
  });

  test('no weight of zero is drawn, whatever the others are', () => {
    const weight = fc.oneof(
      fc.constant(0),
      fc.double({ min: 0, max: 1e300, noNaN: true }),
      fc.constant(5e-324),
    );
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 40 }), fc.nat(1000), (weights, seed) => {
        const positive = weights.filter((w) => w > 0).length;
        fc.pre(positive > 0);
        const all = new WeightedRandomSampler(weights, positive, { replacement: false, seed }).indices(0);
        expect(new Set(all).size).toBe(positive);
        for (const i of all) expect(weights[i]).toBeGreaterThan(0);
      }),
    );
  });

  test('batches keep a last, smaller one or not', () => {
    const sizes = (dropLast: boolean) =>
      Array.from(new BatchSampler(new SequentialSampler(7), 3, { dropLast }).batches(0), (b) =>
        Array.from(b),
      );
    expect(sizes(false)).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    expect(sizes(true)).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
  });

  test.each<[string, () => unknown, string]>([
    ['no samples', () => new SequentialSampler(0), 'the number of samples must be an integer from 1'],
    [
      'more than there are',
      () => new RandomSampler(5, { numSamples: 6 }),
      'numSamples must be an integer from 1 to 5, got 6',
    ],
    [
      'a negative weight',
      () => new WeightedRandomSampler([1, -1], 1),
      'finite and not negative, got -1 at index 1',
    ],
    ['weights of zero', () => new WeightedRandomSampler([0, 0], 1), 'all weights are zero'],
    [
      'infinite weights',
      () => new WeightedRandomSampler([1, Number.POSITIVE_INFINITY], 1),
      'got Infinity at index 1',
    ],
    [
      'weights that are too few',
      () => new WeightedRandomSampler([0, 1], 2, { replacement: false }),
      'from 1 to 1, got 2',
    ],
    ['an index of 1.5', () => new SubsetRandomSampler([1.5]), 'index 1.5 (number 0)'],
    [
      'a batch size of 0',
      () => new BatchSampler(new SequentialSampler(3), 0),
      'batchSize must be an integer',
    ],
    ['a seed of -1', () => new RandomSampler(3, { seed: -1 }), 'seed must be an integer from 0'],
  ])('refuse %s', (_, make, message) => {
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(message);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentError, IndexError } from '../../src/base/errors.js';
import {
  type AsyncDataset,
  ConcatDataset,
  DataLoader,
  type Dataset,
  mapDataset,
  randomSplit,
  Subset,
  TensorDataset,
} from '../../src/data/index.js';
import { fromTypedArray, type Tensor } from '../../src/tensor/index.js';

function numbers(from: number, count: number): TensorDataset<[Tensor]> {
  return new TensorDataset(
    fromTypedArray(
      Int32Array.from({ length: count }, (_, i) => from + i),
      [count],
    ),
  );
}

/** The same, one sample at a time. */
function listed(from: number, count: number): Dataset<number> {
  return { length: count, get: (i) => from + i };
}

const read = (data: Dataset<[Tensor]>, batchSize = 3) =>
  [...new DataLoader(data, { batchSize })].flatMap(([x]) => Array.from(x.dataSync(), Number));

describe('Subset', () => {
  test('gives the samples of its indices, one by one and in batches', () => {
    const part = new Subset(numbers(0, 10), [7, 1, 1, 4]);
    expect([part.length, part.get(0)[0].itemSync()]).toEqual([4, 7]);
    expect(read(part)).toEqual([7, 1, 1, 4]);
    expect(new Subset(listed(5, 10), [2, 3]).get(1)).toBe(8);
    expect(new Subset(listed(5, 10), [2, 3]).getBatch).toBeUndefined();
  });

  test('refuses indices of others', () => {
    expect(() => new Subset(listed(0, 3), [0, 3])).toThrow(ArgumentError);
    expect(() => new Subset(listed(0, 3), [0, 3])).toThrow('index 3 (number 1)');
    expect(() => new Subset(listed(0, 3), [0]).get(1)).toThrow(IndexError);
  });
});

describe('randomSplit', () => {
  test('gives parts that have no sample in common and leave none out', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }), fc.nat(99), (lengths, seed) => {
        const total = lengths.reduce((a, b) => a + b, 0);
        const parts = randomSplit(listed(0, total), lengths, { seed });
        expect(parts.map((part) => part.length)).toEqual(lengths);
        const all = parts.flatMap((part) => Array.from(part.indices)).sort((a, b) => a - b);
        expect(all).toEqual(Array.from({ length: total }, (_, i) => i));
      }),
    );
  });

  test('takes shares, and depends on the seed only', () => {
    const split = (seed: number) => randomSplit(listed(0, 103), [0.7, 0.2, 0.1], { seed });
    expect(split(0).map((part) => part.length)).toEqual([73, 20, 10]);
    expect(split(1).map((part) => part.indices)).toEqual(split(1).map((part) => part.indices));
    expect(split(1)[0].indices).not.toEqual(split(2)[0].indices);
  });

  test.each([[[5, 4]], [[0.5, 0.4]], [[-1, 11]], [[]], [[Number.NaN, 10]]])('refuses %j of 10', (lengths) => {
    expect(() => randomSplit(listed(0, 10), lengths)).toThrow(
      'expected numbers of samples that add up to 10',
    );
  });
});

describe('ConcatDataset', () => {
  test('is its parts one after the other', () => {
    const all = new ConcatDataset([numbers(0, 3), numbers(10, 0 + 1), numbers(20, 4)]);
    expect([all.length, all.get(3)[0].itemSync()]).toEqual([8, 10]);
    for (const size of [1, 2, 3, 8]) expect(read(all, size)).toEqual([0, 1, 2, 10, 20, 21, 22, 23]);
  });

  test('takes datasets without samples', () => {
    const all = new ConcatDataset([listed(0, 0), listed(5, 2), listed(0, 0), listed(9, 1)]);
    expect([0, 1, 2].map((i) => all.get(i))).toEqual([5, 6, 9]);
    expect(() => all.get(3)).toThrow(IndexError);
    expect(() => new ConcatDataset([])).toThrow(ArgumentError);
  });
});

describe('mapDataset', () => {
  test('changes samples when they are read', async () => {
    const squares = mapDataset(listed(3, 4), (n, i) => n * n + i / 10);
    expect([squares.length, squares.get(2)]).toEqual([4, 25.2]);
    const later: AsyncDataset<number> = mapDataset(listed(3, 4), async (n) => n + 1);
    expect(await later.get(0)).toBe(4);
    expect(await mapDataset(later, (n) => n * 2).get(0)).toBe(8);
  });
});

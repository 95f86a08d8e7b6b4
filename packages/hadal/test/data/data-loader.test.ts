import { describe, expect, test } from 'vitest';
import { ArgumentError, IndexError, ShapeError } from '../../src/base/errors.js';
import { DataLoader, type Dataset, TensorDataset } from '../../src/data/index.js';
import { fromTypedArray, type Tensor } from '../../src/tensor/index.js';

/** Samples whose image is [10 i, 10 i + 1] and whose label is i. */
function rows(count: number) {
  const x = Float32Array.from({ length: count * 2 }, (_, i) => 10 * Math.floor(i / 2) + (i % 2));
  const y = BigInt64Array.from({ length: count }, (_, i) => BigInt(i));
  return new TensorDataset(fromTypedArray(x, [count, 2]), fromTypedArray(y, [count]));
}

/** The same samples, one by one. */
function listed(count: number): Dataset<[Float32Array, bigint]> {
  return { length: count, get: (i) => [Float32Array.of(10 * i, 10 * i + 1), BigInt(i)] };
}

const values = (tensor: Tensor) => Array.from<number | bigint>(tensor.dataSync()).map(Number);

function labels(
  loader: DataLoader<readonly unknown[], [Tensor, Tensor]> | DataLoader<[Tensor, Tensor]>,
): number[][] {
  return Array.from(loader, ([, y]) => values(y));
}

describe('TensorDataset', () => {
  test('get gives the row of each tensor', () => {
    const data = rows(5);
    expect(data.length).toBe(5);
    const [x, y] = data.get(3);
    expect([x.shape, x.dtype, values(x)]).toEqual([[2], 'float32', [30, 31]]);
    expect([y.shape, y.dtype, values(y)]).toEqual([[], 'int64', [3]]);
  });

  test.each([-1, 5, 1.5, Number.NaN])('index %d is out of range', (index) => {
    expect(() => rows(5).get(index)).toThrow(IndexError);
    expect(() => rows(5).get(index)).toThrow(`index ${index} is out of range; expected an integer in [0, 5)`);
  });

  test('getBatch checks every index', () => {
    expect(() => rows(5).getBatch(Uint32Array.of(0, 5))).toThrow(IndexError);
  });

  test('tensors of different lengths, of no dimension, and none', () => {
    const a = fromTypedArray(new Float32Array(4), [4]);
    const b = fromTypedArray(new Float32Array(3), [3]);
    expect(() => new TensorDataset(a, b)).toThrow(ShapeError);
    expect(() => new TensorDataset(a, b)).toThrow('same number of rows, got 4 and 3');
    expect(() => new TensorDataset(fromTypedArray(new Float32Array(1), []))).toThrow(ShapeError);
    expect(() => new TensorDataset()).toThrow(ArgumentError);
  });
});

describe('DataLoader', () => {
  test('gives batches in order and keeps the last, smaller one', () => {
    const loader = new DataLoader(rows(5), { batchSize: 2 });
    expect(loader.length).toBe(3);
    const batches = [...loader];
    expect(batches.map(([x]) => x.shape)).toEqual([
      [2, 2],
      [2, 2],
      [1, 2],
    ]);
    expect(batches.map(([x]) => values(x))).toEqual([
      [0, 1, 10, 11],
      [20, 21, 30, 31],
      [40, 41],
    ]);
    expect(batches.map(([, y]) => values(y))).toEqual([[0, 1], [2, 3], [4]]);
    expect(batches.map(([, y]) => y.dtype)).toEqual(['int64', 'int64', 'int64']);
  });

  test('dropLast leaves the smaller batch out', () => {
    const loader = new DataLoader(rows(5), { batchSize: 2, dropLast: true });
    expect(loader.length).toBe(2);
    expect(labels(loader)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  test('a batch larger than the dataset', () => {
    expect(labels(new DataLoader(rows(3), { batchSize: 100 }))).toEqual([[0, 1, 2]]);
    expect(labels(new DataLoader(rows(3), { batchSize: 100, dropLast: true }))).toEqual([]);
  });

  test('earlier batches keep their values while later ones are made', () => {
    const [first, second] = [...new DataLoader(rows(4), { batchSize: 2 })];
    expect(values(first[1])).toEqual([0, 1]);
    expect(values(second[1])).toEqual([2, 3]);
  });

  test('shuffle: every sample once an epoch, images and labels together, another order each epoch', () => {
    const loader = new DataLoader(rows(50), { batchSize: 8, shuffle: true, seed: 3 });
    const epochs = [0, 1].map(() => [...loader]);
    const orders = epochs.map((batches) => batches.flatMap(([, y]) => values(y)));
    for (const order of orders)
      expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(orders[0]).not.toEqual(orders[1]);
    for (const [x, y] of epochs.flat())
      expect(values(x).filter((_, i) => i % 2 === 0)).toEqual(values(y).map((i) => 10 * i));
  });

  test('same seed, same orders; another seed, others; epoch resumes', () => {
    const make = (seed: number) => new DataLoader(rows(20), { batchSize: 20, shuffle: true, seed });
    const [a, b, other, resumed] = [make(1), make(1), make(2), make(1)];
    const first = [labels(a), labels(a), labels(a)];
    expect([labels(b), labels(b), labels(b)]).toEqual(first);
    expect(labels(other)).not.toEqual(first[0]);
    resumed.epoch = 2;
    expect(labels(resumed)).toEqual(first[2]);
    expect(resumed.epoch).toBe(3);
  });

  test('for await gives the same batches, and lets timers run', async () => {
    const loader = new DataLoader(listed(40));
    let timers = 0;
    const timer = setInterval(() => timers++, 1);
    const seen: number[] = [];
    for await (const [, y] of loader) {
      seen.push(...values(y));
      const until = performance.now() + 2;
      while (performance.now() < until);
    }
    clearInterval(timer);
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(timers).toBeGreaterThan(0);
  });

  test('break ends an epoch and the next loop begins a new one', () => {
    const loader = new DataLoader(rows(6), { batchSize: 2 });
    for (const [, y] of loader) {
      expect(values(y)).toEqual([0, 1]);
      break;
    }
    expect(labels(loader)).toHaveLength(3);
    expect(loader.epoch).toBe(2);
  });

  test.each<[string, object, string]>([
    ['batchSize 0', { batchSize: 0 }, 'batchSize must be an integer from 1 to 9007199254740991, got 0'],
    ['batchSize NaN', { batchSize: Number.NaN }, 'got NaN'],
    ['batchSize 1.5', { batchSize: 1.5 }, 'got 1.5'],
    ['a negative seed', { seed: -1 }, 'seed must be an integer from 0'],
  ])('refuses %s', (_, options, message) => {
    expect(() => new DataLoader(rows(3), options)).toThrow(ArgumentError);
    expect(() => new DataLoader(rows(3), options)).toThrow(message);
  });

  test('refuses an empty dataset', () => {
    expect(() => new DataLoader(listed(0))).toThrow(ArgumentError);
    expect(() => new DataLoader(listed(0))).toThrow('the dataset is empty');
  });
});

describe('DataLoader over single samples', () => {
  test('collates typed arrays and bigints as getBatch would', () => {
    const one = [...new DataLoader(listed(5), { batchSize: 2, shuffle: true })];
    const fast = [...new DataLoader(rows(5), { batchSize: 2, shuffle: true })];
    const flat = (batches: [Tensor, Tensor][]) =>
      batches.map((batch) => batch.map((t) => [t.shape, t.dtype, values(t)]));
    expect(flat(one)).toEqual(flat(fast));
  });

  test.each<[string, unknown, string, number[], number[]]>([
    ['a number', 2.5, 'float32', [2], [2.5, 2.5]],
    ['a bigint', 7n, 'int64', [2], [7, 7]],
    ['a boolean', true, 'bool', [2], [1, 1]],
    ['an Int32Array', Int32Array.of(1, 2), 'int32', [2, 2], [1, 2, 1, 2]],
    ['a Uint8Array', Uint8Array.of(3), 'uint8', [2, 1], [3, 3]],
    ['a tensor', fromTypedArray(Float32Array.of(1, 2), [1, 2]), 'float32', [2, 1, 2], [1, 2, 1, 2]],
  ])('%s', (_, value, dtype, shape, expected) => {
    const [batch] = [...new DataLoader<unknown, Tensor>({ length: 2, get: () => value }, { batchSize: 2 })];
    expect([batch.dtype, batch.shape, values(batch)]).toEqual([dtype, shape, expected]);
  });

  test('collate makes batches of another kind', () => {
    const words = ['a', 'b', 'c'];
    const dataset: Dataset<string> = { length: 3, get: (i) => words[i] };
    const loader = new DataLoader(dataset, { batchSize: 2, collate: (samples) => samples.join('+') });
    expect([...loader]).toEqual(['a+b', 'c']);
  });

  test.each<[string, unknown[], new () => Error, string]>([
    [
      'shapes that differ',
      [Float32Array.of(1), Float32Array.of(1, 2)],
      ShapeError,
      '[1] in the first sample of a batch and [2]',
    ],
    ['types that differ', [1, 1n], ArgumentError, 'float32 in the first sample of a batch and int64'],
    ['fields that differ in number', [[1, 2], [1]], ShapeError, '2 fields, a later one is one with 1'],
    ['values of an unknown kind', [{ image: 1 }, { image: 2 }], ArgumentError, 'of type Object'],
    [
      'strings in a field',
      [
        [1, 'cat'],
        [2, 'dog'],
      ],
      ArgumentError,
      'field 1 is of type string',
    ],
  ])('refuses %s', (_, samples, type, message) => {
    const loader = new DataLoader<unknown, unknown>({ length: 2, get: (i) => samples[i] }, { batchSize: 2 });
    expect(() => [...loader]).toThrow(type);
    expect(() => [...loader]).toThrow(message);
  });
});

/** Parts of datasets and datasets made of others. */
import { ArgumentError, IndexError } from '../base/errors.js';
import { checkInteger, checkSeed, mostSamples } from './check.js';
import { defaultCollate } from './collate.js';
import type { AsyncDataset, Batch, Dataset } from './dataset.js';
import { checkedIndices } from './sampler.js';
import { shuffledIndices } from './shuffle.js';

/**
 * Some samples of a dataset, in the order of their indices.
 *
 * @throws ArgumentError if an index is not one of the dataset's.
 *
 * @example
 * ```ts
 * import { arange, Subset, TensorDataset } from 'hadal';
 * const even = new Subset(new TensorDataset(arange(10)), [0, 2, 4, 6, 8]);
 * console.log(even.length, even.get(3)[0].itemSync()); // 5 6
 * ```
 */
export class Subset<Sample> implements Dataset<Sample> {
  readonly dataset: Dataset<Sample>;
  readonly indices: Uint32Array;
  getBatch?: (indices: Uint32Array) => Batch<Sample>;

  constructor(dataset: Dataset<Sample>, indices: ArrayLike<number>) {
    this.dataset = dataset;
    this.indices = checkedIndices('Subset', indices, dataset.length);
    if (dataset.getBatch !== undefined) {
      const whole = dataset.getBatch.bind(dataset);
      this.getBatch = (wanted) => whole(wanted.map((index) => this.#at(index)));
    }
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): Sample {
    return this.dataset.get(this.#at(index));
  }

  #at(index: number): number {
    return this.indices[inRange('Subset', index, this.length)];
  }
}

/**
 * Splits a dataset at random into parts that have no sample in common.
 *
 * @param lengths numbers of samples that add up to the dataset's, or shares that add up to 1; what rounding leaves over of
 * shares goes to the first parts, one sample each.
 * @param options.seed a safe integer, 0 or more; the same seed gives the same parts. Default 0.
 * @throws ArgumentError if the lengths do not add up.
 *
 * @example
 * ```ts
 * import { arange, randomSplit, TensorDataset } from 'hadal';
 * const [train, test] = randomSplit(new TensorDataset(arange(10)), [0.8, 0.2]);
 * console.log(train.length, test.length); // 8 2
 * ```
 */
export function randomSplit<Sample>(
  dataset: Dataset<Sample>,
  lengths: readonly number[],
  options: { readonly seed?: number } = {},
): Subset<Sample>[] {
  const seed = checkSeed('randomSplit', options.seed ?? 0);
  const counts = partLengths(dataset.length, lengths);
  const order = shuffledIndices(dataset.length, seed, 0);
  let start = 0;
  return counts.map((count) => {
    start += count;
    return new Subset(dataset, order.subarray(start - count, start));
  });
}

function partLengths(total: number, lengths: readonly number[]): number[] {
  if (!Array.isArray(lengths))
    throw new ArgumentError(`randomSplit: expected a list such as [0.8, 0.2], got ${String(lengths)}`);
  const valid = lengths.length > 0 && lengths.every((l) => Number.isFinite(l) && l >= 0);
  const sum = lengths.reduce((a, b) => a + b, 0);
  if (valid && sum === total && lengths.every(Number.isInteger)) return [...lengths];
  // Shares such as 0.7, 0.2 and 0.1 add up to 1 except for rounding.
  if (valid && Math.abs(sum - 1) < 1e-9) {
    const counts = lengths.map((share) => Math.floor(share * total + 1e-9));
    let rest = total - counts.reduce((a, b) => a + b, 0);
    for (let i = 0; rest > 0; i = (i + 1) % counts.length) {
      if (lengths[i] === 0) continue;
      counts[i]++;
      rest--;
    }
    return counts;
  }
  throw new ArgumentError(
    `randomSplit: expected numbers of samples that add up to ${total}, or shares that add up to 1, got ` +
      `[${lengths.join(', ')}], which add up to ${sum}`,
  );
}

/**
 * Datasets one after the other.
 *
 * @throws ArgumentError without datasets.
 *
 * @example
 * ```ts
 * import { arange, ConcatDataset, TensorDataset } from 'hadal';
 * const both = new ConcatDataset([new TensorDataset(arange(3)), new TensorDataset(arange(2))]);
 * console.log(both.length, both.get(3)[0].itemSync()); // 5 0
 * ```
 */
export class ConcatDataset<Sample> implements Dataset<Sample> {
  readonly length: number;
  readonly datasets: readonly Dataset<Sample>[];
  /** Number of the first sample of each dataset. */
  readonly #starts: readonly number[];
  getBatch?: (indices: Uint32Array) => Batch<Sample>;

  constructor(datasets: readonly Dataset<Sample>[]) {
    if (datasets.length === 0)
      throw new ArgumentError('ConcatDataset: expected at least one dataset, got none');
    const starts: number[] = [];
    let length = 0;
    for (const dataset of datasets) {
      starts.push(length);
      length += checkInteger('ConcatDataset', "a dataset's length", dataset.length, 0, mostSamples);
    }
    this.length = checkInteger('ConcatDataset', 'the number of samples', length, 0, mostSamples);
    this.datasets = datasets;
    this.#starts = starts;
    if (datasets.every((dataset) => dataset.getBatch !== undefined)) {
      this.getBatch = (indices) => this.#batch(indices);
    }
  }

  get(index: number): Sample {
    const at = this.#find(inRange('ConcatDataset', index, this.length));
    return this.datasets[at].get(index - this.#starts[at]);
  }

  #batch(indices: Uint32Array): Batch<Sample> {
    const first = indices.length > 0 ? this.#find(inRange('ConcatDataset', indices[0], this.length)) : 0;
    const start = this.#starts[first];
    const { length } = this.datasets[first];
    const one = indices.every((index) => index >= start && index < start + length);
    const whole = one ? this.datasets[first].getBatch?.(indices.map((index) => index - start)) : undefined;
    return whole ?? defaultCollate(Array.from(indices, (index) => this.get(index)));
  }

  #find(index: number): number {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle] <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/**
 * A dataset whose samples are made from another's when they are read.
 *
 * @param fn gets a sample and its index; it may return a promise. Random changes should depend on the index, or they cannot be
 * repeated when batches are prefetched.
 *
 * @example
 * ```ts
 * import { mapDataset } from 'hadal';
 * const numbers = { length: 3, get: (index: number) => index };
 * console.log(mapDataset(numbers, (n) => n * n).get(2)); // 4
 * ```
 */
export function mapDataset<Sample, Result>(
  dataset: Dataset<Sample>,
  fn: (sample: Sample, index: number) => Result,
): Result extends Promise<infer Later> ? AsyncDataset<Later> : Dataset<Result>;
export function mapDataset<Sample, Result>(
  dataset: AsyncDataset<Sample>,
  fn: (sample: Sample, index: number) => Result | Promise<Result>,
): AsyncDataset<Result>;
export function mapDataset<Sample, Result>(
  dataset: AsyncDataset<Sample>,
  fn: (sample: Sample, index: number) => Result | Promise<Result>,
): AsyncDataset<Result> {
  return {
    length: dataset.length,
    get: (index, signal) => {
      const sample = dataset.get(index, signal);
      return sample instanceof Promise ? sample.then((value) => fn(value, index)) : fn(sample, index);
    },
  };
}

function inRange(owner: string, index: number, length: number): number {
  if (Number.isInteger(index) && index >= 0 && index < length) return index;
  throw new IndexError(`${owner}: index ${index} is out of range; expected an integer in [0, ${length})`);
}

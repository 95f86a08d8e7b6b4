/**
 * Batches of a dataset, in order or shuffled anew every epoch.
 */
import { ArgumentError } from '../base/errors.js';
import { nextMacrotask, patience } from '../base/event-loop.js';
import { defaultCollate } from './collate.js';
import type { Batch, Dataset } from './dataset.js';
import { orderedIndices, shuffledIndices } from './shuffle.js';

export interface DataLoaderOptions<Sample, B> {
  /** Samples in a batch. Default 1. */
  readonly batchSize?: number;
  /** Whether every epoch has an order of its own. Default false: the dataset's order. */
  readonly shuffle?: boolean;
  /** Whether a last batch with fewer than `batchSize` samples is left out. Default false. */
  readonly dropLast?: boolean;
  /** Seed of the shuffle, a safe integer, 0 or more. Default 0. */
  readonly seed?: number;
  /** Makes a batch of samples. Default: the dataset's `getBatch` if it has one, else `defaultCollate`. */
  readonly collate?: (samples: readonly Sample[]) => B;
}

/**
 * Iterates over the batches of a dataset, with `for` or `for await`. Each loop over the loader is one epoch.
 *
 * `for await` also lets the event loop run every 5 ms, so that Ctrl-C, timers and the browser's painting work while a
 * model trains; prefer it for anything that takes long.
 *
 * **The order is deterministic.** It depends on `seed` and `epoch` only, not on `manualSeed`, the engine or the machine: two
 * loaders with the same seed over datasets of the same length give the same samples, epoch by epoch. `epoch` counts the
 * loops begun so far; set it to go on where an interrupted run stopped.
 *
 * @throws ArgumentError if the dataset is empty, or if an option is out of its range. IndexError comes from the dataset.
 *
 * @example
 * ```ts
 * import { arange, DataLoader, TensorDataset } from 'hadal';
 * const loader = new DataLoader(new TensorDataset(arange(5)), { batchSize: 2 });
 * for await (const [x] of loader) console.log(x.tolistSync()); // [ 0, 1 ] [ 2, 3 ] [ 4 ]
 * ```
 */
export class DataLoader<Sample, B = Batch<Sample>> implements Iterable<B>, AsyncIterable<B> {
  readonly dataset: Dataset<Sample>;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly seed: number;
  readonly #makeBatch: (indices: Uint32Array) => B;
  #epoch = 0;

  constructor(dataset: Dataset<Sample>, options: DataLoaderOptions<Sample, B> = {}) {
    const { batchSize = 1, shuffle = false, dropLast = false, seed = 0, collate } = options;
    const { length } = dataset;
    checkInteger('batchSize', batchSize, 1, Number.MAX_SAFE_INTEGER);
    checkInteger('seed', seed, 0, Number.MAX_SAFE_INTEGER);
    checkInteger("the dataset's length", length, 0, 2 ** 32 - 1);
    if (length === 0)
      throw new ArgumentError('DataLoader: the dataset is empty; expected at least one sample');
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.seed = seed;
    this.#makeBatch = batchMaker(dataset, collate);
  }

  /** Number of batches in an epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** Number of the epoch that the next loop runs, counted from 0. */
  get epoch(): number {
    return this.#epoch;
  }

  set epoch(value: number) {
    checkInteger('epoch', value, 0, 2 ** 32 - 1);
    this.#epoch = value;
  }

  *[Symbol.iterator](): Generator<B, void, undefined> {
    const epoch = this.#epoch++;
    const samples = this.dataset.length;
    const order = this.shuffle ? shuffledIndices(samples, this.seed, epoch) : orderedIndices(samples);
    const batches = this.length;
    for (let i = 0; i < batches; i++) {
      yield this.#makeBatch(order.subarray(i * this.batchSize, (i + 1) * this.batchSize));
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    let resumed = performance.now();
    for (const batch of this) {
      if (performance.now() - resumed >= patience) {
        await nextMacrotask();
        resumed = performance.now();
      }
      yield batch;
    }
  }
}

function batchMaker<Sample, B>(
  dataset: Dataset<Sample>,
  collate: ((samples: readonly Sample[]) => B) | undefined,
): (indices: Uint32Array) => B {
  const samplesAt = (indices: Uint32Array) => Array.from(indices, (index) => dataset.get(index));
  if (collate !== undefined) return (indices) => collate(samplesAt(indices));
  // Without `collate` there is nothing to infer another B from, so B is its default, Batch<Sample>.
  if (dataset.getBatch !== undefined) return (indices) => dataset.getBatch?.(indices) as B;
  return (indices) => defaultCollate(samplesAt(indices)) as B;
}

function checkInteger(what: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new ArgumentError(`DataLoader: ${what} must be an integer from ${min} to ${max}, got ${value}`);
  }
}

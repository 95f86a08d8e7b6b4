/**
 * Batches of a dataset, in order or shuffled anew every epoch.
 */

import type { AbortSignal } from '../base/abort.js';
import { ArgumentError, HadalError } from '../base/errors.js';
import { nextMacrotask, patience } from '../base/event-loop.js';
import { checkOptions } from '../base/options.js';
import { checkInteger, checkSeed, mostSamples } from './check.js';
import { defaultCollate } from './collate.js';
import type { AsyncDataset, Batch } from './dataset.js';
import { prefetched } from './prefetch.js';
import {
  type BatchOrder,
  BatchSampler,
  checkedIndices,
  RandomSampler,
  type Sampler,
  SequentialSampler,
} from './sampler.js';

export interface DataLoaderOptions<Sample, B> {
  /** Samples in a batch. Default 1. */
  readonly batchSize?: number;
  /** Whether every epoch has an order of its own. Default false: the dataset's order. */
  readonly shuffle?: boolean;
  /** Whether a last batch with fewer than `batchSize` samples is left out. Default false. */
  readonly dropLast?: boolean;
  /** Seed of the shuffle, a safe integer, 0 or more. Default 0. */
  readonly seed?: number;
  /** Which samples an epoch has and in which order, in place of `shuffle` and `seed`. */
  readonly sampler?: Sampler;
  /** Which samples each batch has, in place of `batchSize`, `dropLast`, `sampler`, `shuffle` and `seed`. */
  readonly batchSampler?: BatchOrder;
  /**
   * How many batches `for await` keeps in flight while one is used, for datasets that answer later. Default 0: a batch is
   * begun when it is asked for. Samples of different batches are then made at the same time, so a dataset that draws
   * random numbers should draw them from the index, or its numbers depend on timing.
   */
  readonly prefetch?: number;
  /** Makes a batch of samples. Default: the dataset's `getBatch` if it has one, else `defaultCollate`. */
  readonly collate?: (samples: readonly Sample[]) => B | Promise<B>;
}

/** Where a loader stands: plain data for a checkpoint. */
export interface DataLoaderState {
  /** Number of the epoch, counted from 0. */
  readonly epoch: number;
  /** How many of its batches have been given out. */
  readonly batch: number;
  /** Number of batches in an epoch, to notice that the data or the batch size is another. */
  readonly batches: number;
}

/**
 * Iterates over the batches of a dataset, with `for` or `for await`. Each loop over the loader is one epoch.
 *
 * `for await` also lets the event loop run every 5 ms, so that Ctrl-C, timers and the browser's painting work while a
 * model trains; prefer it for anything that takes long. Datasets whose `get` returns promises need it.
 *
 * **The order is deterministic.** It depends on `seed` and `epoch` only, not on `manualSeed`, the engine or the machine: two
 * loaders with the same seed over datasets of the same length give the same samples, epoch by epoch. `epoch` counts the
 * loops begun so far; set it, or use `state` and `loadState`, to go on where an interrupted run stopped.
 *
 * @throws ArgumentError if the dataset is empty, if an option is out of its range, or if options exclude each other; while
 * iterating, HadalError naming the index if the dataset's `get` throws, with what it threw as `cause`.
 *
 * @example
 * ```ts
 * import { arange, DataLoader, TensorDataset } from 'hadal';
 * const loader = new DataLoader(new TensorDataset(arange(5)), { batchSize: 2 });
 * for await (const [x] of loader) console.log(x.tolistSync()); // [ 0, 1 ] [ 2, 3 ] [ 4 ]
 * ```
 */
export class DataLoader<Sample, B = Batch<Sample>> implements Iterable<B>, AsyncIterable<B> {
  readonly dataset: AsyncDataset<Sample>;
  /** Samples in a batch; undefined where a `batchSampler` decides. */
  readonly batchSize: number | undefined;
  readonly prefetch: number;
  readonly #batches: BatchOrder;
  readonly #makeBatch: (indices: Uint32Array, signal?: AbortSignal) => B | Promise<B>;
  /** Where the next loop begins. */
  #next: Place = { epoch: 0, batch: 0 };
  /** Where the loop that was begun last stands, until it ends. */
  #current: Place | null = null;

  constructor(dataset: AsyncDataset<Sample>, options: DataLoaderOptions<Sample, B> = {}) {
    if (typeof dataset?.get !== 'function')
      throw new ArgumentError('DataLoader: expected a dataset, an object with length and get(index)');
    checkOptions('DataLoader', options, {
      batchSize: true,
      shuffle: true,
      dropLast: true,
      seed: true,
      sampler: true,
      batchSampler: true,
      prefetch: true,
      collate: true,
    });
    const { length } = dataset;
    checkInteger('DataLoader', "the dataset's length", length, 0, mostSamples);
    if (length === 0)
      throw new ArgumentError('DataLoader: the dataset is empty; expected at least one sample');
    this.dataset = dataset;
    this.prefetch = checkInteger('DataLoader', 'prefetch', options.prefetch ?? 0, 0, 2 ** 16);
    this.#batches = batchSamplerFor(dataset, options);
    this.batchSize = options.batchSampler === undefined ? (options.batchSize ?? 1) : undefined;
    this.#makeBatch = batchMaker(dataset, options.collate);
  }

  /** Number of batches in an epoch. */
  get length(): number {
    return this.#batches.length;
  }

  /** Number of samples in an epoch, if the sampler tells. */
  get samples(): number | undefined {
    if (!(this.#batches instanceof BatchSampler)) return undefined;
    const { sampler, batchSize, dropLast, length } = this.#batches;
    return dropLast ? length * batchSize : sampler.length;
  }

  /** Number of the epoch that the next loop runs, counted from 0. */
  get epoch(): number {
    return this.#next.epoch;
  }

  set epoch(value: number) {
    this.#next = { epoch: checkInteger('DataLoader', 'epoch', value, 0, mostSamples), batch: 0 };
  }

  /** Where the loop that was begun last stands, the batch given out last included; when it has ended, where the next begins. */
  state(): DataLoaderState {
    return { ...(this.#current ?? this.#next), batches: this.length };
  }

  /**
   * Makes the next loop begin at a place that `state` gave.
   *
   * @throws ArgumentError if the state is of a loader with another number of batches.
   */
  loadState(state: DataLoaderState): void {
    if (state.batches !== this.length) {
      throw new ArgumentError(
        `DataLoader: the state is of a loader with ${state.batches} batches an epoch, this one has ${this.length}; ` +
          'use the same data and batch size to go on in the middle of an epoch',
      );
    }
    this.#next = {
      epoch: checkInteger('DataLoader', 'epoch', state.epoch, 0, mostSamples),
      batch: checkInteger('DataLoader', 'batch', state.batch, 0, this.length),
    };
    this.#current = null;
  }

  *[Symbol.iterator](): Generator<B, void, undefined> {
    const place = this.#begin();
    try {
      for (const batch of this.#make(place)) {
        if (batch instanceof Promise) {
          batch.catch(() => undefined);
          throw new ArgumentError(
            'DataLoader: this dataset answers with promises; iterate with `for await` in place of `for`',
          );
        }
        place.batch++;
        yield batch;
      }
    } finally {
      this.#end(place);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    const place = this.#begin();
    let resumed = performance.now();
    const batches: Iterable<B | Promise<B>> | AsyncIterable<B> =
      this.prefetch === 0
        ? this.#make(place)
        : prefetched(this.#indices(place), this.prefetch, this.#makeBatch);
    try {
      for await (const batch of batches) {
        if (performance.now() - resumed >= patience) {
          await nextMacrotask();
          resumed = performance.now();
        }
        place.batch++;
        yield batch;
      }
    } finally {
      this.#end(place);
    }
  }

  #begin(): Place {
    const place = this.#next;
    this.#next = { epoch: place.epoch + 1, batch: 0 };
    this.#current = place;
    return place;
  }

  #end(place: Place): void {
    if (this.#current === place) this.#current = null;
  }

  *#indices({ epoch, batch }: Place): Generator<Uint32Array, void, undefined> {
    const { length } = this.dataset;
    let skip = batch;
    for (const indices of this.#batches.batches(epoch)) {
      if (skip-- > 0) continue;
      yield checkedIndices('DataLoader', indices, length);
    }
  }

  *#make(place: Place): Generator<B | Promise<B>, void, undefined> {
    for (const indices of this.#indices(place)) yield this.#makeBatch(indices);
  }
}

interface Place {
  readonly epoch: number;
  batch: number;
}

function batchSamplerFor(
  dataset: { readonly length: number },
  options: DataLoaderOptions<never, unknown>,
): BatchOrder {
  const { batchSize = 1, shuffle = false, dropLast = false, seed = 0, sampler, batchSampler } = options;
  checkInteger('DataLoader', 'batchSize', batchSize, 1, Number.MAX_SAFE_INTEGER);
  checkSeed('DataLoader', seed);
  if (batchSampler !== undefined) {
    refuse(options, 'batchSampler', ['batchSize', 'shuffle', 'dropLast', 'sampler', 'seed']);
    return batchSampler;
  }
  if (sampler !== undefined) refuse(options, 'sampler', ['shuffle', 'seed']);
  const order = sampler ?? (shuffle ? new RandomSampler(dataset, { seed }) : new SequentialSampler(dataset));
  return new BatchSampler(order, batchSize, { dropLast });
}

type OptionName = keyof DataLoaderOptions<never, unknown>;

function refuse(
  options: DataLoaderOptions<never, unknown>,
  given: OptionName,
  others: readonly OptionName[],
): void {
  const clash = others.find((name) => options[name] !== undefined && options[name] !== false);
  if (clash !== undefined) {
    throw new ArgumentError(`DataLoader: ${given} decides what ${clash} would; pass one of them`);
  }
}

function batchMaker<Sample, B>(
  dataset: AsyncDataset<Sample>,
  collate: ((samples: readonly Sample[]) => B | Promise<B>) | undefined,
): (indices: Uint32Array, signal?: AbortSignal) => B | Promise<B> {
  if (collate === undefined && dataset.getBatch !== undefined) {
    // Without `collate` there is nothing to infer another B from, so B is its default, Batch<Sample>.
    return (indices, signal) => dataset.getBatch?.(indices, signal) as B | Promise<B>;
  }
  const toBatch = collate ?? ((samples: readonly Sample[]) => defaultCollate(samples) as B);
  return (indices, signal) => {
    const samples = Array.from(indices, (index) => sampleAt(dataset, index, signal));
    return samples.every(isAtHand) ? toBatch(samples) : Promise.all(samples).then(toBatch);
  };
}

function isAtHand<T>(value: T | Promise<T>): value is T {
  return !(value instanceof Promise);
}

function sampleAt<Sample>(
  dataset: AsyncDataset<Sample>,
  index: number,
  signal: AbortSignal | undefined,
): Sample | Promise<Sample> {
  const failed = (cause: unknown): never => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HadalError(`DataLoader: the dataset's get(${index}) failed: ${reason}`, { cause });
  };
  try {
    const sample = dataset.get(index, signal);
    return sample instanceof Promise ? sample.catch(failed) : sample;
  } catch (cause) {
    return failed(cause);
  }
}

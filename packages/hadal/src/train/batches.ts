/** The data that `fit`, `evaluate` and `predict` take, in one form: epochs of batches with a place to go on from. */
import type { AbortSignal } from '../base/abort.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import { nextMacrotask, patience } from '../base/event-loop.js';
import { showShape } from '../base/shape.js';
import { DataLoader } from '../data/data-loader.js';
import type { AsyncDataset } from '../data/dataset.js';
import { TensorDataset } from '../data/dataset.js';
import type { Json } from '../io/json.js';
import { Tensor } from '../tensor/index.js';
import { field } from './state.js';

/** Anything that gives batches, one after the other. */
export type Batches = Iterable<unknown> | AsyncIterable<unknown>;

/**
 * Samples or batches. A batch is `[x, y]` or `[[x1, x2], y]`: the model is called with `x`, or with `x1` and `x2`.
 *
 * - a dataset, whose samples are put into batches;
 * - a pair of tensors `[x, y]`, or `[[x1, x2], y]`, whose rows are samples; an array of two tensors is always such a pair;
 * - a `DataLoader`, or any other iterable of batches; one that can be gone over only once, like a running generator, is good for
 *   one epoch;
 * - a function that gives such an iterable, called at the begin of each epoch.
 */
export type TrainingData =
  | AnyDataset
  | readonly [Tensor | readonly Tensor[], Tensor]
  | Batches
  | (() => Batches);

/** A `Dataset` or an `AsyncDataset`, whatever its samples are. */
export interface AnyDataset {
  readonly length: number;
  get(index: number, signal?: AbortSignal): unknown;
  getBatch?(indices: Uint32Array, signal?: AbortSignal): unknown;
}

export interface BatchOptions {
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly seed: number;
}

/** Epochs of batches. */
export interface BatchSource {
  /** Number of batches in an epoch, if it is known. */
  readonly batches: number | undefined;
  /** The batches of an epoch from where it stands. */
  epoch(): AsyncIterable<unknown>;
  /** Where the epoch that is being gone over stands, or where the next begins. */
  state(): Json;
  loadState(state: Json): void;
  /** Goes on to the next epoch without the rest of the one where it stands. */
  endEpoch(): void;
  /** Makes the next epoch that of this number, if data of an epoch depends on its number. */
  setEpoch(epoch: number): void;
}

export function isDataset(data: unknown): data is AnyDataset {
  return (
    typeof data === 'object' &&
    data !== null &&
    'get' in data &&
    typeof data.get === 'function' &&
    'length' in data &&
    typeof data.length === 'number'
  );
}

/** A pair of tensors as a dataset, any other data as it is. */
export function asDataset(owner: string, data: TrainingData): TrainingData {
  if (!Array.isArray(data) || data.length !== 2) return data;
  const [x, y]: readonly unknown[] = data;
  const inputs: readonly unknown[] = Array.isArray(x) ? x : [x];
  // An array of two batches is an iterable of them; a pair holds tensors, or tensors in its first place only.
  if (!(y instanceof Tensor) || inputs.length === 0 || !inputs.every((input) => input instanceof Tensor))
    return data;
  for (const input of inputs) {
    if (input.ndim === 0 || y.ndim === 0 || input.shape[0] !== y.shape[0]) {
      throw new ShapeError(
        `${owner}: x and y must have the same number of rows, got x ${showShape(input.shape)} and y ${showShape(y.shape)}`,
      );
    }
  }
  if (inputs.length === 1 && !Array.isArray(x)) return new TensorDataset(inputs[0], y);
  const rows = new TensorDataset(...inputs, y);
  const nested = (fields: readonly Tensor[]) => [fields.slice(0, -1), fields[fields.length - 1]];
  return {
    length: rows.length,
    get: (index: number) => nested(rows.get(index)),
    getBatch: (indices: Uint32Array) => nested(rows.getBatch(indices)),
  } satisfies AnyDataset;
}

/** @throws ArgumentError if `data` is nothing that has batches, or is empty. */
export function batchSource(owner: string, data: TrainingData, options: BatchOptions): BatchSource {
  const known = asDataset(owner, data);
  if (known instanceof DataLoader) return new LoaderSource(known);
  if (isDataset(known)) {
    if (known.length === 0) throw new ArgumentError(`${owner}: the dataset is empty`);
    return new LoaderSource(new DataLoader(known as AsyncDataset<unknown>, options));
  }
  if (typeof known === 'function') return new IterableSource(owner, known, undefined);
  if (isIterable(known)) {
    const batches = Array.isArray(known) ? known.length : undefined;
    if (batches === 0) throw new ArgumentError(`${owner}: the data has no batches`);
    return new IterableSource(owner, () => known, batches);
  }
  throw new ArgumentError(
    `${owner}: expected a dataset, a DataLoader, a pair of tensors [x, y], an iterable of batches or a function that gives ` +
      `one, got ${data === null ? 'null' : typeof data}`,
  );
}

function isIterable(data: unknown): data is Batches {
  return (
    typeof data === 'object' && data !== null && (Symbol.iterator in data || Symbol.asyncIterator in data)
  );
}

class LoaderSource implements BatchSource {
  readonly #loader: DataLoader<unknown>;

  constructor(loader: DataLoader<unknown>) {
    this.#loader = loader;
  }

  get batches(): number {
    return this.#loader.length;
  }

  epoch(): AsyncIterable<unknown> {
    return this.#loader;
  }

  state(): Json {
    return { ...this.#loader.state() };
  }

  loadState(state: Json): void {
    const part = (name: string) => Number(field(state, name));
    this.#loader.loadState({ epoch: part('epoch'), batch: part('batch'), batches: part('batches') });
  }

  endEpoch(): void {
    this.#loader.epoch = this.#loader.state().epoch + 1;
  }

  setEpoch(epoch: number): void {
    this.#loader.epoch = epoch;
  }
}

/** Any iterable. Its place is how many batches have been taken, so to go on means to go over them again. */
class IterableSource implements BatchSource {
  readonly batches: number | undefined;
  readonly #owner: string;
  readonly #make: () => Batches;
  #batch = 0;
  #skip = 0;

  constructor(owner: string, make: () => Batches, batches: number | undefined) {
    this.#owner = owner;
    this.#make = make;
    this.batches = batches;
  }

  async *epoch(): AsyncIterable<unknown> {
    const skip = this.#skip;
    this.#skip = 0;
    this.#batch = 0;
    const batches: unknown = this.#make();
    if (!isIterable(batches))
      throw new ArgumentError(
        `${this.#owner}: the function must give an iterable of batches, got ${typeof batches}`,
      );
    let resumed = performance.now();
    for await (const batch of batches) {
      if (performance.now() - resumed >= patience) {
        await nextMacrotask();
        resumed = performance.now();
      }
      this.#batch++;
      if (this.#batch > skip) yield batch;
    }
    this.#batch = 0;
  }

  state(): Json {
    return { batch: this.#batch };
  }

  loadState(state: Json): void {
    this.#skip = Number(field(state, 'batch'));
    this.#batch = this.#skip;
  }

  endEpoch(): void {
    this.#batch = 0;
    this.#skip = 0;
  }

  setEpoch(): void {
    // Its data does not depend on the epoch.
  }
}

/** A batch with its parts told apart. */
export interface LabelledBatch {
  readonly inputs: readonly Tensor[];
  readonly target: Tensor;
  readonly samples: number;
}

/** @throws ArgumentError if it is not `[x, y]` or `[[x1, x2], y]`; ShapeError if x and y differ in their number of samples. */
export function readBatch(owner: string, batch: unknown): LabelledBatch {
  if (!Array.isArray(batch) || batch.length !== 2) {
    throw new ArgumentError(
      `${owner}: a batch is [x, y] or [[x1, x2], y], got ${describe(batch)}; to learn the input itself pass [x, x]`,
    );
  }
  const [x, target]: readonly unknown[] = batch;
  const inputs = readInputs(owner, x);
  const [first] = inputs;
  const samples = first.shape[0];
  if (target instanceof Tensor && target.ndim > 0 && target.shape[0] !== samples) {
    throw new ShapeError(
      `${owner}: a batch has inputs ${showShape(first.shape)} and targets ${showShape(target.shape)}; the first dimension of ` +
        'both counts the samples',
    );
  }
  // What a target has to be is for the loss to say.
  return { inputs, target: target as Tensor, samples };
}

/** The inputs of a batch that may have targets or not. */
export function readUnlabelled(owner: string, batch: unknown): readonly Tensor[] {
  if (Array.isArray(batch) && (batch.length === 1 || batch.length === 2)) return readInputs(owner, batch[0]);
  return readInputs(owner, batch);
}

function readInputs(owner: string, x: unknown): readonly Tensor[] {
  const inputs: readonly unknown[] = Array.isArray(x) ? x : [x];
  const tensors = inputs.filter((input) => input instanceof Tensor);
  if (tensors.length === 0 || tensors.length < inputs.length) {
    throw new ArgumentError(
      `${owner}: the inputs of a batch are a tensor or an array of tensors, got ${describe(x)}`,
    );
  }
  for (const input of tensors) {
    if (input.ndim === 0 || input.shape[0] !== tensors[0].shape[0]) {
      throw new ShapeError(
        `${owner}: the first dimension of every input counts the samples, got ${tensors.map((t) => showShape(t.shape)).join(' and ')}`,
      );
    }
  }
  return tensors;
}

function describe(value: unknown): string {
  if (value instanceof Tensor) return `a tensor of shape ${showShape(value.shape)}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return value === null ? 'null' : typeof value;
}

/**
 * What a `DataLoader` reads from: something with a length and samples by index, as in PyTorch. A dataset that can make a
 * whole batch at once says so with `getBatch`, and the loader then never touches single samples.
 */
import type { AbortSignal } from '../base/abort.js';
import { ArgumentError, IndexError, ShapeError } from '../base/errors.js';
import { showShape } from '../base/shape.js';
import { fromTypedArray, Tensor } from '../tensor/index.js';
import { ArrayColumn, type Column } from './column.js';

/**
 * The batch that samples collate to: a tensor for each field of a tuple (of tuples), one tensor for a plain value. Each has a
 * new first dimension that counts the samples.
 */
export type Batch<Sample> = Sample extends readonly unknown[]
  ? { -readonly [K in keyof Sample]: Batch<Sample[K]> }
  : Tensor;

/**
 * A finite collection of samples.
 *
 * @example
 * ```ts
 * import { DataLoader, type Dataset } from 'hadal';
 * const squares: Dataset<[Float32Array, bigint]> = {
 *   length: 100,
 *   get: (index) => [Float32Array.of(index, index * index), BigInt(index % 2)],
 * };
 * for (const [x, y] of new DataLoader(squares, { batchSize: 60 })) console.log(x.shape, y.dtype); // [ 60, 2 ] int64 [ 40, 2 ] int64
 * ```
 */
export interface Dataset<Sample> {
  /** Number of samples. */
  readonly length: number;
  /** The sample at `index`, an integer in `[0, length)`. */
  get(index: number): Sample;
  /** Optional fast path: the samples at `indices`, already collated. Must equal collating `get` of each. */
  getBatch?(indices: Uint32Array): Batch<Sample>;
}

/**
 * A collection whose samples may take time: files, a database, a network. Such a dataset is read with `for await`, and
 * `prefetch` of the `DataLoader` keeps several batches in flight.
 *
 * @example
 * ```ts
 * import { DataLoader, type AsyncDataset } from 'hadal';
 * const squares: AsyncDataset<[number, bigint]> = { length: 4, get: async (index) => [index ** 2, BigInt(index)] };
 * const loader = new DataLoader(squares, { batchSize: 2, prefetch: 2 });
 * for await (const [x] of loader) console.log(x.tolistSync()); // [ 0, 1 ] [ 4, 9 ]
 * ```
 */
export interface AsyncDataset<Sample> {
  /** Number of samples. */
  readonly length: number;
  /** The sample at `index`. The signal is aborted when nobody waits for the sample any more. */
  get(index: number, signal?: AbortSignal): Sample | Promise<Sample>;
  /** Optional fast path: the samples at `indices`, already collated. */
  getBatch?(indices: Uint32Array, signal?: AbortSignal): Batch<Sample> | Promise<Batch<Sample>>;
}

/** A dataset whose fields are columns; `get` gives a tensor per column, without the row dimension. */
export class ColumnDataset<Sample extends readonly Tensor[]> implements Dataset<Sample> {
  readonly length: number;
  readonly columns: readonly Column[];

  /**
   * @param columns as many as `Sample` has fields, all of the same length.
   * @throws ArgumentError without columns, ShapeError if their lengths differ.
   */
  constructor(columns: { readonly [K in keyof Sample]: Column }) {
    const list: readonly Column[] = Object.values(columns);
    if (list.length === 0) throw new ArgumentError('a dataset needs at least one column or tensor, got none');
    for (const column of list) {
      if (column.length !== list[0].length) {
        throw new ShapeError(
          `a dataset's columns must have the same number of rows, got ${list.map((c) => c.length).join(' and ')}`,
        );
      }
    }
    this.length = list[0].length;
    this.columns = list;
  }

  get(index: number): Sample {
    checkIndex(index, this.length);
    const indices = Uint32Array.of(index);
    return this.#tensors(indices, []) as unknown as Sample;
  }

  getBatch(indices: Uint32Array): Batch<Sample> {
    for (const index of indices) checkIndex(index, this.length);
    return this.#tensors(indices, [indices.length]) as unknown as Batch<Sample>;
  }

  // The constructor takes exactly one column per field of `Sample`, so the casts above cannot be wrong about the length.
  #tensors(indices: Uint32Array, leading: readonly number[]): Tensor[] {
    return this.columns.map((column) =>
      fromTypedArray(column.gather(indices), [...leading, ...column.rowShape], { dtype: column.dtype }),
    );
  }
}

/**
 * Samples that are the rows of tensors with the same first dimension.
 *
 * The values are copied when the dataset is made; changing a tensor in place afterwards does not change the dataset.
 *
 * @throws ArgumentError without tensors; ShapeError if one is 0-dimensional or if the first dimensions differ.
 *
 * @example
 * ```ts
 * import { TensorDataset, tensor } from 'hadal';
 * const data = new TensorDataset(tensor([[0, 0], [0, 1], [1, 0], [1, 1]]), tensor([0n, 1n, 1n, 0n]));
 * const [x, y] = data.get(2);
 * console.log(x.shape, y.itemSync()); // [ 2 ] 1
 * ```
 */
export class TensorDataset<Tensors extends readonly Tensor[]> extends ColumnDataset<{
  [K in keyof Tensors]: Tensor;
}> {
  constructor(...tensors: Tensors) {
    const columns = tensors.map((tensor, i) => {
      if (!(tensor instanceof Tensor))
        throw new ArgumentError(
          `TensorDataset: expected tensors, got another thing at place ${i}; make one with tensor(...)`,
        );
      if (tensor.shape.length === 0) {
        throw new ShapeError(
          `TensorDataset: tensor ${i} has shape ${showShape(tensor.shape)}; the first dimension must count the samples`,
        );
      }
      return new ArrayColumn(tensor.dataSync(), tensor.shape, tensor.dtype);
    });
    super(columns as unknown as { readonly [K in keyof Tensors]: Column });
  }
}

function checkIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new IndexError(`dataset: index ${index} is out of range; expected an integer in [0, ${length})`);
  }
}

/**
 * Advanced indexing: positions in tensors, and bool masks, along some dimensions of a view. PyTorch's rules:
 * - index tensors broadcast with each other; one element of the result is read at one position of all of them;
 * - the dimensions they stand for go away, and those of the broadcast come where the first of them was if they were neighbours, in
 *   front otherwise. An index without dimensions selects and does not count as a neighbour;
 * - a mask stands for as many index tensors as it has dimensions, one for each position that holds.
 */
import type { AutogradOps } from '../autograd/ops.js';
import { Value } from '../autograd/value.js';
import { inversePermutation } from '../base/attributes.js';
import { isFloat } from '../base/dtype.js';
import { ArgumentError, DTypeError, IndexError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { broadcastShapes, contiguousStrides, numel, showShape } from '../base/shape.js';
import type { BasicIndexItem } from './indexing.js';
import { broadcastValue } from './promotion.js';
import type { Tensor } from './tensor.js';
import type { Workspace } from './workspace.js';

/** What `index` takes: basic items, positions as a tensor or a list, or a bool mask. */
export type IndexItem = BasicIndexItem | Tensor | readonly number[];

/** Positions along one dimension of a view, all from 0. */
interface Positions {
  readonly dim: number;
  readonly index: Value;
}

export interface SplitItems {
  /** The items with `':'` in place of each index tensor. */
  readonly basic: readonly BasicIndexItem[];
  readonly tensors: readonly { readonly dim: number; readonly index: Tensor | readonly number[] }[];
}

function isTensor(item: IndexItem): item is Tensor {
  return typeof item === 'object' && item !== null && 'storage' in item;
}

function isList(item: IndexItem): item is readonly number[] {
  return Array.isArray(item);
}

/** How many dimensions an item takes. */
function dimsOf(item: IndexItem): number {
  if (item === null || item === '...') return 0;
  return isTensor(item) && item.dtype === 'bool' ? item.ndim : 1;
}

/** Takes the index tensors out, with the dimension each has in the view that the other items give. */
export function splitItems(shape: Shape, items: readonly IndexItem[]): SplitItems {
  const used = items.reduce<number>((n, item) => n + dimsOf(item), 0);
  const basic: BasicIndexItem[] = [];
  const tensors: { dim: number; index: Tensor | readonly number[] }[] = [];
  let dim = 0;
  for (const item of items) {
    if (isTensor(item) || isList(item)) {
      const count = dimsOf(item);
      if (count === 0)
        throw new ArgumentError(
          'index: a bool without dimensions selects nothing in particular; use null or slice(0, 0)',
        );
      tensors.push({ dim, index: item });
      for (let n = 0; n < count; n++) basic.push(':');
      dim += count;
      continue;
    }
    basic.push(item);
    if (item === '...') dim += Math.max(0, shape.length - used);
    else if (typeof item !== 'number') dim++;
  }
  if (used > shape.length)
    throw new IndexError(`index: ${used} positions for a tensor of shape ${showShape(shape)}`);
  return { basic, tensors };
}

/** int64 positions that were computed here as a value. */
export function uploadPositions(space: Workspace, positions: BigInt64Array, shape: Shape): Value {
  const bytes = new Uint8Array(positions.buffer, positions.byteOffset, positions.byteLength);
  return new Value(space.engine.upload(bytes, [...shape], 'int64'), null);
}

/** Flat positions at which a mask holds. */
export function positionsOf(mask: ArrayLike<number | bigint>): BigInt64Array {
  let count = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i]) count++;
  const out = new BigInt64Array(count);
  for (let i = 0, at = 0; i < mask.length; i++) if (mask[i]) out[at++] = BigInt(i);
  return out;
}

/** Positions as int64, checked for being integers. */
export function checkIndex(op: string, ops: AutogradOps, index: Value): Value {
  if (isFloat(index.dtype) || index.dtype === 'bool' || index.dtype === 'uint8') {
    const hint = index.dtype === 'uint8' ? ' (for a mask, convert with .bool())' : '';
    throw new DTypeError(
      `${op}: positions are integers, got ${index.dtype}; convert with .to('int64')${hint}`,
    );
  }
  return ops.cast(index, 'int64');
}

/** Negative positions counted from the end. What is out of range stays as it was given, for the error to name. */
export function fromEnd(ops: AutogradOps, index: Value, size: number): Value {
  const zero = ops.constant(0, 'int64', index.shape);
  const count = ops.argument(size, 'int64', index.shape);
  const moved = ops.arithmetic('add', index, count);
  const backward = ops.logical('logicalAnd', ops.compare('lt', index, zero), ops.compare('ge', moved, zero));
  return ops.where(backward, moved, index);
}

/** A view with index tensors as rows: all dimensions they stand for as one, in front. */
export class AdvancedIndex {
  readonly #ops: AutogradOps;
  /** The view's shape, with each mask's dimensions as one. */
  readonly #merged: Shape;
  readonly #order: readonly number[];
  /** Which row of the view each element of the broadcast takes, as one dimension. */
  readonly rows: Value;
  readonly #broadcast: Shape;
  readonly #rest: Shape;
  /** The place of the broadcast's dimensions among the rest. */
  readonly #place: number;
  readonly #viewShape: Shape;

  constructor(space: Workspace, viewShape: Shape, tensors: SplitItems['tensors']) {
    const { ops } = space;
    this.#ops = ops;
    this.#viewShape = viewShape;
    const merged: number[] = [];
    const positions: Positions[] = [];
    let from = 0;
    for (const { dim, index } of tensors) {
      merged.push(...viewShape.slice(from, dim));
      const count = isTensor(index) && index.dtype === 'bool' ? index.ndim : 1;
      const sizes = viewShape.slice(dim, dim + count);
      const value = indexValue(space, index, sizes);
      positions.push({ dim: merged.length, index: fromEnd(ops, value, numel(sizes)) });
      merged.push(numel(sizes));
      from = dim + count;
    }
    merged.push(...viewShape.slice(from));
    this.#merged = merged;
    const taken = positions.map((p) => p.dim);
    const rest = merged.map((_, d) => d).filter((d) => !taken.includes(d));
    this.#order = [...taken, ...rest];
    this.#rest = rest.map((d) => merged[d]);
    this.#broadcast = positions.reduce<Shape>((s, p) => broadcastShapes('index', s, p.index.shape), []);
    this.rows = this.#rows(positions);
    this.#place = placeOf(positions);
  }

  /** The row that each element takes: positions along several dimensions as one, each checked against its own size. */
  #rows(positions: readonly Positions[]): Value {
    const ops = this.#ops;
    const sizes = positions.map((p) => this.#merged[p.dim]);
    const strides = contiguousStrides(sizes);
    const count = numel(this.#broadcast);
    const flat = (v: Value): Value => ops.reshape(broadcastValue('index', ops, v, this.#broadcast), [count]);
    if (positions.length === 1) return flat(positions[0].index);
    return positions
      .map(({ index }, i) => {
        // A lookup in 0, 1, 2, ... gives the position itself and has it checked.
        const line = ops.reshape(index, [numel(index.shape)]);
        const checked = ops.indexSelect(ops.iota([sizes[i]], 0, 'int64'), 0, line);
        const step = ops.argument(strides[i], 'int64', [count]);
        return ops.arithmetic('mul', flat(ops.reshape(checked, index.shape)), step);
      })
      .reduce((a, b) => ops.arithmetic('add', a, b));
  }

  /** The shape of what is read. */
  get shape(): Shape {
    return [...this.#rest.slice(0, this.#place), ...this.#broadcast, ...this.#rest.slice(this.#place)];
  }

  /** From [broadcast, rest] to where the broadcast's dimensions belong. */
  get #placed(): number[] {
    const [n, r] = [this.#broadcast.length, this.#rest.length];
    const rest = Array.from({ length: r }, (_, i) => n + i);
    const lead = Array.from({ length: n }, (_, i) => i);
    return [...rest.slice(0, this.#place), ...lead, ...rest.slice(this.#place)];
  }

  /** The view's value as rows. */
  #asRows(view: Value): Value {
    const ops = this.#ops;
    const moved = ops.permute(ops.reshape(view, this.#merged), this.#order);
    return ops.reshape(moved, [this.#rowCount, ...this.#rest]);
  }

  get #rowCount(): number {
    return numel(this.#order.slice(0, this.#merged.length - this.#rest.length).map((d) => this.#merged[d]));
  }

  read(view: Value): Value {
    const ops = this.#ops;
    const picked = ops.indexSelect(this.#asRows(view), 0, this.rows);
    return ops.permute(ops.reshape(picked, [...this.#broadcast, ...this.#rest]), this.#placed);
  }

  /** The view's value with `value`, which broadcasts to what is read, written or added at the positions. */
  write(op: string, view: Value, value: Value, accumulate: boolean): Value {
    const ops = this.#ops;
    const full = broadcastValue(op, ops, ops.cast(value, view.dtype), this.shape);
    const lead = ops.permute(full, inversePermutation(this.#placed));
    const source = ops.reshape(lead, [numel(this.#broadcast), ...this.#rest]);
    const rows = this.#asRows(view);
    const written = accumulate
      ? ops.arithmetic('add', rows, ops.indexAdd(source, 0, this.rows, rows.shape))
      : writeRows(ops, rows, 0, this.rows, source);
    const apart = ops.reshape(
      written,
      this.#order.map((d) => this.#merged[d]),
    );
    return ops.reshape(ops.permute(apart, inversePermutation(this.#order)), this.#viewShape);
  }
}

/**
 * `x` with slices along a dimension replaced: slice j of `source` goes to position index[j]. Only the number of the slice is scattered,
 * then every position looks its slice up: the copying is one kernel.
 */
export function writeRows(ops: AutogradOps, x: Value, dim: number, index: Value, source: Value): Value {
  const [size, count] = [x.shape[dim], index.shape[0]];
  if (count === 0) return ops.copy(x);
  const none = ops.constant(-1, 'int64', [size]);
  const writer = ops.scatter(none, 0, index, ops.iota([count], 0, 'int64'));
  const zero = ops.constant(0, 'int64', [size]);
  const isWritten = ops.compare('ge', writer, zero);
  const rows = ops.indexSelect(source, dim, ops.arithmetic('maximum', writer, zero));
  const thin = x.shape.map((s, d) => (d === dim ? s : 1));
  return ops.where(ops.expand(ops.reshape(isWritten, thin), x.shape), rows, x);
}

function indexValue(space: Workspace, index: Tensor | readonly number[], sizes: Shape): Value {
  if (!isTensor(index)) {
    if (!index.every((v) => Number.isSafeInteger(v)))
      throw new ArgumentError(`index: a list of positions has integers, got [${index.join(', ')}]`);
    return uploadPositions(
      space,
      BigInt64Array.from(index, (v) => BigInt(v)),
      [index.length],
    );
  }
  if (index.dtype !== 'bool') return checkIndex('index', space.ops, index.value);
  if (index.shape.some((s, d) => s !== sizes[d]))
    throw new ShapeError(
      `index: a mask of shape ${showShape(index.shape)} does not fit the dimensions ${showShape(sizes)} that it stands for`,
    );
  const positions = positionsOf(index.dataSync());
  return uploadPositions(space, positions, [positions.length]);
}

/** The place of the broadcast among the dimensions that stay. */
function placeOf(positions: readonly Positions[]): number {
  const scalars = positions.filter((p) => p.index.shape.length === 0).map((p) => p.dim);
  const others = positions.filter((p) => p.index.shape.length > 0).map((p) => p.dim);
  if (others.length === 0) return 0;
  // Selected dimensions are gone before neighbours are looked for.
  const [first, last] = [others[0], others[others.length - 1]];
  const between = scalars.filter((d) => d > first && d < last).length;
  if (last - first - between !== others.length - 1) return 0;
  return first - scalars.filter((d) => d < first).length;
}

/** Methods that show the same elements under another shape: views, which share memory. */
import { ArgumentError, ShapeError } from '../../base/errors.js';
import { normalizeDim, numel, showShape } from '../../base/shape.js';
import { listOf, tensorOf } from '../given.js';
import { narrowStep } from '../indexing.js';
import { expandShape, flattenShape, resolveShape, splitSizes } from '../shapes.js';
import type { Tensor } from '../tensor.js';
import { ReductionMethods } from './reductions.js';

/** Larger windows are read through a copy of the line for each place in a window. */
const MAX_WINDOW = 32;

/** A tensor object each: more than this is a mistake. */
const MAX_PIECES = 1_000_000;

export abstract class ShapeMethods extends ReductionMethods {
  /**
   * The same elements in row-major order under another shape; one size may be -1. A view.
   *
   * @throws ShapeError if the number of elements differs.
   * @example
   * ```ts
   * import { arange } from 'hadal';
   * console.log(arange(6).reshape([2, -1]).tolistSync()); // [ [ 0, 1, 2 ], [ 3, 4, 5 ] ]
   * ```
   */
  reshape(shape: readonly number[]): Tensor {
    return this.viewThrough({ kind: 'reshape', shape: resolveShape('reshape', this.shape, shape) });
  }
  view(shape: readonly number[]): Tensor {
    return this.reshape(shape);
  }
  viewAs(other: Tensor): Tensor {
    return this.reshape(tensorOf('viewAs', other).shape);
  }
  reshapeAs(other: Tensor): Tensor {
    return this.reshape(tensorOf('reshapeAs', other).shape);
  }
  /** Dimensions `start` to `end` as one. */
  flatten(start = 0, end = -1): Tensor {
    return this.viewThrough({ kind: 'reshape', shape: flattenShape(this.shape, start, end) });
  }
  ravel(): Tensor {
    return this.flatten();
  }
  /** One dimension as several; one size may be -1. */
  unflatten(dim: number, sizes: readonly number[]): Tensor {
    if (this.ndim === 0) throw new ShapeError('unflatten: a tensor without dimensions has none to divide');
    const d = normalizeDim('unflatten', dim, this.ndim);
    const parts = resolveShape('unflatten', [this.shape[d]], sizes);
    return this.reshape([...this.shape.slice(0, d), ...parts, ...this.shape.slice(d + 1)]);
  }
  /** Without dimensions of size 1: all of them, or those named. */
  squeeze(dim?: number | readonly number[]): Tensor {
    const named =
      dim === undefined ? null : typeof dim === 'number' ? [dim] : listOf('squeeze', 'dimensions', dim);
    const drop = named?.map((d) => normalizeDim('squeeze', d, this.ndim)) ?? null;
    return this.reshape(this.shape.filter((s, d) => s !== 1 || (drop !== null && !drop.includes(d))));
  }
  /** With a dimension of size 1 in front of dimension `dim`; -1 puts it last. */
  unsqueeze(dim: number): Tensor {
    const at = normalizeDim('unsqueeze', dim, this.ndim + 1);
    return this.reshape([...this.shape.slice(0, at), 1, ...this.shape.slice(at)]);
  }

  /**
   * Dimensions in another order: `order[i]` says which one comes i-th.
   *
   * @throws ShapeError if it does not name every dimension once.
   */
  permute(order: readonly number[]): Tensor {
    if (!Array.isArray(order))
      throw new ArgumentError(
        `permute: an order is an array of dimensions, as in [1, 0]; got ${typeof order}`,
      );
    const dims = order.map((d) => normalizeDim('permute', d, this.ndim));
    if (dims.length !== this.ndim || new Set(dims).size !== dims.length) {
      throw new ShapeError(
        `permute: [${order.join(', ')}] is no order of the ${this.ndim} dimensions of ${showShape(this.shape)}`,
      );
    }
    return this.viewThrough({ kind: 'permute', order: dims });
  }
  /** Two dimensions in each other's place. */
  transpose(a: number, b: number): Tensor {
    const [x, y] = [normalizeDim('transpose', a, this.ndim), normalizeDim('transpose', b, this.ndim)];
    return this.permute(this.shape.map((_, d) => (d === x ? y : d === y ? x : d)));
  }
  swapaxes(a: number, b: number): Tensor {
    return this.transpose(a, b);
  }
  swapdims(a: number, b: number): Tensor {
    return this.transpose(a, b);
  }
  /** A matrix transposed. */
  t(): Tensor {
    if (this.ndim > 2)
      throw new ShapeError(
        `t: expected at most 2 dimensions, got ${showShape(this.shape)}; use transpose or permute`,
      );
    return this.ndim < 2 ? this.self : this.transpose(0, 1);
  }
  get T(): Tensor {
    return this.t();
  }
  /** Matrices transposed: the last two dimensions in each other's place. */
  get mT(): Tensor {
    if (this.ndim < 2)
      throw new ShapeError(`mT: expected at least 2 dimensions, got shape ${showShape(this.shape)}`);
    return this.transpose(-2, -1);
  }
  /**
   * Dimensions moved from `source` to `destination`, the others in their order.
   *
   * @example
   * ```ts
   * import { zeros } from 'hadal';
   * console.log(zeros([2, 3, 4]).movedim(0, -1).shape); // [ 3, 4, 2 ]
   * ```
   */
  movedim(source: number | readonly number[], destination: number | readonly number[]): Tensor {
    const list = (d: number | readonly number[]): number[] =>
      (typeof d === 'number' ? [d] : listOf('movedim', 'dimensions', d)).map((x) =>
        normalizeDim('movedim', x, this.ndim),
      );
    const [from, to] = [list(source), list(destination)];
    if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length)
      throw new ArgumentError(
        `movedim: expected as many different destinations as sources, got [${from.join(', ')}] and [${to.join(', ')}]`,
      );
    const rest = this.shape.map((_, d) => d).filter((d) => !from.includes(d));
    const order = this.shape.map((_, d) => (to.includes(d) ? from[to.indexOf(d)] : (rest.shift() ?? 0)));
    return this.permute(order);
  }
  moveaxis(source: number | readonly number[], destination: number | readonly number[]): Tensor {
    return this.movedim(source, destination);
  }

  /** Dimensions of size 1 repeated without copying; -1 keeps a size, new dimensions come in front. A view that cannot be written to. */
  expand(shape: readonly number[]): Tensor {
    const full = expandShape(this.shape, shape);
    const lead = full.length - this.ndim;
    const wide = lead > 0 ? this.reshape([...new Array<number>(lead).fill(1), ...this.shape]) : this.self;
    return wide.viewThrough({ kind: 'expand', shape: full });
  }
  expandAs(other: Tensor): Tensor {
    return this.expand(tensorOf('expandAs', other).shape);
  }
  broadcastTo(shape: readonly number[]): Tensor {
    return this.expand(shape);
  }

  /** `length` elements from `start` along a dimension. A view. */
  narrow(dim: number, start: number, length: number): Tensor {
    return this.viewThrough(narrowStep(this.shape, dim, start, length));
  }
  /**
   * Pieces along a dimension as views: of `size` each, the last one smaller if need be, or of the sizes in a list.
   *
   * @throws ShapeError if a list does not add up to the dimension.
   * @example
   * ```ts
   * import { arange } from 'hadal';
   * console.log(arange(5).split(2).map((t) => t.tolistSync())); // [ [ 0, 1 ], [ 2, 3 ], [ 4 ] ]
   * ```
   */
  split(size: number | readonly number[], dim = 0): Tensor[] {
    const d = normalizeDim('split', dim, this.ndim);
    return this.piecesOf(
      splitSizes('split', this.shape, d, typeof size === 'number' ? size : listOf('split', 'sizes', size)),
      d,
    );
  }
  private piecesOf(sizes: readonly number[], dim: number): Tensor[] {
    let at = 0;
    return sizes.map((n) => {
      at += n;
      return this.narrow(dim, at - n, n);
    });
  }
  /** At most `count` pieces of one size along a dimension, the last one smaller if need be. */
  chunk(count: number, dim = 0): Tensor[] {
    if (!Number.isInteger(count) || count < 1 || (count > MAX_PIECES && this.numel() === 0))
      throw new ArgumentError(`chunk: expected 1 to ${MAX_PIECES} pieces, got ${count}`);
    const d = normalizeDim('chunk', dim, this.ndim);
    if (this.ndim === 0) throw new ShapeError('chunk: a tensor without dimensions has nothing to divide');
    const n = this.shape[d];
    if (n === 0) return this.piecesOf(new Array<number>(count).fill(0), d);
    return this.split(Math.ceil(n / count), d);
  }
  /** Exactly `count` pieces whose sizes differ by at most 1, or pieces between the given positions. */
  tensorSplit(count: number | readonly number[], dim = 0): Tensor[] {
    const d = normalizeDim('tensorSplit', dim, this.ndim);
    if (this.ndim === 0)
      throw new ShapeError('tensorSplit: a tensor without dimensions has nothing to divide');
    const n = this.shape[d];
    if (typeof count === 'number') {
      if (!Number.isInteger(count) || count < 1 || count > MAX_PIECES)
        throw new ArgumentError(`tensorSplit: expected 1 to ${MAX_PIECES} pieces, got ${count}`);
      const sizes = Array.from({ length: count }, (_, i) => Math.floor(n / count) + (i < n % count ? 1 : 0));
      return this.piecesOf(sizes, d);
    }
    const at = (v: number): number => Math.min(Math.max(v < 0 ? v + n : v, 0), n);
    const cuts = [0, ...listOf('tensorSplit', 'positions', count).map(at), n];
    return cuts.slice(1).map((end, i) => this.narrow(d, cuts[i], Math.max(0, end - cuts[i])));
  }
  /** All slices along a dimension, which goes away. */
  unbind(dim = 0): Tensor[] {
    const d = normalizeDim('unbind', dim, this.ndim);
    if (this.ndim === 0) throw new ShapeError('unbind: a tensor without dimensions has no slices');
    return Array.from({ length: this.shape[d] }, (_, i) => this.narrow(d, i, 1).squeeze(d));
  }

  /**
   * The elements whose places in two dimensions differ by `offset`, as a last dimension. A view.
   *
   * @example
   * ```ts
   * import { arange } from 'hadal';
   * console.log(arange(9).reshape([3, 3]).diagonal(1).tolistSync()); // [ 1, 5 ]
   * ```
   */
  diagonal(offset = 0, dim1 = 0, dim2 = 1): Tensor {
    const [a, b] = [normalizeDim('diagonal', dim1, this.ndim), normalizeDim('diagonal', dim2, this.ndim)];
    if (this.ndim < 2 || a === b)
      throw new ShapeError(
        `diagonal: expected two different dimensions, got ${dim1} and ${dim2} of shape ${showShape(this.shape)}`,
      );
    const rest = this.shape.map((_, d) => d).filter((d) => d !== a && d !== b);
    const [row, column] = [Math.max(0, -offset), Math.max(0, offset)];
    const count = Math.max(0, Math.min(this.shape[a] - row, this.shape[b] - column));
    const [batch, at] = [rest.map((d) => this.shape[d]), rest.length];
    const square = this.permute([...rest, a, b])
      .narrow(at, count === 0 ? 0 : row, count)
      .narrow(at + 1, count === 0 ? 0 : column, count);
    const flat = square.reshape([...batch, count * count]);
    // On a flat square the diagonal lies count + 1 apart.
    return flat.viewThrough({
      kind: 'slice',
      starts: [...batch.map(() => 0), 0],
      steps: [...batch.map(() => 1), count + 1],
      shape: [...batch, count],
    });
  }

  /**
   * All windows of `size` elements, `step` apart, along a dimension: that dimension counts windows, a new last one their elements.
   *
   * @throws ShapeError if the dimension is smaller than a window.
   * @example
   * ```ts
   * import { arange } from 'hadal';
   * console.log(arange(5).unfold(0, 3, 1).tolistSync()); // [ [ 0, 1, 2 ], [ 1, 2, 3 ], [ 2, 3, 4 ] ]
   * ```
   */
  unfold(dim: number, size: number, step: number): Tensor {
    const d = normalizeDim('unfold', dim, this.ndim);
    if (this.ndim === 0) return this.reshape([1]).unfold(0, size, step).squeeze(0);
    const n = this.shape[d];
    if (!Number.isInteger(size) || !Number.isInteger(step) || size < 1 || step < 1)
      throw new ArgumentError(`unfold: expected a size and a step of at least 1, got ${size} and ${step}`);
    if (size > n)
      throw new ShapeError(
        `unfold: windows of ${size} do not fit into dimension ${dim} of ${showShape(this.shape)}`,
      );
    const [head, tail] = [this.shape.slice(0, d), this.shape.slice(d + 1)];
    const windows = Math.floor((n - size) / step) + 1;
    if (size === step) {
      const split = this.narrow(d, 0, windows * size).reshape([...head, windows, size, ...tail]);
      return split.movedim(d + 1, -1);
    }
    // The gradient of windows is a sum over the places in one.
    if (size <= MAX_WINDOW) {
      const last = this.movedim(d, -1).viewThrough({ kind: 'windows', size, step });
      return last.movedim(-2, d);
    }
    // Copies of the line in rows of n + 1: row j starts j elements later, so its element i is element i + j of the line.
    const copies = Math.ceil((size * (n + 1)) / n);
    const line = this.reshape([...head, 1, n, ...tail]).expand([...head, copies, n, ...tail]);
    const rows = line
      .reshape([...head, copies * n, ...tail])
      .narrow(d, 0, size * (n + 1))
      .reshape([...head, size, n + 1, ...tail]);
    const picked = rows.viewThrough({
      kind: 'slice',
      starts: rows.shape.map(() => 0),
      steps: rows.shape.map((_, i) => (i === d + 1 ? step : 1)),
      shape: [...head, size, windows, ...tail],
    });
    return picked.movedim(d, -1);
  }

  /** This tensor if it is all of its memory, else a copy with memory of its own. */
  contiguous(): Tensor {
    return this.isContiguous() ? this.self : this.wrap(this.ops.copy(this.value));
  }
  /** Whether the elements lie in memory in row-major order, without others between them. */
  isContiguous(): boolean {
    return this.isWhole || this.value.node === this.storage.node;
  }
  /** How far apart neighbours along a dimension lie in row-major order; memory is the compiler's to lay out. */
  stride(): number[];
  stride(dim: number): number;
  stride(dim?: number): number[] | number {
    const all = this.shape.map((_, d) => numel(this.shape.slice(d + 1)));
    return dim === undefined ? all : all[normalizeDim('stride', dim, this.ndim)];
  }
}

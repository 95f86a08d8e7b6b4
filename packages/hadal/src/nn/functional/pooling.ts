/** Pooling: one number of each window. */

import type { Value } from '../../autograd/value.js';
import { windowCount } from '../../base/attributes.js';
import { dtypeInfo, isFloat, wideDType } from '../../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { showShape } from '../../base/shape.js';
import { checkTensor, checkTensors, listOf } from '../../tensor/given.js';
import { fromTypedArray, Tensor } from '../../tensor/index.js';
import { type Sizes, sizeList } from './convolution.js';

export interface PoolOptions {
  /** Steps between windows; the window's size if not given. */
  readonly stride?: Sizes;
  /** Rows added on both sides, at most half of the window. */
  readonly padding?: Sizes;
  /** Whether a last window that hangs over the edge counts. */
  readonly ceilMode?: boolean;
}

export interface MaxPoolOptions extends PoolOptions {
  /** Steps between elements of a window; 1 if not given. */
  readonly dilation?: Sizes;
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts as zeros of the window (the default) or not at all. */
  readonly countIncludePad?: boolean;
}

interface Windows {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly counts: readonly number[];
}

function windowsOf(
  op: string,
  input: Tensor,
  kernelSize: Sizes,
  rank: number,
  options: MaxPoolOptions,
): Windows {
  checkTensor(op, 'the input', input);
  if (input.ndim !== rank + 2 && input.ndim !== rank + 1) {
    throw new ShapeError(
      `${op}: the input has ${rank + 2} dimensions ([N, C, ...]) or ${rank + 1} without a batch, got ${showShape(input.shape)}`,
    );
  }
  const sizes = sizeList(op, 'kernelSize', kernelSize, rank, 1);
  const strides = sizeList(op, 'stride', options.stride ?? sizes, rank, 1);
  const dilations = sizeList(op, 'dilation', options.dilation ?? 1, rank, 1);
  const low = sizeList(op, 'padding', options.padding ?? 0, rank, 0);
  const space = input.shape.slice(input.ndim - rank);
  const reach = sizes.map((s, i) => (s - 1) * dilations[i] + 1);
  low.forEach((p, i) => {
    if (p > reach[i] / 2)
      throw new ArgumentError(`${op}: padding ${p} is more than half of the window of ${reach[i]}`);
  });
  const counts = space.map((size, i) => {
    const padded = size + 2 * low[i];
    let count = windowCount(padded, reach[i], strides[i]);
    // The first window may be the last and reach over the end as well.
    if (options.ceilMode) {
      const all = Math.ceil((padded - reach[i]) / strides[i]) + 1;
      // A last window starts inside of the input or of the padding before it.
      count = (all - 1) * strides[i] >= size + low[i] ? all - 1 : all;
    }
    if (count < 1)
      throw new ShapeError(
        `${op}: a window that reaches over ${reach[i]} does not fit into ${padded} of ${showShape(input.shape)} (padding included)`,
      );
    return count;
  });
  const high = counts.map((n, i) => Math.max((n - 1) * strides[i] + reach[i] - low[i] - space[i], 0));
  return { sizes, strides, dilations, low, high, counts };
}

/** The input with `value` around its last dimensions. */
function surrounded(x: Tensor, w: Windows, value: number): Value {
  const { ops } = x.workspace;
  if ([...w.low, ...w.high].every((p) => p === 0)) return x.value;
  const lead = x.ndim - w.low.length;
  const low = x.shape.map((_, d) => (d < lead ? 0 : w.low[d - lead]));
  const shape = x.shape.map((s, d) => (d < lead ? s : s + w.low[d - lead] + w.high[d - lead]));
  const between = x.shape.map(() => 0);
  const padded = ops.pad(x.value, low, between, shape);
  if (value === 0) return padded;
  const isInside = ops.pad(ops.constant(1, 'bool', x.shape), low, between, shape);
  return ops.where(isInside, padded, ops.constant(value, x.dtype, shape));
}

function maxPool(op: string, rank: number, x: Tensor, kernelSize: Sizes, options: MaxPoolOptions): Tensor {
  if (x.dtype === 'bool')
    throw new DTypeError(`${op}: bool tensors have no order; convert with .to('uint8')`);
  const w = windowsOf(op, x, kernelSize, rank, options);
  const lowest = isFloat(x.dtype) ? Number.NEGATIVE_INFINITY : Number(dtypeInfo[x.dtype].min);
  const v = surrounded(x, w, lowest);
  return Tensor.of(x.workspace, x.workspace.ops.maxPool(v, w));
}

/**
 * How many elements each window along a dimension has; beyond the padding at the end nothing counts.
 */
function windowLengths(size: number, w: Windows, i: number, withPadding: boolean): number[] {
  return Array.from({ length: w.counts[i] }, (_, n) => {
    const start = n * w.strides[i] - w.low[i];
    const end = Math.min(start + w.sizes[i], size + w.low[i]);
    return withPadding ? end - start : Math.min(end, size) - Math.max(start, 0);
  });
}

function avgPool(op: string, rank: number, x: Tensor, kernelSize: Sizes, options: AvgPoolOptions): Tensor {
  if (!isFloat(x.dtype))
    throw new DTypeError(
      `${op}: only float tensors have a mean here, got ${x.dtype}; convert with .to('float32')`,
    );
  const wide = wideDType(x.dtype);
  if (wide !== x.dtype) return avgPool(op, rank, x.to(wide), kernelSize, options).to(x.dtype);
  const w = windowsOf(op, x, kernelSize, rank, options);
  const lead = x.ndim - rank;
  let out = Tensor.of(x.workspace, x.workspace.ops.sumPool(surrounded(x, w, 0), w));
  const lengths = w.counts.map((_, i) =>
    windowLengths(x.shape[lead + i], w, i, options.countIncludePad ?? true),
  );
  // Windows of one length in all dimensions are divided by a number.
  if (lengths.every((list) => list.every((n) => n === list[0])))
    return out.div(lengths.reduce((n, list) => n * list[0], 1));
  lengths.forEach((list, i) => {
    const shape = list.length === 0 ? [] : [list.length, ...new Array<number>(rank - 1 - i).fill(1)];
    out = out.div(fromTypedArray(Float32Array.from(list), shape).to(x.dtype));
  });
  return out;
}

/** The largest of every `kernelSize` elements; [N, C, L] to [N, C, floor((L + 2 padding - kernelSize) / stride) + 1]. */
export function maxPool1d(x: Tensor, kernelSize: Sizes, options: MaxPoolOptions = {}): Tensor {
  checkTensors('maxPool1d', { x }, options);
  return maxPool('maxPool1d', 1, x, kernelSize, options);
}

/**
 * The largest element of each window.
 *
 * @param x [N, C, H, W] or [C, H, W]
 * @param kernelSize height and width of a window, or one number for both
 * @returns [N, C, OH, OW] with OH = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1, and OW likewise
 * @throws ShapeError if no window fits; ArgumentError for options out of range.
 * @example
 * ```ts
 * import { functional as F, tensor } from 'hadal';
 * console.log(F.maxPool2d(tensor([[[1, 2], [3, 4]]]), 2).tolistSync()); // [ [ [ 4 ] ] ]
 * ```
 */
export function maxPool2d(x: Tensor, kernelSize: Sizes, options: MaxPoolOptions = {}): Tensor {
  checkTensors('maxPool2d', { x }, options);
  return maxPool('maxPool2d', 2, x, kernelSize, options);
}

/** The mean of every `kernelSize` elements; see `avgPool2d`. */
export function avgPool1d(x: Tensor, kernelSize: Sizes, options: AvgPoolOptions = {}): Tensor {
  checkTensors('avgPool1d', { x }, options);
  return avgPool('avgPool1d', 1, x, kernelSize, options);
}

/**
 * The mean of each window; shapes as for `maxPool2d`.
 *
 * @throws ShapeError if no window fits; ArgumentError for options out of range; DTypeError for integers.
 */
export function avgPool2d(x: Tensor, kernelSize: Sizes, options: AvgPoolOptions = {}): Tensor {
  checkTensors('avgPool2d', { x }, options);
  return avgPool('avgPool2d', 2, x, kernelSize, options);
}

/** The largest element of each window of [N, C, D, H, W] or [C, D, H, W]; see `maxPool2d`. */
export function maxPool3d(x: Tensor, kernelSize: Sizes, options: MaxPoolOptions = {}): Tensor {
  checkTensors('maxPool3d', { x }, options);
  return maxPool('maxPool3d', 3, x, kernelSize, options);
}

/** The mean of each window of [N, C, D, H, W] or [C, D, H, W]; see `avgPool2d`. */
export function avgPool3d(x: Tensor, kernelSize: Sizes, options: AvgPoolOptions = {}): Tensor {
  checkTensors('avgPool3d', { x }, options);
  return avgPool('avgPool3d', 3, x, kernelSize, options);
}

export interface LPPoolOptions {
  /** Steps between windows; the window's size if not given. */
  readonly stride?: Sizes;
  /** Whether a last window that hangs over the edge counts. */
  readonly ceilMode?: boolean;
}

function lpPool(
  op: string,
  rank: number,
  x: Tensor,
  normType: number,
  kernelSize: Sizes,
  options: LPPoolOptions,
): Tensor {
  if (typeof normType !== 'number' || normType === 0 || Number.isNaN(normType))
    throw new ArgumentError(`${op}: normType is a number other than 0, got ${normType}`);
  const mean = avgPool(op, rank, x.pow(normType), kernelSize, options);
  const count = sizeList(op, 'kernelSize', kernelSize, rank, 1).reduce((n, s) => n * s, 1);
  return mean
    .sign()
    .mul(mean.abs().relu())
    .mul(count)
    .pow(1 / normType);
}

/** (sum x^p)^(1/p) of each window of [N, C, L] or [C, L]; of negative x and odd p as in PyTorch. */
export function lpPool1d(
  x: Tensor,
  normType: number,
  kernelSize: Sizes,
  options: LPPoolOptions = {},
): Tensor {
  checkTensors('lpPool1d', { x }, options);
  return lpPool('lpPool1d', 1, x, normType, kernelSize, options);
}

/**
 * (sum x^p)^(1/p) of each window of [N, C, H, W] or [C, H, W].
 *
 * @example
 * ```ts
 * import { functional as F, tensor } from 'hadal';
 * console.log(F.lpPool2d(tensor([[[3, 4], [0, 0]]]), 2, 2).tolistSync()); // [ [ [ 5 ] ] ]
 * ```
 */
export function lpPool2d(
  x: Tensor,
  normType: number,
  kernelSize: Sizes,
  options: LPPoolOptions = {},
): Tensor {
  checkTensors('lpPool2d', { x }, options);
  return lpPool('lpPool2d', 2, x, normType, kernelSize, options);
}

/** From where to where window `i` of `count` goes over `size` elements. */
function adaptiveWindow(i: number, count: number, size: number): readonly [number, number] {
  return [Math.floor((i * size) / count), Math.ceil(((i + 1) * size) / count)];
}

/** Elements of all windows along a dimension. */
const MOST_WINDOWS = 2 ** 28;

function outputSizes(op: string, x: Tensor, outputSize: number | readonly (number | null)[]): number[] {
  if (x.ndim !== 3 && x.ndim !== 4)
    throw new ShapeError(`${op}: the input is [N, C, H, W] or [C, H, W], got ${showShape(x.shape)}`);
  const space = x.shape.slice(-2);
  const list = typeof outputSize === 'number' ? [outputSize, outputSize] : listOf(op, 'sizes', outputSize);
  const sizes = sizeList(
    op,
    'outputSize',
    list.map((s, i) => s ?? space[i]),
    2,
    1,
  );
  if (space.includes(0)) throw new ShapeError(`${op}: the image is empty: ${showShape(x.shape)}`);
  // Windows of every output are listed.
  if (sizes.some((n, i) => n * space[i] > MOST_WINDOWS))
    throw new ArgumentError(
      `${op}: an output of ${showShape(sizes)} is too large for an input of ${showShape(space)}`,
    );
  return sizes;
}

function isEven(space: Shape, sizes: readonly number[]): boolean {
  return space.every((s, i) => s % sizes[i] === 0);
}

/**
 * The mean of windows that divide the image into `outputSize` parts, as even as can be.
 *
 * @param x [N, C, H, W] or [C, H, W]
 * @param outputSize [OH, OW], or one number for both; null keeps a size
 * @returns [N, C, OH, OW]
 * @example
 * ```ts
 * import { functional as F, ones } from 'hadal';
 * console.log(F.adaptiveAvgPool2d(ones([1, 8, 7, 5]), 1).shape); // [ 1, 8, 1, 1 ]
 * ```
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: number | readonly (number | null)[]): Tensor {
  checkTensors('adaptiveAvgPool2d', { x });
  const sizes = outputSizes('adaptiveAvgPool2d', x, outputSize);
  const space = x.shape.slice(-2);
  if (sizes.every((s) => s === 1)) {
    // One long row in place of several short ones.
    const lead = x.shape.slice(0, -2);
    return x
      .reshape([...lead, space[0] * space[1]])
      .mean(-1)
      .reshape([...lead, 1, 1]);
  }
  if (isEven(space, sizes)) return avgPool2d(x, [space[0] / sizes[0], space[1] / sizes[1]]);
  // Rows of weights: y = A x B^T.
  const weights = (size: number, count: number): Tensor => {
    const data = new Float32Array(count * size);
    for (let i = 0; i < count; i++) {
      const [from, to] = adaptiveWindow(i, count, size);
      data.fill(1 / (to - from), i * size + from, i * size + to);
    }
    return fromTypedArray(data, [count, size]).to(x.dtype);
  };
  return weights(space[0], sizes[0]).matmul(x).matmul(weights(space[1], sizes[1]).t());
}

/** The largest element of windows as in `adaptiveAvgPool2d`. */
export function adaptiveMaxPool2d(x: Tensor, outputSize: number | readonly (number | null)[]): Tensor {
  checkTensors('adaptiveMaxPool2d', { x });
  const sizes = outputSizes('adaptiveMaxPool2d', x, outputSize);
  const space = x.shape.slice(-2);
  if (isEven(space, sizes)) return maxPool2d(x, [space[0] / sizes[0], space[1] / sizes[1]]);
  // Windows side by side, the shorter ones filled up with their last element.
  let wide = x;
  const reach = sizes.map((count, i) => {
    const windows = Array.from({ length: count }, (_, w) => adaptiveWindow(w, count, space[i]));
    const longest = Math.max(...windows.map(([from, to]) => to - from));
    const positions = windows.flatMap(([from, to]) =>
      Array.from({ length: longest }, (_, j) => BigInt(Math.min(from + j, to - 1))),
    );
    const index = fromTypedArray(BigInt64Array.from(positions), [positions.length]);
    const dim = x.ndim - 2 + i;
    wide = Tensor.of(wide.workspace, wide.workspace.ops.indexSelect(wide.value, dim, index.value));
    return longest;
  });
  return maxPool2d(wide, reach);
}

/** As a picture of one row. */
function asRow(op: string, x: Tensor): Tensor {
  if (x.ndim !== 2 && x.ndim !== 3)
    throw new ShapeError(`${op}: the input is [N, C, L] or [C, L], got ${showShape(x.shape)}`);
  return x.unsqueeze(-2);
}

/** The mean of windows that divide [N, C, L] or [C, L] into `outputSize` parts; null keeps the size. */
export function adaptiveAvgPool1d(x: Tensor, outputSize: number | null): Tensor {
  checkTensors('adaptiveAvgPool1d', { x });
  return adaptiveAvgPool2d(asRow('adaptiveAvgPool1d', x), [1, outputSize]).squeeze(-2);
}

/** The largest element of windows as in `adaptiveAvgPool1d`. */
export function adaptiveMaxPool1d(x: Tensor, outputSize: number | null): Tensor {
  checkTensors('adaptiveMaxPool1d', { x });
  return adaptiveMaxPool2d(asRow('adaptiveMaxPool1d', x), [1, outputSize]).squeeze(-2);
}

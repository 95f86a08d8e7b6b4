/**
 * Convolutions (cross-correlations, as everywhere in the field) over one, two or three dimensions, and their transposes. They run as
 * implicit gemm: windows are never written to memory.
 */

import type { ConvDims } from '../../base/attributes.js';
import { convShape, dilatedSize } from '../../base/attributes.js';
import { isFloat } from '../../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { showShape } from '../../base/shape.js';
import { swapInGroups, turned } from '../../graph/ops/conv.js';
import { checkTensor, checkTensors, tensorOf } from '../../tensor/given.js';
import { Tensor } from '../../tensor/index.js';

/** One number for all dimensions, or one for each. */
export type Sizes = number | readonly number[];

export interface ConvOptions {
  /** Steps between windows; 1 if not given. */
  readonly stride?: Sizes;
  /** Zeros on both sides; 'valid' for none, 'same' for as many as keep the size (stride 1 only, the odd one at the end). */
  readonly padding?: Sizes | 'same' | 'valid';
  /** Steps between elements of the kernel; 1 if not given. */
  readonly dilation?: Sizes;
  /** Channels and features fall into this many groups; 1 if not given. */
  readonly groups?: number;
}

export interface ConvTransposeOptions extends Omit<ConvOptions, 'padding'> {
  readonly padding?: Sizes;
  /** Zeros added at the end of the result, to tell apart sizes that the same stride leads to. */
  readonly outputPadding?: Sizes;
}

/** A list of `rank` integers of at least `least`. */
export function sizeList(op: string, name: string, given: Sizes, rank: number, least: number): number[] {
  const list = Array.isArray(given) ? [...given] : new Array<number>(rank).fill(given as number);
  if (list.length !== rank || list.some((v) => !Number.isInteger(v) || v < least)) {
    const what = rank === 1 ? 'an integer' : `an integer or ${rank} of them`;
    throw new ArgumentError(
      `${op}: ${name} is ${what}, ${least} or more; got ${Array.isArray(given) ? showShape(given) : JSON.stringify(given)}`,
    );
  }
  return list;
}

/** Whether input and weight fit each other; `channels` and `features` are what the weight wants and gives. */
export function checkSizes(
  op: string,
  input: Shape,
  weight: Shape,
  rank: number,
  groups: number,
  channels: number,
  features: number,
): void {
  const letters = ['L', 'H, W', 'D, H, W'][rank - 1];
  if (weight.length !== rank + 2 || (input.length !== rank + 2 && input.length !== rank + 1)) {
    throw new ShapeError(
      `${op}: input is [N, C, ${letters}] or [C, ${letters}] and weight has ${rank + 2} dimensions, ` +
        `got ${showShape(input)} and ${showShape(weight)}`,
    );
  }
  if (!Number.isInteger(groups) || groups < 1)
    throw new ArgumentError(`${op}: groups is a positive integer, got ${groups}`);
  const have = input[input.length - rank - 1];
  if (have !== channels || channels % groups !== 0 || features % groups !== 0) {
    throw new ShapeError(
      `${op}: weight ${showShape(weight)} with ${groups} groups wants ${channels} channels, input ${showShape(input)} has ${have}` +
        (have === channels ? '; channels and features must be multiples of groups' : ''),
    );
  }
}

function checkOperands(
  op: string,
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  rank: number,
  groups: number,
  channels: number,
  features: number,
): void {
  checkTensor(op, 'the input', input);
  checkSizes(op, input.shape, weight.shape, rank, groups, channels, features);
  if (bias !== null && (tensorOf(op, bias).ndim !== 1 || bias.shape[0] !== features))
    throw new ShapeError(`${op}: the bias is [${features}], got ${showShape(bias.shape)}`);
  for (const t of bias === null ? [weight] : [weight, bias]) {
    if (t.dtype !== input.dtype)
      throw new DTypeError(
        `${op}: input, weight and bias have one dtype, got ${input.dtype} and ${t.dtype}; convert with .to(...)`,
      );
  }
  if (input.dtype === 'bool' || (!isFloat(input.dtype) && (input.requiresGrad || weight.requiresGrad)))
    throw new DTypeError(`${op}: expected numbers, got ${input.dtype}; convert with .to('float32')`);
}

function withBias(x: Tensor, bias: Tensor | null, rank: number): Tensor {
  return bias === null ? x : x.add(bias.reshape([-1, ...new Array<number>(rank).fill(1)]));
}

/** An input without a batch as a batch of one, and back. */
function batched(input: Tensor, rank: number, body: (x: Tensor) => Tensor): Tensor {
  return input.ndim === rank + 2 ? body(input) : body(input.unsqueeze(0)).squeeze(0);
}

/** A padding by name, or a list of `rank` integers. */
export function paddingList(
  op: string,
  padding: Sizes | 'same' | 'valid',
  rank: number,
): number[] | 'same' | 'valid' {
  if (padding === 'same' || padding === 'valid') return padding;
  if (typeof padding === 'string')
    throw new ArgumentError(`${op}: padding is a number, a list, 'same' or 'valid', got '${padding}'`);
  return sizeList(op, 'padding', padding, rank, 0);
}

function paddingOf(
  op: string,
  padding: readonly number[] | 'same' | 'valid',
  strides: readonly number[],
  reach: readonly number[],
): { readonly low: readonly number[]; readonly high: readonly number[] } {
  if (padding === 'same') {
    if (strides.some((s) => s !== 1))
      throw new ArgumentError(`${op}: padding 'same' is for stride 1, got [${strides.join(', ')}]`);
    const low = reach.map((r) => Math.floor((r - 1) / 2));
    return { low, high: reach.map((r, i) => r - 1 - low[i]) };
  }
  const both = padding === 'valid' ? strides.map(() => 0) : padding;
  return { low: both, high: both };
}

/** The result's shape. */
export function checkResult(op: string, input: Shape, weight: Shape, dims: ConvDims): Shape {
  const shape = convShape(input, weight, dims);
  shape.slice(2).forEach((size, i) => {
    if (size > 0) return;
    const padded = input[i + 2] + dims.low[i] + dims.high[i];
    throw new ShapeError(
      `${op}: a kernel that reaches over ${dilatedSize(weight[i + 2], dims.rhsDilation[i])} does not fit into ` +
        `${padded} (dimension ${i + 2} of ${showShape(input)}, padding included)`,
    );
  });
  return shape;
}

/** What a convolution's options mean for a kernel of this shape. */
export function dimsOf(op: string, rank: number, weight: Shape, options: ConvOptions): ConvDims {
  const strides = sizeList(op, 'stride', options.stride ?? 1, rank, 1);
  const rhsDilation = sizeList(op, 'dilation', options.dilation ?? 1, rank, 1);
  const reach = weight.slice(2).map((k, i) => dilatedSize(k, rhsDilation[i]));
  if (reach.includes(0)) throw new ShapeError(`${op}: the kernel ${showShape(weight)} is empty`);
  const { low, high } = paddingOf(op, paddingList(op, options.padding ?? 0, rank), strides, reach);
  const lhsDilation = strides.map(() => 1);
  const featureGroups = options.groups ?? 1;
  return { strides, low, high, lhsDilation, rhsDilation, featureGroups, batchGroups: 1 };
}

function convolve(
  op: string,
  rank: number,
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvOptions,
): Tensor {
  const groups = options.groups ?? 1;
  checkOperands(op, input, weight, bias, rank, groups, (weight.shape[1] ?? 0) * groups, weight.shape[0] ?? 0);
  const dims = dimsOf(op, rank, weight.shape, options);
  return batched(input, rank, (x) => {
    checkResult(op, x.shape, weight.shape, dims);
    return withBias(Tensor.of(x.workspace, x.workspace.ops.conv(x.value, weight.value, dims)), bias, rank);
  });
}

/**
 * Convolution along one dimension.
 *
 * @param input [N, C, L] or [C, L]
 * @param weight [O, C / groups, K]
 * @param bias [O], or null for none
 * @returns [N, O, floor((L + 2 padding - dilation (K - 1) - 1) / stride) + 1]
 * @throws ShapeError, DTypeError if the operands do not fit; ArgumentError for options out of range.
 */
export function conv1d(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvOptions = {},
): Tensor {
  checkTensors('conv1d', { input, weight }, options);
  return convolve('conv1d', 1, input, weight, bias, options);
}

/**
 * Convolution of images.
 *
 * @param input [N, C, H, W] or [C, H, W]
 * @param weight [O, C / groups, KH, KW]
 * @param bias [O], or null for none
 * @returns [N, O, OH, OW] with OH = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1, and OW likewise
 * @throws ShapeError, DTypeError if the operands do not fit; ArgumentError for options out of range.
 * @example
 * ```ts
 * import { functional as F, ones } from 'hadal';
 * const y = F.conv2d(ones([1, 3, 8, 8]), ones([16, 3, 3, 3]), null, { stride: 2, padding: 1 });
 * console.log(y.shape); // [ 1, 16, 4, 4 ]
 * ```
 */
export function conv2d(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvOptions = {},
): Tensor {
  checkTensors('conv2d', { input, weight }, options);
  return convolve('conv2d', 2, input, weight, bias, options);
}

/** Convolution of volumes: input [N, C, D, H, W], weight [O, C / groups, KD, KH, KW]; see `conv2d`. */
export function conv3d(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvOptions = {},
): Tensor {
  checkTensors('conv3d', { input, weight }, options);
  return convolve('conv3d', 3, input, weight, bias, options);
}

function convolveTransposed(
  op: string,
  rank: number,
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvTransposeOptions,
): Tensor {
  const groups = options.groups ?? 1;
  checkOperands(op, input, weight, bias, rank, groups, weight.shape[0] ?? 0, (weight.shape[1] ?? 0) * groups);
  const strides = sizeList(op, 'stride', options.stride ?? 1, rank, 1);
  const rhsDilation = sizeList(op, 'dilation', options.dilation ?? 1, rank, 1);
  const padding = sizeList(op, 'padding', options.padding ?? 0, rank, 0);
  const extra = sizeList(op, 'outputPadding', options.outputPadding ?? 0, rank, 0);
  if (extra.some((e, i) => e >= Math.max(strides[i], rhsDilation[i])))
    throw new ArgumentError(`${op}: outputPadding must be smaller than stride or dilation`);
  const reach = weight.shape.slice(2).map((k, i) => dilatedSize(k, rhsDilation[i]));
  const low = reach.map((r, i) => r - 1 - padding[i]);
  const dims = {
    strides: strides.map(() => 1),
    low,
    high: low.map((l, i) => l + extra[i]),
    lhsDilation: strides,
    rhsDilation,
    featureGroups: groups,
    batchGroups: 1,
  };
  const { ops } = input.workspace;
  // [C, O / groups, ...] to [O, C / groups, ...], walked backwards.
  const kernel = turned(ops, swapInGroups(ops, weight.value, groups));
  return batched(input, rank, (x) => {
    checkResult(op, x.shape, kernel.shape, dims);
    return withBias(Tensor.of(x.workspace, ops.conv(x.value, kernel, dims)), bias, rank);
  });
}

/** The transpose of `conv1d`: input [N, C, L], weight [C, O / groups, K]; see `convTranspose2d`. */
export function convTranspose1d(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvTransposeOptions = {},
): Tensor {
  checkTensors('convTranspose1d', { input, weight }, options);
  return convolveTransposed('convTranspose1d', 1, input, weight, bias, options);
}

/**
 * The transpose of `conv2d`, which makes images larger: the gradient of a convolution as a layer; Zeiler et al. 2010.
 *
 * @param input [N, C, H, W] or [C, H, W]
 * @param weight [C, O / groups, KH, KW]
 * @param bias [O], or null for none
 * @returns [N, O, OH, OW] with OH = (H - 1) stride - 2 padding + dilation (KH - 1) + outputPadding + 1, and OW likewise
 * @throws ShapeError, DTypeError if the operands do not fit; ArgumentError for options out of range.
 * @example
 * ```ts
 * import { functional as F, ones } from 'hadal';
 * console.log(F.convTranspose2d(ones([1, 4, 5, 5]), ones([4, 2, 2, 2]), null, { stride: 2 }).shape); // [ 1, 2, 10, 10 ]
 * ```
 */
export function convTranspose2d(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  options: ConvTransposeOptions = {},
): Tensor {
  checkTensors('convTranspose2d', { input, weight }, options);
  return convolveTransposed('convTranspose2d', 2, input, weight, bias, options);
}

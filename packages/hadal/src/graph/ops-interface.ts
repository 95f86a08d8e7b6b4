/**
 * The ops of the graph as functions, over whatever stands for an array (`V`). VJPs are written against this interface, so that
 * one rule serves first gradients, second gradients and plain graph building. Shapes and dtypes are strict here: broadcasting
 * and promotion are the tensor layer's.
 */
import type { AttentionRoles, ConvDims, DotDims, WindowDims } from '../base/attributes.js';
import type { DType } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import type { Operand } from './op.js';
import type { ScanDims } from './regions/region.js';

export type UnaryName =
  | 'neg'
  | 'abs'
  | 'relu'
  | 'reciprocal'
  | 'sqrt'
  | 'rsqrt'
  | 'exp'
  | 'exp2'
  | 'expm1'
  | 'log'
  | 'log2'
  | 'log10'
  | 'log1p'
  | 'erf'
  | 'erfc'
  | 'erfinv'
  | 'gelu'
  | 'geluSlope'
  | 'sigmoid'
  | 'sin'
  | 'cos'
  | 'tan'
  | 'asin'
  | 'acos'
  | 'atan'
  | 'sinh'
  | 'cosh'
  | 'tanh'
  | 'asinh'
  | 'acosh'
  | 'atanh'
  | 'floor'
  | 'ceil'
  | 'round'
  | 'trunc'
  | 'sign'
  | 'logicalNot'
  | 'bitwiseNot';
export type ArithmeticName =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'maximum'
  | 'minimum'
  | 'pow'
  | 'fmod'
  | 'remainder'
  | 'truncDivide'
  | 'floorDivide'
  | 'atan2'
  | 'bitwiseAnd'
  | 'bitwiseOr'
  | 'bitwiseXor'
  | 'bitwiseLeftShift'
  | 'bitwiseRightShift';
export type CompareName = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';
export type LogicalName = 'logicalAnd' | 'logicalOr';
export type ReduceName = 'sum' | 'prod' | 'max' | 'min';

export interface AttentionHow {
  readonly scale: number;
  readonly isCausal: boolean;
}

export interface Ops<V extends Operand> {
  unary(name: UnaryName, x: V): V;
  arithmetic(name: ArithmeticName, a: V, b: V): V;
  compare(name: CompareName, a: V, b: V): V;
  logical(name: LogicalName, a: V, b: V): V;
  where(condition: V, a: V, b: V): V;
  cast(x: V, dtype: DType): V;

  reshape(x: V, shape: Shape): V;
  permute(x: V, order: readonly number[]): V;
  expand(x: V, shape: Shape): V;
  /** start, start + step, ... in every dimension; steps may be negative. `shape` is the result's. */
  slice(x: V, starts: readonly number[], steps: readonly number[], shape: Shape): V;
  /** Zeros around and `interior` zeros between elements; `shape` is the result's. */
  pad(x: V, low: readonly number[], interior: readonly number[], shape: Shape): V;

  /** All windows over the last dimensions: [..., sizes] to [..., windows, window sizes]. */
  windows(x: V, dims: WindowDims): V;

  /** Parts of one shape side by side: part k has position k of every window of `sizes` over the last dimensions. */
  interleave(parts: readonly V[], sizes: readonly number[]): V;

  /** Reduced dimensions keep size 1. */
  reduce(name: ReduceName, x: V, dims: readonly number[]): V;
  /** Index of the first largest element along a dimension (NaN counts as largest), int64, size 1 there. */
  argmax(x: V, dim: number): V;
  dot(a: V, b: V, dims: DotDims): V;
  conv(input: V, kernel: V, dims: ConvDims): V;
  /**
   * softmax(scale q k^T + mask) v and the logarithm of each row's sum of exponentials: q [..., L, E], k [..., S, E], v [..., S, Ev], mask
   * and random numbers [..., L, S], all with the same leading dimensions.
   */
  attention(roles: AttentionRoles<V>, how: AttentionHow): readonly [output: V, logSum: V];
  /** Gradients of q, k and v. `delta`: the sum of gradient times output of each row, [..., L] as `logSum`. */
  attentionGrad(
    roles: AttentionRoles<V>,
    how: AttentionHow,
    given: { readonly grad: V; readonly logSum: V; readonly delta: V },
  ): readonly [q: V, k: V, v: V];
  /** The largest element of each window over the last dimensions: [..., sizes] to [..., windows]. */
  maxPool(x: V, dims: WindowDims): V;
  /** The sum of each window over the last dimensions: [..., sizes] to [..., windows]. Windows have no dilation. */
  sumPool(x: V, dims: WindowDims): V;
  /** out[..., j, ...] = x[..., index[..., j, ...], ...] along `dim`; other dimensions of `index` equal those of x. */
  gather(x: V, dim: number, index: V): V;
  /** x[..., index[j], ...] along `dim`; `index` has one dimension. */
  indexSelect(x: V, dim: number, index: V): V;
  /**
   * Zeros of `shape` with source[..., j, ...] added at [..., index[..., j, ...], ...] along `dim`. The other dimensions of `index` and
   * `source` may be smaller than those of `shape`.
   */
  scatterAdd(source: V, dim: number, index: V, shape: Shape): V;
  /** Zeros of `shape` with source[..., j, ...] added at [..., index[j], ...] along `dim`; `index` has one dimension. */
  indexAdd(source: V, dim: number, index: V, shape: Shape): V;
  /** x with source[..., j, ...] written at [..., index[..., j, ...], ...] along `dim`; of several the last one stays. */
  scatter(x: V, dim: number, index: V, source: V): V;

  /** Positions that sort x along a dimension, int64, or the first `count`; equal elements keep their order, NaN counts as largest. */
  argsort(x: V, dim: number, descending: boolean, count?: number): V;
  /** The sorted elements and the positions they come from, by the rules of `argsort`. */
  sort(x: V, dim: number, descending: boolean, count?: number): readonly [values: V, indices: V];
  /** Sums of all elements up to each one along a dimension. */
  cumsum(x: V, dim: number): V;
  /** y[i] = a[i] y[i - 1] + b[i] along a dimension, from y[-1] = 0; a and b have one shape and dtype. */
  recurrence(a: V, b: V, dim: number): V;
  /** The largest or smallest of all elements up to each one along a dimension, and its position: of equal ones the last. */
  runningExtremum(x: V, dim: number, which: 'max' | 'min'): readonly [values: V, indices: V];

  /**
   * Runs a region step by step. Operands: the first value of every carry, stacks with a slice for every step, invariants; results: the
   * last value of every carry, a stack of each other result of the region.
   */
  scan(dims: ScanDims, operands: readonly V[]): readonly V[];

  /** A constant baked into the kernel. */
  constant(value: number, dtype: DType, shape: Shape): V;
  /** 0, 1, 2, ... along `dim`, the same in all others. */
  iota(shape: Shape, dim: number, dtype: DType): V;
}

/** Reductions and what is made of them, on values. */
import type { AutogradOps } from '../autograd/ops.js';
import type { Value } from '../autograd/value.js';
import type { DType } from '../base/dtype.js';
import { checkDType, isFloat, wideDType } from '../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { normalizeDim, showShape } from '../base/shape.js';
import type { ReduceName } from '../graph/ops-interface.js';
import { take } from './arrangement.js';
import { isinf, isnan, unary } from './elementwise.js';
import { arithmetic, toFloat } from './promotion.js';

export type Dims = number | readonly number[] | undefined;

/** Dimensions as ascending numbers from 0; all of them where none is given or the list is empty, as in PyTorch. */
function resolveDims(op: string, rank: number, dim: Dims): number[] {
  if (dim === undefined || (Array.isArray(dim) && dim.length === 0))
    return Array.from({ length: rank }, (_, d) => d);
  if (typeof dim !== 'number' && !Array.isArray(dim))
    throw new ArgumentError(
      `${op}: dimensions are a number or a list of numbers, got ${dim === null ? 'null' : typeof dim}`,
    );
  const list = (typeof dim === 'number' ? [dim] : dim).map((d) => normalizeDim(op, d, rank));
  if (new Set(list).size !== list.length)
    throw new ArgumentError(`${op}: dimension named twice in [${list.join(', ')}]`);
  if (rank === 0) return [];
  return list.sort((a, b) => a - b);
}

export function dropDims(ops: AutogradOps, v: Value, dims: readonly number[], keepdim: boolean): Value {
  if (keepdim) return v;
  const rest = v.shape.filter((_, d) => !dims.includes(d));
  return ops.reshape(v, rest);
}

function reduceValue(ops: AutogradOps, name: ReduceName, v: Value, dims: readonly number[]): Value {
  return dims.length === 0 ? v : ops.reduce(name, v, dims);
}

/** Sum or product; integers and bools as int64 unless `dtype` says otherwise. */
export function accumulate(
  ops: AutogradOps,
  name: 'sum' | 'prod',
  x: Value,
  dim: Dims,
  keepdim: boolean,
  dtype?: DType,
): Value {
  const v = ops.cast(x, dtype === undefined ? accumulatorOf(x.dtype) : checkDType(dtype));
  const dims = resolveDims(name, v.shape.length, dim);
  return dropDims(ops, reduceValue(ops, name, v, dims), dims, keepdim);
}

/** The dtype in which elements add up and multiply. */
function accumulatorOf(dtype: DType): DType {
  return isFloat(dtype) ? dtype : 'int64';
}

export function checkFloat(op: string, dtype: DType): void {
  if (!isFloat(dtype))
    throw new DTypeError(
      `${op}: only float tensors have a ${op} here, this one is ${dtype}; convert with .to('float32')`,
    );
}

/**
 * A 16-bit float in float32, others as they are. The largest float16 is 65504, which the sum of a mean, or the squares of a norm, are
 * soon above though the result is not.
 */
function wide(ops: AutogradOps, x: Value): Value {
  return ops.cast(x, wideDType(x.dtype));
}

export function mean(ops: AutogradOps, x: Value, dim: Dims, keepdim: boolean, dtype?: DType): Value {
  const given = dtype === undefined ? x : ops.cast(x, checkDType(dtype));
  checkFloat('mean', given.dtype);
  const v = wide(ops, given);
  const dims = resolveDims('mean', v.shape.length, dim);
  const count = dims.reduce((n, d) => n * v.shape[d], 1);
  const total = reduceValue(ops, 'sum', v, dims);
  // The count is an argument of the kernel, so a last batch of another size needs no kernel of its own.
  const result = ops.arithmetic('div', total, ops.argument(count, v.dtype, total.shape));
  return dropDims(ops, ops.cast(result, given.dtype), dims, keepdim);
}

export function extremum(
  ops: AutogradOps,
  name: 'max' | 'min',
  x: Value,
  dim: Dims,
  keepdim: boolean,
): Value {
  const dims = resolveDims(`a${name}`, x.shape.length, dim);
  checkNotEmpty(`a${name}`, x.shape, dims);
  const v = x.dtype === 'bool' ? ops.cast(x, 'uint8') : x;
  return ops.cast(dropDims(ops, reduceValue(ops, name, v, dims), dims, keepdim), x.dtype);
}

function checkNotEmpty(op: string, shape: Shape, dims: readonly number[]): void {
  if (dims.some((d) => shape[d] === 0)) {
    throw new ShapeError(
      `${op}: dimension ${dims.find((d) => shape[d] === 0)} of ${showShape(shape)} is empty and has no extremum`,
    );
  }
}

/** Whether any or all elements are not zero. uint8 stays uint8, as in PyTorch. */
export function truth(ops: AutogradOps, name: 'any' | 'all', x: Value, dim: Dims, keepdim: boolean): Value {
  const dims = resolveDims(name, x.shape.length, dim);
  const ones = ops.cast(ops.cast(x, 'bool'), 'int32');
  const reduced = reduceValue(ops, name === 'any' ? 'max' : 'min', ones, dims);
  // Nothing gives the identity of max or min, whose sign says false or true.
  const hit = ops.compare('gt', reduced, ops.constant(0, 'int32', reduced.shape));
  return dropDims(ops, ops.cast(hit, x.dtype === 'uint8' ? 'uint8' : 'bool'), dims, keepdim);
}

export function countNonzero(ops: AutogradOps, x: Value, dim: Dims): Value {
  return accumulate(ops, 'sum', ops.cast(x, 'bool'), dim, false);
}

/** Position of the first largest or smallest element, int64, with size 1 along the dimension. */
function argExtremum(ops: AutogradOps, name: 'max' | 'min', x: Value, dim: number): Value {
  if (name === 'max') return ops.argmax(x, dim);
  // -x of the smallest int64 is itself; -1 - x turns the order of all integers around. NaN stays NaN and counts as largest.
  const turned = isFloat(x.dtype)
    ? unary(ops, 'neg', x)
    : ops.arithmetic('sub', ops.argument(-1, x.dtype, x.shape), x);
  return ops.argmax(turned, dim);
}

export function argReduce(
  ops: AutogradOps,
  name: 'max' | 'min',
  x: Value,
  dim: number | undefined,
  keepdim: boolean,
): Value {
  const op = `arg${name}`;
  if (x.dtype === 'bool')
    throw new DTypeError(`${op}: bool tensors have no order; convert with .to('uint8')`);
  if (dim === undefined) {
    const flat = ops.reshape(x, [x.shape.reduce((a, b) => a * b, 1)]);
    checkNotEmpty(op, flat.shape, [0]);
    return ops.reshape(argExtremum(ops, name, flat, 0), keepdim ? x.shape.map(() => 1) : []);
  }
  const d = normalizeDim(op, dim, x.shape.length);
  if (x.shape.length === 0) return ops.constant(0, 'int64', []);
  checkNotEmpty(op, x.shape, [d]);
  return dropDims(ops, argExtremum(ops, name, x, d), [d], keepdim);
}

/** Extremes along a dimension with their positions; gradients go to those positions alone. */
export function extremumAt(
  ops: AutogradOps,
  name: 'max' | 'min',
  x: Value,
  dim: number,
  keepdim: boolean,
): readonly [values: Value, indices: Value] {
  const d = normalizeDim(name, dim, x.shape.length);
  if (x.shape.length === 0) return [ops.copy(x), ops.constant(0, 'int64', [])];
  checkNotEmpty(name, x.shape, [d]);
  const at = argExtremum(ops, name, x.dtype === 'bool' ? ops.cast(x, 'uint8') : x, d);
  return [dropDims(ops, ops.gather(x, d, at), [d], keepdim), dropDims(ops, at, [d], keepdim)];
}

// --- spread and size -----------------------------------------------------------------------------------------------------------

/** sqrt whose gradient at 0 is 0, as PyTorch's standard deviation and norms have it. */
function rootOrZero(ops: AutogradOps, v: Value): Value {
  const zero = ops.constant(0, v.dtype, v.shape);
  const none = ops.compare('eq', v, zero);
  return ops.where(none, zero, ops.unary('sqrt', ops.where(none, ops.constant(1, v.dtype, v.shape), v)));
}

export interface Moments {
  readonly mean: Value;
  readonly var: Value;
  readonly std: Value;
}

/** Mean, variance and its root, with the sum of squared distances divided by the count less `correction`. */
export function moments(
  ops: AutogradOps,
  op: string,
  x: Value,
  dim: Dims,
  keepdim: boolean,
  correction: number,
): Moments {
  checkFloat(op, x.dtype);
  const v = wide(ops, x);
  const dims = resolveDims(op, v.shape.length, dim);
  const count = dims.reduce((n, d) => n * v.shape[d], 1);
  const center = mean(ops, v, dims, true);
  const distance = ops.arithmetic('sub', v, ops.expand(center, v.shape));
  const total = reduceValue(ops, 'sum', ops.arithmetic('mul', distance, distance), dims);
  const divisor = ops.argument(Math.max(count - correction, 0), v.dtype, total.shape);
  const variance = ops.arithmetic('div', total, divisor);
  const finish = (result: Value): Value => dropDims(ops, ops.cast(result, x.dtype), dims, keepdim);
  return { mean: finish(center), var: finish(variance), std: finish(rootOrZero(ops, variance)) };
}

/** (sum |x|^p)^(1/p); the largest magnitude for p = Infinity, the smallest for -Infinity, the count of non-zeros for 0. */
export function norm(ops: AutogradOps, given: Value, p: number, dim: Dims, keepdim: boolean): Value {
  checkFloat('norm', given.dtype);
  const x = wide(ops, given);
  const dims = resolveDims('norm', x.shape.length, dim);
  const finish = (v: Value): Value => dropDims(ops, ops.cast(v, given.dtype), dims, keepdim);
  const total = (v: Value): Value => reduceValue(ops, 'sum', v, dims);
  const size = (): Value => ops.unary('abs', x);
  if (Number.isNaN(p)) throw new ArgumentError('norm: p is NaN; expected a number, Infinity or -Infinity');
  if (Math.abs(p) === Number.POSITIVE_INFINITY)
    return ops.cast(extremum(ops, p > 0 ? 'max' : 'min', size(), dim, keepdim), given.dtype);
  if (p === 0) return finish(total(ops.cast(ops.cast(x, 'bool'), x.dtype)));
  if (p === 1) return finish(total(size()));
  if (p === 2) return finish(rootOrZero(ops, total(ops.arithmetic('mul', x, x))));
  // Where x is 0 its power has no gradient below p = 1; PyTorch takes 0.
  const zero = ops.constant(0, x.dtype, x.shape);
  const none = ops.compare('eq', x, zero);
  const safe = ops.where(none, ops.constant(1, x.dtype, x.shape), size());
  const powers = arithmetic(ops, 'pow', safe, ops.argument(p, x.dtype, x.shape));
  const sum = total(p > 0 ? ops.where(none, zero, powers) : infiniteWhere(ops, none, powers));
  const empty = ops.compare('eq', sum, ops.constant(0, sum.dtype, sum.shape));
  const filled = ops.where(empty, ops.constant(1, sum.dtype, sum.shape), sum);
  const root = arithmetic(ops, 'pow', filled, ops.argument(1 / p, sum.dtype, sum.shape));
  return finish(ops.where(empty, ops.constant(0, sum.dtype, sum.shape), root));
}

/** 0 to a negative power is infinite. */
function infiniteWhere(ops: AutogradOps, none: Value, powers: Value): Value {
  return ops.where(none, ops.constant(Number.POSITIVE_INFINITY, powers.dtype, powers.shape), powers);
}

/** log(sum(exp(x))) without overflow on the way. */
export function logsumexp(ops: AutogradOps, x: Value, dim: Dims, keepdim: boolean): Value {
  const v = toFloat(x, ops);
  const dims = resolveDims('logsumexp', v.shape.length, dim);
  if (dims.length === 0) return ops.copy(v);
  const top = ops.detached(ops.reduce('max', ops.detached(v), dims));
  const finite = ops.logical('logicalOr', isinf(ops, top), isnan(ops, top));
  const shift = ops.where(finite, ops.constant(0, top.dtype, top.shape), top);
  const parts = ops.unary('exp', ops.arithmetic('sub', v, ops.expand(shift, v.shape)));
  const sum = ops.unary('log', ops.reduce('sum', parts, dims));
  return dropDims(ops, ops.arithmetic('add', sum, shift), dims, keepdim);
}

// --- running -------------------------------------------------------------------------------------------------------------------

/** The dtype of running results: the wanted one, which must be a number's, or that of sums. */
function runningType(op: string, own: DType, wanted: DType | undefined): DType {
  if (wanted === undefined) return accumulatorOf(own);
  if (checkDType(wanted) !== 'bool') return wanted;
  throw new DTypeError(`${op}: expected a dtype of numbers, got bool; any() and all() are for bools`);
}

export function cumsum(ops: AutogradOps, x: Value, dim: number, dtype?: DType): Value {
  const d = normalizeDim('cumsum', dim, x.shape.length);
  const v = ops.cast(x, runningType('cumsum', x.dtype, dtype));
  return v.shape.length === 0 ? ops.copy(v) : ops.cumsum(v, d);
}

/** Which elements have others before them along a dimension. */
function hasEarlier(ops: AutogradOps, shape: Shape, dim: number): Value {
  return ops.compare('gt', ops.iota(shape, dim, 'int32'), ops.constant(0, 'int32', shape));
}

/** Products of all elements up to each one: y[i] = x[i] y[i - 1] from y[0] = x[0], so that gradients through zeros are exact. */
export function cumprod(ops: AutogradOps, x: Value, dim: number, dtype?: DType): Value {
  const d = normalizeDim('cumprod', dim, x.shape.length);
  const v = ops.cast(x, runningType('cumprod', x.dtype, dtype));
  if (v.shape.length === 0) return ops.copy(v);
  const later = hasEarlier(ops, v.shape, d);
  const zero = ops.constant(0, v.dtype, v.shape);
  return ops.recurrence(ops.where(later, v, zero), ops.where(later, zero, v), d);
}

/** Extrema of all elements up to each one and where they were last; NaN is beyond everything. */
export function runningExtremum(
  op: string,
  ops: AutogradOps,
  x: Value,
  dim: number,
  which: 'max' | 'min',
): { readonly values: Value; readonly indices: Value } {
  const d = normalizeDim(op, dim, x.shape.length);
  if (x.dtype === 'bool')
    throw new DTypeError(`${op}: bool tensors have no order; convert with .to('uint8')`);
  if (x.shape.length === 0) return { values: ops.copy(x), indices: ops.constant(0, 'int64', []) };
  const [values, indices] = ops.runningExtremum(x, d, which);
  return { values, indices };
}

/**
 * log of the running sum of exp(x), kept below overflow: with m the running maximum, s[i] = s[i - 1] exp(m[i - 1] - m[i]) +
 * exp(x[i] - m[i]) and the result is log(s) + m. It does not depend on m, which has no gradient.
 */
export function logcumsumexp(ops: AutogradOps, x: Value, dim: number): Value {
  const d = normalizeDim('logcumsumexp', dim, x.shape.length);
  checkFloat('logcumsumexp', x.dtype);
  const { shape, dtype } = x;
  if (shape.length === 0 || shape[d] === 0) return ops.copy(x);
  const zero = ops.constant(0, dtype, shape);
  const [top] = ops.runningExtremum(ops.detached(x), d, 'max');
  const endless = ops.logical('logicalOr', isinf(ops, top), isnan(ops, top));
  const shift = ops.where(endless, zero, top);
  const before = ops.pad(
    take(ops, top, d, 0, shape[d] - 1),
    shape.map((_, i) => (i === d ? 1 : 0)),
    shape.map(() => 0),
    shape,
  );
  // Nothing came before the first element or before the first that is not -infinity; infinity stays whatever it is multiplied by.
  const isNothing = ops.logical(
    'logicalOr',
    ops.unary('logicalNot', hasEarlier(ops, shape, d)),
    ops.compare('eq', before, ops.constant(Number.NEGATIVE_INFINITY, dtype, shape)),
  );
  const fading = ops.where(
    endless,
    ops.constant(1, dtype, shape),
    ops.unary('exp', ops.arithmetic('sub', before, shift)),
  );
  const sums = ops.recurrence(
    ops.where(isNothing, zero, fading),
    ops.unary('exp', ops.arithmetic('sub', x, shift)),
    d,
  );
  return ops.arithmetic('add', ops.unary('log', sums), shift);
}

// --- softmax -------------------------------------------------------------------------------------------------------------------

/** x minus its largest element along a dimension; the shift has no gradient, as it cancels out. */
function shifted(ops: AutogradOps, v: Value, dim: number): Value {
  const top = ops.reduce('max', ops.detached(v), [dim]);
  return ops.arithmetic('sub', v, ops.expand(top, v.shape));
}

/** A number as a vector of one element. */
function atLeastOneDim(ops: AutogradOps, v: Value): Value {
  return v.shape.length === 0 ? ops.reshape(v, [1]) : v;
}

/** exp(x) over its sum along a dimension. */
export function softmax(ops: AutogradOps, x: Value, dim: number): Value {
  const d = normalizeDim('softmax', dim, x.shape.length);
  const v = atLeastOneDim(ops, toFloat(x, ops));
  const e = ops.unary('exp', shifted(ops, v, d));
  return ops.reshape(ops.arithmetic('div', e, ops.expand(ops.reduce('sum', e, [d]), v.shape)), x.shape);
}

/** The logarithm of softmax, computed without overflow. */
export function logSoftmax(ops: AutogradOps, x: Value, dim: number): Value {
  const d = normalizeDim('logSoftmax', dim, x.shape.length);
  const v = atLeastOneDim(ops, toFloat(x, ops));
  const s = shifted(ops, v, d);
  const total = ops.unary('log', ops.reduce('sum', ops.unary('exp', s), [d]));
  return ops.reshape(ops.arithmetic('sub', s, ops.expand(total, v.shape)), x.shape);
}

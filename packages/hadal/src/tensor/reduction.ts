/** Reductions and what is made of them. */
import type { AutogradOps } from '../autograd/ops.js';
import type { Value } from '../autograd/value.js';
import { isFloat } from '../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { normalizeDim, showShape } from '../base/shape.js';
import { toFloat } from './promotion.js';
import type { Tensor } from './tensor.js';

type Dims = number | readonly number[] | undefined;

function resolveDims(op: string, rank: number, dim: Dims): number[] {
  // An empty list means all, as in PyTorch.
  if (dim === undefined || (typeof dim !== 'number' && dim.length === 0))
    return Array.from({ length: rank }, (_, d) => d);
  const list = (typeof dim === 'number' ? [dim] : dim).map((d) => normalizeDim(op, d, rank));
  if (new Set(list).size !== list.length)
    throw new ArgumentError(`${op}: dimension named twice in [${list.join(', ')}]`);
  if (rank === 0) return [];
  return list.sort((a, b) => a - b);
}

function dropDims(ops: AutogradOps, v: Value, dims: readonly number[], keepdim: boolean): Value {
  return keepdim
    ? v
    : ops.reshape(
        v,
        v.shape.filter((_, d) => !dims.includes(d)),
      );
}

function reduceValue(
  ops: AutogradOps,
  name: 'sum' | 'max' | 'min',
  v: Value,
  dims: readonly number[],
): Value {
  return dims.length === 0 ? v : ops.reduce(name, v, dims);
}

export function sum(x: Tensor, dim: Dims, keepdim: boolean): Value {
  const { ops } = x.workspace;
  const v = isFloat(x.dtype) ? x.value : ops.cast(x.value, 'int64');
  const dims = resolveDims('sum', v.shape.length, dim);
  return dropDims(ops, reduceValue(ops, 'sum', v, dims), dims, keepdim);
}

export function mean(x: Tensor, dim: Dims, keepdim: boolean): Value {
  const { ops } = x.workspace;
  if (!isFloat(x.dtype))
    throw new DTypeError(
      `mean: only float tensors have a mean here, this one is ${x.dtype}; convert with .to('float32')`,
    );
  const dims = resolveDims('mean', x.ndim, dim);
  const count = dims.reduce((n, d) => n * x.shape[d], 1);
  const total = reduceValue(ops, 'sum', x.value, dims);
  // The count is an argument of the kernel, so a last batch of another size needs no kernel of its own.
  const result = ops.arithmetic('div', total, ops.argument(count, x.dtype, total.shape));
  return dropDims(ops, result, dims, keepdim);
}

export function extremum(name: 'max' | 'min', x: Tensor, dim: Dims, keepdim: boolean): Value {
  const { ops } = x.workspace;
  if (x.dtype === 'bool')
    throw new DTypeError(`a${name}: bool tensors have no order; convert with .to('uint8')`);
  const dims = resolveDims(`a${name}`, x.ndim, dim);
  checkNotEmpty(`a${name}`, x.shape, dims);
  return dropDims(ops, reduceValue(ops, name, x.value, dims), dims, keepdim);
}

function checkNotEmpty(op: string, shape: Shape, dims: readonly number[]): void {
  for (const d of dims) {
    if (shape[d] === 0)
      throw new ShapeError(`${op}: dimension ${d} of ${showShape(shape)} is empty and has no extremum`);
  }
}

export function argmax(x: Tensor, dim: number | undefined, keepdim: boolean): Value {
  const { ops } = x.workspace;
  if (x.dtype === 'bool')
    throw new DTypeError("argmax: bool tensors have no order; convert with .to('uint8')");
  if (dim === undefined) {
    const flat = ops.reshape(x.value, [x.numel()]);
    checkNotEmpty('argmax', flat.shape, [0]);
    const at = ops.argmax(flat, 0);
    return ops.reshape(at, keepdim ? x.shape.map(() => 1) : []);
  }
  const d = normalizeDim('argmax', dim, x.ndim);
  if (x.ndim === 0) return ops.constant(0, 'int64', []);
  checkNotEmpty('argmax', x.shape, [d]);
  return dropDims(ops, ops.argmax(x.value, d), [d], keepdim);
}

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
export function softmax(x: Tensor, dim: number): Value {
  const { ops } = x.workspace;
  const d = normalizeDim('softmax', dim, x.ndim);
  const v = atLeastOneDim(ops, toFloat(x.value, ops));
  const e = ops.unary('exp', shifted(ops, v, d));
  return ops.reshape(ops.arithmetic('div', e, ops.expand(ops.reduce('sum', e, [d]), v.shape)), x.shape);
}

/** The logarithm of softmax, computed without overflow. */
export function logSoftmax(x: Tensor, dim: number): Value {
  const { ops } = x.workspace;
  const d = normalizeDim('logSoftmax', dim, x.ndim);
  const v = atLeastOneDim(ops, toFloat(x.value, ops));
  const s = shifted(ops, v, d);
  const total = ops.unary('log', ops.reduce('sum', ops.unary('exp', s), [d]));
  return ops.reshape(ops.arithmetic('sub', s, ops.expand(total, v.shape)), x.shape);
}

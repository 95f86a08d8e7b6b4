/** Orders along a dimension, on values. NaN counts as largest. */
import type { AutogradOps } from '../autograd/ops.js';
import type { Value } from '../autograd/value.js';
import type { TypedArray } from '../base/dtype.js';
import { isFloat } from '../base/dtype.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import { normalizeDim, showShape } from '../base/shape.js';
import { take } from './arrangement.js';
import { isnan } from './elementwise.js';
import { dropDims } from './reduction.js';

/** Elements picked along a dimension, and where they were. */
export interface Picked {
  readonly values: Value;
  readonly indices: Value;
}

/** Positions that sort x along a dimension; equal elements keep their order. */
export function argsort(ops: AutogradOps, x: Value, dim: number, descending: boolean): Value {
  const d = normalizeDim('sort', dim, x.shape.length);
  return x.shape.length === 0 ? ops.constant(0, 'int64', []) : ops.argsort(ops.detached(x), d, descending);
}

/** The first `count` in order, of all dimensions but none. */
function firstOf(ops: AutogradOps, x: Value, dim: number, descending: boolean, count?: number): Picked {
  if (x.shape.length === 0) return { values: ops.copy(x), indices: ops.constant(0, 'int64', []) };
  const [values, indices] = ops.sort(x, dim, descending, count);
  return { values, indices };
}

export function sort(ops: AutogradOps, x: Value, dim: number, descending: boolean): Picked {
  return firstOf(ops, x, normalizeDim('sort', dim, x.shape.length), descending);
}

export function topk(ops: AutogradOps, x: Value, k: number, dim: number, largest: boolean): Picked {
  const d = normalizeDim('topk', dim, x.shape.length);
  const size = x.shape.length === 0 ? 1 : x.shape[d];
  if (!Number.isInteger(k) || k < 0 || k > size)
    throw new ArgumentError(`topk: expected k from 0 to ${size}, the size of dimension ${dim}; got ${k}`);
  return firstOf(ops, x, d, largest, k);
}

/** The k-th smallest element, counted from 1. */
export function kthvalue(ops: AutogradOps, x: Value, k: number, dim: number, keepdim: boolean): Picked {
  const d = normalizeDim('kthvalue', dim, x.shape.length);
  const size = x.shape.length === 0 ? 1 : x.shape[d];
  if (!Number.isInteger(k) || k < 1 || k > size)
    throw new ArgumentError(`kthvalue: expected k from 1 to ${size}, the size of dimension ${dim}; got ${k}`);
  return pickOne(ops, x, d, k, (last) => last, keepdim);
}

/** One element of each line: the k-th smallest, or another that `choose` says given the position of that. */
function pickOne(
  ops: AutogradOps,
  x: Value,
  d: number,
  k: number,
  choose: (position: Value) => Value,
  keepdim: boolean,
): Picked {
  if (x.shape.length === 0) return { values: ops.copy(x), indices: ops.constant(0, 'int64', []) };
  const at = choose(take(ops, ops.argsort(ops.detached(x), d, false, k), d, k - 1, 1));
  return {
    values: dropDims(ops, ops.gather(x, d, at), [d], keepdim),
    indices: dropDims(ops, at, [d], keepdim),
  };
}

/** The middle element, the lower one of two; NaN if there is one. */
export function median(ops: AutogradOps, x: Value, dim: number, keepdim: boolean): Picked {
  const d = normalizeDim('median', dim, x.shape.length);
  const size = x.shape.length === 0 ? 1 : x.shape[d];
  if (size === 0)
    throw new ShapeError(`median: dimension ${dim} of ${showShape(x.shape)} is empty and has no median`);
  const middle = (at: Value): Value => {
    if (!isFloat(x.dtype)) return at;
    // argmax finds the first NaN.
    const largest = ops.argmax(ops.detached(x), d);
    return ops.where(isnan(ops, ops.gather(ops.detached(x), d, largest)), largest, at);
  };
  return pickOne(ops, x, d, ((size - 1) >> 1) + 1, middle, keepdim);
}

export interface DistinctElements {
  /** Positions of the distinct elements, each where it comes first. */
  readonly first: BigInt64Array;
  /** For every element the number of its like. */
  readonly inverse: BigInt64Array;
  readonly counts: BigInt64Array;
}

function order(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return a === b ? 0 : Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

/** Distinct elements in ascending order; with `runs`, of neighbours only and in the order they come. Every NaN is one of its own. */
export function distinct(data: TypedArray, runs: boolean): DistinctElements {
  const places = Array.from({ length: data.length }, (_, i) => i);
  if (!runs) places.sort((a, b) => order(data[a], data[b]) || a - b);
  const first: bigint[] = [];
  const counts: bigint[] = [];
  const inverse = new BigInt64Array(data.length);
  places.forEach((place, i) => {
    if (i === 0 || data[place] !== data[places[i - 1]]) {
      first.push(BigInt(place));
      counts.push(0n);
    }
    counts[counts.length - 1]++;
    inverse[place] = BigInt(first.length - 1);
  });
  return { first: BigInt64Array.from(first), inverse, counts: BigInt64Array.from(counts) };
}

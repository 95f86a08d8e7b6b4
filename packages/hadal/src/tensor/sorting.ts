/** Orders along a dimension, on values. NaN counts as largest. */
import type { AutogradOps } from '../autograd/ops.js';
import type { Value } from '../autograd/value.js';
import type { TypedArray } from '../base/dtype.js';
import { isFloat } from '../base/dtype.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import { int64Of } from '../base/int64.js';
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

/** Numbers instead of bigints where they are as exact: a bigint is an object each time it is read. */
function quickToRead(data: TypedArray): TypedArray {
  if (!(data instanceof BigInt64Array)) return data;
  const words = new Int32Array(data.buffer, data.byteOffset, 2 * data.length);
  const numbers = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const high = words[2 * i + 1];
    if (high < -(2 ** 21) || high >= 2 ** 21) return data;
    numbers[i] = high * 2 ** 32 + (words[2 * i] >>> 0);
  }
  return numbers;
}

/** For each element, so many entries of a table are written faster than the element is sorted. */
const TABLE_ENTRIES = 8;

/** The position in an ascending list of an element that is in it. */
function positionIn(ascending: TypedArray, x: number | bigint): number {
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The number of its like for every element, in ascending order; those of NaN, which is like nothing, follow the others. */
function ranks(data: TypedArray): Int32Array {
  const sorted = data.slice().sort();
  let different = 0;
  for (let i = 0; i < sorted.length; i++) {
    const x = sorted[i];
    // Typed arrays sort NaN to the end.
    if (Number.isNaN(x)) break;
    if (different === 0 || x !== sorted[different - 1]) sorted[different++] = x;
  }
  const ascending = sorted.subarray(0, different);
  const found = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const x = data[i];
    found[i] = Number.isNaN(x) ? different++ : positionIn(ascending, x);
  }
  return found;
}

/** As `ranks`, of whole numbers that lie close together: through a table of all that there may be. Null where that would be long. */
function denseRanks(data: TypedArray): Int32Array | null {
  if (data instanceof BigInt64Array) return null;
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < data.length; i++) {
    const x = data[i];
    if (x < least) least = x;
    if (x > most) most = x;
  }
  if (most - least > TABLE_ENTRIES * data.length) return null;
  const table = new Int32Array(Math.max(0, most - least + 1));
  for (let i = 0; i < data.length; i++) table[data[i] - least] = 1;
  let different = 0;
  for (let x = 0; x < table.length; x++) if (table[x] !== 0) table[x] = different++;
  const found = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) found[i] = table[data[i] - least];
  return found;
}

/** The number of its run for every element. */
function runNumbers(data: TypedArray): Int32Array {
  const found = new Int32Array(data.length);
  for (let i = 1; i < data.length; i++) found[i] = found[i - 1] + (data[i] === data[i - 1] ? 0 : 1);
  return found;
}

function ranksOf(data: TypedArray): Int32Array {
  const quick = quickToRead(data);
  const isWhole = !(data instanceof Float32Array || data instanceof Float64Array);
  return (isWhole ? denseRanks(quick) : null) ?? ranks(quick);
}

/** Distinct elements in ascending order; with `runs`, of neighbours only and in the order they come. Every NaN is one of its own. */
export function distinct(data: TypedArray, runs: boolean): DistinctElements {
  const numbers = runs ? runNumbers(data) : ranksOf(data);
  let different = 0;
  for (const n of numbers) different = Math.max(different, n + 1);
  const [first, counts] = [new Float64Array(different).fill(-1), new Float64Array(different)];
  for (let i = 0; i < numbers.length; i++) {
    const n = numbers[i];
    if (first[n] < 0) first[n] = i;
    counts[n]++;
  }
  return { first: int64Of(first), inverse: int64Of(numbers), counts: int64Of(counts) };
}

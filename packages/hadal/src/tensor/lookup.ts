/** Ops that read and write at positions along one dimension, on values. */
import type { AutogradOps } from '../autograd/ops.js';
import type { Value } from '../autograd/value.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { broadcastShapes, normalizeDim, showShape } from '../base/shape.js';
import { checkIndex, fromEnd, writeRows } from './advanced-indexing.js';
import { broadcastValue } from './promotion.js';

function cut(ops: AutogradOps, x: Value, shape: Shape): Value {
  return ops.slice(
    x,
    shape.map(() => 0),
    shape.map(() => 1),
    shape,
  );
}

/** A tensor without dimensions as one of a single element; what it is put through is undone by `back`. */
function atLeastOne(ops: AutogradOps, v: Value): Value {
  return v.shape.length === 0 ? ops.reshape(v, [1]) : v;
}

/** Elements at positions along one dimension. */
export function gather(ops: AutogradOps, x: Value, dim: number, index: Value): Value {
  const d = normalizeDim('gather', dim, x.shape.length);
  if (index.shape.length !== x.shape.length || !index.shape.every((s, i) => i === d || s <= x.shape[i])) {
    throw new ShapeError(
      `gather: index ${showShape(index.shape)} must have the rank of ${showShape(x.shape)} and be no larger but in dim ${dim}`,
    );
  }
  const at = checkIndex('gather', ops, index);
  const [table, where] = [atLeastOne(ops, x), atLeastOne(ops, at)];
  const rows = cut(
    ops,
    table,
    table.shape.map((s, i) => (i === d ? s : where.shape[i])),
  );
  return ops.reshape(ops.gather(rows, d, where), index.shape);
}

/** gather with an index that broadcasts in all other dimensions; negative positions count from the end. */
export function takeAlongDim(ops: AutogradOps, x: Value, index: Value, dim: number): Value {
  const d = normalizeDim('takeAlongDim', dim, x.shape.length);
  if (index.shape.length !== x.shape.length)
    throw new ShapeError(
      `takeAlongDim: index ${showShape(index.shape)} must have as many dimensions as ${showShape(x.shape)}`,
    );
  const open = (shape: Shape): Shape => shape.map((s, i) => (i === d ? 1 : s));
  const common = broadcastShapes('takeAlongDim', open(x.shape), open(index.shape));
  const sized = (size: number): Shape => common.map((s, i) => (i === d ? size : s));
  const at = fromEnd(ops, checkIndex('takeAlongDim', ops, index), x.shape[d] ?? 1);
  const table = broadcastValue('takeAlongDim', ops, x, sized(x.shape[d]));
  return gather(ops, table, d, broadcastValue('takeAlongDim', ops, at, sized(index.shape[d])));
}

/** The index of a row op: a vector, or a number as one of one element. */
function rowIndex(op: string, ops: AutogradOps, index: Value): Value {
  if (index.shape.length > 1)
    throw new ShapeError(`${op}: expected a vector of positions, got shape ${showShape(index.shape)}`);
  return atLeastOne(ops, checkIndex(op, ops, index));
}

export function indexSelect(ops: AutogradOps, x: Value, dim: number, index: Value): Value {
  const d = normalizeDim('indexSelect', dim, x.shape.length);
  const picked = ops.indexSelect(atLeastOne(ops, x), d, rowIndex('indexSelect', ops, index));
  return x.shape.length === 0 ? ops.reshape(picked, []) : picked;
}

/** Elements at positions in the flattened tensor, in the index's shape. */
export function take(ops: AutogradOps, x: Value, index: Value): Value {
  const count = x.shape.reduce((a, b) => a * b, 1);
  const at = fromEnd(ops, checkIndex('take', ops, index), count);
  const n = index.shape.reduce((a, b) => a * b, 1);
  const picked = ops.indexSelect(ops.reshape(x, [count]), 0, ops.reshape(at, [n]));
  return ops.reshape(picked, index.shape);
}

function checkRows(op: string, x: Value, d: number, index: Value, source: Value): void {
  const want = x.shape.map((s, i) => (i === d ? index.shape[0] : s));
  if (source.shape.length !== want.length || source.shape.some((s, i) => s !== want[i]))
    throw new ShapeError(
      `${op}: for ${index.shape[0]} positions along dimension ${d} of ${showShape(x.shape)} a source of shape ${showShape(want)} is expected, got ${showShape(source.shape)}`,
    );
}

/** x with alpha times the slices of `source` added at positions. */
export function indexAdd(
  ops: AutogradOps,
  x: Value,
  dim: number,
  index: Value,
  source: Value,
  alpha: number,
): Value {
  const d = normalizeDim('indexAdd', dim, x.shape.length);
  const at = rowIndex('indexAdd', ops, index);
  const [into, rows] = [atLeastOne(ops, x), atLeastOne(ops, ops.cast(source, x.dtype))];
  checkRows('indexAdd', into, d, at, rows);
  const scaled = alpha === 1 ? rows : ops.arithmetic('mul', rows, ops.argument(alpha, x.dtype, rows.shape));
  return ops.reshape(ops.arithmetic('add', into, ops.indexAdd(scaled, d, at, into.shape)), x.shape);
}

/** x with the slices of `source` written at positions. */
export function indexCopy(ops: AutogradOps, x: Value, dim: number, index: Value, source: Value): Value {
  const d = normalizeDim('indexCopy', dim, x.shape.length);
  const at = rowIndex('indexCopy', ops, index);
  const [into, rows] = [atLeastOne(ops, x), atLeastOne(ops, ops.cast(source, x.dtype))];
  checkRows('indexCopy', into, d, at, rows);
  return ops.reshape(writeRows(ops, into, d, at, rows), x.shape);
}

/** x with a number written into the slices at positions. */
export function indexFill(ops: AutogradOps, x: Value, dim: number, index: Value, value: number): Value {
  const d = normalizeDim('indexFill', dim, x.shape.length);
  const at = rowIndex('indexFill', ops, index);
  const into = atLeastOne(ops, x);
  const shape = into.shape.map((s, i) => (i === d ? at.shape[0] : s));
  return ops.reshape(writeRows(ops, into, d, at, ops.argument(value, x.dtype, shape)), x.shape);
}

interface Scatter {
  readonly dim: number;
  readonly into: Value;
  readonly index: Value;
  readonly source: Value;
}

/** Operands of a scatter with their shapes checked; the source is cut to the index. */
function scatterOperands(
  op: string,
  ops: AutogradOps,
  x: Value,
  dim: number,
  index: Value,
  source: Value | number,
): Scatter {
  const d = normalizeDim(op, dim, x.shape.length);
  const at = atLeastOne(ops, checkIndex(op, ops, index));
  const into = atLeastOne(ops, x);
  const fits =
    at.shape.length === into.shape.length && at.shape.every((s, i) => i === d || s <= into.shape[i]);
  if (!fits)
    throw new ShapeError(
      `${op}: index ${showShape(index.shape)} must have the rank of ${showShape(x.shape)} and be no larger but in dim ${dim}`,
    );
  if (typeof source === 'number')
    return { dim: d, into, index: at, source: ops.argument(source, x.dtype, at.shape) };
  const from = atLeastOne(ops, ops.cast(source, x.dtype));
  if (from.shape.length !== at.shape.length || at.shape.some((s, i) => s > from.shape[i]))
    throw new ShapeError(
      `${op}: source ${showShape(source.shape)} must have the rank of index ${showShape(index.shape)} and be no smaller`,
    );
  return { dim: d, into, index: at, source: cut(ops, from, at.shape) };
}

/** x with elements of `source` written at positions along one dimension. */
export function scatter(
  ops: AutogradOps,
  x: Value,
  dim: number,
  index: Value,
  source: Value | number,
): Value {
  const s = scatterOperands('scatter', ops, x, dim, index, source);
  return ops.reshape(ops.scatter(s.into, s.dim, s.index, s.source), x.shape);
}

/** Positions as they are, each checked: one a row is scattered by comparison, which notices no error. */
function inRange(ops: AutogradOps, index: Value, size: number): Value {
  const line = ops.reshape(index, [index.shape.reduce((a, b) => a * b, 1)]);
  return ops.reshape(ops.indexSelect(ops.iota([size], 0, 'int64'), 0, line), index.shape);
}

/** x with elements of `source` added at positions along one dimension. */
export function scatterAdd(ops: AutogradOps, x: Value, dim: number, index: Value, source: Value): Value {
  const s = scatterOperands('scatterAdd', ops, x, dim, index, source);
  const at = s.index.shape[s.dim] === 1 ? inRange(ops, s.index, s.into.shape[s.dim]) : s.index;
  const added = ops.scatterAdd(s.source, s.dim, at, s.into.shape);
  return ops.reshape(ops.arithmetic('add', s.into, added), x.shape);
}

/** Flat positions as one column a dimension: what nonzero gives. */
export function coordinates(flat: BigInt64Array, shape: Shape): BigInt64Array {
  const rank = shape.length;
  const out = new BigInt64Array(flat.length * rank);
  flat.forEach((position, i) => {
    let rest = position;
    for (let d = rank - 1; d >= 0; d--) {
      const size = BigInt(shape[d]);
      out[i * rank + d] = rest % size;
      rest /= size;
    }
  });
  return out;
}

/** 0, 1, 2, ... with the i-th as often as `repeats` says. */
export function repeatedPositions(repeats: ArrayLike<number | bigint>, size: number): BigInt64Array {
  if (repeats.length !== size)
    throw new ShapeError(`repeatInterleave: ${repeats.length} repetitions for a dimension of size ${size}`);
  const out: bigint[] = [];
  for (let i = 0; i < size; i++) {
    const count = Number(repeats[i]);
    if (!Number.isInteger(count) || count < 0)
      throw new ArgumentError(`repeatInterleave: expected repetitions of at least 0, got ${count}`);
    for (let n = 0; n < count; n++) out.push(BigInt(i));
  }
  return BigInt64Array.from(out);
}

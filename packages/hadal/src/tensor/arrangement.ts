/** Ops that put elements elsewhere: joining, mirroring, shifting, repeating, triangles, padding. On values. */
import { FunctionGradFn } from '../autograd/function-grad-fn.js';
import { isGradEnabled } from '../autograd/mode.js';
import type { AutogradOps } from '../autograd/ops.js';
import { Value } from '../autograd/value.js';
import { isFloat, promote } from '../base/dtype.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { checkSizes, normalizeDim, showShape } from '../base/shape.js';

function replaced(shape: Shape, dim: number, size: number): number[] {
  return shape.map((s, d) => (d === dim ? size : s));
}

/** `length` elements along a dimension, from `start` on, every `step`-th (backwards if it is negative). */
export function take(
  ops: AutogradOps,
  x: Value,
  dim: number,
  start: number,
  length: number,
  step = 1,
): Value {
  return ops.slice(
    x,
    x.shape.map((_, d) => (d === dim ? start : 0)),
    x.shape.map((_, d) => (d === dim ? step : 1)),
    replaced(x.shape, dim, length),
  );
}

/**
 * Pieces one behind the other along a dimension. Every element asks where it lies and reads its piece there, so that nothing is
 * copied piece by piece and the pieces themselves can be fused in.
 */
export function cat(ops: AutogradOps, op: string, pieces: readonly Value[], dim: number): Value {
  if (pieces.length === 0) throw new ArgumentError(`${op}: expected at least one tensor`);
  const dtype = pieces.map((p) => p.dtype).reduce(promote);
  // A vector of nothing goes with everything, as in PyTorch.
  const known = pieces.filter((p) => p.shape.length !== 1 || p.shape[0] !== 0);
  const all = known.length > 0 ? known : pieces.slice(0, 1);
  const first = all[0].shape;
  if (first.length === 0)
    throw new ShapeError(`${op}: tensors without dimensions have no dimension to be joined along; use stack`);
  const d = normalizeDim(op, dim, first.length);
  for (const { shape } of all) {
    if (shape.length !== first.length || shape.some((s, i) => i !== d && s !== first[i])) {
      throw new ShapeError(
        `${op}: shapes ${showShape(first)} and ${showShape(shape)} differ in more than dimension ${d}; all other sizes must be equal`,
      );
    }
  }
  const parts = all.map((p) => ops.cast(p, dtype)).filter((p, i) => p.shape[d] > 0 || i === 0);
  const shape = replaced(
    first,
    d,
    parts.reduce((n, p) => n + p.shape[d], 0),
  );
  const joined =
    parts.length === 1
      ? ops.copy(parts[0])
      : join(
          ops,
          // A region has no rules of its own on a tape: it is differentiated op by op.
          ops.home.trace === null ? parts.map((p) => ops.detached(p)) : parts,
          d,
          shape,
        );
  if (
    parts.length === 1 ||
    ops.home.trace !== null ||
    !isGradEnabled() ||
    !isFloat(dtype) ||
    parts.every((p) => p.edge === null)
  )
    return joined;
  // Its own rule: the gradient of a piece is the part of the gradient that lies where the piece does.
  const offsets = offsetsOf(parts, d);
  const fn = new FunctionGradFn(
    parts.map(({ edge, shape, dtype }) => ({ edge, shape, dtype })),
    1,
    {
      name: 'Cat',
      backward: ([g]) =>
        parts.map((p, i) => (g === null || p.edge === null ? null : take(ops, g, d, offsets[i], p.shape[d]))),
      release: () => undefined,
    },
  );
  return new Value(joined.node, fn);
}

function offsetsOf(parts: readonly Value[], dim: number): number[] {
  let at = 0;
  return parts.map((p) => {
    at += p.shape[dim];
    return at - p.shape[dim];
  });
}

/** More pieces than this are joined in several rounds: each element asks for its piece among all of a round. */
const PIECES_A_ROUND = 16;

function join(ops: AutogradOps, parts: readonly Value[], dim: number, shape: Shape): Value {
  if (parts.length <= PIECES_A_ROUND) return joinFew(ops, parts, dim, shape);
  // Full rounds and what is left: those of a list that has grown by one are the same.
  let size = PIECES_A_ROUND;
  while (size * PIECES_A_ROUND < parts.length) size *= PIECES_A_ROUND;
  const joined: Value[] = [];
  for (let i = 0; i < parts.length; i += size) {
    const some = parts.slice(i, i + size);
    const length = some.reduce((n, p) => n + p.shape[dim], 0);
    const part = join(ops, some, dim, replaced(shape, dim, length));
    joined.push(some.length > 1 ? written(part) : part);
  }
  return joinFew(ops, joined, dim, shape);
}

/** Has a value written before it is read, so that what reads it does not compute it again. */
export function written(v: Value): Value {
  v.node.boundary = true;
  return v;
}

function joinFew(ops: AutogradOps, parts: readonly Value[], dim: number, shape: Shape): Value {
  if (parts.length === 1) return parts[0];
  const offsets = offsetsOf(parts, dim);
  const nothing = shape.map(() => 0);
  const place = ops.iota(shape, dim, 'int32');
  const build = (from: number, to: number): Value => {
    if (to - from === 1)
      return ops.pad(
        parts[from],
        shape.map((_, d) => (d === dim ? offsets[from] : 0)),
        nothing,
        shape,
      );
    const middle = (from + to) >> 1;
    const before = ops.compare('lt', place, ops.constant(offsets[middle], 'int32', shape));
    return ops.where(before, build(from, middle), build(middle, to));
  };
  return build(0, parts.length);
}

export function stack(ops: AutogradOps, pieces: readonly Value[], dim: number): Value {
  if (pieces.length === 0) throw new ArgumentError('stack: expected at least one tensor');
  const { shape } = pieces[0];
  const d = normalizeDim('stack', dim, shape.length + 1);
  const raised = pieces.map((p) => {
    if (p.shape.length !== shape.length || p.shape.some((s, i) => s !== shape[i]))
      throw new ShapeError(
        `stack: shapes ${showShape(shape)} and ${showShape(p.shape)} differ; all tensors must have one shape`,
      );
    return ops.reshape(p, [...shape.slice(0, d), 1, ...shape.slice(d)]);
  });
  return cat(ops, 'stack', raised, d);
}

export function flip(ops: AutogradOps, x: Value, dims: readonly number[]): Value {
  const all = dims.map((d) => normalizeDim('flip', d, x.shape.length));
  if (new Set(all).size !== all.length)
    throw new ArgumentError(`flip: dimension named twice in [${dims.join(', ')}]`);
  const turned = x.shape.map((s, d) => all.includes(d) && s > 1);
  return ops.copy(
    ops.slice(
      x,
      x.shape.map((s, d) => (turned[d] ? s - 1 : 0)),
      turned.map((t) => (t ? -1 : 1)),
      x.shape,
    ),
  );
}

/** `count` copies one behind the other along a dimension. */
function repeated(ops: AutogradOps, x: Value, dim: number, count: number): Value {
  const [head, tail] = [x.shape.slice(0, dim), x.shape.slice(dim)];
  const wide = ops.expand(ops.reshape(x, [...head, 1, ...tail]), [...head, count, ...tail]);
  return ops.reshape(wide, replaced(x.shape, dim, count * x.shape[dim]));
}

/** Elements moved on by `shift` along a dimension; what leaves at the end comes back in front. */
export function roll(ops: AutogradOps, x: Value, dim: number, shift: number): Value {
  const d = normalizeDim('roll', dim, x.shape.length);
  if (!Number.isInteger(shift)) throw new ArgumentError(`roll: expected a whole shift, got ${shift}`);
  const n = x.shape.length === 0 ? 0 : x.shape[d];
  if (n === 0) return ops.copy(x);
  const by = ((shift % n) + n) % n;
  return by === 0 ? ops.copy(x) : take(ops, repeated(ops, x, d, 2), d, n - by, n);
}

/** The tensor `sizes[d]` times along each dimension; new dimensions come in front. */
export function repeat(ops: AutogradOps, op: string, x: Value, sizes: readonly number[]): Value {
  checkSizes(op, sizes);
  const lead = sizes.length - x.shape.length;
  if (lead < 0)
    throw new ShapeError(
      `${op}: ${sizes.length} repetitions [${sizes.join(', ')}] for the ${x.shape.length} dimensions of ${showShape(x.shape)}; expected at least one each`,
    );
  if (sizes.some((s) => !Number.isInteger(s) || s < 0))
    throw new ArgumentError(`${op}: expected repetitions of at least 0, got [${sizes.join(', ')}]`);
  const own = [...new Array<number>(lead).fill(1), ...x.shape];
  const thin = own.flatMap((s) => [1, s]);
  const wide = own.flatMap((s, d) => [sizes[d], s]);
  return ops.copy(
    ops.reshape(
      ops.expand(ops.reshape(x, thin), wide),
      own.map((s, d) => s * sizes[d]),
    ),
  );
}

/** Every element `count` times in a row along a dimension. */
export function repeatEach(ops: AutogradOps, x: Value, dim: number, count: number): Value {
  if (!Number.isInteger(count) || count < 0)
    throw new ArgumentError(`repeatInterleave: expected repetitions of at least 0, got ${count}`);
  const [head, tail] = [x.shape.slice(0, dim + 1), x.shape.slice(dim + 1)];
  const wide = ops.expand(ops.reshape(x, [...head, 1, ...tail]), [...head, count, ...tail]);
  return ops.copy(ops.reshape(wide, replaced(x.shape, dim, count * x.shape[dim])));
}

/** The lower or upper triangle of the last two dimensions, zero elsewhere; `diagonal` moves the edge up. */
export function triangle(ops: AutogradOps, part: 'tril' | 'triu', x: Value, diagonal: number): Value {
  const rank = x.shape.length;
  if (rank < 2)
    throw new ShapeError(`${part}: expected at least 2 dimensions, got shape ${showShape(x.shape)}`);
  if (!Number.isInteger(diagonal))
    throw new ArgumentError(`${part}: expected a whole diagonal, got ${diagonal}`);
  const row = ops.iota(x.shape, rank - 2, 'int32');
  const edge = ops.arithmetic('add', row, ops.constant(diagonal, 'int32', x.shape));
  const inside = ops.compare(part === 'tril' ? 'le' : 'ge', ops.iota(x.shape, rank - 1, 'int32'), edge);
  return ops.where(inside, x, ops.constant(0, x.dtype, x.shape));
}

/** A matrix, or a stack of them, with the last dimension of x on the given diagonal and zeros elsewhere. */
export function diagEmbed(ops: AutogradOps, x: Value, offset: number, dim1: number, dim2: number): Value {
  const rank = x.shape.length + 1;
  if (x.shape.length === 0) throw new ShapeError('diagEmbed: expected at least 1 dimension, got a number');
  const [a, b] = [normalizeDim('diagEmbed', dim1, rank), normalizeDim('diagEmbed', dim2, rank)];
  if (a === b) throw new ArgumentError(`diagEmbed: dimensions ${dim1} and ${dim2} are the same`);
  const count = x.shape[x.shape.length - 1];
  if (!Number.isInteger(offset)) throw new ArgumentError(`diagEmbed: expected a whole offset, got ${offset}`);
  const n = count + Math.abs(offset);
  const batch = x.shape.slice(0, -1);
  // On a flat square the diagonal lies n + 1 apart.
  const start = offset >= 0 ? offset : -offset * n;
  const low = [...batch.map(() => 0), start];
  const interior = [...batch.map(() => 0), n];
  const square = ops.reshape(ops.pad(x, low, interior, [...batch, n * n]), [...batch, n, n]);
  const others = batch.map((_, d) => d);
  const order: number[] = [];
  for (let d = 0; d < rank; d++) order.push(d === a ? rank - 2 : d === b ? rank - 1 : (others.shift() ?? 0));
  const placed = ops.permute(square, order);
  return placed.node === x.node ? ops.copy(placed) : placed;
}

// --- padding -------------------------------------------------------------------------------------------------------------------

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

/**
 * Elements around a tensor. `amounts` are pairs for the last dimension, then the one before, and so on, as in PyTorch; negative ones
 * cut off.
 */
export function pad(
  ops: AutogradOps,
  x: Value,
  amounts: readonly number[],
  mode: PadMode,
  value: number,
): Value {
  const rank = x.shape.length;
  if (amounts.length % 2 !== 0 || amounts.length > 2 * rank || !amounts.every(Number.isInteger))
    throw new ArgumentError(
      `pad: expected pairs of whole numbers, last dimension first, for at most ${rank} dimensions of ${showShape(x.shape)}; got [${amounts.join(', ')}]`,
    );
  const sides = x.shape.map((_, d) => {
    const at = 2 * (rank - 1 - d);
    return at < amounts.length ? ([amounts[at], amounts[at + 1]] as const) : ([0, 0] as const);
  });
  x.shape.forEach((s, d) => {
    if (s + sides[d][0] + sides[d][1] < 0)
      throw new ShapeError(
        `pad: [${amounts.join(', ')}] cuts more off dimension ${d} of ${showShape(x.shape)} than there is`,
      );
  });
  if (mode === 'constant') return padConstant(ops, x, sides, value);
  return sides.reduce((v, [low, high], d) => padLike(ops, v, d, low, high, mode), x);
}

function padConstant(
  ops: AutogradOps,
  x: Value,
  sides: readonly (readonly [number, number])[],
  value: number,
): Value {
  const start = sides.map(([low]) => Math.max(-low, 0));
  const kept = x.shape.map((s, d) => Math.max(0, s - start[d] - Math.max(-sides[d][1], 0)));
  const inner = ops.slice(
    x,
    start,
    start.map(() => 1),
    kept,
  );
  const shape = x.shape.map((s, d) => s + sides[d][0] + sides[d][1]);
  const low = sides.map(([l]) => Math.max(l, 0));
  const none = low.map(() => 0);
  if (shape.every((s, d) => s === kept[d])) return ops.copy(inner);
  const padded = ops.pad(inner, low, none, shape);
  if (value === 0) return padded;
  const inside = ops.pad(ops.constant(1, 'bool', kept), low, none, shape);
  return ops.where(inside, padded, ops.argument(value, x.dtype, shape));
}

function padLike(
  ops: AutogradOps,
  x: Value,
  dim: number,
  low: number,
  high: number,
  mode: Exclude<PadMode, 'constant'>,
): Value {
  const cutLow = Math.max(-low, 0);
  const n = x.shape[dim] - cutLow - Math.max(-high, 0);
  const kept = take(ops, x, dim, cutLow, n);
  const [front, back] = [Math.max(low, 0), Math.max(high, 0)];
  if (front === 0 && back === 0) return kept;
  const most = Math.max(front, back);
  if (mode === 'reflect' ? most >= n : mode === 'circular' ? most > n : n === 0)
    throw new ShapeError(
      `pad: ${most} elements cannot be had by '${mode}' from dimension ${dim} of size ${n}; at most ${mode === 'reflect' ? n - 1 : n}`,
    );
  const edge = (at: number, count: number): Value =>
    ops.expand(take(ops, kept, dim, at, 1), replaced(kept.shape, dim, count));
  const pieces = {
    reflect: () => [take(ops, kept, dim, front, front, -1), kept, take(ops, kept, dim, n - 2, back, -1)],
    replicate: () => [edge(0, front), kept, edge(n - 1, back)],
    circular: () => [take(ops, kept, dim, n - front, front), kept, take(ops, kept, dim, 0, back)],
  }[mode]();
  return cat(
    ops,
    'pad',
    pieces.filter((p) => p.shape[dim] > 0),
    dim,
  );
}

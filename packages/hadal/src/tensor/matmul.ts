/** Products of vectors, matrices and batches of them, as one dot of the graph each. On values. */
import type { AutogradOps } from '../autograd/ops.js';
import type { Value } from '../autograd/value.js';
import type { DType } from '../base/dtype.js';
import { promote } from '../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.js';
import { broadcastShapes, normalizeDim, numel, showShape } from '../base/shape.js';
import { listOf } from './given.js';
import { broadcastValue } from './promotion.js';

/** Both operands in one dtype that can be multiplied. */
export function factors(ops: AutogradOps, op: string, x: Value, y: Value): readonly [Value, Value] {
  const dtype = promote(x.dtype, y.dtype);
  if (dtype === 'bool')
    throw new DTypeError(`${op}: bools have no product; convert with .to('float32') or .to('int64')`);
  return [ops.cast(x, dtype), ops.cast(y, dtype)];
}

export function matmul(ops: AutogradOps, x: Value, y: Value): Value {
  const [a, b] = factors(ops, 'matmul', x, y);
  const both = (): string => `${showShape(x.shape)} and ${showShape(y.shape)}`;
  if (a.shape.length === 0 || b.shape.length === 0)
    throw new ShapeError(`matmul: ${both()}: both operands need at least one dimension; use mul for numbers`);
  const [ka, kb] = [a.shape[a.shape.length - 1], b.shape[Math.max(b.shape.length - 2, 0)]];
  if (ka !== kb) {
    const hint =
      b.shape[b.shape.length - 1] === ka ? '; transposing the second, .transpose(-2, -1), would fit' : '';
    throw new ShapeError(
      `matmul: ${both()} do not fit: the last dimension of the first is ${ka}, that of the second to match is ${kb}${hint}`,
    );
  }
  // A stack of matrices times one matrix: the stack's dimensions are rows.
  if (b.shape.length <= 2) {
    const contract = { lhsContract: [a.shape.length - 1], rhsContract: [Math.max(b.shape.length - 2, 0)] };
    return ops.dot(a, b, { lhsBatch: [], rhsBatch: [], ...contract });
  }
  const left = a.shape.length === 1 ? ops.reshape(a, [1, ka]) : a;
  const batch = broadcastShapes('matmul', left.shape.slice(0, -2), b.shape.slice(0, -2));
  const p = broadcastValue('matmul', ops, left, [...batch, ...left.shape.slice(-2)]);
  const q = broadcastValue('matmul', ops, b, [...batch, ...b.shape.slice(-2)]);
  const dims = batch.map((_, d) => d);
  const n = batch.length;
  const product = ops.dot(p, q, { lhsBatch: dims, rhsBatch: dims, lhsContract: [n + 1], rhsContract: [n] });
  return a.shape.length === 1 ? ops.reshape(product, [...batch, b.shape[b.shape.length - 1]]) : product;
}

const kinds = ['a number', 'a vector', 'a matrix', 'a batch of matrices'] as const;

/** Throws unless operands have the ranks an op is for. */
export function checkRanks(
  op: string,
  values: readonly Value[],
  ranks: readonly number[],
  instead: string,
): void {
  if (values.every((v, i) => v.shape.length === ranks[i])) return;
  throw new ShapeError(
    `${op}: expected ${ranks.map((r) => kinds[r]).join(' and ')}, got shapes ${values.map((v) => showShape(v.shape)).join(' and ')}; ${instead}`,
  );
}

/** beta x + alpha a b, where x broadcasts to the product. */
export function addProduct(
  ops: AutogradOps,
  op: string,
  x: Value,
  a: Value,
  b: Value,
  beta: number,
  alpha: number,
): Value {
  const product = matmul(ops, a, b);
  const times = (v: Value, n: number): Value =>
    n === 1 ? v : ops.arithmetic('mul', v, ops.argument(n, v.dtype, v.shape));
  const scaled = times(product, alpha);
  // beta 0 leaves x out, NaN and all, as BLAS does.
  if (beta === 0) return scaled;
  const start = times(ops.cast(x, product.dtype), beta);
  return ops.arithmetic('add', broadcastValue(op, ops, start, product.shape), scaled);
}

/** Sums over pairs of dimensions, or over the last `dims` of the first with the first of the second. */
export function tensordot(
  ops: AutogradOps,
  x: Value,
  y: Value,
  dims: number | readonly [readonly number[], readonly number[]],
): Value {
  const [a, b] = factors(ops, 'tensordot', x, y);
  const ranks = [a.shape.length, b.shape.length];
  if (typeof dims === 'number' && (!Number.isInteger(dims) || dims < 0 || dims > Math.min(...ranks)))
    throw new ShapeError(
      `tensordot: ${dims} dimensions cannot be contracted of ${showShape(a.shape)} and ${showShape(b.shape)}`,
    );
  const lists: readonly (readonly number[])[] =
    typeof dims === 'number'
      ? [
          Array.from({ length: dims }, (_, i) => ranks[0] - dims + i),
          Array.from({ length: dims }, (_, i) => i),
        ]
      : listOf('tensordot', 'two lists of dimensions', dims);
  if (lists.length !== 2)
    throw new ArgumentError(`tensordot: expected two lists of dimensions, got ${lists.length}`);
  const [p, q] = lists.map((list, side) =>
    listOf('tensordot', 'dimensions', list).map((d) => normalizeDim('tensordot', d, ranks[side])),
  );
  if (p.length !== q.length || p.some((d, i) => a.shape[d] !== b.shape[q[i]]))
    throw new ShapeError(
      `tensordot: dimensions [${p.join(', ')}] of ${showShape(a.shape)} and [${q.join(', ')}] of ${showShape(b.shape)} differ`,
    );
  return ops.dot(a, b, { lhsBatch: [], rhsBatch: [], lhsContract: p, rhsContract: q });
}

/** The Kronecker product: every element of x times all of y. */
export function kron(ops: AutogradOps, x: Value, y: Value): Value {
  const [a, b] = factors(ops, 'kron', x, y);
  const rank = Math.max(a.shape.length, b.shape.length);
  const full = (v: Value): number[] => [...new Array<number>(rank - v.shape.length).fill(1), ...v.shape];
  const [s, t] = [full(a), full(b)];
  const both = s.flatMap((n, d) => [n, t[d]]);
  const left = ops.expand(
    ops.reshape(
      a,
      s.flatMap((n) => [n, 1]),
    ),
    both,
  );
  const right = ops.expand(
    ops.reshape(
      b,
      t.flatMap((n) => [1, n]),
    ),
    both,
  );
  const product = ops.arithmetic('mul', left, right);
  const shape = s.map((n, d) => n * t[d]);
  return numel(shape) === 0 ? ops.constant(0, product.dtype, shape) : ops.reshape(product, shape);
}

/** Ones on the diagonal. */
export function identity(ops: AutogradOps, n: number, dtype: DType): Value {
  return ops.cast(ops.compare('eq', ops.iota([n, n], 0, 'int32'), ops.iota([n, n], 1, 'int32')), dtype);
}

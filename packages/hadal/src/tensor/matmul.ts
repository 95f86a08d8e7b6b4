/** matmul: vectors, matrices and batches of them, as in PyTorch, as one dot of the graph. */
import type { Value } from '../autograd/value.js';
import { promote } from '../base/dtype.js';
import { DTypeError, ShapeError } from '../base/errors.js';
import { broadcastShapes, showShape } from '../base/shape.js';
import { broadcastValue } from './promotion.js';
import type { Tensor } from './tensor.js';

export function matmul(x: Tensor, y: Tensor): Value {
  const { ops } = x.workspace;
  const dtype = promote(x.dtype, y.dtype);
  if (dtype !== 'float32')
    throw new DTypeError(
      `matmul: matrices of ${x.dtype} and ${y.dtype} are not multiplied yet; convert with .to('float32')`,
    );
  const both = `${showShape(x.shape)} and ${showShape(y.shape)}`;
  if (x.ndim === 0 || y.ndim === 0)
    throw new ShapeError(`matmul: ${both}: both operands need at least one dimension; use mul for numbers`);
  const a = ops.cast(x.value, dtype);
  const b = ops.cast(y.value, dtype);
  const [ka, kb] = [a.shape[a.shape.length - 1], b.shape[Math.max(b.shape.length - 2, 0)]];
  if (ka !== kb) {
    const hint =
      b.shape[b.shape.length - 1] === ka ? '; transposing the second, .transpose(-2, -1), would fit' : '';
    throw new ShapeError(
      `matmul: ${both} do not fit: the last dimension of the first is ${ka}, that of the second to match is ${kb}${hint}`,
    );
  }
  if (a.shape.length <= 2 && b.shape.length <= 2) {
    const contract = { lhsContract: [a.shape.length - 1], rhsContract: [Math.max(b.shape.length - 2, 0)] };
    return ops.dot(a, b, { lhsBatch: [], rhsBatch: [], ...contract });
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

/** Norms and distances between vectors. */
import { ArgumentError } from '../../base/errors.js';
import { checkTensors } from '../../tensor/given.js';
import type { Tensor } from '../../tensor/index.js';
import { checkFloat } from './formula.js';

/** (sum |x|^p)^(1/p) along a dimension. The gradient at 0 is 0. */
function vectorNorm(x: Tensor, p: number, dim: number, keepdim: boolean): Tensor {
  if (!(p > 0)) throw new ArgumentError(`norm: p is above 0, got ${p}`);
  if (p === Number.POSITIVE_INFINITY) return x.abs().amax(dim, { keepdim });
  if (p === 1) return x.abs().sum(dim, { keepdim });
  const total = (p === 2 ? x.square() : x.abs().pow(p)).sum(dim, { keepdim });
  const zero = total.eq(0);
  // A root has an infinite slope at 0, so it is taken of 1 there.
  const safe = total.mul(0).add(1).where(zero, total);
  const root = p === 2 ? safe.sqrt() : safe.pow(1 / p);
  return root.where(zero.logicalNot(), 0);
}

/**
 * x divided by its norm along a dimension, or by eps if that is larger.
 *
 * @example
 * ```ts
 * import { functional as F, tensor } from 'hadal';
 * console.log(F.normalize(tensor([[3, 4]])).tolistSync().map((r) => r.map((v) => v.toFixed(1)))); // [ [ '0.6', '0.8' ] ]
 * ```
 */
export function normalize(x: Tensor, options: { p?: number; dim?: number; eps?: number } = {}): Tensor {
  checkTensors('normalize', { x }, options);
  const { p = 2, dim = 1, eps = 1e-12 } = options;
  checkFloat('normalize', x);
  return x.div(vectorNorm(x, p, dim, true).maximum(eps));
}

/** The cosine of the angle between vectors along a dimension; norms are at least eps. */
export function cosineSimilarity(a: Tensor, b: Tensor, options: { dim?: number; eps?: number } = {}): Tensor {
  checkTensors('cosineSimilarity', { a, b }, options);
  const { dim = 1, eps = 1e-8 } = options;
  checkFloat('cosineSimilarity', a);
  const unit = (x: Tensor): Tensor => x.div(vectorNorm(x, 2, dim, true).maximum(eps));
  return unit(a).mul(unit(b)).sum(dim);
}

/** The p-norm of a - b + eps along the last dimension. */
export function pairwiseDistance(
  a: Tensor,
  b: Tensor,
  options: { p?: number; eps?: number; keepdim?: boolean } = {},
): Tensor {
  checkTensors('pairwiseDistance', { a, b }, options);
  const { p = 2, eps = 1e-6, keepdim = false } = options;
  checkFloat('pairwiseDistance', a);
  return vectorNorm(a.sub(b).add(eps), p, -1, keepdim);
}

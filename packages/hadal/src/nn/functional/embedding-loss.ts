/** Losses that pull vectors together and push them apart. */
import { ArgumentError } from '../../base/errors.js';
import { checkTensors } from '../../tensor/given.js';
import type { Tensor } from '../../tensor/index.js';
import { cosineSimilarity, pairwiseDistance } from './distance.js';
import type { LossOptions } from './reduction.js';
import { checkSameShape, reduceLoss } from './reduction.js';

/** x where y is 1, max(0, margin - x) where y is -1. */
export function hingeEmbeddingLoss(
  input: Tensor,
  target: Tensor,
  options: LossOptions & { margin?: number } = {},
): Tensor {
  checkTensors('hingeEmbeddingLoss', { input, target }, options);
  const { margin = 1 } = options;
  checkSameShape('hingeEmbeddingLoss', input, target);
  const apart = input.neg().add(margin).relu().where(target.ne(1), 0);
  const together = input.where(target.ne(-1), 0);
  return reduceLoss(apart.add(together), options.reduction);
}

/**
 * 1 - cos(a, b) where y is 1, max(0, cos(a, b) - margin) where it is -1.
 *
 * @param a [N, E] or [E]
 * @param b of the same shape
 * @param target [N] or [], 1 or -1
 */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  options: LossOptions & { margin?: number } = {},
): Tensor {
  checkTensors('cosineEmbeddingLoss', { a, b, target }, options);
  const { margin = 0 } = options;
  checkSameShape('cosineEmbeddingLoss', a, b);
  const cosine = cosineSimilarity(a, b, { dim: -1, eps: 1e-6 });
  checkSameShape('cosineEmbeddingLoss', cosine, target);
  const together = cosine.neg().add(1).where(target.eq(1), 0);
  const apart = cosine.sub(margin).relu().where(target.eq(-1), 0);
  return reduceLoss(together.add(apart), options.reduction);
}

/** max(0, -y (a - b) + margin): a should be larger where y is 1, b where it is -1. */
export function marginRankingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  options: LossOptions & { margin?: number } = {},
): Tensor {
  checkTensors('marginRankingLoss', { a, b, target }, options);
  const { margin = 0 } = options;
  checkSameShape('marginRankingLoss', a, b);
  checkSameShape('marginRankingLoss', a, target);
  return reduceLoss(target.neg().mul(a.sub(b)).add(margin).relu(), options.reduction);
}

export interface TripletOptions extends LossOptions {
  /** How much farther the negative should be than the positive, 1 if not given. */
  readonly margin?: number;
  /** Count the distance from positive to negative where that is smaller; Balntas et al. 2016. */
  readonly swap?: boolean;
}

/** max(0, d(anchor, positive) - d(anchor, negative) + margin), for any distance. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletOptions & { distanceFunction?: (a: Tensor, b: Tensor) => Tensor } = {},
): Tensor {
  checkTensors('tripletMarginWithDistanceLoss', { anchor, positive, negative }, options);
  const { margin = 1, swap = false, distanceFunction = pairwiseDistance } = options;
  if (!(margin > 0)) throw new ArgumentError(`tripletMarginLoss: margin is above 0, got ${margin}`);
  const near = distanceFunction(anchor, positive);
  const far = distanceFunction(anchor, negative);
  const farthest = swap ? far.minimum(distanceFunction(positive, negative)) : far;
  return reduceLoss(near.sub(farthest).add(margin).relu(), options.reduction);
}

/**
 * max(0, |anchor - positive| - |anchor - negative| + margin) with p-norms along the last dimension.
 *
 * @param anchor [N, E]; positive and negative alike
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletOptions & { p?: number; eps?: number } = {},
): Tensor {
  checkTensors('tripletMarginLoss', { anchor, positive, negative }, options);
  const { p = 2, eps = 1e-6 } = options;
  checkSameShape('tripletMarginLoss', anchor, positive);
  checkSameShape('tripletMarginLoss', anchor, negative);
  return tripletMarginWithDistanceLoss(anchor, positive, negative, {
    ...options,
    distanceFunction: (a, b) => pairwiseDistance(a, b, { p, eps }),
  });
}

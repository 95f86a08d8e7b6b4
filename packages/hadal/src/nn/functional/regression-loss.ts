/** Losses of numbers against numbers. */
import { ArgumentError } from '../../base/errors.js';
import { checkTensors } from '../../tensor/given.js';
import type { Tensor } from '../../tensor/index.js';
import type { LossOptions } from './reduction.js';
import { checkSameShape, reduceLoss } from './reduction.js';

/** (x - y)^2. */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkTensors('mseLoss', { input, target }, options);
  checkSameShape('mseLoss', input, target);
  return reduceLoss(input.sub(target).square(), options.reduction);
}

/** |x - y|. */
export function l1Loss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkTensors('l1Loss', { input, target }, options);
  checkSameShape('l1Loss', input, target);
  return reduceLoss(input.sub(target).abs(), options.reduction);
}

/** d^2 / (2 beta) where d = |x - y| is below beta (1), else d - beta / 2; Girshick 2015. */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  options: LossOptions & { beta?: number } = {},
): Tensor {
  checkTensors('smoothL1Loss', { input, target }, options);
  const { beta = 1 } = options;
  if (!(beta >= 0)) throw new ArgumentError(`smoothL1Loss: beta is at least 0, got ${beta}`);
  if (beta === 0) return l1Loss(input, target, options);
  checkSameShape('smoothL1Loss', input, target);
  const difference = input.sub(target);
  const far = difference.abs();
  const loss = difference
    .square()
    .mul(0.5 / beta)
    .where(far.lt(beta), far.sub(0.5 * beta));
  return reduceLoss(loss, options.reduction);
}

/** d^2 / 2 where d = |x - y| is below delta (1), else delta (d - delta / 2); Huber 1964. */
export function huberLoss(
  input: Tensor,
  target: Tensor,
  options: LossOptions & { delta?: number } = {},
): Tensor {
  checkTensors('huberLoss', { input, target }, options);
  const { delta = 1 } = options;
  if (!(delta > 0)) throw new ArgumentError(`huberLoss: delta is above 0, got ${delta}`);
  checkSameShape('huberLoss', input, target);
  const difference = input.sub(target);
  const far = difference.abs();
  const loss = difference
    .square()
    .mul(0.5)
    .where(far.lt(delta), far.sub(0.5 * delta).mul(delta));
  return reduceLoss(loss, options.reduction);
}

/**
 * The negative log likelihood of counts under a Poisson distribution: exp(x) - y x, or x - y log(x + eps) without `logInput`.
 *
 * @param options.full adds Stirling's approximation of log(y!) where y is above 1
 */
export function poissonNllLoss(
  input: Tensor,
  target: Tensor,
  options: LossOptions & { logInput?: boolean; full?: boolean; eps?: number } = {},
): Tensor {
  checkTensors('poissonNllLoss', { input, target }, options);
  const { logInput = true, full = false, eps = 1e-8 } = options;
  checkSameShape('poissonNllLoss', input, target);
  const loss = logInput ? input.exp().sub(target.mul(input)) : input.sub(target.mul(input.add(eps).log()));
  if (!full) return reduceLoss(loss, options.reduction);
  const large = target.gt(1);
  const y = target.where(large, 1);
  const stirling = y
    .mul(y.log())
    .sub(y)
    .add(
      y
        .mul(2 * Math.PI)
        .log()
        .mul(0.5),
    );
  return reduceLoss(loss.add(stirling.where(large, 0)), options.reduction);
}

/**
 * The negative log likelihood of targets under normal distributions: (log v + (x - y)^2 / v) / 2 with v = max(variance, eps).
 *
 * @param variance of the shape of the input, or with a last dimension of 1
 * @param options.full adds log(2 pi) / 2
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options: LossOptions & { full?: boolean; eps?: number } = {},
): Tensor {
  checkTensors('gaussianNllLoss', { input, target, variance }, options);
  const { full = false, eps = 1e-6 } = options;
  checkSameShape('gaussianNllLoss', input, target);
  // The floor has no gradient of its own: at it the variance still learns.
  const floor = variance.detach().maximum(eps).sub(variance.detach());
  const v = variance.add(floor);
  const loss = v.log().add(input.sub(target).square().div(v)).mul(0.5);
  return reduceLoss(full ? loss.add(0.5 * Math.log(2 * Math.PI)) : loss, options.reduction);
}

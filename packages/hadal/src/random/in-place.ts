/** Random numbers written into a tensor that is there already. */
import { ArgumentError } from '../base/errors.js';
import { Tensor } from '../tensor/index.js';
import { checkFloatDType, normalValue, uniformValue } from './draw.js';

/** Fills with uniform numbers in [low, high). */
export function uniform_<T extends Tensor>(t: T, low = 0, high = 1): T {
  if (!(low <= high)) throw new ArgumentError(`uniform_: low is at most high, got ${low} and ${high}`);
  const dtype = checkFloatDType('uniform_', t.dtype);
  const u = Tensor.of(t.workspace, uniformValue(t.workspace, t.shape, dtype));
  t.copy_(u.mul(high - low).add(low));
  return t;
}

/** Fills with normal numbers. */
export function normal_<T extends Tensor>(t: T, mean = 0, std = 1): T {
  if (!(std >= 0)) throw new ArgumentError(`normal_: std is at least 0, got ${std}`);
  const dtype = checkFloatDType('normal_', t.dtype);
  t.copy_(
    Tensor.of(t.workspace, normalValue(t.workspace, t.shape, dtype))
      .mul(std)
      .add(mean),
  );
  return t;
}

/** Fills with 1 with probability p, else 0. */
export function bernoulli_<T extends Tensor>(t: T, p = 0.5): T {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`bernoulli_: p is a probability from 0 to 1, got ${p}`);
  const u = Tensor.of(t.workspace, uniformValue(t.workspace, t.shape, 'float32'));
  t.copy_(u.lt(p).to(t.dtype));
  return t;
}

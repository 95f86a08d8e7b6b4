/** Random numbers written into a tensor that is there already. Values only: a tensor on the way would keep what nobody reads alive. */
import type { Value } from '../autograd/value.js';
import { ArgumentError } from '../base/errors.js';
import { Tensor } from '../tensor/index.js';
import { checkFloatDType, normalValue, uniformValue } from './draw.js';

/** scale x + offset; the two are numbers handed over at launch, so that all fills of a shape are one kernel. */
function scaled({ workspace: { ops }, shape }: Tensor, x: Value, scale: number, offset: number): Value {
  const number = (value: number): Value => ops.argument(value, x.dtype, shape);
  return ops.arithmetic('add', ops.arithmetic('mul', x, number(scale)), number(offset));
}

/** Fills with uniform numbers in [low, high). */
export function uniform_<T extends Tensor>(t: T, low = 0, high = 1): T {
  if (!(low <= high)) throw new ArgumentError(`uniform_: low is at most high, got ${low} and ${high}`);
  const u = uniformValue(t.workspace, t.shape, checkFloatDType('uniform_', t.dtype));
  return Tensor.overwrite('uniform_', t, scaled(t, u, high - low, low));
}

/** Fills with normal numbers. */
export function normal_<T extends Tensor>(t: T, mean = 0, std = 1): T {
  if (!(std >= 0)) throw new ArgumentError(`normal_: std is at least 0, got ${std}`);
  const z = normalValue(t.workspace, t.shape, checkFloatDType('normal_', t.dtype));
  return Tensor.overwrite('normal_', t, scaled(t, z, std, mean));
}

/** Fills with 1 with probability p, else 0. */
export function bernoulli_<T extends Tensor>(t: T, p = 0.5): T {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`bernoulli_: p is a probability from 0 to 1, got ${p}`);
  const { ops } = t.workspace;
  const u = uniformValue(t.workspace, t.shape, 'float32');
  const hit = ops.compare('lt', u, ops.argument(p, 'float32', t.shape));
  return Tensor.overwrite('bernoulli_', t, ops.cast(hit, t.dtype));
}

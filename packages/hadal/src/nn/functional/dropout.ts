/** Dropout. Masks are computed again in the backward pass instead of being kept. */
import type { Value } from '../../autograd/value.js';
import { ArgumentError, ShapeError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { showShape } from '../../base/shape.js';
import { nextStream } from '../../random/index.js';
import { checkTensors } from '../../tensor/given.js';
import { Tensor } from '../../tensor/index.js';
import { checkFloat } from './formula.js';

export interface DropoutOptions {
  /** Nothing is dropped if false; true if not given. */
  readonly training?: boolean;
}

export function checkProbability(name: string, p: number): number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return p;
  throw new ArgumentError(`${name}: p is a probability from 0 to 1, got ${p}`);
}

/** Where to drop, drawn once for each element of `shape` and spread over that of x. */
function dropped(x: Tensor, p: number, shape: Shape): Value {
  const { ops } = x.workspace;
  const drop = ops.compare('lt', ops.random(shape, nextStream()), ops.argument(p, 'float32', shape));
  return ops.expand(drop, x.shape);
}

function drop(x: Tensor, p: number, shape: Shape): Tensor {
  const { ops } = x.workspace;
  const v = x.value;
  const mask = dropped(x, p, shape);
  const scaled = ops.arithmetic('mul', v, ops.argument(p === 1 ? 0 : 1 / (1 - p), v.dtype, v.shape));
  return Tensor.of(x.workspace, ops.where(mask, ops.constant(0, v.dtype, v.shape), scaled));
}

/**
 * Zeroes each element with probability p and scales the rest by 1 / (1 - p); Srivastava et al. 2014.
 *
 * @throws ArgumentError if p is not in [0, 1].
 */
export function dropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkTensors('dropout', { x }, options);
  checkProbability('dropout', p);
  if (options.training === false || p === 0) return x;
  checkFloat('dropout', x);
  return drop(x, p, x.shape);
}

function dropChannels(
  name: string,
  x: Tensor,
  p: number,
  spatial: number,
  training: boolean | undefined,
): Tensor {
  checkProbability(name, p);
  const lead = x.ndim - spatial;
  if (lead !== 1 && lead !== 2) {
    throw new ShapeError(
      `${name}: the input has a channel, ${spatial} more and possibly a batch dimension, got ${showShape(x.shape)}`,
    );
  }
  if (training === false || p === 0) return x;
  checkFloat(name, x);
  return drop(
    x,
    p,
    x.shape.map((s, d) => (d < lead ? s : 1)),
  );
}

/** Dropout of whole channels of [N, C, L] or [C, L]; Tompson et al. 2014. */
export function dropout1d(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkTensors('dropout1d', { x }, options);
  return dropChannels('dropout1d', x, p, 1, options.training);
}

/** Dropout of whole channels of [N, C, H, W] or [C, H, W]. */
export function dropout2d(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkTensors('dropout2d', { x }, options);
  return dropChannels('dropout2d', x, p, 2, options.training);
}

/** Dropout of whole channels of [N, C, D, H, W] or [C, D, H, W]. */
export function dropout3d(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkTensors('dropout3d', { x }, options);
  return dropChannels('dropout3d', x, p, 3, options.training);
}

/** What SELU of a very negative number is: -scale alpha. */
const SELU_SATURATION = -1.7580993408473766;

/** @param shape what there is a mask of */
function saturate(name: string, x: Tensor, p: number, shape: Shape, training: boolean | undefined): Tensor {
  checkProbability(name, p);
  if (training === false || p === 0) return x;
  checkFloat(name, x);
  if (p === 1) return x.mul(0);
  const { ops } = x.workspace;
  const v = x.value;
  const a = 1 / Math.sqrt((1 - p) * (1 + p * SELU_SATURATION ** 2));
  const b = -a * p * SELU_SATURATION;
  const kept = ops.where(dropped(x, p, shape), ops.constant(SELU_SATURATION, v.dtype, v.shape), v);
  return Tensor.of(x.workspace, kept).mul(a).add(b);
}

/** Dropout that keeps mean and variance of SELU activations; Klambauer et al. 2017. */
export function alphaDropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkTensors('alphaDropout', { x }, options);
  return saturate('alphaDropout', x, p, x.shape, options.training);
}

/** As `alphaDropout`, of whole channels of [N, C, ...]. */
export function featureAlphaDropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkTensors('featureAlphaDropout', { x }, options);
  if (x.ndim < 2)
    throw new ShapeError(`featureAlphaDropout: the input is [N, C, ...], got ${showShape(x.shape)}`);
  const channels = x.shape.map((s, d) => (d < 2 ? s : 1));
  return saturate('featureAlphaDropout', x, p, channels, options.training);
}

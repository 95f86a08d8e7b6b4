/** Normalisation by means and variances. */

import { noGrad } from '../../autograd/mode.js';
import { wideDType } from '../../base/dtype.js';
import { ArgumentError, ShapeError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { sameShape, showShape } from '../../base/shape.js';
import { checkTensors, listOf, tensorOf } from '../../tensor/given.js';
import type { Tensor } from '../../tensor/index.js';
import { checkFloat } from './formula.js';

export interface AffineOptions {
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
  /** Added to the variance. */
  readonly eps?: number;
}

interface Moments {
  readonly mean: Tensor;
  /** Divided by n, not n - 1. */
  readonly variance: Tensor;
  readonly centered: Tensor;
  /** 1 / sqrt(variance + eps): one division for all that is normalised together, forwards and backwards. */
  readonly inverse: Tensor;
}

function widened(x: Tensor): Tensor {
  return x.to(wideDType(x.dtype));
}

/** In two passes: the difference of two large sums would lose the variance. None of the tensors may be given to the user. */
function moments(x: Tensor, dims: readonly number[], eps = 1e-5): Moments {
  return x.workspace.engine.pending.onTheWay(() => {
    const mean = x.mean(dims, { keepdim: true });
    const centered = x.sub(mean);
    const variance = centered.square().mean(dims, { keepdim: true });
    return { mean, centered, variance, inverse: variance.add(eps).rsqrt() };
  });
}

function affine(y: Tensor, shape: Shape, { weight, bias }: AffineOptions): Tensor {
  const scaled = weight ? y.mul(weight.reshape(shape)) : y;
  return bias ? scaled.add(bias.reshape(shape)) : scaled;
}

function trailingDims(name: string, x: Tensor, shape: Shape, options: AffineOptions): number[] {
  checkFloat(name, x);
  if (listOf(name, 'sizes', shape).length === 0 || !sameShape(x.shape.slice(-shape.length), shape)) {
    throw new ShapeError(
      `${name}: the input must end in the normalised shape ${showShape(shape)}, got ${showShape(x.shape)}`,
    );
  }
  for (const [what, t] of [
    ['weight', options.weight],
    ['bias', options.bias],
  ] as const) {
    if (t && !sameShape(t.shape, shape))
      throw new ShapeError(`${name}: the ${what} must be ${showShape(shape)}, got ${showShape(t.shape)}`);
  }
  return shape.map((_, i) => x.ndim - shape.length + i);
}

/**
 * (x - mean) / sqrt(variance + eps) weight + bias over the last dimensions; Ba et al. 2016.
 *
 * @param x [..., ...normalizedShape]
 * @param normalizedShape also the shape of weight and bias
 * @throws ShapeError if they do not fit.
 * @example
 * ```ts
 * import { functional as F, tensor } from 'hadal';
 * console.log(F.layerNorm(tensor([[1, 3]]), [2], { eps: 0 }).tolistSync()); // [ [ -1, 1 ] ]
 * ```
 */
export function layerNorm(x: Tensor, normalizedShape: Shape, options: AffineOptions = {}): Tensor {
  checkTensors('layerNorm', { x }, options);
  const dims = trailingDims('layerNorm', x, normalizedShape, options);
  const { centered, inverse } = moments(widened(x), dims, options.eps);
  const y = centered.mul(inverse).to(x.dtype);
  return affine(y, normalizedShape, options);
}

const EPSILON: { readonly [dtype: string]: number } = {
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
  float32: 2 ** -23,
  float64: 2 ** -52,
};

/**
 * x / sqrt(mean(x^2) + eps) weight over the last dimensions; Zhang and Sennrich 2019.
 *
 * @param options.eps if not given, the spacing of the dtype's numbers at 1
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: Shape,
  options: Omit<AffineOptions, 'bias'> = {},
): Tensor {
  checkTensors('rmsNorm', { x }, options);
  const dims = trailingDims('rmsNorm', x, normalizedShape, options);
  const wide = widened(x);
  const square = wide.square().mean(dims, { keepdim: true });
  const y = wide.mul(square.add(options.eps ?? EPSILON[x.dtype]).rsqrt()).to(x.dtype);
  return affine(y, normalizedShape, {
    weight: options.weight ?? null,
  });
}

function checkChannels(
  name: string,
  x: Tensor,
  ...perChannel: readonly (Tensor | null | undefined)[]
): number {
  checkFloat(name, x);
  if (x.ndim < 2) throw new ShapeError(`${name}: the input is [N, C, ...], got ${showShape(x.shape)}`);
  for (const t of perChannel) {
    if (t && !sameShape(t.shape, [x.shape[1]]))
      throw new ShapeError(
        `${name}: an input ${showShape(x.shape)} has ${x.shape[1]} channels, got weights or statistics of ${showShape(t.shape)}`,
      );
  }
  return x.shape[1];
}

/** The shape under which a tensor [C] broadcasts over [N, C, ...]. */
function alongChannels(x: Tensor, channels: number): number[] {
  return x.shape.map((_, d) => (d === 1 ? channels : 1));
}

/** old + momentum (now - old), in place. A tensor as momentum is for averages over all batches. */
function average(running: Tensor, now: Tensor, momentum: number | Tensor): void {
  noGrad(() => {
    const value = now.detach().reshape(running.shape).to(running.dtype);
    running.add_(value.sub(running.detach()).mul(momentum));
  });
}

export interface BatchNormOptions extends AffineOptions {
  /** Normalise by this batch and update the running statistics; otherwise by the running statistics, if there are any. */
  readonly training?: boolean;
  /** Share of this batch in the new running statistics, 0.1 if not given. */
  readonly momentum?: number | Tensor;
}

/**
 * Normalises every channel over batch and places; Ioffe and Szegedy 2015. While training, the running statistics are updated in place,
 * the variance by its unbiased estimate.
 *
 * @param x [N, C, ...]
 * @param runningMean [C], or null to normalise by the batch always
 * @param runningVar [C], or null
 * @throws ShapeError if they do not fit, or a channel has one value only while training.
 * @example
 * ```ts
 * import { functional as F, tensor, zeros, ones } from 'hadal';
 * const [mean, variance] = [zeros([1]), ones([1])];
 * console.log(F.batchNorm(tensor([[1], [3]]), mean, variance, { training: true, eps: 0 }).tolistSync()); // [ [ -1 ], [ 1 ] ]
 * console.log(mean.tolistSync()[0].toFixed(2)); // 0.20
 * ```
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions = {},
): Tensor {
  checkTensors('batchNorm', { x }, options);
  if (runningMean !== null) tensorOf('batchNorm', runningMean);
  if (runningVar !== null) tensorOf('batchNorm', runningVar);
  const channels = checkChannels('batchNorm', x, runningMean, runningVar, options.weight, options.bias);
  const training = options.training ?? false;
  const shape = alongChannels(x, channels);
  const eps = options.eps ?? 1e-5;
  if (!training && runningMean !== null && runningVar !== null) {
    const inverse = runningVar.reshape(shape).add(eps).rsqrt();
    return affine(x.sub(runningMean.reshape(shape)).mul(inverse), shape, options);
  }
  if (!training && (runningMean !== null || runningVar !== null))
    throw new ArgumentError('batchNorm: running mean and variance are both given or both null');
  const count = x.numel() / channels;
  if (training && count === 1)
    throw new ShapeError(
      `batchNorm: a channel needs more than one value while training, got ${showShape(x.shape)}`,
    );
  const dims = x.shape.map((_, d) => d).filter((d) => d !== 1);
  const { mean, variance, centered, inverse } = moments(widened(x), dims, eps);
  const momentum = options.momentum ?? 0.1;
  if (training && runningMean !== null) average(runningMean, mean, momentum);
  if (training && runningVar !== null)
    average(runningVar, variance.detach().mul(count / (count - 1)), momentum);
  return affine(centered.mul(inverse).to(x.dtype), shape, options);
}

/**
 * Normalises each sample over groups of channels; Wu and He 2018.
 *
 * @param x [N, C, ...]
 * @param numGroups divides C
 */
export function groupNorm(x: Tensor, numGroups: number, options: AffineOptions = {}): Tensor {
  checkTensors('groupNorm', { x }, options);
  const channels = checkChannels('groupNorm', x, options.weight, options.bias);
  if (!Number.isInteger(numGroups) || numGroups < 1 || channels % numGroups !== 0)
    throw new ArgumentError(`groupNorm: numGroups must divide the ${channels} channels, got ${numGroups}`);
  const perGroup = channels / numGroups;
  const places = x.shape.slice(2).reduce((n, size) => n * size, 1);
  // Weights act in this shape too, so that all of it is one kernel.
  const grouped = widened(x.reshape([x.shape[0], numGroups, perGroup, places]));
  const { centered, inverse } = moments(grouped, [2, 3], options.eps);
  const y = centered.mul(inverse).to(x.dtype);
  return affine(y, [1, numGroups, perGroup, 1], options).reshape(x.shape);
}

/** Normalises each channel of each sample over its places; Ulyanov et al. 2016. x is [N, C, ...]. */
export function instanceNorm(x: Tensor, options: AffineOptions = {}): Tensor {
  checkTensors('instanceNorm', { x }, options);
  const channels = checkChannels('instanceNorm', x, options.weight, options.bias);
  const dims = x.shape.map((_, d) => d).slice(2);
  if (dims.reduce((n, d) => n * x.shape[d], 1) < 2)
    throw new ShapeError(`instanceNorm: a channel needs more than one place, got ${showShape(x.shape)}`);
  const { centered, inverse } = moments(x, dims, options.eps);
  return affine(centered.mul(inverse), alongChannels(x, channels), options);
}

/**
 * Each element over (k + alpha m)^beta, with m the mean square of `size` neighbouring channels around it; beyond the channels there are
 * zeros. Krizhevsky et al. 2012.
 *
 * @param x [N, C, ...] of three dimensions or more
 * @throws ShapeError for fewer dimensions; ArgumentError for a size that is no whole number from 1.
 */
export function localResponseNorm(
  x: Tensor,
  size: number,
  options: { readonly alpha?: number; readonly beta?: number; readonly k?: number } = {},
): Tensor {
  checkTensors('localResponseNorm', { x }, options);
  checkFloat('localResponseNorm', x);
  const { alpha = 1e-4, beta = 0.75, k = 1 } = options;
  if (x.ndim < 3)
    throw new ShapeError(`localResponseNorm: the input is [N, C, ...] and more, got ${showShape(x.shape)}`);
  if (!Number.isInteger(size) || size < 1)
    throw new ArgumentError(`localResponseNorm: size is a whole number from 1, got ${size}`);
  const around = [Math.floor(size / 2), Math.floor((size - 1) / 2)];
  const inner = new Array<number>(2 * (x.ndim - 2)).fill(0);
  const squares = x.square().pad([...inner, ...around]);
  const sum = squares.unfold(1, size, 1).sum(-1);
  return x.div(
    sum
      .mul(alpha / size)
      .add(k)
      .pow(beta),
  );
}

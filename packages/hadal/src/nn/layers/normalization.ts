/** Normalisation with learned scales and running statistics. */

import { noGrad } from '../../autograd/mode.js';
import { ArgumentError, ShapeError } from '../../base/errors.js';
import { checkOptions } from '../../base/options.js';
import type { Shape } from '../../base/shape.js';
import { showShape } from '../../base/shape.js';
import { checkTensor, tensorOf } from '../../tensor/given.js';
import { ones, type Tensor, zeros } from '../../tensor/index.js';
import type { Config } from '../config/json.js';

import { batchNorm, groupNorm, instanceNorm, layerNorm, rmsNorm } from '../functional/normalization.js';
import { checkSize, Module } from '../module.js';
import { Buffer, Parameter } from '../parameter.js';

export interface BatchNormLayerOptions {
  /** Added to the variance; 1e-5 if not given. */
  readonly eps?: number;
  /** Share of a batch in the running statistics, 0.1 if not given; null for averages over all batches. */
  readonly momentum?: number | null;
  /** Whether scale and shift are learned; true if not given. */
  readonly affine?: boolean;
  /** Whether evaluation uses running statistics; true if not given. */
  readonly trackRunningStats?: boolean;
}

function checkEps(name: string, eps: number): number {
  if (Number.isFinite(eps) && eps >= 0) return eps;
  throw new ArgumentError(`${name}: eps is a number, 0 or more, got ${eps}`);
}

function checkMomentum(name: string, momentum: number | null): number | null {
  if (momentum === null || (Number.isFinite(momentum) && momentum >= 0 && momentum <= 1)) return momentum;
  throw new ArgumentError(
    `${name}: momentum is the share of a batch, from 0 to 1, or null for averages, got ${momentum}`,
  );
}

abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  /** [C] */
  weight: Parameter | null;
  /** [C] */
  bias: Parameter | null;
  /** [C] */
  runningMean: Buffer | null;
  /** [C] */
  runningVar: Buffer | null;
  /** [], int64 */
  numBatchesTracked: Buffer | null;
  readonly #name: string;
  readonly #ranks: readonly number[];

  constructor(name: string, ranks: readonly number[], numFeatures: number, options: BatchNormLayerOptions) {
    super();
    checkOptions(name, options, { eps: true, momentum: true, affine: true, trackRunningStats: true });
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    this.#name = name;
    this.#ranks = ranks;
    this.numFeatures = checkSize(name, 'numFeatures', numFeatures);
    this.eps = checkEps(name, eps);
    this.momentum = checkMomentum(name, momentum);
    this.weight = affine ? new Parameter(ones([numFeatures])) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures])) : null;
    this.runningMean = trackRunningStats ? new Buffer(zeros([numFeatures])) : null;
    this.runningVar = trackRunningStats ? new Buffer(ones([numFeatures])) : null;
    this.numBatchesTracked = trackRunningStats ? new Buffer(zeros([], { dtype: 'int64' })) : null;
  }

  /** Counts the batch and says how much of it goes into the running statistics. */
  #share(): number | Tensor {
    const count = this.numBatchesTracked;
    if (count === null || !this.training) return this.momentum ?? 0.1;
    noGrad(() => count.add_(1));
    return this.momentum ?? count.detach().to('float32').reciprocal();
  }

  override forward(x: Tensor): Tensor {
    checkTensor(this.#name, 'the input', x);
    if (!this.#ranks.includes(x.ndim) || x.shape[1] !== this.numFeatures) {
      throw new ShapeError(
        `${this.#name}: the input has ${this.#ranks.join(' or ')} dimensions, the second of size ${this.numFeatures}, got ${showShape(x.shape)}`,
      );
    }
    return batchNorm(x, this.runningMean, this.runningVar, {
      weight: this.weight,
      bias: this.bias,
      training: this.training || this.runningMean === null,
      momentum: this.#share(),
      eps: this.eps,
    });
  }

  override config(): Config {
    return {
      numFeatures: this.numFeatures,
      eps: this.eps,
      momentum: this.momentum,
      affine: this.weight !== null,
      trackRunningStats: this.runningMean !== null,
    };
  }
}

/** Batch normalisation of [N, C] or [N, C, L]; see `functional.batchNorm`. */
export class BatchNorm1d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm1d', [2, 3], numFeatures, options);
  }
}

/**
 * Batch normalisation of [N, C, H, W]; Ioffe and Szegedy 2015.
 *
 * @example
 * ```ts
 * import { nn, rand } from 'hadal';
 * const layer = new nn.BatchNorm2d(3);
 * layer.forward(rand([8, 3, 4, 4]));
 * console.log(layer.numBatchesTracked.itemSync(), [...layer.stateDict().keys()].length); // 1 5
 * ```
 */
export class BatchNorm2d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm2d', [4], numFeatures, options);
  }
}

/** Batch normalisation of [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm3d', [5], numFeatures, options);
  }
}

function normalizedShapeOf(name: string, shape: number | Shape): Shape {
  const list = typeof shape === 'number' ? [shape] : [...shape];
  if (list.length === 0) throw new ArgumentError(`${name}: the normalised shape is empty`);
  for (const size of list) checkSize(name, 'normalizedShape', size);
  return list;
}

export interface LayerNormOptions {
  /** Added to the variance; 1e-5 if not given. */
  readonly eps?: number;
  /** Whether scale and shift are learned; true if not given. */
  readonly elementwiseAffine?: boolean;
  /** Whether there is a shift; true if not given. */
  readonly bias?: boolean;
}

/** Normalisation over the last dimensions; see `functional.layerNorm`. */
export class LayerNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number;
  /** Of the normalised shape. */
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(normalizedShape: number | Shape, options: LayerNormOptions = {}) {
    super();
    checkOptions('LayerNorm', options, { eps: true, elementwiseAffine: true, bias: true });
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = options;
    this.normalizedShape = normalizedShapeOf('LayerNorm', normalizedShape);
    this.eps = checkEps('LayerNorm', eps);
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape)) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(this.normalizedShape)) : null;
  }

  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, { weight: this.weight, bias: this.bias, eps: this.eps });
  }

  override config(): Config {
    return {
      normalizedShape: this.normalizedShape,
      eps: this.eps,
      elementwiseAffine: this.weight !== null,
      bias: this.bias !== null,
    };
  }
}

/** Division by the root mean square over the last dimensions; see `functional.rmsNorm`. */
export class RMSNorm extends Module {
  readonly normalizedShape: Shape;
  /** null for the spacing of the dtype's numbers at 1. */
  readonly eps: number | null;
  weight: Parameter | null;

  constructor(
    normalizedShape: number | Shape,
    options: { eps?: number | null; elementwiseAffine?: boolean } = {},
  ) {
    super();
    checkOptions('RMSNorm', options, { eps: true, elementwiseAffine: true });
    const { eps = null, elementwiseAffine = true } = options;
    this.normalizedShape = normalizedShapeOf('RMSNorm', normalizedShape);
    this.eps = eps === null ? null : checkEps('RMSNorm', eps);
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape)) : null;
  }

  override forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, {
      weight: this.weight,
      ...(this.eps === null ? {} : { eps: this.eps }),
    });
  }

  override config(): Config {
    return {
      normalizedShape: this.normalizedShape,
      eps: this.eps,
      elementwiseAffine: this.weight !== null,
    };
  }
}

/** Normalisation over groups of channels of [N, C, ...]; see `functional.groupNorm`. */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(numGroups: number, numChannels: number, options: { eps?: number; affine?: boolean } = {}) {
    super();
    checkOptions('GroupNorm', options, { eps: true, affine: true });
    const { eps = 1e-5, affine = true } = options;
    this.numGroups = checkSize('GroupNorm', 'numGroups', numGroups);
    this.numChannels = checkSize('GroupNorm', 'numChannels', numChannels);
    if (numChannels % numGroups !== 0)
      throw new ArgumentError(
        `GroupNorm: numGroups divides numChannels, got ${numGroups} and ${numChannels}`,
      );
    this.eps = checkEps('GroupNorm', eps);
    this.weight = affine ? new Parameter(ones([numChannels])) : null;
    this.bias = affine ? new Parameter(zeros([numChannels])) : null;
  }

  override forward(x: Tensor): Tensor {
    return groupNorm(x, this.numGroups, { weight: this.weight, bias: this.bias, eps: this.eps });
  }

  override config(): Config {
    return {
      numGroups: this.numGroups,
      numChannels: this.numChannels,
      eps: this.eps,
      affine: this.weight !== null,
    };
  }
}

abstract class InstanceNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;
  readonly #name: string;
  readonly #rank: number;

  constructor(name: string, rank: number, numFeatures: number, options: { eps?: number; affine?: boolean }) {
    super();
    checkOptions(name, options, { eps: true, affine: true });
    const { eps = 1e-5, affine = false } = options;
    this.#name = name;
    this.#rank = rank;
    this.numFeatures = checkSize(name, 'numFeatures', numFeatures);
    this.eps = checkEps(name, eps);
    this.weight = affine ? new Parameter(ones([numFeatures])) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures])) : null;
  }

  override forward(x: Tensor): Tensor {
    checkTensor(this.#name, 'the input', x);
    const single = tensorOf('GroupNorm', x).ndim === this.#rank - 1;
    if ((x.ndim !== this.#rank && !single) || x.shape[single ? 0 : 1] !== this.numFeatures) {
      throw new ShapeError(
        `${this.#name}: the input has ${this.#rank} dimensions, the second of size ${this.numFeatures}, got ${showShape(x.shape)}`,
      );
    }
    const options = { weight: this.weight, bias: this.bias, eps: this.eps };
    return single ? instanceNorm(x.unsqueeze(0), options).squeeze(0) : instanceNorm(x, options);
  }

  override config(): Config {
    return { numFeatures: this.numFeatures, eps: this.eps, affine: this.weight !== null };
  }
}

/** Normalisation of each channel of each sample of [N, C, L]. */
export class InstanceNorm1d extends InstanceNorm {
  constructor(numFeatures: number, options: { eps?: number; affine?: boolean } = {}) {
    super('InstanceNorm1d', 3, numFeatures, options);
  }
}

/** Normalisation of each channel of each sample of [N, C, H, W]; Ulyanov et al. 2016. */
export class InstanceNorm2d extends InstanceNorm {
  constructor(numFeatures: number, options: { eps?: number; affine?: boolean } = {}) {
    super('InstanceNorm2d', 4, numFeatures, options);
  }
}

/** Normalisation of each channel of each sample of [N, C, D, H, W]. */
export class InstanceNorm3d extends InstanceNorm {
  constructor(numFeatures: number, options: { eps?: number; affine?: boolean } = {}) {
    super('InstanceNorm3d', 5, numFeatures, options);
  }
}

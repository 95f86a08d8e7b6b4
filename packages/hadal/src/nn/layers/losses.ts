/** Losses as modules; each is the function of the same name in `functional`. */
import { checkOptions } from '../../base/options.js';
import type { Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import * as classification from '../functional/classification-loss.js';
import * as embedding from '../functional/embedding-loss.js';
import { checkReduction, type LossOptions } from '../functional/reduction.js';
import * as regression from '../functional/regression-loss.js';
import { Module } from '../module.js';
import { Buffer } from '../parameter.js';

type Reduction = NonNullable<LossOptions['reduction']>;

abstract class Loss extends Module {
  readonly reduction: Reduction;

  constructor(options: LossOptions) {
    super();
    this.reduction = checkReduction(options.reduction);
  }

  override config(): Config | null {
    return { reduction: this.reduction };
  }
}

/** Weights of classes or elements as a buffer, so that they move with the module. */
function weightBuffer(weight: Tensor | null | undefined): Buffer | null {
  return weight ? new Buffer(weight.detach().clone()) : null;
}

/** See `functional.mseLoss`. */
export class MSELoss extends Loss {
  constructor(options: LossOptions = {}) {
    checkOptions('MSELoss', options, { reduction: true });
    super(options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return regression.mseLoss(input, target, { reduction: this.reduction });
  }
}

/** See `functional.l1Loss`. */
export class L1Loss extends Loss {
  constructor(options: LossOptions = {}) {
    checkOptions('L1Loss', options, { reduction: true });
    super(options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return regression.l1Loss(input, target, { reduction: this.reduction });
  }
}

/** See `functional.smoothL1Loss`. */
export class SmoothL1Loss extends Loss {
  readonly beta: number;

  constructor(options: LossOptions & { beta?: number } = {}) {
    checkOptions('SmoothL1Loss', options, { reduction: true, beta: true });
    super(options);
    this.beta = options.beta ?? 1;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return regression.smoothL1Loss(input, target, { reduction: this.reduction, beta: this.beta });
  }

  override config(): Config | null {
    return { reduction: this.reduction, beta: this.beta };
  }
}

/** See `functional.huberLoss`. */
export class HuberLoss extends Loss {
  readonly delta: number;

  constructor(options: LossOptions & { delta?: number } = {}) {
    checkOptions('HuberLoss', options, { reduction: true, delta: true });
    super(options);
    this.delta = options.delta ?? 1;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return regression.huberLoss(input, target, { reduction: this.reduction, delta: this.delta });
  }

  override config(): Config | null {
    return { reduction: this.reduction, delta: this.delta };
  }
}

/**
 * The usual loss of classification; see `functional.crossEntropy`.
 *
 * @example
 * ```ts
 * import { nn, tensor, zeros } from 'hadal';
 * const loss = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 });
 * console.log(loss.forward(zeros([2, 4]), tensor([0n, 3n])).itemSync().toFixed(4)); // 1.3863
 * ```
 */
export class CrossEntropyLoss extends Loss {
  readonly ignoreIndex: number | null;
  readonly labelSmoothing: number;
  /** [C], or null */
  weight: Buffer | null;

  constructor(options: classification.CrossEntropyOptions = {}) {
    checkOptions('CrossEntropyLoss', options, {
      reduction: true,
      weight: true,
      ignoreIndex: true,
      labelSmoothing: true,
    });
    super(options);
    this.weight = weightBuffer(options.weight);
    this.ignoreIndex = options.ignoreIndex ?? null;
    this.labelSmoothing = options.labelSmoothing ?? 0;
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    const { reduction, weight, ignoreIndex, labelSmoothing } = this;
    return classification.crossEntropy(logits, target, {
      reduction,
      weight,
      ignoreIndex,
      labelSmoothing,
    });
  }

  override config(): Config | null {
    if (this.weight !== null) return null;
    const { reduction, ignoreIndex, labelSmoothing } = this;
    return { reduction, ignoreIndex, labelSmoothing };
  }
}

/** See `functional.nllLoss`. */
export class NLLLoss extends Loss {
  readonly ignoreIndex: number | null;
  /** [C], or null */
  weight: Buffer | null;

  constructor(options: classification.NllOptions = {}) {
    checkOptions('NLLLoss', options, { reduction: true, weight: true, ignoreIndex: true });
    super(options);
    this.weight = weightBuffer(options.weight);
    this.ignoreIndex = options.ignoreIndex ?? null;
  }

  override forward(logProbabilities: Tensor, target: Tensor): Tensor {
    const { reduction, weight, ignoreIndex } = this;
    return classification.nllLoss(logProbabilities, target, { reduction, weight, ignoreIndex });
  }

  override config(): Config | null {
    return this.weight === null ? { reduction: this.reduction, ignoreIndex: this.ignoreIndex } : null;
  }
}

/** See `functional.binaryCrossEntropy`. */
export class BCELoss extends Loss {
  weight: Buffer | null;

  constructor(options: LossOptions & { weight?: Tensor | null } = {}) {
    checkOptions('BCELoss', options, { reduction: true, weight: true });
    super(options);
    this.weight = weightBuffer(options.weight);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { reduction, weight } = this;
    return classification.binaryCrossEntropy(input, target, { reduction, weight });
  }

  override config(): Config | null {
    return this.weight === null ? super.config() : null;
  }
}

/** See `functional.binaryCrossEntropyWithLogits`. */
export class BCEWithLogitsLoss extends Loss {
  weight: Buffer | null;
  posWeight: Buffer | null;

  constructor(options: LossOptions & { weight?: Tensor | null; posWeight?: Tensor | null } = {}) {
    checkOptions('BCEWithLogitsLoss', options, { reduction: true, weight: true, posWeight: true });
    super(options);
    this.weight = weightBuffer(options.weight);
    this.posWeight = weightBuffer(options.posWeight);
  }

  override forward(logits: Tensor, target: Tensor): Tensor {
    const { reduction, weight, posWeight } = this;
    return classification.binaryCrossEntropyWithLogits(logits, target, { reduction, weight, posWeight });
  }

  override config(): Config | null {
    return this.weight === null && this.posWeight === null ? super.config() : null;
  }
}

/** See `functional.klDiv`. */
export class KLDivLoss extends Module {
  readonly reduction: Reduction | 'batchmean';
  readonly logTarget: boolean;

  constructor(options: { reduction?: Reduction | 'batchmean'; logTarget?: boolean } = {}) {
    checkOptions('KLDivLoss', options, { reduction: true, logTarget: true });
    super();
    const { reduction } = options;
    this.reduction = reduction === 'batchmean' ? reduction : checkReduction(reduction);
    this.logTarget = options.logTarget ?? false;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return classification.klDiv(input, target, { reduction: this.reduction, logTarget: this.logTarget });
  }

  override config(): Config {
    return { reduction: this.reduction, logTarget: this.logTarget };
  }
}

/** See `functional.hingeEmbeddingLoss`. */
export class HingeEmbeddingLoss extends Loss {
  readonly margin: number;

  constructor(options: LossOptions & { margin?: number } = {}) {
    checkOptions('HingeEmbeddingLoss', options, { reduction: true, margin: true });
    super(options);
    this.margin = options.margin ?? 1;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return embedding.hingeEmbeddingLoss(input, target, { reduction: this.reduction, margin: this.margin });
  }

  override config(): Config {
    return { reduction: this.reduction, margin: this.margin };
  }
}

/** See `functional.cosineEmbeddingLoss`. */
export class CosineEmbeddingLoss extends Loss {
  readonly margin: number;

  constructor(options: LossOptions & { margin?: number } = {}) {
    checkOptions('CosineEmbeddingLoss', options, { reduction: true, margin: true });
    super(options);
    this.margin = options.margin ?? 0;
  }

  override forward(a: Tensor, b: Tensor, target: Tensor): Tensor {
    return embedding.cosineEmbeddingLoss(a, b, target, {
      reduction: this.reduction,
      margin: this.margin,
    });
  }

  override config(): Config {
    return { reduction: this.reduction, margin: this.margin };
  }
}

/** See `functional.tripletMarginLoss`. */
export class TripletMarginLoss extends Loss {
  readonly margin: number;
  readonly p: number;
  readonly swap: boolean;

  constructor(options: LossOptions & { margin?: number; p?: number; swap?: boolean } = {}) {
    checkOptions('TripletMarginLoss', options, { reduction: true, margin: true, p: true, swap: true });
    super(options);
    this.margin = options.margin ?? 1;
    this.p = options.p ?? 2;
    this.swap = options.swap ?? false;
  }

  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { reduction, margin, p, swap } = this;
    return embedding.tripletMarginLoss(anchor, positive, negative, { reduction, margin, p, swap });
  }

  override config(): Config {
    const { reduction, margin, p, swap } = this;
    return { reduction, margin, p, swap };
  }
}

/** See `functional.tripletMarginWithDistanceLoss`. */
export class TripletMarginWithDistanceLoss extends Loss {
  readonly margin: number;
  readonly swap: boolean;
  readonly distanceFunction: ((a: Tensor, b: Tensor) => Tensor) | null;

  constructor(
    options: LossOptions & {
      margin?: number;
      swap?: boolean;
      distanceFunction?: (a: Tensor, b: Tensor) => Tensor;
    } = {},
  ) {
    checkOptions('TripletMarginWithDistanceLoss', options, {
      reduction: true,
      margin: true,
      swap: true,
      distanceFunction: true,
    });
    super(options);
    this.margin = options.margin ?? 1;
    this.swap = options.swap ?? false;
    this.distanceFunction = options.distanceFunction ?? null;
  }

  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { reduction, margin, swap, distanceFunction } = this;
    return embedding.tripletMarginWithDistanceLoss(anchor, positive, negative, {
      reduction,
      margin,
      swap,
      ...(distanceFunction ? { distanceFunction } : {}),
    });
  }

  override config(): Config | null {
    const { reduction, margin, swap } = this;
    return this.distanceFunction === null ? { reduction, margin, swap } : null;
  }
}

/** See `functional.marginRankingLoss`. */
export class MarginRankingLoss extends Loss {
  readonly margin: number;

  constructor(options: LossOptions & { margin?: number } = {}) {
    checkOptions('MarginRankingLoss', options, { reduction: true, margin: true });
    super(options);
    this.margin = options.margin ?? 0;
  }

  override forward(a: Tensor, b: Tensor, target: Tensor): Tensor {
    return embedding.marginRankingLoss(a, b, target, { reduction: this.reduction, margin: this.margin });
  }

  override config(): Config {
    return { reduction: this.reduction, margin: this.margin };
  }
}

/** See `functional.softMarginLoss`. */
export class SoftMarginLoss extends Loss {
  constructor(options: LossOptions = {}) {
    checkOptions('SoftMarginLoss', options, { reduction: true });
    super(options);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return classification.softMarginLoss(input, target, { reduction: this.reduction });
  }
}

/** See `functional.multilabelSoftMarginLoss`. */
export class MultiLabelSoftMarginLoss extends Loss {
  /** [C], or null */
  weight: Buffer | null;

  constructor(options: LossOptions & { weight?: Tensor | null } = {}) {
    checkOptions('MultiLabelSoftMarginLoss', options, { reduction: true, weight: true });
    super(options);
    this.weight = weightBuffer(options.weight);
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { reduction, weight } = this;
    return classification.multilabelSoftMarginLoss(input, target, { reduction, weight });
  }

  override config(): Config | null {
    return this.weight === null ? super.config() : null;
  }
}

/** See `functional.poissonNllLoss`. */
export class PoissonNLLLoss extends Loss {
  readonly logInput: boolean;
  readonly full: boolean;
  readonly eps: number;

  constructor(options: LossOptions & { logInput?: boolean; full?: boolean; eps?: number } = {}) {
    checkOptions('PoissonNLLLoss', options, { reduction: true, logInput: true, full: true, eps: true });
    super(options);
    this.logInput = options.logInput ?? true;
    this.full = options.full ?? false;
    this.eps = options.eps ?? 1e-8;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { reduction, logInput, full, eps } = this;
    return regression.poissonNllLoss(input, target, { reduction, logInput, full, eps });
  }

  override config(): Config {
    const { reduction, logInput, full, eps } = this;
    return { reduction, logInput, full, eps };
  }
}

/** See `functional.gaussianNllLoss`. */
export class GaussianNLLLoss extends Loss {
  readonly full: boolean;
  readonly eps: number;

  constructor(options: LossOptions & { full?: boolean; eps?: number } = {}) {
    checkOptions('GaussianNLLLoss', options, { reduction: true, full: true, eps: true });
    super(options);
    this.full = options.full ?? false;
    this.eps = options.eps ?? 1e-6;
  }

  override forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    const { reduction, full, eps } = this;
    return regression.gaussianNllLoss(input, target, variance, { reduction, full, eps });
  }

  override config(): Config {
    const { reduction, full, eps } = this;
    return { reduction, full, eps };
  }
}

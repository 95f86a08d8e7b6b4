/** Distances between vectors as layers; each is the function of the same name in `functional`. */
import { checkOptions } from '../../base/options.js';
import type { Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import { cosineSimilarity, pairwiseDistance } from '../functional/distance.js';
import { Module } from '../module.js';

/** The cosine of the angle between vectors along a dimension, 1 if not given. */
export class CosineSimilarity extends Module {
  readonly dim: number;
  readonly eps: number;

  constructor(options: { dim?: number; eps?: number } = {}) {
    checkOptions('CosineSimilarity', options, { dim: true, eps: true });
    super();
    this.dim = options.dim ?? 1;
    this.eps = options.eps ?? 1e-8;
  }

  override forward(a: Tensor, b: Tensor): Tensor {
    return cosineSimilarity(a, b, { dim: this.dim, eps: this.eps });
  }

  override config(): Config {
    return { dim: this.dim, eps: this.eps };
  }
}

/** The p-norm of a - b + eps along the last dimension; p is 2 if not given. */
export class PairwiseDistance extends Module {
  readonly p: number;
  readonly eps: number;
  readonly keepdim: boolean;

  constructor(options: { p?: number; eps?: number; keepdim?: boolean } = {}) {
    checkOptions('PairwiseDistance', options, { p: true, eps: true, keepdim: true });
    super();
    this.p = options.p ?? 2;
    this.eps = options.eps ?? 1e-6;
    this.keepdim = options.keepdim ?? false;
  }

  override forward(a: Tensor, b: Tensor): Tensor {
    return pairwiseDistance(a, b, { p: this.p, eps: this.eps, keepdim: this.keepdim });
  }

  override config(): Config {
    return { p: this.p, eps: this.eps, keepdim: this.keepdim };
  }
}

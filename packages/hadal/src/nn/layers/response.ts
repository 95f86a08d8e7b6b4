/** Normalisation by neighbouring channels. */
import { checkOptions } from '../../base/options.js';
import type { Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import { localResponseNorm } from '../functional/normalization.js';
import { Module } from '../module.js';

/** Each element over (k + alpha m)^beta, with m the mean square of `size` neighbouring channels; see `functional.localResponseNorm`. */
export class LocalResponseNorm extends Module {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(size: number, options: { alpha?: number; beta?: number; k?: number } = {}) {
    checkOptions('LocalResponseNorm', options, { alpha: true, beta: true, k: true });
    super();
    this.size = size;
    this.alpha = options.alpha ?? 1e-4;
    this.beta = options.beta ?? 0.75;
    this.k = options.k ?? 1;
  }

  override forward(x: Tensor): Tensor {
    const { alpha, beta, k } = this;
    return localResponseNorm(x, this.size, { alpha, beta, k });
  }

  override config(): Config {
    const { size, alpha, beta, k } = this;
    return { size, alpha, beta, k };
  }
}

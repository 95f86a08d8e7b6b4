/** Layers that multiply by a learned matrix. */
import { checkOptions } from '../../base/options.js';
import type { Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import { bilinear, linear } from '../functional/linear.js';
import { checkSize, Module } from '../module.js';
import type { Parameter } from '../parameter.js';
import { uniformParameter } from './initial.js';

/**
 * y = x W^T + b. Weight and bias start uniform in +-1/sqrt(inFeatures), as in PyTorch.
 *
 * @example
 * ```ts
 * import { nn, ones } from 'hadal';
 * const layer = new nn.Linear(3, 2);
 * console.log(layer.weight.shape, layer.forward(ones([5, 3])).shape); // [ 2, 3 ] [ 5, 2 ]
 * ```
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** [out, in] */
  weight: Parameter;
  /** [out] */
  bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: { bias?: boolean } = {}) {
    super();
    checkOptions('Linear', options, { bias: true });
    this.inFeatures = checkSize('Linear', 'inFeatures', inFeatures);
    this.outFeatures = checkSize('Linear', 'outFeatures', outFeatures);
    const bound = 1 / Math.sqrt(inFeatures);
    this.weight = uniformParameter([outFeatures, inFeatures], bound);
    this.bias = (options.bias ?? true) ? uniformParameter([outFeatures], bound) : null;
  }

  /** [..., in] to [..., out]. */
  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  override config(): Config {
    return {
      inFeatures: this.inFeatures,
      outFeatures: this.outFeatures,
      bias: this.bias !== null,
    };
  }
}

/** y[o] = a W[o] b + bias[o]; see `functional.bilinear`. */
export class Bilinear extends Module {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  /** [out, in1, in2] */
  weight: Parameter;
  /** [out] */
  bias: Parameter | null;

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    options: { bias?: boolean } = {},
  ) {
    super();
    checkOptions('Bilinear', options, { bias: true });
    this.in1Features = checkSize('Bilinear', 'in1Features', in1Features);
    this.in2Features = checkSize('Bilinear', 'in2Features', in2Features);
    this.outFeatures = checkSize('Bilinear', 'outFeatures', outFeatures);
    const bound = 1 / Math.sqrt(in1Features);
    this.weight = uniformParameter([outFeatures, in1Features, in2Features], bound);
    this.bias = (options.bias ?? true) ? uniformParameter([outFeatures], bound) : null;
  }

  /** [..., in1] and [..., in2] to [..., out]. */
  override forward(a: Tensor, b: Tensor): Tensor {
    return bilinear(a, b, this.weight, this.bias);
  }

  override config(): Config {
    return {
      in1Features: this.in1Features,
      in2Features: this.in2Features,
      outFeatures: this.outFeatures,
      bias: this.bias !== null,
    };
  }
}

/** The layers of the first slice: Linear, activations and Dropout. */
import { ArgumentError } from '../base/errors.js';
import { rand } from '../random/index.js';
import type { Tensor } from '../tensor/index.js';
import * as F from './functional.js';
import { checkSize, Module, Parameter } from './module.js';

/** Uniform in [-bound, bound). */
function uniform(shape: readonly number[], bound: number): Tensor {
  return rand(shape)
    .mul(2 * bound)
    .sub(bound);
}

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
    this.inFeatures = checkSize('Linear', 'inFeatures', inFeatures);
    this.outFeatures = checkSize('Linear', 'outFeatures', outFeatures);
    const bound = 1 / Math.sqrt(inFeatures);
    this.weight = new Parameter(uniform([outFeatures, inFeatures], bound));
    this.bias = (options.bias ?? true) ? new Parameter(uniform([outFeatures], bound)) : null;
  }

  /** [..., in] to [..., out]. */
  override forward(x: Tensor): Tensor {
    return F.linear(x, this.weight, this.bias);
  }

  protected override describe(): string {
    return `inFeatures=${this.inFeatures}, outFeatures=${this.outFeatures}, bias=${this.bias !== null}`;
  }
}

/** max(x, 0). */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return x.relu();
  }
}

/** The Gaussian error linear unit; see `functional.gelu`. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor(options: { approximate?: 'none' | 'tanh' } = {}) {
    super();
    this.approximate = options.approximate ?? 'none';
  }

  override forward(x: Tensor): Tensor {
    return F.gelu(x, { approximate: this.approximate });
  }
}

/** Zeroes elements with probability p while training; see `functional.dropout`. */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    if (!(p >= 0 && p <= 1)) throw new ArgumentError(`Dropout: p is a probability from 0 to 1, got ${p}`);
    this.p = p;
  }

  override forward(x: Tensor): Tensor {
    return F.dropout(x, this.p, { training: this.training });
  }

  protected override describe(): string {
    return `p=${this.p}`;
  }
}

/** Layers one after the other. */
export class Sequential extends Module {
  readonly layers: readonly Module[];

  constructor(...layers: Module[]) {
    super();
    this.layers = layers;
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((y, layer) => layer.forward(y), x);
  }
}

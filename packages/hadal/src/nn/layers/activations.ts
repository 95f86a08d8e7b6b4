/** Activations as layers; each is the function of the same name in `functional`. */
import { checkOptions } from '../../base/options.js';
import { tensorOf } from '../../tensor/given.js';
import { full, type Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import * as F from '../functional/activation.js';
import { checkSize, Module } from '../module.js';
import { Parameter } from '../parameter.js';

/** A layer without parameters or settings. */
abstract class Plain extends Module {
  override config(): Config {
    return {};
  }
}

/** max(x, 0). */
export class ReLU extends Plain {
  override forward(x: Tensor): Tensor {
    return tensorOf('ReLU', x).relu();
  }
}

/** min(max(x, 0), 6). */
export class ReLU6 extends Plain {
  override forward(x: Tensor): Tensor {
    return F.relu6(x);
  }
}

/** x where positive, else negativeSlope x. */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;

  constructor(options: { negativeSlope?: number } = {}) {
    super();
    checkOptions('LeakyReLU', options, { negativeSlope: true });
    this.negativeSlope = options.negativeSlope ?? 0.01;
  }

  override forward(x: Tensor): Tensor {
    return F.leakyRelu(x, { negativeSlope: this.negativeSlope });
  }

  override config(): Config {
    return { negativeSlope: this.negativeSlope };
  }
}

/** Leaky ReLU with a learned slope, one or one a channel; it starts at `init` (0.25). */
export class PReLU extends Module {
  readonly numParameters: number;
  readonly init: number;
  /** [numParameters] */
  weight: Parameter;

  constructor(options: { numParameters?: number; init?: number } = {}) {
    super();
    checkOptions('PReLU', options, { numParameters: true, init: true });
    this.numParameters = checkSize('PReLU', 'numParameters', options.numParameters ?? 1);
    this.init = options.init ?? 0.25;
    this.weight = new Parameter(full([this.numParameters], this.init));
  }

  override forward(x: Tensor): Tensor {
    return F.prelu(x, this.weight);
  }

  override config(): Config {
    return { numParameters: this.numParameters, init: this.init };
  }
}

/** Leaky ReLU with random slopes while training; see `functional.rrelu`. */
export class RReLU extends Module {
  readonly lower: number;
  readonly upper: number;

  constructor(options: { lower?: number; upper?: number } = {}) {
    super();
    checkOptions('RReLU', options, { lower: true, upper: true });
    this.lower = options.lower ?? 1 / 8;
    this.upper = options.upper ?? 1 / 3;
  }

  override forward(x: Tensor): Tensor {
    return F.rrelu(x, { lower: this.lower, upper: this.upper, training: this.training });
  }

  override config(): Config {
    return { lower: this.lower, upper: this.upper };
  }
}

/** x where positive, else alpha (exp(x) - 1). */
export class ELU extends Module {
  readonly alpha: number;

  constructor(options: { alpha?: number } = {}) {
    super();
    checkOptions('ELU', options, { alpha: true });
    this.alpha = options.alpha ?? 1;
  }

  override forward(x: Tensor): Tensor {
    return F.elu(x, { alpha: this.alpha });
  }

  override config(): Config {
    return { alpha: this.alpha };
  }
}

/** ELU with the constants of Klambauer et al. 2017. */
export class SELU extends Plain {
  override forward(x: Tensor): Tensor {
    return F.selu(x);
  }
}

/** x where positive, else alpha (exp(x / alpha) - 1). */
export class CELU extends Module {
  readonly alpha: number;

  constructor(options: { alpha?: number } = {}) {
    super();
    checkOptions('CELU', options, { alpha: true });
    this.alpha = options.alpha ?? 1;
  }

  override forward(x: Tensor): Tensor {
    return F.celu(x, { alpha: this.alpha });
  }

  override config(): Config {
    return { alpha: this.alpha };
  }
}

/** The Gaussian error linear unit; see `functional.gelu`. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor(options: { approximate?: 'none' | 'tanh' } = {}) {
    super();
    checkOptions('GELU', options, { approximate: true });
    this.approximate = options.approximate ?? 'none';
  }

  override forward(x: Tensor): Tensor {
    return F.gelu(x, { approximate: this.approximate });
  }

  override config(): Config {
    return { approximate: this.approximate };
  }
}

/** x / (1 + exp(-x)). */
export class SiLU extends Plain {
  override forward(x: Tensor): Tensor {
    return F.silu(x);
  }
}

/** x tanh(softplus(x)). */
export class Mish extends Plain {
  override forward(x: Tensor): Tensor {
    return F.mish(x);
  }
}

/** log(1 + exp(beta x)) / beta. */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  constructor(options: { beta?: number; threshold?: number } = {}) {
    super();
    checkOptions('Softplus', options, { beta: true, threshold: true });
    this.beta = options.beta ?? 1;
    this.threshold = options.threshold ?? 20;
  }

  override forward(x: Tensor): Tensor {
    return F.softplus(x, { beta: this.beta, threshold: this.threshold });
  }

  override config(): Config {
    return { beta: this.beta, threshold: this.threshold };
  }
}

/** x / (1 + |x|). */
export class Softsign extends Plain {
  override forward(x: Tensor): Tensor {
    return F.softsign(x);
  }
}

/** x moved towards 0 by lambda. */
export class Softshrink extends Module {
  readonly lambda: number;

  constructor(options: { lambda?: number } = {}) {
    super();
    checkOptions('Softshrink', options, { lambda: true });
    this.lambda = options.lambda ?? 0.5;
  }

  override forward(x: Tensor): Tensor {
    return F.softshrink(x, { lambda: this.lambda });
  }

  override config(): Config {
    return { lambda: this.lambda };
  }
}

/** x, and 0 where |x| is at most lambda. */
export class Hardshrink extends Module {
  readonly lambda: number;

  constructor(options: { lambda?: number } = {}) {
    super();
    checkOptions('Hardshrink', options, { lambda: true });
    this.lambda = options.lambda ?? 0.5;
  }

  override forward(x: Tensor): Tensor {
    return F.hardshrink(x, { lambda: this.lambda });
  }

  override config(): Config {
    return { lambda: this.lambda };
  }
}

/** x cut to [min, max]. */
export class Hardtanh extends Module {
  readonly min: number;
  readonly max: number;

  constructor(options: { min?: number; max?: number } = {}) {
    super();
    checkOptions('Hardtanh', options, { min: true, max: true });
    this.min = options.min ?? -1;
    this.max = options.max ?? 1;
  }

  override forward(x: Tensor): Tensor {
    return F.hardtanh(x, { min: this.min, max: this.max });
  }

  override config(): Config {
    return { min: this.min, max: this.max };
  }
}

/** min(max(x + 3, 0), 6) / 6. */
export class Hardsigmoid extends Plain {
  override forward(x: Tensor): Tensor {
    return F.hardsigmoid(x);
  }
}

/** x hardsigmoid(x). */
export class Hardswish extends Plain {
  override forward(x: Tensor): Tensor {
    return F.hardswish(x);
  }
}

/** x - tanh(x). */
export class Tanhshrink extends Plain {
  override forward(x: Tensor): Tensor {
    return F.tanhshrink(x);
  }
}

/** x where it is above `threshold`, else `value`. */
export class Threshold extends Module {
  readonly threshold: number;
  readonly value: number;

  constructor(threshold: number, value: number) {
    super();
    this.threshold = threshold;
    this.value = value;
  }

  override forward(x: Tensor): Tensor {
    return F.threshold(x, this.threshold, this.value);
  }

  override config(): Config {
    return { threshold: this.threshold, value: this.value };
  }
}

/** Half of x times the sigmoid of the other half. */
export class GLU extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return F.glu(x, this.dim);
  }

  override config(): Config {
    return { dim: this.dim };
  }
}

/** 1 / (1 + exp(-x)). */
export class Sigmoid extends Plain {
  override forward(x: Tensor): Tensor {
    return tensorOf('Sigmoid', x).sigmoid();
  }
}

/** log(sigmoid(x)). */
export class LogSigmoid extends Plain {
  override forward(x: Tensor): Tensor {
    return F.logSigmoid(x);
  }
}

export class Tanh extends Plain {
  override forward(x: Tensor): Tensor {
    return tensorOf('Tanh', x).tanh();
  }
}

/** exp(x) / sum(exp(x)) along a dimension. */
export class Softmax extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return tensorOf('Softmax', x).softmax(this.dim);
  }

  override config(): Config {
    return { dim: this.dim };
  }
}

/** softmax(-x). */
export class Softmin extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return F.softmin(x, this.dim);
  }

  override config(): Config {
    return { dim: this.dim };
  }
}

/** log(softmax(x)). */
export class LogSoftmax extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  override forward(x: Tensor): Tensor {
    return tensorOf('LogSoftmax', x).logSoftmax(this.dim);
  }

  override config(): Config {
    return { dim: this.dim };
  }
}

/** Softmax over the channels of [N, C, H, W] or [C, H, W]. */
export class Softmax2d extends Plain {
  override forward(x: Tensor): Tensor {
    return tensorOf('Softmax2d', x).softmax(-3);
  }
}

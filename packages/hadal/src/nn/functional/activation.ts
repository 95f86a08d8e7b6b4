/**
 * Activations. Where a function has a kink, its gradient there is PyTorch's. Branches that are not taken are given harmless arguments:
 * the gradient of a choice is a product with zero, and zero times infinity is NaN.
 */

import { ArgumentError, ShapeError } from '../../base/errors.js';
import { checkOptions } from '../../base/options.js';
import { normalizeDim, showShape } from '../../base/shape.js';
import { nextStream } from '../../random/index.js';
import { checkTensor, checkTensors, numberOf } from '../../tensor/given.js';
import { Tensor } from '../../tensor/index.js';
import { checkFloat, Formula, pointwise } from './formula.js';

/** max(x, 0). */
export function relu(x: Tensor): Tensor {
  checkTensors('relu', { x });
  checkTensor('relu', 'the input', x);
  return x.relu();
}

/** min(max(x, 0), 6). */
export function relu6(x: Tensor): Tensor {
  checkTensors('relu6', { x });
  return pointwise('relu6', x, (f, v) => f.where(f.le(v, 0), 0, f.where(f.ge(v, 6), 6, v)));
}

/** x cut to [min, max], -1 to 1 if not given. */
export function hardtanh(x: Tensor, options: { min?: number; max?: number } = {}): Tensor {
  checkTensors('hardtanh', { x }, options);
  const { min = -1, max = 1 } = options;
  if (!(min < max)) throw new ArgumentError(`hardtanh: min is below max, got ${min} and ${max}`);
  return pointwise('hardtanh', x, (f, v) => f.where(f.le(v, min), min, f.where(f.ge(v, max), max, v)));
}

/** x where positive, else negativeSlope x; 0.01 if not given. */
export function leakyRelu(x: Tensor, options: { negativeSlope?: number } = {}): Tensor {
  checkTensors('leakyRelu', { x }, options);
  const { negativeSlope = 0.01 } = options;
  return pointwise('leakyRelu', x, (f, v) => f.where(f.gt(v, 0), v, f.mul(v, negativeSlope)));
}

/**
 * Leaky ReLU with a learned slope; He et al. 2015.
 *
 * @param x [N, C, ...]
 * @param weight one slope, or [C] for one a channel
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  checkTensors('prelu', { x, weight });
  checkFloat('prelu', x);
  const channels = x.ndim > 1 ? x.shape[1] : 1;
  if (weight.ndim > 1 || (weight.numel() !== 1 && weight.numel() !== channels)) {
    throw new ShapeError(
      `prelu: for an input ${showShape(x.shape)} the weight has 1 or ${channels} elements, got ${showShape(weight.shape)}`,
    );
  }
  const shape = x.shape.map((_, d) => (d === 1 && x.ndim > 1 ? weight.numel() : 1));
  return x.where(x.gt(0), x.mul(weight.reshape(shape)));
}

/** Leaky ReLU with a slope drawn from [lower, upper] an element while training, and their mean otherwise; Xu et al. 2015. */
export function rrelu(
  x: Tensor,
  options: { lower?: number; upper?: number; training?: boolean } = {},
): Tensor {
  checkTensors('rrelu', { x }, options);
  const { lower = 1 / 8, upper = 1 / 3, training = false } = options;
  if (!training) return leakyRelu(x, { negativeSlope: (lower + upper) / 2 });
  return pointwise('rrelu', x, (f, v) => {
    const { ops } = x.workspace;
    const uniform = ops.cast(ops.random(v.shape, nextStream()), v.dtype);
    const slope = f.add(f.mul(uniform, upper - lower), lower);
    return f.where(f.gt(v, 0), v, f.mul(v, slope));
  });
}

/** x where positive, else alpha (exp(x) - 1); Clevert et al. 2015. */
export function elu(x: Tensor, options: { alpha?: number } = {}): Tensor {
  checkTensors('elu', { x }, options);
  const { alpha = 1 } = options;
  return pointwise('elu', x, (f, v) => {
    const positive = f.gt(v, 0);
    return f.where(positive, v, f.mul(f.unary('expm1', f.where(positive, 0, v)), alpha));
  });
}

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

/** scale elu(x, alpha) with the constants under which activations keep mean 0 and variance 1; Klambauer et al. 2017. */
export function selu(x: Tensor): Tensor {
  checkTensors('selu', { x });
  return pointwise('selu', x, (f, v) => {
    const positive = f.gt(v, 0);
    const negative = f.mul(f.unary('expm1', f.where(positive, 0, v)), SELU_SCALE * SELU_ALPHA);
    return f.where(positive, f.mul(v, SELU_SCALE), negative);
  });
}

/** x where positive, else alpha (exp(x / alpha) - 1); Barron 2017. */
export function celu(x: Tensor, options: { alpha?: number } = {}): Tensor {
  checkTensors('celu', { x }, options);
  const { alpha = 1 } = options;
  if (alpha === 0) throw new ArgumentError('celu: alpha is not 0');
  return pointwise('celu', x, (f, v) => {
    const positive = f.gt(v, 0);
    const scaled = f.mul(f.where(positive, 0, v), 1 / alpha);
    return f.where(positive, v, f.mul(f.unary('expm1', scaled), alpha));
  });
}

/**
 * The Gaussian error linear unit, x times the normal distribution function of x; Hendrycks and Gimpel 2016.
 *
 * @param options.approximate 'tanh' for the cheaper approximation of the paper's section 2.
 */
export function gelu(x: Tensor, options: { approximate?: 'none' | 'tanh' } = {}): Tensor {
  checkTensors('gelu', { x }, options);
  checkOptions('gelu', options, { approximate: true });
  const { approximate = 'none' } = options;
  if (approximate !== 'none' && approximate !== 'tanh')
    throw new ArgumentError(
      `gelu: approximate is 'none' or 'tanh', got ${JSON.stringify(options.approximate)}`,
    );
  return pointwise('gelu', x, (f, v) => {
    if (approximate === 'tanh') {
      const cubic = f.mul(f.mul(v, v), f.mul(v, 0.044715));
      const inner = f.mul(f.add(v, cubic), Math.sqrt(2 / Math.PI));
      return f.mul(f.mul(v, 0.5), f.add(f.unary('tanh', inner), 1));
    }
    return f.unary('gelu', v);
  });
}

/** x / (1 + exp(-x)), also called swish; Elfwing et al. 2017. */
export function silu(x: Tensor): Tensor {
  checkTensors('silu', { x });
  return pointwise('silu', x, (f, v) => f.mul(v, f.unary('sigmoid', v)));
}

/** x tanh(softplus(x)); Misra 2019. */
export function mish(x: Tensor): Tensor {
  checkTensors('mish', { x });
  return pointwise('mish', x, (f, v) => f.mul(v, f.unary('tanh', f.softplus(v))));
}

/**
 * log(1 + exp(beta x)) / beta, a smooth ReLU.
 *
 * @param options.threshold where beta x is larger than this (20), the result is x.
 */
export function softplus(x: Tensor, options: { beta?: number; threshold?: number } = {}): Tensor {
  checkTensors('softplus', { x }, options);
  const { beta = 1, threshold: limit = 20 } = options;
  return pointwise('softplus', x, (f, v) => {
    const scaled = beta === 1 ? v : f.mul(v, beta);
    const large = f.gt(scaled, limit);
    const curve = f.unary('log1p', f.unary('exp', f.where(large, 0, scaled)));
    return f.where(large, v, beta === 1 ? curve : f.div(curve, beta));
  });
}

/** x / (1 + |x|). */
export function softsign(x: Tensor): Tensor {
  checkTensors('softsign', { x });
  return pointwise('softsign', x, (f, v) => f.div(v, f.add(f.unary('abs', v), 1)));
}

/** x moved towards 0 by lambda (0.5), and 0 within. */
export function softshrink(x: Tensor, options: { lambda?: number } = {}): Tensor {
  checkTensors('softshrink', { x }, options);
  const { lambda = 0.5 } = options;
  if (!(lambda >= 0)) throw new ArgumentError(`softshrink: lambda is at least 0, got ${lambda}`);
  return pointwise('softshrink', x, (f, v) =>
    f.where(f.gt(v, lambda), f.sub(v, lambda), f.where(f.lt(v, -lambda), f.add(v, lambda), f.mul(v, 0))),
  );
}

/** x, and 0 where |x| is at most lambda (0.5). */
export function hardshrink(x: Tensor, options: { lambda?: number } = {}): Tensor {
  checkTensors('hardshrink', { x }, options);
  const { lambda = 0.5 } = options;
  return pointwise('hardshrink', x, (f, v) => f.where(f.gt(v, lambda), v, f.where(f.ge(v, -lambda), 0, v)));
}

/** min(max(x + 3, 0), 6) / 6. */
export function hardsigmoid(x: Tensor): Tensor {
  checkTensors('hardsigmoid', { x });
  return pointwise('hardsigmoid', x, (f, v) =>
    f.where(f.le(v, -3), 0, f.where(f.ge(v, 3), 1, f.add(f.mul(v, 1 / 6), 0.5))),
  );
}

/** x hardsigmoid(x); Howard et al. 2019. */
export function hardswish(x: Tensor): Tensor {
  checkTensors('hardswish', { x });
  return pointwise('hardswish', x, (f, v) =>
    f.where(f.le(v, -3), 0, f.where(f.ge(v, 3), v, f.mul(v, f.add(f.mul(v, 1 / 6), 0.5)))),
  );
}

/** x - tanh(x). */
export function tanhshrink(x: Tensor): Tensor {
  checkTensors('tanhshrink', { x });
  return pointwise('tanhshrink', x, (f, v) => f.sub(v, f.unary('tanh', v)));
}

/** x where it is above `limit`, else `value`. */
export function threshold(x: Tensor, limit: number, value: number): Tensor {
  checkTensors('threshold', { x });
  numberOf('threshold', 'limit', limit);
  numberOf('threshold', 'value', value);
  return pointwise('threshold', x, (f, v) => f.where(f.le(v, limit), value, v));
}

export function sigmoid(x: Tensor): Tensor {
  checkTensors('sigmoid', { x });
  return x.sigmoid();
}

export function tanh(x: Tensor): Tensor {
  checkTensors('tanh', { x });
  return x.tanh();
}

/** log(sigmoid(x)) without overflow. */
export function logSigmoid(x: Tensor): Tensor {
  checkTensors('logSigmoid', { x });
  return pointwise('logSigmoid', x, (f, v) => f.unary('neg', f.softplus(f.unary('neg', v))));
}
export { logSigmoid as logsigmoid };

/** Half of x times the sigmoid of the other half, along a dimension of even size; Dauphin et al. 2016. */
export function glu(x: Tensor, dim = -1): Tensor {
  checkTensors('glu', { x });
  checkFloat('glu', x);
  const d = normalizeDim('glu', dim, x.ndim);
  const half = x.shape[d] / 2;
  if (!Number.isInteger(half))
    throw new ShapeError(`glu: dimension ${dim} of ${showShape(x.shape)} must have an even size`);
  return x.narrow(d, 0, half).mul(x.narrow(d, half, half).sigmoid());
}

/** exp(x) / sum(exp(x)) along a dimension, without overflow. */
export function softmax(x: Tensor, dim: number): Tensor {
  checkTensors('softmax', { x });
  return x.softmax(dim);
}

/** softmax(-x). */
export function softmin(x: Tensor, dim: number): Tensor {
  checkTensors('softmin', { x });
  return x.neg().softmax(dim);
}

/** log(softmax(x)) without overflow. */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  checkTensors('logSoftmax', { x });
  return x.logSoftmax(dim);
}

/**
 * Samples of a relaxed categorical distribution; Jang et al. 2016.
 *
 * @param options.tau the temperature, 1 if not given
 * @param options.hard one-hot samples whose gradient is that of the soft ones
 */
export function gumbelSoftmax(
  logits: Tensor,
  options: { tau?: number; hard?: boolean; dim?: number } = {},
): Tensor {
  checkTensors('gumbelSoftmax', { logits }, options);
  const { tau = 1, hard = false, dim = -1 } = options;
  if (!(tau > 0)) throw new ArgumentError(`gumbelSoftmax: tau is above 0, got ${tau}`);
  checkFloat('gumbelSoftmax', logits);
  const { ops } = logits.workspace;
  const uniform = ops.random(logits.shape, nextStream());
  const f = new Formula(ops, uniform);
  // Half a step of the 24 bits keeps both logarithms finite.
  const exponential = f.unary('neg', f.unary('log', f.add(f.mul(uniform, 1 - 2 ** -24), 2 ** -25)));
  const noise = Tensor.of(logits.workspace, f.unary('neg', f.unary('log', exponential))).to(logits.dtype);
  const soft = logits.add(noise).div(tau).softmax(dim);
  if (!hard) return soft;
  const d = normalizeDim('gumbelSoftmax', dim, logits.ndim);
  const best = soft.argmax(d, { keepdim: true });
  const places = Tensor.of(logits.workspace, ops.iota(logits.shape, d, 'int64'));
  return places.eq(best).to(logits.dtype).sub(soft.detach()).add(soft);
}

/**
 * Layers without state: `import { functional as F } from 'hadal'`. Each is a handful of graph ops; the compiler makes kernels of them.
 */
import type { Value } from '../autograd/value.js';
import { isFloat } from '../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.js';
import { showShape } from '../base/shape.js';
import { nextStream } from '../random/index.js';
import { Tensor } from '../tensor/index.js';

function made(x: Tensor, value: Value): Tensor {
  return Tensor.of(x.workspace, value);
}

/**
 * y = x W^T + b.
 *
 * @param x [..., in]
 * @param weight [out, in]
 * @param bias [out], or null for none
 * @returns [..., out]
 * @throws ShapeError if the last dimension of x is not that of the weight.
 * @example
 * ```ts
 * import { functional as F, ones } from 'hadal';
 * console.log(F.linear(ones([4, 3]), ones([2, 3])).shape); // [ 4, 2 ]
 * ```
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  if (weight.ndim !== 2)
    throw new ShapeError(`linear: the weight is [out, in], got ${showShape(weight.shape)}`);
  const [out, inner] = weight.shape;
  if (x.ndim === 0 || x.shape[x.ndim - 1] !== inner) {
    throw new ShapeError(
      `linear: input ${showShape(x.shape)} and weight ${showShape(weight.shape)} do not fit: the last dimension of the input must be ${inner}` +
        (x.numel() > 0 && x.ndim > 1 && x.numel() / x.shape[0] === inner ? '; x.flatten(1) would fit' : ''),
    );
  }
  if (bias !== null && (bias.ndim !== 1 || bias.shape[0] !== out)) {
    throw new ShapeError(
      `linear: the bias must be [${out}] for a weight ${showShape(weight.shape)}, got ${showShape(bias.shape)}`,
    );
  }
  for (const t of [x, weight]) {
    if (!isFloat(t.dtype))
      throw new DTypeError(
        `linear: input and weight are float32, got ${t.dtype}; convert with .to('float32')`,
      );
  }
  const { ops } = x.workspace;
  const contract = { lhsContract: [x.ndim - 1], rhsContract: [1] };
  const product = ops.dot(x.value, weight.value, { lhsBatch: [], rhsBatch: [], ...contract });
  if (bias === null) return made(x, product);
  const wide = ops.expand(
    ops.reshape(bias.value, [...product.shape.slice(0, -1).map(() => 1), out]),
    product.shape,
  );
  return made(x, ops.arithmetic('add', product, wide));
}

/** max(x, 0). */
export function relu(x: Tensor): Tensor {
  return x.relu();
}

/**
 * The Gaussian error linear unit, x times the normal distribution function of x; Hendrycks and Gimpel 2016.
 *
 * @param options.approximate 'tanh' for the cheaper approximation of the paper's section 2.
 */
export function gelu(x: Tensor, options: { approximate?: 'none' | 'tanh' } = {}): Tensor {
  if (!isFloat(x.dtype))
    throw new DTypeError(`gelu: expected float32, got ${x.dtype}; convert with .to('float32')`);
  const { ops } = x.workspace;
  const v = x.value;
  const constant = (c: number): Value => ops.constant(c, v.dtype, v.shape);
  const mul = (a: Value, b: Value): Value => ops.arithmetic('mul', a, b);
  const add = (a: Value, b: Value): Value => ops.arithmetic('add', a, b);
  if (options.approximate === 'tanh') {
    const cubic = mul(mul(v, v), mul(v, constant(0.044715)));
    const inner = mul(add(v, cubic), constant(Math.sqrt(2 / Math.PI)));
    return made(x, mul(mul(v, constant(0.5)), add(ops.unary('tanh', inner), constant(1))));
  }
  const phi = add(ops.unary('erf', mul(v, constant(Math.SQRT1_2))), constant(1));
  return made(x, mul(mul(v, constant(0.5)), phi));
}

export function sigmoid(x: Tensor): Tensor {
  return x.sigmoid();
}

export function softmax(x: Tensor, dim: number): Tensor {
  return x.softmax(dim);
}

export function logSoftmax(x: Tensor, dim: number): Tensor {
  return x.logSoftmax(dim);
}

/**
 * Zeroes each element with probability p and scales the rest by 1 / (1 - p); Srivastava et al. 2014. The mask is computed again in
 * the backward pass instead of being kept.
 *
 * @throws ArgumentError if p is not in [0, 1].
 */
export function dropout(x: Tensor, p = 0.5, options: { training?: boolean } = {}): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`dropout: p is a probability from 0 to 1, got ${p}`);
  if (options.training === false || p === 0) return x;
  const { ops } = x.workspace;
  const v = x.value;
  const { key, stream } = nextStream();
  const uniform = ops.random(v.shape, key, stream);
  const drop = ops.compare('lt', uniform, ops.argument(p, 'float32', v.shape));
  const scaled = ops.arithmetic('mul', v, ops.argument(p === 1 ? 0 : 1 / (1 - p), v.dtype, v.shape));
  return made(x, ops.where(drop, ops.constant(0, v.dtype, v.shape), scaled));
}

export interface LossOptions {
  /** 'mean' (the default), 'sum', or 'none' for a loss per sample. */
  readonly reduction?: 'mean' | 'sum' | 'none';
}

function reduceLoss(loss: Tensor, reduction: LossOptions['reduction'] = 'mean'): Tensor {
  switch (reduction) {
    case 'mean':
      return loss.mean();
    case 'sum':
      return loss.sum();
    case 'none':
      return loss;
    default:
      throw new ArgumentError(
        `reduction: expected 'mean', 'sum' or 'none', got ${JSON.stringify(reduction)}`,
      );
  }
}

/**
 * The negative log likelihood of the target class under the softmax of the logits.
 *
 * @param logits [N, C] or [N, C, d1, ...], float32
 * @param target class numbers 0 to C - 1, int64 or int32, [N] or [N, d1, ...]
 * @throws ShapeError, DTypeError if they do not fit; IndexError when the loss is computed if a class is out of range.
 * @example
 * ```ts
 * import { functional as F, tensor, zeros } from 'hadal';
 * const loss = F.crossEntropy(zeros([2, 10]), tensor([3n, 7n]));
 * console.log(Number(loss.itemSync()).toFixed(4)); // 2.3026
 * ```
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const wanted = [logits.shape[0], ...logits.shape.slice(2)];
  if (logits.ndim < 2 || target.ndim !== wanted.length || target.shape.some((s, d) => s !== wanted[d])) {
    throw new ShapeError(
      `crossEntropy: logits ${showShape(logits.shape)} want targets ${logits.ndim < 2 ? '[N] and logits [N, C]' : showShape(wanted)}, ` +
        `got ${showShape(target.shape)}. Targets are class numbers, one a sample.`,
    );
  }
  if (isFloat(target.dtype) || target.dtype === 'bool') {
    throw new DTypeError(
      `crossEntropy: targets are class numbers, int64 or int32, got ${target.dtype}; convert with .to('int64')`,
    );
  }
  const picked = logits.logSoftmax(1).gather(1, target.unsqueeze(1)).squeeze(1);
  return reduceLoss(picked.neg(), options.reduction);
}

/** The mean of (x - y)^2. */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return reduceLoss(input.sub(target).square(), options.reduction);
}

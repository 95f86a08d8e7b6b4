/** Products with weights. */
import type { Value } from '../../autograd/value.js';
import { DTypeError, ShapeError } from '../../base/errors.js';
import { sameShape, showShape } from '../../base/shape.js';
import { checkTensor, checkTensors, tensorOf } from '../../tensor/given.js';
import { Tensor } from '../../tensor/index.js';
import { checkFloat } from './formula.js';

function made(x: Tensor, value: Value): Tensor {
  return Tensor.of(x.workspace, value);
}

function checkOneDType(name: string, ...tensors: readonly (Tensor | null)[]): void {
  const [first, ...others] = tensors.filter((t) => t !== null);
  for (const t of others) {
    if (t.dtype !== first.dtype)
      throw new DTypeError(
        `${name}: operands have one dtype, got ${first.dtype} and ${t.dtype}; convert the input with .to('${t.dtype}')`,
      );
  }
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
  checkTensors('linear', { x, weight });
  checkTensor('linear', 'the input', x);
  if (weight.ndim !== 2)
    throw new ShapeError(`linear: the weight is [out, in], got ${showShape(weight.shape)}`);
  const [out, inner] = weight.shape;
  if (x.ndim === 0 || x.shape[x.ndim - 1] !== inner) {
    throw new ShapeError(
      `linear: input ${showShape(x.shape)} and weight ${showShape(weight.shape)} do not fit: the last dimension of the input must be ${inner}` +
        (x.numel() > 0 && x.ndim > 1 && x.numel() / x.shape[0] === inner ? '; x.flatten(1) would fit' : ''),
    );
  }
  if (bias !== null && (tensorOf('linear', bias).ndim !== 1 || bias.shape[0] !== out)) {
    throw new ShapeError(
      `linear: the bias must be [${out}] for a weight ${showShape(weight.shape)}, got ${showShape(bias.shape)}`,
    );
  }
  checkFloat('linear', x);
  checkOneDType('linear', x, weight, bias);
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

/**
 * y[..., o] = a[..., i] W[o, i, j] b[..., j] + bias[o], summed over i and j.
 *
 * @param a [..., in1]
 * @param b [..., in2]
 * @param weight [out, in1, in2]
 * @param bias [out], or null for none
 * @returns [..., out]
 * @throws ShapeError if they do not fit.
 * @example
 * ```ts
 * import { functional as F, ones } from 'hadal';
 * console.log(F.bilinear(ones([4, 3]), ones([4, 2]), ones([5, 3, 2])).shape); // [ 4, 5 ]
 * ```
 */
export function bilinear(a: Tensor, b: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  checkTensors('bilinear', { a, b, weight });
  const [lead, other] = [a.shape.slice(0, -1), b.shape.slice(0, -1)];
  const fits =
    weight.ndim === 3 &&
    sameShape(lead, other) &&
    a.shape[a.ndim - 1] === weight.shape[1] &&
    b.shape[b.ndim - 1] === weight.shape[2];
  if (!fits) {
    throw new ShapeError(
      `bilinear: inputs are [..., in1] and [..., in2] and the weight is [out, in1, in2], got ${showShape(a.shape)}, ` +
        `${showShape(b.shape)} and ${showShape(weight.shape)}`,
    );
  }
  checkFloat('bilinear', a);
  checkOneDType('bilinear', a, b, weight, bias);
  const { ops } = a.workspace;
  const contract = { lhsContract: [a.ndim - 1], rhsContract: [1] };
  // [..., out, in2]
  const half = made(a, ops.dot(a.value, weight.value, { lhsBatch: [], rhsBatch: [], ...contract }));
  const y = half.matmul(b.unsqueeze(-1)).squeeze(-1);
  return bias === null ? y : y.add(bias);
}

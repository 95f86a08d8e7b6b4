/**
 * Computes an op of the graph as it is defined, on plain arrays: the meaning that every other engine is compared with.
 */
import type { DType, TypedArray } from '../../base/dtype.js';
import { newArray } from '../../base/dtype.js';
import { InternalError } from '../../base/errors.js';
import { bigintToFloat32 } from '../../base/round.js';
import type { Shape } from '../../base/shape.js';
import { numel } from '../../base/shape.js';
import type { ElementwiseOp, Op, PlainArray } from '../../graph/op.js';

function elementwise(
  op: ElementwiseOp,
  inputs: readonly PlainArray[],
  shape: Shape,
  dtype: DType,
): TypedArray {
  const out = newArray(dtype, shape);
  const { float, int } = op.scalar;
  const big = inputs.some((x) => x.dtype === 'int64');
  if (big && int) {
    for (let i = 0; i < out.length; i++) {
      const r = BigInt(int(...inputs.map((x) => BigInt(x.data[i]))));
      if (out instanceof BigInt64Array) out[i] = r;
      else if (dtype === 'float32') out[i] = bigintToFloat32(r);
      else out[i] = dtype === 'bool' ? Number(r !== 0n) : Number(BigInt.asIntN(32, r));
    }
    return out;
  }
  // The product of two int32 does not fit float64.
  const exactMul = op.name === 'mul' && dtype === 'int32';
  for (let i = 0; i < out.length; i++) {
    const x = inputs.map((a) => Number(a.data[i]));
    const r = exactMul ? Math.imul(x[0], x[1]) : float(...x);
    if (out instanceof BigInt64Array)
      out[i] = Number.isFinite(r) ? BigInt.asIntN(64, BigInt(Math.trunc(r))) : -(2n ** 63n);
    else out[i] = dtype === 'bool' ? (r === 0 ? 0 : 1) : r;
  }
  return out;
}

export function evaluate(
  op: Op,
  inputs: readonly PlainArray[],
  attributes: readonly number[],
  shape: Shape,
  dtype: DType,
): PlainArray {
  const data =
    op.kind === 'elementwise'
      ? elementwise(op, inputs, shape, dtype)
      : op.reference(inputs, attributes, shape, dtype);
  if (data.length !== numel(shape))
    throw new InternalError(
      `${op.name}: the reference gave ${data.length} elements for [${shape.join(', ')}]`,
    );
  return { shape, dtype, data };
}

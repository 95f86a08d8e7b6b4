/**
 * Computes an op of the graph as it is defined, on plain arrays: the meaning that every other engine is compared with.
 */
import type { DType, TypedArray } from '../../base/dtype.js';
import { isFloat, newArray, roundElements, wrapInteger } from '../../base/dtype.js';
import { InternalError } from '../../base/errors.js';
import { bigintToFloat32 } from '../../base/round.js';
import type { Shape } from '../../base/shape.js';
import { numel } from '../../base/shape.js';
import type { ArrayOp, ElementwiseOp, PlainArray, TupleOp } from '../../graph/op.js';

/** An exact integer as an element. */
function storeInteger(out: TypedArray, i: number, value: bigint, dtype: DType): void {
  if (dtype === 'bool') out[i] = value === 0n ? 0 : 1;
  else if (dtype === 'float64') out[i] = Number(value);
  else if (isFloat(dtype)) out[i] = bigintToFloat32(value);
  else if (out instanceof BigInt64Array) out[i] = wrapInteger(value, dtype);
  else out[i] = Number(wrapInteger(value, dtype));
}

/** The whole part where 32 (64) bits hold it, else the least number of so many bits. */
function cutOff(value: number, bits: number): number {
  const whole = Math.trunc(value);
  return whole >= -(2 ** (bits - 1)) && whole < 2 ** (bits - 1) ? whole : -(2 ** (bits - 1));
}

/** A float64 as an element: rounded by the array, cut off and wrapped for integers. */
function storeFloat(out: TypedArray, i: number, value: number, dtype: DType): void {
  if (dtype === 'bool') out[i] = value === 0 ? 0 : 1;
  else if (isFloat(dtype)) out[i] = value;
  else if (out instanceof BigInt64Array) out[i] = BigInt(cutOff(value, 64));
  else out[i] = Number(wrapInteger(BigInt(cutOff(value, dtype === 'uint32' ? 64 : 32)), dtype));
}

function elementwise(
  op: ElementwiseOp,
  inputs: readonly PlainArray[],
  shape: Shape,
  dtype: DType,
): TypedArray {
  const out = newArray(dtype, shape);
  const { float, int } = op.scalar;
  const whole = inputs.every((x) => !isFloat(x.dtype));
  for (let i = 0; i < out.length; i++) {
    if (whole && int) storeInteger(out, i, BigInt(int(...inputs.map((x) => BigInt(x.data[i])))), dtype);
    else storeFloat(out, i, float(...inputs.map((x) => Number(x.data[i]))), dtype);
  }
  return roundElements(dtype, out);
}

function checked(
  op: ArrayOp | ElementwiseOp | TupleOp,
  shape: Shape,
  dtype: DType,
  data: TypedArray,
): PlainArray {
  if (data.length !== numel(shape))
    throw new InternalError(
      `${op.name}: the reference gave ${data.length} elements for [${shape.join(', ')}]`,
    );
  return { shape, dtype, data };
}

/** All results of an op that has several. */
export function evaluateAll(
  op: TupleOp,
  inputs: readonly PlainArray[],
  attributes: readonly number[],
): readonly PlainArray[] {
  const types = op.results(inputs, attributes);
  const made = op.reference(inputs, attributes, types);
  return types.map(({ shape, dtype }, i) => checked(op, shape, dtype, roundElements(dtype, made[i])));
}

export function evaluate(
  op: ArrayOp | ElementwiseOp,
  inputs: readonly PlainArray[],
  attributes: readonly number[],
  shape: Shape,
  dtype: DType,
): PlainArray {
  const data =
    op.kind === 'elementwise'
      ? elementwise(op, inputs, shape, dtype)
      : roundElements(dtype, op.reference(inputs, attributes, shape, dtype));
  return checked(op, shape, dtype, data);
}

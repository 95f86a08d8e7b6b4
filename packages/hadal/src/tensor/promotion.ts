/**
 * Broadcasting and promotion: brings the operands of an op to one shape and one dtype, by PyTorch's rules. Numbers take the
 * tensor's dtype unless they are of a higher category; they are handed over at launch and are no part of a plan.
 */
import type { AutogradOps } from '../autograd/ops.js';
import { Value } from '../autograd/value.js';
import type { DType } from '../base/dtype.js';
import { isFloat, promoteTensors, promoteWithNumber } from '../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { broadcastShapes, sameShape, showShape } from '../base/shape.js';
import type { ArithmeticName, CompareName, LogicalName } from '../graph/ops-interface.js';
import { getDefaultDtype } from './default-dtype.js';
import type { Tensor } from './tensor.js';

/** What ops take beside a tensor. */
export type Operand = Tensor | number | bigint | boolean;

/** The same on the graph. */
export type Argument = Value | number | bigint | boolean;

/** An operand on the graph; says what it got if it is none. */
export function argumentOf(op: string, x: Operand): Argument {
  if (typeof x === 'number' || typeof x === 'bigint' || typeof x === 'boolean') return x;
  if (typeof x === 'object' && x !== null && 'storage' in x) {
    const { value } = x;
    if (value instanceof Value) return value;
    throw new ArgumentError(
      `${op}: expected a tensor of this copy of hadal, got one of another: two are loaded here; install it once`,
    );
  }
  throw new ArgumentError(`${op}: expected a tensor or a number, got ${x === null ? 'null' : typeof x}`);
}

/** `v` repeated to a shape that it broadcasts to. */
export function broadcastValue(op: string, ops: AutogradOps, v: Value, shape: Shape): Value {
  if (sameShape(v.shape, shape)) return v;
  if (!sameShape(broadcastShapes(op, v.shape, shape), shape)) {
    throw new ShapeError(`${op}: shape ${showShape(v.shape)} does not broadcast to ${showShape(shape)}`);
  }
  const lead = shape.length - v.shape.length;
  const wide = lead > 0 ? ops.reshape(v, [...new Array<number>(lead).fill(1), ...v.shape]) : v;
  return ops.expand(wide, shape);
}

/** A value with more dimensions than where it is written, less those of size 1 in front. */
export function withoutLeadingOnes(ops: AutogradOps, v: Value, ndim: number): Value {
  const ones = v.shape.findIndex((size) => size !== 1);
  const drop = Math.min(ones < 0 ? v.shape.length : ones, v.shape.length - ndim);
  return drop > 0 ? ops.reshape(v, v.shape.slice(drop)) : v;
}

/** Integers and bools as the default float dtype. */
export function toFloat(v: Value, ops: AutogradOps): Value {
  return isFloat(v.dtype) ? v : ops.cast(v, getDefaultDtype());
}

/** The dtype of an op between a tensor and a number. */
function dtypeWithNumber(dtype: DType, x: number | bigint | boolean): DType {
  if (typeof x === 'boolean') return dtype;
  const promoted = promoteWithNumber(dtype, Number(x));
  return isFloat(promoted) && !isFloat(dtype) ? getDefaultDtype() : promoted;
}

/** The dtype that operands promote to. */
export function resultDType(op: string, x: Argument, y: Argument): DType {
  if (x instanceof Value) {
    if (y instanceof Value) return promoteTensors(x.dtype, x.shape.length, y.dtype, y.shape.length);
    return dtypeWithNumber(x.dtype, y);
  }
  if (y instanceof Value) return dtypeWithNumber(y.dtype, x);
  throw new ArgumentError(`${op}: expected a tensor among the operands, got numbers only`);
}

/** An operand in a dtype, repeated to a shape. */
export function spread(op: string, ops: AutogradOps, x: Argument, dtype: DType, shape: Shape): Value {
  if (x instanceof Value) return broadcastValue(op, ops, ops.cast(x, dtype), shape);
  return ops.argument(typeof x === 'boolean' ? Number(x) : x, dtype, shape);
}

function shapeOf(x: Argument): Shape {
  return x instanceof Value ? x.shape : [];
}

/** Both operands in one shape and the dtype they promote to, or in `adjust(promoted)`. */
export function align(
  op: string,
  ops: AutogradOps,
  x: Argument,
  y: Argument,
  adjust: (dtype: DType) => DType = (dtype) => dtype,
): readonly [Value, Value] {
  const dtype = adjust(resultDType(op, x, y));
  const shape = broadcastShapes(op, shapeOf(x), shapeOf(y));
  return [spread(op, ops, x, dtype, shape), spread(op, ops, y, dtype, shape)];
}

function isBool(x: Argument): boolean {
  return typeof x === 'boolean' || (x instanceof Value && x.dtype === 'bool');
}

/** An arithmetic op with broadcasting and promotion. */
export function arithmetic(ops: AutogradOps, name: ArithmeticName, x: Argument, y: Argument): Value {
  if (name === 'sub' && (isBool(x) || isBool(y))) {
    throw new DTypeError(
      "sub: bools are not subtracted; use ne for 'exclusive or', logicalNot for its opposite, or convert with .to('int64')",
    );
  }
  const [a, b] = align(name, ops, x, y, (dtype) =>
    name === 'div' && !isFloat(dtype) ? getDefaultDtype() : dtype,
  );
  return ops.arithmetic(name, a, b);
}

export function compare(ops: AutogradOps, name: CompareName, x: Argument, y: Argument): Value {
  const [a, b] = align(name, ops, x, y);
  return ops.compare(name, a, b);
}

export function logical(ops: AutogradOps, name: LogicalName, x: Argument, y: Argument): Value {
  const [a, b] = align(name, ops, x, y, () => 'bool');
  return ops.logical(name, a, b);
}

/** Two numbers in the dtype that a tensor of both has. */
function alignNumbers(
  ops: AutogradOps,
  x: number | bigint | boolean,
  y: number | bigint | boolean,
): readonly [Value, Value] {
  const is = (type: string): boolean => typeof x === type && typeof y === type;
  const dtype = is('boolean') ? 'bool' : is('bigint') ? 'int64' : getDefaultDtype();
  return [spread('where', ops, x, dtype, []), spread('where', ops, y, dtype, [])];
}

/** x where the condition holds, else y; all three broadcast. */
export function where(ops: AutogradOps, condition: Value, x: Argument, y: Argument): Value {
  if (condition.dtype !== 'bool')
    throw new DTypeError(
      `where: the condition is a bool tensor, got ${condition.dtype}; compare it with ne(0)`,
    );
  const both = !(x instanceof Value) && !(y instanceof Value);
  const [a, b] = both ? alignNumbers(ops, x, y) : align('where', ops, x, y);
  const shape = broadcastShapes('where', condition.shape, a.shape);
  return ops.where(
    broadcastValue('where', ops, condition, shape),
    broadcastValue('where', ops, a, shape),
    broadcastValue('where', ops, b, shape),
  );
}

/** alpha times an operand. */
export function scaled(ops: AutogradOps, x: Argument, alpha: number | undefined): Argument {
  if (alpha === undefined || alpha === 1) return x;
  return x instanceof Value ? arithmetic(ops, 'mul', x, alpha) : Number(x) * alpha;
}

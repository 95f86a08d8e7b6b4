/**
 * Broadcasting and promotion: brings the operands of an op to one shape and one dtype, by PyTorch's rules. Numbers take the
 * tensor's dtype unless they are of a higher category; they are handed over at launch and are no part of a plan.
 */
import type { AutogradOps } from '../autograd/ops.js';
import type { Value } from '../autograd/value.js';
import type { DType } from '../base/dtype.js';
import { isFloat, promoteTensors, promoteWithNumber } from '../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { broadcastShapes, sameShape, showShape } from '../base/shape.js';
import type { CompareName, LogicalName } from '../graph/ops-interface.js';
import type { Tensor } from './tensor.js';
import type { Workspace } from './workspace.js';

export type Operand = Tensor | number | bigint | boolean;

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

export function toFloat(v: Value, ops: AutogradOps): Value {
  return isFloat(v.dtype) ? v : ops.cast(v, 'float32');
}

interface Pair {
  readonly workspace: Workspace;
  readonly a: Value;
  readonly b: Value;
}

function checkNumber(op: string, x: unknown): number | bigint {
  if (typeof x === 'number' || typeof x === 'bigint') return x;
  if (typeof x === 'boolean') return x ? 1 : 0;
  throw new ArgumentError(`${op}: expected a tensor or a number, got ${x === null ? 'null' : typeof x}`);
}

/** Both operands in one shape and the dtype they promote to, or in `dtype(promoted)`. */
function align(op: string, x: Tensor, y: Operand, adjust: (dtype: DType) => DType): Pair {
  const { workspace } = x;
  const { ops } = workspace;
  const a = x.value;
  if (typeof y === 'object' && y !== null && 'storage' in y) {
    const b = y.value;
    const dtype = adjust(promoteTensors(a.dtype, a.shape.length, b.dtype, b.shape.length));
    const shape = broadcastShapes(op, a.shape, b.shape);
    return {
      workspace,
      a: broadcastValue(op, ops, ops.cast(a, dtype), shape),
      b: broadcastValue(op, ops, ops.cast(b, dtype), shape),
    };
  }
  const number = checkNumber(op, y);
  const dtype = adjust(typeof y === 'boolean' ? a.dtype : promoteWithNumber(a.dtype, Number(number)));
  return { workspace, a: ops.cast(a, dtype), b: ops.argument(number, dtype, a.shape) };
}

/** The operands of an arithmetic op. */
export function binary(name: string, x: Tensor, y: Operand): Pair {
  if (name === 'div') return align(name, x, y, (dtype) => (isFloat(dtype) ? dtype : 'float32'));
  const isBool = (t: Operand): boolean =>
    typeof t === 'object' ? t.dtype === 'bool' : typeof t === 'boolean';
  if (name === 'sub' && (isBool(x) || isBool(y))) {
    throw new DTypeError(
      "sub: bools are not subtracted; use ne for 'exclusive or', logicalNot for its opposite, or convert with .to('int64')",
    );
  }
  return align(name, x, y, (dtype) => dtype);
}

export function compare(name: CompareName, x: Tensor, y: Operand): Value {
  const { workspace, a, b } = align(name, x, y, (dtype) => dtype);
  return workspace.ops.compare(name, a, b);
}

export function logical(name: LogicalName, x: Tensor, y: Operand): Value {
  const { workspace, a, b } = align(name, x, y, () => 'bool');
  return workspace.ops.logical(name, a, b);
}

/** a where the condition holds, else b; all three broadcast. */
export function where(condition: Tensor, x: Tensor, y: Operand): Value {
  if (condition.dtype !== 'bool')
    throw new DTypeError(
      `where: the condition is a bool tensor, got ${condition.dtype}; compare it with ne(0)`,
    );
  const { workspace, a, b } = align('where', x, y, (dtype) => dtype);
  const { ops } = workspace;
  const shape = broadcastShapes('where', condition.shape, a.shape);
  return ops.where(
    broadcastValue('where', ops, condition.value, shape),
    broadcastValue('where', ops, a, shape),
    broadcastValue('where', ops, b, shape),
  );
}

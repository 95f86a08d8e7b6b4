/** How entries of the table of elementwise ops are written. */
import { type DType, isFloat } from '../../../base/dtype.js';
import { fitToDType } from '../../../kernel/elements.js';
import type { Value } from '../../../kernel/l3.js';
import type { L3Builder } from '../../../kernel/l3-builder.js';
import type { ElementwiseOp, LowerRule, Operand, Vjp, VjpContext } from '../../op.js';
import { savesNothing } from '../../op.js';

/** What an op keeps for its gradient, and its gradient. */
export type Gradient = Pick<ElementwiseOp, 'saves' | 'vjp'>;

export const noGradient: Gradient = { saves: savesNothing, vjp: null };

/** The gradient of a function made of steps: zero wherever it has one, as in PyTorch. */
export const zeroGradient: Gradient = { saves: savesNothing, vjp: (c, g) => [constantLike(c, g, 0)] };

export function constantLike<V extends Operand>(c: VjpContext<V>, like: V, value: number): V {
  return c.ops.constant(value, like.dtype, like.shape);
}

/** Integers modulo the range of their dtype; floats as they are. */
export function wrapped(b: L3Builder, x: Value, dtype: DType): Value {
  return isFloat(dtype) ? x : fitToDType(b, x, dtype);
}

interface UnaryRule {
  readonly float: (x: number) => number;
  /** Absent for functions of reals. */
  readonly int?: (x: bigint) => bigint;
  readonly lower: (b: L3Builder, x: Value) => Value;
  readonly gradient: Gradient;
  readonly isLong?: true;
}

export function unaryOp(name: string, { float, int, lower, gradient, isLong }: UnaryRule): ElementwiseOp {
  return {
    kind: 'elementwise',
    name,
    arity: 1,
    scalar: int ? { float, int } : { float },
    lower: (b, [x], dtype) => wrapped(b, lower(b, x), dtype),
    ...gradient,
    ...(isLong ? { isLong } : {}),
  };
}

interface BinaryRule {
  readonly float: (x: number, y: number) => number;
  readonly int?: (x: bigint, y: bigint) => bigint;
  readonly lower: LowerRule;
  readonly gradient: Gradient;
  readonly isLong?: true;
}

export function binaryOp(name: string, { float, int, lower, gradient, isLong }: BinaryRule): ElementwiseOp {
  return {
    kind: 'elementwise',
    name,
    arity: 2,
    scalar: int ? { float, int } : { float },
    lower: (b, x, dtype) => wrapped(b, lower(b, x, dtype), dtype),
    ...gradient,
    ...(isLong ? { isLong } : {}),
  };
}

/** The VJP of a function of one operand from its slope, which it may build of the operand or of the result. */
export function slopeVjp(slope: <V extends Operand>(c: VjpContext<V>) => V): Vjp {
  return (c, g) => [c.ops.arithmetic('mul', g, slope(c))];
}

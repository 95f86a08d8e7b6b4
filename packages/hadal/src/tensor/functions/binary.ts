/** Functions of two operands, under the names of the methods. Either operand may be a number, not both. */
import type { AutogradOps } from '../../autograd/ops.js';
import type { Value } from '../../autograd/value.js';
import { ArgumentError } from '../../base/errors.js';
import type { ArithmeticName, CompareName, LogicalName } from '../../graph/ops-interface.js';
import type { Closeness, RoundingMode } from '../elementwise.js';
import * as e from '../elementwise.js';
import { optionsOf, tensorOf } from '../given.js';
import type { Argument, Operand } from '../promotion.js';
import * as p from '../promotion.js';
import { describeKind } from '../structure.js';
import { Tensor } from '../tensor.js';

type Rule = (ops: AutogradOps, x: Argument, y: Argument) => Value;

function apply(op: string, x: Operand, y: Operand, rule: Rule): Tensor {
  const like = typeof x === 'object' ? x : y;
  if (typeof like !== 'object') throw new ArgumentError(`${op}: expected a tensor, got two numbers`);
  const [a, b] = [p.argumentOf(op, x), p.argumentOf(op, y)];
  return Tensor.of(like.workspace, rule(like.workspace.ops, a, b));
}

function arithmetic(name: ArithmeticName, x: Operand, y: Operand): Tensor {
  return apply(name, x, y, (ops, a, b) => p.arithmetic(ops, name, a, b));
}
function compare(name: CompareName, x: Operand, y: Operand): Tensor {
  return apply(name, x, y, (ops, a, b) => p.compare(ops, name, a, b));
}
function logical(name: LogicalName, x: Operand, y: Operand): Tensor {
  return apply(name, x, y, (ops, a, b) => p.logical(ops, name, a, b));
}

/** x + alpha y. */
export function add(x: Operand, y: Operand, options: { readonly alpha?: number } = {}): Tensor {
  return apply('add', x, y, (ops, a, b) =>
    p.arithmetic(ops, 'add', a, p.scaled(ops, b, optionsOf('add', options).alpha)),
  );
}
/** x - alpha y. */
export function sub(x: Operand, y: Operand, options: { readonly alpha?: number } = {}): Tensor {
  return apply('sub', x, y, (ops, a, b) =>
    p.arithmetic(ops, 'sub', a, p.scaled(ops, b, optionsOf('sub', options).alpha)),
  );
}
export function mul(x: Operand, y: Operand): Tensor {
  return arithmetic('mul', x, y);
}
/** x / y; see the method for rounding modes. */
export function div(
  x: Operand,
  y: Operand,
  options: { readonly roundingMode?: RoundingMode | null } = {},
): Tensor {
  return apply('div', x, y, (ops, a, b) =>
    e.divide(ops, a, b, optionsOf('div', options).roundingMode ?? null),
  );
}
export function floorDivide(x: Operand, y: Operand): Tensor {
  return apply('floorDivide', x, y, e.floorDivide);
}
export function remainder(x: Operand, y: Operand): Tensor {
  return apply('remainder', x, y, (ops, a, b) => e.remainder(ops, 'remainder', a, b));
}
export function fmod(x: Operand, y: Operand): Tensor {
  return apply('fmod', x, y, (ops, a, b) => e.remainder(ops, 'fmod', a, b));
}
/**
 * x to the power of y.
 *
 * @example
 * ```ts
 * import { pow, tensor } from 'hadal';
 * console.log(pow(2, tensor([1, 2, 3])).tolistSync()); // [ 2, 4, 8 ]
 * ```
 */
export function pow(x: Operand, y: Operand): Tensor {
  return apply('pow', x, y, e.pow);
}
export function maximum(x: Operand, y: Operand): Tensor {
  return arithmetic('maximum', x, y);
}
export function minimum(x: Operand, y: Operand): Tensor {
  return arithmetic('minimum', x, y);
}
export function fmax(x: Operand, y: Operand): Tensor {
  return apply('fmax', x, y, (ops, a, b) => e.extremumOfNumbers(ops, 'maximum', a, b));
}
export function fmin(x: Operand, y: Operand): Tensor {
  return apply('fmin', x, y, (ops, a, b) => e.extremumOfNumbers(ops, 'minimum', a, b));
}
export function atan2(x: Operand, y: Operand): Tensor {
  return apply('atan2', x, y, (ops, a, b) => e.realArithmetic(ops, 'atan2', a, b));
}
export function hypot(x: Operand, y: Operand): Tensor {
  return apply('hypot', x, y, e.hypot);
}
export function copysign(x: Operand, y: Operand): Tensor {
  return apply('copysign', x, y, e.copysign);
}
export function logaddexp(x: Operand, y: Operand): Tensor {
  return apply('logaddexp', x, y, (ops, a, b) => e.logaddexp(ops, a, b, 'e'));
}
export function logaddexp2(x: Operand, y: Operand): Tensor {
  return apply('logaddexp2', x, y, (ops, a, b) => e.logaddexp(ops, a, b, '2'));
}
export function xlogy(x: Operand, y: Operand): Tensor {
  return apply('xlogy', x, y, e.xlogy);
}
export function lerp(start: Tensor, end: Tensor, weight: Tensor | number): Tensor {
  return tensorOf('lerp', start).lerp(end, weight);
}
export function addcmul(x: Tensor, a: Tensor, b: Tensor, options: { readonly value?: number } = {}): Tensor {
  return tensorOf('addcmul', x).addcmul(a, b, options);
}
export function addcdiv(x: Tensor, a: Tensor, b: Tensor, options: { readonly value?: number } = {}): Tensor {
  return tensorOf('addcdiv', x).addcdiv(a, b, options);
}
export function bitwiseAnd(x: Operand, y: Operand): Tensor {
  return apply('bitwiseAnd', x, y, (ops, a, b) => e.bitwise(ops, 'bitwiseAnd', a, b));
}
export function bitwiseOr(x: Operand, y: Operand): Tensor {
  return apply('bitwiseOr', x, y, (ops, a, b) => e.bitwise(ops, 'bitwiseOr', a, b));
}
export function bitwiseXor(x: Operand, y: Operand): Tensor {
  return apply('bitwiseXor', x, y, (ops, a, b) => e.bitwise(ops, 'bitwiseXor', a, b));
}
export function bitwiseLeftShift(x: Operand, y: Operand): Tensor {
  return apply('bitwiseLeftShift', x, y, (ops, a, b) => e.shift(ops, 'left', a, b));
}
export function bitwiseRightShift(x: Operand, y: Operand): Tensor {
  return apply('bitwiseRightShift', x, y, (ops, a, b) => e.shift(ops, 'right', a, b));
}
export function eq(x: Operand, y: Operand): Tensor {
  return compare('eq', x, y);
}
export function ne(x: Operand, y: Operand): Tensor {
  return compare('ne', x, y);
}
export function lt(x: Operand, y: Operand): Tensor {
  return compare('lt', x, y);
}
export function le(x: Operand, y: Operand): Tensor {
  return compare('le', x, y);
}
export function gt(x: Operand, y: Operand): Tensor {
  return compare('gt', x, y);
}
export function ge(x: Operand, y: Operand): Tensor {
  return compare('ge', x, y);
}
export function logicalAnd(x: Operand, y: Operand): Tensor {
  return logical('logicalAnd', x, y);
}
export function logicalOr(x: Operand, y: Operand): Tensor {
  return logical('logicalOr', x, y);
}
export function logicalXor(x: Tensor, y: Operand): Tensor {
  return tensorOf('logicalXor', x).logicalXor(y);
}
export function isclose(x: Tensor, y: Tensor, options: Closeness = {}): Tensor {
  return tensorOf('isclose', x).isclose(y, options);
}
/** Whether all elements are close; read at once. */
export function allclose(x: Tensor, y: Tensor, options: Closeness = {}): boolean {
  return tensorOf('allclose', x).allclose(y, options);
}
export function allcloseAsync(x: Tensor, y: Tensor, options: Closeness = {}): Promise<boolean> {
  return tensorOf('allcloseAsync', x).allcloseAsync(y, options);
}
/** Whether both have one shape and equal elements; read at once. */
export function equal(x: Tensor, y: Tensor): boolean {
  return tensorOf('equal', x).equal(y);
}
export function equalAsync(x: Tensor, y: Tensor): Promise<boolean> {
  return tensorOf('equalAsync', x).equalAsync(y);
}
/**
 * x where the condition holds, else y; all three broadcast. Either choice may be a number; two numbers give what `tensor` makes of them.
 *
 * @example
 * ```ts
 * import { tensor, where } from 'hadal';
 * console.log(where(tensor([true, false]), 1, tensor([5, 6])).tolistSync()); // [ 1, 6 ]
 * ```
 */
export function where(condition: Tensor, x: Operand, y: Operand): Tensor {
  if (!(condition instanceof Tensor))
    throw new ArgumentError(
      `where: the condition is a bool tensor, got ${describeKind(condition)}; with one boolean write c ? x : y`,
    );
  const { ops } = tensorOf('where', condition).workspace;
  const [a, b] = [p.argumentOf('where', x), p.argumentOf('where', y)];
  return Tensor.of(condition.workspace, p.where(ops, condition.value, a, b));
}
export function heaviside(x: Tensor, values: Operand): Tensor {
  return tensorOf('heaviside', x).heaviside(values);
}
export function ldexp(x: Tensor, exponent: Tensor): Tensor {
  return tensorOf('ldexp', x).ldexp(exponent);
}

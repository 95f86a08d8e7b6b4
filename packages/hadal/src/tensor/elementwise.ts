/** Elementwise functions that are made of graph ops: on values, so that in-place methods can use them too. */
import type { AutogradOps } from '../autograd/ops.js';
import { Value } from '../autograd/value.js';
import { dtypeInfo, isFloat } from '../base/dtype.js';
import { ArgumentError, DTypeError } from '../base/errors.js';
import type { ArithmeticName, UnaryName } from '../graph/ops-interface.js';
import type { Argument } from './promotion.js';
import { align, arithmetic, compare, logical, spread, toFloat, where } from './promotion.js';

/** A function with a meaning on integers. */
export function unary(ops: AutogradOps, name: UnaryName, x: Value): Value {
  if (x.dtype === 'bool')
    throw new DTypeError(
      `${name}: bool tensors have no ${name}; convert with .to('float32') or .to('int64')`,
    );
  return ops.unary(name, x);
}

/** A function defined on reals: integers and bools become floats first. */
export function real(ops: AutogradOps, name: UnaryName, x: Value): Value {
  return ops.unary(name, toFloat(x, ops));
}

/** A rounding function: integers are whole already. */
export function rounding(ops: AutogradOps, name: 'floor' | 'ceil' | 'round' | 'trunc', x: Value): Value {
  if (isFloat(x.dtype)) return ops.unary(name, x);
  if (x.dtype === 'bool')
    throw new DTypeError(`${name}: bool tensors have no ${name}; convert with .to('float32')`);
  return x;
}

/** To `decimals` places after the point; halves go to the even neighbour. */
export function round(ops: AutogradOps, x: Value, decimals = 0): Value {
  if (decimals === 0 || !isFloat(x.dtype)) return rounding(ops, 'round', x);
  const scale = 10 ** Math.abs(decimals);
  const [up, down] = decimals > 0 ? (['mul', 'div'] as const) : (['div', 'mul'] as const);
  return arithmetic(ops, down, ops.unary('round', arithmetic(ops, up, x, scale)), scale);
}

export function square(ops: AutogradOps, x: Value): Value {
  const v = x.dtype === 'bool' ? ops.cast(x, 'int64') : x;
  return ops.arithmetic('mul', v, v);
}

export function frac(ops: AutogradOps, x: Value): Value {
  if (!isFloat(x.dtype)) throw new DTypeError(`frac: expected a float tensor, got ${x.dtype}`);
  return ops.arithmetic('sub', x, ops.unary('trunc', x));
}

function checkIntegers(name: string, ...operands: readonly Argument[]): void {
  for (const x of operands) {
    const whole = x instanceof Value ? !isFloat(x.dtype) : typeof x !== 'number' || Number.isInteger(x);
    if (!whole)
      throw new DTypeError(
        `${name}: expected integers or bools, got ${x instanceof Value ? x.dtype : `${x}`}; convert with .to('int64')`,
      );
  }
}

function checkNoBools(name: string, ...operands: readonly Argument[]): void {
  if (operands.every((x) => typeof x === 'boolean' || (x instanceof Value && x.dtype === 'bool')))
    throw new DTypeError(`${name}: bools have no ${name}; convert with .to('int64')`);
}

export function bitwise(
  ops: AutogradOps,
  name: 'bitwiseAnd' | 'bitwiseOr' | 'bitwiseXor',
  x: Argument,
  y: Argument,
): Value {
  checkIntegers(name, x, y);
  return arithmetic(ops, name, x, y);
}

export function bitwiseNot(ops: AutogradOps, x: Value): Value {
  checkIntegers('bitwiseNot', x);
  return ops.unary(x.dtype === 'bool' ? 'logicalNot' : 'bitwiseNot', x);
}

/** x times 2 to the power of y, or divided by it and rounded down: what shifts of two's complement do. */
export function shift(ops: AutogradOps, side: 'left' | 'right', x: Argument, y: Argument): Value {
  const name = side === 'left' ? 'bitwiseLeftShift' : 'bitwiseRightShift';
  checkIntegers(name, x, y);
  checkNoBools(name, x, y);
  if (!(y instanceof Value) && (Number(y) < 0 || Number(y) > 62))
    throw new ArgumentError(`${name}: expected a shift from 0 to 62, got ${y}`);
  return arithmetic(ops, name, x, y);
}

export type RoundingMode = 'trunc' | 'floor';

export function divide(ops: AutogradOps, x: Argument, y: Argument, mode: RoundingMode | null = null): Value {
  switch (mode) {
    case null:
      return arithmetic(ops, 'div', x, y);
    case 'floor':
      return floorDivide(ops, x, y);
    case 'trunc': {
      const [a, b] = align('div', ops, x, y);
      if (isFloat(a.dtype)) return ops.unary('trunc', ops.arithmetic('div', a, b));
      checkNoBools('div', a, b);
      return ops.arithmetic('truncDivide', a, b);
    }
  }
  throw new ArgumentError(`div: expected roundingMode 'trunc' or 'floor', got ${JSON.stringify(mode)}`);
}

export function floorDivide(ops: AutogradOps, x: Argument, y: Argument): Value {
  checkNoBools('floorDivide', x, y);
  return arithmetic(ops, 'floorDivide', x, y);
}

export function remainder(ops: AutogradOps, name: 'remainder' | 'fmod', x: Argument, y: Argument): Value {
  checkNoBools(name, x, y);
  return arithmetic(ops, name, x, y);
}

/** An arithmetic op on reals. */
export function realArithmetic(ops: AutogradOps, name: ArithmeticName, x: Argument, y: Argument): Value {
  const [a, b] = align(name, ops, x, y);
  return ops.arithmetic(name, toFloat(a, ops), toFloat(b, ops));
}

/**
 * x to the power of y. The exponents that people write most have ops of their own, as in PyTorch: they are faster, and right for
 * negative x in second gradients too.
 */
export function pow(ops: AutogradOps, x: Argument, y: Argument): Value {
  if (x instanceof Value && typeof y === 'number') {
    const float = isFloat(x.dtype);
    if (!float && x.dtype !== 'bool' && Number.isInteger(y) && y < 0)
      throw new ArgumentError(
        `pow: integers have no power of ${y}; convert with .to('float32') or use ${y}.0 of a float tensor`,
      );
    if (y === 2 && x.dtype !== 'bool') return ops.arithmetic('mul', x, x);
    // Its gradient is 0 everywhere; that of the general op asks for x to the power of -1 on the way.
    if (float && y === 0) {
      const one = ops.constant(1, x.dtype, x.shape);
      return ops.where(ops.constant(1, 'bool', x.shape), one, x);
    }
    if (float && y === 1) return ops.arithmetic('mul', x, ops.constant(1, x.dtype, x.shape));
    if (float && y === 0.5) return ops.unary('sqrt', x);
    if (float && y === -0.5) return ops.unary('rsqrt', x);
    if (float && y === -1) return ops.unary('reciprocal', x);
    if (float && y === 3) return ops.arithmetic('mul', ops.arithmetic('mul', x, x), x);
  }
  checkNoBools('pow', ...(y instanceof Value ? [x, y] : [y]));
  return arithmetic(ops, 'pow', x, y);
}

/** Values below `min` become it, values above `max` become that; `max` wins where they contradict each other. NaN stays. */
export function clamp(ops: AutogradOps, x: Value, min: Argument | null, max: Argument | null): Value {
  if (min === null && max === null)
    throw new ArgumentError(
      'clamp: expected min, max or both; pass clamp({ min: 0 }) for a lower bound only',
    );
  let out = x;
  if (min !== null) {
    const [a, b] = align('clamp', ops, out, min);
    out = ops.where(outside(ops, 'lt', a, b, min), b, a);
  }
  if (max !== null) {
    const [a, b] = align('clamp', ops, out, max);
    out = ops.where(outside(ops, 'gt', a, b, max), b, a);
  }
  // NaN goes through, but its gradient does not, as in PyTorch.
  if (x.edge !== null) out = ops.where(isnan(ops, out), ops.detached(out), out);
  return out;
}

function outside(ops: AutogradOps, name: 'lt' | 'gt', x: Value, bound: Value, given: Argument): Value {
  const beyond = ops.compare(name, x, bound);
  // A NaN among the bounds of a tensor wins.
  if (!(given instanceof Value) || !isFloat(bound.dtype)) return beyond;
  return ops.logical('logicalOr', beyond, ops.compare('ne', bound, bound));
}

function checkFloats(name: string, ...values: readonly Value[]): void {
  for (const v of values)
    if (!isFloat(v.dtype))
      throw new DTypeError(`${name}: expected float tensors, got ${v.dtype}; convert with .to('float32')`);
}

/** start + weight (end - start), from the nearer end so that weight 1 gives `end` exactly. */
export function lerp(ops: AutogradOps, start: Value, end: Value, weight: Argument): Value {
  checkFloats('lerp', start, end);
  const way = arithmetic(ops, 'sub', end, start);
  const fromStart = (): Value => arithmetic(ops, 'add', start, arithmetic(ops, 'mul', way, weight));
  const fromEnd = (): Value => {
    const rest = weight instanceof Value ? complement(ops, weight) : 1 - Number(weight);
    return arithmetic(ops, 'sub', end, arithmetic(ops, 'mul', way, rest));
  };
  if (!(weight instanceof Value)) return Math.abs(Number(weight)) < 0.5 ? fromStart() : fromEnd();
  const near = compare(ops, 'lt', ops.unary('abs', ops.detached(weight)), 0.5);
  return where(ops, near, fromStart(), fromEnd());
}

function complement(ops: AutogradOps, x: Value): Value {
  return ops.arithmetic('sub', ops.constant(1, x.dtype, x.shape), x);
}

/** x + value a b. */
export function addcmul(ops: AutogradOps, x: Value, a: Value, b: Value, value: number): Value {
  const product = arithmetic(ops, 'mul', value === 1 ? a : arithmetic(ops, 'mul', a, value), b);
  return arithmetic(ops, 'add', x, product);
}

/** x + value a / b. */
export function addcdiv(ops: AutogradOps, x: Value, a: Value, b: Value, value: number): Value {
  if (!isFloat(a.dtype) && !isFloat(b.dtype))
    throw new DTypeError(
      `addcdiv: integers are not divided here, got ${a.dtype} and ${b.dtype}; convert one with .to('float32')`,
    );
  const quotient = arithmetic(ops, 'div', value === 1 ? a : arithmetic(ops, 'mul', a, value), b);
  return arithmetic(ops, 'add', x, quotient);
}

// --- special values ----------------------------------------------------------------------------------------------------------

function never(ops: AutogradOps, x: Value, answer: 0 | 1): Value {
  return ops.constant(answer, 'bool', x.shape);
}

export function isnan(ops: AutogradOps, x: Value): Value {
  return isFloat(x.dtype) ? ops.compare('ne', x, x) : never(ops, x, 0);
}

export function isinf(ops: AutogradOps, x: Value): Value {
  if (!isFloat(x.dtype)) return never(ops, x, 0);
  return ops.compare('eq', ops.unary('abs', x), ops.constant(Number.POSITIVE_INFINITY, x.dtype, x.shape));
}

export function isfinite(ops: AutogradOps, x: Value): Value {
  if (!isFloat(x.dtype)) return never(ops, x, 1);
  return ops.compare('lt', ops.unary('abs', x), ops.constant(Number.POSITIVE_INFINITY, x.dtype, x.shape));
}

export function isInfinityOf(ops: AutogradOps, x: Value, sign: 1 | -1): Value {
  if (!isFloat(x.dtype)) return never(ops, x, 0);
  return ops.compare('eq', x, ops.constant(sign * Number.POSITIVE_INFINITY, x.dtype, x.shape));
}

/** Whether the sign bit is set, that of -0 too. */
export function signbit(ops: AutogradOps, x: Value): Value {
  const zero = ops.constant(0, x.dtype, x.shape);
  const negative = ops.compare('lt', x, zero);
  if (!isFloat(x.dtype)) return negative;
  const minusZero = ops.compare('lt', ops.unary('reciprocal', x), zero);
  return ops.logical('logicalOr', negative, minusZero);
}

/** NaN and the infinities replaced by numbers: 0 and the dtype's largest and smallest unless given. */
export function nanToNum(
  ops: AutogradOps,
  x: Value,
  nan = 0,
  posinf: number | null = null,
  neginf: number | null = null,
): Value {
  if (!isFloat(x.dtype)) return ops.copy(x);
  const put = (v: Value, hit: Value, n: number): Value =>
    ops.where(hit, ops.argument(n, x.dtype, x.shape), v);
  const { min, max } = dtypeInfo[x.dtype];
  const withoutNaN = put(x, isnan(ops, x), nan);
  const below = put(withoutNaN, isInfinityOf(ops, x, 1), posinf ?? Number(max));
  return put(below, isInfinityOf(ops, x, -1), neginf ?? Number(min));
}

export interface Closeness {
  /** Relative tolerance, 1e-5 unless given. */
  readonly rtol?: number;
  /** Absolute tolerance, 1e-8 unless given. */
  readonly atol?: number;
  /** Whether NaN counts as close to NaN. */
  readonly equalNan?: boolean;
}

/** |x - y| <= atol + rtol |y|, or equal. */
export function isclose(ops: AutogradOps, x: Value, y: Value, options: Closeness = {}): Value {
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options;
  if (rtol < 0 || atol < 0)
    throw new ArgumentError(`isclose: expected tolerances of at least 0, got rtol ${rtol} and atol ${atol}`);
  if (x.dtype !== y.dtype)
    throw new DTypeError(`isclose: expected two tensors of one dtype, got ${x.dtype} and ${y.dtype}`);
  let close = compare(ops, 'eq', x, y);
  if (equalNan)
    close = logical(ops, 'logicalOr', close, logical(ops, 'logicalAnd', isnan(ops, x), isnan(ops, y)));
  const [a, b] = [toFloat(x, ops), toFloat(y, ops)];
  const allowed = arithmetic(ops, 'add', ops.unary('abs', arithmetic(ops, 'mul', b, rtol)), atol);
  const distance = ops.unary('abs', arithmetic(ops, 'sub', a, b));
  const near = logical(ops, 'logicalAnd', isfinite(ops, distance), compare(ops, 'le', distance, allowed));
  return logical(ops, 'logicalOr', close, near);
}

// --- functions of two operands ------------------------------------------------------------------------------------------------

/** `x` where it is neither 0 nor infinite, else 1: a divisor that keeps a ratio finite. It has no gradient. */
function scaleOf(ops: AutogradOps, x: Value): Value {
  const v = ops.detached(x);
  const one = ops.constant(1, v.dtype, v.shape);
  const zero = ops.compare('eq', v, ops.constant(0, v.dtype, v.shape));
  return ops.where(ops.logical('logicalOr', zero, isinf(ops, v)), one, v);
}

/** sqrt(x^2 + y^2) without overflow on the way. */
export function hypot(ops: AutogradOps, x: Argument, y: Argument): Value {
  const [a, b] = align('hypot', ops, x, y);
  checkFloats('hypot', a, b);
  const scale = scaleOf(ops, ops.arithmetic('maximum', ops.unary('abs', a), ops.unary('abs', b)));
  const part = (v: Value): Value => square(ops, ops.arithmetic('div', v, scale));
  return ops.arithmetic('mul', scale, ops.unary('sqrt', ops.arithmetic('add', part(a), part(b))));
}

/** log(exp(x) + exp(y)), or with powers of 2, without overflow on the way and with all digits of results near 0. */
export function logaddexp(ops: AutogradOps, x: Argument, y: Argument, base: 'e' | '2'): Value {
  const [a, b] = align('logaddexp', ops, x, y);
  checkFloats('logaddexp', a, b);
  const { dtype, shape } = a;
  const constant = (c: number): Value => ops.constant(c, dtype, shape);
  const unit = base === 'e' ? 1 : Math.LN2;
  const times = (v: Value, factor: number): Value =>
    factor === 1 ? v : ops.arithmetic('mul', v, constant(factor));
  const larger = ops.arithmetic('maximum', a, b);
  const top = ops.detached(larger);
  const infinite = isinf(ops, top);
  // The shift cancels out, so it has no gradient; an infinite one would give inf - inf.
  const shifted = (v: Value): Value =>
    ops.where(infinite, constant(0), times(ops.arithmetic('sub', v, top), unit));
  const [p, q] = [shifted(a), shifted(b)];
  const aIsTop = ops.compare('ge', ops.detached(a), ops.detached(b));
  // exp(p) + exp(q) - 1, of which one is 1.
  const rest = ops.arithmetic(
    'add',
    ops.where(aIsTop, ops.unary('expm1', p), ops.unary('exp', p)),
    ops.where(aIsTop, ops.unary('exp', q), ops.unary('expm1', q)),
  );
  const sum = ops.arithmetic('add', times(ops.unary('log1p', rest), 1 / unit), top);
  return ops.where(infinite, larger, sum);
}

/** x log(y), and 0 where x is 0, whatever y is but NaN. */
export function xlogy(ops: AutogradOps, x: Argument, y: Argument): Value {
  const [p, q] = align('xlogy', ops, x, y);
  const [a, b] = [toFloat(p, ops), toFloat(q, ops)];
  const zero = ops.constant(0, a.dtype, a.shape);
  const none = ops.logical('logicalAnd', ops.compare('eq', a, zero), ops.compare('eq', b, b));
  const safe = ops.where(none, ops.constant(1, b.dtype, b.shape), b);
  return ops.where(none, zero, ops.arithmetic('mul', a, ops.unary('log', safe)));
}

/** The magnitude of x with the sign of y. Where x is 0, which has no side to move to, its gradient is 0. */
export function copysign(ops: AutogradOps, x: Argument, y: Argument): Value {
  const [p, q] = align('copysign', ops, x, y);
  const [a, b] = [toFloat(p, ops), toFloat(q, ops)];
  const flip = ops.compare('ne', signbit(ops, ops.detached(a)), signbit(ops, ops.detached(b)));
  const out = ops.where(flip, ops.unary('neg', a), a);
  if (a.edge === null) return out;
  return ops.where(ops.compare('eq', a, ops.constant(0, a.dtype, a.shape)), ops.detached(out), out);
}

/** maximum or minimum in which a number wins over NaN. */
export function extremumOfNumbers(
  ops: AutogradOps,
  name: 'maximum' | 'minimum',
  x: Argument,
  y: Argument,
): Value {
  const [a, b] = align(name, ops, x, y);
  if (!isFloat(a.dtype)) return ops.arithmetic(name, a, b);
  return ops.where(isnan(ops, a), b, ops.where(isnan(ops, b), a, ops.arithmetic(name, a, b)));
}

/** `x` with `value`, in the dtype of x, where the mask holds. */
export function maskedFill(ops: AutogradOps, x: Value, mask: Value, value: Argument): Value {
  if (mask.dtype !== 'bool')
    throw new DTypeError(`maskedFill: expected a bool mask, got ${mask.dtype}; compare it with ne(0)`);
  if (value instanceof Value && value.shape.length > 0)
    throw new ArgumentError(
      `maskedFill: expected a number or a tensor without dimensions, got shape [${value.shape.join(', ')}]; use where`,
    );
  const fill =
    value instanceof Value ? ops.cast(value, x.dtype) : spread('maskedFill', ops, value, x.dtype, []);
  return where(ops, mask, fill, x);
}

/** sin(pi x) / (pi x), and 1 at 0. */
export function sinc(ops: AutogradOps, x: Value): Value {
  const v = toFloat(x, ops);
  const zero = ops.compare('eq', v, ops.constant(0, v.dtype, v.shape));
  const one = ops.constant(1, v.dtype, v.shape);
  const angle = arithmetic(ops, 'mul', ops.where(zero, one, v), Math.PI);
  return ops.where(zero, one, ops.arithmetic('div', ops.unary('sin', angle), angle));
}

/** log(x / (1 - x)), with x kept `eps` away from 0 and 1 if given. */
export function logit(ops: AutogradOps, x: Value, eps: number | null): Value {
  const v = toFloat(x, ops);
  const safe = eps === null ? v : clamp(ops, v, eps, 1 - eps);
  return ops.unary('log', ops.arithmetic('div', safe, complement(ops, safe)));
}

/** 0 below 0, 1 above, `at` at 0. */
export function heaviside(ops: AutogradOps, x: Value, at: Argument): Value {
  const [a, b] = align('heaviside', ops, x, at);
  const zero = ops.constant(0, a.dtype, a.shape);
  const step = ops.cast(ops.compare('gt', a, zero), a.dtype);
  return ops.where(ops.compare('eq', a, zero), b, step);
}

/** Whether exactly one of two is not zero. */
export function logicalXor(ops: AutogradOps, x: Value, y: Argument): Value {
  const truth = y instanceof Value ? ops.cast(y, 'bool') : Number(y) !== 0;
  return compare(ops, 'ne', ops.cast(x, 'bool'), truth);
}

/**
 * What the functions of this folder know of float32 and float64: the layout of their bits, and constants that come in two precisions.
 * A float of kind f32 has its bits in i32, one of kind f64 in i64; integers here are of those kinds.
 */
import { InternalError } from '../../base/errors.js';
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';

/** A constant for each kind of floats. */
export interface Precisions<T> {
  readonly f32: T;
  readonly f64: T;
}

interface Format {
  readonly bits: 'i32' | 'i64';
  readonly fractionBits: number;
  readonly bias: number;
  readonly signBit: number | bigint;
  /** All bits but those of the lower half of the fraction. */
  readonly upperHalf: number | bigint;
  readonly smallestNormal: number;
}

export const formats: Precisions<Format> = {
  f32: {
    bits: 'i32',
    fractionBits: 23,
    bias: 127,
    signBit: -(2 ** 31),
    upperHalf: -(2 ** 12),
    smallestNormal: 2 ** -126,
  },
  f64: {
    bits: 'i64',
    fractionBits: 52,
    bias: 1023,
    signBit: -(2n ** 63n),
    upperHalf: -(2n ** 27n),
    smallestNormal: 2 ** -1022,
  },
};

/** The one of two constants that fits a float value. */
export function pick<T>(x: Value, of: Precisions<T>): T {
  const { kind } = x.type;
  if (kind !== 'f32' && kind !== 'f64') throw new InternalError(`${kind} is no kind of floats`);
  return of[kind];
}

export function formatOf(x: Value): Format {
  return pick(x, formats);
}

/** A constant like `x`, in the precision of `x`. */
export function constant(b: L3Builder, x: Value, of: Precisions<number>): Value {
  return b.like(x, pick(x, of));
}

/** c0 + c1 x + c2 x^2 + ... by Horner's rule. */
export function polynomial(b: L3Builder, x: Value, of: Precisions<readonly number[]>): Value {
  return horner(b, x, pick(x, of));
}

/** The same in one precision. */
export function horner(b: L3Builder, x: Value, coefficients: readonly number[]): Value {
  let r = b.like(x, coefficients[coefficients.length - 1]);
  for (let i = coefficients.length - 2; i >= 0; i--) r = b.fma(r, x, b.like(x, coefficients[i]));
  return r;
}

export function bitsOf(b: L3Builder, x: Value): Value {
  return b.bitcast(formatOf(x).bits, x);
}

/** 2^n for an integer n that is the exponent of a normal number, as a float like `x`: its exponent field is written. */
export function powerOfTwo(b: L3Builder, n: Value, x: Value): Value {
  const { bias, fractionBits } = formatOf(x);
  return b.bitcast(
    x.type.kind === 'f64' ? 'f64' : 'f32',
    b.shift('shl', b.add(n, b.like(n, bias)), fractionBits),
  );
}

/** 2^n for a whole float n that is the exponent of a normal number. */
export function powerOfWhole(b: L3Builder, n: Value): Value {
  const { bits } = formatOf(n);
  if (b.scales && bits === 'i32') return b.binary('scale', b.like(n, 1), n);
  return powerOfTwo(b, b.convert(bits, n), n);
}

/** x * 2^n, rounded once if x is near 1; n, an integer or a whole float, up to twice the exponents of normal numbers. */
export function scaleByPowerOfTwo(b: L3Builder, x: Value, exponent: Value): Value {
  const { bits } = formatOf(x);
  const isWhole = exponent.type.kind === bits;
  if (b.scales && bits === 'i32')
    return b.binary('scale', x, isWhole ? b.convert('f32', exponent) : exponent);
  const n = isWhole ? exponent : b.convert(bits, exponent);
  const half = b.shift('sar', n, 1);
  return b.mul(b.mul(x, powerOfTwo(b, half, x)), powerOfTwo(b, b.sub(n, half), x));
}

/** The sign bit of `x` alone, as an integer. */
export function signOf(b: L3Builder, x: Value): Value {
  const bits = bitsOf(b, x);
  return b.binary('and', bits, b.like(bits, formatOf(x).signBit));
}

/** `size` with the sign bit turned over where that of `sign` (an integer) is on. */
export function flipSign(b: L3Builder, size: Value, sign: Value): Value {
  return b.bitcast(size.type.kind === 'f64' ? 'f64' : 'f32', b.binary('xor', bitsOf(b, size), sign));
}

/** Whether a float has its sign bit on, as -0 has. */
export function hasSign(b: L3Builder, x: Value): Value {
  const bits = bitsOf(b, x);
  return b.compare('lt', bits, b.like(bits, 0));
}

export function isNaNLane(b: L3Builder, x: Value): Value {
  return b.compare('ne', x, x);
}

/** `x` itself where it is 0 or -0, else `result`: for odd functions whose formula loses the sign of -0. */
export function keepZero(b: L3Builder, x: Value, result: Value): Value {
  return b.select(b.compare('eq', x, b.like(x, 0)), x, result);
}

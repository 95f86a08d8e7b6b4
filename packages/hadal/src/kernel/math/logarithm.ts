/** log, log2, log10 and log1p: x = 2^n m with m between sqrt(1/2) and sqrt(2), and a series in m - 1. */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { upperHalf } from './double-word.js';
import { LN2_HIGH, LN2_LOW } from './exponential.js';
import { constant, formatOf, keepZero, type Precisions, pick, polynomial } from './format.js';

/** log(1 + f) = f - f^2 / 2 + f^3 p(f) on sqrt(1/2) - 1 .. sqrt(2) - 1; Cephes logf (Moshier 1989). */
const LOG_SINGLE = [
  3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1, -1.2420140846e-1,
  1.167699874e-1, -1.151461031e-1, 7.0376836292e-2,
];

/** 2 atanh(s) = 2 s + s^3 p(s^2) on |s| <= 0.1716; fits at Chebyshev nodes, error before rounding 9e-18 and 6e-10 of the first term. */
export const ATANH: Precisions<readonly number[]> = {
  f32: [0.6666667, 0.40000123, 0.28550822, 0.23330468],
  f64: [
    0.666666666666667, 0.39999999999899505, 0.28571428625975487, 0.2222221113479508, 0.18182889125261723,
    0.15331721600556042, 0.14616449685043406,
  ],
};

/** The bits of sqrt(1/2). */
const SQRT_HALF: Precisions<number | bigint> = { f32: 0x3f3504f3, f64: 0x3fe6a09e667f3bcdn };

export interface Mantissa {
  /** n as a float. */
  readonly exponent: Value;
  /** m. */
  readonly mantissa: Value;
}

/** x = 2^n m of a positive number, subnormal ones too. */
export function splitExponent(b: L3Builder, x: Value): Mantissa {
  const { bits: kind, fractionBits, smallestNormal } = formatOf(x);
  const tiny = b.compare('lt', x, b.like(x, smallestNormal));
  const scaled = b.select(tiny, b.mul(x, b.like(x, 2 ** fractionBits)), x);
  const bits = b.bitcast(kind, scaled);
  const exponent = b.shift('sar', b.sub(bits, b.like(bits, pick(x, SQRT_HALF))), fractionBits);
  const mantissa = b.sub(bits, b.shift('shl', exponent, fractionBits));
  const bias = b.select(tiny, b.like(x, -fractionBits), b.like(x, 0));
  const float = x.type.kind === 'f64' ? 'f64' : 'f32';
  return { exponent: b.add(b.convert(float, exponent), bias), mantissa: b.bitcast(float, mantissa) };
}

/** log(1 + f) - (f - f^2 / 2). */
function seriesRest(b: L3Builder, f: Value, square: Value): Value {
  if (f.type.kind === 'f32') return b.mul(b.mul(square, f), polynomial(b, f, { f32: LOG_SINGLE, f64: [] }));
  // f - 2 s = f^2 / 2 - s f^2 / 2 with s = f / (2 + f); Ng 1993 (fdlibm).
  const s = b.div(f, b.add(f, b.like(f, 2)));
  const z = b.mul(s, s);
  return b.mul(s, b.fma(square, b.like(f, 0.5), b.mul(z, polynomial(b, z, ATANH))));
}

/** The logarithm of x from that of its finite positive values: infinity, -infinity at 0, NaN below 0 and of NaN. */
function withLimits(b: L3Builder, x: Value, inside: Value): Value {
  const infinity = b.like(x, Number.POSITIVE_INFINITY);
  let r = b.select(b.compare('eq', x, infinity), infinity, inside);
  r = b.select(b.compare('eq', x, b.like(x, 0)), b.like(x, Number.NEGATIVE_INFINITY), r);
  const valid = b.compare('le', b.like(x, 0), x);
  return b.select(valid, r, b.mul(b.like(x, Number.NaN), x));
}

/** n ln 2 + log(1 + f), with a small number added. */
function assemble(b: L3Builder, n: Value, f: Value, added: Value | null): Value {
  const square = b.mul(f, f);
  let r = seriesRest(b, f, square);
  if (added !== null) r = b.add(r, added);
  r = b.fma(n, constant(b, f, LN2_LOW), r);
  r = b.fma(square, b.like(f, -0.5), r);
  r = b.add(r, f);
  return b.fma(n, constant(b, f, LN2_HIGH), r);
}

export function lowerLog(b: L3Builder, x: Value): Value {
  const { exponent, mantissa } = splitExponent(b, x);
  return withLimits(b, x, assemble(b, exponent, b.sub(mantissa, b.like(x, 1)), null));
}

/** log(1 + x). */
export function lowerLog1p(b: L3Builder, x: Value): Value {
  return logOfSum(b, x, b.like(x, 1), b.like(x, 0));
}

/** log(1 + x), or log(2 x) where the mask `large` is on, as 1 makes no difference to x there. */
export function lowerLog1pOrLog2x(b: L3Builder, x: Value, large: Value): Value {
  const [zero, one] = [b.like(x, 0), b.like(x, 1)];
  return logOfSum(b, x, b.select(large, zero, one), b.select(large, one, zero));
}

/** log(2^doublings (x + plus)), where `plus` is 0 or 1, and 1 wherever x is small. */
function logOfSum(b: L3Builder, x: Value, plus: Value, doublings: Value): Value {
  const u = b.add(x, plus);
  const { exponent, mantissa } = splitExponent(b, u);
  // What rounding took from the sum; near 1 nothing needs to be rounded.
  const lost = b.select(b.compare('le', plus, x), b.sub(plus, b.sub(u, x)), b.sub(x, b.sub(u, plus)));
  const near = b.compare('eq', exponent, b.like(x, 0));
  const f = b.select(near, x, b.sub(mantissa, b.like(x, 1)));
  const added = b.select(near, b.like(x, 0), b.div(lost, u));
  return keepZero(b, x, withLimits(b, u, assemble(b, b.add(exponent, doublings), f, added)));
}

/** Logarithm of a base: 1 / ln(base) and log(2) in two parts each, whose products with short numbers are exact. */
interface Base {
  readonly scaleHigh: Precisions<number>;
  readonly scaleLow: Precisions<number>;
  readonly unitHigh: Precisions<number>;
  readonly unitLow: Precisions<number>;
}

const TWO: Base = {
  scaleHigh: { f32: 1.4423828125, f64: 1.4426950216293335 },
  scaleLow: { f32: 0.00031222839606925845, f64: 1.9259629911266175e-8 },
  unitHigh: { f32: 1, f64: 1 },
  unitLow: { f32: 0, f64: 0 },
};
const TEN: Base = {
  scaleHigh: { f32: 0.4342041015625, f64: 0.4342944771051407 },
  scaleLow: { f32: 9.038033749675378e-5, f64: 4.798111141615973e-9 },
  unitHigh: { f32: 0.301025390625, f64: 0.3010299955494702 },
  unitLow: { f32: 4.605039066518657e-6, f64: 1.1451100898021838e-10 },
};

function lowerLogOfBase(b: L3Builder, x: Value, base: Base): Value {
  const { exponent: n, mantissa } = splitExponent(b, x);
  const f = b.sub(mantissa, b.like(x, 1));
  const square = b.mul(f, f);
  const half = b.mul(square, b.like(x, 0.5));
  const high = upperHalf(b, b.sub(f, half));
  const low = b.add(b.sub(b.sub(f, high), half), seriesRest(b, f, square));
  const part = b.mul(high, constant(b, x, base.scaleHigh));
  const units = b.mul(n, constant(b, x, base.unitHigh));
  const sum = b.add(units, part);
  let rest = b.mul(b.add(low, high), constant(b, x, base.scaleLow));
  rest = b.fma(low, constant(b, x, base.scaleHigh), rest);
  rest = b.fma(n, constant(b, x, base.unitLow), rest);
  rest = b.add(rest, b.add(b.sub(units, sum), part));
  return withLimits(b, x, b.add(sum, rest));
}

export function lowerLog2(b: L3Builder, x: Value): Value {
  return lowerLogOfBase(b, x, TWO);
}

export function lowerLog10(b: L3Builder, x: Value): Value {
  return lowerLogOfBase(b, x, TEN);
}

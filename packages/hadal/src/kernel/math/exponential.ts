/** exp, exp2 and expm1: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial in r, and 2^n written into the exponent. */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import type { DoubleWord } from './double-word.js';
import {
  constant,
  formatOf,
  horner,
  keepZero,
  type Precisions,
  pick,
  polynomial,
  powerOfTwo,
  scaleByPowerOfTwo,
} from './format.js';

/** ln 2 in two parts, the first short enough that its product with an exponent is exact; Cody and Waite 1980. */
export const LN2_HIGH: Precisions<number> = { f32: 0.693359375, f64: 0.6931471803691238 };
export const LN2_LOW: Precisions<number> = { f32: -2.1219444e-4, f64: 1.9082149292705877e-10 };

const SERIES_F64 = [
  0.5, 0.1666666666666667, 0.04166666666666667, 0.00833333333332612, 0.0013888888888883737,
  0.00019841269874873975, 2.480158732558584e-5, 2.755725533255441e-6, 2.7557273594799413e-7,
  2.510524515390137e-8, 2.0914707069612355e-9,
];

/**
 * exp(r) = 1 + r + r^2 p(r) on |r| <= ln 2 / 2, where 1 is taken away again. f32: Cephes expf (Moshier 1989). f64: fit at Chebyshev nodes,
 * relative error 3e-19 before rounding.
 */
const NEAR_ZERO: Precisions<readonly number[]> = {
  f32: [5.0000001201e-1, 1.6666665459e-1, 4.1665795894e-2, 8.3334519073e-3, 1.3981999507e-3, 1.98756915e-4],
  f64: SERIES_F64,
};

/** exp(r) on |r| <= ln 2 / 2. f32: least largest relative error, 3.8e-9 before rounding, with 1 + r as it begins. */
const EXP: Precisions<readonly number[]> = {
  f32: [1, 1, 0.4999999404, 0.1666652113, 0.04166838899, 0.008368716575, 0.001381459879],
  f64: [1, 1, ...SERIES_F64],
};

/** 2^f on |f| <= 1/2 in float32: least largest relative error, 1.6e-8 before rounding. */
const EXP2_F32: readonly number[] = [
  1, 0.6931471825, 0.2402264774, 0.05550332367, 0.009618436918, 0.001339887735, 0.000153533605,
];

/** Beyond these the result is infinite, or 0. */
const OVERFLOW: Precisions<number> = { f32: 88.73, f64: 709.79 };
const UNDERFLOW: Precisions<number> = { f32: -104, f64: -745.2 };

/** x between two bounds; NaN passes. */
export function clamp(b: L3Builder, x: Value, low: Value, high: Value): Value {
  return b.min(high, b.max(low, x));
}

/**
 * What `of` makes of x, but 0 where x is below `least`, and NaN of NaN. There `of` is given 0: processors take a hundred steps over a result
 * below the normal numbers, also where it comes out as 0, and masks of minus infinity would be full of them.
 */
function zeroBelow(b: L3Builder, x: Value, least: Value, of: (x: Value) => Value): Value {
  const isBelow = b.compare('lt', x, least);
  const zero = b.like(x, 0);
  return b.select(isBelow, zero, of(b.select(isBelow, zero, x)));
}

/** n and r with x = n ln 2 + r. */
function reduce(b: L3Builder, x: Value): { readonly n: Value; readonly r: Value } {
  const n = b.unary('round', b.mul(x, b.like(x, Math.LOG2E)));
  const high = b.fma(n, b.like(x, -pick(x, LN2_HIGH)), x);
  return { n, r: b.fma(n, b.like(x, -pick(x, LN2_LOW)), high) };
}

/** exp(r) - 1 on |r| <= ln 2 / 2. */
function nearZero(b: L3Builder, r: Value): Value {
  return b.fma(polynomial(b, r, NEAR_ZERO), b.mul(r, r), r);
}

function scaledExp(b: L3Builder, r: Value, n: Value): Value {
  return scaleByPowerOfTwo(b, polynomial(b, r, EXP), n);
}

export function lowerExp(b: L3Builder, x: Value): Value {
  return zeroBelow(b, x, constant(b, x, UNDERFLOW), (above) => {
    const { n, r } = reduce(b, b.min(constant(b, x, OVERFLOW), above));
    return scaledExp(b, r, n);
  });
}

/** exp(high + low) for a small low. */
export function lowerExpOfSum(b: L3Builder, { high, low }: DoubleWord): Value {
  const cut = clamp(b, high, constant(b, high, UNDERFLOW), constant(b, high, OVERFLOW));
  const { n, r } = reduce(b, cut);
  // Where `high` was cut, or is an infinity, `low` may be anything.
  const rest = b.select(b.compare('eq', cut, high), low, b.like(low, 0));
  return scaledExp(b, b.add(r, rest), n);
}

/** exp(x) / 2, which overflows later than exp. */
export function lowerHalfExp(b: L3Builder, x: Value): Value {
  const most = b.like(x, pick(x, OVERFLOW) + 1);
  const { n, r } = reduce(b, clamp(b, x, constant(b, x, UNDERFLOW), most));
  return scaledExp(b, r, b.sub(n, b.like(x, 1)));
}

/** Beyond these 2^x is infinite, or 0. */
const LARGEST_POWER: Precisions<number> = { f32: 128.5, f64: 1024.5 };
const LEAST_POWER: Precisions<number> = { f32: -151, f64: -1076 };

export function lowerExp2(b: L3Builder, x: Value): Value {
  return zeroBelow(b, x, constant(b, x, LEAST_POWER), (above) => {
    const cut = b.min(constant(b, x, LARGEST_POWER), above);
    const n = b.unary('round', cut);
    return scaledExp(b, b.mul(b.sub(cut, n), b.like(x, Math.LN2)), n);
  });
}

/** 2^x in float32 where x is not above 0, or NaN, within 1.1 units in the last place: the weights of attention, in fewest steps. */
export function lowerPowerBelow1(b: L3Builder, x: Value): Value {
  const cut = b.max(b.like(x, LEAST_POWER.f32), x);
  const n = b.unary('round', cut);
  return scaleByPowerOfTwo(b, horner(b, b.sub(cut, n), EXP2_F32), n);
}

/** Below these exp(x) - 1 is -1. */
const MINUS_ONE: Precisions<number> = { f32: -25, f64: -50 };

export function lowerExpm1(b: L3Builder, x: Value): Value {
  const cut = clamp(b, x, constant(b, x, MINUS_ONE), constant(b, x, OVERFLOW));
  const { n, r } = reduce(b, cut);
  // 2^n (exp(r) - 1) + (2^n - 1), all of it halved, as 2^n itself may be beyond the largest number.
  const whole = b.convert(formatOf(x).bits, n);
  const scale = powerOfTwo(b, b.sub(whole, b.like(whole, 1)), x);
  const half = b.add(b.mul(scale, nearZero(b, r)), b.sub(scale, b.like(x, 0.5)));
  return keepZero(b, x, b.mul(half, b.like(x, 2)));
}

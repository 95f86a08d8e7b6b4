/**
 * sin, cos and tan. x = n pi / 2 + r with |r| <= pi / 4, r in two words; then polynomials in r.
 *
 * The reduction subtracts n pi / 2 in parts that are half a float long (Cody and Waite 1980). n is cut into halves too, as there may be
 * no fused multiply-add, so that no product is rounded; nothing is rounded in the first two sums either, as all of their terms are
 * multiples of one power of two, and what the next two lose is kept. It is good while n, rounded from x 2 / pi, is at most a fifth from
 * where it should be: up to |x| = 2^21 on float32 and 2^50 on float64. Beyond, the result is that of some other angle.
 */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import type { DoubleWord } from './double-word.js';
import { quickTwoSum, twoSum, upperHalf } from './double-word.js';
import { clamp } from './exponential.js';
import { flipSign, formatOf, keepZero, type Precisions, pick, polynomial } from './format.js';

/** Parts of pi / 2: multiples of 2^-11, 2^-23, ... on float32 and of 2^-25, 2^-51, ... on float64, and what they leave. */
const HALF_PI: Precisions<readonly [number, number, number, number, number]> = {
  f32: [
    1.57080078125, -4.410743713378906e-6, -4.371395334601402e-8, 2.5650592760939617e-12,
    -1.7151245100058819e-15,
  ],
  f64: [
    1.5707963407039642, -1.3909067675399456e-8, 6.123234262925839e-17, -2.671890720037679e-24,
    -1.382333654893748e-32,
  ],
};

/** sin(r) = r + r^3 p(r^2) on r^2 <= 0.66; fits at Chebyshev nodes, relative error 6e-18 and 3e-9 before rounding. */
const SIN: Precisions<readonly number[]> = {
  f32: [-0.16666667, 0.008333332, -0.00019839917, 2.7228548e-6],
  f64: [
    -0.16666666666666666, 0.00833333333333333, -0.00019841269841263146, 2.7557319217898644e-6,
    -2.505210574933618e-8, 1.6058457659934204e-10, -7.582484699028373e-13,
  ],
};

/** cos(r) = 1 - r^2 / 2 + r^4 p(r^2); error 1e-18 and 6e-10 before rounding. */
const COS: Precisions<readonly number[]> = {
  f32: [0.041666668, -0.0013888887, 2.4800458e-5, -2.7283116e-7],
  f64: [
    0.041666666666666664, -0.0013888888888888887, 2.480158730158358e-5, -2.755731922060191e-7,
    2.087675552247441e-9, -1.1470419766780134e-11, 4.7435298109633944e-14,
  ],
};

interface Reduced {
  /** n as an integer; its two last bits count. */
  readonly quadrant: Value;
  readonly r: DoubleWord;
}

function reduce(b: L3Builder, x: Value): Reduced {
  const n = b.unary('round', b.mul(x, b.like(x, 2 / Math.PI)));
  const high = upperHalf(b, n);
  const low = b.sub(n, high);
  const [first, second, third, fourth, last] = pick(x, HALF_PI);
  let r = x;
  for (const part of [first, second]) {
    r = b.sub(r, b.mul(high, b.like(x, part)));
    r = b.sub(r, b.mul(low, b.like(x, part)));
  }
  let rest = b.mul(n, b.like(x, -last));
  for (const part of [third, fourth]) {
    for (const half of [high, low]) {
      const sum = twoSum(b, r, b.mul(half, b.like(x, -part)));
      r = sum.high;
      rest = b.add(rest, sum.low);
    }
  }
  // An r far from 0 belongs to a huge x.
  const cut = clamp(b, r, b.like(x, -1), b.like(x, 1));
  const whole = b.select(b.compare('eq', cut, r), rest, b.like(x, 0));
  return { quadrant: b.convert(formatOf(x).bits, n), r: quickTwoSum(b, cut, whole) };
}

function sinNearZero(b: L3Builder, { high, low }: DoubleWord, z: Value): Value {
  return b.add(high, b.fma(b.mul(polynomial(b, z, SIN), z), high, low));
}

/** The order of sums keeps what 1 - r^2 / 2 loses; Ng 1993 (fdlibm). */
function cosNearZero(b: L3Builder, { high, low }: DoubleWord, z: Value): Value {
  const one = b.like(z, 1);
  const half = b.mul(z, b.like(z, 0.5));
  const w = b.sub(one, half);
  const lost = b.sub(b.sub(one, w), half);
  const more = b.sub(b.mul(b.mul(z, z), polynomial(b, z, COS)), b.mul(high, low));
  return b.add(w, b.add(lost, more));
}

/** Whether n is odd: sine and cosine change places. */
function isOdd(b: L3Builder, quadrant: Value): Value {
  return b.compare('ne', b.binary('and', quadrant, b.like(quadrant, 1)), b.like(quadrant, 0));
}

/** The second bit of an integer as the sign bit. */
function secondBitAsSign(b: L3Builder, n: Value, x: Value): Value {
  const bits = formatOf(x).bits === 'i64' ? 64 : 32;
  return b.shift('shl', b.shift('shr', n, 1), bits - 1);
}

/** sin(x) for `ahead` 0, cos(x) for 1: the sine a quarter of a turn later. */
function sinusoid(b: L3Builder, x: Value, ahead: 0 | 1): Value {
  const { quadrant, r } = reduce(b, x);
  const n = ahead === 0 ? quadrant : b.add(quadrant, b.like(quadrant, 1));
  const z = b.mul(r.high, r.high);
  const size = b.select(isOdd(b, n), cosNearZero(b, r, z), sinNearZero(b, r, z));
  return flipSign(b, size, secondBitAsSign(b, n, x));
}

/** Infinities have no angle; what is left of them by the reduction is NaN, but for the clamp. */
function withoutInfinities(b: L3Builder, x: Value, result: Value): Value {
  const finite = b.compare('lt', b.unary('abs', x), b.like(x, Number.POSITIVE_INFINITY));
  return b.select(finite, result, b.like(x, Number.NaN));
}

export function lowerSin(b: L3Builder, x: Value): Value {
  return keepZero(b, x, withoutInfinities(b, x, sinusoid(b, x, 0)));
}

export function lowerCos(b: L3Builder, x: Value): Value {
  return withoutInfinities(b, x, sinusoid(b, x, 1));
}

export function lowerTan(b: L3Builder, x: Value): Value {
  const { quadrant, r } = reduce(b, x);
  const z = b.mul(r.high, r.high);
  const [sin, cos] = [sinNearZero(b, r, z), cosNearZero(b, r, z)];
  // A quarter of a turn on, tan is -cos / sin.
  const odd = isOdd(b, quadrant);
  const quotient = b.div(b.select(odd, cos, sin), b.select(odd, b.unary('neg', sin), cos));
  return keepZero(b, x, withoutInfinities(b, x, quotient));
}

/** x^y of floats with the results of C's pow, and of integers. */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import type { DoubleWord } from './double-word.js';
import { quickTwoSum, twoProduct, twoSum } from './double-word.js';
import { clamp, LN2_HIGH, LN2_LOW, lowerExpOfSum } from './exponential.js';
import { constant, flipSign, isNaNLane, type Precisions, pick, polynomial, signOf } from './format.js';
import { ATANH, splitExponent } from './logarithm.js';

/** log(x) of a positive number with more digits than a float has. */
function longLog(b: L3Builder, x: Value): DoubleWord {
  const { exponent: n, mantissa } = splitExponent(b, x);
  // s = (m - 1) / (m + 1) in two words.
  const one = b.like(x, 1);
  const f = b.sub(mantissa, one);
  const below = twoSum(b, mantissa, one);
  const s = b.div(f, below.high);
  const back = twoProduct(b, s, below.high);
  const left = b.sub(b.sub(b.sub(f, back.high), back.low), b.mul(s, below.low));
  const low = b.div(left, below.high);
  // log(m) = 2 s + s^3 p(s^2); the second term is a hundredth of the first.
  const z = b.mul(s, s);
  const rest = b.fma(b.mul(z, polynomial(b, z, ATANH)), s, b.add(low, low));
  const sum = twoSum(b, b.mul(n, constant(b, x, LN2_HIGH)), b.add(s, s));
  return quickTwoSum(b, sum.high, b.add(sum.low, b.fma(n, constant(b, x, LN2_LOW), rest)));
}

/** Beyond these exponents of e a power is infinite or 0 for sure. */
const FAR: Precisions<number> = { f32: 200, f64: 1500 };

/** |x|^y for a finite x other than 0. */
function positivePower(b: L3Builder, size: Value, y: Value): Value {
  const log = longLog(b, size);
  const product = b.mul(y, log.high);
  const bound = pick(size, FAR);
  const high = clamp(b, product, b.like(size, -bound), b.like(size, bound));
  // Of a y so large that the product is far the low word would overflow, and nobody reads it.
  const exact = twoProduct(b, b.select(b.compare('eq', product, high), y, b.like(y, 1)), log.high);
  return lowerExpOfSum(b, { high, low: b.fma(y, log.low, exact.low) });
}

function isWhole(b: L3Builder, y: Value): Value {
  return b.compare('eq', b.unary('floor', y), y);
}

export function lowerPow(b: L3Builder, x: Value, y: Value): Value {
  const [zero, one, infinity] = [b.like(x, 0), b.like(x, 1), b.like(x, Number.POSITIVE_INFINITY)];
  const size = b.unary('abs', x);
  const falling = b.compare('lt', y, zero);
  let r = positivePower(b, size, y);
  r = b.select(b.compare('eq', size, zero), b.select(falling, infinity, zero), r);
  r = b.select(b.compare('eq', size, infinity), b.select(falling, zero, infinity), r);
  // A whole y has a half that is not whole if it is odd; halves of all floats that may be odd are exact.
  const whole = isWhole(b, y);
  const half = b.mul(y, b.like(y, 0.5));
  const odd = b.binary('and', whole, b.compare('ne', b.unary('floor', half), half));
  const sign = signOf(b, x);
  r = flipSign(b, r, b.select(odd, sign, b.like(sign, 0)));
  // Roots of negative numbers.
  const finite = b.compare('lt', size, infinity);
  const root = b.binary('and', b.binary('and', b.compare('lt', x, zero), finite), b.unary('not', whole));
  r = b.select(root, b.like(x, Number.NaN), r);
  r = b.select(b.binary('or', isNaNLane(b, x), isNaNLane(b, y)), b.add(x, y), r);
  // 1 to whatever, also -1 to an infinity, and whatever to 0.
  const minusOneFar = b.binary(
    'and',
    b.compare('eq', size, one),
    b.compare('eq', b.unary('abs', y), infinity),
  );
  const unit = b.binary('or', b.compare('eq', x, one), b.compare('eq', y, zero));
  return b.select(b.binary('or', unit, minusOneFar), one, r);
}

/** An index that is no less than the binary digits of each lane, none of which is negative. */
function digitsOfAny(b: L3Builder, x: Value): Value {
  const bounds = x.type.kind === 'i64' ? [0, 4, 8, 16, 32, 64] : [0, 4, 8, 16, 32];
  const parts = bounds.slice(1).map((end, i) => {
    const left = bounds[i] === 0 ? x : b.shift('shr', x, bounds[i]);
    const isLonger = b.horizontal('or', b.compare('ne', left, b.like(x, 0)));
    return b.select(isLonger, b.index(end - bounds[i]), b.index(0));
  });
  return parts.reduce((sum, part) => b.add(sum, part));
}

/**
 * x^y of integers by repeated squaring, wrapping. To a negative power 1 and -1 stay what they are and all others are 0, as in C++'s
 * conversions of the fraction.
 */
export function lowerIntegerPow(b: L3Builder, x: Value, y: Value): Value {
  const [zero, one] = [b.like(x, 0), b.like(x, 1)];
  const isOdd = (v: Value): Value => b.compare('ne', b.binary('and', v, one), zero);
  const digits = digitsOfAny(b, b.max(y, zero));
  const [power] = b.loop(b.index(0), digits, 1, [one, x, y], (_, [result, base, left]) => [
    b.select(isOdd(left), b.mul(result, base), result),
    b.mul(base, base),
    b.shift('shr', left, 1),
  ]);
  const parity = b.select(isOdd(y), x, one);
  const unit = b.compare('eq', b.mul(x, x), one);
  const least = b.compare('le', b.unary('abs', x), one);
  const fraction = b.select(b.binary('and', unit, least), parity, zero);
  return b.select(b.compare('lt', y, zero), fraction, power);
}

/**
 * Remainders and whole quotients: `fmod` with the dividend's sign, `remainder` with the divisor's, and the quotient rounded down.
 * A divisor of 0 gives integers nobody reads, and is noted where the op is called (`../status.ts`).
 */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { upperHalf } from './double-word.js';
import {
  constant,
  flipSign,
  formatOf,
  isNaNLane,
  type Precisions,
  pick,
  scaleByPowerOfTwo,
  signOf,
} from './format.js';
import { isFloatKind } from './rounding.js';

/** Digits of a quotient in one step, such that its products with half a float are exact. */
const STEP: Precisions<number> = { f32: 11, f64: 25 };
/** More than a quotient's rounding below 1. */
const JUST_BELOW_ONE: Precisions<number> = { f32: 1 - 2 ** -22, f64: 1 - 2 ** -51 };

/** The exponent of a positive number as an integer, right for subnormal numbers too; unspecified of 0, infinities and NaN. */
function exponentOf(b: L3Builder, x: Value): Value {
  const { bits: kind, fractionBits, smallestNormal } = formatOf(x);
  const tiny = b.compare('lt', x, b.like(x, smallestNormal));
  const scaled = b.select(tiny, b.mul(x, b.like(x, 2 ** fractionBits)), x);
  const field = b.shift('shr', b.bitcast(kind, scaled), fractionBits);
  return b.sub(field, b.select(tiny, b.like(field, fractionBits), b.like(field, 0)));
}

/**
 * The remainder of finite positive numbers, exactly. Long division: a step takes the multiple of y with a quotient of `STEP` bits off, so
 * that after it x has as many bits less.
 */
function positiveRemainder(b: L3Builder, x: Value, y: Value): Value {
  const yExponent = exponentOf(b, y);
  const apart = b.sub(exponentOf(b, x), yExponent);
  const step = pick(x, STEP);
  // One step more than there are digits to go through; lanes that are done stay as they are.
  const most = b.horizontal('max', b.max(apart, b.like(apart, 0)));
  const count = b.add(b.convert('index', most), b.index(step));
  const steps = b.binary('div', count, b.index(step));
  const [left] = b.loop(b.index(0), steps, 1, [x], (_, [r]) => {
    const shift = b.sub(b.sub(exponentOf(b, r), yExponent), b.like(apart, step));
    const upwards = b.max(shift, b.like(shift, 0));
    // From the least number to the largest is further than one scaling goes.
    const half = b.shift('sar', upwards, 1);
    const divisor = scaleByPowerOfTwo(b, scaleByPowerOfTwo(b, y, half), b.sub(upwards, half));
    // Rounded down for sure, so that nothing becomes negative.
    const quotient = b.unary('floor', b.mul(b.div(r, divisor), constant(b, x, JUST_BELOW_ONE)));
    const high = upperHalf(b, divisor);
    const taken = b.sub(b.sub(r, b.mul(quotient, high)), b.mul(quotient, b.sub(divisor, high)));
    const less = b.select(b.compare('le', divisor, taken), b.sub(taken, divisor), taken);
    return [b.select(b.compare('le', y, r), less, r)];
  });
  return left;
}

function floatFmod(b: L3Builder, x: Value, y: Value): Value {
  const infinity = b.like(x, Number.POSITIVE_INFINITY);
  const [ax, ay] = [b.unary('abs', x), b.unary('abs', y)];
  // Infinities and 0 are kept from the division, and so are dividends below the divisor, as most are.
  const done = b.compare('lt', ax, ay);
  const valid = b.binary('and', b.compare('lt', ax, infinity), b.compare('lt', b.like(x, 0), ay));
  const divides = b.binary('and', valid, b.unary('not', done));
  const one = b.like(x, 1);
  const left = positiveRemainder(b, b.select(divides, ax, one), b.select(divides, ay, one));
  const r = flipSign(b, b.select(divides, left, ax), signOf(b, x));
  const nan = b.binary('or', isNaNLane(b, x), isNaNLane(b, y));
  return b.select(b.binary('or', nan, b.unary('not', valid)), b.like(x, Number.NaN), r);
}

export function lowerFmod(b: L3Builder, x: Value, y: Value): Value {
  return isFloatKind(x) ? floatFmod(b, x, y) : b.binary('rem', x, y);
}

/** Whether a remainder of the dividend's sign is not of the divisor's. */
function differs(b: L3Builder, r: Value, y: Value): Value {
  const zero = b.like(r, 0);
  const signs = b.binary('xor', b.compare('lt', r, zero), b.compare('lt', y, zero));
  return b.binary('and', b.compare('ne', r, zero), signs);
}

export function lowerRemainder(b: L3Builder, x: Value, y: Value): Value {
  const r = lowerFmod(b, x, y);
  return b.select(differs(b, r, y), b.add(r, y), r);
}

export function lowerFloorDivide(b: L3Builder, x: Value, y: Value): Value {
  if (!isFloatKind(x)) {
    // One division: a product is less than another.
    const q = b.div(x, y);
    const rest = b.sub(x, b.mul(q, y));
    return b.select(differs(b, rest, y), b.sub(q, b.like(q, 1)), q);
  }
  const r = lowerFmod(b, x, y);
  const [zero, one] = [b.like(x, 0), b.like(x, 1)];
  const plain = b.div(x, y);
  let q = b.div(b.sub(x, r), y);
  q = b.select(differs(b, r, y), b.sub(q, one), q);
  // q is whole but for the rounding of a division.
  const down = b.unary('floor', q);
  const whole = b.select(b.compare('lt', b.like(x, 0.5), b.sub(q, down)), b.add(down, one), down);
  const nothing = flipSign(b, zero, signOf(b, plain));
  const result = b.select(b.compare('eq', q, zero), nothing, whole);
  return b.select(b.compare('eq', y, zero), plain, result);
}

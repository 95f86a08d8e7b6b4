/** x times the normal distribution function of x, and the slope of that. */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { lowerErfc } from './error-function.js';
import { lowerExp } from './exponential.js';
import { flipSign, polynomial, powerOfWhole, signOf } from './format.js';

/**
 * log2 of the normal distribution function at -a, 0 <= a <= 5.8: minimax fit, 8e-9 of the geometric mean of the function and 1/2. The
 * fit goes on falling beyond, to -127 at `LOG_END`.
 */
const LOG_NORMAL = [
  -0.9999999889423787, -1.1511048011566098, -0.4592169460043128, -0.05244835062253003, 0.006948510935120241,
  7.5428929529525615e-6, -0.0002883355945911324, 8.063369720623187e-5, -1.1997376076235146e-5,
  9.86385227687033e-7, -3.511412649351715e-8,
];

/** Where 2^-127 is reached, which is 0 if the exponent is written as it is, and where scaling by the exponent has given 0. */
const LOG_END = { written: 10.918734, scaled: 14 };

/**
 * The slope of gelu at -a over exp(-a^2 / 2): (Mills' ratio - a) / sqrt(2 pi). Minimax fit on 0 <= a <= 6, weighted by that power, 7e-8
 * before rounding.
 */
const SLOPE = [
  0.49999993402816334, -0.7978787917112207, 0.24991676119825992, -0.1325136706574281, 0.061154618905300356,
  -0.024313608078044693, 0.007939158469771551, -0.0019745259926579337, 0.0003397122721005404,
  -3.520412040169635e-5, 1.631476092546469e-6,
];

/** Beyond this the slope at -a is 0 in float32. */
const SLOPE_END = 13.27;

/** 2^r = 1 + r g(r) on |r| <= 1/2, minimax fit, relative error 9e-8. */
const POWER = [
  0.6931469775917065, 0.24022242087296466, 0.055507336985076754, 0.009671512387622299, 0.0013264745830267113,
];

/** Beyond this the tail is 0 in float64 too; an infinity times 0 would be NaN. */
const END = 40;

/** 2^q for float32 q between -127.5 and 0, or less where numbers are scaled by whole exponents; 0 where the exponent is -127. */
function power32(b: L3Builder, q: Value): Value {
  const n = b.unary('round', q);
  const r = b.sub(q, n);
  const fraction = b.fma(polynomial(b, r, { f32: POWER, f64: [] }), r, b.like(q, 1));
  return b.scales ? b.binary('scale', fraction, n) : b.mul(fraction, powerOfWhole(b, n));
}

/** max(x, 0) - |x| N(-|x|): neither factor cancels, so small results keep their digits. */
function gelu32(b: L3Builder, x: Value): Value {
  const a = b.min(b.like(x, b.scales ? LOG_END.scaled : LOG_END.written), b.unary('abs', x));
  const tail = power32(b, polynomial(b, a, { f32: LOG_NORMAL, f64: [] }));
  return b.fma(b.unary('neg', a), tail, b.max(b.like(x, 0), x));
}

export function lowerGelu(b: L3Builder, x: Value): Value {
  if (x.type.kind === 'f32') return gelu32(b, x);
  const normal = b.mul(lowerErfc(b, b.mul(x, b.like(x, -Math.SQRT1_2))), b.like(x, 0.5));
  return b.mul(b.max(b.like(x, -END), x), normal);
}

function geluSlope32(b: L3Builder, x: Value): Value {
  const a = b.min(b.like(x, SLOPE_END), b.unary('abs', x));
  const bell = power32(b, b.mul(b.mul(a, a), b.like(x, -Math.LOG2E / 2)));
  const half = b.like(x, 0.5);
  const fromHalf = b.sub(half, b.mul(bell, polynomial(b, a, { f32: SLOPE, f64: [] })));
  return b.add(half, flipSign(b, fromHalf, signOf(b, x)));
}

/** N(x) + x N'(x). */
export function lowerGeluSlope(b: L3Builder, x: Value): Value {
  if (x.type.kind === 'f32') return geluSlope32(b, x);
  const normal = b.mul(lowerErfc(b, b.mul(x, b.like(x, -Math.SQRT1_2))), b.like(x, 0.5));
  const cut = b.min(b.like(x, END), b.max(b.like(x, -END), x));
  const bell = lowerExp(b, b.mul(b.mul(cut, cut), b.like(x, -0.5)));
  return b.fma(b.mul(cut, b.like(x, 1 / Math.sqrt(2 * Math.PI))), bell, normal);
}

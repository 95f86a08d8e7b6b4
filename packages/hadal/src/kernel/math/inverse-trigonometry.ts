/** asin, acos, atan and atan2. */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { constant, flipSign, hasSign, isNaNLane, type Precisions, polynomial, signOf } from './format.js';

/** The nearest numbers, and what they leave. */
const PI: Precisions<number> = { f32: 3.1415927410125732, f64: Math.PI };
const PI_LOW: Precisions<number> = { f32: -8.742277657347586e-8, f64: 1.2246467991473532e-16 };
const HALF_PI: Precisions<number> = { f32: 1.5707963705062866, f64: Math.PI / 2 };
const HALF_PI_LOW: Precisions<number> = { f32: -4.371138828673793e-8, f64: 6.123233995736766e-17 };
const QUARTER_PI: Precisions<number> = { f32: 0.7853981852531433, f64: Math.PI / 4 };
const QUARTER_PI_LOW: Precisions<number> = { f32: -2.1855694143368964e-8, f64: 3.061616997868383e-17 };

/** asin(x) = x + x^3 p(x^2) on |x| <= 1/2; fits at Chebyshev nodes, relative error 2e-18 and 3e-9 before rounding. */
const ASIN: Precisions<readonly number[]> = {
  f32: [0.16666666, 0.07500094, 0.044599403, 0.031100662, 0.017149238, 0.033690847],
  f64: [
    0.16666666666666666, 0.07500000000000118, 0.044642857142551895, 0.03038194447553234, 0.02237215744350722,
    0.017352816540325496, 0.01396378001220357, 0.011566459612121669, 0.009621842970100282,
    0.009319560794767446, 0.0030448799094556773, 0.019554513336123378, -0.01924167174674304,
    0.02961201126495512,
  ],
};

interface Arcs {
  /** Whether |x| > 1/2. */
  readonly far: Value;
  /** asin(x) where x is near, else asin(sqrt((1 - |x|) / 2)), half of the angle between x and 1 or -1; NaN beyond 1. */
  readonly arc: Value;
}

function arcs(b: L3Builder, x: Value): Arcs {
  const a = b.unary('abs', x);
  const half = b.like(x, 0.5);
  const far = b.compare('lt', half, a);
  const z = b.select(far, b.mul(b.sub(b.like(x, 1), a), half), b.mul(x, x));
  const s = b.select(far, b.unary('sqrt', z), x);
  return { far, arc: b.fma(b.mul(polynomial(b, z, ASIN), z), s, s) };
}

export function lowerAsin(b: L3Builder, x: Value): Value {
  const { far, arc } = arcs(b, x);
  const twice = b.add(arc, arc);
  const size = b.sub(constant(b, x, HALF_PI), b.sub(twice, constant(b, x, HALF_PI_LOW)));
  return b.select(far, flipSign(b, size, signOf(b, x)), arc);
}

export function lowerAcos(b: L3Builder, x: Value): Value {
  const { far, arc } = arcs(b, x);
  const twice = b.add(arc, arc);
  const fromPi = b.sub(constant(b, x, PI), b.sub(twice, constant(b, x, PI_LOW)));
  const near = b.sub(constant(b, x, HALF_PI), b.sub(arc, constant(b, x, HALF_PI_LOW)));
  return b.select(far, b.select(hasSign(b, x), fromPi, twice), near);
}

/** atan(x) = x + x^3 p(x^2) on |x| <= tan(pi / 8); fits at Chebyshev nodes, relative error 3e-18 and 3e-9 before rounding. */
const ATAN: Precisions<readonly number[]> = {
  f32: [-0.3333333, 0.1999954, -0.14263953, 0.10743705, -0.064518414],
  f64: [
    -0.3333333333333333, 0.19999999999999804, -0.14285714285659806, 0.11111111105153429, -0.09090908753400499,
    0.07692296372129964, -0.06666424833613552, 0.05878928398517232, -0.052304498567092406,
    0.04551573086664191, -0.034570044186095536, 0.016285183029865667,
  ],
};
const TAN_EIGHTH: Precisions<number> = { f32: 0.41421356, f64: 0.41421356237309503 };

/** atan(numerator / denominator) with an angle in two words added; the quotient is at most tan(pi / 8). */
function arcOf(b: L3Builder, t: Value, high: Value, low: Value): Value {
  const z = b.mul(t, t);
  const rest = b.fma(b.mul(polynomial(b, z, ATAN), z), t, low);
  return b.add(high, b.add(rest, t));
}

export function lowerAtan(b: L3Builder, x: Value): Value {
  const a = b.unary('abs', x);
  const [one, zero] = [b.like(x, 1), b.like(x, 0)];
  // a = tan(pi / 2 - 1 / a) = tan(pi / 4 + (a - 1) / (a + 1)); Moshier 1989 (Cephes).
  const large = b.compare('lt', b.like(x, 1 + Math.SQRT2), a);
  const middle = b.compare('lt', constant(b, x, TAN_EIGHTH), a);
  const top = b.select(large, b.like(x, -1), b.select(middle, b.sub(a, one), a));
  const bottom = b.select(large, a, b.select(middle, b.add(a, one), one));
  const of = (whole: Precisions<number>, quarter: Precisions<number>): Value =>
    b.select(large, constant(b, x, whole), b.select(middle, constant(b, x, quarter), zero));
  const size = arcOf(b, b.div(top, bottom), of(HALF_PI, QUARTER_PI), of(HALF_PI_LOW, QUARTER_PI_LOW));
  return flipSign(b, size, signOf(b, x));
}

/** The angle of (x, y), -pi .. pi, with C's results for zeros and infinities. */
export function lowerAtan2(b: L3Builder, y: Value, x: Value): Value {
  const [ay, ax] = [b.unary('abs', y), b.unary('abs', x)];
  const [one, zero] = [b.like(x, 1), b.like(x, 0)];
  const steep = b.compare('lt', ax, ay);
  const [small, large] = [b.select(steep, ax, ay), b.select(steep, ay, ax)];
  let q = b.div(small, large);
  // Equal infinities are a diagonal; 0 / 0 is the axis.
  q = b.select(b.compare('eq', small, large), one, q);
  q = b.select(b.compare('eq', large, zero), zero, q);
  const middle = b.compare('lt', constant(b, x, TAN_EIGHTH), q);
  const t = b.select(middle, b.div(b.sub(q, one), b.add(q, one)), q);
  const of = (quarter: Precisions<number>): Value => b.select(middle, constant(b, x, quarter), zero);
  const arc = arcOf(b, t, of(QUARTER_PI), of(QUARTER_PI_LOW));
  // pi / 2 -+ arc where it is steep, else arc or pi - arc.
  const left = hasSign(b, x);
  const turned = b.binary('xor', steep, left);
  const signed = b.select(turned, b.unary('neg', arc), arc);
  const from = (half: Precisions<number>, whole: Precisions<number>): Value =>
    b.select(steep, constant(b, x, half), b.select(left, constant(b, x, whole), zero));
  const size = b.add(from(HALF_PI, PI), b.add(from(HALF_PI_LOW, PI_LOW), signed));
  const nan = b.binary('or', isNaNLane(b, x), isNaNLane(b, y));
  return b.select(nan, b.add(x, y), flipSign(b, size, signOf(b, y)));
}

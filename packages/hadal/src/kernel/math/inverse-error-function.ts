/** erfinv, the x at which erf(x) is a given number. */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { lowerErf, lowerErfc } from './error-function.js';
import { lowerExp } from './exponential.js';
import { flipSign, horner, signOf } from './format.js';
import { lowerLog } from './logarithm.js';

/** erfinv(x) / x in w - 2.5 and sqrt(w) - 3, for w = -log(1 - x^2) below and from 5; Giles 2012, table 5. Relative error 3.5e-7. */
const MIDDLE = [
  1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-6, -3.5233877e-6,
  3.43273939e-7, 2.81022636e-8,
];
const TAIL = [
  2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322,
  0.000100950558, -0.000200214257,
];

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/** Giles's approximation for 0 <= a < 1. */
function approximate(b: L3Builder, a: Value): Value {
  const one = b.like(a, 1);
  // 1 - a is exact where the product is small.
  const w = b.unary('neg', lowerLog(b, b.mul(b.sub(one, a), b.add(one, a))));
  const middle = horner(b, b.sub(w, b.like(a, 2.5)), MIDDLE);
  const tail = horner(b, b.sub(b.unary('sqrt', w), b.like(a, 3)), TAIL);
  return b.mul(a, b.select(b.compare('lt', w, b.like(a, 5)), middle, tail));
}

/** One step of Halley's method from y towards erf(y) = a: what is off is cubed. */
function refine(b: L3Builder, a: Value, y: Value): Value {
  const one = b.like(a, 1);
  const near = b.sub(lowerErf(b, y), a);
  // Near 1 the difference of complements keeps the digits that erf has lost.
  const far = b.sub(b.sub(one, a), lowerErfc(b, y));
  const difference = b.select(b.compare('lt', a, b.like(a, 0.5)), near, far);
  const slope = b.mul(lowerExp(b, b.unary('neg', b.mul(y, y))), b.like(a, TWO_OVER_SQRT_PI));
  const step = b.div(difference, slope);
  return b.sub(y, b.div(step, b.fma(y, step, one)));
}

/** Infinite at 1 and -1, NaN beyond. */
export function lowerErfinv(b: L3Builder, x: Value): Value {
  const a = b.unary('abs', x);
  const one = b.like(x, 1);
  const first = approximate(b, a);
  const size = x.type.kind === 'f32' ? first : refine(b, a, first);
  const limit = b.select(b.compare('eq', a, one), b.like(x, Number.POSITIVE_INFINITY), b.like(x, Number.NaN));
  return flipSign(b, b.select(b.compare('lt', a, one), size, limit), signOf(b, x));
}

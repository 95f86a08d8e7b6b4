/** Hyperbolic functions and their inverses. */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { lowerExp, lowerHalfExp } from './exponential.js';
import { constant, flipSign, keepZero, type Precisions, polynomial, signOf } from './format.js';
import { lowerLog1p, lowerLog1pOrLog2x } from './logarithm.js';

/**
 * tanh(x) = x + x^3 p(x^2) on |x| < 0.625. f32: Cephes tanhf (Moshier 1989). f64: fit at Chebyshev nodes, relative error 7e-18 before
 * rounding.
 */
const TANH: Precisions<readonly number[]> = {
  f32: [-3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2, 2.06390887954e-2, -5.70498872745e-3],
  f64: [
    -0.3333333333333333, 0.13333333333333042, -0.05396825396789699, 0.021869488519008305,
    -0.008863235103240878, 0.0035921217511549622, -0.0014557754120478055, 0.0005896606577757043,
    -0.0002375906496055562, 9.257116129556769e-5, -3.12011014257974e-5, 6.485163482793113e-6,
  ],
};

export function lowerTanh(b: L3Builder, x: Value): Value {
  const a = b.unary('abs', x);
  const z = b.mul(x, x);
  // x (1 + z p) rather than x + x z p, which would lose the sign of -0.
  const near = b.mul(x, b.fma(polynomial(b, z, TANH), z, b.like(x, 1)));
  const e = lowerExp(b, b.add(a, a));
  const far = b.sub(b.like(x, 1), b.div(b.like(x, 2), b.add(e, b.like(x, 1))));
  const signed = b.select(b.compare('lt', x, b.like(x, 0)), b.unary('neg', far), far);
  // NaN fails the comparison and takes `near`, which is NaN too.
  return b.select(b.compare('lt', b.like(x, 0.625), a), signed, near);
}

/** sinh(x) = x + x^3 p(x^2) on |x| <= 1; fits at Chebyshev nodes, relative error 1e-17 and 5e-9 before rounding. */
const SINH: Precisions<readonly number[]> = {
  f32: [0.16666667, 0.008333339, 0.00019838102, 2.8062802e-6],
  f64: [
    0.16666666666666666, 0.008333333333333333, 0.00019841269841269773, 2.755731922404034e-6,
    2.505210836405804e-8, 1.6059048396350562e-10, 7.646625361656657e-13, 2.8445264169895285e-15,
  ],
};

export function lowerSinh(b: L3Builder, x: Value): Value {
  const a = b.unary('abs', x);
  const half = lowerHalfExp(b, a);
  const far = flipSign(b, b.sub(half, b.div(b.like(x, 0.25), half)), signOf(b, x));
  const z = b.mul(x, x);
  const near = b.fma(b.mul(polynomial(b, z, SINH), z), x, x);
  return keepZero(b, x, b.select(b.compare('lt', b.like(x, 1), a), far, near));
}

export function lowerCosh(b: L3Builder, x: Value): Value {
  const half = lowerHalfExp(b, b.unary('abs', x));
  return b.add(half, b.div(b.like(x, 0.25), half));
}

/** From here on x^2 + 1 and x^2 - 1 are x^2 for asinh and acosh: they are log(2 x). */
const LARGE: Precisions<number> = { f32: 2 ** 14, f64: 2 ** 28 };

export function lowerAsinh(b: L3Builder, x: Value): Value {
  const a = b.unary('abs', x);
  const one = b.like(x, 1);
  const large = b.compare('lt', constant(b, x, LARGE), a);
  // log(a + sqrt(a^2 + 1)) = log1p(a + a^2 / (1 + sqrt(a^2 + 1))); the square of what is not large cannot overflow.
  const inside = b.select(large, one, a);
  const square = b.mul(inside, inside);
  const more = b.div(square, b.add(one, b.unary('sqrt', b.add(square, one))));
  const argument = b.select(large, a, b.add(inside, more));
  return flipSign(b, lowerLog1pOrLog2x(b, argument, large), signOf(b, x));
}

export function lowerAcosh(b: L3Builder, x: Value): Value {
  const one = b.like(x, 1);
  const large = b.compare('lt', constant(b, x, LARGE), x);
  // log(x + sqrt(x^2 - 1)) = log1p(t + sqrt(2 t + t^2)) with t = x - 1; below 1 the root is NaN.
  const t = b.sub(b.select(large, one, x), one);
  const root = b.unary('sqrt', b.mul(t, b.add(t, b.like(x, 2))));
  const inside = b.select(b.compare('lt', x, one), b.like(x, Number.NaN), b.add(t, root));
  return lowerLog1pOrLog2x(b, b.select(large, x, inside), large);
}

/** log((1 + x) / (1 - x)) / 2; infinite at 1, NaN beyond. */
export function lowerAtanh(b: L3Builder, x: Value): Value {
  const a = b.unary('abs', x);
  const one = b.like(x, 1);
  const argument = b.div(b.add(a, a), b.sub(one, a));
  return flipSign(b, b.mul(lowerLog1p(b, argument), b.like(x, 0.5)), signOf(b, x));
}

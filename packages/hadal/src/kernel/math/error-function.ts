/** erf and erfc. */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { upperHalf } from './double-word.js';
import { lowerExpOfSum } from './exponential.js';
import { constant, flipSign, type Precisions, polynomial, powerOfWhole, signOf } from './format.js';

/**
 * erf(x) = x + x p(x^2) on |x| < 1. f32: minimax fit, relative error 1.3e-9 before rounding. f64: fit at Chebyshev nodes, 2e-17.
 */
const ERF_NEAR: Precisions<readonly number[]> = {
  f32: [
    1.2837916612625122e-1, -3.761262595653534e-1, 1.128358542919159e-1, -2.6853810995817184e-2,
    5.188326817005873e-3, -8.010186720639467e-4, 7.853842544136569e-5,
  ],
  f64: [
    0.1283791670955126, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792,
    0.0052239776248180145, -0.000854832698083379, 0.0001205533111164271, -1.4925595266831182e-5,
    1.6461000484121368e-6, -1.6350312701054695e-7, 1.4659775274047436e-8, -1.1372848856791674e-9,
    5.957176147748911e-11,
  ],
};

/** erfc(x) = 2^q(x) on 1 <= x <= 4, weighted minimax fit, 2e-11 of erf before rounding; erf is 1 in float32 beyond. */
const ERF_FAR = [
  2.712801215238869e-4, -1.6296371221542358, -9.135432243347168e-1, -1.564149111509323e-1,
  3.636780381202698e-2, -6.065892521291971e-3, 6.367122405208647e-4, -3.128738535451703e-5,
];

/** 2^-r = 1 - r g(r) on |r| <= 1/2, minimax fit, 9e-8 of the result: what it is taken from is at least six times as large. */
const POWER = [
  6.931470036506653e-1, -2.4022242426872253e-1, 5.550733581185341e-2, -9.671512991189957e-3,
  1.326472731307149e-3,
];

/**
 * (1 + 2 x) exp(x^2) erfc(x) for x > 1/4 as a polynomial in (x - 4) / (x + 4), the form of Shepherd and Laframboise 1981; fits at
 * Chebyshev nodes, relative error 6e-17 and 5e-8 before rounding.
 */
const ERFC: Precisions<readonly number[]> = {
  f32: [
    1.2329951524734497, -0.1396212875843048, 0.015377343632280827, 0.06810327619314194, -0.10101401805877686,
    0.09367308020591736, -0.0664151981472969, 0.03739547356963158, -0.016128666698932648,
    0.004663080908358097, -0.0006490527302958071,
  ],
  f64: [
    1.2329951186255526, -0.13962111684056255, 0.015379652102620664, 0.06809705425469395, -0.10103906603637425,
    0.09373283499837555, -0.06633036581026487, 0.03716751553587868, -0.016197734084840446,
    0.0050319700038878945, -0.0007577730747679984, -0.00019925690637913684, 0.00015062063754732395,
    -2.4398192911491163e-5, -1.1218829389711437e-5, 5.706650047302697e-6, 2.875289848758043e-7,
    -8.195381259963958e-7, 8.224298035811552e-8, 1.0315129715462991e-7, -2.3114345083972704e-8,
    -9.579063964845714e-9, 3.370671814664016e-9,
  ],
};

/** Beyond these erfc is 0. */
const ERFC_END: Precisions<number> = { f32: 10.5, f64: 27.5 };

function erfNear(b: L3Builder, x: Value): Value {
  return b.fma(polynomial(b, b.mul(x, x), ERF_NEAR), x, x);
}

/** erfc(x) for x > 1/4. */
function erfcFar(b: L3Builder, x: Value): Value {
  const a = b.min(constant(b, x, ERFC_END), x);
  // The square of a in two words: its rounding would be multiplied by a^2.
  const high = upperHalf(b, a);
  const rest = b.mul(b.sub(a, high), b.add(a, high));
  const bell = lowerExpOfSum(b, { high: b.unary('neg', b.mul(high, high)), low: b.unary('neg', rest) });
  const four = b.like(x, 4);
  const t = b.div(b.sub(a, four), b.add(a, four));
  return b.mul(bell, b.div(polynomial(b, t, ERFC), b.add(b.add(a, a), b.like(x, 1))));
}

/** erf(x) for x >= 1 in float32, as (1 - 2^n) + 2^n r g(r) with q(x) = n - r: the first difference is exact. */
function erfFar32(b: L3Builder, x: Value): Value {
  const q = polynomial(b, b.min(b.like(x, 4), x), { f32: ERF_FAR, f64: [] });
  const n = b.unary('round', q);
  const r = b.sub(n, q);
  const power = powerOfWhole(b, n);
  const rest = b.mul(r, power);
  return b.fma(polynomial(b, r, { f32: POWER, f64: [] }), rest, b.sub(b.like(x, 1), power));
}

export function lowerErf(b: L3Builder, x: Value): Value {
  const a = b.unary('abs', x);
  const one = b.like(x, 1);
  const far = x.type.kind === 'f32' ? erfFar32(b, a) : b.sub(one, erfcFar(b, a));
  return b.select(b.compare('le', one, a), flipSign(b, far, signOf(b, x)), erfNear(b, x));
}

export function lowerErfc(b: L3Builder, x: Value): Value {
  const a = b.unary('abs', x);
  const complement = erfcFar(b, a);
  const negative = b.compare('lt', x, b.like(x, 0));
  const far = b.select(negative, b.sub(b.like(x, 2), complement), complement);
  const near = b.sub(b.like(x, 1), erfNear(b, x));
  return b.select(b.compare('lt', a, b.like(x, 0.5)), near, far);
}

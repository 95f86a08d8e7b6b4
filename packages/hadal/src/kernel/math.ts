/**
 * Transcendental functions as L3, written once for every engine. Each is a range reduction and a polynomial in float32; `fma`
 * rounds once or twice as the engine has it, so engines may differ in the last bits, but a value does not depend on what it is
 * fused with. NaN passes through, infinities and signed zeros give their limits.
 *
 * Largest errors seen against float64, in units of the last place, with FMA: exp 1.0, log 1.0, tanh 1.5, erf 1.0.
 */
import type { Value } from './l3.js';
import type { L3Builder } from './l3-builder.js';

/** c0 + c1 x + c2 x^2 + ... by Horner's rule. */
function polynomial(b: L3Builder, x: Value, coefficients: readonly number[]): Value {
  let r = b.like(x, coefficients[coefficients.length - 1]);
  for (let i = coefficients.length - 2; i >= 0; i--) r = b.fma(r, x, b.like(x, coefficients[i]));
  return r;
}

/** 2^n for an i32 in -126 .. 127, by writing the exponent field. */
function powerOfTwo(b: L3Builder, n: Value): Value {
  return b.bitcast('f32', b.shift('shl', b.add(n, b.like(n, 127)), 23));
}

/** ln 2 in two parts whose sum is exact to 40 bits; Cody and Waite 1980. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444e-4;

/** exp(r) = 1 + r + r^2 p(r) on |r| <= ln 2 / 2; Cephes expf (Moshier 1989). */
const EXP = [
  5.0000001201e-1, 1.6666665459e-1, 4.1665795894e-2, 8.3334519073e-3, 1.3981999507e-3, 1.98756915e-4,
];

export function lowerExp(b: L3Builder, x: Value): Value {
  // Below -104 the result is 0, above 88.73 infinite; the constant comes first so that NaN passes.
  const cut = b.min(b.like(x, 88.73), b.max(b.like(x, -104), x));
  const n = b.unary('round', b.mul(cut, b.like(x, Math.LOG2E)));
  const r = b.fma(n, b.like(x, -LN2_LOW), b.fma(n, b.like(x, -LN2_HIGH), cut));
  const p = b.add(b.fma(polynomial(b, r, EXP), b.mul(r, r), r), b.like(x, 1));
  // 2^n in two factors, so that results below the normal range and n = 128 come out right.
  const whole = b.convert('i32', n);
  const half = b.shift('sar', whole, 1);
  return b.mul(b.mul(p, powerOfTwo(b, half)), powerOfTwo(b, b.sub(whole, half)));
}

/** log(1 + f) = f - f^2 / 2 + f^3 p(f) on sqrt(1/2) - 1 .. sqrt(2) - 1; Cephes logf (Moshier 1989). */
const LOG = [
  3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1, -1.2420140846e-1,
  1.167699874e-1, -1.151461031e-1, 7.0376836292e-2,
];

const SMALLEST_NORMAL = 2 ** -126;

export function lowerLog(b: L3Builder, x: Value): Value {
  const tiny = b.compare('lt', x, b.like(x, SMALLEST_NORMAL));
  const scaled = b.select(tiny, b.mul(x, b.like(x, 2 ** 23)), x);
  const bits = b.bitcast('i32', scaled);
  // Bring the mantissa into sqrt(1/2) .. sqrt(2): subtract the bits of sqrt(1/2), keep the exponent that is left.
  const shifted = b.sub(bits, b.like(bits, 0x3f3504f3));
  const exponent = b.shift('sar', shifted, 23);
  const mantissa = b.bitcast('f32', b.sub(bits, b.shift('shl', exponent, 23)));
  const bias = b.select(tiny, b.like(x, -23), b.like(x, 0));
  const e = b.add(b.convert('f32', exponent), bias);
  const f = b.sub(mantissa, b.like(x, 1));
  const f2 = b.mul(f, f);
  let r = b.mul(b.mul(f2, f), polynomial(b, f, LOG));
  r = b.fma(e, b.like(x, LN2_LOW), r);
  r = b.fma(f2, b.like(x, -0.5), r);
  r = b.add(r, f);
  r = b.fma(e, b.like(x, LN2_HIGH), r);
  // log(inf) = inf, log(0) = -inf, log(negative) = NaN, NaN passes (inf - inf makes a NaN without a constant of its own).
  const infinity = b.like(x, Number.POSITIVE_INFINITY);
  r = b.select(b.compare('eq', x, infinity), infinity, r);
  r = b.select(b.compare('eq', x, b.like(x, 0)), b.like(x, Number.NEGATIVE_INFINITY), r);
  const valid = b.compare('le', b.like(x, 0), x);
  return b.select(valid, r, b.mul(b.like(x, Number.NaN), x));
}

/** tanh(x) = x + x^3 p(x^2) on |x| < 0.625; Cephes tanhf (Moshier 1989). */
const TANH = [-3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2, 2.06390887954e-2, -5.70498872745e-3];

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

/** erf(x) = x + x p(x^2) on |x| < 1: minimax fit, relative error 1.3e-9 before rounding. */
const ERF_NEAR = [
  1.2837916612625122e-1, -3.761262595653534e-1, 1.128358542919159e-1, -2.6853810995817184e-2,
  5.188326817005873e-3, -8.010186720639467e-4, 7.853842544136569e-5,
];
/** erfc(x) = exp(q(x)) on 1 <= x <= 4, weighted minimax fit; erf is 1 in float32 beyond. */
const ERF_FAR = [
  2.0205324108246714e-4, -1.12964928150177, -6.330658793449402e-1, -1.0860645025968552e-1,
  2.534881792962551e-2, -4.270587582141161e-3, 4.603442794177681e-4, -2.4752125682425685e-5,
  2.119446378401335e-7,
];

export function lowerErf(b: L3Builder, x: Value): Value {
  const a = b.unary('abs', x);
  const near = b.fma(polynomial(b, b.mul(x, x), ERF_NEAR), x, x);
  const far = b.sub(b.like(x, 1), lowerExp(b, polynomial(b, b.min(b.like(x, 4), a), ERF_FAR)));
  const signed = b.select(b.compare('lt', x, b.like(x, 0)), b.unary('neg', far), far);
  return b.select(b.compare('le', b.like(x, 1), a), signed, near);
}

/** Threefry 2x32 with 20 rounds; Salmon et al. 2011. Word 0 of the block (counter0, counter1) under the key. */
export function lowerThreefry(
  b: L3Builder,
  key: readonly [Value, Value],
  counter: readonly [Value, Value],
): Value {
  const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
  const parity = b.constant('i32', 0x1bd11bda);
  const keys = [key[0], key[1], b.binary('xor', parity, b.binary('xor', key[0], key[1]))];
  let x = b.add(counter[0], keys[0]);
  let y = b.add(counter[1], keys[1]);
  for (let round = 0; round < 20; round++) {
    x = b.add(x, y);
    const by = rotations[round % 8];
    y = b.binary('xor', b.binary('or', b.shift('shl', y, by), b.shift('shr', y, 32 - by)), x);
    if (round % 4 === 3) {
      const step = (round + 1) / 4;
      x = b.add(x, keys[step % 3]);
      y = b.add(b.add(y, keys[(step + 1) % 3]), b.constant('i32', step));
    }
  }
  return x;
}

/** Uniform in [0, 1) with 24 bits from a random word. */
export function lowerUniform(b: L3Builder, bits: Value): Value {
  const top = b.convert('f32', b.shift('shr', bits, 8));
  return b.mul(top, b.like(top, 2 ** -24));
}

/** a * b + c with a single rounding, as FMA hardware computes it. */
import { roundToOdd } from '../../base/round.js';

const fround = Math.fround;

/**
 * On float32. The product of two is exact in float64; the sum is rounded to odd there (Boldo and Melquiond 2008), after which
 * rounding to float32 cannot go wrong.
 */
export function fused32(a: number, b: number, c: number): number {
  const p = a * b;
  const s = p + c;
  if (!Number.isFinite(s)) return fround(s);
  // TwoSum (Knuth): s + error is exactly p + c.
  const t = s - p;
  const error = p - (s - t) + (c - t);
  return fround(roundToOdd(s, error));
}

const bits = new DataView(new ArrayBuffer(8));
const FRACTION = (1n << 52n) - 1n;

/** x as mantissa * 2^exponent, exactly; x is finite. */
function decompose(x: number): { readonly mantissa: bigint; readonly exponent: number } {
  bits.setFloat64(0, x);
  const word = bits.getBigUint64(0);
  const biased = Number((word >> 52n) & 2047n);
  const fraction = word & FRACTION;
  const mantissa = biased === 0 ? fraction : fraction | (1n << 52n);
  return { mantissa: x < 0 ? -mantissa : mantissa, exponent: Math.max(biased, 1) - 1075 };
}

/** The float64 nearest to mantissa * 2^exponent, ties to even; mantissa > 0. */
function nearest(mantissa: bigint, exponent: number): number {
  const drop = Math.max(mantissa.toString(2).length - 53, -1074 - exponent);
  let kept = drop > 0 ? mantissa >> BigInt(drop) : mantissa << BigInt(-drop);
  let scale = exponent + drop;
  if (drop > 0) {
    const rest = mantissa - (kept << BigInt(drop));
    const half = 1n << BigInt(drop - 1);
    if (rest > half || (rest === half && (kept & 1n) === 1n)) kept++;
    if (kept === 1n << 53n) {
      kept >>= 1n;
      scale++;
    }
  }
  const biased = kept > FRACTION ? scale + 1075 : 0;
  if (biased >= 2047) return Number.POSITIVE_INFINITY;
  bits.setBigUint64(0, (BigInt(biased) << 52n) | (kept & FRACTION));
  return bits.getFloat64(0);
}

/** On float64, in exact integers. */
export function fused64(a: number, b: number, c: number): number {
  if (a === 0 || b === 0 || !Number.isFinite(a) || !Number.isFinite(b)) return a * b + c;
  // The product is finite before it is rounded.
  if (!Number.isFinite(c)) return c;
  const [x, y, z] = [decompose(a), decompose(b), decompose(c)];
  const product = x.exponent + y.exponent;
  const exponent = Math.min(product, z.exponent);
  const sum =
    ((x.mantissa * y.mantissa) << BigInt(product - exponent)) + (z.mantissa << BigInt(z.exponent - exponent));
  if (sum === 0n) return 0;
  return sum < 0n ? -nearest(-sum, exponent) : nearest(sum, exponent);
}

/**
 * float16 (IEEE 754 binary16) and bfloat16 (the upper half of float32) as 16-bit patterns. Rounding is to nearest, ties to even.
 */

const words = new DataView(new ArrayBuffer(4));

function float32Word(x: number): number {
  words.setFloat32(0, x);
  return words.getUint32(0);
}

function wordFloat32(word: number): number {
  words.setUint32(0, word);
  return words.getFloat32(0);
}

/** 2^112: moves the exponent of float16 (bias 15) to that of float32 (bias 127). */
const REBIAS = 2 ** 112;

export function float16Value(bits: number): number {
  const magnitude = bits & 0x7fff;
  // Infinity and NaN keep their exponent of ones; everything else, subnormals among it, is exact after the product.
  const size =
    magnitude >= 0x7c00 ? wordFloat32(0x7f800000 | (magnitude << 13)) : wordFloat32(magnitude << 13) * REBIAS;
  return bits & 0x8000 ? -size : size;
}

/** The float16 nearest to a number that has been rounded to float32. */
export function float16Bits(x: number): number {
  const word = float32Word(x);
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // From 65520 on everything rounds to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14 float16 is a multiple of 2^-24: adding 0.5 in float32 rounds to it.
  if (magnitude < 0x38800000) return sign | (float32Word(wordFloat32(magnitude) + 0.5) - 0x3f000000);
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}

export function bfloat16Value(bits: number): number {
  return wordFloat32((bits << 16) >>> 0);
}

/** The bfloat16 nearest to a number that has been rounded to float32. */
export function bfloat16Bits(x: number): number {
  const word = float32Word(x);
  if ((word & 0x7fffffff) > 0x7f800000) return ((word >>> 16) & 0x8000) | 0x7fc0;
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}

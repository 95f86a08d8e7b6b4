/** Rounding to float32 in one step, where JavaScript would round to float64 on the way. */

const bits = new DataView(new ArrayBuffer(8));

/** `x` moved to the neighbour towards the truth, `x + error`, if its last bit is even: rounding it again cannot go wrong then. */
export function roundToOdd(x: number, error: number): number {
  if (error === 0 || !Number.isFinite(x)) return x;
  bits.setFloat64(0, x);
  const word = bits.getBigInt64(0);
  if ((word & 1n) === 1n) return x;
  bits.setBigInt64(0, word + (error > 0 === x > 0 ? 1n : -1n));
  return bits.getFloat64(0);
}

/** The float32 nearest to an int64. */
export function bigintToFloat32(x: bigint): number {
  const near = Number(x);
  return Math.fround(roundToOdd(near, Number(x - BigInt(near))));
}

/** Arithmetic of whole numbers that sizes and layouts are worked out with. */

/** The least multiple of `to` that is not less than `x`. */
export function roundUp(x: number, to: number): number {
  return Math.ceil(x / to) * to;
}

/** The greatest number that divides both. */
export function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

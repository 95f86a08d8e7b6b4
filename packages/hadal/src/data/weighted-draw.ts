/**
 * Draws indices in proportion to weights, with a tree of partial sums: one draw, and one change of a weight, costs log2(n)
 * additions. Sums are computed anew from their two parts, never corrected by subtraction, so a weight of zero is never drawn.
 */
import type { Xoshiro128 } from './shuffle.js';

export class WeightedDraw {
  /** sums[1] is the total; node i has the parts 2 i and 2 i + 1; the leaves begin at `#leaves`. */
  readonly #sums: Float64Array;
  readonly #leaves: number;

  /** The weights must be finite and not negative. */
  constructor(weights: ArrayLike<number>) {
    let leaves = 1;
    while (leaves < weights.length) leaves *= 2;
    this.#leaves = leaves;
    this.#sums = new Float64Array(2 * leaves);
    this.#sums.set(weights, leaves);
    for (let i = leaves - 1; i >= 1; i--) this.#sums[i] = this.#sums[2 * i] + this.#sums[2 * i + 1];
  }

  get total(): number {
    return this.#sums[1];
  }

  /** An index, in proportion to its weight. The total must not be zero. */
  draw(random: Xoshiro128): number {
    const sums = this.#sums;
    let rest = random.uniform() * sums[1];
    let at = 1;
    while (at < this.#leaves) {
      const left = sums[2 * at];
      const right = sums[2 * at + 1];
      // Rounding may leave `rest` at or above the sum of a part; a part without weight is not entered all the same.
      if (right === 0 || (rest < left && left > 0)) at = 2 * at;
      else {
        rest -= left;
        at = 2 * at + 1;
      }
    }
    return at - this.#leaves;
  }

  /** Makes an index impossible. */
  remove(index: number): void {
    let at = this.#leaves + index;
    this.#sums[at] = 0;
    for (at >>= 1; at >= 1; at >>= 1) this.#sums[at] = this.#sums[2 * at] + this.#sums[2 * at + 1];
  }
}

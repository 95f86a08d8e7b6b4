/** Whether two results agree. */
import { MismatchError } from './errors.js';

export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** Throws where `got` differs from `want` by more than absolute + relative * |want|, or is not a number. */
export function checkClose(
  what: string,
  got: Float32Array | Float64Array,
  want: Float32Array | Float64Array,
  tolerance: Tolerance,
): void {
  if (got.length !== want.length) {
    throw new MismatchError(`${what}: ${got.length} elements, expected ${want.length}`);
  }
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs(got[i] - want[i]);
    // Negated, so that NaN fails as well.
    if (!(difference <= tolerance.absolute + tolerance.relative * Math.abs(want[i]))) {
      throw new MismatchError(`${what}: element ${i} is ${got[i]}, expected ${want[i]}`);
    }
  }
}

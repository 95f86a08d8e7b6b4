/**
 * Where kernels note an index out of range instead of following it, and a divisor of 0: three 64-bit numbers for each thread, a code and
 * what it is about.
 */
import { MAX_THREADS } from '../base/config.js';
import type { HadalError } from '../base/errors.js';
import { zeroDivision } from '../graph/ops/elementwise/arithmetic.js';
import { indexError } from '../graph/ops/lookups.js';
import { integerQuotients, ZERO_DIVISION_CODE } from '../kernel/status.js';

export const STATUS_BYTES = 24;

/** Bytes of the parts of all threads. */
export const ALL_STATUS_BYTES = STATUS_BYTES * MAX_THREADS;

/** The error that was noted, or `null`: threads take their shares in order and the last note of one thread stands, so the last thread's counts. */
export function notedError(bytes: Uint8Array<ArrayBuffer>): HadalError | null {
  const words = new BigInt64Array(bytes.buffer);
  for (let at = words.length - 3; at >= 0; at -= 3) {
    const [code, first, second] = words.subarray(at, at + 3);
    if (code === ZERO_DIVISION_CODE) return zeroDivision(integerQuotients[Number(first)]);
    if (code !== 0n) return indexError(Number(first), Number(second));
  }
  return null;
}

/**
 * Where kernels note an index out of range instead of following it: three 64-bit numbers for each thread, a flag, the index and the
 * last valid one.
 */
import { MAX_THREADS } from '../base/config.js';

export const STATUS_BYTES = 24;

/** Bytes of the parts of all threads. */
export const ALL_STATUS_BYTES = STATUS_BYTES * MAX_THREADS;

export interface NotedIndex {
  readonly index: number;
  readonly last: number;
}

/** What was noted, or `null`: threads take their shares in order and the last note of one thread stands, so the last thread's counts. */
export function notedIndex(bytes: Uint8Array<ArrayBuffer>): NotedIndex | null {
  const words = new BigInt64Array(bytes.buffer);
  for (let at = words.length - 3; at >= 0; at -= 3) {
    if (words[at] !== 0n) return { index: Number(words[at + 1]), last: Number(words[at + 2]) };
  }
  return null;
}

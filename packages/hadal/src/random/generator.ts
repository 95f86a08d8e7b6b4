/**
 * The state of random numbers: counter-based (Threefry 2x32), so that a number depends on the seed, on how many random tensors were made
 * before, and on its place in the tensor, never on the engine or the number of threads.
 */
import { ArgumentError } from '../base/errors.js';
import type { LiveNumbers } from '../graph/live.js';
import { live, liveEffect } from '../graph/live.js';
import { threefry } from '../graph/ops/sources.js';

/** Can be kept as JSON. */
export interface GeneratorState {
  /** The seed: its low and its high word, as int32. */
  readonly key: readonly [number, number];
  /** How many streams of numbers were drawn, as int32. */
  readonly stream: number;
}

let state: GeneratorState = { key: [0, 0], stream: 0 };

/**
 * Seeds all random numbers of this process.
 *
 * @param seed a non-negative integer below 2^53.
 * @example
 * ```ts
 * import { manualSeed, rand } from 'hadal';
 * manualSeed(1);
 * const a = rand([3]).tolistSync();
 * manualSeed(1);
 * console.log(JSON.stringify(a) === JSON.stringify(rand([3]).tolistSync())); // true
 * ```
 */
export function manualSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new ArgumentError(`manualSeed: expected an integer from 0 to 2^53 - 1, got ${seed}`);
  liveEffect(() => {
    state = { key: [seed | 0, Math.floor(seed / 2 ** 32) | 0], stream: 0 };
  });
}

/** The state of the generator, to go on from later. */
export function getRngState(): GeneratorState {
  return state;
}

/**
 * Goes on from a state that `getRngState` gave.
 *
 * @throws ArgumentError if it is not one.
 */
export function setRngState(saved: GeneratorState): void {
  const word = (x: unknown): boolean => typeof x === 'number' && (x | 0) === x;
  const key: unknown = saved?.key;
  if (!Array.isArray(key) || key.length !== 2 || !key.every(word) || !word(saved.stream))
    throw new ArgumentError('setRngState: expected a state as getRngState gives it');
  const next: GeneratorState = { key: [saved.key[0], saved.key[1]], stream: saved.stream };
  liveEffect(() => {
    state = next;
  });
}

/** The key and a stream number that no other random tensor has: three words. */
export function nextStream(): LiveNumbers {
  return live(() => {
    const { key, stream } = state;
    state = { key, stream: (stream + 1) | 0 };
    return [...key, stream];
  });
}

/** Random words of one stream, for draws that are made on the host. */
export class Words {
  readonly #stream = nextStream().values;
  #counter = 0;

  /** From 0 to 2^32 - 1. */
  next(): number {
    const [low, high, stream] = this.#stream;
    return threefry(low, high, this.#counter++ | 0, stream) >>> 0;
  }

  /** A uniform integer from 0 to below `bound`, which is at most 2^53. Words in the last, incomplete run of `bound` are drawn again. */
  below(bound: number): number {
    if (bound > 2 ** 32) return this.#belowMany(bound);
    // Quotients of such numbers are far enough from the next whole one for float64, whose remainder takes longer.
    const limit = Math.floor(2 ** 32 / bound) * bound;
    for (;;) {
      const word = this.next();
      if (word < limit) return word - Math.floor(word / bound) * bound;
    }
  }

  #belowMany(bound: number): number {
    const limit = 2 ** 53 - (2 ** 53 % bound);
    for (;;) {
      const word = (this.next() >>> 5) * 2 ** 26 + (this.next() >>> 6);
      if (word < limit) return word % bound;
    }
  }
}

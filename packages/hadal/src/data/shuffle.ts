/**
 * The order of samples in an epoch, as a pure function of seed and epoch: the same on every machine and engine, and epoch 7
 * of a resumed run is epoch 7 of the run that was interrupted.
 *
 * xoshiro128** 1.1 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021) drives Fisher and Yates'
 * shuffle; splitmix32 spreads the seed over its state.
 */

/** A stream of 32-bit words. */
export class Xoshiro128 {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** The four words must not all be zero. */
  constructor(state: readonly [number, number, number, number]) {
    [this.#a, this.#b, this.#c, this.#d] = state;
  }

  /** The next word, from 0 to 2^32 - 1. */
  next(): number {
    const word = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotateLeft(this.#d, 11);
    return word;
  }

  /** A uniform number in `[0, 1)`, a multiple of 2^-53. */
  uniform(): number {
    const high = this.next() >>> 5;
    return (high * 2 ** 26 + (this.next() >>> 6)) / 2 ** 53;
  }

  /** A uniform integer in `[0, bound)`, without bias: words in the last, incomplete run of `bound` values are drawn again. */
  below(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let word = this.next();
    while (word >= limit) word = this.next();
    return word % bound;
  }
}

/** The stream of an epoch. `seed` is a safe integer, 0 or more; all of its 53 bits count. */
export function epochGenerator(seed: number, epoch: number): Xoshiro128 {
  return new Xoshiro128(spread([seed >>> 0, Math.floor(seed / 2 ** 32), epoch]));
}

/**
 * The integers from 0 to `length - 1` in an order that depends on `seed` and `epoch` only.
 *
 * @param seed a safe integer, 0 or more; all of its 53 bits count.
 */
export function shuffledIndices(length: number, seed: number, epoch: number): Uint32Array {
  return permute(orderedIndices(length), epochGenerator(seed, epoch));
}

/** Puts the elements in a random order, in place; every order is equally likely. */
export function permute(indices: Uint32Array, random: Xoshiro128): Uint32Array {
  for (let i = indices.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const swapped = indices[i];
    indices[i] = indices[j];
    indices[j] = swapped;
  }
  return indices;
}

export function orderedIndices(length: number): Uint32Array {
  const indices = new Uint32Array(length);
  for (let i = 0; i < length; i++) indices[i] = i;
  return indices;
}

/** Absorbs words one after the other into a 32-bit state, then squeezes out four. */
function spread(words: readonly number[]): [number, number, number, number] {
  let state = 0;
  for (const word of words) state = mix32((state + 0x9e3779b9) ^ word);
  const squeeze = (): number => {
    state = (state + 0x9e3779b9) | 0;
    return mix32(state);
  };
  // `mix32` is a bijection and the four states differ, so the four words differ and cannot all be zero.
  return [squeeze(), squeeze(), squeeze(), squeeze()];
}

/** The finaliser of MurmurHash3, a bijection of 32-bit words. */
function mix32(word: number): number {
  let z = word;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return z ^ (z >>> 16);
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/**
 * Sorting by the lowest byte of the keys, then by the next, up to the highest (Knuth, The Art of Computer Programming 3, 5.2.5).
 *
 * An element is an **entry**: its unsigned key and its position. Entries of keys up to four bytes are one word with the key above the
 * position, longer keys have their position beside them. Every byte is counted once for all entries; those that all keys share cost
 * nothing more. Entries move between two halves of the workspace.
 */
import type { SortKernel } from '../l2.js';
import type { Value } from '../l3.js';
import type { LineSort, Slot, SortContext } from './context.js';
import { forEachKey, lengthOf } from './context.js';
import { keyOf, unsignedKey } from './keys.js';

/** Values of a byte. */
const DIGITS = 256;

/** Workspace for two halves of so many entries: words, counts, positions of long keys. */
export function entrySlots(kernel: SortKernel, entries: number): readonly Slot[] {
  const { bytes } = keyOf(kernel.exprs[kernel.key].dtype);
  const words: Slot = { mem: 'i64', count: 2 * Math.max(entries, 1) };
  const counts: Slot = { mem: 'i32', count: DIGITS * bytes };
  return bytes === 8 ? [words, counts, { mem: 'i32', count: words.count }] : [words, counts];
}

export interface Entry {
  readonly word: Value;
  /** Of long keys; else it is part of the word. */
  readonly place: Value | null;
}

/** Entries in the workspace. */
export class Entries {
  readonly #c: SortContext;
  readonly #bytes: number;

  constructor(c: SortContext) {
    this.#c = c;
    this.#bytes = keyOf(c.kernel.exprs[c.kernel.key].dtype).bytes;
  }

  get #isPacked(): boolean {
    return this.#bytes < 8;
  }

  /** The entry of an element by its signed key. */
  entry(at: Value, signed: Value): Entry {
    const { b, kernel } = this.#c;
    const key = unsignedKey(b, signed, kernel.exprs[kernel.key].dtype);
    if (!this.#isPacked) return { word: key, place: b.convert('i32', at) };
    const word = b.binary('or', b.shift('shl', b.convert('i64', key), 32), b.convert('i64', at));
    return { word, place: null };
  }

  load(at: Value): Entry {
    const { b, slots } = this.#c;
    return { word: b.load(slots[0], at), place: this.#isPacked ? null : b.load(slots[2], at) };
  }

  store(at: Value, { word, place }: Entry): void {
    const { b, slots } = this.#c;
    b.store(slots[0], at, word);
    if (place !== null) b.store(slots[2], at, place);
  }

  /** The signed key of an entry; its high bytes beyond those of the dtype are zero. */
  signedKey({ word }: Entry): Value {
    const { b, kernel } = this.#c;
    const key = this.#isPacked ? b.convert('i32', b.shift('shr', word, 32)) : word;
    return unsignedKey(b, key, kernel.exprs[kernel.key].dtype);
  }

  position({ word, place }: Entry): Value {
    const { b } = this.#c;
    return place === null ? b.binary('and', word, b.constant('i64', 0xffffffffn)) : b.convert('i64', place);
  }

  #digit(word: Value, byte: number): Value {
    const { b } = this.#c;
    const shifted = b.shift('shr', word, 8 * byte + (this.#isPacked ? 32 : 0));
    return b.convert('index', b.binary('and', shifted, b.constant('i64', BigInt(DIGITS - 1))));
  }

  clearCounts(): void {
    const { b, slots } = this.#c;
    b.forEach(b.index(0), b.index(DIGITS * this.#bytes), 1, (i) =>
      b.store(slots[1], i, b.constant('i32', 0)),
    );
  }

  /** Counts an entry's bytes. */
  count({ word }: Entry): void {
    const { b, slots } = this.#c;
    for (let byte = 0; byte < this.#bytes; byte++) {
      const digit = this.#digit(word, byte);
      const offset = byte * DIGITS;
      const before = b.load(slots[1], digit, { offset });
      b.store(slots[1], digit, b.add(before, b.constant('i32', 1)), { offset });
    }
  }

  /** Sorts entries 0 to `count` - 1, which have been counted; the other half starts at `half`. Gives where they begin afterwards. */
  sort(count: Value, half: Value): Value {
    const { b, slots } = this.#c;
    const zero = b.index(0);
    let from: Value = zero;
    let to: Value = half;
    for (let byte = 0; byte < this.#bytes; byte++) {
      // A loop that runs once, or not at all where all entries share the byte.
      const first = this.#digit(b.load(slots[0], zero), byte);
      const shared = b.load(slots[1], first, { offset: byte * DIGITS });
      const isShared = b.compare('eq', b.convert('index', shared), count);
      const rounds = b.select(isShared, zero, b.index(1));
      const moved = b.loop(zero, rounds, 1, [from, to], (_, [source, target]) => {
        this.#move(byte, count, source, target);
        return [target, source];
      });
      [from, to] = moved;
    }
    return from;
  }

  /** Moves all entries to where their byte sends them. */
  #move(byte: number, count: Value, from: Value, to: Value): void {
    const { b, slots } = this.#c;
    const [, counts] = slots;
    const offset = byte * DIGITS;
    b.loop(b.index(0), b.index(DIGITS), 1, [b.constant('i32', 0)], (digit, [before]) => {
      const own = b.load(counts, digit, { offset });
      b.store(counts, digit, before, { offset });
      return [b.add(before, own)];
    });
    b.forEach(b.index(0), count, 1, (i) => {
      const entry = this.load(b.add(from, i));
      const digit = this.#digit(entry.word, byte);
      const place = b.load(counts, digit, { offset });
      b.store(counts, digit, b.add(place, b.constant('i32', 1)), { offset });
      this.store(b.add(to, b.convert('index', place)), entry);
    });
  }
}

export function radixSlots(kernel: SortKernel): readonly Slot[] {
  return entrySlots(kernel, kernel.length);
}

export function radixSort(c: SortContext): LineSort {
  const { b } = c;
  const entries = new Entries(c);
  return () => {
    entries.clearCounts();
    forEachKey(c, (at, key) => {
      const entry = entries.entry(at, key);
      entries.store(at, entry);
      entries.count(entry);
    });
    const from = entries.sort(lengthOf(c), lengthOf(c));
    return (place) => entries.position(entries.load(b.add(from, place)));
  };
}

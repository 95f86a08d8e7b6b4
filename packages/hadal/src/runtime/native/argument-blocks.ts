/** Writes argument blocks one behind the other, and notes what a run has to fill in: pointers and scalars. */
import { ArgumentError } from '../../base/errors.js';
import type { BlockLayout } from '../../kernel/abi.js';
import { SLOT_BYTES } from '../../kernel/abi.js';
import type { ScalarKind } from '../../kernel/l3.js';
import type { BlockSpec } from '../device.js';

const TWO_32 = 2 ** 32;

/** Which scalar goes to which 4-byte word. */
export interface ScalarPatch {
  readonly kind: ScalarKind;
  readonly word: number;
  readonly argument: number;
}

export function put64(words: Uint32Array, byteOffset: number, value: number): void {
  words[byteOffset / 4] = value;
  words[byteOffset / 4 + 1] = value / TWO_32;
}

export class ArgumentBlocks {
  readonly #words: Uint32Array;
  #at: number;
  // Pointers as parallel lists: which word, which buffer, how far into it.
  readonly pointerWords: number[] = [];
  readonly pointerBuffers: number[] = [];
  readonly pointerOffsets: number[] = [];
  readonly scalars: ScalarPatch[] = [];
  /** How many buffers and scalars a run is to give. */
  bufferCount = 0;
  scalarCount = 0;

  /** Into memory given as its words, from a byte offset on. */
  constructor(words: Uint32Array, byteOffset: number) {
    this.#words = words;
    this.#at = byteOffset;
  }

  /** Adds the blocks of a kernel and says at which byte they begin. */
  add(name: string, layout: BlockLayout, blocks: readonly BlockSpec[]): number {
    const begin = this.#at;
    for (const block of blocks) this.#addBlock(name, layout, block);
    return begin;
  }

  #addBlock(name: string, layout: BlockLayout, { buffers, sizes, scalars }: BlockSpec): void {
    if (
      buffers.length !== layout.buffers ||
      sizes.length !== layout.sizes ||
      scalars.length !== layout.scalars
    ) {
      throw new ArgumentError(`a block of ${name} does not have the arguments its layout says`);
    }
    for (const { buffer, byteOffset } of buffers) {
      this.pointerWords.push(this.#at / 4);
      this.pointerBuffers.push(buffer);
      this.pointerOffsets.push(byteOffset);
      this.bufferCount = Math.max(this.bufferCount, buffer + 1);
      this.#at += SLOT_BYTES;
    }
    for (const size of sizes) {
      if (!Number.isSafeInteger(size) || size < 0) throw new ArgumentError(`${name}: ${size} is not a size`);
      put64(this.#words, this.#at, size);
      this.#at += SLOT_BYTES;
    }
    for (const { kind, argument } of scalars) {
      this.scalars.push({ kind, word: this.#at / 4, argument });
      this.scalarCount = Math.max(this.scalarCount, argument + 1);
      this.#at += SLOT_BYTES;
    }
  }
}

/**
 * A list of launches with its argument blocks already in WebAssembly memory. Sizes are written once; a run writes only
 * pointers and scalars, by lists of (where, what) made beforehand, and then calls the kernels.
 */
import { InternalError } from '../../base/errors.js';
import { type BlockLayout, blockBytes, blockSlots, SLOT_BYTES } from '../../kernel/abi.js';
import type { ScalarKind } from '../../kernel/l3.js';
import type { BlockSpec, Executable, LaunchSpec, Memory, Program } from '../device.js';
import { MemoryRange } from '../device.js';
import type { Slot } from './heap.js';
import { type MemoryPool, WasmMemory } from './memory-pool.js';
import type { ThreadPool } from './threads/pool.js';

export type KernelFunction = (blocks: number, count: number) => void;

export class WasmExecutable implements Executable {
  readonly name: string;
  readonly run: KernelFunction;
  /** Tells kernels of one device apart. */
  readonly id: number;
  readonly code: Uint8Array;

  constructor(name: string, run: KernelFunction, id: number, code: Uint8Array) {
    this.name = name;
    this.run = run;
    this.id = id;
    this.code = code;
  }
}

/** Where a scalar goes, in 4-byte words of the program's slot. */
interface ScalarPatch {
  readonly word: number;
  readonly kind: ScalarKind;
  readonly argument: number;
}

/** Argument blocks that lie one behind the other, and how many. */
export interface Share {
  readonly blocks: number;
  readonly count: number;
}

interface Call {
  readonly executable: WasmExecutable;
  readonly own: Share;
  readonly others: readonly Share[];
}

const WORDS_PER_SLOT = SLOT_BYTES / 4;

export class WasmProgram implements Program {
  readonly #pool: MemoryPool;
  readonly #threads: ThreadPool | null;
  readonly #buffersNeeded: number;
  readonly #scalarsNeeded: number;
  /** Triples: word of the memory, which buffer, byte offset in it. */
  readonly #pointers: Float64Array;
  readonly #scalars: readonly ScalarPatch[];
  readonly #calls: readonly Call[];

  constructor(pool: MemoryPool, threads: ThreadPool | null, slot: Slot, launches: readonly LaunchSpec[]) {
    this.#pool = pool;
    this.#threads = threads;
    const pointers: number[] = [];
    const scalars: ScalarPatch[] = [];
    const calls: Call[] = [];
    let at = slot.offset;
    pool.bytes.fill(0, slot.offset, slot.offset + slot.bytes);
    function write(name: string, layout: BlockLayout, blocks: readonly BlockSpec[]): Share {
      // Addresses are unsigned, a kernel's parameter is a signed 32-bit number: the same bits.
      const share = { blocks: at | 0, count: blocks.length };
      for (const block of blocks) {
        if (
          block.buffers.length !== layout.buffers ||
          block.sizes.length !== layout.sizes ||
          block.scalars.length !== layout.scalars
        ) {
          throw new InternalError(`${name}: a block of ${blockSlots(layout)} slots does not fit its layout`);
        }
        let word = at / 4;
        for (const { buffer, byteOffset } of block.buffers) {
          pointers.push(word, buffer, byteOffset);
          word += WORDS_PER_SLOT;
        }
        for (const size of block.sizes) {
          pool.words[word] = size;
          word += WORDS_PER_SLOT;
        }
        for (const { kind, argument } of block.scalars) {
          scalars.push({ word, kind, argument });
          word += WORDS_PER_SLOT;
        }
        at += blockBytes(layout);
      }
      return share;
    }
    for (const { executable, layout, blocks, others = [] } of launches) {
      if (!(executable instanceof WasmExecutable))
        throw new InternalError(`${executable.name} is code of another device`);
      calls.push({
        executable,
        own: write(executable.name, layout, blocks),
        others: others.map((share) => write(executable.name, layout, share)),
      });
    }
    this.#pointers = Float64Array.from(pointers);
    this.#scalars = scalars;
    this.#calls = calls;
    this.#buffersNeeded = pointers.reduce((most, x, i) => (i % 3 === 1 ? Math.max(most, x + 1) : most), 0);
    this.#scalarsNeeded = scalars.reduce((most, x) => Math.max(most, x.argument + 1), 0);
  }

  run(buffers: readonly Memory[], scalars: readonly (number | bigint)[]): void {
    this.bind(buffers, scalars);
    this.launch();
  }

  bind(buffers: readonly Memory[], scalars: readonly (number | bigint)[]): void {
    if (buffers.length < this.#buffersNeeded || scalars.length < this.#scalarsNeeded) {
      throw new InternalError(
        `a program of ${this.#buffersNeeded} buffers and ${this.#scalarsNeeded} scalars got ${buffers.length} and ${scalars.length}`,
      );
    }
    const pool = this.#pool;
    pool.bringIn(buffers);
    const { words } = pool;
    const pointers = this.#pointers;
    for (let i = 0; i < pointers.length; i += 3) {
      words[pointers[i]] = offsetOf(buffers[pointers[i + 1]]) + pointers[i + 2];
    }
    for (const { word, kind, argument } of this.#scalars) {
      const value = scalars[argument];
      switch (kind) {
        case 'f32':
          pool.floats[word] = Number(value);
          break;
        case 'f64':
          pool.doubles[word / WORDS_PER_SLOT] = Number(value);
          break;
        case 'i32':
          words[word] = Number(value);
          break;
        case 'i64':
          pool.longs[word / WORDS_PER_SLOT] = BigInt(value);
      }
    }
  }

  launch(): void {
    for (const { executable, own, others } of this.#calls) {
      if (others.length > 0 && this.#threads) {
        this.#threads.run(executable, own, others);
        continue;
      }
      executable.run(own.blocks, own.count);
      for (const share of others) executable.run(share.blocks, share.count);
    }
  }
}

function offsetOf(memory: Memory): number {
  if (memory instanceof MemoryRange) return offsetOf(memory.base) + memory.byteOffset;
  if (memory instanceof WasmMemory && memory.cell.slot) return memory.cell.slot.offset;
  throw new InternalError('a buffer is not in memory');
}

/** Bytes that the argument blocks of some launches take. */
export function argumentBytes(launches: readonly LaunchSpec[]): number {
  return launches.reduce(
    (sum, { layout, blocks, others = [] }) =>
      sum + blockBytes(layout) * others.reduce((count, share) => count + share.length, blocks.length),
    0,
  );
}

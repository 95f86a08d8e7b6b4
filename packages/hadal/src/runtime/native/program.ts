/**
 * A list of launches made ready once. The argument blocks of all launches and the list that the trampoline walks lie in one
 * ArrayBuffer; a run writes the pointers and scalars that change through lists made beforehand and makes one native call.
 */
import { ArgumentError } from '../../base/errors.js';
import { blockBytes } from '../../kernel/abi.js';
import type { BlockSpec, LaunchSpec, Memory, Program } from '../device.js';
import { MemoryRange } from '../device.js';
import { ArgumentBlocks, put64, type ScalarPatch } from './argument-blocks.js';
import type { Machine } from './machine.js';
import { NativeMemory } from './memory.js';
import type { ThreadPool } from './threads/pool.js';
import { ENTRY_BYTES, SHARE_BYTES } from './threads/stubs.js';

export class NativeExecutable {
  readonly name: string;
  readonly address: number;

  constructor(name: string, address: number) {
    this.name = name;
    this.address = address;
  }
}

const TWO_32 = 2 ** 32;

/** The running program; native code sees the addresses of its list and its buffers only, so this keeps them reachable. */
const inUse: { program: NativeProgram | null } = { program: null };

/** What a program needs of the machine. */
function addressOf(memory: Memory): number {
  if (memory instanceof NativeMemory) return memory.address;
  if (memory instanceof MemoryRange) return addressOf(memory.base) + memory.byteOffset;
  throw new ArgumentError('a buffer does not belong to this device');
}

export type ProgramMachine = Pick<Machine, 'address' | 'run'>;

/** The blocks of each thread, the caller's first. */
function sharesOf({ blocks, others = [] }: LaunchSpec): readonly (readonly BlockSpec[])[] {
  return [blocks, ...others];
}

/** Layout: the list that `run` of `threads/stubs.ts` walks, then the blocks. */
export class NativeProgram implements Program {
  readonly #run: (list: number, pool: number) => void;
  readonly #pool: ThreadPool;
  readonly #list: number;
  readonly #words: Uint32Array;
  readonly #floats: Float32Array;
  readonly #doubles: Float64Array;
  // Pointer patches as parallel lists: which word, which buffer, how far into it.
  readonly #pointerWords: Uint32Array;
  readonly #pointerBuffers: Uint32Array;
  readonly #pointerOffsets: Float64Array;
  readonly #scalars: readonly ScalarPatch[];
  readonly #bufferCount: number;
  readonly #scalarCount: number;
  #bound: readonly Memory[] | null = null;

  constructor(launches: readonly LaunchSpec[], machine: ProgramMachine, pool: ThreadPool) {
    this.#run = machine.run;
    this.#pool = pool;
    pool.ensure(launches.reduce((most, { others = [] }) => Math.max(most, others.length), 0));
    let listBytes = ENTRY_BYTES;
    let bytes = 0;
    for (const launch of launches) {
      const shares = sharesOf(launch);
      listBytes += ENTRY_BYTES + SHARE_BYTES * (shares.length - 1);
      for (const blocks of shares) bytes += blocks.length * blockBytes(launch.layout);
    }
    // A raw buffer of more than a cache line: its contents never move.
    const buffer = new ArrayBuffer(Math.max(listBytes + bytes, 128));
    const base = machine.address(buffer);
    this.#list = base;
    this.#words = new Uint32Array(buffer);
    this.#floats = new Float32Array(buffer);
    this.#doubles = new Float64Array(buffer);

    const args = new ArgumentBlocks(this.#words, listBytes);
    let entry = 0;
    for (const launch of launches) {
      const { executable, layout } = launch;
      if (!(executable instanceof NativeExecutable))
        throw new ArgumentError(`${executable.name} was not loaded by this device`);
      const shares = sharesOf(launch).map((blocks) => ({
        address: base + args.add(executable.name, layout, blocks),
        count: blocks.length,
      }));
      put64(this.#words, entry, executable.address);
      put64(this.#words, entry + 24, shares.length - 1);
      shares.forEach(({ address, count }, i) => {
        const at = i === 0 ? entry + 8 : entry + ENTRY_BYTES + SHARE_BYTES * (i - 1);
        put64(this.#words, at, address);
        put64(this.#words, at + 8, count);
      });
      entry += ENTRY_BYTES + SHARE_BYTES * (shares.length - 1);
    }
    this.#pointerWords = Uint32Array.from(args.pointerWords);
    this.#pointerBuffers = Uint32Array.from(args.pointerBuffers);
    this.#pointerOffsets = Float64Array.from(args.pointerOffsets);
    this.#scalars = args.scalars;
    this.#bufferCount = args.bufferCount;
    this.#scalarCount = args.scalarCount;
  }

  run(buffers: readonly Memory[], scalars: readonly (number | bigint)[]): void {
    this.bind(buffers, scalars);
    this.launch();
  }

  bind(buffers: readonly Memory[], scalars: readonly (number | bigint)[]): void {
    if (buffers.length < this.#bufferCount || scalars.length < this.#scalarCount) {
      throw new ArgumentError(
        `the program takes ${this.#bufferCount} buffers and ${this.#scalarCount} scalars, not ${buffers.length} and ${scalars.length}`,
      );
    }
    const words = this.#words;
    const pointerWords = this.#pointerWords;
    const pointerBuffers = this.#pointerBuffers;
    const pointerOffsets = this.#pointerOffsets;
    for (let i = 0; i < pointerWords.length; i++) {
      const pointer = addressOf(buffers[pointerBuffers[i]]) + pointerOffsets[i];
      const word = pointerWords[i];
      words[word] = pointer;
      words[word + 1] = pointer / TWO_32;
    }
    for (const patch of this.#scalars) this.#patchScalar(patch, scalars[patch.argument]);
    this.#bound = buffers;
  }

  launch(): void {
    if (this.#bound === null) throw new ArgumentError('the program has not been given buffers to run on');
    inUse.program = this;
    this.#run(this.#list, this.#pool.address);
    inUse.program = null;
    this.#bound = null;
  }

  #patchScalar(patch: ScalarPatch, value: number | bigint): void {
    const { word } = patch;
    switch (patch.kind) {
      case 'f32':
        this.#floats[word] = Number(value);
        break;
      case 'f64':
        this.#doubles[word / 2] = Number(value);
        break;
      case 'i32':
        this.#words[word] = Number(value);
        break;
      case 'i64':
        if (typeof value === 'bigint') {
          this.#words[word] = Number(value & 0xffffffffn);
          this.#words[word + 1] = Number((value >> 32n) & 0xffffffffn);
        } else {
          this.#words[word] = value;
          this.#words[word + 1] = Math.floor(value / TWO_32);
        }
    }
  }
}

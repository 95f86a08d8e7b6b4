/**
 * A list of launches made ready once. The argument blocks of all launches and the list that the trampoline walks lie in one
 * ArrayBuffer; a run writes the pointers and scalars that change through lists made beforehand and makes one native call.
 */
import { ArgumentError } from '../../base/errors.js';
import type { BlockLayout } from '../../kernel/abi.js';
import { blockBytes, SLOT_BYTES } from '../../kernel/abi.js';
import type { ScalarKind } from '../../kernel/l3.js';
import type { BlockSpec, LaunchSpec, Memory, Program } from '../device.js';
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

interface ScalarPatch {
  readonly kind: ScalarKind;
  readonly word: number;
  readonly argument: number;
}

/** What a program needs of the machine. */
export type ProgramMachine = Pick<Machine, 'address' | 'run'>;

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
    const sharesOf = ({ blocks, others = [] }: LaunchSpec): readonly (readonly BlockSpec[])[] => [
      blocks,
      ...others,
    ];
    pool.ensure(launches.reduce((most, { others = [] }) => Math.max(most, others.length), 0));
    let at = ENTRY_BYTES;
    let bytes = 0;
    for (const launch of launches) {
      const shares = sharesOf(launch);
      at += ENTRY_BYTES + SHARE_BYTES * (shares.length - 1);
      for (const blocks of shares) bytes += blocks.length * blockBytes(launch.layout);
    }
    // A raw buffer of more than a cache line: its contents never move.
    const buffer = new ArrayBuffer(Math.max(at + bytes, 128));
    const base = machine.address(buffer);
    this.#list = base;
    this.#words = new Uint32Array(buffer);
    this.#floats = new Float32Array(buffer);
    this.#doubles = new Float64Array(buffer);

    const words: number[] = [];
    const buffers: number[] = [];
    const offsets: number[] = [];
    const scalars: ScalarPatch[] = [];
    let bufferCount = 0;
    let scalarCount = 0;
    const putBlocks = (name: string, layout: BlockLayout, blocks: readonly BlockSpec[]): void => {
      for (const block of blocks) {
        if (
          block.buffers.length !== layout.buffers ||
          block.sizes.length !== layout.sizes ||
          block.scalars.length !== layout.scalars
        ) {
          throw new ArgumentError(`a block of ${name} does not have the arguments its layout says`);
        }
        for (const ref of block.buffers) {
          words.push(at / 4);
          buffers.push(ref.buffer);
          offsets.push(ref.byteOffset);
          bufferCount = Math.max(bufferCount, ref.buffer + 1);
          at += SLOT_BYTES;
        }
        for (const size of block.sizes) {
          if (!Number.isSafeInteger(size) || size < 0)
            throw new ArgumentError(`${name}: ${size} is not a size`);
          this.#put(at, size);
          at += SLOT_BYTES;
        }
        for (const scalar of block.scalars) {
          scalars.push({ kind: scalar.kind, word: at / 4, argument: scalar.argument });
          scalarCount = Math.max(scalarCount, scalar.argument + 1);
          at += SLOT_BYTES;
        }
      }
    };
    let entry = 0;
    for (const launch of launches) {
      const { executable, layout } = launch;
      if (!(executable instanceof NativeExecutable))
        throw new ArgumentError(`${executable.name} was not loaded by this device`);
      const shares = sharesOf(launch);
      this.#put(entry, executable.address);
      this.#put(entry + 24, shares.length - 1);
      entry += 8;
      shares.forEach((blocks, i) => {
        this.#put(entry, base + at);
        this.#put(entry + 8, blocks.length);
        entry += i === 0 ? ENTRY_BYTES - 8 : SHARE_BYTES;
        putBlocks(executable.name, layout, blocks);
      });
    }
    this.#pointerWords = Uint32Array.from(words);
    this.#pointerBuffers = Uint32Array.from(buffers);
    this.#pointerOffsets = Float64Array.from(offsets);
    this.#scalars = scalars;
    this.#bufferCount = bufferCount;
    this.#scalarCount = scalarCount;
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
      const memory = buffers[pointerBuffers[i]];
      if (!(memory instanceof NativeMemory))
        throw new ArgumentError('a buffer does not belong to this device');
      const pointer = memory.address + pointerOffsets[i];
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

  #put(byteOffset: number, value: number): void {
    this.#words[byteOffset / 4] = value;
    this.#words[byteOffset / 4 + 1] = value / TWO_32;
  }
}

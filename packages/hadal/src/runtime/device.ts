/**
 * The contract between the compiler and a machine. Adding an engine means one implementation of `Device` and one emitter from
 * L3 to its code; nothing above this line changes.
 */
import type { BlockLayout } from '../kernel/abi.js';
import type { ScalarKind } from '../kernel/l3.js';
import type { Target, Threads } from '../kernel/target.js';

/** A piece of device memory, aligned to 64 bytes but for parts of others. What it is made of is the device's business; who can reach it keeps it alive. */
export interface Memory {
  readonly bytes: number;
}

/** Part of another memory, for programs to read or to write. It keeps all of that alive and is not to be released. */
export class MemoryRange implements Memory {
  readonly bytes: number;
  readonly base: Memory;
  readonly byteOffset: number;

  constructor(memory: Memory, byteOffset: number, bytes: number) {
    this.bytes = bytes;
    this.base = memory instanceof MemoryRange ? memory.base : memory;
    this.byteOffset = memory instanceof MemoryRange ? memory.byteOffset + byteOffset : byteOffset;
  }
}

/** Code that a device has loaded and can run. */
export interface Executable {
  readonly name: string;
}

/** Where a program finds a buffer argument: one of the buffers given to `run`, from a byte offset on. */
export interface BufferRef {
  readonly buffer: number;
  readonly byteOffset: number;
}

/** One block of arguments. Scalars name positions in the list given to `run`. */
export interface BlockSpec {
  readonly buffers: readonly BufferRef[];
  readonly sizes: readonly number[];
  readonly scalars: readonly { readonly kind: ScalarKind; readonly argument: number }[];
}

/** A kernel and the blocks it runs on: one launch. */
export interface LaunchSpec {
  readonly executable: Executable;
  readonly layout: BlockLayout;
  /** What the calling thread runs. */
  readonly blocks: readonly BlockSpec[];
  /** What other threads may run meanwhile, a list for each; all of it has been run when the launch ends. */
  readonly others?: readonly (readonly BlockSpec[])[];
}

/** A list of launches made ready once and run many times, each time on other memory and other scalars. */
export interface Program {
  /** `bind`, then `launch`. */
  run(buffers: readonly Memory[], scalars: readonly (number | bigint)[]): void;
  /** Hands over what the next `launch` runs on; nothing else may happen in between but other programs of the same buffers. */
  bind(buffers: readonly Memory[], scalars: readonly (number | bigint)[]): void;
  launch(): void;
}

export interface Device {
  /** 'native' or 'wasm'. */
  readonly name: string;
  readonly target: Target;
  /** As things and `config.numThreads` stand now; plans are made for it. */
  readonly threads: Threads;
  /** Bytes that can still be allocated. Memory that is kept though it is free is given back if less than `wanted` is left. */
  availableBytes(wanted: number): number;
  /** Says that a run is about to hold so many bytes at once, so that none of them is moved out of the way of others. */
  expect(bytes: number): void;
  /**
   * Finds memory that nothing can reach any more, if that pays by now. To be called between runs, when the least is in use.
   *
   * @param nodes of graphs that are done since the last call.
   */
  tidy(nodes: number): void;
  /** Memory with undefined contents. Freed when nothing refers to it any more. Throws `OutOfMemoryError` when there is none left. */
  allocate(bytes: number): Memory;
  /** Gives memory back at once. Only for memory that nothing can reach any more. */
  release(memory: Memory): void;
  write(memory: Memory, byteOffset: number, data: Uint8Array): void;
  /** Fills a memory with zeros. */
  clear(memory: Memory): void;
  /** Memory of its own with the same contents. */
  duplicate(memory: Memory): Memory;
  /** A copy of part of a memory. */
  read(memory: Memory, byteOffset: number, bytes: number): Uint8Array<ArrayBuffer>;
  /** Makes emitted code runnable. */
  load(name: string, code: Uint8Array): Executable;
  program(launches: readonly LaunchSpec[]): Program;
}

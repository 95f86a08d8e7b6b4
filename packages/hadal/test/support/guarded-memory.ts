/**
 * The native device with every memory right beside a page that nothing may touch: an access outside of a buffer is a segmentation
 * fault. One end of a memory is at a page's edge, not both: its size is rarely one of whole pages.
 */
import { createRequire } from 'node:module';
import type { X86Features } from '../../src/codegen/x86/features.js';
import { compileX86 } from '../../src/codegen/x86/index.js';
import { CompiledBackend } from '../../src/engine/compiled.js';
import { Engine } from '../../src/engine/engine.js';
import type { Device, Executable, LaunchSpec, Memory, Program } from '../../src/runtime/device.js';
import type { Level } from '../../src/runtime/native/features.js';
import { type NativeDevice, openNative } from '../../src/runtime/native/index.js';
import { NativeMemory } from '../../src/runtime/native/memory.js';
import { Workspace } from '../../src/tensor/workspace.js';

/** Which end of a memory lies at the edge of a page that is protected. */
export type Edge = 'start' | 'end';

type Foreign = (...args: readonly unknown[]) => unknown;
interface Koffi {
  load(path: string): { func(name: string, result: string, args: readonly string[]): Foreign };
  view(address: bigint, bytes: number): ArrayBuffer;
}

const PAGE = 4096;
const PROT_NONE = 0;
const PROT_READ_WRITE = 3;
/** Private, anonymous, and no swap set aside. */
const MAP_FLAGS = 0x4022;
const REGION = 2 ** 36;

/** Pages between pages that are protected, each used once. */
class GuardedPages {
  readonly #koffi: Koffi;
  readonly #mprotect: Foreign;
  #next: number;
  readonly #end: number;

  constructor() {
    this.#koffi = createRequire(import.meta.url)('koffi') as Koffi;
    const libc = this.#koffi.load('libc.so.6');
    this.#mprotect = libc.func('mprotect', 'int', ['uintptr_t', 'size_t', 'int']);
    const mmap = libc.func('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
    this.#next = Number(mmap(0, REGION, PROT_NONE, MAP_FLAGS, -1, 0));
    if (this.#next <= 0) throw new Error('no address space for protected pages');
    this.#end = this.#next + REGION;
  }

  take(bytes: number, edge: Edge): NativeMemory {
    const size = (bytes + PAGE - 1) & -PAGE;
    const from = this.#next + PAGE;
    this.#next = from + size;
    if (this.#next + PAGE > this.#end) throw new Error('the protected pages are used up');
    if (size > 0) this.#protect(from, size, PROT_READ_WRITE);
    const address = edge === 'start' ? from : from + size - bytes;
    const buffer = bytes > 0 ? this.#koffi.view(BigInt(address), bytes) : new ArrayBuffer(0);
    // NaN and -1: what is read before it is written shows.
    new Uint8Array(buffer).fill(0xff);
    return new NativeMemory(bytes, { buffer, byteOffset: 0, address, capacity: bytes });
  }

  /** Nothing may touch a memory once it was given back. */
  giveBack(memory: NativeMemory): void {
    const { address, capacity } = memory.take();
    const first = Math.floor(address / PAGE) * PAGE;
    if (capacity > 0) this.#protect(first, Math.ceil((address + capacity - first) / PAGE) * PAGE, PROT_NONE);
  }

  #protect(from: number, bytes: number, protection: number): void {
    if (this.#mprotect(from, bytes, protection) !== 0) throw new Error('mprotect failed');
  }
}

let pages: GuardedPages | null = null;

export class GuardedDevice implements Device {
  readonly name: string;
  readonly target: Device['target'];
  readonly #inner: NativeDevice;
  readonly #edge: Edge;
  readonly #pages: GuardedPages;

  constructor(inner: NativeDevice, edge: Edge) {
    this.#inner = inner;
    this.name = inner.name;
    this.target = inner.target;
    this.#edge = edge;
    pages ??= new GuardedPages();
    this.#pages = pages;
  }

  get threads(): Device['threads'] {
    return this.#inner.threads;
  }
  availableBytes(wanted: number): number {
    return this.#inner.availableBytes(wanted);
  }
  expect(): void {}

  tidy(): void {}
  allocate(bytes: number): NativeMemory {
    return this.#pages.take(bytes, this.#edge);
  }
  release(memory: Memory): void {
    if (memory instanceof NativeMemory) this.#pages.giveBack(memory);
  }
  write(memory: Memory, byteOffset: number, data: Uint8Array): void {
    this.#inner.write(memory, byteOffset, data);
  }
  clear(memory: Memory): void {
    this.#inner.clear(memory);
  }
  duplicate(memory: Memory): Memory {
    const copy = this.allocate(memory.bytes);
    copy.view(0, memory.bytes).set(this.read(memory, 0, memory.bytes));
    return copy;
  }
  read(memory: Memory, byteOffset: number, bytes: number): Uint8Array<ArrayBuffer> {
    return this.#inner.read(memory, byteOffset, bytes);
  }
  load(name: string, code: Uint8Array): Executable {
    return this.#inner.load(name, code);
  }
  program(launches: readonly LaunchSpec[]): Program {
    return this.#inner.program(launches);
  }
}

export interface GuardedNative {
  readonly device: GuardedDevice;
  readonly features: X86Features;
}

/** The device with launches cut into so many shares, however small they are. */
export function guardedNative(level: Level, edge: Edge, shares: number): GuardedNative {
  const opened = openNative({ level, shares: { count: shares, leastShareNs: 0 } });
  if (!opened.ok) throw new Error(opened.reason);
  return { device: new GuardedDevice(opened.device, edge), features: opened.features };
}

export function openGuarded(level: Level, edge: Edge, shares: number): Workspace {
  const { device, features } = guardedNative(level, edge, shares);
  const backend = new CompiledBackend('native', 'beside protected pages', device, (fn) => ({
    code: compileX86(fn, features).code,
    listing: () => '',
  }));
  return new Workspace(new Engine(backend));
}

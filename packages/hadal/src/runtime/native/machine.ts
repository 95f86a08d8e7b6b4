/**
 * What the engine asks of the operating system: pages, their protection, and malloc's settings, all through libc.
 * A page is written first and made executable then, and never both: `map` hands out pages that can be written, and nothing
 * here ever makes an executable page writable again.
 */
import { DeviceError } from '../../base/errors.js';
import type { ForeignFunction, Koffi } from './koffi.js';
import { nameCode } from './perf-map.js';
import { stubBytes, stubs } from './stubs.js';
import { ThreadSystem } from './threads/system.js';

const PAGE = 4096;
/** Address space asked for at once; pages of it become real when they are written. */
const REGION = 1 << 20;

const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
const M_MMAP_MAX = -4;
/** Blocks that malloc may give pages of their own, if nothing is said. */
const DEFAULT_MMAP_MAX = 65_536;
/** The largest threshold that glibc takes. */
const LARGEST_THRESHOLD = 32 << 20;
/** Bytes at the end of the heap that malloc keeps; also the largest block that it has to keep. */
const KEPT = 1 << 30;

export class Machine {
  readonly #koffi: Koffi;
  readonly #mmap: ForeignFunction;
  readonly #mprotect: ForeignFunction;
  readonly #memcpy: ForeignFunction;
  readonly #mallopt: ForeignFunction;
  readonly #mallocTrim: ForeignFunction;
  #next = 0;
  #end = 0;
  /** Address of a buffer's first byte. */
  readonly address: (buffer: ArrayBuffer) => number;
  /** Runs a list of launches at an address, with the workers of a pool at another one, or alone where that is 0. */
  readonly run: (list: number, pool: number) => void;
  /** Puts `desired` where `expected` is, in one step for all threads; gives what was there. All are 32 bits, without sign. */
  readonly compareExchange: (at: number, expected: number, desired: number) => number;
  /** Executes so many `pause` instructions. */
  readonly pauses: (count: number) => void;
  /** Where the code that a worker thread runs is. */
  readonly worker: number;
  readonly threads: ThreadSystem;
  readonly #cpuid: ForeignFunction;
  readonly #xgetbv: ForeignFunction;

  constructor(koffi: Koffi) {
    this.#koffi = koffi;
    const libc = koffi.load('libc.so.6');
    this.#mmap = libc.func('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
    this.#mprotect = libc.func('mprotect', 'int', ['uintptr_t', 'size_t', 'int']);
    this.#memcpy = libc.func('memcpy', 'uintptr_t', ['uintptr_t', 'void*', 'size_t']);
    this.#mallopt = libc.func('mallopt', 'int', ['int', 'int']);
    this.#mallocTrim = libc.func('malloc_trim', 'int', ['size_t']);

    const at = this.#loadStubs();
    const stub = (name: keyof typeof stubs, result: string, args: readonly string[]): ForeignFunction =>
      koffi.decode(BigInt(at[name]), koffi.proto(result, args));
    this.address = stub('address', 'double', ['void*']) as (buffer: ArrayBuffer) => number;
    this.#cpuid = stub('cpuid', 'void', ['uint32_t', 'uint32_t', 'void*']);
    this.#xgetbv = stub('xgetbv', 'uint32_t', []);
    this.run = stub('run', 'void', ['uintptr_t', 'uintptr_t']) as (list: number, pool: number) => void;
    this.compareExchange = stub('compareExchange', 'uint32_t', ['uintptr_t', 'uint32_t', 'uint32_t']) as (
      at: number,
      expected: number,
      desired: number,
    ) => number;
    this.pauses = stub('pauses', 'void', ['uint32_t']) as (count: number) => void;
    this.worker = at.worker;
    this.threads = new ThreadSystem(koffi);
  }

  /** Where each stub is. */
  #loadStubs(): { readonly [name in keyof typeof stubs]: number } {
    const names = Object.keys(stubs) as (keyof typeof stubs)[];
    const codes = names.map((name) => stubBytes(stubs[name]));
    const offsets: number[] = [];
    let bytes = 0;
    for (const code of codes) {
      offsets.push(bytes);
      bytes += (code.length + 63) & ~63;
    }
    const image = new Uint8Array(bytes);
    codes.forEach((code, i) => {
      image.set(code, offsets[i]);
    });
    const start = this.executable(image);
    names.forEach((name, i) => {
      nameCode(name, start + offsets[i], codes[i].length);
    });
    return Object.fromEntries(names.map((name, i) => [name, start + offsets[i]])) as {
      [name in keyof typeof stubs]: number;
    };
  }

  /** Copies code to fresh pages and makes them executable. */
  executable(code: Uint8Array): number {
    const bytes = (code.byteLength + PAGE - 1) & ~(PAGE - 1);
    if (this.#next + bytes > this.#end) {
      const region = Math.max(REGION, bytes);
      const at = Number(this.#mmap(0, region, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0));
      if (at <= 0) throw new DeviceError(`no memory for ${region} bytes of code`);
      this.#next = at;
      this.#end = at + region;
    }
    const at = this.#next;
    this.#next += bytes;
    this.#memcpy(at, code, code.byteLength);
    if (this.#mprotect(at, bytes, PROT_READ_EXEC) !== 0) {
      throw new DeviceError('the system does not allow memory to be made executable');
    }
    return at;
  }

  /** A function of one pointer-sized argument at an address; for probes. */
  callable(address: number): (argument: number) => void {
    return this.#koffi.decode(BigInt(address), this.#koffi.proto('void', ['uintptr_t'])) as (
      argument: number,
    ) => void;
  }

  cpuid(leaf: number, subleaf: number): { eax: number; ebx: number; ecx: number; edx: number } {
    const out = new ArrayBuffer(16);
    this.#cpuid(leaf, subleaf, out);
    const [eax, ebx, ecx, edx] = new Uint32Array(out);
    return { eax, ebx, ecx, edx };
  }

  /** XCR0: which register states the system saves. */
  xcr0(): number {
    return Number(this.#xgetbv());
  }

  /**
   * Keeps freed tensors in malloc's heap, whose pages are already there, instead of giving every large block pages of its own and
   * back.
   */
  keepFreedMemory(): void {
    this.#mallopt(M_MMAP_THRESHOLD, LARGEST_THRESHOLD);
    this.#mallopt(M_TRIM_THRESHOLD, KEPT);
  }

  /**
   * What `allocate` gives, from malloc's heap too where the block is above the largest threshold: the fresh pages of 33 MB take
   * longer than adding up an embedding's gradient in them.
   */
  fromHeap<T>(bytes: number, allocate: () => T): T {
    if (bytes < LARGEST_THRESHOLD || bytes > KEPT) return allocate();
    this.#mallopt(M_MMAP_MAX, 0);
    try {
      return allocate();
    } finally {
      this.#mallopt(M_MMAP_MAX, DEFAULT_MMAP_MAX);
    }
  }

  /** Gives the pages of freed blocks back to the system. */
  trim(): void {
    this.#mallocTrim(0);
  }
}

/**
 * Device memory: part of a raw ArrayBuffer from a 64-byte boundary on. V8 frees it when nothing refers to it any more. What
 * is given back by hand goes to a pool of size classes, eight to each power of two, so that at most an eighth is wasted.
 *
 * Always a raw ArrayBuffer: the contents of a small typed array may lie on V8's heap, which moves them.
 */
import { ArgumentError, DeviceError, OutOfMemoryError } from '../../base/errors.js';
import type { Memory } from '../device.js';
import { GraphGarbage } from './graph-garbage.js';
import { YoungGarbage } from './young-garbage.js';

const ALIGNMENT = 64;

/** A block of memory at its aligned address, whoever uses it now. */
interface Store {
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  readonly address: number;
  readonly capacity: number;
}

export class NativeMemory implements Memory {
  readonly bytes: number;
  #store: Store | null;

  constructor(bytes: number, store: Store) {
    this.bytes = bytes;
    this.#store = store;
  }

  get address(): number {
    return this.store.address;
  }

  get store(): Store {
    if (this.#store === null) throw new DeviceError('memory is used after it was released');
    return this.#store;
  }

  /** Takes the block away from this memory. */
  take(): Store {
    const store = this.store;
    this.#store = null;
    return store;
  }

  view(byteOffset: number, bytes: number): Uint8Array<ArrayBuffer> {
    if (byteOffset < 0 || bytes < 0 || byteOffset + bytes > this.bytes) {
      throw new ArgumentError(`bytes ${byteOffset}..${byteOffset + bytes} of a memory of ${this.bytes}`);
    }
    return new Uint8Array(this.store.buffer, this.store.byteOffset + byteOffset, bytes);
  }
}

/** The size of the class that holds this many bytes. */
export function classBytes(bytes: number): number {
  if (bytes <= 512) return Math.max(ALIGNMENT, (bytes + ALIGNMENT - 1) & -ALIGNMENT);
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}

/** What the pool needs of `Machine`. */
export interface Heap {
  /** Address of a buffer's first byte. */
  address(buffer: ArrayBuffer): number;
  /** What `allocate` gives, from memory that is kept when it is freed where that is possible. */
  fromHeap<T>(bytes: number, allocate: () => T): T;
}

export class MemoryPool {
  readonly #heap: Heap;
  readonly #limit: number;
  readonly #free = new Map<number, Store[]>();
  #pooled = 0;
  readonly #garbage = new YoungGarbage();
  readonly #graphs = new GraphGarbage();
  /** An array over a buffer of its own, not cleared, not part of Node's shared slab. */
  readonly #unsafe: (size: number) => Uint8Array<ArrayBuffer>;

  constructor(heap: Heap, limitBytes: number) {
    this.#heap = heap;
    this.#limit = limitBytes;
    const { Buffer } = process.getBuiltinModule('node:buffer');
    this.#unsafe = (size) => Buffer.allocUnsafeSlow(size);
  }

  get pooledBytes(): number {
    return this.#pooled;
  }

  allocate(bytes: number): NativeMemory {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new ArgumentError(`cannot allocate ${bytes} bytes`);
    const capacity = classBytes(bytes);
    const pooled = this.#pooled > 0 ? this.#free.get(capacity)?.pop() : undefined;
    if (pooled) {
      this.#pooled -= capacity;
      return new NativeMemory(bytes, pooled);
    }
    this.#garbage.add(capacity);
    const buffer = this.#buffer(capacity, bytes);
    const start = this.#heap.address(buffer);
    const byteOffset = -start & (ALIGNMENT - 1);
    return new NativeMemory(bytes, { buffer, byteOffset, address: start + byteOffset, capacity });
  }

  /** Looks for memory that nothing can reach any more, where enough was handed out since the last time. */
  tidy(nodes: number): void {
    this.#graphs.add(nodes);
    this.#graphs.collect();
    this.#garbage.collect();
  }

  release(memory: NativeMemory): void {
    const store = memory.take();
    if (this.#pooled + store.capacity > this.#limit) return;
    this.#pooled += store.capacity;
    const list = this.#free.get(store.capacity);
    if (list) list.push(store);
    else this.#free.set(store.capacity, [store]);
  }

  /** Memory as malloc gives it: clearing 16 MB takes longer than many a kernel that then overwrites them. */
  #buffer(capacity: number, bytes: number): ArrayBuffer {
    const size = capacity + ALIGNMENT;
    const fresh = (): ArrayBuffer => this.#heap.fromHeap(size, () => this.#unsafe(size).buffer);
    try {
      return fresh();
    } catch {
      this.#free.clear();
      this.#pooled = 0;
    }
    try {
      return fresh();
    } catch {
      throw new OutOfMemoryError(`no memory for ${bytes} bytes`);
    }
  }
}

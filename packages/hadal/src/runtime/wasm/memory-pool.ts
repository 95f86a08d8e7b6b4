/**
 * Whose data lies where in the one WebAssembly memory that all kernels share.
 *
 * Words used here:
 * - **handle**: the `Memory` that the rest of hadal holds. While anybody holds it, its data must be kept.
 * - **cell**: where a handle's data is: a slot in the heap, or a copy in an ArrayBuffer outside of it.
 * - **resident**: of a cell, to be in the heap. Resident cells form a list from the longest unused to the latest.
 *
 * A handle that is dropped cannot be noticed inside of a synchronous loop: no finaliser runs there. But V8 does free
 * ArrayBuffers there, so over the budget the longest unused cells are copied out, and a dropped handle takes its copy with
 * it. The budget starts small, so that dropped handles do not pile up, and doubles when a good part of what was copied out had to
 * come back. That needs every path to a copy to lead through its handle: no WeakRef (its target stays alive to the end of the
 * job), and no registration with the finaliser while a cell is copied out (what it holds stays alive until it ran).
 */
import { InternalError, known, OutOfMemoryError } from '../../base/errors.js';
import type { Memory } from '../device.js';
import { MemoryRange } from '../device.js';
import { ALIGNMENT, Heap, type Slot } from './heap.js';
import type { WasmMemoryObject } from './webassembly.js';

const PAGE = 65536;
/** Growing detaches every view of the memory, so it is done in large steps. */
const GROWTH_BYTES = 16 * 2 ** 20;
const FIRST_BUDGET_BYTES = 16 * 2 ** 20;
/** What a slot counts for in the budget at least: a dropped handle leaves a cell, a slot and an entry of the finaliser behind. */
const LEAST_CHARGE = 1024;

function charge(bytes: number): number {
  return Math.max(bytes, LEAST_CHARGE);
}

class Cell {
  readonly bytes: number;
  slot: Slot | null = null;
  copy: ArrayBuffer | null = null;
  /** The run that needs it now. */
  run = 0;
  older: Cell | null = null;
  newer: Cell | null = null;

  constructor(bytes: number) {
    this.bytes = bytes;
  }
}

export class WasmMemory implements Memory {
  readonly bytes: number;
  readonly cell: Cell;

  constructor(cell: Cell) {
    this.bytes = cell.bytes;
    this.cell = cell;
  }
}

export interface PoolLimits {
  /** Bytes of slots in use above which cells are copied out. */
  readonly budgetBytes: number;
  /** Bytes that the memory never exceeds. */
  readonly maximumBytes: number;
}

export class MemoryPool {
  readonly memory: WasmMemoryObject;
  readonly limits: PoolLimits;
  bytes: Uint8Array;
  words: Int32Array;
  floats: Float32Array;
  doubles: Float64Array;
  longs: BigInt64Array;
  readonly #heap: Heap;
  #oldest: Cell | null = null;
  #newest: Cell | null = null;
  #usedBytes = 0;
  /** What the slots in use count for in the budget. */
  #charged = 0;
  #run = 0;
  /** The budget as it stands; see the head of this file. */
  #budget: number;
  /** What went out and came back since the budget last changed. */
  #evictedBytes = 0;
  #returnedBytes = 0;
  /** Held values are cells, never handles; a cell is registered exactly while it is resident. */
  readonly #dropped = new FinalizationRegistry<Cell>((cell) => this.#vacate(cell));

  constructor(memory: WasmMemoryObject, limits: PoolLimits) {
    this.memory = memory;
    this.limits = limits;
    this.#budget = Math.min(limits.budgetBytes, FIRST_BUDGET_BYTES);
    // Address 0 stays free: pointers to something are never null.
    this.#heap = new Heap(ALIGNMENT);
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Int32Array(memory.buffer);
    this.floats = new Float32Array(memory.buffer);
    this.doubles = new Float64Array(memory.buffer);
    this.longs = new BigInt64Array(memory.buffer);
    this.#heap.extend(memory.buffer.byteLength);
  }

  /** Bytes of the slots in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  allocate(bytes: number): WasmMemory {
    this.#run++;
    const cell = new Cell(bytes);
    const memory = new WasmMemory(cell);
    this.#settle(memory, this.#place(bytes));
    return memory;
  }

  release(memory: WasmMemory): void {
    const { cell } = memory;
    cell.copy = null;
    if (cell.slot) this.#dropped.unregister(cell);
    this.#vacate(cell);
  }

  write(memory: WasmMemory, byteOffset: number, data: Uint8Array): void {
    checkRange(memory, byteOffset, data.length);
    const { slot, copy } = memory.cell;
    if (slot) this.bytes.set(data, slot.offset + byteOffset);
    else new Uint8Array(known(copy, 'memory that was not released')).set(data, byteOffset);
  }

  clear(memory: WasmMemory): void {
    this.#contents(memory).fill(0);
  }

  duplicate(memory: WasmMemory): WasmMemory {
    const copy = this.allocate(memory.bytes);
    // Only now: what was allocated may have moved everything else.
    this.#contents(copy).set(this.#contents(memory));
    return copy;
  }

  /** A view of where the data is at the moment. */
  #contents({ bytes, cell }: WasmMemory): Uint8Array {
    const { slot, copy } = cell;
    if (slot) return this.bytes.subarray(slot.offset, slot.offset + bytes);
    return new Uint8Array(known(copy, 'memory that was not released'), 0, bytes);
  }

  read(memory: WasmMemory, byteOffset: number, bytes: number): Uint8Array<ArrayBuffer> {
    checkRange(memory, byteOffset, bytes);
    const { slot, copy } = memory.cell;
    if (slot) return this.bytes.slice(slot.offset + byteOffset, slot.offset + byteOffset + bytes);
    return new Uint8Array(known(copy, 'memory that was not released').slice(byteOffset, byteOffset + bytes));
  }

  /** A slot that belongs to no cell and stays until it is given back. */
  reserve(bytes: number): Slot {
    this.#run++;
    return this.#place(bytes);
  }

  giveBack(slot: Slot): void {
    this.#usedBytes -= slot.bytes;
    this.#charged -= charge(slot.bytes);
    this.#heap.free(slot);
  }

  /** Makes room in the budget for a run that holds so many bytes at once, before the first of them is placed. */
  expect(bytes: number): void {
    if (2 * bytes > this.#budget) this.#raiseBudget(2 * bytes);
  }

  /** Brings all of them into the heap, where they stay until something else is allocated. */
  bringIn(memories: readonly Memory[]): void {
    const run = ++this.#run;
    let missing = false;
    let needed = 0;
    for (let i = 0; i < memories.length; i++) {
      const memory = whole(memories[i]);
      if (!(memory instanceof WasmMemory)) throw new InternalError('this memory belongs to another device');
      const { cell } = memory;
      cell.run = run;
      needed += charge(cell.bytes);
      if (!cell.slot) missing = true;
      else if (cell.newer) {
        this.#unlink(cell);
        this.#link(cell);
      }
    }
    this.expect(needed);
    if (missing) this.#bringBack(memories);
  }

  #raiseBudget(bytes: number): void {
    this.#budget = Math.min(this.limits.budgetBytes, Math.max(this.#budget, bytes));
    this.#evictedBytes = 0;
    this.#returnedBytes = 0;
  }

  #bringBack(memories: readonly Memory[]): void {
    for (const part of memories) {
      const memory = whole(part);
      if (!(memory instanceof WasmMemory) || memory.cell.slot) continue;
      const copy = known(memory.cell.copy, 'memory that was not released');
      let slot: Slot;
      try {
        slot = this.#place(memory.bytes);
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error;
        const total = [...new Set(memories)].reduce((sum, m) => sum + m.bytes, 0);
        throw new OutOfMemoryError(
          `a run needs ${memories.length} buffers of ${mib(total)} in all at once: ${error.message}`,
        );
      }
      this.bytes.set(new Uint8Array(copy), slot.offset);
      memory.cell.copy = null;
      this.#settle(memory, slot);
      this.#returnedBytes += charge(memory.bytes);
    }
    if (this.#evictedBytes >= this.#budget && 4 * this.#returnedBytes > this.#evictedBytes) {
      this.#raiseBudget(2 * this.#budget);
    }
  }

  #settle(memory: WasmMemory, slot: Slot): void {
    memory.cell.slot = slot;
    this.#link(memory.cell);
    this.#dropped.register(memory, memory.cell, memory.cell);
  }

  /** Frees a cell's slot, if it has one, and forgets what was in it. */
  #vacate(cell: Cell): void {
    if (!cell.slot) return;
    this.giveBack(cell.slot);
    cell.slot = null;
    this.#unlink(cell);
  }

  /** Copies the longest unused cell out; false when the rest is needed now. */
  #evict(): boolean {
    const cell = this.#oldest;
    if (!cell?.slot || cell.run === this.#run) return false;
    cell.copy = this.bytes.slice(cell.slot.offset, cell.slot.offset + cell.bytes).buffer;
    this.#evictedBytes += charge(cell.bytes);
    this.#dropped.unregister(cell);
    this.#vacate(cell);
    return true;
  }

  /** Within the budget: growing before evicting. Beyond it: evicting before growing. */
  #place(bytes: number): Slot {
    while (this.#charged + charge(bytes) > this.#budget && this.#evict());
    let slot = this.#heap.allocate(bytes);
    if (!slot && this.#heap.bytes + bytes <= this.#budget && this.#grow(bytes))
      slot = this.#heap.allocate(bytes);
    while (!slot && this.#evict()) slot = this.#heap.allocate(bytes);
    if (!slot && this.#grow(bytes)) slot = this.#heap.allocate(bytes);
    if (!slot) {
      throw new OutOfMemoryError(
        `out of WebAssembly memory: ${mib(bytes)} were asked for, ${mib(this.#usedBytes)} of ${mib(this.#heap.bytes)} ` +
          `are in use and cannot be moved out, and it may not grow beyond ${mib(this.limits.maximumBytes)}`,
      );
    }
    this.#usedBytes += slot.bytes;
    this.#charged += charge(slot.bytes);
    return slot;
  }

  #grow(bytes: number): boolean {
    const have = this.memory.buffer.byteLength;
    const needed = Math.ceil((bytes + ALIGNMENT) / PAGE);
    const allowed = Math.floor((this.limits.maximumBytes - have) / PAGE);
    if (needed > allowed) return false;
    const wanted = Math.min(allowed, Math.max(needed, Math.ceil(Math.min(GROWTH_BYTES, have) / PAGE)));
    if (!this.#tryGrow(wanted) && !this.#tryGrow(needed)) return false;
    this.bytes = new Uint8Array(this.memory.buffer);
    this.words = new Int32Array(this.memory.buffer);
    this.floats = new Float32Array(this.memory.buffer);
    this.doubles = new Float64Array(this.memory.buffer);
    this.longs = new BigInt64Array(this.memory.buffer);
    this.#heap.extend(this.memory.buffer.byteLength);
    return true;
  }

  #tryGrow(pages: number): boolean {
    try {
      this.memory.grow(pages);
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  #link(cell: Cell): void {
    cell.older = this.#newest;
    cell.newer = null;
    if (this.#newest) this.#newest.newer = cell;
    else this.#oldest = cell;
    this.#newest = cell;
  }

  #unlink(cell: Cell): void {
    if (cell.older) cell.older.newer = cell.newer;
    else this.#oldest = cell.newer;
    if (cell.newer) cell.newer.older = cell.older;
    else this.#newest = cell.older;
    // Left in place, these links would keep cells alive through handles of copied-out neighbours.
    cell.older = null;
    cell.newer = null;
  }
}

function whole(memory: Memory): Memory {
  return memory instanceof MemoryRange ? memory.base : memory;
}

function checkRange(memory: WasmMemory, byteOffset: number, bytes: number): void {
  if (byteOffset < 0 || bytes < 0 || byteOffset + bytes > memory.bytes) {
    throw new InternalError(
      `bytes ${byteOffset} to ${byteOffset + bytes} lie outside of a memory of ${memory.bytes}`,
    );
  }
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

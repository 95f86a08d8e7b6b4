/**
 * What large graphs leave in V8's heap. A node with its tensor and its place on the tape takes about a KiB, and V8 lets its heap grow to
 * several times what is in use before it looks for the rest; a host with as much memory to spare as the tensors need is rare.
 */
import { collectorOfHost } from './young-garbage.js';

/** Smaller programs leave so little that V8's own schedule is as good. */
const WORTH_A_LOOK = 50_000;

/** Heap above twice what was in use after the last collection. */
const SPARE = 128 * 2 ** 20;

/** V8's heap, or what a test puts in its place. */
export interface GraphHeap {
  /** Bytes in use, garbage among them. */
  used(): number;
  collect(): void;
}

/** V8's heap, where its collector can be had. */
export function findHeap(): GraphHeap | null {
  try {
    const gc = collectorOfHost();
    if (gc === null) return null;
    const { getHeapStatistics } = process.getBuiltinModule('node:v8');
    return { used: () => getHeapStatistics().used_heap_size, collect: () => gc() };
  } catch {
    return null;
  }
}

export class GraphGarbage {
  readonly #find: () => GraphHeap | null;
  #heap: GraphHeap | null | undefined;
  #nodes = 0;
  /** Bytes in use after the last collection. */
  #live = 0;

  constructor(find: () => GraphHeap | null = findHeap) {
    this.#find = find;
  }

  /** Counts nodes of graphs that have run. */
  add(nodes: number): void {
    this.#nodes += nodes;
  }

  /** To be called between runs. */
  collect(): void {
    if (this.#nodes < WORTH_A_LOOK) return;
    this.#nodes = 0;
    if (this.#heap === undefined) this.#heap = this.#find();
    if (this.#heap === null || this.#heap.used() < 2 * this.#live + SPARE) return;
    this.#heap.collect();
    this.#live = this.#heap.used();
  }
}

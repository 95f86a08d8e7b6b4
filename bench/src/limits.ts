/** What a piece of work takes at the speed of the machine's arithmetic or of its memory, whichever is less. */

/** How much arithmetic and memory traffic an operation cannot do without. */
export interface Work {
  readonly flops: number;
  /**
   * Bytes that cross between caches and memory: those read, those written, and those that are fetched only because a write to
   * a part of a line needs the rest of it. An output elsewhere counts twice, a value updated in place counts as read and written.
   */
  readonly bytes: number;
  /** How much of them are touched at a time: the copy probe copies about this much, so that it sees the same caches. */
  readonly footprint: number;
}

export interface Limit {
  readonly ms: number;
  readonly by: 'fma' | 'copy';
}

export interface Prober {
  /** 10^9 float32 operations a second. */
  compute(): number;
  /** 10^9 bytes a second, counted as in `Work.bytes`, within a footprint of source plus destination. */
  copy(footprint: number): number;
  /** Whether a probe is quick enough to go with every round. */
  readonly quick: boolean;
}

/** The least time that some work can take here and now. */
export function limitOf(prober: Prober, work: Work, threads: number): Limit {
  // The probe is of one core, and cores do not share their arithmetic. They do share the memory.
  const fma = work.flops === 0 ? 0 : work.flops / prober.compute() / 1e6 / threads;
  const copy = work.bytes === 0 ? 0 : work.bytes / prober.copy(work.footprint) / 1e6;
  return fma >= copy ? { ms: fma, by: 'fma' } : { ms: copy, by: 'copy' };
}

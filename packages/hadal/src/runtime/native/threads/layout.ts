/**
 * The memory through which threads hand shares over: a header and, on cache lines of its own, a seat for each worker. Offsets are in
 * bytes. `stubs.ts` is written in these words.
 *
 * A seat's state says who may touch it. The thread that runs a launch writes a share into a seat that is idle or asleep and posts it;
 * the worker takes it, runs it and makes the seat idle again. What is posted and not yet taken can be taken back.
 */
import { MAX_THREADS } from '../../../base/config.js';

export const layout = {
  /** 1 while some thread's launch uses the workers. */
  lock: 0,
  /** Which layout this is; 0 until the first that uses it says so. */
  version: 4,
  /** Seats that are given away, on a line that is hardly ever written. */
  workers: 128,
  /** The first seat. */
  seats: 256,

  // Of a seat.
  /** 32 bits: the futex that both sides sleep on. */
  state: 0,
  /** 32 bits: how many times to look at the state before sleeping. */
  spins: 4,
  fn: 8,
  blocks: 16,
  count: 24,
  /** Processors fetch lines in pairs. */
  seatBytes: 128,
  seatShift: 7,
} as const;

/** States of a seat. From `taken` on the worker is busy. */
export const state = {
  idle: 0,
  /** The worker sleeps until the state changes. */
  asleep: 1,
  posted: 2,
  taken: 3,
  /** The thread that posted the share sleeps until the state changes. */
  awaited: 4,
} as const;

export const MAX_WORKERS = MAX_THREADS - 1;

export const POOL_BYTES = layout.seats + MAX_WORKERS * layout.seatBytes;

/** Changes with the meaning of anything above; two versions of this package in one process must not share workers. */
export const LAYOUT_VERSION = 0x6861_0001;

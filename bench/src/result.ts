/** One line of the JSON file: what a case took, against a peer and against what the machine can do. */
import type { Spread } from './statistics.js';

export type EngineName = 'native' | 'wasm';

export interface Target {
  readonly what: string;
  readonly value: number;
  readonly bound: number;
  /** Whether `bound` is the most or the least that is wanted. */
  readonly is: 'most' | 'least';
}

export interface Result {
  readonly suite: string;
  readonly case: string;
  readonly engine: EngineName;
  readonly threads: number;
  /** 'none' where nothing was compared with; then `ratio` and `peerMs` are missing and `limitShare` is the comparison. */
  readonly peer: string;
  /** The peer's time over hadal's, pair by pair; above 1 is ahead. */
  readonly ratio?: Spread;
  /** Median milliseconds of one operation. */
  readonly ms: number;
  readonly minMs: number;
  readonly peerMs?: number;
  /** The form in which the peer was fastest. */
  readonly peerForm?: string;
  /** The peer's CPU time over wall time: above the thread count, it used more threads than it should. */
  readonly peerCpu?: number;
  /** The same of hadal; well below the thread count, other programs took the processor, or threads waited. */
  readonly cpu?: number;
  /** How many rounds other programs disturbed, where they left too few that were not: the figures are worth little. */
  readonly disturbed?: number;
  /** The peer's CPU time over hadal's, the median of pairs: of use with one thread on a busy machine, where wall time says little. */
  readonly cpuRatio?: number;
  /** The fastest rounds of both, which a busy machine disturbs least: peer over hadal. */
  readonly bestRatio?: number;
  /** Why there is no comparison although a peer was asked for. */
  readonly peerMissing?: string;
  readonly gflops?: number;
  /** Time at the probe's speed over time taken, the median of pairs; against arithmetic or copying, whichever binds. */
  readonly limitShare?: number;
  /** The same of the fastest round and the fastest probe. */
  readonly bestShare?: number;
  readonly limitedBy?: 'fma' | 'copy';
  /** The first run, which plans and compiles. */
  readonly compileMs?: number;
  /** Other figures, by name with unit. */
  readonly detail?: { readonly [name: string]: number };
  readonly targets?: readonly Target[];
}

export function isMet(target: Target): boolean {
  return target.is === 'most' ? target.value <= target.bound : target.value >= target.bound;
}

/** One case of a suite that is measured in rounds: how to run it on hadal, how a peer runs it, and what is right. */

import type { Tolerance } from './compare.js';
import type { Work } from './limits.js';
import type { PeerCase } from './peer/peer.js';
import type { Result, Target } from './result.js';

/** What one round computes, on inputs made beforehand. */
export interface Round {
  /** All repetitions, realised; this is what is timed. */
  run(): void | Promise<void>;
  /** All outputs of all repetitions behind one another; read after the time was taken. */
  output(): Float32Array;
  /** Throws `MismatchError` unless the outputs are what a formula computed apart says. */
  check(output: Float32Array): void;
}

export interface Workload {
  readonly suite: string;
  readonly case: string;
  /** How often the operation is done in one timing, each time on other inputs. */
  readonly repetitions: number;
  /** Of one operation. */
  readonly work: Work;
  /** What the peer is asked to do, and how near the results must be; null where there is nothing to compare. */
  readonly peer: { readonly case: PeerCase; readonly tolerance: Tolerance } | null;
  /** Makes the inputs of a round. Rounds are numbered upwards from 0 and made in order. */
  prepare(round: number): Round;
  readonly targets?: (result: Result) => readonly Target[];
}

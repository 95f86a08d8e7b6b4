/**
 * Measures a workload: one first run, warm-up, then rounds in which a probe, hadal and the peer take turns on new inputs and all
 * outputs are compared.
 */
import { checkClose } from './compare.js';
import { collectGarbage } from './garbage.js';
import { type Limit, limitOf, type Prober } from './limits.js';
import type { Peer, PeerRound } from './peer/peer.js';
import type { EngineName, Result } from './result.js';
import { median, pairwiseRatios } from './statistics.js';
import type { Round, Workload } from './workload.js';

export interface Bench {
  readonly engine: EngineName;
  readonly threads: number;
  readonly rounds: number;
  readonly prober: Prober;
  readonly peer: Peer | null;
}

/** V8 compiles hot code in the background; it is done well before this much time. */
const WARM_UP_MS = 500;

function timed(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

export async function measure(workload: Workload, bench: Bench): Promise<Result> {
  const { repetitions, work } = workload;
  const name = `${workload.suite} ${workload.case} on ${bench.engine}`;
  const against =
    bench.peer !== null && workload.peer !== null ? { peer: bench.peer, ...workload.peer } : null;
  const form = against === null ? null : await against.peer.open(against.case, repetitions);

  // The last round stays alive until garbage was collected: V8 throws optimised code away when a collection finds no object left
  // of a kind that the code was made for, which no program that holds a model would ever see.
  const alive: { round: Round | null } = { round: null };

  /** All that a round must agree with; the peer takes part in every one, as its state may go on from round to round. */
  async function oneRound(round: number): Promise<{ ms: number; theirs: PeerRound | null }> {
    await collectGarbage();
    const prepared = workload.prepare(round);
    alive.round = prepared;
    // Who goes first changes, so that neither always finds the caches or the clock frequency the other left.
    const peerFirst = round % 2 === 1;
    let theirs = against !== null && peerFirst ? await against.peer.round(round) : null;
    const ms = timed(() => prepared.run());
    if (against !== null && !peerFirst) theirs = await against.peer.round(round);
    const output = prepared.output();
    prepared.check(output);
    if (against !== null && theirs !== null) {
      checkClose(
        `${name}, round ${round}, against ${against.peer.name}`,
        output,
        theirs.output,
        against.tolerance,
      );
    }
    return { ms, theirs };
  }

  let round = 0;
  const first = await oneRound(round++);
  let warm = 0;
  while (warm < WARM_UP_MS || round < 3) warm += (await oneRound(round++)).ms;

  const caseLimit = bench.prober.quick ? null : limitOf(bench.prober, work);
  const times: number[] = [];
  const limits: Limit[] = [];
  const theirTimes: number[] = [];
  const theirCpu: number[] = [];
  for (let i = 0; i < bench.rounds; i++) {
    limits.push(caseLimit ?? limitOf(bench.prober, work));
    const { ms, theirs } = await oneRound(round++);
    times.push(ms / repetitions);
    if (theirs !== null) {
      theirTimes.push(theirs.ms);
      theirCpu.push(theirs.cpu);
    }
  }

  const ms = median(times);
  const minMs = Math.min(...times);
  const binding = limits[0];
  const result: Result = {
    suite: workload.suite,
    case: workload.case,
    engine: bench.engine,
    threads: bench.threads,
    peer: against?.peer.name ?? 'none',
    ms,
    minMs,
    compileMs: first.ms,
    ...(work.flops > 0 ? { gflops: work.flops / ms / 1e6 } : {}),
    ...(binding.ms > 0
      ? {
          limitShare: median(times.map((t, i) => limits[i].ms / t)),
          bestShare: Math.min(...limits.map((l) => l.ms)) / minMs,
          limitedBy: binding.by,
        }
      : {}),
    ...(theirTimes.length > 0
      ? {
          ratio: pairwiseRatios(times, theirTimes),
          peerMs: median(theirTimes),
          peerCpu: Math.max(...theirCpu),
          peerForm: form ?? '',
        }
      : {}),
  };
  return workload.targets === undefined ? result : { ...result, targets: workload.targets(result) };
}

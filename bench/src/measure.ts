/**
 * Measures a workload: one first run, warm-up, then rounds in which a probe, hadal and the peer take turns on new inputs and all
 * outputs are compared.
 */
import { checkClose, type Tolerance } from './compare.js';
import { collectGarbage } from './garbage.js';
import { type Limit, limitOf, type Prober } from './limits.js';
import type { Once } from './peer/once.js';
import type { Opened, Peer, PeerCase, PeerRound } from './peer/peer.js';
import type { EngineName, Result } from './result.js';
import { median, pairwiseRatios } from './statistics.js';
import type { Round, Workload } from './workload.js';

export interface Bench {
  readonly engine: EngineName;
  readonly threads: number;
  readonly rounds: number;
  readonly prober: Prober;
  readonly peer: Peer | null;
  /** The peer in processes of its own, where it can be had so. */
  readonly once: Once | null;
}

/** One thread that got less of a processor than this was interrupted by other programs: the round is measured again... */
const UNDISTURBED = 0.9;
/** ...up to so many times the rounds asked for, and no longer than this. */
const PATIENCE = 3;
const PATIENCE_MS = 30_000;

/** A peer that takes longer than this for one round is measured once, and not compared: ten rounds would take a quarter of an hour. */
const LONGEST_ROUND_MS = 60_000;

/** V8 compiles hot code in the background; it is done well before this much time. */
const WARM_UP_MS = 500;

const NOTHING = new Float32Array(0);

interface Timing {
  readonly ms: number;
  /** CPU time of the process over wall time. */
  readonly cpu: number;
}

async function timed(run: () => void | Promise<void>): Promise<Timing> {
  const before = process.cpuUsage();
  const start = performance.now();
  const running = run();
  // Waiting for nothing would put a turn of the event loop into the time.
  if (running instanceof Promise) await running;
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { ms, cpu: (user + system) / 1000 / ms };
}

/** What is kept of a round; outputs are not. */
interface Measured extends Timing {
  readonly limit: Limit;
  readonly theirs: PeerRound | null;
  readonly isUndisturbed: boolean;
}

interface Against {
  readonly peer: Peer;
  readonly case: PeerCase;
  readonly tolerance: Tolerance;
  readonly opened: Opened;
}

async function openCase({ peer: asked }: Workload, peer: Peer | null, repetitions: number) {
  if (peer === null || asked === null) return null;
  return { peer, ...asked, opened: await peer.open(asked.case, repetitions) } satisfies Against;
}

export async function measure(workload: Workload, bench: Bench): Promise<Result> {
  const { repetitions, work } = workload;
  const name = `${workload.suite} ${workload.case} on ${bench.engine}`;
  const asked = await openCase(workload, bench.peer, repetitions);
  let against = asked?.opened.can === true ? asked : null;

  // The last round stays alive until garbage was collected: V8 throws optimised code away when a collection finds no object left
  // of a kind that the code was made for, which no program that holds a model would ever see.
  const alive: { round: Round | null } = { round: null };

  /** All that a round must agree with; the peer takes part in every one, as its state may go on from round to round. */
  async function oneRound(round: number): Promise<Timing & { theirs: PeerRound | null }> {
    await collectGarbage();
    const prepared = workload.prepare(round);
    alive.round = prepared;
    // Who goes first changes, so that neither always finds the caches or the clock frequency the other left.
    const peerFirst = round % 2 === 1;
    let theirs = against !== null && peerFirst ? await against.peer.round(round) : null;
    const timing = await timed(() => prepared.run());
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
    return { ...timing, theirs };
  }

  let round = 0;
  const first = await oneRound(round++);
  const firstOfPeer = first.theirs?.ms ?? 0;
  const isTooSlow = firstOfPeer * repetitions > LONGEST_ROUND_MS;
  if (isTooSlow) against = null;
  let warm = 0;
  while (warm < WARM_UP_MS || round < 3) warm += (await oneRound(round++)).ms;

  const caseLimit = bench.prober.quick ? null : limitOf(bench.prober, work, bench.threads);
  const measured: Measured[] = [];
  const isEnough = () => measured.filter((m) => m.isUndisturbed).length >= bench.rounds;
  const begun = performance.now();
  for (let i = 0; i < PATIENCE * bench.rounds && !isEnough(); i++) {
    if (i >= bench.rounds && performance.now() - begun > PATIENCE_MS) break;
    const limit = caseLimit ?? limitOf(bench.prober, work, bench.threads);
    const { ms, cpu, theirs } = await oneRound(round++);
    const least = Math.min(cpu, theirs?.cpu ?? cpu);
    measured.push({
      ms: ms / repetitions,
      cpu,
      limit,
      theirs: theirs === null ? null : { ...theirs, output: NOTHING },
      isUndisturbed: bench.threads > 1 || least >= UNDISTURBED,
    });
  }
  // On a machine so busy that too few are left, all of them count.
  const kept = isEnough() ? measured.filter((m) => m.isUndisturbed) : measured;
  const times = kept.map((m) => m.ms);
  const limits = kept.map((m) => m.limit);
  const theirRounds = kept.flatMap(({ theirs }) => (theirs === null ? [] : [theirs]));

  const ms = median(times);
  const minMs = Math.min(...times);
  const binding = limits[0];
  const result: Result = {
    suite: workload.suite,
    case: workload.case,
    engine: bench.engine,
    threads: bench.threads,
    peer: asked?.peer.name ?? 'none',
    ms,
    minMs,
    cpu: median(kept.map((m) => m.cpu)),
    ...(isEnough() ? {} : { disturbed: measured.filter((m) => !m.isUndisturbed).length }),
    compileMs: first.ms,
    ...(work.flops > 0 ? { gflops: work.flops / ms / 1e6 } : {}),
    ...(binding.ms > 0
      ? {
          limitShare: median(times.map((t, i) => limits[i].ms / t)),
          bestShare: Math.min(...limits.map((l) => l.ms)) / minMs,
          limitedBy: binding.by,
        }
      : {}),
    ...(isTooSlow
      ? {
          peerMs: firstOfPeer,
          peerMissing: 'one round took more than a minute; its time is that of the first',
        }
      : comparison(asked, kept, theirRounds)),
  };
  return workload.targets === undefined ? result : { ...result, targets: workload.targets(result) };
}

function comparison(
  asked: Against | null,
  own: readonly Measured[],
  rounds: readonly PeerRound[],
): Partial<Result> {
  if (asked === null) return {};
  if (!asked.opened.can) return { peerMissing: asked.opened.why };
  const times = own.map((m) => m.ms);
  const theirTimes = rounds.map((r) => r.ms);
  const cpuRatios = rounds.map((r, i) => (r.ms * r.cpu) / (own[i].ms * own[i].cpu));
  return {
    ratio: pairwiseRatios(times, theirTimes),
    cpuRatio: median(cpuRatios),
    bestRatio: Math.min(...theirTimes) / Math.min(...times),
    peerMs: median(theirTimes),
    peerCpu: median(rounds.map((r) => r.cpu)),
    peerForm: asked.opened.form,
  };
}

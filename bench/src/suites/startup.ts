/** From the start of a process to the end of its first training step, on hadal as it is published. */
import { runChild } from '../children/run.js';
import type { Bench } from '../measure.js';
import { cnn, mlp } from '../models/index.js';
import { publishedPrograms } from '../published.js';
import type { Result } from '../result.js';
import { median, pairwiseRatios } from '../statistics.js';

export const startupModels = ['tiny', 'mlp', 'cnn'] as const;

/** What a network may take on this machine: compiling for the first batch, and the batch itself. */
const bounds = { tiny: 300, mlp: 500, cnn: 700 } satisfies { [K in (typeof startupModels)[number]]: number };

/** The peer takes at least so many times as long. */
const AHEAD = 4;

export async function measureStartup(model: (typeof startupModels)[number], bench: Bench): Promise<Result> {
  const programs = publishedPrograms();
  const { once } = bench;
  const totals: number[] = [];
  const theirs: number[] = [];
  const parts = {
    node: [] as number[],
    import: [] as number[],
    engine: [] as number[],
    model: [] as number[],
    step: [] as number[],
  };
  for (let i = 0; i < bench.rounds; i++) {
    const spawned = performance.timeOrigin + performance.now();
    const at = await runChild('startup', [bench.engine, model, String(bench.threads)], programs);
    totals.push(at.stepped - spawned);
    parts.node.push(at.begun - spawned);
    parts.import.push(at.imported - at.begun);
    parts.engine.push(at.opened - at.imported);
    parts.model.push(at.made - at.opened);
    parts.step.push(at.stepped - at.made);
    if (once === null || model === 'tiny') continue;
    const peerSpawned = performance.timeOrigin + performance.now();
    theirs.push((await once({ mlp, cnn }[model], 1)).stepped - peerSpawned);
  }
  const ms = median(totals);
  const ratio = theirs.length === 0 ? null : pairwiseRatios(totals, theirs);
  const comparison =
    ratio === null
      ? bench.peer === null
        ? {}
        : { peerMissing: 'it is not started for this' }
      : { ratio, peerMs: median(theirs), peerForm: 'a process of its own' };
  return {
    suite: 'startup',
    case: `first step of ${model}`,
    engine: bench.engine,
    threads: bench.threads,
    peer: bench.peer?.name ?? 'none',
    ms,
    minMs: Math.min(...totals),
    ...comparison,
    detail: Object.fromEntries(Object.entries(parts).map(([name, times]) => [`${name} ms`, median(times)])),
    targets: [
      { what: 'ms to the first step', value: ms, bound: bounds[model], is: 'most' },
      { what: 'ms of import', value: median(parts.import), bound: 100, is: 'most' },
      ...(ratio === null
        ? []
        : [{ what: "times as soon as the peer's", value: ratio.median, bound: AHEAD, is: 'least' } as const]),
    ],
  };
}

/** Whether resident memory stays flat over many training steps. */
import { runChild } from '../children/run.js';
import type { Bench } from '../measure.js';
import type { Result } from '../result.js';

const STEPS = 10_000;

export const memoryModes = ['sync', 'await'] as const;

export async function measureMemory(mode: (typeof memoryModes)[number], bench: Bench): Promise<Result> {
  const { ms, ...resident } = await runChild('memory', [bench.engine, mode, String(STEPS)]);
  const [early, late] = [resident[STEPS / 10], resident[STEPS]];
  const growth = (100 * (late - early)) / early;
  const MiB = 2 ** 20;
  return {
    suite: 'memory',
    case: mode,
    engine: bench.engine,
    threads: bench.threads,
    peer: 'none',
    ms,
    minMs: ms,
    detail: {
      'MiB early': early / MiB,
      'MiB late': late / MiB,
      'MiB most': Math.max(...Object.values(resident)) / MiB,
    },
    targets: [{ what: 'growth in percent', value: growth, bound: 5, is: 'most' }],
  };
}

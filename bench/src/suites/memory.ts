/** Whether resident memory stays flat over many training steps. */
import { runChild } from '../children/run.js';
import type { Bench } from '../measure.js';
import type { Result } from '../result.js';
import { median } from '../statistics.js';

const STEPS = 10_000;

export const memoryModes = ['sync', 'await'] as const;

export async function measureMemory(mode: (typeof memoryModes)[number], bench: Bench): Promise<Result> {
  const { ms, ...resident } = await runChild('memory', [bench.engine, mode, String(STEPS)]);
  const between = (from: number, to: number): number =>
    median(
      Object.entries(resident).flatMap(([step, bytes]) =>
        Number(step) > from && Number(step) <= to ? [bytes] : [],
      ),
    );
  // The heap's size goes up and down with every collection: the median of the tenth after the first against that of the last.
  const [early, late] = [between(STEPS / 10, STEPS / 5), between(0.9 * STEPS, STEPS)];
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
      'MiB after 1,000': resident[STEPS / 10] / MiB,
      'MiB early': early / MiB,
      'MiB late': late / MiB,
      'MiB after 10,000': resident[STEPS] / MiB,
      'MiB most': Math.max(...Object.values(resident)) / MiB,
    },
    targets: [{ what: 'growth in percent', value: growth, bound: 5, is: 'most' }],
  };
}

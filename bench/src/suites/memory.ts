/** Whether resident memory stays flat over many training steps, in a loop without and with reads of the loss. */
import { runChild } from '../children/run.js';
import type { Bench } from '../measure.js';
import type { Result } from '../result.js';
import { median, slope } from '../statistics.js';

const STEPS = 100_000;
const MiB = 2 ** 20;

export const memoryModes = ['sync', 'await'] as const;

export async function measureMemory(mode: (typeof memoryModes)[number], bench: Bench): Promise<Result> {
  const { ms, arrayBuffers, heapUsed, ...resident } = await runChild('memory', [
    bench.engine,
    mode,
    String(STEPS),
    String(bench.threads),
  ]);
  // V8 sizes its heap during the first steps; a leak shows in the rest.
  const samples = Object.entries(resident)
    .map(([step, bytes]) => ({ step: Number(step), mebibytes: bytes / MiB }))
    .filter(({ step }) => step > STEPS / 10);
  const sizes = samples.map((s) => s.mebibytes);
  const tenth = Math.ceil(sizes.length / 10);
  const grown = slope(
    samples.map((s) => s.step),
    sizes,
  );
  const typical = median(sizes);
  return {
    suite: 'memory',
    case: `tiny, ${mode === 'sync' ? 'loop without reads' : 'await loss.item()'}, ${STEPS} steps`,
    engine: bench.engine,
    threads: bench.threads,
    peer: 'none',
    ms,
    minMs: ms,
    detail: {
      'MiB early': median(sizes.slice(0, tenth)),
      'MiB late': median(sizes.slice(-tenth)),
      'MiB most': Math.max(...Object.values(resident)) / MiB,
      'MiB per 10,000 steps': grown * 10_000,
      'MiB of ArrayBuffers at the end': arrayBuffers / MiB,
      'MiB of heap at the end': heapUsed / MiB,
    },
    targets: [
      {
        what: 'growth over all steps in percent',
        value: (100 * grown * STEPS) / typical,
        bound: 5,
        is: 'most',
      },
    ],
  };
}

/**
 * Whether resident memory stays flat over many training steps, in a loop without and with reads of the loss; and the most that a process
 * holds which trains one of the models.
 */
import { runChild } from '../children/run.js';
import type { Bench } from '../measure.js';
import { cnn, gpt, lstm, type Model, mlp, resnet18 } from '../models/index.js';
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

export const peakModels: readonly Model[] = [mlp, cnn, resnet18, gpt, lstm];

/** Enough that optimizers have their state and that what is kept between steps is there. */
const PEAK_STEPS = 12;
/** The peer's peak times this is the most that hadal's may be. */
const PEAK_SHARE = 1.5;

export async function measurePeak(model: Model, bench: Bench): Promise<Result> {
  const begun = performance.now();
  const args = [bench.engine, model.name, String(PEAK_STEPS), String(bench.threads)];
  const { peak } = await runChild('peak', args);
  const ms = (performance.now() - begun) / PEAK_STEPS;
  const theirs = bench.once === null ? null : (await bench.once(model, PEAK_STEPS)).peak;
  return {
    suite: 'memory',
    case: `peak of training ${model.name}`,
    engine: bench.engine,
    threads: bench.threads,
    peer: bench.peer?.name ?? 'none',
    ms,
    minMs: ms,
    detail: { 'MiB most': peak / MiB, ...(theirs === null ? {} : { 'MiB most of the peer': theirs / MiB }) },
    ...(theirs === null
      ? {}
      : {
          targets: [
            { what: "share of the peer's peak", value: peak / theirs, bound: PEAK_SHARE, is: 'most' },
          ],
        }),
  };
}

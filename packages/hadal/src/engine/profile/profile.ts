/** Watching a part of a program run. */
import { config } from '../../base/config.js';
import { ArgumentError } from '../../base/errors.js';
import { mark } from './mark.js';
import { closeSession, openSession } from './recorder.js';
import { ProfileReport } from './report.js';
import { Session } from './session.js';

export interface ProfileOptions {
  /**
   * Remember the line of every tensor made, to name the lines that a kernel computes; 2 microseconds a tensor. Else those of the
   * process's first tensors are known, as `config.tracedTensors` says.
   */
  readonly lines?: boolean;
  /** How many events the timeline holds; those beyond are counted in the totals only. 500,000 if left out, some 60 MB. */
  readonly events?: number;
}

const DEFAULT_EVENTS = 500_000;

/** Profiles that want lines, and what `config.tracedTensors` was before the first of them. */
const tracing = { open: 0, before: 0 };

function trace(): () => void {
  if (tracing.open++ === 0) {
    tracing.before = config.tracedTensors;
    config.tracedTensors = Number.POSITIVE_INFINITY;
  }
  return () => {
    if (--tracing.open === 0) config.tracedTensors = tracing.before;
  };
}

async function run<T>(body: () => T | Promise<T>, options: ProfileOptions = {}): Promise<ProfileReport<T>> {
  if (typeof body !== 'function') throw new ArgumentError('profile takes a function, which it calls');
  const { lines = false, events = DEFAULT_EVENTS } = options;
  if (!(Number.isSafeInteger(events) && events >= 0))
    throw new ArgumentError(`profile: events is how many events to keep, 0 or more; got ${events}`);
  const stopTracing = lines ? trace() : null;
  const session = new Session(events);
  openSession(session);
  try {
    const result = await body();
    return new ProfileReport(session, performance.now() - session.start, result);
  } finally {
    closeSession(session);
    stopTracing?.();
  }
}

/**
 * Runs a function, which may be asynchronous, and tells where its time and memory went: for each kernel how often and how long it ran,
 * what it was fused from, its GFLOP/s and GB/s; what was spent around the kernels; memory by the run. While it records, launches go
 * out one by one, which costs about a microsecond each; nothing of it remains afterwards.
 *
 * Results are computed when they are read, so what the function builds but neither reads nor steps does not show. What was pending
 * already when it began is computed with the first read. Profiles may be nested and may overlap; each hears all engines.
 *
 * Rejects with the function's own error if it throws.
 *
 * @example
 * ```ts
 * import { ones, profile } from 'hadal';
 * const x = ones([64, 64]);
 * const report = await profile(() => profile.mark('square', () => x.matmul(x).relu().dataSync()));
 * console.log(report.kernels[0].ops.join(' ')); // dot relu
 * console.log(report.kernels[0].flops); // 528384
 * console.log(report.marks[0].name); // square
 * // console.log(report) prints a table; await report.saveTrace('trace.json') writes what Perfetto shows.
 * ```
 */
export const profile = Object.assign(run, {
  /**
   * Runs a function, whose time stands under a name in the reports of the profiles it runs under. Without one it costs nothing. Its
   * result, or promise, is passed on. Names may be used many times.
   */
  mark,
});

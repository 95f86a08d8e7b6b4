/** What `profile` gives: where the time and the memory of a part of a program went. */
import type { Activity } from '../../base/recording.js';
import type { EngineName } from '../backend.js';
import type { DescribedLaunch } from '../described-launch.js';
import { chromeTrace, saveChromeTrace, type TraceEvent } from './chrome-trace.js';
import type { MemorySample, Session, Tally, TimelineEvent } from './session.js';
import { printReport } from './table.js';

/** All launches of one kernel at one size. Times are milliseconds. */
export interface KernelProfile extends DescribedLaunch {
  readonly engine: EngineName;
  /** The ops that were fused into it, in their order; those that only move, where there are no others. */
  readonly ops: readonly string[];
  /** Positions of its ops in the graph as `explain` prints it, those that only move among them. */
  readonly nodes: readonly number[];
  /** Lines of the program that made its values, where they were recorded; see `ProfileOptions.lines`. */
  readonly lines: readonly string[];
  /** Launches. */
  readonly count: number;
  readonly time: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Part of the whole profile's time, 0 to 1. */
  readonly share: number;
  /** Operations on numbers of one launch: 2 m n k of a product, one for each op and element. */
  readonly flops: number;
  /** Bytes that one launch must read and write, each element once. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** 10^9 operations a second. */
  readonly gflops: number;
  /** 10^9 bytes a second. */
  readonly gbs: number;
}

/** What time was spent on: kernels, ops that run in JavaScript, what the engine does about them, waiting, and the program itself. */
export interface ActivityProfile {
  readonly name: ActivityName;
  readonly count: number;
  /** Milliseconds, without those of other activities inside of it. */
  readonly time: number;
  /** Part of the whole profile's time, 0 to 1. */
  readonly share: number;
}

export type ActivityName = 'kernels' | 'JavaScript ops' | 'wait' | 'program' | Activity;

/** Time in parts of the program that `profile.mark` names. */
export interface MarkProfile {
  readonly name: string;
  readonly count: number;
  /** Milliseconds, with everything inside of it. */
  readonly time: number;
}

export interface MemoryProfile {
  /** The most bytes that one run had in use: what it read, its results and its arena. */
  readonly peak: number;
  /** The run with that peak; null if nothing ran. */
  readonly peakSample: MemorySample | null;
  /** Bytes of all results and arenas that were allocated, one run after the other. */
  readonly allocated: number;
  /** One a run. */
  readonly samples: readonly MemorySample[];
}

export interface TableOptions {
  /** Kernels to show; the rest becomes one line. 20 if left out. */
  readonly rows?: number;
}

export class ProfileReport<T = unknown> {
  /** What the function returned. */
  readonly result: T;
  /** Milliseconds from the call to its end. */
  readonly duration: number;
  /** The engines that ran something, each with a description. */
  readonly engines: ReadonlyMap<EngineName, string>;
  /** Graphs that were run. */
  readonly runs: number;
  readonly launches: number;
  /** Longest first. */
  readonly kernels: readonly KernelProfile[];
  /** Longest first; together they are the whole time. */
  readonly activities: readonly ActivityProfile[];
  /** Longest first. */
  readonly marks: readonly MarkProfile[];
  readonly memory: MemoryProfile;
  /** Everything in the order in which it ended. `kernel` of a launch is a position in `kernels`. */
  readonly timeline: readonly TimelineEvent[];
  /** Events that are in the totals but not in the timeline, which was full. */
  readonly dropped: number;

  /** @internal */
  constructor(session: Session, duration: number, result: T) {
    this.result = result;
    this.duration = duration;
    this.engines = new Map(session.engines);
    this.runs = session.runs;
    const tallies = [...session.kernels].sort((a, b) => b.time - a.time);
    this.kernels = tallies.map(({ info, engine, count, time, min, max }): KernelProfile => {
      const { launch, ops, nodes, lines, cost } = info;
      const rate = (amount: number): number => (time > 0 ? (amount * count) / (time * 1e6) : 0);
      return {
        ...launch,
        ...{ engine, ops, nodes, lines, count, time, min, max },
        mean: time / count,
        share: duration > 0 ? time / duration : 0,
        ...cost,
        gflops: rate(cost.flops),
        gbs: rate(cost.bytesRead + cost.bytesWritten),
      };
    });
    this.launches = this.kernels.reduce((sum, k) => sum + k.count, 0);
    this.activities = activitiesOf(session, this.kernels, duration);
    this.marks = [...session.marks]
      .map(([name, { count, time }]) => ({ name, count, time }))
      .sort((a, b) => b.time - a.time);
    this.memory = {
      peak: session.peak ? session.peak.inputs + session.peak.outputs + session.peak.arena : 0,
      peakSample: session.peak,
      allocated: session.allocated,
      samples: session.memory,
    };
    const rank = new Map(tallies.map(({ index }, at) => [index, at]));
    this.timeline = session.timeline.map((e) =>
      e.kind === 'launch' ? { ...e, kernel: rank.get(e.kernel) ?? 0 } : e,
    );
    this.dropped = session.dropped;
  }

  /** Where the time went and the kernels, as text. */
  table(options: TableOptions = {}): string {
    return printReport(this, options.rows ?? 20);
  }

  /**
   * The timeline in Chrome's trace event format, for Perfetto (ui.perfetto.dev) and chrome://tracing: launches and what the engine
   * does, marks, and memory. Times are in microseconds, as the format wants them.
   */
  toChromeTrace(): { readonly traceEvents: readonly TraceEvent[]; readonly displayTimeUnit: 'ms' } {
    return { traceEvents: [...chromeTrace(this)], displayTimeUnit: 'ms' };
  }

  /**
   * Writes `toChromeTrace()` to a file.
   *
   * @throws FileError if the file cannot be written.
   */
  async saveTrace(path: string): Promise<void> {
    await saveChromeTrace(this, path);
  }

  /** The report as plain data, without `result`, the timeline and the samples of memory. */
  toJSON(): object {
    const { duration, runs, launches, kernels, activities, marks, memory, dropped } = this;
    const { peak, peakSample, allocated } = memory;
    return {
      ...{ duration, engines: Object.fromEntries(this.engines), runs, launches, kernels, activities, marks },
      memory: { peak, peakSample, allocated },
      dropped,
    };
  }

  toString(): string {
    return this.table();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table();
  }
}

function activitiesOf(
  session: Session,
  kernels: readonly KernelProfile[],
  duration: number,
): readonly ActivityProfile[] {
  const sum = (some: readonly KernelProfile[]): Tally => ({
    count: some.reduce((n, k) => n + k.count, 0),
    time: some.reduce((t, k) => t + k.time, 0),
  });
  const found: [ActivityName, Tally][] = [
    ['kernels', sum(kernels.filter((k) => k.kind !== 'host'))],
    ['JavaScript ops', sum(kernels.filter((k) => k.kind === 'host'))],
    ['wait', session.waits],
    ...session.activities,
  ];
  const told = found.reduce((t, [, { time }]) => t + time, 0);
  const rest: [ActivityName, Tally] = ['program', { count: 1, time: Math.max(duration - told, 0) }];
  return [...found, rest]
    .filter(([, { count }]) => count > 0)
    .map(([name, { count, time }]) => ({ name, count, time, share: duration > 0 ? time / duration : 0 }))
    .sort((a, b) => b.time - a.time);
}

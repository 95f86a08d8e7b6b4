/** What one call of `profile` hears: totals of everything, and the timeline as long as it is not too long. */
import { dtypeInfo } from '../../base/dtype.js';
import type { Activity } from '../../base/recording.js';
import { numel } from '../../base/shape.js';
import { usedMemory } from '../../runtime/host-memory.js';
import type { ExplainedPlan, PlannedLaunch } from '../../schedule/plan.js';
import type { EngineName } from '../backend.js';
import type { KernelInfo } from './kernel-info.js';
import { kernelInfo } from './kernel-info.js';
import type { PlanRun } from './plan-run.js';

/** A part of the timeline. Times are milliseconds since the profile began. */
export type TimelineEvent =
  /** A launch; `kernel` is its position in the report's kernels, `run` counts the plans that were run. */
  | {
      readonly kind: 'launch';
      readonly kernel: number;
      readonly run: number;
      /** The thread that it ran on, 0 for the one of the program. */
      readonly thread: number;
      readonly start: number;
      readonly duration: number;
    }
  | {
      readonly kind: 'activity';
      readonly activity: Activity;
      readonly name: string | null;
      readonly start: number;
      readonly duration: number;
    }
  | { readonly kind: 'wait'; readonly start: number; readonly duration: number }
  | { readonly kind: 'mark'; readonly name: string; readonly start: number; readonly duration: number };

/** What a run had in memory, in bytes; `time` in milliseconds since the profile began. */
export interface MemorySample {
  readonly time: number;
  readonly engine: EngineName;
  /** What the run read that was there already: parameters, data, saved values. */
  readonly inputs: number;
  /** Results that outlive the run. */
  readonly outputs: number;
  /** Values and workspaces that live within the run, sharing memory. */
  readonly arena: number;
  /** The JavaScript heap and all ArrayBuffers of the process, where the host says; sampled every few milliseconds at most. */
  readonly process: { readonly heap: number; readonly buffers: number } | null;
}

export interface Tally {
  count: number;
  /** Milliseconds. */
  time: number;
}

export interface KernelTally extends Tally {
  readonly info: KernelInfo;
  readonly engine: EngineName;
  readonly index: number;
  min: number;
  max: number;
}

/** Milliseconds between two looks at the memory of the process, which take some ten microseconds each. */
const PROCESS_MEMORY_INTERVAL = 5;

export class Session {
  readonly start = performance.now();
  readonly activities = new Map<Activity, Tally>();
  readonly waits: Tally = { count: 0, time: 0 };
  readonly marks = new Map<string, Tally>();
  readonly kernels: KernelTally[] = [];
  readonly engines = new Map<EngineName, string>();
  readonly timeline: TimelineEvent[] = [];
  readonly memory: MemorySample[] = [];
  /** Bytes of all results and arenas that were allocated. */
  allocated = 0;
  /** The most that a run had in memory, and how it was made up. */
  peak: MemorySample | null = null;
  runs = 0;
  /** Events and samples that were counted but not kept. */
  dropped = 0;
  readonly #limit: number;
  readonly #known = new WeakMap<PlannedLaunch, KernelTally>();
  readonly #byKey = new Map<string, KernelTally>();
  #lastLook = Number.NEGATIVE_INFINITY;

  constructor(limit: number) {
    this.#limit = limit;
  }

  #keep(event: TimelineEvent): void {
    if (this.timeline.length < this.#limit) this.timeline.push(event);
    else this.dropped++;
  }

  activity(activity: Activity, name: string | null, start: number, duration: number, own: number): void {
    const tally = this.activities.get(activity) ?? { count: 0, time: 0 };
    this.activities.set(activity, tally);
    tally.count++;
    tally.time += own;
    this.#keep({ kind: 'activity', activity, name, start: start - this.start, duration });
  }

  wait(start: number, duration: number, own: number): void {
    this.waits.count++;
    this.waits.time += own;
    this.#keep({ kind: 'wait', start: start - this.start, duration });
  }

  mark(name: string, start: number, duration: number): void {
    const tally = this.marks.get(name) ?? { count: 0, time: 0 };
    this.marks.set(name, tally);
    tally.count++;
    tally.time += duration;
    this.#keep({ kind: 'mark', name, start: start - this.start, duration });
  }

  /** A plan is about to run. */
  run(run: PlanRun, now: number): void {
    const { backend, plan } = run;
    this.runs++;
    this.engines.set(backend.name, backend.description);
    const outputs = plan.outputs.reduce((sum, o) => sum + o.bytes, 0);
    const inputs = plan.template.nodes.reduce(
      (sum, n) => (n.leaf < 0 ? sum : sum + numel(n.shape) * dtypeInfo[n.dtype].bytes),
      0,
    );
    const arena = plan.arena.bytes;
    this.allocated += outputs + arena;
    let process: MemorySample['process'] = null;
    if (now - this.#lastLook >= PROCESS_MEMORY_INTERVAL) {
      process = usedMemory();
      this.#lastLook = now;
    }
    const sample = { time: now - this.start, engine: backend.name, inputs, outputs, arena, process };
    if (this.peak === null || inputs + outputs + arena > total(this.peak)) this.peak = sample;
    if (this.memory.length < this.#limit) this.memory.push(sample);
    else this.dropped++;
    for (let i = 0; i < plan.launches.length; i++) this.#tallyOf(run, i);
  }

  launch(run: PlanRun, index: number, start: number, duration: number): void {
    const tally = this.#tallyOf(run, index);
    tally.count++;
    tally.time += duration;
    tally.min = Math.min(tally.min, duration);
    tally.max = Math.max(tally.max, duration);
    this.#keep({
      kind: 'launch',
      kernel: tally.index,
      run: this.runs - 1,
      thread: 0,
      start: start - this.start,
      duration,
    });
  }

  #tallyOf(run: PlanRun, index: number): KernelTally {
    const launch = run.plan.launches[index];
    const have = this.#known.get(launch);
    if (have !== undefined) return have;
    const key = `${run.backend.name} ${keyOf(run.plan, launch)}`;
    let tally = this.#byKey.get(key);
    if (tally === undefined) {
      tally = {
        info: kernelInfo(run.plan, launch, run.captured),
        engine: run.backend.name,
        index: this.kernels.length,
        count: 0,
        time: 0,
        min: Number.POSITIVE_INFINITY,
        max: 0,
      };
      this.kernels.push(tally);
      this.#byKey.set(key, tally);
    } else tally.info.alsoIn(run.plan, launch, run.captured);
    this.#known.set(launch, tally);
    return tally;
  }
}

export function total(sample: MemorySample): number {
  return sample.inputs + sample.outputs + sample.arena;
}

/** Launches that do the same work on other memory are one line of the report. */
function keyOf(plan: ExplainedPlan, launch: PlannedLaunch): string {
  const blocks = launch.blocks.map((b) => b.sizes.join(','));
  const host =
    launch.kernel.kind === 'host'
      ? launch.kernel.inputs.map((i) => `${i.dtype}[${i.shape.join()}]`).join()
      : '';
  const written = plan.template.nodes[launch.blocks[0].writes[0]];
  return `${launch.key} ${blocks.join(';')} ${host} ${written.shape.join(',')}`;
}

/**
 * The recorder behind `profile`: one for the process, which passes on what it hears to every session that is open, so that profiles
 * may be nested or run side by side.
 */
import type { Activity, Recorder } from '../../base/recording.js';
import { recording } from '../../base/recording.js';
import type { PlanRun } from './plan-run.js';
import type { Session } from './session.js';

interface OpenActivity {
  readonly activity: Activity;
  readonly name: string | null;
  readonly start: number;
  /** Time of what was recorded inside of it. */
  inside: number;
}

class ProcessRecorder implements Recorder {
  readonly sessions = new Set<Session>();
  readonly #open: OpenActivity[] = [];
  /** Milliseconds that were given to some activity or launch so far. */
  #accounted = 0;

  begin(activity: Activity, name: string | null = null): number {
    this.#open.push({ activity, name, start: performance.now(), inside: 0 });
    return this.#open.length - 1;
  }

  end(depth: number): void {
    const now = performance.now();
    for (let top = this.#open.length - 1; top >= depth; top--) {
      const { activity, name, start, inside } = this.#open[top];
      this.#open.pop();
      const duration = now - start;
      const own = Math.max(duration - inside, 0);
      this.#accounted += own;
      if (top > 0) this.#open[top - 1].inside += duration;
      for (const session of this.sessions)
        if (start >= session.start) session.activity(activity, name, start, duration, own);
    }
  }

  wait(): () => void {
    const start = performance.now();
    const before = this.#accounted;
    return () => {
      const duration = performance.now() - start;
      // While one part of a program waits another may compute.
      const own = Math.max(duration - (this.#accounted - before), 0);
      this.#accounted += own;
      for (const session of this.sessions) if (start >= session.start) session.wait(start, duration, own);
    };
  }

  mark(name: string): () => void {
    const start = performance.now();
    return () => {
      const duration = performance.now() - start;
      for (const session of this.sessions) if (start >= session.start) session.mark(name, start, duration);
    };
  }

  run(run: PlanRun): void {
    const { plan, steps, buffers, scalars } = run;
    const binding = this.begin('binding');
    steps.bind(buffers, scalars);
    this.end(binding);
    const noting = this.begin('profiling');
    for (const session of this.sessions) session.run(run, performance.now());
    this.end(noting);
    const parent = this.#open[this.#open.length - 1];
    for (let i = 0; i < plan.launches.length; i++) {
      const start = performance.now();
      steps.launch(i);
      const duration = performance.now() - start;
      this.#accounted += duration;
      if (parent !== undefined) parent.inside += duration;
      for (const session of this.sessions) session.launch(run, i, start, duration);
    }
  }
}

const recorder = new ProcessRecorder();

/** Lets a session hear everything from now on. */
export function openSession(session: Session): void {
  recorder.sessions.add(session);
  recording.current = recorder;
}

export function closeSession(session: Session): void {
  recorder.sessions.delete(session);
  if (recorder.sessions.size === 0) recording.current = null;
}

/** Notes the beginning of a part of the program; what is returned notes its end. Null while nothing records. */
export function beginMark(name: string): (() => void) | null {
  return recording.current === null ? null : recorder.mark(name);
}

/**
 * The profiler's ear: what every stage may report to. While nothing records, `recording.current` is null and a stage pays one
 * comparison for each thing that it would have reported.
 *
 * Activities nest as calls do: `begin` opens one and gives its depth, `end` closes it and whatever an error left open inside of it. What
 * waits for the event loop does not nest and is reported when it is over.
 */
import type { PlanRun } from '../engine/profile/plan-run.js';

/** What the host is busy with; launches are recorded apart. */
export type Activity =
  /** Going back over the tape: making the graph of the gradients. */
  | 'backward'
  /** Making the graph of an optimizer's update. */
  | 'optimizer'
  /** What realising takes beyond the activities below: finding what is wanted, settling. */
  | 'realise'
  /** The pending graph in positional form, and its key. */
  | 'capture'
  /** Fusion, kernels, order and memory of a graph that was not known. */
  | 'planning'
  /** A kernel from its loops to loaded machine code. */
  | 'code generation'
  /** Memory for results and for what lies between kernels. */
  | 'allocation'
  /** Handing buffers, sizes and numbers to kernels. */
  | 'binding'
  /** What the profiler itself takes beyond the reading of clocks. */
  | 'profiling'
  /** Copying values from an engine to JavaScript. */
  | 'read'
  /** Copying values from JavaScript to an engine. */
  | 'write';

export interface Recorder {
  /** Runs a plan launch by launch. */
  run(run: PlanRun): void;
  /** @returns the depth to give to `end`. */
  begin(activity: Activity, name?: string): number;
  end(depth: number): void;
  /** Notes that the event loop is about to run; what is returned is called when the program goes on. */
  wait(): () => void;
}

export const recording: { current: Recorder | null } = { current: null };

/** A run of a plan as the engine hands it to a recorder. */
import type { CapturedGraph } from '../../graph/template.js';
import type { Memory } from '../../runtime/device.js';
import type { ExplainedPlan } from '../../schedule/plan.js';
import type { Backend, PlanSteps } from '../backend.js';

/** A plan that runs under a profiler. */
export interface WatchedPlan {
  readonly plan: ExplainedPlan;
  readonly steps: PlanSteps;
}

export interface PlanRun extends WatchedPlan {
  readonly backend: Backend;
  /** The graph that it was made of; null in the replay of a compiled function, which has none. */
  readonly captured: CapturedGraph | null;
  /** The leaves, then the outputs, then the arena, then the status buffer. */
  readonly buffers: readonly Memory[];
  readonly scalars: readonly (number | bigint)[];
}

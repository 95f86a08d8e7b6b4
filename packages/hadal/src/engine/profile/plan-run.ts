/** A run of a plan as the engine hands it to a recorder. */
import type { CapturedGraph } from '../../graph/template.js';
import type { Memory } from '../../runtime/device.js';
import type { Plan } from '../../schedule/plan.js';
import type { Backend, PlanSteps } from '../backend.js';

export interface PlanRun {
  readonly backend: Backend;
  readonly plan: Plan;
  /** The graph that it was made of; null in the replay of a compiled function, which has none. */
  readonly captured: CapturedGraph | null;
  readonly steps: PlanSteps;
  /** The leaves, then the outputs, then the arena, then the status buffer. */
  readonly buffers: readonly Memory[];
  readonly scalars: readonly (number | bigint)[];
}

/** What `fit` and `evaluate` ask of a metric. */
import type { Tensor } from '../../tensor/index.js';
import type { PartState } from '../state.js';

/**
 * A figure over many batches. It is a figure of all samples together, not a mean of the batches' figures, so it does not depend
 * on how samples are put into batches.
 *
 * `update` must not read values: it adds to sums that stay on the device, as graph ops, and costs next to nothing then. It is
 * called under `noGrad` with detached tensors. `result` reads the sums.
 */
export interface Metric<Output = Tensor, Target = Tensor> {
  /** The key in results and the history. */
  readonly name: string;
  /** Begins anew. */
  reset(): void;
  /** Takes in a batch. May be asynchronous, at a cost: then each step waits for it. */
  update(output: Output, target: Target): void | Promise<void>;
  /** The figure over everything since `reset`; NaN if there was nothing. */
  result(): Promise<number>;
  /** Whether the figure is quick to compute, so that the progress line shows it while an epoch runs. Default true. */
  readonly live?: boolean;
  /** What `loadState` needs to go on in the middle of an epoch. Without the two, a resumed epoch counts its rest only. */
  state?(): PartState;
  loadState?(state: PartState): void;
}

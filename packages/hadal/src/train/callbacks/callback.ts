/** Callbacks: plain objects whose functions `fit` calls at the points they are named for. */

import type { Optimizer } from '../../optim/index.js';
import type { Figures, History } from '../history.js';
import type { Model } from '../model.js';
import type { PartState } from '../state.js';

/** What a callback sees of the training, and what it can ask for. */
export interface TrainingContext {
  readonly model: Model<unknown>;
  readonly optimizer: Optimizer;
  readonly history: History;
  /** Number of the epoch that runs, counted from 0. */
  readonly epoch: number;
  /** How many epochs there are to be, those before an interruption included. */
  readonly epochs: number;
  /** Batches of this epoch so far. */
  readonly batch: number;
  /** Batches in an epoch, if it is known. */
  readonly batches: number | undefined;
  /** Samples of this epoch so far. */
  readonly samples: number;
  /** Optimizer steps so far, in all epochs. */
  readonly step: number;
  /** Whether this run goes on from a checkpoint. */
  readonly resumed: boolean;
  /** Loss and metrics of this epoch so far. Reads from the device, so not for every step. */
  figures(): Promise<Figures>;
  /** Ends the training after the current step, or epoch if called at its end. */
  stop(reason: string): void;
  /** Shows a line, above the progress bar; nowhere if there is none. */
  note(text: string): void;
  /** Saves a checkpoint into a folder, and gives its path; undefined if the loss is NaN and `onNaN` is not 'ignore'. */
  save(dir: string, options?: { readonly keep?: number }): Promise<string | undefined>;
}

type Hook<Rest extends unknown[] = []> = (context: TrainingContext, ...rest: Rest) => void | Promise<void>;

/**
 * Every function is optional and may be asynchronous; what it throws ends the training and is thrown by `fit`. Callbacks are
 * called in the order they were given, those with `last` after all others.
 */
export interface Callback {
  onTrainBegin?: Hook;
  onEpochBegin?: Hook;
  onBatchBegin?: Hook;
  /** After each batch. */
  onBatchEnd?: Hook;
  /** After each optimizer step, when all of `onBatchEnd` have run. */
  onStepEnd?: Hook;
  onValidationBegin?: Hook;
  /** `figures` has the names that `evaluate` gives, without `val`. */
  onValidationEnd?: Hook<[figures: Figures]>;
  /** `figures` has those of the epoch, with `val...` those of the validation. */
  onEpochEnd?: Hook<[figures: Figures]>;
  /** When an aborted signal has ended the training, before `onTrainEnd`. */
  onInterrupt?: Hook;
  /** When the training has ended without an error. */
  onTrainEnd?: Hook;
  /** At the very end, also after an error; for closing what is open. */
  close?(): void | Promise<void>;
  /** Shows a line, for a callback that writes to the terminal. Without such a callback only warnings are shown, by `console.warn`. */
  onNote?(text: string): void;
  /** Called after the callbacks without it, such as one that saves what the others hold. */
  readonly last?: boolean;
  /** The key of its state in checkpoints. Without one, and `state` and `loadState`, nothing is saved. */
  readonly name?: string;
  state?(): PartState;
  loadState?(state: PartState): void;
}

/** The options of `fit`. */

import type { AbortSignal } from '../base/abort.js';
import type { OptionNames } from '../base/options.js';
import type { Json } from '../io/json.js';
import type { Optimizer } from '../optim/index.js';
import type { Tensor } from '../tensor/index.js';
import type { TrainingData } from './batches.js';
import type { Callback } from './callbacks/callback.js';
import type { LossSpec } from './losses.js';
import type { MetricSpec } from './metrics/registry.js';
import type { OptimizerSpec } from './optimizers.js';
import type { ProgressOutput } from './progress.js';

/** A learning rate schedule, such as those of `optim.lrScheduler`. */
export interface Schedule {
  /**
   * Once an epoch it is given a figure, for schedules that look at it: the epoch's loss or, where there is a validation, the newest loss of
   * that (NaN before the first).
   */
  step(loss?: number): void;
  stateDict(): Json;
  loadStateDict(state: Json): void;
}

export interface CheckpointOptions {
  /** The folder. */
  readonly dir: string;
  /** Save after every so many optimizer steps. */
  readonly everySteps?: number;
  /** Save after every so many epochs. Default 1, or never if `everySteps` is given. */
  readonly everyEpochs?: number;
  /** How many checkpoints to keep. Default 3. */
  readonly keep?: number;
  /** What an interrupted run is told to do to go on. Default: to call `fit` with `resume: true`. */
  readonly howToGoOn?: string;
}

/** Where the progress goes, and how it looks. */
export interface ProgressSettings {
  /** Default: `process.stdout`, or `console.log` where there is none. */
  readonly output?: ProgressOutput;
  /** Seconds between the lines of a log. Default 15. */
  readonly logInterval?: number;
}

/** What to do about a loss that is not a number: tell once, tell and stop, or nothing. */
export type OnNaN = 'warn' | 'stop' | 'ignore';

export interface FitOptions<Output = Tensor, Target = Tensor> {
  /** How many times to go over the data; after `resume` those done before included. */
  readonly epochs: number;
  /** The loss by name, or a function of output and target that gives the mean over a batch. */
  readonly loss: LossSpec<Output, Target>;
  /** An optimizer of the model's parameters, its name, or a function from parameters to one. Default 'adamw'. */
  readonly optimizer?: OptimizerSpec;
  /** The learning rate of an optimizer by name. Default: the optimizer's. */
  readonly lr?: number;
  /** Figures to tell besides the loss: names, metrics, or functions of output and target. */
  readonly metrics?: readonly MetricSpec<Output, Target>[];
  /** Data to test with after each epoch, or the share of a dataset that is set apart for it at random. */
  readonly validation?: TrainingData | number;
  /** Test after every so many epochs, and after the last. Default 1. */
  readonly validationEvery?: number;
  /** Samples in a batch of a dataset or a pair of tensors. Default 32. */
  readonly batchSize?: number;
  /** Whether each epoch of a dataset or a pair of tensors has an order of its own. Default true. */
  readonly shuffle?: boolean;
  /** Seed of that order and of the split for the validation. Default 0. */
  readonly seed?: number;
  /** Batches after which an epoch ends; for data without an end. */
  readonly batchesPerEpoch?: number;
  readonly callbacks?: readonly Callback[];
  /** A schedule of the learning rate, or a function that makes one for the optimizer. */
  readonly schedule?: Schedule | ((optimizer: Optimizer) => Schedule);
  /** When the schedule steps. Default 'epoch'. */
  readonly scheduleEvery?: 'step' | 'epoch';
  /** The largest norm of all gradients together; larger ones are scaled down to it. */
  readonly clipNorm?: number;
  /** Batches whose gradients make one optimizer step, as if they were one batch. Default 1. */
  readonly accumulate?: number;
  /**
   * Whether the training step is compiled (`hadal.compile`): recorded once for each shape of a batch, and repeated without running the
   * model's JavaScript. The numbers are the same. For models and losses that read no values and keep no state of JavaScript's from batch
   * to batch. Default false.
   */
  readonly compile?: boolean;
  /** Ends the training after the current step when aborted; see `interruptSignal`. */
  readonly signal?: AbortSignal;
  /** The progress bar; false for none. Default true. */
  readonly progress?: boolean | ProgressSettings;
  readonly checkpoint?: CheckpointOptions;
  /** Goes on from the newest checkpoint of `checkpoint.dir`, or of a folder, if there is one. */
  readonly resume?: boolean | string;
  /** Number of the first epoch, counted from 0, for a model trained before without checkpoints. Default 0. */
  readonly initialEpoch?: number;
  /** Default 'warn'. */
  readonly onNaN?: OnNaN;
}

/** For callers without a compiler. */
export const fitOptionNames: OptionNames<FitOptions> = {
  epochs: true,
  loss: true,
  optimizer: true,
  lr: true,
  metrics: true,
  validation: true,
  validationEvery: true,
  batchSize: true,
  shuffle: true,
  seed: true,
  batchesPerEpoch: true,
  callbacks: true,
  schedule: true,
  scheduleEvery: true,
  clipNorm: true,
  accumulate: true,
  compile: true,
  signal: true,
  progress: true,
  checkpoint: true,
  resume: true,
  initialEpoch: true,
  onNaN: true,
};

/** Callbacks of `fit`. */
export type { Callback, TrainingContext } from './callback.js';
export { EarlyStopping, type EarlyStoppingOptions } from './early-stopping.js';
export { lambdaCallback } from './lambda.js';
export {
  LearningRateScheduler,
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
} from './learning-rate.js';
export { CSVLogger, JSONLogger } from './loggers.js';
export { ModelCheckpoint, type ModelCheckpointOptions } from './model-checkpoint.js';
export type { MonitorOptions } from './monitor.js';
export { ProgressBar } from './progress-bar.js';
export { TerminateOnNaN } from './terminate-on-nan.js';

/** Training: `fit`, `evaluate` and `predict`, and what accompanies them. */
export type { AnyDataset, Batches, TrainingData } from './batches.js';
export { type EvaluateOptions, evaluate } from './evaluate.js';
export { fit } from './fit.js';
export { type Figures, History } from './history.js';
export { interruptSignal } from './interrupt.js';
export type { LossFunction, LossName, LossSpec } from './losses.js';
export type { Model } from './model.js';
export type { OptimizerName, OptimizerSpec } from './optimizers.js';
export type { CheckpointOptions, FitOptions, OnNaN, ProgressSettings, Schedule } from './options.js';
export { type PredictData, type PredictOptions, predict, predictBatches } from './predict.js';
export type { Metrics, ProgressOptions, ProgressOutput } from './progress.js';
export { ProgressLine } from './progress.js';
export type { PartState } from './state.js';

export { Adagrad, type AdagradOptions, type AdagradSettings } from './adagrad.js';
export { Adam, type AdamOptions, type AdamSettings } from './adam.js';
export { AdamW, type AdamWOptions } from './adamw.js';
export * as lrScheduler from './lr-scheduler/index.js';
export { Optimizer } from './optimizer.js';
export type {
  GroupOptions,
  OptimizedParameters,
  OptimizerState,
  ParamGroup,
  Settings,
} from './param-group.js';
export { RMSprop, type RMSpropOptions, type RMSpropSettings } from './rmsprop.js';
export { SGD, type SGDOptions, type SGDSettings } from './sgd.js';

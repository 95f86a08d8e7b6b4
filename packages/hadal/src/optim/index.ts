export { Adadelta, type AdadeltaOptions, type AdadeltaSettings } from './adadelta.js';
export { Adagrad, type AdagradOptions, type AdagradSettings } from './adagrad.js';
export { Adam, type AdamOptions, type AdamSettings } from './adam.js';
export { Adamax, type AdamaxOptions, type AdamaxSettings } from './adamax.js';
export { AdamW, type AdamWOptions } from './adamw.js';
export { ASGD, type ASGDOptions, type ASGDSettings } from './asgd.js';
export { Lion, type LionOptions, type LionSettings } from './lion.js';
export * as lrScheduler from './lr-scheduler/index.js';
export { NAdam, type NAdamOptions, type NAdamSettings } from './nadam.js';
export { Optimizer } from './optimizer.js';
export type {
  GroupOptions,
  OptimizedParameters,
  OptimizerState,
  ParamGroup,
  Settings,
} from './param-group.js';
export { RAdam, type RAdamOptions, type RAdamSettings } from './radam.js';
export { RMSprop, type RMSpropOptions, type RMSpropSettings } from './rmsprop.js';
export { Rprop, type RpropOptions, type RpropSettings } from './rprop.js';
export { SGD, type SGDOptions, type SGDSettings } from './sgd.js';

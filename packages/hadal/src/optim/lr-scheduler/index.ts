export { ChainedScheduler, SequentialLR } from './composite.js';
export { CosineAnnealingLR, CosineAnnealingWarmRestarts } from './cosine.js';
export { CyclicLR, type CyclicOptions, OneCycleLR, type OneCycleOptions } from './cycle.js';
export {
  ConstantLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  MultiplicativeLR,
  MultiStepLR,
  PolynomialLR,
  StepLR,
} from './decay.js';
export { ReduceLROnPlateau, type ReduceOnPlateauOptions } from './plateau.js';
export { LRScheduler, type Scheduled } from './scheduler.js';

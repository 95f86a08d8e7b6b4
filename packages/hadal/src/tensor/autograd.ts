/** What `autograd` is in the public face: gradients as functions, functions with gradients of one's own, and tools to check both. */
export type { BackwardOptions } from '../autograd/backward.js';
export type { HookHandle } from '../autograd/hooks.js';
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from '../autograd/mode.js';
export type { GradNode } from '../autograd/tape.js';
export { type AnomalyOptions, detectAnomaly, isAnomalyEnabled, setDetectAnomaly } from './anomaly.js';
export { backward, type TensorBackwardOptions } from './backward.js';
export { describe } from './describe-tape.js';
export {
  type Context,
  CustomFunction as Function,
  type FunctionClass,
  FunctionContext,
  type FunctionGradients,
  type FunctionResult,
} from './function.js';
export { type GradOptions, grad } from './grad.js';
export {
  type CheckedFunction,
  type GradcheckOptions,
  gradcheck,
  gradgradcheck,
} from './gradcheck.js';
export type { TensorHook } from './hooks.js';

export { cnn } from './cnn.js';
export { mlp } from './mlp.js';
export {
  type Batch,
  type Model,
  makeBatch,
  makeInput,
  makeOptimizer,
  type OptimizerSpec,
  parameterSpecs,
  setParameters,
  trainOn,
} from './model.js';

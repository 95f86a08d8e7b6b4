export { cnn } from './cnn.js';
export { gpt } from './gpt.js';
export { gptToken } from './gpt-token.js';
export { lstm } from './lstm.js';
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
export { resnet18, resnet18At224 } from './resnet18.js';
export { tiny } from './tiny.js';

export { enableGrad, isGradEnabled, noGrad } from '../autograd/mode.js';
export {
  arange,
  type CreateOptions,
  fromTypedArray,
  full,
  fullLike,
  ones,
  onesLike,
  tensor,
  zeros,
  zerosLike,
} from './create.js';
export { explain } from './explain.js';
export { type GradOptions, grad } from './grad.js';
export { type IndexItem, type Slice, slice } from './indexing.js';
export type { Operand } from './promotion.js';
export { type Nested, type NumberLike, Tensor } from './tensor.js';
export { engine, setEngine, Workspace, withWorkspace, workspace } from './workspace.js';

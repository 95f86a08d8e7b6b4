/** The public face of hadal. */
export { config } from './base/config.js';
export type { DType, TypedArray } from './base/dtype.js';
export {
  ArgumentError,
  AutogradError,
  DeviceError,
  DTypeError,
  FormatError,
  HadalError,
  IndexError,
  InternalError,
  ShapeError,
  StaleValueError,
} from './base/errors.js';
export * from './data/index.js';
export type { EngineName } from './engine/backend.js';
export { Engine, Explanation } from './engine/engine.js';
export * as functional from './nn/functional.js';
export * as nn from './nn/index.js';
export * as optim from './optim/index.js';
export { getRngState, manualSeed, rand, randn, setRngState } from './random/index.js';
export * as autograd from './tensor/grad.js';
export {
  arange,
  type CreateOptions,
  enableGrad,
  engine,
  explain,
  fromTypedArray,
  full,
  fullLike,
  type IndexItem,
  isGradEnabled,
  type Nested,
  type NumberLike,
  noGrad,
  type Operand,
  ones,
  onesLike,
  type Slice,
  setEngine,
  slice,
  Tensor,
  tensor,
  zeros,
  zerosLike,
} from './tensor/index.js';
export * from './train/index.js';

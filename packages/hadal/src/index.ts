/** The public face of hadal. */
export { inferenceMode, isInferenceModeEnabled, setGradEnabled } from './autograd/mode.js';
export { config } from './base/config.js';
export type { DType, TypedArray } from './base/dtype.js';
export {
  ArgumentError,
  AutogradError,
  CompileError,
  DeviceError,
  DTypeError,
  FileError,
  FormatError,
  HadalError,
  IndexError,
  InternalError,
  OutOfMemoryError,
  ShapeError,
  StaleValueError,
  ZeroDivisionError,
} from './base/errors.js';
export { version } from './base/version.js';
export * from './data/index.js';
export type { EngineName } from './engine/backend.js';
export { Engine } from './engine/engine.js';
export { type ExplainedKernel, Explanation } from './engine/explanation.js';
export * from './engine/profile/index.js';
export type {
  CheckpointContent,
  CheckpointInfo,
  LoadCheckpointOptions,
  LoadedCheckpoint,
  SaveCheckpointOptions,
} from './io/checkpoint.js';
export { listCheckpoints, loadCheckpoint, saveCheckpoint } from './io/checkpoint.js';
export type { Json } from './io/json.js';
export type { ImageInput, LoadedModel, ModelInfo, SaveModelOptions } from './io/model.js';
export { loadModel, saveModel } from './io/model.js';
export type { DecodeOptions, Metadata, NamedTensors, Safetensors } from './io/safetensors.js';
export {
  decodeSafetensors,
  encodeSafetensors,
  load,
  loadSafetensors,
  save,
  saveSafetensors,
} from './io/safetensors.js';
export type { KernelCost } from './kernel/costs.js';
export * as functional from './nn/functional/index.js';
export * as nn from './nn/index.js';
export * as optim from './optim/index.js';
export {
  bernoulli,
  bernoulli_,
  type GeneratorState,
  getRngState,
  manualSeed,
  multinomial,
  normal,
  normal_,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
  setRngState,
  uniform_,
} from './random/index.js';
export type { Boundary, BoundaryReason } from './schedule/boundaries.js';
export type { MemoryReport, PlacedValue } from './schedule/memory-report.js';
export * as autograd from './tensor/autograd.js';
export * from './tensor/functions/index.js';
export {
  type AccumulateOptions,
  arange,
  type ClampBounds,
  type Closeness,
  type Compiled,
  CompiledExplanation,
  type CompileOptions,
  type CreateOptions,
  canCast,
  cartesianProd,
  compile,
  type Distinct,
  empty,
  emptyLike,
  enableGrad,
  engine,
  explain,
  eye,
  type FloatInfo,
  finfo,
  fromBytes,
  fromTypedArray,
  full,
  fullLike,
  getDefaultDtype,
  type IndexItem,
  type IntegerInfo,
  iinfo,
  isGradEnabled,
  linspace,
  logspace,
  type MinAndMax,
  meshgrid,
  type Nested,
  type NumberLike,
  noGrad,
  type Operand,
  ones,
  onesLike,
  type PadMode,
  type ProductWeights,
  promoteTypes,
  type ReduceOptions,
  type RoundingMode,
  resultType,
  type ScanOptions,
  type ScanResult,
  type Slice,
  type SpreadOptions,
  type StdAndMean,
  type Structure,
  scan,
  setDefaultDtype,
  setEngine,
  slice,
  Tensor,
  tensor,
  trilIndices,
  triuIndices,
  type UniqueOptions,
  type ValuesAndIndices,
  type VarAndMean,
  zeros,
  zerosLike,
} from './tensor/index.js';
export * as callbacks from './train/callbacks/index.js';
export * from './train/index.js';
export * as metrics from './train/metrics/index.js';

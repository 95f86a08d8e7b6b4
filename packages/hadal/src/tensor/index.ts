export { enableGrad, isGradEnabled, noGrad } from '../autograd/mode.js';
export type { IndexItem } from './advanced-indexing.js';
export type { PadMode } from './arrangement.js';
export { type Compiled, type CompileOptions, compile } from './compile/compile.js';
export { CompiledExplanation } from './compile/explanation.js';
export {
  type CreateOptions,
  empty,
  emptyLike,
  fromBytes,
  fromTypedArray,
  full,
  fullLike,
  ones,
  onesLike,
  tensor,
  zeros,
  zerosLike,
} from './create.js';
export { getDefaultDtype, setDefaultDtype } from './default-dtype.js';
export {
  canCast,
  type FloatInfo,
  finfo,
  type IntegerInfo,
  iinfo,
  promoteTypes,
  resultType,
} from './dtypes.js';
export type { Closeness, RoundingMode } from './elementwise.js';
export { explain } from './explain.js';
export * from './functions/index.js';
export { type GradOptions, grad } from './grad.js';
export { type Slice, slice } from './indexing.js';
export type { ClampBounds } from './methods/math.js';
export type { ProductWeights } from './methods/products.js';
export type { AccumulateOptions, ReduceOptions, SpreadOptions } from './methods/reductions.js';
export type { UniqueOptions } from './methods/sorting.js';
export type { Operand } from './promotion.js';
export type { Distinct, MinAndMax, StdAndMean, ValuesAndIndices, VarAndMean } from './results.js';
export { type ScanOptions, type ScanResult, scan } from './scan.js';
export {
  arange,
  cartesianProd,
  eye,
  linspace,
  logspace,
  meshgrid,
  trilIndices,
  triuIndices,
} from './sequences.js';
export type { Structure } from './structure.js';
export { type Nested, type NumberLike, Tensor } from './tensor.js';
export { engine, setEngine, Workspace, withWorkspace, workspace } from './workspace.js';

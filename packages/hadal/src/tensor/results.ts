/** Results of ops that give several tensors: objects with PyTorch's field names that are also iterable. */
import type { Tensor } from './tensor.js';

/** Picked elements and their positions along the dimension, int64. */
export interface ValuesAndIndices extends Iterable<Tensor> {
  readonly values: Tensor;
  readonly indices: Tensor;
}

export function valuesAndIndices(values: Tensor, indices: Tensor): ValuesAndIndices {
  return { values, indices, [Symbol.iterator]: () => [values, indices].values() };
}

export interface StdAndMean extends Iterable<Tensor> {
  readonly std: Tensor;
  readonly mean: Tensor;
}

export interface VarAndMean extends Iterable<Tensor> {
  readonly var: Tensor;
  readonly mean: Tensor;
}

export interface MinAndMax extends Iterable<Tensor> {
  readonly min: Tensor;
  readonly max: Tensor;
}

/** Distinct elements; `inverse` and `counts` are there if they were asked for. */
export interface Distinct extends Iterable<Tensor> {
  readonly values: Tensor;
  readonly inverse: Tensor | null;
  readonly counts: Tensor | null;
}

/**
 * Helpers for the reference meaning of ops on plain row-major arrays: straight loops over indices, no cleverness.
 */
import type { DType, TypedArray } from '../../base/dtype.js';
import { newArray } from '../../base/dtype.js';
import type { Shape } from '../../base/shape.js';
import { contiguousStrides, numel } from '../../base/shape.js';

export { newArray } from '../../base/dtype.js';

/** Calls `visit(index, flat position)` for every element of a shape, in row-major order. The index array is reused. */
export function forEachIndex(shape: Shape, visit: (index: readonly number[], flat: number) => void): void {
  const index = new Array<number>(shape.length).fill(0);
  const n = numel(shape);
  for (let flat = 0; flat < n; flat++) {
    visit(index, flat);
    for (let d = shape.length - 1; d >= 0; d--) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

export function flatIndex(strides: readonly number[], index: readonly number[]): number {
  let at = 0;
  for (let d = 0; d < index.length; d++) at += index[d] * strides[d];
  return at;
}

/** A result whose element at an index is the source's at `where(index)`; null means zero. */
export function gatherElements(
  source: { readonly shape: Shape; readonly data: TypedArray },
  dtype: DType,
  shape: Shape,
  where: (index: readonly number[]) => readonly number[] | null,
): TypedArray {
  const out = newArray(dtype, shape);
  const strides = contiguousStrides(source.shape);
  forEachIndex(shape, (index, flat) => {
    const from = where(index);
    if (from !== null) out[flat] = source.data[flatIndex(strides, from)];
  });
  return out;
}

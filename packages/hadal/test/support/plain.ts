/** Tensors as plain data: elements as JSON can hold them. */

import { newElements } from '../../src/base/dtype.js';
import type { DType, TypedArray } from '../../src/index.js';
import { fromTypedArray, type Tensor } from '../../src/index.js';

/** Elements as JSON can hold them: 'nan', 'inf', '-inf', '-0' and integers beyond 2^53 are strings. */
export type Element = number | string;

export interface Plain {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: readonly Element[];
}

export function toNumber(x: Element): number {
  if (typeof x === 'number') return x;
  return x === 'nan'
    ? Number.NaN
    : x === 'inf'
      ? Number.POSITIVE_INFINITY
      : x === '-inf'
        ? Number.NEGATIVE_INFINITY
        : Number(x);
}

export function decode(p: Plain): TypedArray {
  const out = newElements(p.dtype, p.data.length);
  p.data.forEach((x, i) => {
    if (out instanceof BigInt64Array) out[i] = BigInt(x);
    else out[i] = toNumber(x);
  });
  return out;
}

/** Numbers that are the same on both sides and in which no element is like its neighbour: the gradient of a tensor. */
export function pattern(t: Tensor): Tensor {
  const data = Float32Array.from({ length: t.numel() }, (_, i) => ((i * 7) % 5) - 1.5);
  return fromTypedArray(data, t.shape).to(t.dtype);
}

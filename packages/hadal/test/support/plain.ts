/** Tensors as plain data: elements as JSON can hold them. */
import type { DType, TypedArray } from '../../src/index.js';
import { fromTypedArray, type Tensor } from '../../src/index.js';

/** Elements as JSON can hold them: 'nan', 'inf', '-inf', '-0' and integers beyond 2^53 are strings. */
export type Element = number | string;

export interface Plain {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: readonly Element[];
}

const arrays = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array, bool: Uint8Array } as const;

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
  if (p.dtype === 'int64') return BigInt64Array.from(p.data.map(BigInt));
  const out = new arrays[p.dtype](p.data.length);
  p.data.forEach((x, i) => {
    out[i] = toNumber(x);
  });
  return out;
}

/** Numbers that are the same on both sides and in which no element is like its neighbour: seeds of gradients. */
export function pattern(shape: readonly number[]): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return fromTypedArray(
    Float32Array.from({ length: n }, (_, i) => ((i * 7) % 5) - 1.5),
    shape,
  );
}

/**
 * Element types. A dtype's name is a string (`'float32'`), as users write it; `dtypeInfo` holds its facts in one table.
 */
import { DTypeError } from './errors.js';
import type { Shape } from './shape.js';
import { numel } from './shape.js';

export type DType = 'float32' | 'int32' | 'int64' | 'uint8' | 'bool';

export type TypedArray = Float32Array | Int32Array | BigInt64Array | Uint8Array;

interface DTypeInfo {
  /** Bytes of one element in memory. */
  readonly bytes: number;
  /** Promotion category: bool < int < float, as in PyTorch. */
  readonly category: 'bool' | 'int' | 'float';
  /** Order within the category; the larger wins. */
  readonly rank: number;
}

export const dtypeInfo: { readonly [K in DType]: DTypeInfo } = {
  bool: { bytes: 1, category: 'bool', rank: 0 },
  uint8: { bytes: 1, category: 'int', rank: 1 },
  int32: { bytes: 4, category: 'int', rank: 2 },
  int64: { bytes: 8, category: 'int', rank: 3 },
  float32: { bytes: 4, category: 'float', rank: 4 },
};

/** The dtype of a tensor that holds the result of an op on `a` and `b` (PyTorch's tensor-tensor promotion). */
export function promote(a: DType, b: DType): DType {
  return dtypeInfo[a].rank >= dtypeInfo[b].rank ? a : b;
}

/**
 * The dtype of an op between tensors of ranks `ra` and `rb`: a tensor without dimensions counts only where it is of a higher category.
 */
export function promoteTensors(a: DType, ra: number, b: DType, rb: number): DType {
  if ((ra === 0) === (rb === 0)) return promote(a, b);
  const [wide, zero] = ra === 0 ? [b, a] : [a, b];
  return fitsInto(zero, wide) ? wide : promote(wide, zero);
}

/**
 * The dtype of an op between a tensor of dtype `a` and a JavaScript number, by PyTorch's rule for Python scalars:
 * the tensor's dtype unless the number is of a higher category.
 */
export function promoteWithNumber(a: DType, value: number): DType {
  if (Number.isInteger(value)) return a === 'bool' ? 'int64' : a;
  return dtypeInfo[a].category === 'float' ? a : 'float32';
}

/**
 * A JavaScript number as an element of a dtype: integers are cut off and wrap, bool asks whether it is not zero, int64 is a bigint.
 *
 * @throws DTypeError if NaN or an infinity should become an integer.
 */
export function convertNumber(value: number | bigint, dtype: DType): number | bigint {
  if (dtype === 'float32') return Number(value);
  if (dtype === 'bool') return Number(value) !== 0 ? 1 : 0;
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new DTypeError(`${value} cannot be stored as ${dtype}`);
  const whole = typeof value === 'bigint' ? value : BigInt(Math.trunc(value));
  if (dtype === 'int64') return BigInt.asIntN(64, whole);
  return dtype === 'int32' ? Number(BigInt.asIntN(32, whole)) : Number(BigInt.asUintN(8, whole));
}

/** Whether every value of an op's result dtype has a place in `to`, category by category: what an in-place op asks. */
export function fitsInto(from: DType, to: DType): boolean {
  const order = { bool: 0, int: 1, float: 2 } as const;
  return order[dtypeInfo[from].category] <= order[dtypeInfo[to].category];
}

export function isFloat(dtype: DType): boolean {
  return dtypeInfo[dtype].category === 'float';
}

/** A typed array over `buffer`; bool shares uint8's. */
export function typedView(dtype: DType, buffer: ArrayBuffer, byteOffset = 0, length?: number): TypedArray {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
    case 'int64':
      return new BigInt64Array(buffer, byteOffset, length);
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer, byteOffset, length);
  }
}

/** A cleared typed array for all elements of a shape. */
export function newArray(dtype: DType, shape: Shape): TypedArray {
  return typedView(dtype, new ArrayBuffer(numel(shape) * dtypeInfo[dtype].bytes));
}

export function checkDType(value: unknown): DType {
  if (typeof value === 'string' && value in dtypeInfo) return value as DType;
  throw new DTypeError(
    `unknown dtype ${JSON.stringify(value)}; expected one of ${Object.keys(dtypeInfo).join(', ')}`,
  );
}

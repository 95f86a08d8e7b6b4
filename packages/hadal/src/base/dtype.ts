/**
 * Element types. A dtype's name is a string (`'float32'`), as users write it; `dtypeInfo` holds its facts in one table.
 *
 * In memory an element takes `bytes`. In JavaScript an array of elements is a typed array of its values: float16 and bfloat16, for which
 * Node 20 has no typed array, are held as float32, which has all of their values; `decodeElements` and `encodeElements` convert.
 */
import { DTypeError } from './errors.js';
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from './half.js';
import type { Shape } from './shape.js';
import { numel } from './shape.js';

export type DType =
  | 'float32'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'bool'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'uint32';

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint32Array;

interface DTypeInfo {
  /** Bytes of one element in memory. */
  readonly bytes: number;
  /** Promotion category: bool < int < float, as in PyTorch. */
  readonly category: 'bool' | 'int' | 'float';
  /** Smallest and largest finite value; a bigint where a number would not be exact. */
  readonly min: number | bigint;
  readonly max: number | bigint;
}

export const dtypeInfo: { readonly [K in DType]: DTypeInfo } = {
  bool: { bytes: 1, category: 'bool', min: 0, max: 1 },
  uint8: { bytes: 1, category: 'int', min: 0, max: 255 },
  int8: { bytes: 1, category: 'int', min: -128, max: 127 },
  int16: { bytes: 2, category: 'int', min: -(2 ** 15), max: 2 ** 15 - 1 },
  int32: { bytes: 4, category: 'int', min: -(2 ** 31), max: 2 ** 31 - 1 },
  uint32: { bytes: 4, category: 'int', min: 0, max: 2 ** 32 - 1 },
  int64: { bytes: 8, category: 'int', min: -(2n ** 63n), max: 2n ** 63n - 1n },
  float16: { bytes: 2, category: 'float', min: -65504, max: 65504 },
  bfloat16: { bytes: 2, category: 'float', min: -(2 - 2 ** -7) * 2 ** 127, max: (2 - 2 ** -7) * 2 ** 127 },
  float32: { bytes: 4, category: 'float', min: -(2 - 2 ** -23) * 2 ** 127, max: (2 - 2 ** -23) * 2 ** 127 },
  float64: { bytes: 8, category: 'float', min: -Number.MAX_VALUE, max: Number.MAX_VALUE },
};

const categories = { bool: 0, int: 1, float: 2 } as const;

/**
 * The dtype of a tensor that holds the result of an op on `a` and `b` (PyTorch's tensor-tensor promotion). Where PyTorch refuses, between
 * uint32 and another integer, it is the smallest dtype that holds both.
 */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  const [x, y] = [dtypeInfo[a], dtypeInfo[b]];
  if (x.category !== y.category) return categories[x.category] > categories[y.category] ? a : b;
  if (x.category === 'float') {
    // float16 and bfloat16 have no values in common beyond some; float32 has all of both.
    if (x.bytes === y.bytes) return 'float32';
    return x.bytes > y.bytes ? a : b;
  }
  const wider = x.bytes >= y.bytes ? a : b;
  const other = wider === a ? b : a;
  if (dtypeInfo[wider].min <= dtypeInfo[other].min && dtypeInfo[wider].max >= dtypeInfo[other].max)
    return wider;
  return dtypeInfo[wider].bytes === 1 ? 'int16' : dtypeInfo[wider].bytes === 2 ? 'int32' : 'int64';
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
  if (isFloat(dtype)) return roundToDType(Number(value), dtype);
  if (dtype === 'bool') return Number(value) !== 0 ? 1 : 0;
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new DTypeError(`${value} cannot be stored as ${dtype}`);
  const wrapped = wrapInteger(typeof value === 'bigint' ? value : BigInt(Math.trunc(value)), dtype);
  return dtype === 'int64' ? wrapped : Number(wrapped);
}

/** A number rounded to a 16-bit float; other floats are rounded where they are stored. */
function roundToDType(value: number, dtype: DType): number {
  if (dtype === 'float16') return float16Value(float16Bits(value));
  return dtype === 'bfloat16' ? bfloat16Value(bfloat16Bits(value)) : value;
}

/** An integer modulo the range of an integer dtype. */
export function wrapInteger(value: bigint, dtype: DType): bigint {
  const { bytes, min } = dtypeInfo[dtype];
  return min === 0 ? BigInt.asUintN(8 * bytes, value) : BigInt.asIntN(8 * bytes, value);
}

/** Whether every value of an op's result dtype has a place in `to`, category by category: what an in-place op asks. */
export function fitsInto(from: DType, to: DType): boolean {
  return categories[dtypeInfo[from].category] <= categories[dtypeInfo[to].category];
}

export function isFloat(dtype: DType): boolean {
  return dtypeInfo[dtype].category === 'float';
}

/** The floats that are 16-bit patterns in memory and float32 wherever they are computed with. */
export function isHalf(dtype: DType): dtype is 'float16' | 'bfloat16' {
  return dtype === 'float16' || dtype === 'bfloat16';
}

/** The dtype that sums, squares and small steps of a dtype are computed in: 16-bit floats would overflow or lose them. */
export function wideDType(dtype: DType): DType {
  return isHalf(dtype) ? 'float32' : dtype;
}

/** A cleared array of values. */
export function newElements(dtype: DType, length: number): TypedArray {
  switch (dtype) {
    case 'float32':
    case 'float16':
    case 'bfloat16':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'int8':
      return new Int8Array(length);
    case 'int16':
      return new Int16Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'int64':
      return new BigInt64Array(length);
    case 'uint8':
    case 'bool':
      return new Uint8Array(length);
    case 'uint32':
      return new Uint32Array(length);
  }
}

/** A cleared array of values for all elements of a shape. */
export function newArray(dtype: DType, shape: Shape): TypedArray {
  return newElements(dtype, numel(shape));
}

/** The dtype whose values a typed array holds. */
export function dtypeOfArray(data: TypedArray): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Uint8Array) return 'uint8';
  if (data instanceof Int8Array) return 'int8';
  if (data instanceof Int16Array) return 'int16';
  if (data instanceof Uint32Array) return 'uint32';
  throw new DTypeError(
    'expected a Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, BigInt64Array, Uint8Array or Uint32Array',
  );
}

/**
 * The values of elements in memory. Shares the memory but for float16 and bfloat16, which are converted; `byteOffset` must be a multiple
 * of the dtype's bytes.
 */
export function decodeElements(
  dtype: DType,
  buffer: ArrayBuffer,
  byteOffset: number,
  length: number,
): TypedArray {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float64':
      return new Float64Array(buffer, byteOffset, length);
    case 'int8':
      return new Int8Array(buffer, byteOffset, length);
    case 'int16':
      return new Int16Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
    case 'int64':
      return new BigInt64Array(buffer, byteOffset, length);
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer, byteOffset, length);
    case 'uint32':
      return new Uint32Array(buffer, byteOffset, length);
    case 'float16':
    case 'bfloat16': {
      const bits = new Uint16Array(buffer, byteOffset, length);
      const value = dtype === 'float16' ? float16Value : bfloat16Value;
      return Float32Array.from(bits, value);
    }
  }
}

/** Values as elements in memory: the bytes of the array itself but for float16 and bfloat16. */
export function encodeElements(dtype: DType, values: TypedArray): Uint8Array {
  if (isHalf(dtype)) {
    const bits = new Uint16Array(values.length);
    const code = dtype === 'float16' ? float16Bits : bfloat16Bits;
    for (let i = 0; i < bits.length; i++) bits[i] = code(Number(values[i]));
    return new Uint8Array(bits.buffer);
  }
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The values of elements, rounded to what their dtype can hold; in place. */
export function roundElements(dtype: DType, values: TypedArray): TypedArray {
  if (!isHalf(dtype)) return values;
  for (let i = 0; i < values.length; i++) values[i] = roundToDType(Number(values[i]), dtype);
  return values;
}

export function checkDType(value: unknown): DType {
  if (typeof value === 'string' && Object.hasOwn(dtypeInfo, value)) return value as DType;
  throw new DTypeError(
    `unknown dtype ${JSON.stringify(value)}; expected one of ${Object.keys(dtypeInfo).join(', ')}`,
  );
}

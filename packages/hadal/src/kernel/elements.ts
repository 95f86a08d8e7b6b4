/**
 * How elements of each dtype are held in registers and in memory. float16 and bfloat16 are 16-bit patterns in memory and float32 lanes in
 * registers, rounded to their own values after every op; small integers are i32 lanes that are wrapped after every op; uint32 is an
 * i64 from 0 to 2^32 - 1.
 */
import { type DType, isFloat, isHalf } from '../base/dtype.js';
import type { Kind, MemType, Value } from './l3.js';
import type { L3Builder } from './l3-builder.js';

const memTypes: { readonly [K in DType]: MemType } = {
  bfloat16: 'u16',
  float16: 'u16',
  float32: 'f32',
  float64: 'f64',
  int8: 'i8',
  int16: 'i16',
  int32: 'i32',
  int64: 'i64',
  uint8: 'u8',
  uint32: 'u32',
  bool: 'bool',
};

export const kinds: { readonly [K in DType]: Kind } = {
  bfloat16: 'f32',
  float16: 'f32',
  float32: 'f32',
  float64: 'f64',
  int8: 'i32',
  int16: 'i32',
  int32: 'i32',
  int64: 'i64',
  uint8: 'i32',
  uint32: 'i64',
  bool: 'mask',
};

/** How memory of a dtype is loaded and stored in a function. */
export function memTypeOf(b: L3Builder, dtype: DType): MemType {
  return dtype === 'float16' && b.float16 ? 'f16' : memTypes[dtype];
}

/** Whether values of a dtype are never vectors. */
export function isScalarOnly(dtype: DType): boolean {
  return kinds[dtype] === 'i64' || kinds[dtype] === 'f64';
}

/** 2^112: moves the exponent of float16 (bias 15) to that of float32 (bias 127). */
const REBIAS = 2 ** 112;

/** What was loaded as memory of the dtype, as a value to compute with. */
export function decodeLoaded(b: L3Builder, loaded: Value, dtype: DType): Value {
  if (dtype === 'bfloat16') return b.bitcast('f32', b.shift('shl', loaded, 16));
  if (dtype !== 'float16' || b.float16) return loaded;
  const magnitude = b.binary('and', loaded, b.like(loaded, 0x7fff));
  const word = b.shift('shl', magnitude, 13);
  const rebased = b.bitcast('f32', word);
  const finite = b.bitcast('i32', b.mul(rebased, b.like(rebased, REBIAS)));
  const special = b.binary('or', word, b.like(word, 0x7f800000));
  const size = b.select(b.compare('lt', magnitude, b.like(magnitude, 0x7c00)), finite, special);
  const sign = b.shift('shl', b.binary('and', loaded, b.like(loaded, 0x8000)), 16);
  return b.bitcast('f32', b.binary('or', size, sign));
}

/** The bits of a float32 whose upper half is the nearest bfloat16; the lower half is of no meaning. A NaN stays one, and quiet. */
function nearestBfloat16(b: L3Builder, value: Value): Value {
  const word = b.bitcast('i32', value);
  const int = (x: number): Value => b.like(word, x);
  const odd = b.binary('and', b.shift('shr', word, 16), int(1));
  const rounded = b.add(b.add(word, int(0x7fff)), odd);
  return b.select(b.compare('ne', value, value), b.binary('or', word, int(0x7fc00000)), rounded);
}

/**
 * As `encodeStored`, of a value that the dtype has: what every expression of a kernel gives. No rounding is left to do.
 */
export function encodeExact(b: L3Builder, value: Value, dtype: DType): Value {
  if (dtype !== 'bfloat16') return encodeStored(b, value, dtype);
  return b.shift('shr', b.bitcast('i32', value), 16);
}

/** A value as it is stored to memory of the dtype. */
export function encodeStored(b: L3Builder, value: Value, dtype: DType): Value {
  if (!isHalf(dtype) || (dtype === 'float16' && b.float16)) return value;
  if (dtype === 'bfloat16') return b.shift('shr', nearestBfloat16(b, value), 16);
  const word = b.bitcast('i32', value);
  const int = (x: number): Value => b.like(word, x);
  const magnitude = b.binary('and', word, int(0x7fffffff));
  const isNotNumber = b.compare('lt', int(0x7f800000), magnitude);
  const sign = b.binary('and', b.shift('shr', word, 16), int(0x8000));
  const odd = b.binary('and', b.shift('shr', magnitude, 13), int(1));
  const normal = b.shift('shr', b.add(b.add(magnitude, int(0xfff - 0x38000000)), odd), 13);
  // Below 2^-14 float16 is a multiple of 2^-24: adding 0.5 in float32 rounds to it.
  const shifted = b.add(b.bitcast('f32', magnitude), b.like(value, 0.5));
  const tiny = b.sub(b.bitcast('i32', shifted), int(0x3f000000));
  let bits = b.select(b.compare('lt', magnitude, int(0x38800000)), tiny, normal);
  // From 65520 on everything rounds to infinity.
  bits = b.select(b.compare('le', int(0x477ff000), magnitude), int(0x7c00), bits);
  bits = b.select(isNotNumber, int(0x7e00), bits);
  return b.binary('or', sign, bits);
}

/** A value moved to the nearest, or modulo range the equal, that the dtype has. */
export function fitToDType(b: L3Builder, value: Value, dtype: DType): Value {
  switch (dtype) {
    case 'float16':
      if (b.float16) return b.unary('half', value);
      return decodeLoaded(b, encodeStored(b, value, dtype), dtype);
    case 'bfloat16': {
      const bits = nearestBfloat16(b, value);
      return b.bitcast('f32', b.binary('and', bits, b.like(bits, -65536)));
    }
    case 'uint8':
      return b.binary('and', value, b.like(value, 0xff));
    case 'int8':
      return b.shift('sar', b.shift('shl', value, 24), 24);
    case 'int16':
      return b.shift('sar', b.shift('shl', value, 16), 16);
    case 'uint32':
      return b.binary('and', value, b.constant('i64', 0xffffffffn));
    default:
      return value;
  }
}

/** A constant of a dtype. */
export function dtypeConstant(b: L3Builder, value: number | bigint, dtype: DType): Value {
  const kind = kinds[dtype];
  if (kind === 'i64') return b.constant('i64', BigInt(value));
  return fitFloat(b, b.constant(kind, Number(value)), dtype);
}

function fitFloat(b: L3Builder, value: Value, dtype: DType): Value {
  return isFloat(dtype) ? fitToDType(b, value, dtype) : value;
}

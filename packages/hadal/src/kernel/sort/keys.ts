/**
 * Elements as integers in the order that sorting gives them: NaN after everything, all NaNs alike, both zeros alike. Floats are ordered
 * like the signed integers of their bits once the magnitude of negative ones is turned around.
 */
import type { DType } from '../../base/dtype.js';
import { kinds } from '../elements.js';
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';

export type KeyKind = 'i32' | 'i64';

/** The kind of a dtype's keys, and the bytes of them that tell elements apart. */
export function keyOf(dtype: DType): { readonly kind: KeyKind; readonly bytes: 1 | 2 | 4 | 8 } {
  if (dtype === 'int64' || dtype === 'float64') return { kind: 'i64', bytes: 8 };
  if (dtype === 'int8' || dtype === 'uint8' || dtype === 'bool') return { kind: 'i32', bytes: 1 };
  return { kind: 'i32', bytes: dtype === 'int16' ? 2 : 4 };
}

/** The key of an element, ordered as signed integers are. */
export function signedKey(b: L3Builder, value: Value, dtype: DType, descending: boolean): Value {
  const key = ascendingKey(b, value, dtype);
  return descending ? b.unary('not', key) : key;
}

function ascendingKey(b: L3Builder, value: Value, dtype: DType): Value {
  switch (kinds[dtype]) {
    case 'mask':
      return b.convert('i32', value);
    case 'f32':
      return floatKey(b, value, 'i32', { sign: 31, largest: 0x7fffffff });
    case 'f64':
      return floatKey(b, value, 'i64', { sign: 63, largest: 0x7fffffffffffffffn });
    case 'i64':
      // uint32 is 0 to 2^32 - 1 in 64 bits: the sign bit of the low half is turned to make it a signed key of 32.
      if (dtype !== 'uint32') return value;
      return b.convert('i32', b.binary('xor', value, b.constant('i64', 0x80000000n)));
    default:
      return value;
  }
}

function floatKey(
  b: L3Builder,
  value: Value,
  kind: KeyKind,
  { sign, largest }: { readonly sign: number; readonly largest: number | bigint },
): Value {
  // -0 + 0 is 0.
  const bits = b.bitcast(kind, b.add(value, b.like(value, 0)));
  const top = b.like(bits, largest);
  const turned = b.binary('xor', bits, b.binary('and', b.shift('sar', bits, sign), top));
  return b.select(b.compare('ne', value, value), top, turned);
}

/** A signed key of `bytes` as an unsigned one, whose bytes are in the order of their digits. */
export function unsignedKey(b: L3Builder, key: Value, dtype: DType): Value {
  if (dtype === 'uint8' || dtype === 'bool') return key;
  const { bytes } = keyOf(dtype);
  if (bytes === 8) return b.binary('xor', key, b.constant('i64', -(2n ** 63n)));
  return b.binary('xor', key, b.like(key, bytes === 4 ? -(2 ** 31) : 2 ** (8 * bytes - 1)));
}

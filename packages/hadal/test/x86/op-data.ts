/** Memory of every type, filled with values that tell definitions apart. */
import type { MemType } from '../../src/kernel/l3.js';

export const COUNT = 64;

function repeated<T>(values: readonly T[], stride: number): T[] {
  return Array.from({ length: COUNT }, (_, i) => values[(i * stride) % values.length]);
}
const f32 = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  3.5,
  -2.5,
  1e-40,
  -1e-40,
  3.4e38,
  -3.4e38,
  8388609,
  4194305.5,
  0.1,
  1 / 3,
  2 ** 31,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  100.25,
];
const f64 = [
  ...f32,
  1e300,
  -1e-310,
  2 ** 52 + 0.5,
  2 ** 51 + 1.5,
  0.1 + 0.2,
  2 ** 53 - 1,
  -(2 ** 62),
  1e-5,
  7e9,
];
const i32 = [
  0,
  1,
  -1,
  2,
  7,
  -8,
  127,
  128,
  255,
  256,
  65535,
  -65536,
  2 ** 31 - 1,
  -(2 ** 31),
  12345678,
  -87654321,
  3,
];
const i64 = [
  0n,
  1n,
  -1n,
  5n,
  -(2n ** 63n),
  2n ** 63n - 1n,
  2n ** 32n,
  -(2n ** 31n),
  2n ** 31n - 1n,
  123456789012345n,
  -77n,
];
const i16 = [0, 1, -1, 127, 128, -128, 255, 256, 32767, -32768, 1000, -12345, 3];
const u32 = [0, 1, 2, 7, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 65536, 123456789, 4000000001];
const bytes = [0, 1, 2, 127, 128, 200, 255, 64, 3, 90, 17];
const bools = [0, 1, 1, 0, 0, 0, 1, 255, 2, 0, 1];

export function data(mem: MemType, stride: number): Uint8Array {
  switch (mem) {
    case 'f32':
      return new Uint8Array(Float32Array.from(repeated(f32, stride)).buffer);
    case 'f64':
      return new Uint8Array(Float64Array.from(repeated(f64, stride)).buffer);
    case 'i8':
      return new Uint8Array(Int8Array.from(repeated(bytes, stride)).buffer);
    case 'f16':
    case 'i16':
    case 'u16':
      return new Uint8Array(Int16Array.from(repeated(i16, stride)).buffer);
    case 'u32':
      return new Uint8Array(Uint32Array.from(repeated(u32, stride)).buffer);
    case 'i32':
      return new Uint8Array(Int32Array.from(repeated(i32, stride)).buffer);
    case 'i64':
      return new Uint8Array(BigInt64Array.from(repeated(i64, stride)).buffer);
    case 'u8':
      return Uint8Array.from(repeated(bytes, stride));
    case 'bool':
      return Uint8Array.from(repeated(bools, stride));
  }
}

/** Values of every kind, each beside every other. */
import type { MemType } from '../../src/kernel/l3.js';
import { bytesOf } from './harness.js';

export const floats = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  3.75,
  -3.75,
  1e-40,
  -1e-40,
  3.4e38,
  -3.4e38,
  8388609,
  1e10,
  -1e10,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  1.1,
  2 ** -126,
  16777217,
];
const integers = [
  0, 1, -1, 2, -2, 255, 256, -256, 65535, 0x7fffffff, -0x80000000, 123456789, -987654321, 31, 7, -7,
];
const longs = [
  0n,
  1n,
  -1n,
  2n ** 62n,
  -(2n ** 63n),
  2n ** 63n - 1n,
  12345678901n,
  -12345678901n,
  4294967296n,
  7n,
  -7n,
  100n,
];

/** Every value beside every other, a multiple of four of them. */
function pairs<T>(values: readonly T[]): [T[], T[]] {
  const a = values.flatMap((x) => values.map(() => x));
  const b = values.flatMap(() => [...values]);
  while (a.length % 4 !== 0) {
    a.push(values[0]);
    b.push(values[1]);
  }
  return [a, b];
}

export type DataKind = 'f32' | 'f64' | 'i32' | 'i64' | 'mask';
export const memOf: { readonly [K in DataKind]: MemType } = {
  f32: 'f32',
  f64: 'f64',
  i32: 'i32',
  i64: 'i64',
  mask: 'bool',
};

export function data(kind: DataKind): [Uint8Array, Uint8Array, number] {
  switch (kind) {
    case 'f32': {
      const [a, b] = pairs(floats);
      return [bytesOf(Float32Array.from(a)), bytesOf(Float32Array.from(b)), a.length];
    }
    case 'f64': {
      const [a, b] = pairs([...floats, 1e300, -1e-310, 2 ** 51 + 1.5, 0.1, 2 ** 53 - 1, -(2 ** 62)]);
      return [bytesOf(Float64Array.from(a)), bytesOf(Float64Array.from(b)), a.length];
    }
    case 'i32': {
      const [a, b] = pairs(integers);
      return [bytesOf(Int32Array.from(a)), bytesOf(Int32Array.from(b)), a.length];
    }
    case 'i64': {
      const [a, b] = pairs(longs);
      return [bytesOf(BigInt64Array.from(a)), bytesOf(BigInt64Array.from(b)), a.length];
    }
    case 'mask': {
      const [a, b] = pairs([0, 1, 1, 0, 255, 0]);
      return [Uint8Array.from(a), Uint8Array.from(b), a.length];
    }
  }
}

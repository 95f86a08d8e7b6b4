import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TypedArray } from '../../src/base/dtype.js';
import { distinct } from '../../src/tensor/sorting.js';

interface Found {
  readonly first: number[];
  readonly inverse: number[];
  readonly counts: number[];
}

/** By comparing every element with every one. */
function compared(data: TypedArray): Found {
  const less = (a: number | bigint, b: number | bigint) =>
    a < b || (Number.isNaN(b) && !Number.isNaN(a)) ? -1 : 0;
  const first: number[] = [];
  for (let i = 0; i < data.length; i++) if (!first.some((place) => data[place] === data[i])) first.push(i);
  first.sort((a, b) => less(data[a], data[b]) || -less(data[b], data[a]) || a - b);
  const inverse = Array.from({ length: data.length }, (_, i) =>
    first.findIndex((place) => place === i || data[place] === data[i]),
  );
  return { first, inverse, counts: first.map((_, n) => inverse.filter((of) => of === n).length) };
}

function found(data: TypedArray, runs = false): Found {
  const { first, inverse, counts } = distinct(data, runs);
  const [a, b, c] = [first, inverse, counts].map((list) => Array.from(list, Number));
  return { first: a, inverse: b, counts: c };
}

describe('distinct', () => {
  test('agrees with comparing every element with every one', () => {
    const few = fc.constantFrom(0, -0, 1, -1, 0.5, Number.NaN, Infinity, -Infinity, 7);
    fc.assert(
      fc.property(fc.array(few, { maxLength: 30 }), (list) => {
        const data = Float32Array.from(list);
        expect(found(data)).toEqual(compared(data));
      }),
    );
    // Close together, and too far apart for a table.
    for (const most of [3, 20, 2 ** 31 - 1]) {
      fc.assert(
        fc.property(fc.array(fc.integer({ min: -most, max: most }), { maxLength: 30 }), (list) => {
          for (const data of [Int32Array.from(list), BigInt64Array.from(list, (x) => BigInt(x) * 97n)])
            expect(found(data)).toEqual(compared(data));
        }),
      );
    }
    const whole = fc.oneof(
      fc.bigInt(-3n, 3n),
      fc.constantFrom(2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n),
    );
    fc.assert(
      fc.property(fc.array(whole, { maxLength: 30 }), (list) => {
        const data = BigInt64Array.from(list);
        expect(found(data)).toEqual(compared(data));
      }),
    );
  });

  test('tells runs apart, and every NaN from the one before', () => {
    expect(found(Float64Array.of(2, 2, 1, Number.NaN, Number.NaN, 0, -0, 2), true)).toEqual({
      first: [0, 2, 3, 4, 5, 7],
      inverse: [0, 0, 1, 2, 3, 4, 4, 5],
      counts: [2, 1, 1, 1, 2, 1],
    });
    expect(found(new Float64Array(0), true)).toEqual({ first: [], inverse: [], counts: [] });
  });
});

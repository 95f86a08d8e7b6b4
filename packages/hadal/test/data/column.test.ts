import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ShapeError } from '../../src/base/errors.js';
import { ArrayColumn, ScaledBytesColumn } from '../../src/data/column.js';

describe('ArrayColumn', () => {
  test('gathers rows in the order of the indices, repeats included', () => {
    const column = new ArrayColumn(Float32Array.of(0, 1, 10, 11, 20, 21), [3, 2], 'float32');
    expect(column.gather(Uint32Array.of(2, 0, 2))).toEqual(Float32Array.of(20, 21, 0, 1, 20, 21));
  });

  test('keeps int64 exact and takes a view at an offset', () => {
    const labels = BigInt64Array.of(0n, 2n ** 62n, -1n, 3n).subarray(1);
    const column = new ArrayColumn(labels, [3], 'int64');
    expect(column.rowShape).toEqual([]);
    expect(column.gather(Uint32Array.of(1, 0))).toEqual(BigInt64Array.of(-1n, 2n ** 62n));
  });

  test('gives a smaller batch after a larger one', () => {
    const column = new ArrayColumn(Uint8Array.of(1, 2, 3, 4), [4], 'uint8');
    expect(column.gather(Uint32Array.of(0, 1, 2))).toEqual(Uint8Array.of(1, 2, 3));
    expect(column.gather(Uint32Array.of(3))).toEqual(Uint8Array.of(4));
  });

  test('rows without elements', () => {
    const column = new ArrayColumn(new Float32Array(0), [5, 0], 'float32');
    expect(column.length).toBe(5);
    expect(column.gather(Uint32Array.of(4, 4))).toEqual(new Float32Array(0));
  });

  test.each([[[]], [[4]], [[2, 2]]])('refuses shape %j for 3 elements', (shape) => {
    expect(() => new ArrayColumn(new Float32Array(3), shape, 'float32')).toThrow(ShapeError);
  });
});

describe('ScaledBytesColumn', () => {
  test('gives float32(byte * scale + shift) for every byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
        const column = new ScaledBytesColumn(bytes, [bytes.length], { scale: 0.25, shift: -3 });
        const all = Uint32Array.from(bytes, (_, i) => i);
        expect(column.gather(all)).toEqual(Float32Array.from(bytes, (byte) => byte * 0.25 - 3));
      }),
    );
  });

  test('keeps the row shape', () => {
    const column = new ScaledBytesColumn(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7), [2, 1, 2, 2], {
      scale: 1,
      shift: 0,
    });
    expect(column.rowShape).toEqual([1, 2, 2]);
    expect(column.gather(Uint32Array.of(1))).toEqual(Float32Array.of(4, 5, 6, 7));
  });
});

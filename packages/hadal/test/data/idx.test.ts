import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/errors.js';
import { parseIdx } from '../../src/data/idx.js';

/** An IDX file with the given header fields, sizes as big-endian words. */
function idx(type: number, sizes: readonly number[], payload: readonly number[]): Uint8Array {
  const words = sizes.flatMap((size) => [size >>> 24, (size >>> 16) & 255, (size >>> 8) & 255, size & 255]);
  return Uint8Array.of(0, 0, type, sizes.length, ...words, ...payload);
}

describe('parseIdx reads', () => {
  test('uint8, as a view of the file', () => {
    const file = idx(0x08, [2, 3], [1, 2, 3, 4, 5, 255]);
    const array = parseIdx(file, 'file');
    expect(array).toEqual({ dtype: 'uint8', shape: [2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 255) });
    expect(array.data.buffer).toBe(file.buffer);
  });

  test('int32, big-endian and signed', () => {
    const array = parseIdx(idx(0x0c, [3], [0, 0, 1, 2, 0xff, 0xff, 0xff, 0xfe, 0x80, 0, 0, 0]), 'file');
    expect(array).toEqual({ dtype: 'int32', shape: [3], data: Int32Array.of(258, -2, -(2 ** 31)) });
  });

  test('float32, big-endian', () => {
    const array = parseIdx(idx(0x0d, [2], [0x3f, 0xc0, 0, 0, 0xc1, 0x20, 0, 0]), 'file');
    expect(array).toEqual({ dtype: 'float32', shape: [2], data: Float32Array.of(1.5, -10) });
  });

  test('int8, as a view of the file', () => {
    const file = idx(0x09, [2], [0x80, 0x7f]);
    const array = parseIdx(file, 'file');
    expect(array).toEqual({ dtype: 'int8', shape: [2], data: Int8Array.of(-128, 127) });
    expect(array.data.buffer).toBe(file.buffer);
  });

  test('int16 and float64, big-endian', () => {
    expect(parseIdx(idx(0x0b, [2], [1, 2, 0xff, 0xfe]), 'file')).toEqual({
      dtype: 'int16',
      shape: [2],
      data: Int16Array.of(258, -2),
    });
    expect(parseIdx(idx(0x0e, [1], [0xc0, 0x24, 0, 0, 0, 0, 0, 0]), 'file')).toEqual({
      dtype: 'float64',
      shape: [1],
      data: Float64Array.of(-10),
    });
  });

  test('an array with a size of zero', () => {
    expect(parseIdx(idx(0x08, [0, 28, 28], []), 'file')).toEqual({
      dtype: 'uint8',
      shape: [0, 28, 28],
      data: new Uint8Array(0),
    });
  });

  test('a file that is a part of a larger buffer', () => {
    const buffer = Uint8Array.of(9, 9, 9, ...idx(0x0c, [1], [0, 0, 0, 7]), 9);
    expect(parseIdx(buffer.subarray(3, -1), 'file').data).toEqual(Int32Array.of(7));
  });
});

describe('parseIdx refuses, with file, byte and reason', () => {
  const valid = idx(0x08, [2, 3], [1, 2, 3, 4, 5, 6]);
  test.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'digits, byte 0: expected an IDX header of 4 bytes, found the end'],
    [
      'a header cut off',
      valid.subarray(0, 3),
      'digits, byte 3: expected an IDX header of 4 bytes, found the end',
    ],
    ['a gzip file', Uint8Array.of(0x1f, 0x8b, 8, 0, 0), 'digits, byte 0: .*gunzip'],
    ['another format', new TextEncoder().encode('PNG!'), 'digits, byte 0: expected a zero byte .*found 0x50'],
    ['a wrong second byte', Uint8Array.of(0, 1, 8, 1), 'digits, byte 1: expected a zero byte .*found 0x01'],
    ['an unknown type', idx(0x0a, [1], [1]), 'digits, byte 2: expected an IDX type code .*found 0x0a'],
    ['rank 0', idx(0x08, [], [1]), 'digits, byte 3: expected a rank from 1 to 16, found 0'],
    ['a rank beyond the limit', Uint8Array.of(0, 0, 8, 17), 'digits, byte 3: .*found 17'],
    ['sizes cut off', valid.subarray(0, 9), 'digits, byte 9: expected 2 sizes up to byte 12, found the end'],
    [
      'a product of sizes beyond 2^53',
      idx(0x0c, [0xffffffff, 0xffffffff], []),
      'digits, byte 8: expected sizes with a product below 2\\^53, found shape \\[4294967295, 4294967295',
    ],
    [
      'a product of sizes beyond 2^53 beside a zero',
      idx(0x08, [0, 0xffffffff, 0xffffffff], []),
      'digits, byte 12: expected sizes with a product below 2\\^53',
    ],
    [
      'a huge size in a small file',
      idx(0x08, [0xffffffff], [1]),
      'digits, byte 9: .*up to byte 4294967303, found the end',
    ],
    [
      'elements cut off',
      valid.subarray(0, -2),
      'digits, byte 16: .*shape \\[2, 3\\] up to byte 18, found .* 2 bytes too early',
    ],
    [
      'trailing bytes',
      Uint8Array.of(...valid, 0),
      'digits, byte 18: expected the end of the file.*found 1 more bytes',
    ],
  ])('%s', (_, bytes, message) => {
    expect(() => parseIdx(bytes, 'digits')).toThrow(FormatError);
    expect(() => parseIdx(bytes, 'digits')).toThrow(new RegExp(message, 's'));
  });
});

describe('parseIdx on damaged files', () => {
  const file = idx(
    0x0c,
    [3, 2],
    Array.from({ length: 24 }, (_, i) => i),
  );

  const damage = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at: fc.nat(file.length - 1), value: fc.nat(255) }),
    fc.record({ kind: fc.constant('cut' as const), at: fc.nat(file.length), value: fc.constant(0) }),
    fc.record({ kind: fc.constant('insert' as const), at: fc.nat(file.length), value: fc.nat(255) }),
  );

  function apply(
    bytes: Uint8Array,
    { kind, at, value }: { kind: string; at: number; value: number },
  ): Uint8Array {
    const i = Math.min(at, bytes.length);
    if (kind === 'cut') return bytes.slice(0, i);
    if (kind === 'insert') return Uint8Array.of(...bytes.subarray(0, i), value, ...bytes.subarray(i));
    return bytes.map((byte, j) => (j === i ? value : byte));
  }

  function parseOrFormatError(bytes: Uint8Array): void {
    try {
      const { shape, data } = parseIdx(bytes, 'damaged');
      expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
      expect(4 + 4 * shape.length + data.byteLength).toBe(bytes.length);
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      const offset = /^damaged, byte (\d+): expected .+, found .+/.exec((error as Error).message)?.[1];
      expect(Number(offset)).toBeLessThanOrEqual(bytes.length);
    }
  }

  test('mutations of a valid file parse consistently or give a FormatError at a byte of the file', () => {
    const mutations = fc.array(damage, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(mutations, (list) => parseOrFormatError(list.reduce(apply, file))),
      { numRuns: 2000 },
    );
  });

  test('headers of arbitrary bytes', () => {
    const header = fc.tuple(
      fc.constantFrom(0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e),
      fc.integer({ min: 1, max: 16 }),
      fc.uint8Array({ maxLength: 80 }),
    );
    fc.assert(
      fc.property(header, ([type, rank, rest]) =>
        parseOrFormatError(Uint8Array.of(0, 0, type, rank, ...rest)),
      ),
      { numRuns: 2000 },
    );
  });
});

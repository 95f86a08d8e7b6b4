import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeElements, newElements } from '../../src/base/dtype.js';
import { ArgumentError, FileError, FormatError } from '../../src/base/errors.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  load,
  loadSafetensors,
  save,
  saveSafetensors,
} from '../../src/io/safetensors.js';
import { fileDType } from '../../src/io/safetensors-header.js';
import { fromBytes, ones, type Tensor, tensor } from '../../src/tensor/index.js';

const folder = mkdtempSync(join(tmpdir(), 'hadal-safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file from the text of its header and the bytes behind it. */
function file(header: string | Uint8Array, data: readonly number[] = [], length?: bigint): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const out = new Uint8Array(8 + json.length + data.length);
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  out.set(json, 8);
  out.set(data, 8 + json.length);
  return out;
}

const dtypes = [
  'float64',
  'float32',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'uint32',
  'bool',
] as const;

describe('safetensors', () => {
  test.each(dtypes)('keeps the bytes of %s', (dtype) => {
    const values = newElements(dtype, 6);
    for (let i = 0; i < 6; i++) {
      if (values instanceof BigInt64Array) values[i] = BigInt(i % 2);
      else values[i] = i % 2;
    }
    const t = fromBytes(encodeElements(dtype, values), [2, 3], dtype);
    const { tensors } = decodeSafetensors(encodeSafetensors({ t }));
    const back = tensors.get('t');
    expect(back?.dtype).toBe(dtype);
    expect(back?.shape).toEqual([2, 3]);
    expect(back?.bytesSync()).toEqual(t.bytesSync());
  });

  test('writes what the format says, byte for byte', () => {
    const bytes = encodeSafetensors(
      new Map<string, Tensor>([
        ['b', fromBytes(Uint8Array.of(1, 0), [2], 'bool')],
        ['a', fromBytes(Uint8Array.of(0, 0, 0x80, 0x3f), [], 'float32')],
      ]),
      { by: 'é' },
    );
    // Wide elements come first; the header keeps the order of the tensors and is padded to a multiple of 8.
    const json =
      '{"__metadata__":{"by":"é"},' +
      '"b":{"dtype":"BOOL","shape":[2],"data_offsets":[4,6]},' +
      '"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}';
    const padded = json.padEnd(json.length + 7 - ((new TextEncoder().encode(json).length + 7) % 8));
    expect(bytes).toEqual(file(padded, [0, 0, 0x80, 0x3f, 1, 0]));
    expect(bytes.length % 2).toBe(0);
  });

  test('keeps order, names of any kind, empty tensors, views and metadata', () => {
    const names = ['z', '10', '2', 'a.b/ü"\\\n', '', 'constructor'];
    const tensors = new Map(names.map((name, i) => [name, tensor([i])]));
    tensors.set('empty', ones([0, 3]));
    tensors.set(
      'view',
      tensor([
        [1, 2],
        [3, 4],
      ]).t(),
    );
    const back = decodeSafetensors(encodeSafetensors(tensors, { toString: 'x' }));
    expect([...back.tensors.keys()]).toEqual([...names, 'empty', 'view']);
    expect(names.map((name) => back.tensors.get(name)?.tolistSync())).toEqual(names.map((_, i) => [i]));
    expect(back.tensors.get('empty')?.shape).toEqual([0, 3]);
    expect(back.tensors.get('view')?.tolistSync()).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect([...back.metadata]).toEqual([['toString', 'x']]);
  });

  test('reads a part of a larger buffer, at any alignment, with spaces and escapes in the header', () => {
    const text = ' {"\\u0061" : { "shape":[ 1 ],\n"data_offsets":[0,8], "dtype":"I64"} }  ';
    const bytes = Uint8Array.of(9, 9, 9, ...file(text.trimStart(), [5, 0, 0, 0, 0, 0, 0, 0]));
    expect(decodeSafetensors(bytes.subarray(3)).tensors.get('a')?.tolistSync()).toEqual([5]);
  });

  test.each([
    [{ x: 1 as unknown as Tensor }, {}, '"x" is not a tensor'],
    [{ __metadata__: ones([1]) }, {}, "the format's own"],
    [new Map([['__proto__', ones([1])]]), {}, '__proto__'],
    [{}, { a: 'x'.repeat(100_000_000) }, 'the format allows 100000000'],
    [{}, { a: 1 as unknown as string }, 'metadata "a" must be a string, got number'],
  ])('encode refuses %#', (tensors, metadata, message) => {
    expect(() => encodeSafetensors(tensors, metadata)).toThrow(ArgumentError);
    expect(() => encodeSafetensors(tensors, metadata)).toThrow(message);
  });
});

describe('decodeSafetensors refuses, with file, byte and reason', () => {
  const entry = (dtype: string, shape: string, from: number | string, to: number | string): string =>
    `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${from},${to}]}`;
  const one = entry('U8', '[2]', 0, 2);
  test.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(0), /byte 0: expected the 8 bytes/],
    ['a length cut off', Uint8Array.of(1, 2, 3), /byte 3: expected the 8 bytes/],
    ['a header beyond the file', file('{}', [], 100n), /byte 0: .*within the file of 10 bytes, found .* 100/],
    ['a header beyond 100 MB', file('{}', [], 100_000_001n), /byte 0: .*at most 100000000/],
    ['a huge length', file('{}', [], 2n ** 64n - 1n), /found a length of 18446744073709551615/],
    ['a header too short', file('{}', [], 1n), /byte 0: expected a header of 2 bytes/],
    ['a header that is not an object', file('[]'), /byte 8: expected \{.* found '\['/],
    ['a space before the header', file(' {}'), /byte 8: expected \{ at the start/],
    ['no JSON', file('{"a"'), /byte 12: expected a colon, found the end/],
    ['JSON that goes on', file('{}{}'), /byte 10: expected the end of the header, found '\{'/],
    ['a trailing comma', file(`{"a":${one},}`, [1, 2]), /expected a name of the header/],
    ['a string without end', file('{"a'), /byte 11: expected a closing quote/],
    ['a bad escape', file('{"\\x":{}}'), /byte 9: expected a name .*bad escape/],
    ['bytes that are not UTF-8', file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /byte 9: .*not UTF-8/],
    ['a name twice', file(`{"a":${one},"a":${one}}`, [1, 2]), /byte 61: .*"a" a second time/],
    ['a field twice', file('{"a":{"dtype":"U8","dtype":"U8"}}'), /"dtype" a second time/],
    ['the name __proto__', file(`{"__proto__":${one}}`, [1, 2]), /byte 9: .*"__proto__"/],
    ['__proto__ in metadata', file('{"__metadata__":{"__proto__":"x"}}'), /byte 25: .*"__proto__"/],
    [
      'metadata of numbers',
      file('{"__metadata__":{"a":1}}'),
      /byte 29: .*metadata "a" \(a string\), found '1'/,
    ],
    ['metadata that is a list', file('{"__metadata__":[]}'), /byte 24: expected \{ \(the metadata\)/],
    [
      'an unknown dtype',
      file(`{"a":${entry('F33', '[1]', 0, 1)}}`, [0]),
      /byte 22: expected one of F64.*"F33"/,
    ],
    ['a dtype hadal lacks', file(`{"a":${entry('U16', '[1]', 0, 2)}}`, [0, 0]), /"U16", which hadal has no/],
    ['an unknown field', file('{"a":{"dtyp":"U8"}}'), /a member "dtyp"/],
    ['a missing field', file('{"a":{"dtype":"U8","shape":[]}}'), /byte 13: .*no data_offsets/],
    ['a negative size', file(`{"a":${entry('U8', '[-1]', 0, 1)}}`, [0]), /size 0 .*found '-'/],
    ['a fraction', file(`{"a":${entry('U8', '[1.0]', 0, 1)}}`, [0]), /size 0 of tensor "a" \(an integer/],
    ['an exponent', file(`{"a":${entry('U8', '[1e0]', 0, 1)}}`, [0]), /size 0/],
    ['leading zeros', file(`{"a":${entry('U8', '[01]', 0, 1)}}`, [0]), /size 0/],
    ['a string as size', file(`{"a":${entry('U8', '["1"]', 0, 1)}}`, [0]), /size 0/],
    ['a size of 2^53', file(`{"a":${entry('U8', '[9007199254740992]', 0, 1)}}`, [0]), /below 2\^53/],
    ['digits without end', file(`{"a":${entry('U8', `[${'9'.repeat(999)}]`, 0, 1)}}`, [0]), /9\.\.\./],
    [
      'a product beyond 2^53',
      file(`{"a":${entry('U8', '[4294967296,4294967296]', 0, 1)}}`, [0]),
      /product below 2\^53/,
    ],
    [
      'a product beyond 2^53 beside a zero',
      file(`{"a":${entry('U8', '[0,4294967296,4294967296]', 0, 0)}}`),
      /product below 2\^53/,
    ],
    ['too many sizes', file(`{"a":${entry('U8', `[${'1,'.repeat(64)}1]`, 0, 1)}}`, [0]), /at most 64/],
    ['one offset', file('{"a":{"data_offsets":[0]}}'), /two data_offsets of tensor "a", found 1/],
    ['three offsets', file('{"a":{"data_offsets":[0,0,0]}}'), /two data_offsets of tensor "a", found more/],
    ['offsets reversed', file(`{"a":${entry('U8', '[2]', 2, 0)}}`, [1, 2]), /in order .*\[2, 0\]/],
    ['offsets beyond the file', file(`{"a":${entry('U8', '[3]', 0, 3)}}`, [1, 2]), /within the 2 bytes/],
    [
      'too few bytes',
      file(`{"a":${entry('F32', '[1]', 0, 2)}}`, [1, 2]),
      /4 bytes for tensor "a", F32 \[1\]/,
    ],
    [
      'tensors that overlap',
      file(`{"a":${one},"b":${entry('U8', '[2]', 1, 3)}}`, [1, 2, 3]),
      /"b" to begin at byte .* overlaps/,
    ],
    [
      'a hole',
      file(`{"a":${one},"b":${entry('U8', '[1]', 3, 4)}}`, [1, 2, 3, 4]),
      /"b" to begin .* leaves a hole of 1/,
    ],
    ['bytes at the end', file(`{"a":${one}}`, [1, 2, 3]), /expected the end of the file .* 1 more bytes/],
    ['a bool of 2', file(`{"a":${entry('BOOL', '[2]', 0, 2)}}`, [1, 2]), /expected 0 or 1 .*found 2/],
  ])('%s', (_, bytes, message) => {
    const read = () => decodeSafetensors(bytes, { name: 'model' });
    expect(read).toThrow(FormatError);
    expect(read).toThrow(message);
    expect(read).toThrow(/^model, byte \d+: expected /);
  });
});

describe('safetensors files', () => {
  test('save and load, and nothing else is left in the folder', async () => {
    const path = join(folder, 'a.safetensors');
    await saveSafetensors(path, { w: tensor([1.5]), mask: tensor([true, false]) }, { k: 'v' });
    await saveSafetensors(path, { w: tensor([2.5]), mask: tensor([true, false]) }, { k: 'v' });
    const { tensors, metadata } = await loadSafetensors(path);
    expect(tensors.get('w')?.tolistSync()).toEqual([2.5]);
    expect(tensors.get('mask')?.dtype).toBe('bool');
    expect(metadata.get('k')).toBe('v');
    expect(readdirSync(folder)).toEqual(['a.safetensors']);
    await save(path, new Map([['x', ones([2])]]));
    expect([...(await load(path)).keys()]).toEqual(['x']);
    expect(decodeSafetensors(readFileSync(path)).tensors.get('x')?.shape).toEqual([2]);
  });

  test('a damaged file is a FormatError with its path', async () => {
    const path = join(folder, 'bad.safetensors');
    writeFileSync(path, file('{"a":1}'));
    await expect(load(path)).rejects.toThrow(FormatError);
    await expect(load(path)).rejects.toThrow(`${path}, byte 13`);
  });

  test.each([
    ['a missing file', 'nothing.safetensors', 'ENOENT', 'it does not exist'],
    ['a folder', '.', 'EISDIR', 'it is a folder'],
  ])('%s is a FileError', async (_, name, code, message) => {
    const error: unknown = await load(join(folder, name)).catch((e) => e);
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ code, path: join(folder, name) });
    expect(String(error)).toContain(message);
  });

  test('a folder that is missing is a FileError that names the file', async () => {
    const path = join(folder, 'no', 'x.safetensors');
    await expect(save(path, {})).rejects.toThrow(`cannot write ${path}: it does not exist`);
  });

  test('a tensor that cannot be written leaves the old file', async () => {
    const path = join(folder, 'kept.safetensors');
    await save(path, { a: tensor([1]) });
    await expect(save(path, { a: 3 as unknown as Tensor })).rejects.toThrow(ArgumentError);
    expect((await load(path)).get('a')?.tolistSync()).toEqual([1]);
  });
});

test('dtypes have the names of the format', () => {
  expect(dtypes.map(fileDType).join(' ')).toBe('F64 F32 F16 BF16 I64 I32 I16 I8 U8 U32 BOOL');
});

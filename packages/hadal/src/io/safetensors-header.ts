/**
 * The header of a safetensors file (https://github.com/huggingface/safetensors#format): its length as a little-endian 64-bit integer,
 * then that many bytes of JSON, one entry a tensor with dtype, shape and the range of bytes that it takes behind the header.
 *
 * Files come from anywhere, so each number is compared with the size of the file before it is used. The format's own rules are
 * enforced: names are unique, and the tensors fill everything behind the header without holes and without overlaps.
 */
import type { DType } from '../base/dtype.js';
import { dtypeInfo } from '../base/dtype.js';
import { ArgumentError, FormatError } from '../base/errors.js';
import { numel, showShape } from '../base/shape.js';
import { JsonCursor, quoted } from './json-cursor.js';

/** Where a tensor lies in the file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Offsets in the file. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of the header. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** Bytes in front of the header: its length. */
export const prefixBytes = 8;

/** The format's own limit. */
const maxHeaderBytes = 100_000_000;

/** More dimensions than any real tensor has. */
const maxRank = 64;

const fileNames = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  uint32: 'U32',
  bool: 'BOOL',
} as const satisfies Record<DType, string>;

const dtypes: ReadonlyMap<string, DType> = new Map(
  Object.entries(fileNames).map(([dtype, name]) => [name, dtype as DType]),
);

/** dtypes of the format that hadal lacks. */
const foreign = new Set(['U16', 'U64', 'C64', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F4', 'F6_E2M3', 'F6_E3M2']);

const metadataName = '__metadata__';

/** The header's length from the first bytes of a file of `fileBytes` bytes. */
export function headerLength(prefix: Uint8Array, fileBytes: number, name: string): number {
  const fail = (offset: number, text: string) => new FormatError(`${name}, byte ${offset}: ${text}`);
  if (fileBytes < prefixBytes || prefix.length < prefixBytes) {
    throw fail(
      fileBytes,
      `expected the 8 bytes of a safetensors header length, found the end of the file after ${fileBytes} bytes`,
    );
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefixBytes);
  const length = view.getBigUint64(0, true);
  if (length > maxHeaderBytes) {
    throw fail(
      0,
      `expected a header of at most ${maxHeaderBytes} bytes, found a length of ${length}; is it a safetensors file?`,
    );
  }
  if (length < 2n) throw fail(0, `expected a header of 2 bytes or more, found a length of ${length}`);
  if (Number(length) > fileBytes - prefixBytes) {
    throw fail(0, `expected a header within the file of ${fileBytes} bytes, found a length of ${length}`);
  }
  return Number(length);
}

/** Reads the JSON of a header and checks it against the size of the file. */
export function parseHeader(json: Uint8Array, fileBytes: number, name: string): SafetensorsHeader {
  const cursor = new JsonCursor(json, name, prefixBytes);
  if (json[0] !== 0x7b) throw cursor.error('{ at the start of the header', undefined, prefixBytes);
  const dataBytes = fileBytes - prefixBytes - json.length;
  const entries: TensorEntry[] = [];
  const offsets = new Map<TensorEntry, number>();
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const key of cursor.members('the header')) {
    if (key === metadataName) {
      metadata = parseMetadata(cursor);
      continue;
    }
    const { offset } = cursor;
    const entry = parseEntry(cursor, key, prefixBytes + json.length, dataBytes);
    entries.push(entry);
    offsets.set(entry, offset);
  }
  cursor.end();
  checkLayout(entries, offsets, prefixBytes + json.length, fileBytes, name);
  return { entries, metadata };
}

function parseMetadata(cursor: JsonCursor): Map<string, string> {
  const out = new Map<string, string>();
  for (const key of cursor.members('the metadata'))
    out.set(key, cursor.string(`the metadata ${quoted(key)}`));
  return out;
}

function parseEntry(cursor: JsonCursor, key: string, dataStart: number, dataBytes: number): TensorEntry {
  const start = cursor.offset;
  const tensor = `tensor ${quoted(key)}`;
  let dtype: DType | undefined;
  let shape: number[] | undefined;
  let range: number[] | undefined;
  let rangeAt = start;
  for (const field of cursor.members(tensor)) {
    if (field === 'dtype') dtype = parseDType(cursor, tensor);
    else if (field === 'shape') shape = parseShape(cursor, tensor);
    else if (field === 'data_offsets') {
      rangeAt = cursor.offset;
      range = parseRange(cursor, tensor, dataBytes);
    } else
      throw cursor.error(`dtype, shape or data_offsets of ${tensor}`, `a member ${quoted(field)}`, start);
  }
  if (dtype === undefined || shape === undefined || range === undefined) {
    const missing = dtype === undefined ? 'dtype' : shape === undefined ? 'shape' : 'data_offsets';
    throw cursor.error(`${tensor} to have dtype, shape and data_offsets`, `no ${missing}`, start);
  }
  const elements = numel(shape);
  const need = elements * dtypeInfo[dtype].bytes;
  // Sizes of zero hide how large the others are; the product of the rest must be countable all the same.
  if (!Number.isSafeInteger(numel(shape.filter((size) => size > 0)) * dtypeInfo[dtype].bytes)) {
    throw cursor.error(`sizes of ${tensor} with a product below 2^53`, showShape(shape), start);
  }
  if (range[1] - range[0] !== need) {
    throw cursor.error(
      `${need} bytes for ${tensor}, ${fileNames[dtype]} ${showShape(shape)}`,
      `${range[1] - range[0]} (data_offsets ${showShape(range)})`,
      rangeAt,
    );
  }
  return { name: key, dtype, shape, begin: dataStart + range[0], end: dataStart + range[1] };
}

function parseDType(cursor: JsonCursor, tensor: string): DType {
  const { offset } = cursor;
  const text = cursor.string(`the dtype of ${tensor}`);
  const dtype = dtypes.get(text);
  if (dtype !== undefined) return dtype;
  const why = foreign.has(text) ? ', which hadal has no dtype for' : '';
  throw cursor.error(
    `one of ${[...dtypes.keys()].join(', ')} as dtype of ${tensor}`,
    quoted(text) + why,
    offset,
  );
}

function parseShape(cursor: JsonCursor, tensor: string): number[] {
  const shape: number[] = [];
  for (const i of cursor.elements(`the shape of ${tensor}`)) {
    if (i >= maxRank) throw cursor.error(`at most ${maxRank} dimensions of ${tensor}`, 'more');
    shape.push(cursor.integer(`size ${i} of ${tensor}`));
  }
  return shape;
}

function parseRange(cursor: JsonCursor, tensor: string, dataBytes: number): number[] {
  const { offset } = cursor;
  const range: number[] = [];
  for (const i of cursor.elements(`the data_offsets of ${tensor}`)) {
    if (i >= 2) throw cursor.error(`two data_offsets of ${tensor}`, 'more');
    range.push(cursor.integer(`data_offsets[${i}] of ${tensor}`));
  }
  if (range.length !== 2) throw cursor.error(`two data_offsets of ${tensor}`, String(range.length), offset);
  if (range[0] > range[1] || range[1] > dataBytes) {
    throw cursor.error(
      `data_offsets of ${tensor} in order and within the ${dataBytes} bytes behind the header`,
      showShape(range),
      offset,
    );
  }
  return range;
}

/** Every byte behind the header must belong to exactly one tensor. */
function checkLayout(
  entries: readonly TensorEntry[],
  offsets: ReadonlyMap<TensorEntry, number>,
  dataStart: number,
  fileBytes: number,
  name: string,
): void {
  let at = dataStart;
  for (const entry of inFileOrder(entries)) {
    if (entry.begin !== at) {
      const what =
        entry.begin < at ? 'overlaps the tensor before it' : `leaves a hole of ${entry.begin - at}`;
      throw new FormatError(
        `${name}, byte ${offsets.get(entry) ?? 0}: expected tensor ${quoted(entry.name)} to begin at byte ${at} of the file, ` +
          `found ${entry.begin}: it ${what}`,
      );
    }
    at = entry.end;
  }
  if (at !== fileBytes) {
    throw new FormatError(
      `${name}, byte ${at}: expected the end of the file after the last tensor, found ${fileBytes - at} more bytes`,
    );
  }
}

/** By place in the file; of tensors without bytes at one place any order will do. */
export function inFileOrder(entries: readonly TensorEntry[]): TensorEntry[] {
  return [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
}

/** What a header says of a tensor that is to be written. */
export interface TensorFacts {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface SafetensorsPlan {
  /** Length and header, padded so that the data begins at a multiple of 8. */
  readonly head: Uint8Array;
  /** The tensors in the order in which their bytes follow. */
  readonly order: readonly TensorFacts[];
}

/**
 * Lays tensors out in a file. Wide elements come first, then names in order, as the format's own library does it: every tensor is
 * aligned to its elements.
 *
 * @throws ArgumentError if the header would be longer than the format allows.
 */
export function planSafetensors(
  tensors: readonly TensorFacts[],
  metadata: ReadonlyMap<string, string>,
): SafetensorsPlan {
  const bytesOf = ({ dtype }: TensorFacts): number => dtypeInfo[dtype].bytes;
  const order = [...tensors].sort((a, b) => bytesOf(b) - bytesOf(a) || compareText(a.name, b.name));
  const ranges = new Map<TensorFacts, readonly [number, number]>();
  let at = 0;
  for (const t of order) {
    const end = at + numel(t.shape) * bytesOf(t);
    ranges.set(t, [at, end]);
    at = end;
  }
  // Written by hand: a plain object would put names that look like integers first.
  const members = tensors.map(
    (t) =>
      `${JSON.stringify(t.name)}:${JSON.stringify({ dtype: fileNames[t.dtype], shape: t.shape, data_offsets: ranges.get(t) })}`,
  );
  if (metadata.size > 0) {
    const pairs = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    members.unshift(`"${metadataName}":{${pairs.join(',')}}`);
  }
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > maxHeaderBytes) {
    throw new ArgumentError(
      `safetensors: names, shapes and metadata take ${padded} bytes; the format allows ${maxHeaderBytes}`,
    );
  }
  const head = new Uint8Array(prefixBytes + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(json, prefixBytes);
  return { head, order };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What the format calls a dtype: `'F32'` for float32. */
export function fileDType(dtype: DType): string {
  return fileNames[dtype];
}

/**
 * Reads IDX, the format of the MNIST files (http://yann.lecun.com/exdb/mnist/): two zero bytes, a type code, the rank, one
 * big-endian 32-bit size per dimension, then the elements in row-major order, big-endian as well.
 *
 * The bytes come from outside, so nothing in them is trusted: the file's own length is compared with what its header
 * promises before anything is allocated, and a result is never larger than the file.
 */
import type { DType } from '../base/dtype.js';
import { FormatError } from '../base/errors.js';

/** An array read from an IDX file. `data` has as many elements as the product of `shape`. */
export type IdxArray =
  | { readonly dtype: 'uint8'; readonly shape: readonly number[]; readonly data: Uint8Array }
  | { readonly dtype: 'int8'; readonly shape: readonly number[]; readonly data: Int8Array }
  | { readonly dtype: 'int16'; readonly shape: readonly number[]; readonly data: Int16Array }
  | { readonly dtype: 'int32'; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'float64'; readonly shape: readonly number[]; readonly data: Float64Array };

/** More dimensions than any real file has; a larger rank byte means that this is not an IDX file. */
const maxRank = 16;

const maxElements = Number.MAX_SAFE_INTEGER;

interface IdxType {
  readonly dtype: Extract<DType, IdxArray['dtype']>;
  readonly bytes: number;
}

const idxTypes: ReadonlyMap<number, IdxType> = new Map<number, IdxType>([
  [0x08, { dtype: 'uint8', bytes: 1 }],
  [0x09, { dtype: 'int8', bytes: 1 }],
  [0x0b, { dtype: 'int16', bytes: 2 }],
  [0x0c, { dtype: 'int32', bytes: 4 }],
  [0x0d, { dtype: 'float32', bytes: 4 }],
  [0x0e, { dtype: 'float64', bytes: 8 }],
]);

/**
 * Parses an IDX file that is already in memory.
 *
 * uint8 and int8 data is a view of `bytes`, not a copy; wider elements are copied into this machine's byte order.
 *
 * @param bytes the whole file.
 * @param name what error messages call the file; usually its path.
 * @throws FormatError with the name and the byte offset if the header is wrong, or if the file is shorter or longer than its header
 * says.
 *
 * @example
 * ```ts
 * import { parseIdx } from 'hadal';
 * const labels = parseIdx(Uint8Array.of(0, 0, 0x08, 1, 0, 0, 0, 3, 7, 2, 1), 'labels');
 * console.log(labels.shape, [...labels.data]); // [ 3 ] [ 7, 2, 1 ]
 * ```
 */
export function parseIdx(bytes: Uint8Array, name: string): IdxArray {
  const fail = (offset: number, expected: string, found: string): FormatError =>
    new FormatError(`${name}, byte ${offset}: expected ${expected}, found ${found}`);

  if (bytes.length < 4) throw fail(bytes.length, 'an IDX header of 4 bytes', `the end of the file`);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    throw fail(0, 'two zero bytes (an IDX file)', 'the start of a gzip file; decompress it first (gunzip)');
  }
  if (bytes[0] !== 0) throw fail(0, 'a zero byte (an IDX file)', hex(bytes[0]));
  if (bytes[1] !== 0) throw fail(1, 'a zero byte (an IDX file)', hex(bytes[1]));

  const type = idxTypes.get(bytes[2]);
  if (type === undefined) {
    throw fail(2, 'an IDX type code (0x08, 0x09, 0x0b, 0x0c, 0x0d or 0x0e)', hex(bytes[2]));
  }
  const rank = bytes[3];
  if (rank === 0 || rank > maxRank) throw fail(3, `a rank from 1 to ${maxRank}`, String(rank));

  const start = 4 + 4 * rank;
  if (bytes.length < start)
    throw fail(bytes.length, `${rank} sizes up to byte ${start}`, 'the end of the file');

  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape: number[] = [];
  let elements = 1;
  // Sizes of zero hide how large the others are; those must be countable all the same.
  let countable = type.bytes;
  for (let i = 0; i < rank; i++) {
    const size = view.getUint32(4 + 4 * i);
    shape.push(size);
    elements *= size;
    countable *= Math.max(size, 1);
    if (countable > maxElements) {
      throw fail(4 + 4 * i, 'sizes with a product below 2^53', `shape [${shape.join(', ')}...]`);
    }
  }

  const end = start + elements * type.bytes;
  const promise = `${elements} ${type.dtype} elements of shape [${shape.join(', ')}]`;
  if (bytes.length < end) {
    throw fail(
      bytes.length,
      `${promise} up to byte ${end}`,
      `the end of the file, ${end - bytes.length} bytes too early`,
    );
  }
  if (bytes.length > end) {
    throw fail(end, `the end of the file after ${promise}`, `${bytes.length - end} more bytes`);
  }

  switch (type.dtype) {
    case 'uint8':
      return { dtype: 'uint8', shape, data: bytes.subarray(start, end) };
    case 'int8':
      return { dtype: 'int8', shape, data: new Int8Array(bytes.buffer, bytes.byteOffset + start, elements) };
    case 'int16': {
      const data = new Int16Array(elements);
      for (let i = 0; i < elements; i++) data[i] = view.getInt16(start + 2 * i);
      return { dtype: 'int16', shape, data };
    }
    case 'int32': {
      const data = new Int32Array(elements);
      for (let i = 0; i < elements; i++) data[i] = view.getInt32(start + 4 * i);
      return { dtype: 'int32', shape, data };
    }
    case 'float32': {
      const data = new Float32Array(elements);
      for (let i = 0; i < elements; i++) data[i] = view.getFloat32(start + 4 * i);
      return { dtype: 'float32', shape, data };
    }
    case 'float64': {
      const data = new Float64Array(elements);
      for (let i = 0; i < elements; i++) data[i] = view.getFloat64(start + 8 * i);
      return { dtype: 'float64', shape, data };
    }
  }
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}

/**
 * A column is one field of a dataset (the images, the labels), held as one array of equal rows. Collating a batch is a gather
 * of rows into one buffer: no tensor per sample, no garbage per row.
 */
import type { DType, TypedArray } from '../base/dtype.js';
import { decodeElements, dtypeInfo } from '../base/dtype.js';
import { ShapeError } from '../base/errors.js';
import { numel, showShape } from '../base/shape.js';

export interface Column {
  /** Number of rows. */
  readonly length: number;
  /** Shape of one row; `[]` for a column of numbers. */
  readonly rowShape: readonly number[];
  readonly dtype: DType;
  /**
   * The rows `indices`, one after the other: `indices.length * numel(rowShape)` elements. The result is a buffer that the
   * next call overwrites, so copy what should last. Indices must be in range; the dataset checks them.
   */
  gather(indices: Uint32Array): TypedArray;
}

/** Memory for one batch, kept from call to call: fresh pages would cost more than the copy. */
class Scratch {
  #buffer = new ArrayBuffer(0);

  get(bytes: number): ArrayBuffer {
    if (this.#buffer.byteLength < bytes) this.#buffer = new ArrayBuffer(bytes);
    return this.#buffer;
  }
}

/** Rows that are given out as they are stored. */
export class ArrayColumn implements Column {
  readonly length: number;
  readonly rowShape: readonly number[];
  readonly dtype: DType;
  readonly #bytes: Uint8Array;
  readonly #rowSize: number;
  readonly #scratch = new Scratch();

  /** `data` holds an array of `shape`; the first dimension counts the rows. It is kept, not copied. */
  constructor(data: TypedArray, shape: readonly number[], dtype: DType) {
    checkRows('ArrayColumn', data.length, shape);
    this.length = shape[0];
    this.rowShape = shape.slice(1);
    this.dtype = dtype;
    this.#rowSize = numel(this.rowShape);
    this.#bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }

  gather(indices: Uint32Array): TypedArray {
    const rowBytes = this.#rowSize * dtypeInfo[this.dtype].bytes;
    const buffer = this.#scratch.get(indices.length * rowBytes);
    const out = new Uint8Array(buffer);
    for (let i = 0; i < indices.length; i++) {
      const from = indices[i] * rowBytes;
      out.set(this.#bytes.subarray(from, from + rowBytes), i * rowBytes);
    }
    return decodeElements(this.dtype, buffer, 0, indices.length * this.#rowSize);
  }
}

/**
 * Rows of bytes that are given out as float32 `byte * scale + shift`. Images stay at a quarter of their float size; a table
 * of the 256 possible results makes the conversion one lookup an element.
 */
export class ScaledBytesColumn implements Column {
  readonly length: number;
  readonly rowShape: readonly number[];
  readonly dtype = 'float32';
  readonly #data: Uint8Array;
  readonly #rowSize: number;
  readonly #table = new Float32Array(256);
  readonly #scratch = new Scratch();

  /** `data` holds an array of `shape`; the first dimension counts the rows. It is kept, not copied. */
  constructor(
    data: Uint8Array,
    shape: readonly number[],
    map: { readonly scale: number; readonly shift: number },
  ) {
    checkRows('ScaledBytesColumn', data.length, shape);
    this.length = shape[0];
    this.rowShape = shape.slice(1);
    this.#rowSize = numel(this.rowShape);
    this.#data = data;
    for (let byte = 0; byte < 256; byte++) this.#table[byte] = byte * map.scale + map.shift;
  }

  gather(indices: Uint32Array): Float32Array {
    const rowSize = this.#rowSize;
    const data = this.#data;
    const table = this.#table;
    const out = new Float32Array(
      this.#scratch.get(indices.length * rowSize * 4),
      0,
      indices.length * rowSize,
    );
    let to = 0;
    for (let i = 0; i < indices.length; i++) {
      const from = indices[i] * rowSize;
      for (let j = 0; j < rowSize; j++) out[to++] = table[data[from + j]];
    }
    return out;
  }
}

function checkRows(what: string, elements: number, shape: readonly number[]): void {
  if (shape.length === 0 || numel(shape) !== elements) {
    throw new ShapeError(
      `${what}: ${elements} elements do not fill shape ${showShape(shape)}; ` +
        'the first dimension must count the rows and the product of all must be the number of elements',
    );
  }
}

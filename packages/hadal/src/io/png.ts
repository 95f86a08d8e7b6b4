/**
 * PNG (W3C, Portable Network Graphics, third edition): the chunks of a file, checked against its size and the specification before
 * anything is unpacked. `png-pixels.ts` makes pixels of what they hold.
 */
import { FormatError } from '../base/errors.js';
import type { Image } from './image.js';
import { checkPixels } from './image-limits.js';
import { inflate } from './inflate.js';
import { type PngHeader, passes, pixelsOf, rawBytes } from './png-pixels.js';

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export function isPng(bytes: Uint8Array): boolean {
  return signature.every((byte, i) => bytes[i] === byte);
}

/** Bit depths that go with each colour type, and its channels in the file (table 11.1). */
const colourTypes: ReadonlyMap<number, { readonly depths: readonly number[]; readonly channels: number }> =
  new Map([
    [0, { depths: [1, 2, 4, 8, 16], channels: 1 }],
    [2, { depths: [8, 16], channels: 3 }],
    [3, { depths: [1, 2, 4, 8], channels: 1 }],
    [4, { depths: [8, 16], channels: 2 }],
    [6, { depths: [8, 16], channels: 4 }],
  ]);

interface Chunk {
  readonly type: string;
  /** The offset of its length, with which it begins. */
  readonly offset: number;
  readonly data: Uint8Array;
}

interface Png {
  readonly header: PngHeader;
  readonly palette: Uint8Array | null;
  readonly transparency: Uint8Array | null;
  readonly packed: readonly Uint8Array[];
  /** The offset of the first piece of packed data. */
  readonly packedAt: number;
}

/** No data unpacks to more than 1032 times its size (zlib technical details, "Maximum Compression Factor"). */
const maxRatio = 1032;

export async function decodePng(bytes: Uint8Array, name: string, maxPixels: number): Promise<Image> {
  const { header, palette, transparency, packed, packedAt } = readChunks(bytes, name, maxPixels);
  const fail = (expected: string, found: string): FormatError =>
    new FormatError(`${name}, byte ${packedAt}: expected ${expected}, found ${found}`);
  const need = rawBytes(header);
  const packedBytes = packed.reduce((sum, part) => sum + part.length, 0);
  const sizes = `${header.width} x ${header.height} pixels`;
  if (need > maxRatio * packedBytes)
    throw fail(`packed data of ${sizes}`, `${packedBytes} bytes, which cannot hold them`);
  const { data, problem } = await inflate(packed, need);
  if (problem !== null) throw fail(`packed data of ${sizes}, ${need} bytes`, problem);
  if (data.length !== need) throw fail(`${need} bytes of packed pixels for ${sizes}`, String(data.length));
  return pixelsOf(header, data, palette, transparency, name);
}

/** The header of a PNG alone. */
export function readPngHeader(bytes: Uint8Array, name: string): PngHeader {
  for (const chunk of chunks(bytes, name)) return parseHeader(chunk, name, Number.POSITIVE_INFINITY);
  throw new FormatError(`${name}, byte ${bytes.length}: expected a chunk IHDR, found the end of the file`);
}

function readChunks(bytes: Uint8Array, name: string, maxPixels: number): Png {
  const fail = (chunk: Chunk, expected: string, found: string): FormatError =>
    new FormatError(`${name}, byte ${chunk.offset}: expected ${expected}, found ${found}`);
  let header: PngHeader | null = null;
  let palette: Uint8Array | null = null;
  let transparency: Uint8Array | null = null;
  const packed: Uint8Array[] = [];
  let packedAt = 0;
  let previous = '';
  for (const chunk of chunks(bytes, name)) {
    const { type, data } = chunk;
    if (header === null) {
      header = parseHeader(chunk, name, maxPixels);
    } else if (type === 'IHDR') {
      throw fail(chunk, 'one chunk IHDR', 'a second one');
    } else if (type === 'PLTE') {
      if (palette !== null || packed.length > 0 || transparency !== null)
        throw fail(chunk, 'one chunk PLTE in front of tRNS and IDAT', 'it elsewhere');
      palette = parsePalette(chunk, header, fail);
    } else if (type === 'tRNS') {
      if (transparency !== null || packed.length > 0)
        throw fail(chunk, 'one chunk tRNS in front of IDAT', 'it elsewhere');
      transparency = parseTransparency(chunk, header, palette, fail);
    } else if (type === 'IDAT') {
      if (packed.length === 0) packedAt = chunk.offset;
      else if (previous !== 'IDAT') throw fail(chunk, 'all chunks IDAT in a row', `one behind ${previous}`);
      packed.push(data);
    } else if (type === 'IEND') {
      if (packed.length === 0) throw fail(chunk, 'a chunk IDAT', 'IEND');
      if (header.colourType === 3 && palette === null) throw fail(chunk, 'a chunk PLTE', 'none');
      return { header, palette, transparency, packed, packedAt };
    } else if (isCritical(type)) {
      throw fail(chunk, 'a critical chunk that the specification knows', type);
    }
    previous = type;
  }
  throw new FormatError(`${name}, byte ${bytes.length}: expected a chunk IEND, found the end of the file`);
}

/** The chunks up to the end of the file, each whole and with a right checksum if it matters. */
function* chunks(bytes: Uint8Array, name: string): Generator<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let offset = signature.length;
  while (offset < bytes.length) {
    const fail = (expected: string, found: string): FormatError =>
      new FormatError(`${name}, byte ${offset}: expected ${expected}, found ${found}`);
    const left = bytes.length - offset;
    if (left < 12) throw fail('a chunk of 12 bytes or more', `the end of the file after ${left}`);
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    if (!/^[A-Za-z]{4}$/.test(type)) throw fail('a chunk type of four letters', JSON.stringify(type));
    const length = view.getUint32(offset);
    if (length > left - 12) {
      throw fail(`a chunk ${type} of ${length} bytes`, `the end of the file after ${left - 12}`);
    }
    const data = bytes.subarray(offset + 8, offset + 8 + length);
    // Chunks that are skipped may be damaged.
    if (isCritical(type) || type === 'tRNS') {
      const found = crc32(bytes.subarray(offset + 4, offset + 8 + length));
      const expected = view.getUint32(offset + 8 + length);
      if (found !== expected)
        throw fail(`checksum ${hex(expected)} of chunk ${type}`, `${hex(found)}: it is damaged`);
    }
    yield { type, offset, data };
    offset += 12 + length;
  }
}

function isCritical(type: string): boolean {
  return type[0] === type[0].toUpperCase();
}

function parseHeader({ type, offset, data }: Chunk, name: string, maxPixels: number): PngHeader {
  const fail = (at: number, expected: string, found: string | number): FormatError =>
    new FormatError(`${name}, byte ${offset + 8 + at}: expected ${expected}, found ${found}`);
  if (type !== 'IHDR' || data.length !== 13)
    throw fail(-8, 'a chunk IHDR of 13 bytes', `${type} of ${data.length}`);
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType, compression, filter, interlace] = data.subarray(8);
  checkPixels(width, height, maxPixels, name, offset + 8);
  const colours = colourTypes.get(colourType);
  if (colours === undefined) throw fail(9, 'a colour type of 0, 2, 3, 4 or 6', colourType);
  if (!colours.depths.includes(depth)) {
    throw fail(8, `a bit depth of ${colours.depths.join(', ')} for colour type ${colourType}`, depth);
  }
  if (compression !== 0) throw fail(10, 'compression method 0', compression);
  if (filter !== 0) throw fail(11, 'filter method 0', filter);
  if (interlace > 1) throw fail(12, 'interlace method 0 or 1', interlace);
  return { width, height, depth, colourType, channels: colours.channels, passes: passes(interlace === 1) };
}

type Fail = (chunk: Chunk, expected: string, found: string) => FormatError;

function parsePalette(chunk: Chunk, { colourType, depth }: PngHeader, fail: Fail): Uint8Array {
  const { length } = chunk.data;
  const most = colourType === 3 ? 2 ** depth : 256;
  if (colourType === 0 || colourType === 4) throw fail(chunk, 'no palette in a grey image', 'one');
  if (length === 0 || length % 3 !== 0 || length / 3 > most)
    throw fail(chunk, `a palette of 1 to ${most} colours of 3 bytes`, `${length} bytes`);
  return chunk.data;
}

function parseTransparency(
  chunk: Chunk,
  { colourType }: PngHeader,
  palette: Uint8Array | null,
  fail: Fail,
): Uint8Array {
  const { length } = chunk.data;
  const found = `${length} bytes`;
  if (colourType === 4 || colourType === 6) throw fail(chunk, 'no tRNS in an image with alpha', found);
  if (colourType === 3) {
    const colours = (palette?.length ?? 0) / 3;
    if (length === 0 || length > colours) throw fail(chunk, `a tRNS of 1 to ${colours} bytes`, found);
  } else if (length !== (colourType === 0 ? 2 : 6)) {
    throw fail(chunk, `a tRNS of ${colourType === 0 ? 2 : 6} bytes`, found);
  }
  return chunk.data;
}

/** Remainders of the polynomial of annex D for each byte. */
const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let c = byte;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

export function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) c = remainders[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function hex(word: number): string {
  return `0x${word.toString(16).padStart(8, '0')}`;
}

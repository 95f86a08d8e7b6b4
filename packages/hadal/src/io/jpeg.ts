/**
 * JPEG (ITU-T T.81) through the package jpeg-js. Its decoder trusts headers: it allocates what a frame says and decodes as many scans
 * as there are. So the markers of a file are walked first, and what no real file has is refused before it sees a byte.
 */
import { FormatError } from '../base/errors.js';
import { orientationOf, upright } from './exif.js';
import type { Image } from './image.js';
import { checkPixels } from './image-limits.js';

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

interface Component {
  readonly id: number;
  readonly h: number;
  readonly v: number;
}

export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  readonly progressive: boolean;
  readonly components: readonly Component[];
  /** As EXIF counts: 1 is upright, 2 to 8 are mirrored or turned. */
  readonly orientation: number;
}

/** Each scan costs a pass over the whole image for as little as a few bytes; encoders write a dozen at most. */
const maxScans = 64;

/** What jpeg-js may allocate by its own count; the process takes about twice as much. */
const maxDecoderMegabytes = 512;

const unsupported: ReadonlyMap<number, string> = new Map([
  [0xc3, 'lossless'],
  [0xc5, 'hierarchical'],
  [0xc6, 'hierarchical'],
  [0xc7, 'hierarchical'],
  [0xc9, 'arithmetic coded'],
  [0xca, 'arithmetic coded'],
  [0xcb, 'arithmetic coded'],
  [0xcd, 'arithmetic coded'],
  [0xce, 'arithmetic coded'],
  [0xcf, 'arithmetic coded'],
]);

export async function decodeJpeg(bytes: Uint8Array, name: string, maxPixels: number): Promise<Image> {
  const header = scanMarkers(bytes, name, maxPixels);
  const { default: jpeg } = await import('jpeg-js');
  let decoded: { readonly width: number; readonly height: number; readonly data: Uint8Array };
  try {
    decoded = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      maxResolutionInMP: maxPixels / 1e6,
      maxMemoryUsageInMB: maxDecoderMegabytes,
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const hint = reason.includes('maxMemoryUsageInMB') ? ': the image needs too much memory to decode' : '';
    throw new FormatError(`${name}: expected a JPEG image, found what does not decode${hint} (${reason})`, {
      cause,
    });
  }
  const { width, height } = header;
  if (decoded.width !== width || decoded.height !== height || decoded.data.length !== width * height * 3)
    throw new FormatError(`${name}: expected ${width} x ${height} pixels, found others`);
  const grey = header.components.length === 1;
  const data = grey ? decoded.data.filter((_, i) => i % 3 === 0) : decoded.data;
  return upright({ width, height, channels: grey ? 1 : 3, data }, header.orientation);
}

/** The header of a JPEG, from the walk over its markers. */
export function readJpegHeader(bytes: Uint8Array, name: string): JpegHeader {
  return scanMarkers(bytes, name, Number.POSITIVE_INFINITY);
}

function scanMarkers(bytes: Uint8Array, name: string, maxPixels: number): JpegHeader {
  const fail = (offset: number, expected: string, found: string): FormatError =>
    new FormatError(`${name}, byte ${offset}: expected ${expected}, found ${found}`);
  const word = (at: number): number => (bytes[at] << 8) | bytes[at + 1];
  let frame: Omit<JpegHeader, 'orientation'> | null = null;
  let orientation = 1;
  let scans = 0;
  let codedBytes = 0;
  let at = 2;
  while (true) {
    if (at + 2 > bytes.length) throw fail(at, 'a marker', 'the end of the file');
    if (bytes[at] !== 0xff) throw fail(at, 'a marker (0xff)', hex(bytes[at]));
    const marker = bytes[at + 1];
    // Any number of 0xff may stand in front of a marker.
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xd9) break;
    if (at + 4 > bytes.length) throw fail(at, 'the length of a segment', 'the end of the file');
    const length = word(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length)
      throw fail(at + 2, `a segment ${hex(marker)} within the file`, `a length of ${length}`);
    const why = unsupported.get(marker);
    if (why !== undefined) throw fail(at, 'a baseline or progressive JPEG', `one that is ${why}`);
    if (marker >= 0xc0 && marker <= 0xc2) {
      if (frame !== null) throw fail(at, 'one frame', 'a second one');
      frame = parseFrame(bytes.subarray(at + 4, end), marker === 0xc2, name, at + 4, maxPixels);
    } else if (marker === 0xe1) {
      orientation = orientationOf(bytes.subarray(at + 4, end)) ?? orientation;
    } else if (marker === 0xda) {
      if (frame === null) throw fail(at, 'a frame in front of its scans', 'a scan');
      if (++scans > maxScans) throw fail(at, `at most ${maxScans} scans`, 'more');
      checkScan(bytes.subarray(at + 4, end), frame.components, name, at + 4);
      at = endOfScan(bytes, end);
      codedBytes += at - end;
      continue;
    }
    at = end;
  }
  if (frame === null || scans === 0) throw fail(at, 'a frame and a scan', 'the end of the image');
  checkBlocks(frame, codedBytes, name);
  return { ...frame, orientation };
}

/** Coded data lasts up to the next marker that is neither a stuffed zero nor a restart. */
function endOfScan(bytes: Uint8Array, start: number): number {
  let at = start;
  while (true) {
    at = bytes.indexOf(0xff, at);
    if (at < 0) return bytes.length;
    const next = bytes[at + 1];
    if (next !== 0 && !(next >= 0xd0 && next <= 0xd7)) return at;
    at += 2;
  }
}

function parseFrame(
  data: Uint8Array,
  progressive: boolean,
  name: string,
  offset: number,
  maxPixels: number,
): Omit<JpegHeader, 'orientation'> {
  const fail = (at: number, expected: string, found: string | number): FormatError =>
    new FormatError(`${name}, byte ${offset + at}: expected ${expected}, found ${found}`);
  const count = data[5];
  if (data.length < 6 || data.length !== 6 + 3 * count)
    throw fail(0, 'a frame header of 6 bytes and 3 a component', `${data.length} bytes`);
  if (data[0] !== 8) throw fail(0, '8 bits a sample', data[0]);
  const height = (data[1] << 8) | data[2];
  const width = (data[3] << 8) | data[4];
  checkPixels(width, height, maxPixels, name, offset + 1);
  if (count !== 1 && count !== 3 && count !== 4) throw fail(5, '1, 3 or 4 components', count);
  const components: Component[] = [];
  for (let i = 0; i < count; i++) {
    const at = 6 + 3 * i;
    const [id, sampling, table] = data.subarray(at, at + 3);
    const [h, v] = [sampling >> 4, sampling & 15];
    if (components.some((c) => c.id === id)) throw fail(at, 'components of different names', `${id} twice`);
    if (h < 1 || h > 4 || v < 1 || v > 4) throw fail(at + 1, 'sampling factors from 1 to 4', `${h} x ${v}`);
    if (table > 3) throw fail(at + 2, 'a quantization table from 0 to 3', table);
    components.push({ id, h, v });
  }
  return { width, height, progressive, components };
}

function checkScan(data: Uint8Array, components: readonly Component[], name: string, offset: number): void {
  const fail = (at: number, expected: string, found: string | number): FormatError =>
    new FormatError(`${name}, byte ${offset + at}: expected ${expected}, found ${found}`);
  const count = data[0];
  if (data.length < 1 || count < 1 || count > 4 || data.length !== 4 + 2 * count)
    throw fail(0, 'a scan header of 1 to 4 components', `${data.length} bytes`);
  for (let i = 0; i < count; i++) {
    const id = data[1 + 2 * i];
    if (!components.some((c) => c.id === id)) throw fail(1 + 2 * i, 'a component of the frame', id);
  }
  const [first, last, approximation] = data.subarray(1 + 2 * count);
  if (first > last || last > 63)
    throw fail(1 + 2 * count, 'coefficients from 0 to 63', `${first} to ${last}`);
  if ((approximation & 15) > 13) throw fail(3 + 2 * count, 'a bit position up to 13', approximation & 15);
}

/** Every block of 8 x 8 samples takes one bit at least; a header that promises more blocks than there are bits is not true. */
function checkBlocks(frame: Omit<JpegHeader, 'orientation'>, codedBytes: number, name: string): void {
  const { width, height, components } = frame;
  const maxH = Math.max(...components.map(({ h }) => h));
  const maxV = Math.max(...components.map(({ v }) => v));
  let blocks = 0;
  for (const { h, v } of components)
    blocks += Math.ceil((width * h) / maxH / 8) * Math.ceil((height * v) / maxV / 8);
  if (blocks > 8 * codedBytes) {
    throw new FormatError(
      `${name}: expected coded data of ${width} x ${height} pixels, found ${codedBytes} bytes, which cannot hold them`,
    );
  }
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}

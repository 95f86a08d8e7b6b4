/** Images: rows of pixels with interleaved channels of bytes, read from PNG and JPEG. */
import { ArgumentError, FormatError } from '../base/errors.js';
import { nodeSystem, readWhole } from './files.js';
import { decodeJpeg, isJpeg } from './jpeg.js';
import { decodePng, isPng } from './png.js';

export interface Image {
  readonly width: number;
  readonly height: number;
  /** 1: grey, 2: grey and alpha, 3: RGB, 4: RGB and alpha; alpha is not multiplied into the others. */
  readonly channels: 1 | 2 | 3 | 4;
  /** height x width x channels bytes, from the top left along rows. */
  readonly data: Uint8Array;
}

export interface ReadImageOptions {
  /** What error messages call the bytes; usually the path of their file. */
  readonly name?: string;
  /** Refuse images of more pixels before anything is decoded; 64 x 2^20 if not given. */
  readonly maxPixels?: number;
}

/** Files of more bytes are refused unread. */
const maxFileBytes = 1 << 28;

const defaultMaxPixels = 64 * 2 ** 20;

/**
 * Decodes a PNG (every colour type, bit depth and interlacing; 16 bits are rounded to 8) or a baseline or progressive JPEG, turned
 * upright as its EXIF orientation says. Colour profiles are not applied.
 *
 * @throws FormatError with the name, and the byte offset where it is known, if the bytes are neither, are damaged, or say that they
 * hold more than `maxPixels`; nothing is allocated on the word of a header that the file is too short for.
 *
 * @example
 * ```ts
 * import { readImage } from 'hadal/io';
 * const png = 'iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGNg+A8AAQIBAEK+vGgAAAAASUVORK5CYII=';
 * const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
 * const { width, height, channels, data } = await readImage(bytes);
 * console.log(width, height, channels, [...data]); // 2 1 1 [ 0, 255 ]
 * ```
 */
export async function readImage(bytes: Uint8Array, options: ReadImageOptions = {}): Promise<Image> {
  const { name = 'image', maxPixels = defaultMaxPixels } = options;
  if (!(maxPixels >= 1))
    throw new ArgumentError(`readImage: maxPixels is a positive number, got ${maxPixels}`);
  if (isPng(bytes)) return decodePng(bytes, name, maxPixels);
  if (isJpeg(bytes)) return decodeJpeg(bytes, name, maxPixels);
  const start = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw new FormatError(
    `${name}, byte 0: expected a PNG or JPEG image, found ${bytes.length === 0 ? 'an empty file' : `bytes ${start}`}`,
  );
}

/**
 * Reads an image from a file; see `readImage`.
 *
 * @throws FileError if it cannot be read; FormatError if it is damaged or larger than 256 MB.
 */
export async function readImageFile(path: string, options: ReadImageOptions = {}): Promise<Image> {
  const bytes = await readWhole(nodeSystem('readImageFile'), path, maxFileBytes);
  return readImage(bytes, { name: path, ...options });
}

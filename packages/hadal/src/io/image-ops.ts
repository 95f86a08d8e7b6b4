/** What images go through on their way into a network: channels, size, tensor. */
import { ArgumentError } from '../base/errors.js';
import { fromTypedArray, type Tensor } from '../tensor/index.js';
import type { Image } from './image.js';

export interface ConvertOptions {
  /** The grey that shines through where the image is transparent, 0 to 255; white (255) if not given. */
  readonly background?: number;
}

/**
 * An image with 1 (grey) or 3 (RGB) channels. Grey is the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B; transparent pixels are
 * laid over a background.
 *
 * @example
 * ```ts
 * import { convertImage, type Image } from 'hadal/io';
 * const red: Image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(255, 0, 0) };
 * console.log([...convertImage(red, 1).data]); // [ 76 ]
 * ```
 */
export function convertImage(image: Image, channels: 1 | 3, options: ConvertOptions = {}): Image {
  if (channels !== 1 && channels !== 3)
    throw new ArgumentError(`convertImage: channels is 1 or 3, got ${channels}`);
  checkImage('convertImage', image);
  if (image.channels === channels) return image;
  const { width, height, data } = image;
  const colours = image.channels >= 3;
  const hasAlpha = image.channels % 2 === 0;
  const background = options.background ?? 255;
  const out = new Uint8Array(width * height * channels);
  for (let p = 0; p < width * height; p++) {
    const from = p * image.channels;
    const r = data[from];
    const g = colours ? data[from + 1] : r;
    const b = colours ? data[from + 2] : r;
    const alpha = hasAlpha ? data[from + image.channels - 1] / 255 : 1;
    const over = (x: number): number => Math.round(x * alpha + background * (1 - alpha));
    if (channels === 1) out[p] = over(colours ? 0.299 * r + 0.587 * g + 0.114 * b : r);
    else {
      out[3 * p] = over(r);
      out[3 * p + 1] = over(g);
      out[3 * p + 2] = over(b);
    }
  }
  return { width, height, channels, data: out };
}

/** What each output position takes of the input: `weights` from `start` on, their sum 1. */
interface Taps {
  readonly start: number;
  readonly weights: readonly number[];
}

/** Along one axis: area averaging where it shrinks, bilinear between pixel centres where it grows. */
function taps(from: number, to: number): Taps[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) => {
    if (to >= from) {
      const centre = Math.min(Math.max((i + 0.5) * scale - 0.5, 0), from - 1);
      const start = Math.min(Math.floor(centre), Math.max(from - 2, 0));
      const part = centre - start;
      return { start, weights: from === 1 ? [1] : [1 - part, part] };
    }
    const [low, high] = [i * scale, (i + 1) * scale];
    const start = Math.floor(low);
    const end = Math.min(Math.ceil(high), from);
    const weights: number[] = [];
    for (let j = start; j < end; j++) weights.push((Math.min(high, j + 1) - Math.max(low, j)) / scale);
    return { start, weights };
  });
}

/**
 * An image in another size: each axis by area averaging where it shrinks and bilinear interpolation where it grows, without keeping
 * the ratio of the sides.
 *
 * @example
 * ```ts
 * import { resizeImage, type Image } from 'hadal/io';
 * const image: Image = { width: 4, height: 1, channels: 1, data: Uint8Array.of(0, 100, 200, 250) };
 * console.log([...resizeImage(image, 2, 1).data]); // [ 50, 225 ]
 * ```
 */
export function resizeImage(image: Image, width: number, height: number): Image {
  for (const [name, size] of [
    ['width', width],
    ['height', height],
  ] as const) {
    if (!Number.isInteger(size) || size < 1 || size > 2 ** 16)
      throw new ArgumentError(`resizeImage: ${name} is an integer from 1 to 65536, got ${size}`);
  }
  checkImage('resizeImage', image);
  const { channels, data } = image;
  if (width === image.width && height === image.height) return image;
  const columns = taps(image.width, width);
  const rows = taps(image.height, height);
  const out = new Uint8Array(width * height * channels);
  // One output row at a time, so that nothing of the size of the input is held as floats.
  const line = new Float64Array(image.width * channels);
  rows.forEach(({ start, weights }, y) => {
    line.fill(0);
    weights.forEach((weight, j) => {
      const from = (start + j) * line.length;
      for (let i = 0; i < line.length; i++) line[i] += weight * data[from + i];
    });
    for (let x = 0; x < width; x++) {
      const column = columns[x];
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let j = 0; j < column.weights.length; j++)
          sum += column.weights[j] * line[(column.start + j) * channels + c];
        out[(y * width + x) * channels + c] = Math.round(sum);
      }
    }
  });
  return { width, height, channels, data: out };
}

/**
 * An image as a float32 tensor of shape [channels, height, width] with values from 0 to 1.
 *
 * @example
 * ```ts
 * import { imageToTensor, type Image } from 'hadal/io';
 * const image: Image = { width: 2, height: 1, channels: 1, data: Uint8Array.of(0, 255) };
 * console.log(imageToTensor(image).tolistSync()); // [ [ [ 0, 1 ] ] ]
 * ```
 */
export function imageToTensor(image: Image): Tensor {
  checkImage('imageToTensor', image);
  const { width, height, channels, data } = image;
  const out = new Float32Array(channels * height * width);
  for (let p = 0; p < width * height; p++)
    for (let c = 0; c < channels; c++) out[c * width * height + p] = data[p * channels + c] / 255;
  return fromTypedArray(out, [channels, height, width]);
}

function checkImage(op: string, { width, height, channels, data }: Image): void {
  if (data.length !== width * height * channels) {
    throw new ArgumentError(
      `${op}: an image of ${width} x ${height} pixels with ${channels} channels has ${width * height * channels} bytes, got ${data.length}`,
    );
  }
}

/** The pixels of a PNG from its unpacked data: filters (section 9), interlace passes (8.2), palettes, bit depths and transparency. */
import { FormatError } from '../base/errors.js';
import type { Image } from './image.js';

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample. */
  readonly depth: number;
  readonly colourType: number;
  /** Samples of a pixel in the file. */
  readonly channels: number;
  readonly passes: readonly Pass[];
}

/** A reduced image: the pixels (x + i dx, y + j dy) of the whole. */
interface Pass {
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
}

const adam7: readonly Pass[] = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
];

export function passes(interlaced: boolean): readonly Pass[] {
  return interlaced ? adam7 : [{ x: 0, y: 0, dx: 1, dy: 1 }];
}

interface PassSize {
  readonly width: number;
  readonly height: number;
  readonly rowBytes: number;
}

function passSize({ width, height, depth, channels }: PngHeader, { x, y, dx, dy }: Pass): PassSize {
  const w = Math.max(0, Math.ceil((width - x) / dx));
  const h = Math.max(0, Math.ceil((height - y) / dy));
  return { width: w, height: w === 0 ? 0 : h, rowBytes: Math.ceil((w * depth * channels) / 8) };
}

/** Bytes of the unpacked data: each row with its filter in front. */
export function rawBytes(header: PngHeader): number {
  return header.passes.reduce((sum, pass) => {
    const { height, rowBytes } = passSize(header, pass);
    return sum + height * (rowBytes + 1);
  }, 0);
}

/** `raw` has `rawBytes(header)` bytes and is overwritten. */
export function pixelsOf(
  header: PngHeader,
  raw: Uint8Array,
  palette: Uint8Array | null,
  transparency: Uint8Array | null,
  name: string,
): Image {
  const write = pixelWriter(header, palette, transparency, name);
  const pixelBytes = Math.ceil((header.depth * header.channels) / 8);
  let at = 0;
  for (const pass of header.passes) {
    const { width, height, rowBytes } = passSize(header, pass);
    const samples = new Uint16Array(width * header.channels);
    let above: Uint8Array = new Uint8Array(rowBytes);
    for (let row = 0; row < height; row++) {
      const filter = raw[at];
      const line = raw.subarray(at + 1, at + 1 + rowBytes);
      if (!unfilter(filter, line, above, pixelBytes)) {
        throw new FormatError(
          `${name}: expected a filter from 0 to 4 at byte ${at} of the unpacked data, found ${filter}`,
        );
      }
      readSamples(line, header.depth, samples);
      const y = pass.y + row * pass.dy;
      for (let i = 0; i < width; i++)
        write(samples, i * header.channels, y * header.width + pass.x + i * pass.dx);
      above = line;
      at += 1 + rowBytes;
    }
  }
  return { width: header.width, height: header.height, channels: write.channels, data: write.data };
}

/** Undoes a row's filter in place; `above` is the row before it. False for a filter that does not exist. */
function unfilter(filter: number, line: Uint8Array, above: Uint8Array, step: number): boolean {
  const n = line.length;
  switch (filter) {
    case 0:
      return true;
    case 1:
      for (let i = step; i < n; i++) line[i] += line[i - step];
      return true;
    case 2:
      for (let i = 0; i < n; i++) line[i] += above[i];
      return true;
    case 3:
      for (let i = 0; i < n; i++) line[i] += ((i < step ? 0 : line[i - step]) + above[i]) >> 1;
      return true;
    case 4:
      for (let i = 0; i < n; i++) {
        const left = i < step ? 0 : line[i - step];
        const corner = i < step ? 0 : above[i - step];
        line[i] += paeth(left, above[i], corner);
      }
      return true;
    default:
      return false;
  }
}

/** Of left, up and corner the one nearest to left + up - corner (9.4). */
function paeth(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

/** Samples of a row at their full depth; those of 1, 2 and 4 bits begin at the high end of each byte. */
function readSamples(line: Uint8Array, depth: number, samples: Uint16Array): void {
  if (depth === 8) {
    samples.set(line);
  } else if (depth === 16) {
    for (let i = 0; i < samples.length; i++) samples[i] = (line[2 * i] << 8) | line[2 * i + 1];
  } else {
    const mask = (1 << depth) - 1;
    for (let i = 0; i < samples.length; i++) {
      const bit = i * depth;
      samples[i] = (line[bit >> 3] >> (8 - depth - (bit & 7))) & mask;
    }
  }
}

/** Puts the pixel whose samples begin at `from` at a position of the image. */
interface PixelWriter {
  (samples: Uint16Array, from: number, position: number): void;
  readonly channels: Image['channels'];
  readonly data: Uint8Array;
}

function pixelWriter(
  header: PngHeader,
  palette: Uint8Array | null,
  transparency: Uint8Array | null,
  name: string,
): PixelWriter {
  const { width, height, channels, depth, colourType } = header;
  const alpha = transparency === null ? 0 : 1;
  const out = ((colourType === 3 ? 3 : channels) + alpha) as Image['channels'];
  const data = new Uint8Array(width * height * out);
  const result = { channels: out, data };
  if (colourType === 3) {
    const colours = (palette?.length ?? 0) / 3;
    return Object.assign((samples: Uint16Array, from: number, position: number): void => {
      const index = samples[from];
      if (palette === null || index >= colours) {
        throw new FormatError(
          `${name}: expected a colour from 0 to ${colours - 1} of the palette at pixel ${position}, found ${index}`,
        );
      }
      for (let c = 0; c < 3; c++) data[position * out + c] = palette[3 * index + c];
      if (transparency !== null) data[position * out + 3] = transparency[index] ?? 255;
    }, result);
  }
  const most = 2 ** depth - 1;
  // Rounds to nearest: 255 divides the largest sample of 2, 4 and 8 bits, and 65535 / 257 is 255.
  const scale = depth === 16 ? (s: number) => (s * 255 + 32895) >> 16 : (s: number) => s * (255 / most);
  const key =
    transparency === null
      ? null
      : Array.from(
          { length: channels },
          (_, c) => ((transparency[2 * c] << 8) | transparency[2 * c + 1]) & most,
        );
  return Object.assign((samples: Uint16Array, from: number, position: number): void => {
    for (let c = 0; c < channels; c++) data[position * out + c] = scale(samples[from + c]);
    if (key !== null)
      data[position * out + channels] = key.every((k, c) => k === samples[from + c]) ? 0 : 255;
  }, result);
}

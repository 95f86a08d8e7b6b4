/** Writes PNGs of every kind, for the tests: any colour type, depth, filter and interlacing, from samples at full depth. */
import { crc32, deflateSync } from 'node:zlib';

export interface PngSource {
  readonly width: number;
  readonly height: number;
  readonly colourType: 0 | 2 | 3 | 4 | 6;
  readonly depth: 1 | 2 | 4 | 8 | 16;
  /** Samples of all pixels in rows. */
  readonly samples: readonly number[];
  readonly interlaced?: boolean;
  /** The filter of each row by its number in the data. */
  readonly filter?: (row: number) => number;
  readonly palette?: readonly number[];
  readonly transparency?: readonly number[];
  /** Chunks between IHDR and the rest. */
  readonly extra?: readonly Uint8Array[];
  /** Pieces of packed data. */
  readonly pieces?: number;
}

export const channelsOf = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 } as const;

export function chunk(type: string, data: ArrayLike<number>): Uint8Array {
  const body = Uint8Array.of(...[...type].map((c) => c.charCodeAt(0)), ...Array.from(data));
  const out = new Uint8Array(body.length + 8);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length - 4);
  out.set(body, 4);
  view.setUint32(4 + body.length, crc32(body));
  return out;
}

export function pngHeader(source: Omit<PngSource, 'samples'>): Uint8Array {
  const data = new Uint8Array(13);
  const view = new DataView(data.buffer);
  view.setUint32(0, source.width);
  view.setUint32(4, source.height);
  data.set([source.depth, source.colourType, 0, 0, source.interlaced ? 1 : 0], 8);
  return chunk('IHDR', data);
}

export const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** First column and row, and steps between columns and rows, of each pass of Adam7. */
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

export function encodePng(source: PngSource): Uint8Array {
  const { width, height, depth, samples } = source;
  const channels = channelsOf[source.colourType];
  const raw: number[] = [];
  let rows = 0;
  for (const [x0, y0, dx, dy] of source.interlaced ? adam7 : [[0, 0, 1, 1]]) {
    let above: number[] | null = null;
    if (x0 >= width) continue;
    for (let y = y0; y < height; y += dy) {
      let bits = '';
      for (let x = x0; x < width; x += dx)
        for (let c = 0; c < channels; c++)
          bits += samples[(y * width + x) * channels + c].toString(2).padStart(depth, '0');
      const line = (bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2));
      const filter = (source.filter?.(rows++) ?? 0) % 5;
      const step = Math.max(1, (depth * channels) >> 3);
      raw.push(filter, ...line.map((byte, i) => (byte - predict(filter, line, above, i, step)) & 255));
      above = line;
    }
  }
  const packed = deflateSync(Uint8Array.from(raw));
  const size = Math.ceil(packed.length / (source.pieces ?? 1));
  const data: Uint8Array[] = [];
  for (let at = 0; at < packed.length; at += size) data.push(chunk('IDAT', packed.subarray(at, at + size)));
  return join(
    signature,
    pngHeader(source),
    ...(source.extra ?? []),
    ...(source.palette ? [chunk('PLTE', source.palette)] : []),
    ...(source.transparency ? [chunk('tRNS', source.transparency)] : []),
    ...data,
    chunk('IEND', []),
  );
}

function predict(filter: number, line: number[], above: number[] | null, i: number, step: number): number {
  const a = line[i - step] ?? 0;
  const b = above?.[i] ?? 0;
  const c = above?.[i - step] ?? 0;
  if (filter === 4) {
    const p = a + b - c;
    return [a, b, c].reduce((best, x) => (Math.abs(p - x) < Math.abs(p - best) ? x : best));
  }
  return [0, a, b, Math.floor((a + b) / 2)][filter];
}

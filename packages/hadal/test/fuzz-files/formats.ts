/** The formats that are read from outside: whole files of each, how each is read, and what a file that was read must fulfil. */
import { readFileSync } from 'node:fs';
import { crc32, deflateSync } from 'node:zlib';
import { parseIdx } from '../../src/data/idx.js';
import { readImage } from '../../src/io/image.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.js';
import { arange, ones, tensor } from '../../src/tensor/index.js';
import { channelsOf, chunk, encodePng, type PngSource } from '../io/png-encoder.js';
import { mutate, type Random } from './mutate.js';

export interface Format {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  readonly mutate: (bytes: Uint8Array, random: Random) => Uint8Array;
  /** Reads a file; throws plain errors where what was read is not consistent. */
  readonly read: (bytes: Uint8Array) => Promise<void> | void;
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`what was read is not consistent: ${what}`);
}

const safetensors: Format = {
  name: 'safetensors',
  seeds: [
    encodeSafetensors({}),
    encodeSafetensors(
      { a: ones([2, 3]), b: arange(5), c: tensor([true, false]), d: ones([0, 4]) },
      { key: 'value' },
    ),
    encodeSafetensors(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`layer.${i}`, ones([i, 2])]))),
  ],
  mutate(bytes, random) {
    const out = mutate(bytes, random);
    // Half of the files get a length that fits their header, so that what lies behind it is met.
    if (random.below(2) === 0 && out.length > 16) {
      const close = out.lastIndexOf(0x7d);
      if (close > 8) new DataView(out.buffer, out.byteOffset).setBigUint64(0, BigInt(close - 7), true);
    }
    return out;
  },
  read(bytes) {
    const { tensors } = decodeSafetensors(bytes, { name: 'file' });
    for (const [name, t] of tensors) {
      check(t.shape.reduce((a, b) => a * b, 1) === t.dataSync().length, `elements of ${name}`);
      check(t.dataSync().length <= bytes.length, `size of ${name}`);
    }
  },
};

function idx(type: number, sizes: readonly number[], payload: number): Uint8Array {
  const words = sizes.flatMap((size) => [0, 0, size >> 8, size & 255]);
  return Uint8Array.of(0, 0, type, sizes.length, ...words, ...new Uint8Array(payload).fill(7));
}

const idxFiles: Format = {
  name: 'IDX',
  seeds: [
    idx(8, [10, 28, 28], 7840),
    idx(8, [300], 300),
    idx(9, [4], 4),
    idx(11, [3, 2], 12),
    idx(12, [5], 20),
    idx(13, [2, 2, 2], 32),
    idx(14, [3], 24),
  ],
  mutate,
  read(bytes) {
    const { shape, data } = parseIdx(bytes, 'file');
    check(shape.reduce((a, b) => a * b, 1) === data.length, 'elements');
    check(data.byteLength <= bytes.length, 'size');
  },
};

function png(source: Omit<PngSource, 'samples' | 'width' | 'height'>): Uint8Array {
  const [width, height] = [13, 9];
  const most = source.colourType === 3 ? (source.palette?.length ?? 0) / 3 : 2 ** source.depth;
  const samples = Array.from(
    { length: width * height * channelsOf[source.colourType] },
    (_, i) => (i * 7) % most,
  );
  return encodePng({ width, height, samples, filter: (row) => row, ...source });
}

const pngs: Format = {
  name: 'PNG',
  seeds: [
    png({ colourType: 0, depth: 1 }),
    png({ colourType: 0, depth: 16, transparency: [0, 7] }),
    png({ colourType: 2, depth: 8, interlaced: true, pieces: 3 }),
    png({
      colourType: 3,
      depth: 4,
      palette: [1, 2, 3, 4, 5, 6, 7, 8, 9],
      transparency: [1, 2],
      interlaced: true,
    }),
    png({ colourType: 4, depth: 8, extra: [chunk('gAMA', [0, 0, 0, 1])] }),
    png({ colourType: 6, depth: 16, pieces: 2 }),
    // A bomb: small, and says so little of what it holds.
    replaceData(png({ colourType: 0, depth: 8 }), deflateSync(new Uint8Array(1 << 24))),
  ],
  mutate(bytes, random) {
    const out = mutate(bytes, random);
    // Checksums would stop nearly every file at once.
    return random.below(4) === 0 ? out : withChecksums(out);
  },
  async read(bytes) {
    const { width, height, channels, data } = await readImage(bytes, { name: 'file' });
    check(data.length === width * height * channels, 'bytes of pixels');
  },
};

function replaceData(bytes: Uint8Array, data: Uint8Array): Uint8Array {
  return Uint8Array.of(...bytes.subarray(0, 33), ...chunk('IDAT', data), ...chunk('IEND', []));
}

/** Puts right the checksums of chunks as far as they can be followed. */
function withChecksums(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  const view = new DataView(out.buffer);
  for (let at = 8; at + 12 <= out.length; ) {
    const length = view.getUint32(at);
    if (length > out.length - at - 12) break;
    view.setUint32(at + 8 + length, crc32(out.subarray(at + 4, at + 8 + length)));
    at += 12 + length;
  }
  return out;
}

interface Fixture {
  readonly files: { readonly [name: string]: { readonly bytes: string } };
}

/** @param fixture the text of fixtures/jpeg.json. */
function jpegs(fixture: string): Format {
  return {
    name: 'JPEG',
    seeds: Object.values((JSON.parse(fixture) as Fixture).files).map(({ bytes }) =>
      Uint8Array.from(Buffer.from(bytes, 'base64')),
    ),
    mutate,
    read: pngs.read,
  };
}

/** @param fixtures the folder test/fixtures. */
export function formats(fixtures: string): readonly Format[] {
  return [safetensors, idxFiles, pngs, jpegs(readFileSync(`${fixtures}/jpeg.json`, 'utf8'))];
}

import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/errors.js';
import { readImage } from '../../src/io/image.js';
import { inflate, inflateInBrowser } from '../../src/io/inflate.js';
import { channelsOf, chunk, encodePng, join, type PngSource, pngHeader, signature } from './png-encoder.js';

/** Every legal pair of colour type and depth. */
const kinds = [
  ...([1, 2, 4, 8, 16] as const).map((depth) => ({ colourType: 0, depth }) as const),
  ...([1, 2, 4, 8] as const).map((depth) => ({ colourType: 3, depth }) as const),
  ...([2, 4, 6] as const).flatMap((colourType) =>
    ([8, 16] as const).map((depth) => ({ colourType, depth }) as const),
  ),
];

const palette = (depth: number): number[] => Array.from({ length: 3 * 2 ** depth }, (_, i) => (i * 37) & 255);

/** Samples that use the whole range of a depth. */
function samplesOf(kind: (typeof kinds)[number], width: number, height: number): number[] {
  return Array.from(
    { length: width * height * channelsOf[kind.colourType] },
    (_, i) => (i * 40503 + (i >> 3)) % 2 ** kind.depth,
  );
}

describe('readImage reads PNG', () => {
  const cases = kinds.flatMap((kind) => [false, true].map((interlaced) => ({ ...kind, interlaced })));
  test.each(cases)('colour type $colourType, $depth bits, interlaced $interlaced', async (kind) => {
    for (const [width, height] of [
      [1, 1],
      [3, 2],
      [5, 9],
      [17, 11],
    ]) {
      const samples = samplesOf(kind, width, height);
      const colours = palette(kind.depth);
      const image = await readImage(
        encodePng({
          ...kind,
          width,
          height,
          samples,
          filter: (row) => row,
          pieces: 3,
          ...(kind.colourType === 3 ? { palette: colours } : {}),
        }),
      );
      const expected =
        kind.colourType === 3
          ? samples.flatMap((s) => colours.slice(3 * s, 3 * s + 3))
          : samples.map((s) => Math.round((s * 255) / (2 ** kind.depth - 1)));
      expect(image).toMatchObject({
        width,
        height,
        channels: kind.colourType === 3 ? 3 : channelsOf[kind.colourType],
      });
      expect([...image.data]).toEqual(expected);
    }
  });

  test.each([0, 1, 2, 3, 4])('filter %i', async (filter) => {
    for (const kind of kinds.filter(({ colourType }) => colourType !== 3)) {
      const samples = samplesOf(kind, 9, 5);
      const image = await readImage(
        encodePng({ ...kind, width: 9, height: 5, samples, filter: () => filter }),
      );
      expect([...image.data]).toEqual(samples.map((s) => Math.round((s * 255) / (2 ** kind.depth - 1))));
    }
  });

  test('transparency of a palette, of a grey and of a colour', async () => {
    const base = { width: 3, height: 1 } as const;
    const read = async (source: Omit<PngSource, 'width' | 'height'>) => {
      const { channels, data } = await readImage(encodePng({ ...base, ...source }));
      return { channels, data: [...data] };
    };
    expect(
      await read({
        colourType: 3,
        depth: 2,
        samples: [0, 1, 2],
        palette: [1, 2, 3, 4, 5, 6, 7, 8, 9],
        transparency: [0, 128],
      }),
    ).toEqual({ channels: 4, data: [1, 2, 3, 0, 4, 5, 6, 128, 7, 8, 9, 255] });
    expect(await read({ colourType: 0, depth: 4, samples: [0, 7, 15], transparency: [0, 7] })).toEqual({
      channels: 2,
      data: [0, 255, 119, 0, 255, 255],
    });
    expect(
      await read({
        colourType: 2,
        depth: 16,
        samples: [256, 0, 0, 257, 0, 0, 65535, 65535, 65535],
        transparency: [1, 0, 0, 0, 0, 0],
      }),
    ).toEqual({ channels: 4, data: [1, 0, 0, 0, 1, 0, 0, 255, 255, 255, 255, 255] });
  });

  test('beside chunks that it does not know, damaged ones among them', async () => {
    const damaged = chunk('teXt', [1, 2, 3]);
    damaged[damaged.length - 1] ^= 1;
    const extra = [chunk('gAMA', [0, 0, 0, 1]), damaged];
    const bytes = encodePng({ width: 1, height: 1, colourType: 0, depth: 8, samples: [9], extra });
    expect([...(await readImage(Uint8Array.of(...bytes, 1, 2, 3))).data]).toEqual([9]);
  });
});

const grey: PngSource = { width: 2, height: 2, colourType: 0, depth: 8, samples: [1, 2, 3, 4] };

/** A PNG of chunks behind the signature. */
const png = (...chunks: readonly Uint8Array[]): Uint8Array => join(signature, ...chunks);
const head = pngHeader(grey);
const data = chunk('IDAT', deflateSync(Uint8Array.of(0, 1, 2, 0, 3, 4)));
const end = chunk('IEND', []);
const changed = (bytes: Uint8Array, at: number, value: number): Uint8Array =>
  bytes.map((byte, i) => (i === at ? value : byte));

describe('readImage refuses PNG, with file, byte and reason', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing but a signature', png(), /^photo, byte 8: expected a chunk IEND, found the end/],
    [
      'a chunk cut off',
      png(head, data).subarray(0, -1),
      /^photo, byte 33: expected a chunk IDAT of \d+ bytes/,
    ],
    ['no end', png(head, data), /byte \d+: expected a chunk IEND, found the end of the file/],
    [
      'a wrong checksum',
      changed(png(head, data, end), 45, 99),
      /^photo, byte 33: expected checksum .*damaged/,
    ],
    [
      'a chunk type of other bytes',
      png(head, chunk('I AT', [])),
      /byte 33: expected a chunk type of four letters/,
    ],
    [
      'an unknown critical chunk',
      png(head, chunk('IXYZ', []), data, end),
      /byte 33: expected a critical chunk/,
    ],
    ['no header first', png(data, end), /byte 8: expected a chunk IHDR of 13 bytes, found IDAT/],
    ['a header twice', png(head, head, data, end), /byte 33: expected one chunk IHDR/],
    ['a width of 0', png(pngHeader({ ...grey, width: 0 }), data, end), /byte 16: .*above 0, found 0 x 2/],
    [
      'a huge size',
      png(pngHeader({ ...grey, width: 2 ** 31, height: 2 ** 31 }), data, end),
      /byte 16: expected at most 67108864 pixels \(the option maxPixels\)/,
    ],
    [
      'a size that its data cannot hold',
      png(pngHeader({ ...grey, width: 8000, height: 8000 }), data, end),
      /byte 33: expected packed data of 8000 x 8000 pixels, found \d+ bytes, which cannot hold them/,
    ],
    ['a depth of 3', png(pngHeader({ ...grey, depth: 3 as 4 }), data, end), /byte 24: .*1, 2, 4, 8, 16/],
    ['16 bits of palette', png(pngHeader({ ...grey, colourType: 3, depth: 16 }), data, end), /byte 24: /],
    [
      'colour type 1',
      png(pngHeader({ ...grey, colourType: 1 as 2 }), data, end),
      /byte 25: expected a colour type/,
    ],
    ['no data', png(head, end), /byte 33: expected a chunk IDAT, found IEND/],
    [
      'data in two places',
      png(head, data, chunk('tEXt', [1]), data, end),
      /expected all chunks IDAT in a row, found one behind tEXt/,
    ],
    [
      'no palette',
      png(pngHeader({ ...grey, colourType: 3 }), data, end),
      /expected a chunk PLTE, found none/,
    ],
    ['a palette in grey', png(head, chunk('PLTE', [1, 2, 3]), data, end), /no palette in a grey image/],
    [
      'a palette too long',
      png(pngHeader({ ...grey, colourType: 3, depth: 1 }), chunk('PLTE', new Uint8Array(9)), data, end),
      /expected a palette of 1 to 2 colours of 3 bytes, found 9/,
    ],
    ['a tRNS of wrong length', png(head, chunk('tRNS', [1]), data, end), /expected a tRNS of 2 bytes/],
    [
      'a tRNS behind the data',
      png(head, data, chunk('tRNS', [0, 1]), end),
      /one chunk tRNS in front of IDAT/,
    ],
    ['data that is not packed', png(head, chunk('IDAT', [1, 2, 3]), end), /byte 33: expected packed data/],
    [
      'data cut off',
      png(head, chunk('IDAT', deflateSync(new Uint8Array(6)).subarray(0, 5)), end),
      /expected packed data of 2 x 2 pixels, 6 bytes, found/,
    ],
    [
      'too little data',
      png(head, chunk('IDAT', deflateSync(new Uint8Array(5))), end),
      /expected 6 bytes .*found 5/,
    ],
    [
      'a bomb',
      png(head, chunk('IDAT', deflateSync(new Uint8Array(1 << 24))), end),
      /expected packed data of 2 x 2 pixels, 6 bytes, found more than 6 bytes/,
    ],
    [
      'a filter that does not exist',
      png(head, chunk('IDAT', deflateSync(Uint8Array.of(0, 1, 2, 5, 3, 4))), end),
      /a filter from 0 to 4 at byte 3 of the unpacked data, found 5/,
    ],
    [
      'a colour beyond the palette',
      encodePng({ ...grey, colourType: 3, palette: [1, 2, 3, 4, 5, 6] }),
      /a colour from 0 to 1 of the palette at pixel 1, found 2/,
    ],
  ])('%s', async (_, bytes, message) => {
    await expect(readImage(bytes, { name: 'photo' })).rejects.toThrow(FormatError);
    await expect(readImage(bytes, { name: 'photo' })).rejects.toThrow(message);
  });

  test('more pixels than the caller wants', async () => {
    await expect(readImage(encodePng(grey), { maxPixels: 3 })).rejects.toThrow('at most 3 pixels');
    expect((await readImage(encodePng(grey), { maxPixels: 4 })).width).toBe(2);
  });
});

describe('inflate', () => {
  test('the way of browsers gives what the way of Node gives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
        const packed = deflateSync(bytes);
        expect((await inflate([packed], bytes.length)).data).toEqual(bytes);
        expect(await inflateInBrowser(packed, bytes.length)).toEqual({ data: bytes, problem: null });
      }),
      { numRuns: 50 },
    );
  });

  test('the way of browsers stops at a bomb and tells of damage', async () => {
    const bomb = deflateSync(new Uint8Array(1 << 24));
    expect((await inflateInBrowser(bomb, 100)).problem).toBe('more than 100 bytes');
    expect((await inflateInBrowser(Uint8Array.of(1, 2, 3), 100)).problem).not.toBeNull();
  });
});

import { readFileSync } from 'node:fs';
import jpeg from 'jpeg-js';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/errors.js';
import { upright } from '../../src/io/exif.js';
import { readImage } from '../../src/io/image.js';
import { readJpegHeader } from '../../src/io/jpeg.js';

interface Fixture {
  readonly files: { readonly [name: string]: { readonly bytes: string; readonly rgba: string } };
}

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/jpeg.json', import.meta.url), 'utf8'),
) as Fixture;
const bytesOf = (name: string): Uint8Array =>
  Uint8Array.from(Buffer.from(fixture.files[name].bytes, 'base64'));

/** The position of the first segment with a marker. */
function find(bytes: Uint8Array, marker: number): number {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0xff && bytes[i + 1] === marker) return i;
  throw new Error(`no marker ${marker.toString(16)}`);
}

function spliced(bytes: Uint8Array, at: number, remove: number, ...insert: number[]): Uint8Array {
  return Uint8Array.of(...bytes.subarray(0, at), ...insert, ...bytes.subarray(at + remove));
}

function changed(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  return spliced(bytes, at, values.length, ...values);
}

describe('readImage reads JPEG as libjpeg does', () => {
  // Chroma of 4:2:0 is spread by libjpeg with a filter and here without, so edges differ more there.
  test.each([
    ['progressive-444', 3, 3],
    ['baseline-420', 3, 16],
    ['progressive-420', 3, 16],
    ['grey', 1, 2],
    ['grey-progressive', 1, 2],
  ])('%s', async (name, channels, tolerance) => {
    const image = await readImage(bytesOf(name));
    expect(image).toMatchObject({ width: 24, height: 16, channels });
    const expected = Buffer.from(fixture.files[name].rgba, 'base64');
    let worst = 0;
    for (let p = 0; p < 24 * 16; p++)
      for (let c = 0; c < channels; c++)
        worst = Math.max(worst, Math.abs(image.data[p * channels + c] - expected[4 * p + c]));
    expect(worst).toBeLessThanOrEqual(tolerance);
  });

  test('that jpeg-js wrote, of sizes that are no multiple of 8', async () => {
    for (const [width, height] of [
      [1, 1],
      [7, 9],
      [16, 17],
    ]) {
      const data = Buffer.alloc(width * height * 4, 200);
      const image = await readImage(jpeg.encode({ width, height, data }, 95).data);
      expect(image).toMatchObject({ width, height, channels: 3 });
      expect(Math.abs(image.data[image.data.length - 1] - 200)).toBeLessThanOrEqual(2);
    }
  });

  test('upright, as EXIF says', async () => {
    const exif = (order: 'II' | 'MM', orientation: number): number[] => {
      const little = order === 'II';
      const two = (x: number) => (little ? [x, 0] : [0, x]);
      const four = (x: number) => (little ? [x, 0, 0, 0] : [0, 0, 0, x]);
      const tag = little ? [0x12, 1] : [1, 0x12];
      const tiff = [...Buffer.from(order), ...two(42), ...four(8), ...two(1), ...tag, ...two(3), ...four(1)];
      const body = [...Buffer.from('Exif\0\0'), ...tiff, ...two(orientation), 0, 0, ...four(0)];
      return [0xff, 0xe1, 0, body.length + 2, ...body];
    };
    const plain = await readImage(bytesOf('progressive-444'));
    for (const order of ['II', 'MM'] as const) {
      const image = await readImage(spliced(bytesOf('progressive-444'), 2, 0, ...exif(order, 6)));
      expect([image.width, image.height]).toEqual([16, 24]);
      // Turned a quarter clockwise: what was at the bottom left is at the top left.
      expect([...image.data.subarray(0, 3)]).toEqual([...plain.data.subarray(15 * 24 * 3, 15 * 24 * 3 + 3)]);
    }
    const odd = await readImage(spliced(bytesOf('progressive-444'), 2, 0, ...exif('II', 9)));
    expect([odd.width, odd.height]).toEqual([24, 16]);
  });

  test.each([
    [1, [1, 2, 3, 4, 5, 6]],
    [2, [3, 2, 1, 6, 5, 4]],
    [3, [6, 5, 4, 3, 2, 1]],
    [4, [4, 5, 6, 1, 2, 3]],
    [5, [1, 4, 2, 5, 3, 6]],
    [6, [4, 1, 5, 2, 6, 3]],
    [7, [6, 3, 5, 2, 4, 1]],
    [8, [3, 6, 2, 5, 1, 4]],
  ])('orientation %i', (orientation, expected) => {
    const image = { width: 3, height: 2, channels: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) } as const;
    expect([...upright(image, orientation).data]).toEqual(expected);
  });

  test('the header alone', () => {
    expect(readJpegHeader(bytesOf('progressive-420'), 'x')).toMatchObject({
      width: 24,
      height: 16,
      progressive: true,
      orientation: 1,
    });
  });
});

describe('readImage refuses JPEG, with file, byte and reason', () => {
  const file = bytesOf('baseline-420');
  const frame = find(file, 0xc0);
  const scan = find(file, 0xda);
  test.each<[string, Uint8Array, RegExp]>([
    ['a start alone', file.subarray(0, 3), /^photo, byte 2: expected a marker, found the end/],
    ['a segment cut off', file.subarray(0, frame + 6), /expected a segment 0x.. within the file/],
    ['no end', file.subarray(0, -2), /expected a marker, found the end of the file/],
    ['half of the data', file.subarray(0, scan + 20), /expected a marker, found the end of the file/],
    [
      'bytes between segments',
      spliced(file, frame, 0, 1, 2),
      /byte \d+: expected a marker \(0xff\), found 0x01/,
    ],
    ['a segment of length 0', changed(file, 4, 0, 0), /byte 4: expected a segment .* a length of 0/],
    ['a lossless frame', changed(file, frame + 1, 0xc3), /expected a baseline .*found one that is lossless/],
    ['arithmetic coding', changed(file, frame + 1, 0xc9), /found one that is arithmetic coded/],
    ['12 bits a sample', changed(file, frame + 4, 12), /expected 8 bits a sample, found 12/],
    ['a height of 0', changed(file, frame + 5, 0, 0), /above 0, found 24 x 0/],
    ['a huge size', changed(file, frame + 5, 0xff, 0xff, 0xff, 0xff), /at most 67108864 pixels/],
    ['a size its data cannot hold', changed(file, frame + 5, 0x1f, 0xff, 0x1f, 0xff), /cannot hold them/],
    ['two components', changed(file, frame + 9, 2), /expected a frame header/],
    ['a component twice', changed(file, frame + 13, 1), /components of different names, found 1 twice/],
    ['sampling of 0', changed(file, frame + 11, 0), /sampling factors from 1 to 4, found 0 x 0/],
    ['sampling of 5', changed(file, frame + 11, 0x51), /sampling factors from 1 to 4, found 5 x 1/],
    ['a table that cannot be', changed(file, frame + 12, 4), /quantization table from 0 to 3/],
    ['a second frame', spliced(file, frame, 0, ...file.subarray(frame, frame + 19)), /expected one frame/],
    ['a scan first', spliced(file, 2, 0, ...file.subarray(scan, scan + 14)), /a frame in front of its scans/],
    ['a scan of a stranger', changed(file, scan + 5, 77), /expected a component of the frame, found 77/],
    [
      'too many scans',
      spliced(file, scan, 0, ...new Array(100).fill([...file.subarray(scan, scan + 14)]).flat()),
      /expected at most 64 scans/,
    ],
    ['no scan', spliced(file, scan, file.length - scan, 0xff, 0xd9), /expected a frame and a scan/],
    ['no tables', spliced(file, find(file, 0xc4), scan - find(file, 0xc4)), /found what does not decode/],
    [
      'another format',
      Uint8Array.from(Buffer.from('GIF89a')),
      /byte 0: expected a PNG or JPEG image, found bytes 47 49/,
    ],
    ['nothing', new Uint8Array(0), /found an empty file/],
  ])('%s', async (_, bytes, message) => {
    await expect(readImage(bytes, { name: 'photo' })).rejects.toThrow(FormatError);
    await expect(readImage(bytes, { name: 'photo' })).rejects.toThrow(message);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentError, FileError } from '../../src/base/errors.js';
import { type Image, readImageFile } from '../../src/io/image.js';
import { convertImage, imageToTensor, resizeImage } from '../../src/io/image-ops.js';

const image = (width: number, height: number, channels: Image['channels'], ...data: number[]): Image => ({
  width,
  height,
  channels,
  data: Uint8Array.from(data),
});

describe('resizeImage', () => {
  test.each<[string, Image, number, number, number[]]>([
    ['averages areas', image(4, 2, 1, 0, 10, 20, 30, 40, 50, 60, 70), 2, 1, [25, 45]],
    ['weighs pixels that lie across', image(3, 1, 1, 0, 90, 180), 2, 1, [30, 150]],
    ['interpolates between centres', image(2, 1, 1, 0, 100), 4, 1, [0, 25, 75, 100]],
    ['repeats a single pixel', image(1, 1, 3, 1, 2, 3), 2, 2, [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]],
    ['treats axes apart', image(1, 4, 1, 0, 100, 200, 100), 2, 2, [50, 50, 150, 150]],
    ['keeps channels apart', image(2, 1, 2, 0, 255, 100, 255), 1, 1, [50, 255]],
  ])('%s', (_, source, width, height, expected) => {
    const out = resizeImage(source, width, height);
    expect(out).toMatchObject({ width, height, channels: source.channels });
    expect([...out.data]).toEqual(expected);
  });

  const size = fc.integer({ min: 1, max: 40 });
  test('keeps an even colour, and never leaves the range of its input', () => {
    fc.assert(
      fc.property(size, size, size, size, fc.nat(255), fc.nat(255), (w, h, w2, h2, a, b) => {
        const data = Uint8Array.from({ length: w * h }, (_, i) => (i % 3 === 0 ? a : b));
        const out = resizeImage({ width: w, height: h, channels: 1, data }, w2, h2);
        expect(out.data.length).toBe(w2 * h2);
        expect(Math.min(...out.data)).toBeGreaterThanOrEqual(Math.min(...data));
        expect(Math.max(...out.data)).toBeLessThanOrEqual(Math.max(...data));
      }),
    );
  });

  test('refuses sizes and images that cannot be', () => {
    expect(() => resizeImage(image(1, 1, 1, 0), 0, 1)).toThrow(ArgumentError);
    expect(() => resizeImage(image(1, 1, 1, 0), 1, 1.5)).toThrow('height is an integer');
    expect(() => resizeImage(image(2, 1, 1, 0), 1, 1)).toThrow('has 2 bytes, got 1');
  });
});

describe('convertImage', () => {
  test.each<[string, Image, 1 | 3, number[]]>([
    [
      'colours to luma (BT.601)',
      image(4, 1, 3, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255),
      1,
      [76, 150, 29, 255],
    ],
    ['grey to colours', image(2, 1, 1, 7, 9), 3, [7, 7, 7, 9, 9, 9]],
    [
      'transparent pixels to white',
      image(2, 1, 4, 10, 20, 30, 0, 10, 20, 30, 255),
      3,
      [255, 255, 255, 10, 20, 30],
    ],
    ['half transparent grey to its half', image(1, 1, 2, 55, 51), 1, [215]],
    ['nothing where nothing is asked', image(1, 1, 1, 55), 1, [55]],
  ])('%s', (_, source, channels, expected) => {
    const out = convertImage(source, channels);
    expect(out.channels).toBe(channels);
    expect([...out.data]).toEqual(expected);
  });

  test('over another background', () => {
    expect([...convertImage(image(1, 1, 2, 200, 0), 1, { background: 0 }).data]).toEqual([0]);
  });
});

describe('imageToTensor', () => {
  test('is [channels, height, width] from 0 to 1', () => {
    const t = imageToTensor(image(2, 1, 3, 0, 51, 255, 102, 153, 204));
    expect(t.shape).toEqual([3, 1, 2]);
    expect(t.dtype).toBe('float32');
    const flat = [0, 102, 51, 153, 255, 204].map((x) => Math.fround(x / 255));
    expect([...t.dataSync()]).toEqual(flat);
  });
});

test('readImageFile says which file is missing', async () => {
  await expect(readImageFile('/nowhere/x.png')).rejects.toThrow(FileError);
  await expect(readImageFile('/nowhere/x.png')).rejects.toThrow('cannot read /nowhere/x.png');
});

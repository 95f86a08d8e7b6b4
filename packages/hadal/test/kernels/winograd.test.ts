/** Convolutions by Winograd's algorithm: where it runs, how exact it is, and what it may not depend on. */
import { afterEach, describe, expect, it } from 'vitest';
import { convAttributes, winogradAttributes } from '../../src/base/attributes.js';
import { conv } from '../../src/graph/ops/conv.js';
import { winograd, winogradGrad } from '../../src/graph/ops/winograd.js';
import type { Tensor } from '../../src/index.js';
import { compile, config, explain, functional as F, fromTypedArray, scan, zeros } from '../../src/index.js';
import { STREAMED_BYTES } from '../../src/kernel/l2.js';
import type { Workspace } from '../../src/tensor/workspace.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

type Make = (i: number, random: () => number) => number;

/** Uniform in (-1, 1), the same in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  };
}

function filled(seed: number, shape: readonly number[], make: Make = (_, random) => random()): Tensor {
  const random = generator(seed);
  const count = shape.reduce((a, b) => a * b, 1);
  return fromTypedArray(
    Float32Array.from({ length: count }, (_, i) => make(i, random)),
    [...shape],
  );
}

/** How many kernels the last run took, and how many of them ran by Winograd's algorithm. */
function kernelsOf({ engine }: Workspace): readonly [all: number, winograd: number] {
  const { plan } = engine.explainLast();
  const count = (pattern: RegExp): number => plan.match(pattern)?.length ?? 0;
  return [count(/kernel \S+:/g), count(/: winograd(Grad)? /g)];
}

function runsByWinograd(space: Workspace, make: () => Tensor): boolean {
  make().dataSync();
  return kernelsOf(space)[1] > 0;
}

/** [samples, channels, features, height, width, padding] */
const shapes = [
  [2, 32, 32, 16, 16, 1],
  [1, 64, 48, 8, 8, 1],
  [3, 16, 32, 26, 26, 0],
  [2, 16, 32, 13, 9, 1],
  [1, 32, 32, 30, 17, 2],
  [5, 64, 32, 7, 7, 1],
  [2, 80, 48, 14, 11, 1],
  [16, 96, 48, 4, 4, 1],
  [1, 32, 16, 9, 100, 1],
] as const;

const distributions: readonly (readonly [name: string, make: Make])[] = [
  ['of one size', (_, random) => random()],
  ['of which half are zero', (_, random) => Math.max(0, random())],
  ['of sizes from 1e-4 to 1e4', (_, random) => random() * 10 ** (4 * random())],
  ['that are all large but for some', (i, random) => (i % 7 === 0 ? random() * 1e-3 : 1e6 + random())],
];

/** The largest of each tile of 4x4, at all of its places. */
function overTiles(x: Float64Array, [, , height, width]: readonly number[]): Float64Array {
  const out = new Float64Array(x.length);
  const place = (image: number, row: number, column: number): number =>
    (image * height + row) * width + column;
  for (let i = 0; i < x.length; i++) {
    const [column, row, image] = [i % width, Math.floor(i / width) % height, Math.floor(i / width / height)];
    for (let r = row - (row % 4); r < Math.min(height, row - (row % 4) + 4); r++)
      for (let c = column - (column % 4); c < Math.min(width, column - (column % 4) + 4); c++)
        out[i] = Math.max(out[i], x[place(image, r, c)]);
  }
  return out;
}

/** The largest error in terms of the sum of magnitudes of the products in a tile. */
function relativeError(got: Tensor, exact: Tensor, magnitudes: Tensor): number {
  const [a, b] = [got.dataSync() as Float32Array, exact.dataSync() as Float64Array];
  const scale = overTiles(magnitudes.dataSync() as Float64Array, got.shape);
  return a.reduce((worst, x, i) => Math.max(worst, Math.abs(x - b[i]) / scale[i]), 0);
}

const compiled = ['wasm', 'native AVX-512', 'native AVX2'] as const;

afterEach(() => {
  config.winograd = true;
});

forEachEngine(
  'convolutions of 3x3 kernels',
  (space) => {
    const run = <T>(body: () => T): T => withWorkspace(space, body);

    describe.each(distributions)('of numbers %s', (_, make) => {
      it.each(shapes)(
        '%d images of %d to %d channels, %d x %d padded by %d',
        (samples, channels, features, height, width, padding) => {
          run(() => {
            const x = filled(1, [samples, channels, height, width], make);
            const w = filled(2, [features, channels, 3, 3]);
            const y = F.conv2d(x, w, null, { padding });
            y.dataSync();
            expect(kernelsOf(space)[1]).toBe(1);
            const [wide, kernel] = [x.to('float64'), w.to('float64')];
            const exact = F.conv2d(wide, kernel, null, { padding });
            const magnitudes = F.conv2d(wide.abs(), kernel.abs(), null, { padding });
            expect(relativeError(y, exact, magnitudes)).toBeLessThan(2e-6);

            const back = F.convTranspose2d(y, w, null, { padding });
            back.dataSync();
            expect(kernelsOf(space)[1]).toBe(1);
            const from = y.detach().to('float64');
            const exactBack = F.convTranspose2d(from, kernel, null, { padding });
            const magnitudesBack = F.convTranspose2d(from.abs(), kernel.abs(), null, { padding });
            expect(relativeError(back, exactBack, magnitudesBack)).toBeLessThan(2e-6);
          });
        },
      );
    });

    describe.each(distributions)('of numbers %s, gradients of kernels', (_, make) => {
      it.each([
        [2, 32, 32, 16, 16, 1],
        [2, 64, 48, 16, 8, 1],
        [3, 48, 80, 9, 11, 0],
        [2, 32, 32, 30, 17, 2],
        [12, 64, 48, 7, 7, 1],
        // Tiles of several groups, of several blocks, and of several blocks in each group.
        [35, 16, 48, 14, 16, 1],
        [35, 16, 256, 14, 16, 1],
        [70, 16, 128, 14, 16, 1],
      ] as const)(
        '%d images of %d to %d channels, %d x %d padded by %d',
        (samples, channels, features, height, width, padding) => {
          run(() => {
            const x = filled(1, [samples, channels, height, width], make);
            const kernel = [features, channels, 3, 3];
            const result = [samples, features, height + 2 * padding - 2, width + 2 * padding - 2];
            const gradient = filled(2, result);
            const of = (image: Tensor, by: Tensor): Tensor => {
              const w = zeros(kernel, { dtype: image.dtype, requiresGrad: true });
              F.conv2d(image, w, null, { padding }).mul(by).sum().backward();
              if (w.grad === null) throw new Error('no gradient');
              return w.grad;
            };
            const got = of(x, gradient);
            got.dataSync();
            expect(space.engine.explainLast().plan).toMatch(/: winogradGrad /);
            const [wide, by] = [x.to('float64'), gradient.to('float64')];
            const magnitudes = of(wide.abs(), by.abs());
            expect(relativeError(got, of(wide, by), magnitudes)).toBeLessThan(2e-6);
          });
        },
      );
    });

    it.each([
      [32, 32],
      [80, 48],
    ])('of %d to %d channels give an image the same bits alone and in a batch', (channels, features) => {
      run(() => {
        const x = filled(1, [9, channels, 12, 20]);
        const w = filled(2, [features, channels, 3, 3]);
        const together = F.conv2d(x, w, null, { padding: 1 });
        for (const i of [0, 4, 8]) {
          const alone = F.conv2d(x.narrow(0, i, 1).contiguous(), w, null, { padding: 1 });
          expect(alone.dataSync()).toEqual(together.narrow(0, i, 1).contiguous().dataSync());
          expect(runsByWinograd(space, () => F.conv2d(x.narrow(0, i, 1), w, null, { padding: 1 }))).toBe(
            true,
          );
        }
      });
    });

    it('ask for the next images while they multiply, where processors can be asked', () => {
      run(() => {
        const y = F.conv2d(filled(1, [9, 32, 12, 20]), filled(2, [32, 32, 3, 3]), null, { padding: 1 });
        const { prefetches } = space.engine.backend.target;
        expect(/prefetch to load/.test(String(explain(y).code))).toBe(prefetches);
        y.dataSync();
      });
    });

    it('send large results past the caches if rows of tiles are whole lines', () => {
      run(() => {
        const streams = (width: number): boolean => {
          const images = Math.ceil(STREAMED_BYTES / (4 * 64 * 64 * width));
          const x = filled(1, [images, 16, 64, width]);
          const y = F.conv2d(x, filled(2, [64, 16, 3, 3]), null, { padding: 1 });
          const kernels = String(explain(y));
          y.dataSync();
          expect(kernelsOf(space)).toEqual([1, 1]);
          return kernels.includes('(streamed)');
        };
        expect(streams(24)).toBe(true);
        expect(streams(26)).toBe(false);
      });
    });

    it('compute what is pointwise around them in their own kernel', () => {
      run(() => {
        const [x, w, bias] = [filled(1, [2, 32, 16, 16]), filled(2, [32, 32, 3, 3]), filled(3, [32])];
        const make = (): Tensor => F.conv2d(x, w, bias, { padding: 1 }).add(x).relu();
        const got = make().dataSync() as Float32Array;
        expect(kernelsOf(space)).toEqual([1, 1]);
        const plain = F.conv2d(x, w, null, { padding: 1 }).dataSync() as Float32Array;
        const [biases, images] = [bias.dataSync() as Float32Array, x.dataSync() as Float32Array];
        got.forEach((y, i) => {
          const sum = Math.fround(Math.fround(plain[i] + biases[Math.floor(i / 256) % 32]) + images[i]);
          expect(y).toBe(Math.max(0, sum));
        });
      });
    });

    it('may be added to what they read', () => {
      run(() => {
        const w = filled(2, [32, 32, 3, 3]);
        const x = filled(1, [2, 32, 16, 16]);
        const y = F.conv2d(x, w, null, { padding: 1 }).add(x).dataSync();
        x.add_(F.conv2d(x, w, null, { padding: 1 }));
        expect(x.dataSync()).toEqual(y);
      });
    });

    it('read views', () => {
      run(() => {
        const x = filled(1, [2, 16, 16, 32]);
        const w = filled(2, [3, 3, 32, 32]);
        const [images, kernels] = [x.permute([0, 3, 1, 2]), w.permute([2, 3, 0, 1])];
        const got = F.conv2d(images, kernels, null, { padding: 1 }).dataSync();
        expect(kernelsOf(space)[1]).toBe(1);
        const wanted = F.conv2d(images.contiguous(), kernels.contiguous(), null, { padding: 1 });
        expect(got).toEqual(wanted.dataSync());
      });
    });

    it('run in compiled functions and as steps of a loop', () => {
      run(() => {
        const [x, w] = [filled(1, [2, 32, 16, 16]), filled(2, [32, 32, 3, 3])];
        const step = (images: Tensor): Tensor => F.conv2d(images, w, null, { padding: 1 }).tanh();
        const wanted = step(step(x)).dataSync() as Float32Array;
        const twice = compile((images: Tensor) => step(step(images)));
        for (let i = 0; i < 3; i++) expect(twice(x).dataSync()).toEqual(wanted);
        const steps = scan((images: Tensor, _: Tensor) => [step(images), null] as const, x, filled(3, [2]));
        const looped = steps.carry;
        const got = looped.dataSync() as Float32Array;
        wanted.forEach((y, i) => expect(Math.abs(got[i] - y)).toBeLessThan(1e-4));
      });
    });

    it('spread NaN over its tiles, and no further; direct sums do not', () => {
      run(() => {
        const w = filled(2, [32, 32, 3, 3]);
        const x = filled(1, [1, 32, 16, 16], (i, random) => (i === 5 * 16 + 6 ? Number.NaN : random()));
        const where = (): number[] => {
          const y = F.conv2d(x, w, null, { padding: 1 }).dataSync() as Float32Array;
          return [...y.slice(0, 256)].flatMap((v, i) => (Number.isNaN(v) ? [i] : []));
        };
        const tile = [4, 5, 6, 7].flatMap((row) => [4, 5, 6, 7].map((column) => row * 16 + column));
        const found = where();
        expect(found).toEqual(expect.arrayContaining(tile.filter((i) => i % 16 >= 5 && i < 7 * 16)));
        expect(found.every((i) => Math.floor(i / 16) < 12 && i % 16 < 12)).toBe(true);
        config.winograd = false;
        expect(where()).toEqual([4, 5, 6].flatMap((row) => [5, 6, 7].map((column) => row * 16 + column)));
      });
    });

    it('are direct sums where that is asked for, the same as before', () => {
      run(() => {
        const [x, w] = [filled(1, [2, 32, 16, 16]), filled(2, [32, 32, 3, 3])];
        const make = (): Tensor => F.conv2d(x, w, null, { padding: 1 });
        expect(runsByWinograd(space, make)).toBe(true);
        config.winograd = false;
        expect(runsByWinograd(space, make)).toBe(false);
        config.winograd = true;
        expect(runsByWinograd(space, make)).toBe(true);
      });
    });

    it.each([
      ['of step 2', [2, 32, 16, 16], [32, 32, 3, 3], { stride: 2, padding: 1 }],
      ['with gaps', [2, 32, 16, 16], [32, 32, 3, 3], { dilation: 2, padding: 2 }],
      ['of groups', [2, 32, 16, 16], [32, 16, 3, 3], { groups: 2, padding: 1 }],
      ['of other kernels', [2, 32, 16, 16], [32, 32, 5, 5], { padding: 2 }],
      ['of channels that fill no vector', [2, 24, 16, 16], [32, 24, 3, 3], { padding: 1 }],
      ['of one small image', [1, 256, 4, 4], [256, 256, 3, 3], { padding: 1 }],
      ['of rows that fill no vector', [64, 32, 3, 5], [32, 32, 3, 3], { padding: 0 }],
    ] as const)('%s are direct sums', (_, image, kernel, options) => {
      run(() => {
        const [x, w] = [filled(1, image), filled(2, kernel)];
        expect(runsByWinograd(space, () => F.conv2d(x, w, null, options))).toBe(false);
      });
    });
  },
  compiled,
);

describe('what winograd means', () => {
  const arraysOf = (seed: number) => {
    const random = generator(seed);
    return (shape: readonly number[]) => ({
      shape,
      dtype: 'float32' as const,
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, random),
    });
  };
  const one = [1, 1];
  const dims = {
    strides: one,
    low: [1, 0],
    high: [1, 1],
    lhsDilation: one,
    rhsDilation: one,
    featureGroups: 1,
    batchGroups: 1,
  };

  it.each([false, true])('is a convolution, of a kernel that is turned: %s', (isTurned) => {
    const array = arraysOf(3);
    const [x, w] = [array([2, 3, 5, 6]), array(isTurned ? [3, 4, 3, 3] : [4, 3, 3, 3])];
    const shape = [2, 4, 5, 5];
    const got = winograd.reference([x, w], winogradAttributes({ low: [1, 0], isTurned }), shape, 'float32');
    const kernel = { ...w, shape: [4, 3, 3, 3], data: new Float32Array(w.data.length) };
    for (let f = 0; f < 4; f++)
      for (let c = 0; c < 3; c++)
        for (let t = 0; t < 9; t++)
          kernel.data[(f * 3 + c) * 9 + t] = isTurned
            ? w.data[(c * 4 + f) * 9 + 8 - t]
            : w.data[(f * 3 + c) * 9 + t];
    expect(got).toEqual(conv.reference([x, kernel], convAttributes(dims), shape, 'float32'));
  });

  it.each([1, 2, 3])('is the gradient of a kernel, of %d groups of tiles', (groups) => {
    const array = arraysOf(5);
    const [x, g] = [array([2, 3, 5, 6]), array([2, 4, 5, 5])];
    const attributes = winogradAttributes({ low: [1, 0], isTurned: false });
    const parts = winogradGrad.reference([x, g], attributes, [groups, 4, 3, 3, 3], 'float32');
    const size = parts.length / groups;
    const ofGroup = (group: number): number[] =>
      Array.from(parts.slice(group * size, (group + 1) * size), Number);
    const got = ofGroup(0).map((_, i) =>
      Array.from({ length: groups }, (_x, group) => ofGroup(group)[i]).reduce((sum, x) => sum + x),
    );
    for (let group = 0; group < groups; group++) expect(ofGroup(group).some((v) => v !== 0)).toBe(true);
    const swapped = (a: typeof x): typeof x => {
      const [n, c, height, width] = a.shape;
      const size = height * width;
      const data = Float32Array.from(a.data, (_, i) => {
        const [image, rest] = [Math.floor(i / size), i % size];
        return a.data[((image % n) * c + Math.floor(image / n)) * size + rest];
      });
      return { ...a, shape: [c, n, height, width], data };
    };
    const wanted = conv.reference([swapped(x), swapped(g)], convAttributes(dims), [3, 4, 3, 3], 'float32');
    for (let f = 0; f < 4; f++)
      for (let c = 0; c < 3; c++)
        for (let t = 0; t < 9; t++)
          expect(got[(f * 3 + c) * 9 + t]).toBeCloseTo(Number(wanted[(c * 4 + f) * 9 + t]), 5);
  });
});

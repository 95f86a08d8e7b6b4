/** Convolutions of few channels or features and their gradients, around the edges of images, tiles and blocks. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { ConvDims } from '../../src/base/attributes.js';
import { convShape } from '../../src/base/attributes.js';
import { functional as F, fromTypedArray, type Tensor } from '../../src/index.js';
import type { StencilShape } from '../../src/kernel/stencil/stencil.js';
import {
  denseOf,
  denseUnits,
  denseWorkspace,
  stagingOf,
  tapChunks,
} from '../../src/kernel/stencil/stencil-dense.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace, testEngines } from '../support/engines.js';
import { exactLeaf, exactNumbers } from '../support/tensors.js';

type Layer = readonly [
  samples: number,
  channels: number,
  image: readonly [number, number],
  features: number,
  kernel: readonly [number, number],
  stride: number,
  padding: number,
];

const layers: readonly Layer[] = [
  [2, 3, [20, 32], 8, [3, 3], 1, 1],
  [2, 3, [20, 32], 8, [3, 3], 2, 1],
  [1, 1, [28, 28], 32, [3, 3], 1, 0],
  [3, 3, [33, 33], 24, [3, 3], 2, 1],
  [2, 3, [40, 45], 16, [7, 7], 2, 3],
  [2, 2, [9, 16], 12, [5, 5], 1, 2],
  [2, 4, [11, 62], 64, [3, 3], 2, 1],
  [1, 3, [5, 13], 8, [2, 4], 1, 0],
  // Few features: the gradient of an image.
  [2, 32, [30, 30], 16, [3, 3], 2, 1],
  [1, 60, [4, 14], 12, [1, 2], 1, 0],
];

/** Multiples of 1/16: their sums of products are exact, whatever their order. */
function run(
  space: Workspace,
  [samples, channels, image, features, kernel, stride, padding]: Layer,
  epilogue: (y: Tensor) => Tensor,
): (number[] | null)[] {
  return withWorkspace(space, () => {
    const x = exactLeaf([samples, channels, ...image], 1);
    const w = exactLeaf([features, channels, ...kernel], 2);
    const bias = exactLeaf([features], 3);
    const y = epilogue(F.conv2d(x, w, bias, { stride, padding }));
    y.backward(fromTypedArray(exactNumbers(y.numel(), 7), y.shape));
    // Of 0 and -0 either is right.
    return [y, x.grad, w.grad, bias.grad].map((t) =>
      t === null ? null : Array.from(t.dataSync(), Number).map((v) => v + 0),
    );
  });
}

const reference = openWorkspace('reference');
if (!reference.ok) throw new Error(reference.reason);

const epilogues: { readonly [name: string]: (y: Tensor) => Tensor } = {
  plain: (y) => y,
  'cut off at 0': (y) => y.relu(),
  'in float64': (y) => y.to('float64').mul(3),
  'turned around': (y) => y.transpose(2, 3).add(1),
  'with channels last': (y) => y.permute([0, 2, 3, 1]).contiguous(),
  'of many operations': (y) =>
    y.abs().sub(y.relu().mul(2)).neg().add(1).mul(0.5).add(y).minimum(y.neg()).add(y),
};

forEachEngine(
  'convolutions of few channels',
  (space) => {
    const show = ([samples, channels, image, features, kernel, stride, padding]: Layer): string =>
      `${samples} x ${channels} x ${image} to ${features} by ${kernel}, stride ${stride}, padding ${padding}`;
    test.each(layers.map((l) => [show(l), l] as const))('%s', (_, l) => {
      expect(run(space, l, epilogues.plain)).toEqual(run(reference.space, l, epilogues.plain));
    });

    test.each(Object.keys(epilogues))('whose results are %s', (name) => {
      for (const l of [layers[0], layers[3], layers[5]])
        expect(run(space, l, epilogues[name])).toEqual(run(reference.space, l, epilogues[name]));
    });

    test('of views, with a kernel that is computed, and under another gradient', () => {
      const results = [space, reference.space].map((s) =>
        withWorkspace(s, () => {
          const [x, w] = [exactLeaf([13, 29, 2, 3], 1), exactLeaf([3, 3, 3, 8], 2)];
          const y = F.conv2d(x.permute([2, 3, 0, 1]), w.permute([3, 2, 0, 1]).mul(2), null, { padding: 1 });
          const flipped = F.conv2d(x.permute([2, 3, 0, 1]).flip([3]), w.permute([3, 2, 1, 0]).flip([2]));
          y.sum().add(flipped.mul(3).sum()).backward();
          return [y, flipped, x.grad, w.grad].map((t) => t && Array.from(t.dataSync(), Number));
        }),
      );
      expect(results[0]).toEqual(results[1]);
    });

    test('a NaN in an image stays in the windows that see it', () => {
      withWorkspace(space, () => {
        const image = new Float32Array(3 * 16 * 16);
        image[16 * 8 + 8] = Number.NaN;
        const y = F.conv2d(fromTypedArray(image, [1, 3, 16, 16]), exactLeaf([8, 3, 3, 3], 1), null, {
          padding: 1,
        });
        const found = [...(y.dataSync() as Float32Array)].flatMap((v, i) =>
          Number.isNaN(v) ? [i % 256] : [],
        );
        const rows = [7, 8, 9];
        const seen = rows.flatMap((r) => rows.map((c) => r * 16 + c));
        expect(found).toEqual(Array.from({ length: 8 }, () => seen).flat());
      });
    });
  },
  testEngines.filter((engine) => engine !== 'reference'),
);

describe('dense stencils', () => {
  const plain: ConvDims = {
    strides: [1, 1],
    low: [1, 1],
    high: [1, 1],
    lhsDilation: [1, 1],
    rhsDilation: [1, 1],
    featureGroups: 1,
    batchGroups: 1,
  };
  const of = (d: ConvDims, input: number[], kernel: number[]): StencilShape | null =>
    denseOf(input, kernel, d, convShape(input, kernel, d));

  it('are convolutions of few channels or features, and their gradients', () => {
    expect(of(plain, [2, 3, 32, 32], [16, 3, 3, 3])?.pass).toBe('dense');
    expect(of(plain, [2, 40, 32, 32], [12, 40, 2, 3])?.pass).toBe('dense');
    const gradient = { ...plain, rhsDilation: [2, 2], high: [0, 0] };
    expect(of(gradient, [3, 2, 32, 32], [16, 2, 16, 16])?.pass).toBe('denseTaps');
  });

  it('what has other templates is none', () => {
    expect(of(plain, [2, 40, 32, 32], [32, 40, 3, 3])).toBeNull();
    expect(of(plain, [2, 3, 32, 32], [10, 3, 3, 3])).toBeNull();
    expect(of(plain, [2, 3, 32, 5], [16, 3, 3, 3])).toBeNull();
    expect(of({ ...plain, low: [3, 3] }, [2, 3, 32, 32], [16, 3, 3, 3])).toBeNull();
    expect(of({ ...plain, strides: [3, 3] }, [2, 3, 48, 48], [16, 3, 3, 3])).toBeNull();
    expect(of({ ...plain, featureGroups: 3 }, [2, 3, 32, 32], [24, 1, 3, 3])).toBeNull();
    expect(of(plain, [0, 3, 32, 32], [16, 3, 3, 3])).toBeNull();
    const large = { ...plain, low: [3, 3], high: [3, 3] };
    expect(of(large, [3, 2, 32, 32], [64, 2, 32, 32])).toBeNull();
  });

  it('blocks of any size hold what their rows meet, and stay small', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 2, max: 300 }),
      fc.integer({ min: 12, max: 300 }),
      fc.integer({ min: 2, max: 7 }),
      fc.integer({ min: 1, max: 2 }),
      (channels, height, width, taps, stride) => {
        const strides = [stride, stride];
        const d = { ...plain, low: [0, 0], high: [0, 0], strides };
        if (height < taps || width < taps) return;
        const shape = of(d, [2, channels, height, width], [8, channels, taps, taps]);
        if (shape === null) return;
        const { rows, imageRows, pitch, rowStep, elements } = stagingOf(shape);
        expect(imageRows).toBe((rows - 1) * stride + taps);
        expect(stride * pitch).toBe(rowStep);
        expect(elements).toBe(channels * imageRows * rowStep);
        // The last vector of positions, moved by the last tap.
        const lastVector = Math.floor((shape.positions[1] - 1) / 16) * 16;
        expect(lastVector + Math.floor((taps - 1) / stride) + 16).toBeLessThanOrEqual(pitch);
        expect(denseUnits(shape) * rows).toBeGreaterThanOrEqual(2 * shape.positions[0]);
        expect(denseWorkspace(shape)[0]).toBe(4 * elements);
      },
    );
    fc.assert(property, { numRuns: 300, seed: 5 });
  });

  it('taps of a row are taken in chunks of at most three', () => {
    expect(tapChunks(3)).toEqual([[0, 3]]);
    expect(tapChunks(4)).toEqual([
      [0, 2],
      [2, 4],
    ]);
    for (let columns = 1; columns < 20; columns++) {
      const chunks = tapChunks(columns);
      expect(chunks.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i))).toEqual(
        Array.from({ length: columns }, (_, i) => i),
      );
      for (const [from, to] of chunks) expect(to - from).toBeLessThanOrEqual(3);
    }
  });
});

/** Depthwise convolutions, values and gradients, around the edges of vectors, of images and of what the stencil template takes. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { ConvDims } from '../../src/base/attributes.js';
import { convShape } from '../../src/base/attributes.js';
import { functional as F, fromTypedArray, type Tensor } from '../../src/index.js';
import { firstRow, rowSteps, type StencilShape, stencilOf } from '../../src/kernel/stencil/stencil.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace, testEngines } from '../support/engines.js';
import { exactLeaf, exactNumbers } from '../support/tensors.js';

interface Layer {
  readonly samples: number;
  readonly channels: number;
  readonly image: readonly number[];
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

const layer = (
  image: readonly number[],
  kernel: readonly number[],
  stride: readonly number[],
  padding: readonly number[],
  rest: Partial<Layer> = {},
): Layer => ({ samples: 2, channels: 3, image, kernel, stride, padding, dilation: [1, 1], ...rest });

const layers: readonly Layer[] = [
  ...[7, 14, 16, 17, 56].map((side) => layer([side, side], [3, 3], [1, 1], [1, 1])),
  ...[7, 14, 31, 32, 33, 66].map((side) => layer([side, side], [3, 3], [2, 2], [1, 1])),
  ...[1, 2, 3].map((side) => layer([side, side], [3, 3], [1, 1], [1, 1], { samples: 1 })),
  ...[1, 2, 3].map((side) => layer([side, side], [5, 5], [2, 2], [2, 2])),
  layer([9, 40], [5, 5], [1, 1], [2, 2]),
  layer([9, 9], [7, 7], [1, 1], [3, 3]),
  layer([20, 35], [7, 7], [1, 1], [3, 3]),
  layer([20, 35], [7, 7], [2, 2], [3, 3]),
  layer([1, 100], [1, 5], [1, 2], [0, 2]),
  layer([100, 1], [5, 1], [2, 1], [2, 0]),
  layer([12, 20], [2, 4], [2, 1], [1, 0]),
  layer([12, 20], [3, 3], [3, 3], [1, 1]),
  layer([12, 20], [1, 1], [2, 2], [0, 0]),
  layer([12, 20], [3, 3], [1, 1], [2, 2]),
  layer([4, 5], [3, 3], [1, 1], [30, 1]),
  layer([12, 20], [3, 3], [1, 1], [2, 2], { dilation: [2, 2] }),
  layer([12, 20], [3, 3], [1, 1], [1, 1], { samples: 0 }),
  layer([12, 20], [3, 3], [2, 2], [1, 1], { channels: 1 }),
];

/** Multiples of 1/16: their sums of products are exact, whatever their order. */
function run(space: Workspace, l: Layer, epilogue: (y: Tensor) => Tensor): (number[] | null)[] {
  return withWorkspace(space, () => {
    const x = exactLeaf([l.samples, l.channels, ...l.image], 1);
    const w = exactLeaf([l.channels, 1, ...l.kernel], 2);
    const bias = exactLeaf([l.channels], 3);
    const { stride, padding, dilation, channels: groups } = l;
    const y = epilogue(F.conv2d(x, w, bias, { stride, padding, dilation, groups }));
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
  'cut off at 0 and 6': (y) => y.clamp(0, 6),
  'in float64': (y) => y.to('float64').mul(3),
  'turned around': (y) => y.transpose(2, 3).add(1),
};

forEachEngine(
  'depthwise convolutions',
  (space) => {
    const show = ({ samples, channels, image, kernel, stride, padding, dilation }: Layer): string =>
      `${samples} x ${channels} x ${image} by ${kernel}, stride ${stride}, padding ${padding}, dilation ${dilation}`;
    test.each(layers.map((l) => [show(l), l] as const))('%s', (_, l) => {
      expect(run(space, l, epilogues.plain)).toEqual(run(reference.space, l, epilogues.plain));
    });

    const some = [layers[1], layers[3], layers[7], layers[10], layer([6, 50], [3, 3], [1, 1], [1, 1])];
    test.each(Object.keys(epilogues))('whose results are %s', (name) => {
      for (const l of some)
        expect(run(space, l, epilogues[name])).toEqual(run(reference.space, l, epilogues[name]));
    });

    test('over one dimension, of an image that lies the other way around', () => {
      const results = [space, reference.space].map((s) =>
        withWorkspace(s, () => {
          const x = exactLeaf([37, 2, 5], 1);
          const w = exactLeaf([5, 1, 3], 2);
          const y = F.conv1d(x.permute([1, 2, 0]), w, null, { padding: 1, groups: 5 });
          y.backward(fromTypedArray(exactNumbers(y.numel(), 7), y.shape));
          return [y, x.grad, w.grad].map((t) => (t === null ? null : Array.from(t.dataSync(), Number)));
        }),
      );
      expect(results[0]).toEqual(results[1]);
    });

    test.each([
      [2, 3, [9, 40], 1],
      [4, 1, [7, 7], 2],
      [1, 5, [12, 17], 2],
      [3, 4, [6, 17], 1],
      [3, 8, [6, 17], 1],
      [8, 8, [5, 7], 1],
      [16, 2, [6, 33], 1],
    ] as const)('groups of %i channels and %i features', (channels, features, image, stride) => {
      const results = [space, reference.space].map((s) =>
        withWorkspace(s, () => {
          const x = exactLeaf([2, 3 * channels, ...image], 1);
          const w = exactLeaf([3 * features, channels, 3, 3], 2);
          const y = F.conv2d(x, w, null, { padding: 1, groups: 3, stride });
          y.backward(fromTypedArray(exactNumbers(y.numel(), 7), y.shape));
          return [y, x.grad, w.grad].map((t) => t && Array.from(t.dataSync(), Number).map((v) => v + 0));
        }),
      );
      expect(results[0]).toEqual(results[1]);
    });

    test('numbers beyond the image, and infinite ones in it, stay where they are', () => {
      withWorkspace(space, () => {
        const image = new Float32Array(2 * 5 * 5);
        image.fill(Number.POSITIVE_INFINITY, 25);
        const [x, w] = [fromTypedArray(image, [1, 2, 5, 5]), exactLeaf([2, 1, 3, 3], 1)];
        const y = F.conv2d(x, w, null, { padding: 1, groups: 2 });
        expect([...(y.dataSync() as Float32Array)].slice(0, 25).every((v) => v === 0)).toBe(true);
      });
    });
  },
  testEngines.filter((engine) => engine !== 'reference'),
);

describe('steps of rows', () => {
  const plain: ConvDims = {
    strides: [1, 1],
    low: [1, 1],
    high: [1, 1],
    lhsDilation: [1, 1],
    rhsDilation: [1, 1],
    featureGroups: 4,
    batchGroups: 1,
  };
  const shapeOf = (d: ConvDims, input: number[], kernel: number[]): StencilShape | null =>
    stencilOf(input, kernel, d, convShape(input, kernel, d));

  it('those at the edges are written out', () => {
    const shape = shapeOf(plain, [2, 4, 56, 56], [4, 1, 3, 3]);
    if (shape === null) throw new Error('no stencil');
    expect(rowSteps(shape)).toEqual({
      from: -2,
      first: [
        { reads: [false], writes: [false] },
        { reads: [true], writes: [false] },
      ],
      last: [{ reads: [false], writes: [true] }],
    });
  });

  it('every row is read once and written once, in order', () => {
    const sizes = fc.integer({ min: 1, max: 9 });
    const pass = fc.constantFrom('slide', 'spread', 'taps');
    const property = fc.property(
      pass,
      sizes,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 2 }),
      (which, rows, taps, stride, low) => {
        const positions = Math.floor((rows + 2 * low - taps) / stride) + 1;
        if (positions < 1) return;
        const window: ConvDims = { ...plain, low: [low, 0], high: [low, 0] };
        const extra = (rows + 2 * low - taps) % stride;
        const shape = {
          slide: () => shapeOf({ ...window, strides: [stride, 1] }, [2, 4, rows, 8], [4, 1, taps, 1]),
          spread: () =>
            shapeOf(
              {
                ...window,
                low: [taps - 1 - low, 0],
                high: [taps - 1 - low + extra, 0],
                lhsDilation: [stride, 1],
              },
              [2, 4, positions, 8],
              [4, 1, taps, 1],
            ),
          taps: () =>
            shapeOf(
              {
                ...window,
                high: [low - extra, 0],
                rhsDilation: [stride, 1],
                featureGroups: 1,
                batchGroups: 4,
              },
              [4, 2, rows, 8],
              [4, 2, positions, 8],
            ),
        }[which]();
        // With steps of 1 a gradient by the image is a convolution itself.
        if (shape?.pass !== which) return;
        const { from, first, last } = rowSteps(shape);
        const end =
          shape.pass === 'spread' ? Math.max(positions, Math.ceil((rows + low) / stride)) : positions;
        const met: number[] = [];
        const whole = { reads: [], writes: [] };
        for (let step = from; step < end; step++) {
          const edge =
            step - from < first.length
              ? first[step - from]
              : step >= end - last.length
                ? last[step - end + last.length]
                : whole;
          for (let q = 0; q < shape.strides[0]; q++) {
            const row = stride * step + firstRow(shape, q);
            const flags: readonly boolean[] = shape.pass === 'spread' ? edge.writes : edge.reads;
            if (flags[q] ?? true) met.push(row);
          }
        }
        // Rows that no window reaches are not read; every row of a gradient is written.
        const reached =
          shape.pass === 'spread' ? rows : Math.min(rows, stride * (positions - 1) + taps - low);
        expect(met).toEqual(Array.from({ length: reached }, (_, i) => i));
      },
    );
    fc.assert(property, { numRuns: 400, seed: 11 });
  });

  it('what has other templates is none', () => {
    expect(shapeOf({ ...plain, rhsDilation: [2, 2] }, [2, 4, 9, 9], [4, 1, 3, 3])).toBeNull();
    expect(shapeOf({ ...plain, low: [3, 3] }, [2, 4, 9, 9], [4, 1, 3, 3])).toBeNull();
    expect(shapeOf({ ...plain, featureGroups: 1 }, [2, 4, 9, 9], [8, 4, 3, 3])).toBeNull();
    expect(shapeOf({ ...plain, featureGroups: 2 }, [2, 64, 9, 9], [64, 32, 3, 3])).toBeNull();
    expect(shapeOf({ ...plain, low: [4, 4] }, [2, 4, 19, 19], [4, 1, 8, 8])).toBeNull();
    expect(shapeOf(plain, [0, 4, 9, 9], [4, 1, 3, 3])).toBeNull();
  });
});

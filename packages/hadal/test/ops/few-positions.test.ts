/** Gradients of images of few positions by large kernels, with steps, padding and gaps. */
import { expect, test } from 'vitest';
import { explain, functional as F, fromTypedArray, nn, type Tensor } from '../../src/index.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace, testEngines } from '../support/engines.js';

interface Layer {
  readonly image: readonly number[];
  readonly channels: number;
  readonly features: number;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation?: readonly number[];
  readonly samples?: number;
}

const layers: readonly Layer[] = [
  { image: [4, 4], channels: 64, features: 128, kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
  { image: [3, 5], channels: 90, features: 100, kernel: [3, 3], stride: [1, 1], padding: [0, 2] },
  { image: [8, 7], channels: 64, features: 128, kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  { image: [9, 8], channels: 64, features: 128, kernel: [2, 5], stride: [3, 2], padding: [0, 1] },
  // Elements that no window meets, and windows that step over some.
  { image: [6, 6], channels: 160, features: 128, kernel: [2, 2], stride: [4, 4], padding: [0, 0] },
  { image: [9, 9], channels: 150, features: 64, kernel: [2, 4], stride: [3, 3], padding: [1, 0] },
  {
    image: [4, 4],
    channels: 64,
    features: 128,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [2, 2],
    dilation: [2, 2],
  },
  { image: [4, 4], channels: 64, features: 128, kernel: [3, 3], stride: [1, 1], padding: [1, 1], samples: 2 },
];

/** Small whole numbers: their sums of products are exact, whatever their order. */
function leaf(shape: readonly number[], seed: number): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length: n }, (_, i) => ((i * 37 + seed * 11 + (i >> 5)) % 16) - 8);
  return fromTypedArray(data, shape, { requiresGrad: true });
}

function gradient(space: Workspace, l: Layer): Float32Array {
  return withWorkspace(space, () => {
    const x = leaf([l.samples ?? 1, l.channels, ...l.image], 1);
    const w = leaf([l.features, l.channels, ...l.kernel], 2);
    const { stride, padding, dilation = [1, 1] } = l;
    const y = F.conv2d(x, w, null, { stride, padding, dilation });
    y.mul(leaf(y.shape, 3).detach()).sum().backward();
    if (x.grad === null) throw new Error('no gradient');
    return x.grad.dataSync() as Float32Array;
  });
}

const reference = openWorkspace('reference');
if (!reference.ok) throw new Error(reference.reason);

forEachEngine(
  'gradients of images of few positions',
  (space) => {
    test.each(layers.map((l) => [JSON.stringify(l), l] as const))('%s', (_, l) => {
      expect(gradient(space, l)).toEqual(gradient(reference.space, l));
    });

    test('in one dimension, and of a gradient again', () => {
      const results = [space, reference.space].map((s) =>
        withWorkspace(s, () => {
          const [x, w] = [leaf([1, 128, 9], 1), leaf([128, 128, 5], 2)];
          const y = F.conv1d(x, w, null, { padding: 2 });
          y.mul(y).sum().backward();
          return [x.grad, w.grad].map((t) => t && Array.from(t.dataSync(), Number));
        }),
      );
      expect(results[0]).toEqual(results[1]);
    });
  },
  testEngines.filter((engine) => engine !== 'reference'),
);

forEachEngine(
  'products of images of few positions',
  (space) => {
    test('read the kernel as it lies', () => {
      withWorkspace(space, () => {
        const [g, w] = [leaf([1, 128, 4, 4], 1), leaf([128, 64, 3, 3], 2)];
        const plan = String(explain(nn.grad.conv2dInput([1, 64, 4, 4], w, g, { padding: 1 })));
        expect(plan).toContain('m = v0 < 16, n = v1 < 576, k = v2 < 128');
        // Twice as many positions go the usual way.
        const [more, other] = [leaf([3, 128, 4, 4], 1), leaf([128, 64, 3, 3], 2)];
        const usual = String(explain(nn.grad.conv2dInput([3, 64, 4, 4], other, more, { padding: 1 })));
        expect(usual).not.toContain('n = v1 < 576');
      });
    });
  },
  ['native AVX-512'],
);

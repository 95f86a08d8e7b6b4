/** Convolutions and pooling of random shapes: every engine against the reference, values and gradients. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromTypedArray, type Tensor } from '../../src/index.js';
import { conv2d } from '../../src/nn/functional/convolution.js';
import { avgPool2d, maxPool2d } from '../../src/nn/functional/pooling.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace, testEngines } from '../support/engines.js';

const reference = openWorkspace('reference');
if (!reference.ok) throw new Error(reference.reason);

const size = (max: number) => fc.integer({ min: 1, max });
const pair = (max: number) => fc.tuple(size(max), size(max));

/** Wide images among them, so that rows are longer and shorter than vectors. */
const convCases = fc
  .record({
    batch: fc.integer({ min: 0, max: 3 }),
    groups: size(3),
    channels: size(4),
    features: size(5),
    kernel: pair(4),
    extra: fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 40 })),
    stride: pair(3),
    padding: fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })),
    dilation: pair(2),
    isTransposed: fc.boolean(),
    relu: fc.boolean(),
  })
  .map((c) => ({
    ...c,
    image: c.kernel.map((k, i) => (k - 1) * c.dilation[i] + 1 + c.extra[i]),
  }));

function numbers(n: number, seed: number): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => (((i * 37 + seed * 11) % 64) - 32) / 16);
}

function leaf(shape: readonly number[], seed: number): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return fromTypedArray(numbers(n, seed), shape, { requiresGrad: true });
}

/** The result and the gradients of a weighted sum of it. */
function results(space: Workspace, leaves: readonly (readonly number[])[], f: (x: Tensor[]) => Tensor) {
  return withWorkspace(space, () => {
    const x = leaves.map((shape, i) => leaf(shape, i + 1));
    const y = f(x);
    y.backward(fromTypedArray(numbers(y.numel(), 7), y.shape));
    return [y, ...x.map((t) => t.grad)].map((t) => (t === null ? null : Array.from(t.dataSync(), Number)));
  });
}

function expectNear(actual: readonly (number[] | null)[], expected: readonly (number[] | null)[]): void {
  expected.forEach((list, i) => {
    const have = actual[i];
    expect(have === null, `array ${i} is there`).toBe(list === null);
    if (list === null || have === null) return;
    const largest = list.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
    list.forEach((v, k) => {
      // Inputs are multiples of 1/16: sums are exact, whatever their order.
      expect(Math.abs(have[k] - v), `array ${i}, element ${k}: ${have[k]}, not ${v}`).toBeLessThanOrEqual(
        1e-6 * largest,
      );
    });
  });
}

const compiled = testEngines.filter((engine) => engine !== 'reference');

forEachEngine(
  'convolution of random shapes',
  (space) => {
    test('equals the reference', { timeout: 120_000 }, () => {
      fc.assert(
        fc.property(convCases, (c) => {
          const [h, w] = c.image;
          const input = [c.batch, c.channels * c.groups, h, w];
          const leaves = [
            c.isTransposed ? [input[2], input[3], input[1], input[0]] : input,
            [c.features * c.groups, c.channels, ...c.kernel],
            [c.features * c.groups],
          ];
          const f = ([x, weight, bias]: Tensor[]): Tensor => {
            const image = c.isTransposed ? x.permute([3, 2, 0, 1]) : x;
            const { stride, padding, dilation, groups } = c;
            const y = conv2d(image, weight, bias, { stride, padding, dilation, groups });
            return c.relu ? y.relu() : y;
          };
          expectNear(results(space, leaves, f), results(reference.space, leaves, f));
        }),
        { numRuns: 60, seed: 3 },
      );
    });
  },
  compiled,
);

forEachEngine(
  'pooling of random shapes',
  (space) => {
    test('equals the reference', { timeout: 120_000 }, () => {
      fc.assert(
        fc.property(
          fc.record({
            lead: pair(3),
            kernel: pair(3),
            extra: fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 36 })),
            stride: fc.option(pair(3), { nil: undefined }),
            isPadded: fc.boolean(),
            ceilMode: fc.boolean(),
            isMax: fc.boolean(),
          }),
          (c) => {
            const image = c.kernel.map((k, i) => k + c.extra[i]);
            const options = {
              ...(c.stride === undefined ? {} : { stride: c.stride }),
              padding: c.kernel.map((k) => (c.isPadded ? Math.floor(k / 2) : 0)),
              ceilMode: c.ceilMode,
            };
            const pool = c.isMax ? maxPool2d : avgPool2d;
            const f = ([x]: Tensor[]): Tensor => pool(x, c.kernel, options);
            const leaves = [[...c.lead, ...image]];
            expectNear(results(space, leaves, f), results(reference.space, leaves, f));
          },
        ),
        { numRuns: 40, seed: 5 },
      );
    });
  },
  compiled,
);

/** Gradients of images of few channels under strided convolutions: the phases of the result are one convolution. */
import { expect, it } from 'vitest';
import { explain, fromTypedArray, nn } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

interface Case {
  readonly channels: number;
  readonly features: number;
  readonly size: readonly [number, number];
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
}

const base: Case = { channels: 3, features: 5, size: [13, 18], kernel: 7, stride: 2, padding: 3, groups: 1 };
const joined: readonly Case[] = [
  base,
  // Large enough for windows that are read in place.
  { ...base, size: [16, 128], features: 13 },
  { ...base, kernel: 3, padding: 1 },
  { ...base, kernel: 2, padding: 0, channels: 2 },
  { ...base, kernel: 3, padding: 0, stride: 3, channels: 1, size: [12, 40] },
  { ...base, kernel: 5, padding: 2, channels: 4, features: 6, groups: 2 },
];
const apart: readonly Case[] = [
  // A kernel smaller than its stride leaves phases without elements; many channels fill tiles by themselves.
  { ...base, kernel: 1, padding: 0 },
  { ...base, kernel: 3, padding: 1, channels: 24 },
];

const outOf = (c: Case): number[] =>
  c.size.map((s) => Math.floor((s + 2 * c.padding - c.kernel) / c.stride) + 1);

/** Multiples of 1/16, whose sums are exact. */
function numbers(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => (((i * 37 + seed * 11) % 64) - 32) / 16);
}

/** Straight from the definition: each result position adds to what its window saw. */
function expected(c: Case, samples: number, dy: Float32Array, w: Float32Array): Float32Array {
  const [height, width] = c.size;
  const [rows, columns] = outOf(c);
  const [inGroup, outGroup] = [c.channels / c.groups, c.features / c.groups];
  const found = new Float32Array(samples * c.channels * height * width);
  for (let n = 0; n < samples; n++)
    for (let f = 0; f < c.features; f++)
      for (let i = 0; i < inGroup; i++)
        for (let y = 0; y < rows; y++)
          for (let x = 0; x < columns; x++)
            for (let ky = 0; ky < c.kernel; ky++)
              for (let kx = 0; kx < c.kernel; kx++) {
                const [iy, ix] = [y * c.stride + ky - c.padding, x * c.stride + kx - c.padding];
                if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
                const channel = Math.floor(f / outGroup) * inGroup + i;
                found[((n * c.channels + channel) * height + iy) * width + ix] +=
                  dy[((n * c.features + f) * rows + y) * columns + x] *
                  w[((f * inGroup + i) * c.kernel + ky) * c.kernel + kx];
              }
  return found;
}

forEachEngine('the gradient of a strided convolution', (workspace) => {
  const samples = 2;
  const gradient = (c: Case) => {
    const [dyShape, wShape] = [
      [samples, c.features, ...outOf(c)],
      [c.features, c.channels / c.groups, c.kernel, c.kernel],
    ];
    const of = (shape: number[], seed: number) =>
      numbers(
        shape.reduce((a, b) => a * b, 1),
        seed,
      );
    const [dy, w] = [of(dyShape, 1), of(wShape, 2)];
    const { stride, padding, groups } = c;
    const result = nn.grad.conv2dInput(
      [samples, c.channels, ...c.size],
      fromTypedArray(w, wShape),
      fromTypedArray(dy, dyShape),
      { stride, padding, groups },
    );
    return { result, want: expected(c, samples, dy, w) };
  };

  it.each([...joined, ...apart])('is the sum of what windows saw: %o', (c) => {
    withWorkspace(workspace, () => {
      const { result, want } = gradient(c);
      expect(result.dataSync()).toEqual(want);
    });
  });

  it('is one product where channels are few, else one a phase', () => {
    withWorkspace(workspace, () => {
      const products = (c: Case): number =>
        String(explain(gradient(c).result)).match(/ = (?:conv|stencil\w*) /g)?.length ?? 0;
      // Few channels a group may run on a template of their own.
      const whole = joined.filter((c) => c.groups === 1);
      expect(whole.map(products)).toEqual(whole.map(() => 1));
      expect(products({ ...base, kernel: 3, padding: 1, channels: 24 })).toBe(4);
    });
  });
});

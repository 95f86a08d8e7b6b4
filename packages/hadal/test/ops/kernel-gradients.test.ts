/** Gradients of kernels are stored in their own order by the product that computes them. */
import { expect, it } from 'vitest';
import { explain, fromTypedArray, nn } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

interface Case {
  readonly samples: number;
  readonly channels: number;
  readonly features: number;
  readonly size: readonly [number, number];
  readonly kernel: number;
  readonly stride: number;
  readonly groups: number;
}

const base: Case = { samples: 2, channels: 5, features: 7, size: [6, 9], kernel: 3, stride: 1, groups: 1 };
const cases: readonly Case[] = [
  base,
  { ...base, channels: 12, features: 33 },
  // Large enough for windows that are read in place.
  { ...base, channels: 12, features: 33, size: [24, 40] },
  { ...base, channels: 4, features: 4, samples: 1 },
  { ...base, channels: 6, features: 8, groups: 2 },
  { ...base, stride: 2, size: [11, 12], features: 40 },
  { ...base, kernel: 1, stride: 2, channels: 17, features: 35 },
];

/** Multiples of 1/16, whose sums are exact. */
function numbers(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => (((i * 37 + seed * 11) % 64) - 32) / 16);
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** Straight from the definition. */
function expected(c: Case, rows: number, columns: number, x: Float32Array, dy: Float32Array): Float32Array {
  const [height, width] = c.size;
  const [inGroup, outGroup, padding] = [c.channels / c.groups, c.features / c.groups, c.kernel >> 1];
  const found = new Float32Array(c.features * inGroup * c.kernel * c.kernel);
  found.forEach((_, at) => {
    const [kx, ky] = [at % c.kernel, Math.floor(at / c.kernel) % c.kernel];
    const [i, f] = [Math.floor(at / c.kernel ** 2) % inGroup, Math.floor(at / (c.kernel ** 2 * inGroup))];
    const channel = Math.floor(f / outGroup) * inGroup + i;
    for (let n = 0; n < c.samples; n++)
      for (let y = 0; y < rows; y++)
        for (let z = 0; z < columns; z++) {
          const [iy, ix] = [y * c.stride + ky - padding, z * c.stride + kx - padding];
          if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
          found[at] +=
            x[((n * c.channels + channel) * height + iy) * width + ix] *
            dy[((n * c.features + f) * rows + y) * columns + z];
        }
  });
  return found;
}

forEachEngine('the gradient of a kernel', (workspace) => {
  const gradient = (c: Case) => {
    const padding = c.kernel >> 1;
    const [rows, columns] = c.size.map((s) => Math.floor((s + 2 * padding - c.kernel) / c.stride) + 1);
    const xShape = [c.samples, c.channels, ...c.size];
    const dyShape = [c.samples, c.features, rows, columns];
    const [x, dy] = [numbers(product(xShape), 1), numbers(product(dyShape), 2)];
    const wShape = [c.features, c.channels / c.groups, c.kernel, c.kernel];
    const { stride, groups } = c;
    const result = nn.grad.conv2dWeight(fromTypedArray(x, xShape), wShape, fromTypedArray(dy, dyShape), {
      stride,
      padding,
      groups,
    });
    return { result, want: expected(c, rows, columns, x, dy) };
  };

  it.each(cases)('is what the definition says: %o', (c) => {
    withWorkspace(workspace, () => {
      const { result, want } = gradient(c);
      expect(result.dataSync()).toEqual(want);
    });
  });

  it('is right where it is an operand as well, of the same shape either way round', () => {
    withWorkspace(workspace, () => {
      const { result, want } = gradient({ ...base, channels: 6, features: 6 });
      const [six, nine] = [6, 9];
      const turned = result.add(result.permute([1, 0, 2, 3]).mul(2));
      const sums = Float32Array.from(want, (v, at) => {
        const [f, c, k] = [Math.floor(at / (six * nine)), Math.floor(at / nine) % six, at % nine];
        return v + 2 * want[(c * six + f) * nine + k];
      });
      expect(turned.dataSync()).toEqual(sums);
      expect(result.dataSync()).toEqual(want);
    });
  });

  it('takes no pass of its own', () => {
    withWorkspace(workspace, () => {
      const kernels = String(explain(gradient(base).result)).split('\n');
      const last = kernels.filter((line) => /^ {2}launch \d/.test(line)).at(-1);
      expect(last).toMatch(/gemm/);
    });
  });
});

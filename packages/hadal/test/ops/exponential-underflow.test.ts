/**
 * Numbers whose exponential is 0 are not multiplied down to it: processors take a hundred steps over a product below the normal
 * numbers, and scores that a mask set to minus infinity are all of that kind.
 */
import { beforeEach, expect, test, vi } from 'vitest';
import { interpretL3 } from '../../src/codegen/reference/l3-interpreter.js';
import type { Value } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import { lowerExp, lowerExp2 } from '../../src/kernel/math/index.js';

const seen = vi.hoisted(() => ({ tiny: 0 }));

vi.mock(import('../../src/codegen/reference/l3-scalar.js'), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    binary(fn, kind, a, b) {
      const result = original.binary(fn, kind, a, b);
      const isProduct = fn === 'mul' || fn === 'scale';
      const least = kind === 'f64' ? 2 ** -1022 : 2 ** -126;
      if (isProduct && typeof result === 'number' && Math.abs(result) < least && a !== 0 && b !== 0)
        seen.tiny++;
      return result;
    },
  };
});

beforeEach(() => {
  seen.tiny = 0;
});

type Lowering = (b: L3Builder, x: Value) => Value;

/** What a lowering makes of a number. */
function computed(lowering: Lowering, kind: 'f32' | 'f64', scales: boolean, x: number): number {
  const b = new L3Builder('one_number', 1, { float16: false, scales, prefetches: false });
  const [from, to] = [b.buffer(kind, 'read'), b.buffer(kind, 'write')];
  b.store(to, b.index(0), lowering(b, b.load(from, b.index(0))));
  const make = (): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> =>
    kind === 'f32' ? new Float32Array(1) : new Float64Array(1);
  const [input, output] = [make().fill(x), make().fill(-1)];
  const buffers = [input, output].map((array) => new Uint8Array(array.buffer));
  interpretL3(b.finish(), { buffers, sizes: [], scalars: [] });
  return output[0];
}

const ways: [name: string, lowering: Lowering, kind: 'f32' | 'f64', scales: boolean, least: number][] = [
  ['exp in float32', lowerExp, 'f32', false, -104],
  ['exp in float32 with scaling', lowerExp, 'f32', true, -104],
  ['exp in float64', lowerExp, 'f64', false, -745.2],
  ['exp2 in float32', lowerExp2, 'f32', false, -151],
  ['exp2 in float32 with scaling', lowerExp2, 'f32', true, -151],
];

test.each(ways)('%s', (_, lowering, kind, scales, least) => {
  for (const x of [-Infinity, -1e9, 1.01 * least]) {
    expect(computed(lowering, kind, scales, x)).toBe(0);
    expect(seen.tiny).toBe(0);
  }
  expect(computed(lowering, kind, scales, Number.NaN)).toBeNaN();
  // A result that is there, if below the normal numbers.
  expect(computed(lowering, kind, scales, 0.99 * least)).toBeGreaterThan(0);
  expect(seen.tiny).toBeGreaterThan(0);
});

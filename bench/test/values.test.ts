import { describe, expect, test } from 'vitest';
import { checkClose } from '../src/compare.js';
import { MismatchError } from '../src/errors.js';
import { classNumbers, inputSeed, uniformValues } from '../src/values.js';

describe('uniformValues', () => {
  test('are spread evenly over [-scale, scale)', () => {
    const values = uniformValues(1, 100_000, 2);
    expect(Math.min(...values.subarray(0, 50_000))).toBeGreaterThanOrEqual(-2);
    expect(Math.max(...values.subarray(0, 50_000))).toBeLessThan(2);
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(square).toBeCloseTo(4 / 3, 1);
  });

  test('differ for every round, repetition and input', () => {
    const seeds = [inputSeed(0, 0, 0), inputSeed(1, 0, 0), inputSeed(0, 1, 0), inputSeed(0, 0, 1)];
    expect(new Set(seeds.map((seed) => uniformValues(seed, 4).join())).size).toBe(4);
  });
});

test('classNumbers meet every class', () => {
  expect(new Set(classNumbers(1, 1000, 10)).size).toBe(10);
});

describe('checkClose', () => {
  const tolerance = { relative: 0.1, absolute: 0 };
  test('takes what is within the tolerance', () =>
    checkClose('x', Float32Array.of(10.5), Float32Array.of(10), tolerance));
  test.each([
    ['a difference', [12], /element 0 is 12, expected 10/],
    ['NaN', [Number.NaN], /NaN/],
    ['another length', [10, 10], /2 elements, expected 1/],
  ])('refuses %s', (_, got, message) => {
    const check = () => checkClose('x', Float32Array.from(got), Float32Array.of(10), tolerance);
    expect(check).toThrow(MismatchError);
    expect(check).toThrow(message);
  });
});

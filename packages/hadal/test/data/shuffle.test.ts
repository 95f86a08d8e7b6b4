import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shuffledIndices, Xoshiro128 } from '../../src/data/shuffle.js';

describe('Xoshiro128', () => {
  test("gives the words of the authors' C code (xoshiro128starstar.c 1.1) from state 1, 2, 3, 4", () => {
    const random = new Xoshiro128([1, 2, 3, 4]);
    const words = Array.from({ length: 8 }, () => random.next());
    expect(words).toEqual([11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849]);
  });

  test('below stays in range and reaches every value', () => {
    const random = new Xoshiro128([5, 6, 7, 8]);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[random.below(7)]++;
    // Chi-squared with 6 degrees of freedom is above 22.5 once in a thousand seeds; this seed is fixed.
    const chi2 = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chi2).toBeLessThan(22.5);
  });
});

describe('shuffledIndices', () => {
  test('is a permutation', () => {
    const size = fc.integer({ min: 0, max: 300 });
    const seed = fc.maxSafeNat();
    fc.assert(
      fc.property(size, seed, fc.nat(50), (length, s, epoch) => {
        const sorted = shuffledIndices(length, s, epoch).toSorted();
        expect(Array.from(sorted)).toEqual(Array.from({ length }, (_, i) => i));
      }),
    );
  });

  test('depends on the seed, its high bits too, and on the epoch', () => {
    const orders = [
      [0, 0],
      [0, 1],
      [1, 0],
      [2 ** 32, 0],
      [2 ** 52, 0],
    ].map(([seed, epoch]) => shuffledIndices(100, seed, epoch).join());
    expect(new Set(orders).size).toBe(orders.length);
    expect(shuffledIndices(100, 1, 3).join()).toBe(shuffledIndices(100, 1, 3).join());
  });

  test('puts each value at each place equally often', () => {
    const length = 5;
    const rounds = 20_000;
    const counts = Array.from({ length }, () => new Array<number>(length).fill(0));
    for (let epoch = 0; epoch < rounds; epoch++) {
      shuffledIndices(length, 42, epoch).forEach((value, place) => {
        counts[place][value]++;
      });
    }
    const expected = rounds / length;
    for (const count of counts.flat())
      expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });

  test('is the order that an independent implementation gives', () => {
    expect(Array.from(shuffledIndices(10, 0, 0))).toEqual([0, 7, 1, 2, 4, 3, 8, 6, 5, 9]);
    expect(Array.from(shuffledIndices(10, 123, 4))).toEqual([7, 9, 2, 8, 1, 0, 4, 6, 3, 5]);
  });
});

import { describe, expect, test } from 'vitest';
import { median, pairwiseRatios, slope, spread } from '../src/statistics.js';

describe('median', () => {
  test.each([
    [[3], 3],
    [[3, 1, 2], 2],
    [[10, 9, 1, 2], 5.5],
  ])('of %j is %d', (values, expected) => expect(median(values)).toBe(expected));

  test('of nothing is an error', () => expect(() => median([])).toThrow(RangeError));

  test('leaves its argument as it was', () => {
    const values = [2, 1];
    median(values);
    expect(values).toEqual([2, 1]);
  });
});

test('spread is least, middle and most', () =>
  expect(spread([5, 1, 3])).toEqual({ min: 1, median: 3, max: 5 }));

describe('pairwiseRatios', () => {
  test('are above 1 where the peer took longer, pair by pair', () => {
    // The median of ratios; the ratio of medians would be 1.
    expect(pairwiseRatios([1, 2, 4], [4, 1, 2])).toEqual({ min: 0.5, median: 0.5, max: 4 });
  });

  test('need as many timings of both', () => expect(() => pairwiseRatios([1], [])).toThrow(RangeError));
});

describe('slope', () => {
  test('of a line is its slope, and of noise about a level is nothing', () => {
    expect(slope([0, 1, 3], [5, 7, 11])).toBeCloseTo(2);
    expect(slope([0, 1, 2, 3], [1, -1, -1, 1])).toBeCloseTo(0);
  });

  test('needs two points', () => expect(() => slope([1], [1])).toThrow(RangeError));
});

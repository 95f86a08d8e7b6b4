import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sortByNumber } from '../../src/base/number-order.js';

describe('sortByNumber', () => {
  test('sorts, whether numbers lie close together or far apart', () => {
    const list = (max: number) => fc.uniqueArray(fc.integer({ min: -5, max }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.oneof(list(60), list(1e6)), (numbers) => {
        const items = numbers.map((number) => ({ number }));
        sortByNumber(items, ({ number }) => number);
        expect(items.map(({ number }) => number)).toEqual(numbers.toSorted((a, b) => a - b));
      }),
    );
  });
});

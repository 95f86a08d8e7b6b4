import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { IndexExpr } from '../../src/kernel/index-expr.js';
import {
  addIndex,
  clampIndex,
  constantIndex,
  divIndex,
  factorOf,
  indexKey,
  indexRange,
  indexVariables,
  modIndex,
  sameIndex,
  scaleIndex,
  variableIndex,
} from '../../src/kernel/index-expr.js';
import { indexValue, points } from '../support/index-values.js';

/** An expression next to what it should be worth. */
interface Pair {
  readonly text: string;
  readonly e: IndexExpr;
  readonly value: (v: readonly number[]) => number;
}

const sizes = [1, 2, 3, 4, 6] as const;

const leaves: fc.Arbitrary<Pair> = fc.oneof(
  fc.integer({ min: -5, max: 12 }).map((c) => ({ text: `${c}`, e: constantIndex(c), value: () => c })),
  fc.nat({ max: sizes.length - 1 }).map((d) => ({
    text: `v${d}`,
    e: variableIndex(d, sizes[d]),
    value: (v: readonly number[]) => v[d],
  })),
);

const all = points(sizes);

/** Positions are never negative where they are divided: shapes are row-major and slices stay inside. */
function nonNegative(p: Pair): Pair {
  const least = Math.min(...all.map(p.value));
  if (least >= 0) return p;
  return {
    text: `(${p.text} + ${-least})`,
    e: addIndex(p.e, constantIndex(-least)),
    value: (v) => p.value(v) - least,
  };
}

const { pair } = fc.letrec<{ pair: Pair }>((tie) => ({
  pair: fc.oneof(
    { maxDepth: 5, depthIdentifier: 'index' },
    leaves,
    fc.tuple(tie('pair'), tie('pair')).map(([a, b]) => ({
      text: `(${a.text} + ${b.text})`,
      e: addIndex(a.e, b.e),
      value: (v: readonly number[]) => a.value(v) + b.value(v),
    })),
    fc.tuple(tie('pair'), fc.integer({ min: -3, max: 6 })).map(([a, by]) => ({
      text: `${by} * ${a.text}`,
      e: scaleIndex(a.e, by),
      value: (v: readonly number[]) => a.value(v) * by + 0,
    })),
    fc.tuple(tie('pair').map(nonNegative), fc.integer({ min: 1, max: 9 })).map(([a, by]) => ({
      text: `(${a.text} / ${by})`,
      e: divIndex(a.e, by),
      value: (v: readonly number[]) => Math.floor(a.value(v) / by),
    })),
    fc.tuple(tie('pair').map(nonNegative), fc.integer({ min: 1, max: 9 })).map(([a, by]) => ({
      text: `(${a.text} % ${by})`,
      e: modIndex(a.e, by),
      value: (v: readonly number[]) => a.value(v) % by,
    })),
    fc
      .tuple(tie('pair'), fc.integer({ min: -4, max: 4 }), fc.integer({ min: 1, max: 9 }))
      .map(([a, low, size]) => ({
        text: `clamp(${a.text}, ${low}, ${size})`,
        e: clampIndex(a.e, low, size),
        value: (v: readonly number[]) => Math.min(Math.max(a.value(v) - low, 0), size - 1),
      })),
  ),
}));

const expressions = pair.map((p) => ({ ...p, toString: () => `${p.text}  =>  ${indexKey(p.e)}` }));

describe('index expressions', () => {
  test('are worth what they were made of, for all values of the variables', () => {
    fc.assert(
      fc.property(expressions, (p) => {
        expect(all.find((v) => !Object.is(indexValue(p.e, v), p.value(v)))).toBeUndefined();
      }),
      { numRuns: 2500, seed: 1 },
    );
  });

  test('lie within their range', () => {
    fc.assert(
      fc.property(expressions, (p) => {
        const range = indexRange(p.e);
        const values = all.map(p.value);
        expect(range.min).toBeLessThanOrEqual(Math.min(...values));
        expect(range.max).toBeGreaterThanOrEqual(Math.max(...values));
      }),
      { numRuns: 2500, seed: 2 },
    );
  });

  test('change with a variable by its factor, and not at all with one they do not name', () => {
    fc.assert(
      fc.property(expressions, fc.nat({ max: sizes.length - 1 }), (p, d) => {
        const factor = indexVariables(p.e).has(d) ? factorOf(p.e, d) : 0;
        if (factor === null) return;
        const other = all.find((v) => {
          const next = v.map((x, i) => (i === d ? x + 1 : x));
          return next[d] < sizes[d] && p.value(next) - p.value(v) !== factor;
        });
        expect(other).toBeUndefined();
      }),
      { numRuns: 2500, seed: 3 },
    );
  });

  test('that are called the same are the same', () => {
    fc.assert(
      fc.property(expressions, expressions, (a, b) => {
        const equal = sameIndex(a.e, b.e);
        const values = all.every((v) => a.value(v) === b.value(v));
        if (equal) expect(values).toBe(true);
        expect(sameIndex(addIndex(a.e, b.e), addIndex(b.e, a.e))).toBe(true);
      }),
      { numRuns: 800, seed: 4 },
    );
  });

  test.each<[string, IndexExpr, string]>([
    ['(4 v2 + v3) / 4', divIndex(addIndex(scaleIndex(variableIndex(2, 3), 4), variableIndex(3, 4)), 4), 'v2'],
    ['(4 v2 + v3) % 4', modIndex(addIndex(scaleIndex(variableIndex(2, 3), 4), variableIndex(3, 4)), 4), 'v3'],
    ['v3 % 4', modIndex(variableIndex(3, 4), 4), 'v3'],
    ['clamp of v3 to all of it', clampIndex(variableIndex(3, 4), 0, 4), 'v3'],
  ])('%s needs no division', (_, e, variable) => {
    expect(indexKey(e)).toBe(`0+1*${variable}`);
  });

  test('quotients and remainders of rows do not divide what lies inside of a row', () => {
    // Rows of 4 (v3) under v4 < 6 and v1 < 2: a reshape that moves the border between the two.
    const row = addIndex(scaleIndex(variableIndex(4, 6), 2), variableIndex(1, 2));
    const e = addIndex(scaleIndex(row, 4), variableIndex(3, 4));
    expect(factorOf(divIndex(e, 24), 3)).toBe(0);
    expect(factorOf(modIndex(e, 24), 3)).toBe(1);
  });

  test.each<[string, IndexExpr, (v: readonly number[]) => number]>([
    [
      '(2 - v2) / 2',
      divIndex(addIndex(scaleIndex(variableIndex(2, 3), -1), constantIndex(2)), 2),
      (v) => Math.floor((2 - v[2]) / 2),
    ],
    [
      '(2 ((9 - 3 v3) / 4)) / 3',
      divIndex(
        scaleIndex(divIndex(addIndex(scaleIndex(variableIndex(3, 4), -3), constantIndex(9)), 4), 2),
        3,
      ),
      (v) => Math.floor((2 * Math.floor((9 - 3 * v[3]) / 4)) / 3),
    ],
  ])('%s, where a variable counts down', (_, e, value) => {
    const range = indexRange(e);
    for (const v of all) {
      expect(indexValue(e, v)).toBe(value(v));
      expect(value(v)).toBeGreaterThanOrEqual(range.min);
      expect(value(v)).toBeLessThanOrEqual(range.max);
    }
  });

  test('a variable of size 1 is 0', () => {
    expect(indexKey(variableIndex(7, 1))).toBe('0');
  });
});

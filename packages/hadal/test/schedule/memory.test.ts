import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Lifetime } from '../../src/schedule/memory.js';
import { findOverlap, planArena } from '../../src/schedule/memory.js';

const lifetimes = fc.array(
  fc
    .record({ bytes: fc.nat({ max: 5000 }), from: fc.nat({ max: 12 }), length: fc.nat({ max: 6 }) })
    .map(({ bytes, from, length }): Lifetime => ({ bytes, from, to: from + length })),
  { maxLength: 40 },
);

describe('planArena', () => {
  test('never lets two values overlap that live at the same time', () => {
    fc.assert(
      fc.property(lifetimes, (values) => {
        expect(findOverlap(values, planArena(values))).toBeNull();
      }),
      { numRuns: 1000, seed: 21 },
    );
  });

  test('keeps every value inside, on a cache line of its own', () => {
    fc.assert(
      fc.property(lifetimes, (values) => {
        const plan = planArena(values);
        values.forEach((v, i) => {
          expect(plan.offsets[i] % 64).toBe(0);
          expect(plan.offsets[i] + v.bytes).toBeLessThanOrEqual(plan.bytes);
        });
      }),
      { numRuns: 500, seed: 22 },
    );
  });

  test('takes no more than without sharing, and no less than what lives at once', () => {
    fc.assert(
      fc.property(lifetimes, (values) => {
        const plan = planArena(values);
        expect(plan.bytes).toBeLessThanOrEqual(plan.unshared);
        for (let at = 0; at <= 18; at++) {
          const alive = values.filter((v) => v.from <= at && at <= v.to);
          expect(plan.bytes).toBeGreaterThanOrEqual(alive.reduce((sum, v) => sum + v.bytes, 0));
        }
      }),
      { numRuns: 500, seed: 23 },
    );
  });

  test('shares memory between values that do not meet', () => {
    const values = [0, 1, 2].map((at) => ({ bytes: 640, from: at, to: at }));
    expect(planArena(values)).toEqual({ offsets: [0, 0, 0], bytes: 640, unshared: 1920 });
  });

  test('fills a gap between larger values', () => {
    const values: Lifetime[] = [
      { bytes: 640, from: 0, to: 1 },
      { bytes: 320, from: 0, to: 0 },
      { bytes: 256, from: 0, to: 1 },
      { bytes: 320, from: 1, to: 1 },
    ];
    const plan = planArena(values);
    expect(plan.bytes).toBe(640 + 320 + 256);
    expect(plan.offsets[1]).toBe(plan.offsets[3]);
  });
});

describe('findOverlap', () => {
  test('names two values that overlap', () => {
    const values = [
      { bytes: 100, from: 0, to: 2 },
      { bytes: 10, from: 2, to: 3 },
    ];
    expect(findOverlap(values, { offsets: [0, 64], bytes: 128, unshared: 192 })).toEqual([1, 0]);
    expect(findOverlap(values, { offsets: [0, 100], bytes: 128, unshared: 192 })).toBeNull();
  });
});

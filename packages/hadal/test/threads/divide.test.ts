import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Parts } from '../../src/kernel/parts.js';
import { divide } from '../../src/kernel/parts.js';
import { oneThread } from '../../src/kernel/target.js';

const block: fc.Arbitrary<Parts> = fc.record({
  units: fc.nat(50),
  cost: fc.double({ min: 0, max: 1e6, noNaN: true }),
  divisible: fc.boolean(),
});

describe('divide', () => {
  it('deals every unit of every block out once, in order', () => {
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 9 }),
        (blocks, count) => {
          const shares = divide(blocks, { count, leastShareNs: 0 });
          expect(shares.length).toBeGreaterThan(0);
          expect(shares.length).toBeLessThanOrEqual(count);
          const dealt = shares.flat();
          blocks.forEach(({ units, divisible }, b) => {
            const mine = dealt.filter((p) => p.block === b);
            expect(mine[0].from).toBe(0);
            expect(mine[mine.length - 1].to).toBe(units);
            mine.forEach((p, i) => {
              if (i > 0) expect(p.from).toBe(mine[i - 1].to);
            });
            if (!divisible) expect(mine.length).toBe(1);
          });
          expect(dealt.map((p) => p.block)).toEqual(dealt.map((p) => p.block).sort((a, b) => a - b));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('gives shares of about equal cost', () => {
    const blocks = [1000, 10, 400, 3].map((units) => ({ units, cost: 100, divisible: true }));
    const shares = divide(blocks, { count: 4, leastShareNs: 1000 });
    const costs = shares.map((s) => s.reduce((sum, { from, to }) => sum + 100 * (to - from), 0));
    expect(costs.length).toBe(4);
    for (const cost of costs) expect(Math.abs(cost - 141_300 / 4)).toBeLessThanOrEqual(100);
  });

  it('leaves small launches to one thread, and all to one thread where there is one', () => {
    const blocks = [{ units: 100, cost: 100, divisible: true }];
    expect(divide(blocks, { count: 8, leastShareNs: 6000 })).toEqual([[{ block: 0, from: 0, to: 100 }]]);
    expect(divide(blocks, { count: 8, leastShareNs: 3000 }).length).toBe(3);
    expect(divide(blocks, oneThread).length).toBe(1);
  });
});

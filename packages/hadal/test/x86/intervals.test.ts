/** No two values that are alive at once lie in the same place, whatever the program. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocate, registerFile } from '../../src/codegen/x86/allocate.js';
import { analyse } from '../../src/codegen/x86/analysis.js';
import type { Node } from '../../src/codegen/x86/node.js';
import { nameOf } from '../../src/codegen/x86/node.js';
import { randomProgram } from './random-program.js';
import { levels } from './run.js';

/** The bytes of the frame that a spilled value takes, or its register. */
function places(n: Node, wide: number): readonly string[] {
  if (n.reg >= 0) return [`${n.cls} ${n.reg}`];
  if (!n.spilled) return [];
  const bytes = n.cls === 'vec' && n.lanes > 1 ? wide : 8;
  return Array.from({ length: bytes / 8 }, (_, i) => `stack ${n.slot + 8 * i}`);
}

describe.each(levels)('register allocation on %s', (level) => {
  const lanes = level === 'avx512' ? 16 : 8;

  it('gives each value of a random program a place of its own while it lives', () => {
    let spills = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        fc.constantFrom({ length: 25, depth: 4 }, { length: 220, depth: 1 }),
        (seed, { length, depth }) => {
          const fn = randomProgram({ seed, lanes, masks: level === 'avx512', length, depth });
          const analysis = analyse(fn, { level });
          const allocation = allocate(analysis, { level });
          spills += allocation.spills;
          const { order } = registerFile({ level });
          const taken = new Map<string, Node[]>();
          const wrong: string[] = [];
          for (const n of analysis.intervals) {
            const mine = places(n, lanes * 4);
            if (n.recompute === null && mine.length === 0) wrong.push(`${nameOf(n)} has no place`);
            const usable = order[n.cls].includes(n.reg) && (allocation.used[n.cls] & (1 << n.reg)) !== 0;
            if (n.reg >= 0 && !usable) wrong.push(`${nameOf(n)} in register ${n.reg}`);
            for (const place of mine) {
              const others = taken.get(place) ?? [];
              for (const other of others) {
                if (other.end < n.start || n.end < other.start) continue;
                wrong.push(`${nameOf(other)} and ${nameOf(n)} in ${place}`);
              }
              taken.set(place, [...others, n]);
            }
          }
          expect(wrong).toEqual([]);
        },
      ),
      { numRuns: 60, seed: 20240601 },
    );
    expect(spills).toBeGreaterThan(0);
  });
});

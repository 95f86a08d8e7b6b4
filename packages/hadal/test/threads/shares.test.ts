/** However a launch is cut into shares, every result has the same bits. Here one thread runs all shares; see pool.test.ts for more. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { wasmBackend } from '../../src/engine/select.js';
import { functional as F, fromTypedArray } from '../../src/index.js';
import { Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { compareOutcomes, sameBits } from '../support/compare.js';
import { printProgram, runProgram } from '../support/program.js';
import { programs } from '../support/random-program.js';
import { bitsOf, cases, some } from './cases.js';

function cutInto(count: number): Workspace {
  const opened = wasmBackend({ threaded: false, shares: { count, leastShareNs: 0 } });
  if (!opened.ok) throw new Error(opened.reason);
  return new Workspace(new Engine(opened.backend));
}

const spaces = [1, 2, 3, 7].map(cutInto);

describe('shares', () => {
  it.each(Object.entries(cases))('of %s give the same bits', (_, make) => {
    const [whole, ...cut] = spaces.map((space) => withWorkspace(space, () => bitsOf(make)));
    for (const bits of cut) expect(bits).toEqual(whole);
  });

  it('are made where there are units, and none crosses a store in order', () => {
    const shares = withWorkspace(spaces[3], () => {
      some(1, 400).mul(2).dataSync();
      return spaces[3].engine.explainLast().plan;
    });
    expect(shares).toMatch(/on 7 threads/);
  });

  it('of random programs give the same bits', () => {
    fc.assert(
      fc.property(
        programs(12).map((program) => ({ program, toString: () => printProgram(program) })),
        ({ program }) => {
          const [whole, ...cut] = spaces.map((space) => runProgram(space, program));
          for (const outcome of cut) expect(compareOutcomes(whole, outcome, sameBits)).toBeNull();
        },
      ),
      { numRuns: 80, seed: 20261123, endOnFailure: false, interruptAfterTimeLimit: 12_000 },
    );
  }, 40_000);

  it('say which index was out of range', () => {
    for (const space of spaces) {
      withWorkspace(space, () => {
        const at = fromTypedArray(
          BigInt64Array.from({ length: 40 }, (_, i) => (i === 5 ? 77n : 1n)),
          [40],
        );
        expect(() => F.embedding(at, some(1, 20, 12)).dataSync()).toThrow(/77/);
        expect(F.embedding(at.mul(0), some(1, 20, 12)).dataSync().length).toBe(480);
      });
    }
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bench, examine } from '../support/agreement.js';
import { printProgram } from '../support/program.js';
import { programs } from '../support/random-program.js';

describe('random programs', () => {
  const bench = new Bench();
  const skipped = bench.missing.length > 0 ? ` (without ${bench.missing.join('; ')})` : '';

  it(`give the same fused and step by step, and on all engines${skipped}`, () => {
    fc.assert(
      fc.property(
        programs(14).map((program) => ({ program, toString: () => printProgram(program) })),
        ({ program }) => {
          expect(examine(bench, program).difference).toBeNull();
        },
      ),
      { numRuns: 60, seed: 20240601, endOnFailure: false, interruptAfterTimeLimit: 15_000 },
    );
  }, 60_000);
});

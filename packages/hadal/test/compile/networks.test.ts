/** Compiled training is the same, bit by bit, as the loop that it was compiled from. */
import { describe, expect, test } from 'vitest';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { programs, runProgram } from './networks.js';

forEachEngine('compiled programs', (space) => {
  describe('give what the loop gives, bit by bit', () => {
    for (const [name, make] of Object.entries(programs)) {
      test(name, () => {
        withWorkspace(space, () => {
          const plain = runProgram(make, 6, false);
          const compiled = runProgram(make, 6, true);
          expect(compiled.log).toEqual(plain.log);
          expect(compiled.traces).toBeLessThanOrEqual(3);
        });
      });
    }
  });
});

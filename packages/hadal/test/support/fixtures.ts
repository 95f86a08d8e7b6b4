/**
 * Cases from PyTorch (`scripts/pytorch-fixtures.py generate`): programs with the values and gradients that PyTorch gives. Every case
 * is run on every engine.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { forEachEngine } from './engines.js';
import { type Case, differencesFromPyTorch } from './fixture-cases.js';
import { printProgram } from './program.js';

export { differenceFrom, type Tolerance } from './fixture-cases.js';

export function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8'));
}

/** Runs all cases of a fixture file on all engines. */
export function testAgainstPyTorch(fixture: string): void {
  const cases = readFixture(fixture) as readonly Case[];
  forEachEngine(`${fixture} as in PyTorch`, (space) => {
    test.each(cases.map((c) => [c.name, c] as const))('%s', (_, c) => {
      const found = differencesFromPyTorch(space, c);
      expect(found, `${found.join('\n')}\n${printProgram(c.program)}`).toEqual([]);
    });
  });
}

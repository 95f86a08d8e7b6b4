/**
 * Short programs of research code, in small sizes, on every engine against what PyTorch computed. `npm run programs` runs them in full
 * beside PyTorch; `-- --quick --expected bench/test/programs` writes the files anew.
 */
import { readFileSync } from 'node:fs';
import { type EngineName, engine, HadalError, setEngine } from 'hadal';
import { describe, expect, test } from 'vitest';
import { disagreement } from '../src/programs/agreement.js';
import { programs } from '../src/programs/index.js';
import { fromText } from '../src/programs/outcome.js';
import { Session } from '../src/programs/session.js';

const engines: readonly EngineName[] = ['native', 'wasm', 'reference'];

for (const engineName of engines)
  describe(`on ${engineName}`, () => {
    for (const program of programs)
      for (const how of program.compiles === true ? ['eager', 'compiled'] : ['eager'])
        test(`${program.name}, ${how}`, async ({ skip }) => {
          try {
            await setEngine(engineName);
          } catch (error) {
            if (error instanceof HadalError) skip(error.message);
            throw error;
          }
          const session = new Session('quick', how === 'compiled');
          const { step, finish } = program.start(session);
          for (let i = 0; i < program.steps.quick; i++) {
            await step(i);
            engine().realize([]);
          }
          finish?.();
          const expected = readFileSync(new URL(`./programs/${program.name}.json`, import.meta.url), 'utf8');
          expect(disagreement(session.notes, fromText(JSON.parse(expected)), program.tolerance ?? 1e-4)).toBe(
            null,
          );
        });
  });

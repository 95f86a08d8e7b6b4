/** The long run of the random programs, behind `scripts/fuzz.mjs`. */
import { closeSync, openSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import { Bench, examine } from './agreement.js';
import { encodeCase } from './json.js';
import type { Program } from './program.js';
import { printProgram } from './program.js';
import { programs } from './random-program.js';

export interface FuzzOptions {
  readonly programs: number;
  readonly seed: number;
  readonly steps: number;
  /** Stop after so many different failures. */
  readonly failures: number;
  readonly dump: string | null;
  readonly print: (line: string) => void;
}

/** Programs a run of fast-check; kernels are compiled anew in each, so that code memory does not grow without end. */
const CHUNK = 250;

/** Milliseconds for all runs of a program on all engines; more than this is worth a look at how it was planned. */
const SLOW = 3000;

/** A difference without its numbers, to tell failures apart. */
function kindOf(difference: string): string {
  return difference
    .split('\n')[0]
    .replace(/\[[^\]]*\]/g, '[]')
    .replace(/-?\d+(\.\d+)?(e[+-]?\d+)?/g, '#')
    .slice(0, 90);
}

export async function fuzz(options: FuzzOptions): Promise<number> {
  const bench = new Bench();
  for (const m of bench.missing) options.print(`not compared: ${m}`);
  const out = options.dump === null ? null : openSync(options.dump, 'w');
  const known = new Map<string, number>();
  let ran = 0;
  let failed = 0;
  for (let seed = options.seed; ran < options.programs && known.size < options.failures; seed++) {
    let shrinking = false;
    const result = fc.check(
      fc.property(programs(options.steps), (program: Program) => {
        ran++;
        const start = performance.now();
        const examined = examine(bench, program);
        const took = performance.now() - start;
        if (took > SLOW)
          options.print(`${Math.round(took)} ms for\n${printProgram(program)}\n${JSON.stringify(program)}\n`);
        if (examined.difference === null) {
          if (out !== null) writeSync(out, `${JSON.stringify(encodeCase(program, examined))}\n`);
          return;
        }
        const kind = kindOf(examined.difference);
        // A failure that is known already is not shrunk again, nor does shrinking one turn it into another.
        if (known.has(kind) ? known.get(kind) !== seed : shrinking) {
          failed++;
          return;
        }
        known.set(kind, seed);
        shrinking = true;
        throw new Error(examined.difference);
      }),
      { numRuns: Math.min(CHUNK, options.programs), seed },
    );
    if (result.failed && result.counterexample !== null) {
      failed++;
      const [program] = result.counterexample;
      options.print(
        `--- seed ${seed}: ${result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance)}`,
      );
      options.print(`${printProgram(program)}\n${JSON.stringify(program)}\n`);
    } else if ((seed - options.seed) % 4 === 3) options.print(`${ran} programs, ${failed} failed`);
    bench.renew();
    // Finalisers of native memory run between macrotasks.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (out !== null) closeSync(out);
  options.print(`${ran} programs, ${failed} failed, ${known.size} kinds of failure`);
  return failed;
}

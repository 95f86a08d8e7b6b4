/**
 * The properties that every program must have: fused or read step by step it gives the same bits on one engine, and all engines agree
 * with the reference as closely as float32 allows.
 */
import type { Workspace } from '../../src/tensor/workspace.js';
import type { Difference } from './compare.js';
import { compareOutcomes, runNoisy, sameBits, toleranceOf, within } from './compare.js';
import type { TestEngine } from './engines.js';
import { openWorkspace, testEngines } from './engines.js';
import type { Outcome, Program, Snapshot } from './program.js';
import { runProgram } from './program.js';

export interface Bench {
  readonly reference: Workspace;
  readonly others: readonly { readonly name: TestEngine; readonly space: Workspace }[];
  /** Engines that cannot run here, with the reason. */
  readonly missing: readonly string[];
}

export function openBench(): Bench {
  const spaces: { name: TestEngine; space: Workspace }[] = [];
  const missing: string[] = [];
  for (const name of testEngines) {
    const opened = openWorkspace(name);
    if (opened.ok) spaces.push({ name, space: opened.space });
    else missing.push(`${name}: ${opened.reason}`);
  }
  const [{ space: reference }, ...others] = spaces;
  return { reference, others, missing };
}

function isSnapshot(s: Outcome['snapshots'][number] | undefined): s is Snapshot {
  return s !== undefined && 'data' in s;
}

/** Errors a user can make; anything else that a program throws is a defect. */
const allowed = new Set(['AutogradError', 'StaleValueError']);

export interface Examined {
  readonly difference: Difference;
  /** What the reference engine gave, and how noise moves it. */
  readonly reference: Outcome;
  readonly noisy: readonly Outcome[];
}

export function examine(bench: Bench, program: Program): Examined {
  const reference = runProgram(bench.reference, program);
  const noisy = [1, 2].map((seed) => runNoisy(bench.reference, program, seed));
  const done = (difference: Difference): Examined => ({ difference, reference, noisy });
  if (reference.thrown && !allowed.has(reference.thrown.error.name)) {
    return done(`reference threw in step ${reference.thrown.step}: ${reference.thrown.error.stack}`);
  }
  for (const { name, space } of [{ name: 'reference', space: bench.reference }, ...bench.others]) {
    const fused = name === 'reference' ? reference : runProgram(space, program);
    const apart = runProgram(space, program, { eager: true });
    const bits = compareOutcomes(fused, apart, sameBits);
    if (bits !== null) return done(`${name}, fused against step by step: ${bits}`);
    if (name === 'reference') continue;
    const values = compareOutcomes(reference, fused, (a, b, i) => {
      const moved = noisy.map((n) => n.snapshots[i]).filter(isSnapshot);
      return moved.length < noisy.length ? null : within(a, b, toleranceOf(a, moved));
    });
    if (values !== null) return done(`reference against ${name}: ${values}`);
  }
  return done(null);
}

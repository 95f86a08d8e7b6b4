/**
 * The properties that every program must have: as a whole, in pieces or read step by step it gives the same bits on one engine, and all
 * engines agree with the reference as closely as float32 allows.
 */
import type { Workspace } from '../../src/tensor/workspace.js';
import type { Difference } from './compare.js';
import { compareOutcomes, runNoisy, sameBits, toleranceOf, within } from './compare.js';
import type { TestEngine } from './open-engines.js';
import { openWorkspace, testEngines } from './open-engines.js';
import type { Outcome, Program, Snapshot } from './program.js';
import { runProgram } from './program.js';

/** A workspace on each engine that can run here. */
export class Bench {
  readonly missing: readonly string[];
  readonly #names: readonly TestEngine[];
  #spaces = new Map<TestEngine, Workspace>();
  #inPieces = new Map<TestEngine, Workspace>();

  constructor(engines: readonly TestEngine[] = testEngines) {
    const tried = engines.map((name) => ({ name, opened: openWorkspace(name) }));
    this.#names = tried.filter((t) => t.opened.ok).map((t) => t.name);
    this.missing = tried.flatMap(({ name, opened }) => (opened.ok ? [] : [`${name}: ${opened.reason}`]));
  }

  get engines(): readonly TestEngine[] {
    return this.#names;
  }

  /** @param pieces whether its graphs run in pieces */
  space(name: TestEngine, pieces = false): Workspace {
    const spaces = pieces ? this.#inPieces : this.#spaces;
    let space = spaces.get(name);
    if (space === undefined) {
      const opened = openWorkspace(name, pieces);
      if (!opened.ok) throw new Error(opened.reason);
      space = opened.space;
      spaces.set(name, space);
    }
    return space;
  }

  /** Starts over with empty caches: after a failure, so that the next program does not stumble over what is left of it. */
  renew(): void {
    this.#spaces = new Map();
    this.#inPieces = new Map();
  }
}

function isSnapshot(s: Outcome['snapshots'][number] | undefined): s is Snapshot {
  return s !== undefined && 'data' in s;
}

/** Errors a user can make; anything else that a program throws is a defect. */
const allowed = new Set(['AutogradError', 'StaleValueError']);

/**
 * An integer was divided by 0. Elements that nobody reads are not computed by a kernel, so such a division may go unseen until the
 * program is read step by step: then every engine sees it.
 */
function dividedByZero({ thrown }: Outcome): boolean {
  return thrown?.error.name === 'ZeroDivisionError';
}

export interface Examined {
  readonly difference: Difference;
  /** What the reference engine gave, and how noise moves it. */
  readonly reference: Outcome;
  readonly noisy: readonly Outcome[];
}

export function examine(bench: Bench, program: Program): Examined {
  const result = examineOnce(bench, program);
  if (result.difference !== null) bench.renew();
  return result;
}

function examineOnce(bench: Bench, program: Program): Examined {
  const reference = runProgram(bench.space('reference'), program);
  const noisy = ([1, -1] as const).map((sign) => runNoisy(bench.space('reference'), program, sign));
  const done = (difference: Difference): Examined => ({ difference, reference, noisy });
  if (dividedByZero(reference)) {
    const blind = bench.engines.find((name) => {
      const apart = runProgram(bench.space(name), program, { eager: true });
      // A value that an update took away ends a program before it divides.
      return !dividedByZero(apart) && apart.thrown?.error.name !== 'StaleValueError';
    });
    return done(blind === undefined ? null : `${blind} did not see that the reference divided by 0`);
  }
  if (reference.thrown && !allowed.has(reference.thrown.error.name)) {
    return done(`reference threw in step ${reference.thrown.step}: ${reference.thrown.error.stack}`);
  }
  for (const name of bench.engines) {
    const space = bench.space(name);
    const fused = name === 'reference' ? reference : runProgram(space, program);
    if (fused.thrown && !allowed.has(fused.thrown.error.name)) {
      return done(`${name} threw in step ${fused.thrown.step}: ${fused.thrown.error.stack}`);
    }
    const apart = runProgram(space, program, { eager: true });
    if (dividedByZero(apart)) continue;
    const bits = compareOutcomes(fused, apart, sameBits);
    if (bits !== null) return done(`${name}, fused against step by step: ${bits}`);
    const pieces = runProgram(bench.space(name, true), program);
    const parted = dividedByZero(pieces) ? null : compareOutcomes(fused, pieces, sameBits);
    if (parted !== null) return done(`${name}, as a whole against in pieces: ${parted}`);
    if (name === 'reference') continue;
    const values = compareOutcomes(reference, fused, (a, b, i) => {
      const moved = noisy.map((n) => n.snapshots[i]).filter(isSnapshot);
      return moved.length < noisy.length ? null : within(a, b, toleranceOf(a, moved));
    });
    if (values !== null) return done(`reference against ${name}: ${values}`);
  }
  return done(null);
}

/**
 * The engine's tests in any JavaScript host: programs with what PyTorch gives for them, random programs against the reference engine,
 * and all kinds of kernels on threads against the same on one thread. Everything that a host provides comes in as an argument.
 */
import fc from 'fast-check';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { Bench, examine } from '../support/agreement.js';
import { compareOutcomes, sameBits } from '../support/compare.js';
import { type Case, differencesFromPyTorch } from '../support/fixture-cases.js';
import { printProgram, runProgram } from '../support/program.js';
import { programs } from '../support/random-program.js';
import { openThreadedWasm } from '../support/threaded-wasm.js';
import { bitsOf, cases } from '../threads/cases.js';

/** Files of cases from PyTorch, values and gradients. */
export const fixtures = [
  ...[
    'activations',
    'arithmetic',
    'attention',
    'convolution',
    'dtypes',
    'elementwise',
    'embedding',
    'functional',
  ],
  ...[
    'gather',
    'in-place',
    'losses',
    'matmul',
    'movement',
    'normalization',
    'pooling',
    'promotion',
    'recurrent',
  ],
  ...['reduction', 'tensor-elementwise', 'tensor-indexing', 'tensor-products', 'tensor-reductions'],
  ...['tensor-shapes', 'tensor-sorting', 'unary'],
] as const;

export interface Tally {
  run: number;
  /** The first few failures, in words. */
  readonly failures: string[];
}

export interface Report {
  readonly shared: boolean;
  readonly relaxed: boolean;
  /** Workers that were ready when threads were compared. */
  readonly workers: number;
  readonly pytorch: Tally;
  readonly random: Tally;
  readonly threads: Tally;
  readonly seconds: number;
}

export interface Amounts {
  /** Every how-manieth case of each fixture file. */
  readonly every: number;
  readonly randomPrograms: number;
}

export const everything: Amounts = { every: 1, randomPrograms: 100 };

const MOST_FAILURES = 10;

function check(tally: Tally, name: string, differences: () => readonly string[]): void {
  tally.run++;
  let found: readonly string[];
  try {
    found = differences();
  } catch (error) {
    found = [error instanceof Error ? `${error.stack}` : String(error)];
  }
  if (found.length > 0 && tally.failures.length < MOST_FAILURES)
    tally.failures.push(`${name}: ${found.join('; ')}`);
}

function sameOnThreads(tally: Tally, one: () => unknown, many: () => unknown, name: string): void {
  check(tally, name, () => {
    const whole = JSON.stringify(one());
    for (let i = 0; i < 3; i++)
      if (JSON.stringify(many()) !== whole) return ['other bits than on one thread'];
    return [];
  });
}

/** Gives the host's event loop a turn: that is when pages start workers. */
const turn = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** @param fixture gives the contents of a file of `test/fixtures`. */
export async function runPrograms(
  fixture: (name: string) => Promise<unknown>,
  amounts: Amounts = everything,
): Promise<Report> {
  const begun = performance.now();
  const one = openThreadedWasm({ shares: { count: 1, leastShareNs: 0 } });
  const pytorch: Tally = { run: 0, failures: [] };
  for (const name of fixtures) {
    const found = (await fixture(name)) as readonly Case[];
    for (let i = 0; i < found.length; i += amounts.every) {
      const c = found[i];
      check(pytorch, `${name}: ${c.name}`, () => differencesFromPyTorch(one.space, c));
    }
    await turn(0);
  }

  const random: Tally = { run: 0, failures: [] };
  const bench = new Bench(['reference', 'wasm']);
  const drawn = fc.sample(programs(12), { numRuns: amounts.randomPrograms, seed: 20261123 });
  for (const program of drawn) {
    check(random, printProgram(program), () => {
      const { difference } = examine(bench, program);
      return difference === null ? [] : [difference];
    });
  }
  await turn(0);

  const threads: Tally = { run: 0, failures: [] };
  const three = openThreadedWasm({ shares: { count: 3, leastShareNs: 0 } });
  if (three.device.shared) {
    const until = performance.now() + 20_000;
    while (three.device.readyWorkers < 2 && performance.now() < until) {
      withWorkspace(three.space, () => bitsOf(cases['a product of odd sizes']));
      await turn(10);
    }
  }
  const workers = three.device.readyWorkers;
  for (const [name, make] of Object.entries(cases)) {
    sameOnThreads(
      threads,
      () => withWorkspace(one.space, () => bitsOf(make)),
      () => withWorkspace(three.space, () => bitsOf(make)),
      name,
    );
  }
  for (const program of drawn) {
    check(threads, printProgram(program), () => {
      const difference = compareOutcomes(
        runProgram(one.space, program),
        runProgram(three.space, program),
        sameBits,
      );
      return difference === null ? [] : [difference];
    });
  }
  return {
    shared: three.device.shared,
    relaxed: three.device.support.relaxed,
    workers,
    pytorch,
    random,
    threads,
    seconds: (performance.now() - begun) / 1000,
  };
}

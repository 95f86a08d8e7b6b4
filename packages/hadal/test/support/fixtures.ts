/**
 * Cases from PyTorch (`scripts/pytorch-fixtures.py generate`): programs with the values and gradients that PyTorch gives. Every case
 * is run on every engine.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isFloat } from '../../src/base/dtype.js';
import type { DType, TypedArray } from '../../src/index.js';
import { forEachEngine } from './engines.js';
import type { Plain, Program, Snapshot } from './program.js';
import { decode, printProgram, runProgram } from './program.js';

interface Expected extends Plain {
  readonly of: string;
}

interface Case {
  readonly name: string;
  readonly program: Program;
  /** Values read on the way and at the end, gradients, second gradients; those that PyTorch has none for are absent. */
  readonly expected: readonly Expected[];
  /** The error of the last step, where PyTorch throws as well. */
  readonly throws?: string;
  /** Where float32 cannot do better than the usual tolerance; the generator says why. */
  readonly rtol?: number;
  readonly atol?: number;
  /** Whether 0 and -0 are told apart. */
  readonly signedZero?: boolean;
}

/** Relative and absolute, by dtype; other dtypes are exact. */
const tolerances: { readonly [K in DType]?: readonly [number, number] } = {
  float64: [1e-12, 1e-12],
  float32: [1e-5, 1e-6],
  float16: [2e-3, 1e-4],
  bfloat16: [1.6e-2, 1e-3],
};

export interface Tolerance {
  readonly rtol?: number;
  readonly atol?: number;
  readonly signedZero?: boolean;
}

export function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8'));
}

/** The first element that differs, in words; null if there is none. Integers and bools are exact. */
export function differenceFrom(
  expected: TypedArray,
  actual: TypedArray,
  dtype: DType,
  {
    rtol = tolerances[dtype]?.[0] ?? 0,
    atol = tolerances[dtype]?.[1] ?? 0,
    signedZero = false,
  }: Tolerance = {},
): string | null {
  if (expected.length !== actual.length) return `${actual.length} elements instead of ${expected.length}`;
  for (let i = 0; i < expected.length; i++) {
    const [e, a] = [expected[i], actual[i]];
    if (signedZero ? Object.is(e, a) : e === a || Object.is(e, a)) continue;
    const bothZero = e === 0 && a === 0;
    const near =
      typeof e === 'number' &&
      typeof a === 'number' &&
      isFloat(dtype) &&
      Number.isFinite(e) &&
      Math.abs(a - e) <= atol + rtol * Math.abs(e);
    if (!near || bothZero) return `element ${i} of ${expected.length}: PyTorch ${show(e)}, hadal ${show(a)}`;
  }
  return null;
}

function show(x: number | bigint): string {
  return Object.is(x, -0) ? '-0' : `${x}`;
}

/** A gradient of nothing but zeros may as well not exist: which of the two it is depends on how an op is put together. */
function isNoGradient(of: string, data: TypedArray): boolean {
  return of.includes('gradient') && Array.from(data, Number).every((x) => x === 0);
}

function differenceOf(c: Case, e: Expected, actual: Snapshot | undefined): string | null {
  const data = decode(e);
  if (actual === undefined) {
    return isNoGradient(e.of, data) ? null : `${e.of} is missing`;
  }
  const types = [e, actual].map((s) => `${s.dtype}[${s.shape.join(', ')}]`);
  if (types[0] !== types[1]) return `${e.of}: PyTorch ${types[0]}, hadal ${types[1]}`;
  const values = differenceFrom(data, actual.data, e.dtype, c);
  return values === null ? null : `${e.of}: ${types[0]} ${values}`;
}

/** Runs all cases of a fixture file on all engines. */
export function testAgainstPyTorch(fixture: string): void {
  const cases = readFixture(fixture) as readonly Case[];
  forEachEngine(`${fixture} as in PyTorch`, (space) => {
    test.each(cases.map((c) => [c.name, c] as const))('%s', (_, c) => {
      const { snapshots, thrown } = runProgram(space, c.program);
      const program = printProgram(c.program);
      if (c.throws !== undefined) {
        const step = c.program.steps.length - 1;
        expect({ step: thrown?.step, error: thrown?.error.name }, program).toEqual({ step, error: c.throws });
        return;
      }
      expect(thrown?.error, program).toBeUndefined();
      const made = new Map(snapshots.flatMap((s) => ('data' in s ? [[s.of, s] as const] : [])));
      const names = new Set(c.expected.map((e) => e.of));
      const differences = c.expected.map((e) => differenceOf(c, e, made.get(e.of)));
      for (const s of made.values())
        if (!names.has(s.of) && !isNoGradient(s.of, s.data)) differences.push(`${s.of}: only hadal has it`);
      const found = differences.filter((d) => d !== null);
      expect(found, `${found.join('\n')}\n${program}`).toEqual([]);
    });
  });
}

/** Cases from PyTorch, and how what a program gives is compared with them; in any JavaScript host. */
import { isFloat } from '../../src/base/dtype.js';
import type { DType, TypedArray } from '../../src/index.js';
import type { Workspace } from '../../src/tensor/workspace.js';
import type { Plain, Program, Snapshot } from './program.js';
import { decode, runProgram } from './program.js';

interface Expected extends Plain {
  readonly of: string;
}

export interface Case {
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

/** Runs a case on an engine; says in words what differs from PyTorch. */
export function differencesFromPyTorch(space: Workspace, c: Case): readonly string[] {
  const { snapshots, thrown } = runProgram(space, c.program);
  if (c.throws !== undefined) {
    const isSame = thrown?.step === c.program.steps.length - 1 && thrown.error.name === c.throws;
    return isSame ? [] : [`threw ${thrown?.error ?? 'nothing'} instead of ${c.throws} in the last step`];
  }
  if (thrown) return [`threw ${thrown.error.stack} in step ${thrown.step}`];
  const made = new Map(snapshots.flatMap((s) => ('data' in s ? [[s.of, s] as const] : [])));
  const names = new Set(c.expected.map((e) => e.of));
  const differences = c.expected.map((e) => differenceOf(c, e, made.get(e.of)));
  for (const s of made.values())
    if (!names.has(s.of) && !isNoGradient(s.of, s.data)) differences.push(`${s.of}: only hadal has it`);
  return differences.filter((d) => d !== null);
}

/** Comparing what a program gives on one engine with what it gives on another. */
import type { DType } from '../../src/index.js';
import { fromTypedArray, noGrad, type Tensor } from '../../src/index.js';
import type { Workspace } from '../../src/tensor/workspace.js';
import type { Outcome, Program, Snapshot } from './program.js';
import { runProgram } from './program.js';

/** A difference, in words; null if there is none. */
export type Difference = string | null;

function label(s: Snapshot): string {
  return `${s.of}: ${s.dtype}[${s.shape.join(', ')}]`;
}

/** Every bit the same, but for which NaN it is. */
export function sameBits(a: Snapshot, b: Snapshot): Difference {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return `${label(a)} against ${label(b)}`;
  for (let i = 0; i < a.data.length; i++) {
    if (!Object.is(a.data[i], b.data[i]))
      return `${label(a)} element ${i}: ${a.data[i]} against ${b.data[i]}`;
  }
  return null;
}

/** Multiples of 2^-8 below 2^15: what sums and small products keep exact. */
function isExact(x: number): boolean {
  return Number.isInteger(x * 256) && Math.abs(x) < 2 ** 15;
}

/** Steps that round, and with an underscore their forms in place. Moving and choosing elements is exact. */
const computing = new Set(
  [
    'add sub mul div addScaled lerp addcmul addcdiv',
    'exp expm1 exp2 log log1p log2 log10 sqrt rsqrt reciprocal square pow sigmoid tanh erf erfc erfinv sinh cosh asinh acosh atanh',
    'sin cos tan asin acos atan atan2 sinc deg2rad hypot logaddexp xlogy remainder',
    'gelu silu softplus leakyRelu',
    'sum mean prod var std norm logsumexp cumsum cumprod logcumsumexp softmax logSoftmax',
    'matmul linear einsum conv1d conv2d convTranspose1d avgPool1d avgPool2d',
    'attention layerNorm rmsNorm crossEntropy mseLoss scatterAdd indexAdd indexPut',
  ].flatMap((line) => line.split(' ')),
);

/** Of those, the ones that add up many numbers: where they cancel, the error is that of the large ones. */
const summing = new Set(
  'sum mean var std norm cumsum matmul linear einsum conv1d conv2d convTranspose1d avgPool1d avgPool2d attention layerNorm softmax logSoftmax logsumexp'.split(
    ' ',
  ),
);

/** The rounding of each float dtype: the noise that is put on results to find out how much they matter, and what engines may differ by. */
const roundings: { readonly [K in DType]?: number } = {
  float64: 1e-14,
  float32: 1e-6,
  float16: 1e-3,
  bfloat16: 8e-3,
};

/**
 * A run in which every rounded result is off by the rounding of its dtype, up or down. A run with the other sign goes the other way
 * everywhere, so that what is about to fall off a step does so in one of the two.
 */
export function runNoisy(space: Workspace, program: Program, sign: 1 | -1): Outcome {
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return runProgram(space, program, {
    after: (step: number, t: Tensor, operands: readonly Tensor[]): Tensor => {
      const name = program.steps[step][0].replace(/_$/, '');
      const noise = roundings[t.dtype];
      if (noise === undefined || !computing.has(name)) return t;
      const values = Array.from(t.dataSync(), Number);
      const largest = values.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0);
      // What sums to 0 does not in another order.
      const cancelled = summing.has(name) ? 0.1 * noise * largest : 0;
      // What an engine rounds to a short number another may not, unless all that it is made of is short.
      const exact = noise < 1e-3 && operands.every((x) => x.dataSync().every((v) => isExact(Number(v))));
      const shifts = Float64Array.from(values, (v) =>
        exact && isExact(v) ? 0 : sign * (next() < 0 ? -1 : 1) * (noise * Math.abs(v) + cancelled),
      );
      if (shifts.every((s) => s === 0 || !Number.isFinite(s))) return t;
      // In float64, so that the noise of the narrow dtypes is not rounded away.
      const finite = shifts.map((s) => (Number.isFinite(s) ? s : 0));
      const moved = t.to('float64').add(fromTypedArray(finite, t.shape)).to(t.dtype);
      return program.steps[step][0].endsWith('_') ? noGrad(() => t.copy_(moved)) : moved;
    },
  });
}

/**
 * How far each element may lie from the reference: what noise does to it, ten times over, and float32's rounding of the largest
 * element (a sum of large values may cancel). Null where noise decides the value (a comparison of rounded numbers).
 */
export type Tolerance = (element: number) => number | null;

export function toleranceOf(exact: Snapshot, noisy: readonly Snapshot[]): Tolerance {
  let largest = 0;
  for (const v of exact.data)
    if (Number.isFinite(Number(v))) largest = Math.max(largest, Math.abs(Number(v)));
  return (i) => {
    const v = exact.data[i];
    const rounding = roundings[exact.dtype];
    if (rounding === undefined) return noisy.every((n) => n.data[i] === v) ? 0 : null;
    const x = Number(v);
    if (!Number.isFinite(x)) return noisy.every((n) => Object.is(n.data[i], v)) ? 0 : null;
    // Near the ends of float32's range one engine may overflow, or flush to zero, where another does not.
    if (Math.abs(x) > (exact.dtype === 'float16' ? 3e4 : 1e37)) return null;
    const spread = Math.max(...noisy.map((n) => Math.abs(Number(n.data[i]) - x)));
    if (!Number.isFinite(spread)) return null;
    return rounding * (1 + 4 * Math.abs(x) + largest) + 10 * spread;
  };
}

export function within(reference: Snapshot, other: Snapshot, tolerance: Tolerance): Difference {
  if (reference.dtype !== other.dtype || reference.shape.join() !== other.shape.join())
    return `${label(reference)} against ${label(other)}`;
  for (let i = 0; i < reference.data.length; i++) {
    const allowed = tolerance(i);
    if (allowed === null) continue;
    const [a, b] = [reference.data[i], other.data[i]];
    if (Object.is(a, b) || a === b) continue;
    if (roundings[reference.dtype] !== undefined && Math.abs(Number(a) - Number(b)) <= allowed) continue;
    return `${label(reference)} element ${i}: ${a} against ${b} (allowed ${allowed})`;
  }
  return null;
}

/** Compares two outcomes snapshot by snapshot; values that either could not read any more are passed over. */
export function compareOutcomes(
  wanted: Outcome,
  actual: Outcome,
  compare: (wanted: Snapshot, actual: Snapshot, at: number) => Difference,
): Difference {
  const thrown = (o: Outcome): string =>
    o.thrown === null
      ? 'nothing'
      : `${o.thrown.error.name} in step ${o.thrown.step}: ${o.thrown.error.message}`;
  // Reading a fused-away value after an update is an error in fused runs alone; what was read before is compared.
  const stale = [wanted, actual].some((o) => o.thrown?.error.name === 'StaleValueError');
  const count = Math.min(wanted.snapshots.length, actual.snapshots.length);
  if (
    !stale &&
    ((wanted.thrown === null) !== (actual.thrown === null) || wanted.thrown?.step !== actual.thrown?.step)
  ) {
    return `threw ${thrown(wanted)} against ${thrown(actual)}`;
  }
  if (!stale && wanted.snapshots.length !== actual.snapshots.length)
    return `${wanted.snapshots.length} values against ${actual.snapshots.length}`;
  for (let i = 0; i < count; i++) {
    const [a, b] = [wanted.snapshots[i], actual.snapshots[i]];
    if (a.of !== b.of) return `${a.of} against ${b.of}`;
    if ('error' in a || 'error' in b) continue;
    const difference = compare(a, b, i);
    if (difference !== null) return difference;
  }
  return null;
}

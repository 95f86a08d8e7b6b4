/**
 * How far functions are from the truth, in units in the last place of the true value. The truth is the op's meaning in float64, itself
 * right to about one such unit of float64.
 */
import { expect, test } from 'vitest';
import type { ElementwiseOp } from '../../src/graph/op.js';
import { elementwise } from '../../src/graph/ops/elementwise.js';
import type { ArithmeticName, UnaryName } from '../../src/graph/ops-interface.js';
import { type DType, fromTypedArray, Tensor } from '../../src/index.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

/** Numbers from 0 to 1 (Knuth's linear congruences). */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

type Random = () => number;
const between = (r: Random, low: number, high: number): number => low + (high - low) * r();
/** A number of either sign whose logarithm is uniform. */
const spread = (r: Random, low: number, high: number): number =>
  Math.exp(between(r, Math.log(low), Math.log(high))) * (r() < 0.5 ? -1 : 1);

interface Case {
  /** Units in the last place, for float32 and float64. */
  readonly bounds: readonly [number, number];
  /** Random arguments; `single` for float32. */
  readonly draw: (r: Random, single: boolean) => number;
}

const anything = (r: Random, single: boolean): number =>
  single ? spread(r, 1e-38, 1e38) : spread(r, 1e-300, 1e300);
const positive = (r: Random, single: boolean): number => Math.abs(anything(r, single));
const moderate = (r: Random): number => (r() < 0.5 ? between(r, -4, 4) : spread(r, 1e-6, 80));
const unit = (r: Random): number =>
  r() < 0.5 ? between(r, -1, 1) : Math.sign(r() - 0.5) * (1 - Math.abs(spread(r, 1e-6, 0.5)));
const angle = (r: Random, single: boolean): number => {
  const n = Math.round(between(r, -60_000, 60_000));
  return r() < 0.3 ? (n * Math.PI) / 2 : spread(r, 1e-4, single ? 2 ** 21 : 1e15);
};

const cases = {
  exp: { bounds: [1, 2], draw: (r, single) => (single ? between(r, -87, 88) : between(r, -708, 709)) },
  exp2: { bounds: [1, 2], draw: (r, single) => (single ? between(r, -125, 127) : between(r, -1021, 1023)) },
  expm1: {
    bounds: [1.6, 3],
    draw: (r, single) => (r() < 0.5 ? between(r, -3, 3) : spread(r, 1e-30, single ? 88 : 700)),
  },
  log: { bounds: [1, 2], draw: (r, single) => (r() < 0.5 ? between(r, 0.3, 3) : positive(r, single)) },
  log2: { bounds: [1, 2], draw: (r, single) => (r() < 0.5 ? between(r, 0.3, 3) : positive(r, single)) },
  log10: { bounds: [1, 2], draw: (r, single) => (r() < 0.5 ? between(r, 0.3, 3) : positive(r, single)) },
  log1p: { bounds: [1, 2], draw: (r, single) => (r() < 0.5 ? between(r, -0.99, 3) : positive(r, single)) },
  sin: { bounds: [1, 2], draw: angle },
  cos: { bounds: [1, 2], draw: angle },
  tan: { bounds: [2.3, 3], draw: angle },
  asin: { bounds: [2.5, 3.5], draw: unit },
  acos: { bounds: [1.2, 2.2], draw: unit },
  atan: { bounds: [2.3, 3], draw: (r, single) => (r() < 0.5 ? moderate(r) : anything(r, single)) },
  sinh: { bounds: [1.7, 3], draw: moderate },
  cosh: { bounds: [1.5, 3], draw: moderate },
  tanh: { bounds: [1.3, 3], draw: moderate },
  asinh: { bounds: [1.6, 3], draw: (r, single) => (r() < 0.5 ? moderate(r) : anything(r, single)) },
  acosh: { bounds: [2, 3], draw: (r, single) => 1 + (r() < 0.5 ? 3 * r() : positive(r, single)) },
  atanh: { bounds: [2, 3], draw: unit },
  erf: { bounds: [1.2, 4], draw: (r) => between(r, -4, 4) },
  // Where erfc is below 1/2 its float64 meaning is itself off by a few units.
  erfc: { bounds: [4, 8], draw: (r, single) => between(r, -4, single ? 9 : 26) },
  // Both sides of where its two approximations meet, and of where it is refined in another way.
  erfinv: { bounds: [4, 3], draw: unit },
} as const satisfies { readonly [name in UnaryName]?: Case };

const pairs = {
  atan2: { bounds: [2, 3], draw: anything },
  // 2^-100 to 2^100 and 2^-800 to 2^800 for most draws.
  pow: { bounds: [1.7, 13], draw: (r, single) => Math.abs(spread(r, 1e-2, 1e2)) * (single ? 1 : 3) },
} as const satisfies { readonly [name in ArithmeticName]?: Case };

function unitInLastPlace(x: number, single: boolean): number {
  const exponent = Math.floor(Math.log2(Math.abs(x)));
  return 2 ** (single ? Math.max(exponent, -126) - 23 : Math.max(exponent, -1022) - 52);
}

const COUNT = 3000;

function arrayOf(dtype: DType, draw: () => number): Float32Array | Float64Array {
  const make = { length: COUNT };
  return dtype === 'float32' ? Float32Array.from(make, draw) : Float64Array.from(make, draw);
}

interface Found {
  readonly error: number;
  readonly at: readonly number[];
}

/** The largest error over random arguments whose result is a normal number. */
function largestError(
  space: Workspace,
  op: ElementwiseOp,
  dtype: DType,
  arguments_: readonly (Float32Array | Float64Array)[],
): Found {
  const single = dtype === 'float32';
  return withWorkspace(space, () => {
    const values = arguments_.map((x) => fromTypedArray(x, [x.length]).value);
    const made =
      values.length === 1
        ? space.ops.unary(op.name as UnaryName, values[0])
        : space.ops.arithmetic(op.name as ArithmeticName, values[0], values[1]);
    const actual = Tensor.of(space, made).dataSync();
    let found: Found = { error: 0, at: [] };
    for (let i = 0; i < COUNT; i++) {
      const at = arguments_.map((x) => x[i]);
      const truth = op.scalar.float(...at);
      const [least, most] = single ? [2 ** -126, 3.4e38] : [2 ** -1022, 1.7e308];
      if (!(Math.abs(truth) > least && Math.abs(truth) < most)) continue;
      const error = Math.abs(Number(actual[i]) - truth) / unitInLastPlace(truth, single);
      if (!(error <= found.error)) found = { error, at };
    }
    return found;
  });
}

forEachEngine('errors in units in the last place', (space) => {
  for (const [which, dtype] of (['float32', 'float64'] as const).entries()) {
    test.each(Object.entries<Case>(cases))(`%s of ${dtype}`, (name, { bounds, draw }) => {
      const r = uniform(7);
      const x = arrayOf(dtype, () => draw(r, dtype === 'float32'));
      const { error, at } = largestError(space, elementwise[name as UnaryName], dtype, [x]);
      expect(error, `at ${at}`).toBeLessThanOrEqual(bounds[which]);
    });

    test.each(Object.entries<Case>(pairs))(`%s of ${dtype}`, (name, { bounds, draw }) => {
      const r = uniform(8);
      const x = arrayOf(dtype, () => draw(r, dtype === 'float32'));
      const y = arrayOf(dtype, () => draw(r, dtype === 'float32'));
      const { error, at } = largestError(space, elementwise[name as ArithmeticName], dtype, [x, y]);
      expect(error, `at ${at}`).toBeLessThanOrEqual(bounds[which]);
    });
  }
});

/** Every so many bit patterns of float32: all magnitudes, both signs, subnormal numbers, infinities and NaN. */
const EVERY = 65_521;
const everyFloat = new Float32Array(
  Uint32Array.from({ length: Math.floor(2 ** 32 / EVERY) }, (_, i) => i * EVERY).buffer,
);
const trigonometric = new Set(['sin', 'cos', 'tan']);

forEachEngine('over all of float32', (space) => {
  test.each(Object.entries<Case>(cases))('%s', (name, { bounds: [bound] }) => {
    const x = trigonometric.has(name) ? everyFloat.filter((v) => Math.abs(v) <= 2 ** 21) : everyFloat;
    const { float } = (elementwise[name as UnaryName] as ElementwiseOp).scalar;
    const actual = withWorkspace(space, () => {
      const made = space.ops.unary(name as UnaryName, fromTypedArray(x, [x.length]).value);
      return Tensor.of(space, made).dataSync();
    });
    let worst: Found = { error: 0, at: [] };
    x.forEach((v, i) => {
      const [truth, result] = [float(v), Number(actual[i])];
      // What is no number, or beyond the largest float32, has to be just that.
      const rounded = Math.fround(truth);
      if (!Number.isFinite(rounded)) {
        if (!Object.is(result, rounded)) worst = { error: Number.POSITIVE_INFINITY, at: [v] };
        return;
      }
      // A result may round up to infinity where the truth is within its bound of the largest number.
      if (Math.abs(truth) > 3.4028e38) return;
      const unit = Math.max(unitInLastPlace(truth === 0 ? 2 ** -149 : truth, true), 2 ** -149);
      const error = Math.abs(result - truth) / unit;
      if (!(error <= worst.error)) worst = { error, at: [v] };
    });
    expect(worst.error, `at ${worst.at}`).toBeLessThanOrEqual(bound);
  });
});

/** Errors of float32 in units of 2^-23, of x for gelu and of 1 for its slope; of float64 in units of 2^-52. */
const geluBounds = { gelu: [1.1, 8], geluSlope: [1.8, 4] } as const;

forEachEngine('gelu and its slope', (space) => {
  test.each(Object.entries(geluBounds))('%s', (name, bounds) => {
    const { float } = elementwise[name as UnaryName].scalar;
    const r = uniform(11);
    for (const [which, dtype] of (['float32', 'float64'] as const).entries()) {
      const near = arrayOf(dtype, () => between(r, -15, 15));
      for (const x of dtype === 'float32' ? [near, everyFloat] : [near]) {
        const actual = withWorkspace(space, () => {
          const made = space.ops.unary(name as UnaryName, fromTypedArray(x, [x.length]).value);
          return Tensor.of(space, made).dataSync();
        });
        let worst: Found = { error: 0, at: [] };
        x.forEach((v, i) => {
          const truth = float(v);
          if (Number.isNaN(truth)) {
            expect(actual[i], `at ${v}`).toBeNaN();
            return;
          }
          if (Object.is(actual[i], truth)) return;
          const unit =
            2 ** (which === 0 ? -23 : -52) * (name === 'gelu' ? Math.max(Math.abs(v), 2 ** -126) : 1);
          const error = Math.abs(Number(actual[i]) - truth) / unit;
          if (!(error <= worst.error)) worst = { error, at: [v] };
        });
        expect(worst.error, `${dtype} at ${worst.at}`).toBeLessThanOrEqual(bounds[which]);
      }
    }
    const ends = Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    expect(float(ends[0])).toBe(name === 'gelu' ? ends[0] : 1);
    expect(Math.abs(float(ends[1]))).toBe(0);
  });
});

forEachEngine('remainders', (space) => {
  test.each(['float32', 'float64'] as const)(
    'fmod of %s is exact, however far apart its operands',
    (dtype) => {
      withWorkspace(space, () => {
        const r = uniform(9);
        const [x, y] = [0, 1].map(() => arrayOf(dtype, () => anything(r, dtype === 'float32')));
        const [a, b] = [x, y].map((data) => fromTypedArray(data, [COUNT]).value);
        const actual = Tensor.of(space, space.ops.arithmetic('fmod', a, b)).dataSync();
        expect(actual).toEqual(x.map((v, i) => v % y[i]));
      });
    },
  );
});

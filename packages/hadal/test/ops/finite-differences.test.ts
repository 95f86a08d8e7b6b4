/**
 * Gradients against differences of the ops themselves, an independent way to the same numbers: every VJP of the op table is here.
 * Elementwise rules are differenced in float64 from the op's own scalar rule; other ops are linear in each operand (or piecewise so),
 * which makes a difference of values that float32 holds exactly right at any step that crosses no kink.
 */
import { describe, expect, test } from 'vitest';
import type { Value } from '../../src/autograd/value.js';
import type { ElementwiseOp, ScalarRule } from '../../src/graph/op.js';
import { elementwise } from '../../src/graph/ops/elementwise.js';
import { opNames, opTable } from '../../src/graph/table.js';
import { autograd, functional as F, fromTypedArray, Tensor } from '../../src/index.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace } from '../support/engines.js';

// --- elementwise -------------------------------------------------------------------------------------------------------------

type ElementwiseName = keyof typeof elementwise;

interface Domain {
  /** Points, one row an operand; away from kinks. */
  readonly points: readonly (readonly number[])[];
  readonly smooth: boolean;
}

const around = [-2.5, -1.25, -0.6, -0.01, 0.02, 0.4, 1.1, 2.75];
const positive = [0.05, 0.3, 0.9, 1.0, 1.7, 4.2, 9.5, 30];
const other = [1.5, -0.75, 2.25, 3, -2, 0.5, -1.5, 0.8];
const unit = [-0.9, -0.7, -0.45, -0.01, 0.02, 0.3, 0.55, 0.8];
const beyondOne = [1.1, 1.3, 1.7, 2.2, 3.1, 4.5, 9, 20];

/** `where` and `cast` have operands of other dtypes and are tested on their own. */
const domains: { readonly [name in ElementwiseName]?: Domain } = {
  add: { points: [around, other], smooth: true },
  sub: { points: [around, other], smooth: true },
  mul: { points: [around, other], smooth: true },
  div: { points: [around, other], smooth: true },
  maximum: { points: [around, other], smooth: false },
  minimum: { points: [around, other], smooth: false },
  neg: { points: [around], smooth: true },
  abs: { points: [around], smooth: false },
  exp: { points: [around], smooth: true },
  log: { points: [positive], smooth: true },
  sqrt: { points: [positive], smooth: true },
  tanh: { points: [around], smooth: true },
  erf: { points: [around], smooth: true },
  relu: { points: [around], smooth: false },
  reciprocal: { points: [other], smooth: true },
  sigmoid: { points: [around], smooth: true },
  exp2: { points: [around], smooth: true },
  expm1: { points: [around], smooth: true },
  log2: { points: [positive], smooth: true },
  log10: { points: [positive], smooth: true },
  log1p: { points: [unit], smooth: true },
  erfc: { points: [around], smooth: true },
  rsqrt: { points: [positive], smooth: true },
  sin: { points: [around], smooth: true },
  cos: { points: [around], smooth: true },
  tan: { points: [unit], smooth: true },
  asin: { points: [unit], smooth: true },
  acos: { points: [unit], smooth: true },
  atan: { points: [around], smooth: true },
  sinh: { points: [around], smooth: true },
  cosh: { points: [around], smooth: true },
  asinh: { points: [around], smooth: true },
  acosh: { points: [beyondOne], smooth: true },
  atanh: { points: [unit], smooth: true },
  atan2: { points: [around, other], smooth: true },
  pow: { points: [beyondOne, other], smooth: true },
  fmod: { points: [around, other], smooth: false },
  remainder: { points: [around, other], smooth: false },
  floor: { points: [around], smooth: false },
  ceil: { points: [around], smooth: false },
  round: { points: [unit], smooth: false },
  trunc: { points: [around], smooth: false },
  sign: { points: [around], smooth: false },
  copy: { points: [around], smooth: true },
};

const differentiable = (Object.keys(elementwise) as ElementwiseName[]).filter(
  (name) => elementwise[name].vjp !== null && name !== 'where' && name !== 'cast',
);

function domainOf(name: ElementwiseName): Domain {
  const domain = domains[name];
  if (domain === undefined) throw new Error(`${name} has no points to try it at`);
  return domain;
}

/** The op itself, not a Tensor method that may put several together. */
function applyElementwise(space: Workspace, name: ElementwiseName, x: readonly Tensor[]): Tensor {
  const values = x.map((t) => t.value);
  const made =
    values.length === 1
      ? space.ops.unary(name as 'neg', values[0])
      : space.ops.arithmetic(name as 'add', values[0], values[1]);
  return Tensor.of(space, made);
}

function leaf(data: readonly number[], shape: readonly number[] = [data.length]): Tensor {
  return fromTypedArray(Float32Array.from(data), shape, { requiresGrad: true });
}

function shifted(x: readonly number[], i: number, by: number): number[] {
  return x.map((v, k) => (k === i ? v + by : v));
}

/** df/dx_i in float64, of order h^4. */
function slope(f: (...x: number[]) => number, x: readonly number[], i: number): number {
  const h = 1e-3 * Math.max(Math.abs(x[i]), 0.01);
  const at = (by: number): number => f(...shifted(x, i, by));
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
}

/** d2f/dx_i dx_j in float64. */
function curvature(f: ScalarRule['float'], x: readonly number[], i: number, j: number): number {
  return slope((...y) => slope(f, y, i), x, j);
}

function column(points: readonly (readonly number[])[], k: number): number[] {
  return points.map((row) => Math.fround(row[k]));
}

function expectNear(given: Tensor | null, expected: readonly number[], tolerance: number): void {
  const data = Array.from(given === null ? expected.map(() => 0) : given.dataSync(), Number);
  expect(data.length).toBe(expected.length);
  data.forEach((v, i) => {
    const allowed = tolerance * (0.1 + Math.abs(expected[i]));
    expect(Math.abs(v - expected[i]), `element ${i}: ${v} against ${expected[i]}`).toBeLessThanOrEqual(
      allowed,
    );
  });
}

/** What comes in from above, so that a VJP that ignores it fails. */
const seedOf = (n: number): number[] => Array.from({ length: n }, (_, i) => ((i * 7) % 5) - 1.5);

describe('the table of points', () => {
  test('has every elementwise op that has a gradient', () => {
    expect(Object.keys(domains).sort()).toEqual([...differentiable].sort());
  });
});

const tried = Object.keys(domains) as ElementwiseName[];

forEachEngine('gradients of elementwise ops are slopes of their scalar rules', (space) => {
  test.each(tried)('%s', (name) => {
    withWorkspace(space, () => {
      const { points } = domainOf(name);
      const { scalar } = elementwise[name] as ElementwiseOp;
      const x = points.map((p) => leaf(p));
      const seed = seedOf(points[0].length);
      const gradOutputs = [fromTypedArray(Float32Array.from(seed), [seed.length])];
      const gradients = autograd.grad([applyElementwise(space, name, x)], x, { gradOutputs });
      gradients.forEach((g, i) => {
        const expected = seed.map((s, k) => s * slope(scalar.float, column(points, k), i));
        expectNear(g, expected, 1e-5);
      });
    });
  });

  test('where gives each side its own, and nothing to the other', () => {
    withWorkspace(space, () => {
      const chosen = fromTypedArray(Uint8Array.of(1, 0, 1, 0), [4], { dtype: 'bool' });
      const [a, b] = [leaf([1, 2, 3, 4]), leaf([5, 6, 7, 8])];
      const gradOutputs = [fromTypedArray(Float32Array.of(10, 20, 30, 40), [4])];
      const y = Tensor.of(space, space.ops.where(chosen.value, a.value, b.value));
      const [ga, gb] = autograd.grad([y], [a, b], { gradOutputs });
      expect(Array.from(ga.dataSync(), Number)).toEqual([10, 0, 30, 0]);
      expect(Array.from(gb.dataSync(), Number)).toEqual([0, 20, 0, 40]);
    });
  });

  test('a conversion to integers has no gradient', () => {
    withWorkspace(space, () => {
      const y = leaf([1.5, 2.5]).to('int32').to('float32');
      expect(y.requiresGrad).toBe(false);
    });
  });
});

forEachEngine('second gradients of smooth elementwise ops are curvatures of their scalar rules', (space) => {
  test.each(tried.filter((name) => domainOf(name).smooth))('%s', (name) => {
    withWorkspace(space, () => {
      const { points } = domainOf(name);
      const { scalar } = elementwise[name] as ElementwiseOp;
      const x = points.map((p) => leaf(p));
      const n = points[0].length;
      const seed = seedOf(n);
      const gradOutputs = [fromTypedArray(Float32Array.from(seed), [n])];
      const first = autograd.grad([applyElementwise(space, name, x)], x, { gradOutputs, createGraph: true });
      // Operand i's gradient counts i + 1 times, so that no entry of the matrix of second derivatives hides behind another.
      const dependent = first.flatMap((g, i) => (g.requiresGrad ? [g.mul(i + 1).sum()] : []));
      const second =
        dependent.length === 0
          ? x.map(() => null)
          : autograd.grad([dependent.reduce((a, b) => a.add(b))], x, { allowUnused: true });
      second.forEach((g, j) => {
        const expected = seed.map((s, k) => {
          const at = column(points, k);
          const entries = x.map((_, i) => (i + 1) * curvature(scalar.float, at, i, j));
          return s * entries.reduce((a, b) => a + b);
        });
        expectNear(g, expected, 2e-5);
      });
    });
  });
});

// --- other ops ---------------------------------------------------------------------------------------------------------------

type TensorFunction = (space: Workspace, x: readonly Tensor[]) => Tensor;

interface ArrayCase {
  /** Ops of the table whose gradient this tries. */
  readonly ops: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  readonly f: TensorFunction;
}

/** A function of graph values as one of tensors. */
function onValues(f: (ops: Workspace['ops'], x: readonly Value[]) => Value): TensorFunction {
  return (space, x) =>
    Tensor.of(
      space,
      f(
        space.ops,
        x.map((t) => t.value),
      ),
    );
}

function indexOf(data: readonly number[], shape: readonly number[]): Value {
  return fromTypedArray(BigInt64Array.from(data, BigInt), shape).value;
}

const one = [[2, 3, 2]];
const linearCases: { readonly [name: string]: ArrayCase } = {
  reshape: { ops: ['reshape'], shapes: one, f: onValues((ops, [x]) => ops.reshape(x, [4, 3])) },
  permute: { ops: ['permute'], shapes: one, f: onValues((ops, [x]) => ops.permute(x, [2, 0, 1])) },
  expand: { ops: ['expand'], shapes: [[2, 1, 3]], f: onValues((ops, [x]) => ops.expand(x, [2, 4, 3])) },
  'slice forwards': {
    ops: ['slice'],
    shapes: [[5, 4]],
    f: onValues((ops, [x]) => ops.slice(x, [1, 0], [2, 3], [2, 2])),
  },
  'slice backwards': {
    ops: ['slice'],
    shapes: [[5, 4]],
    f: onValues((ops, [x]) => ops.slice(x, [4, 3], [-2, -1], [3, 3])),
  },
  'slice both ways': {
    ops: ['slice'],
    shapes: [[5, 4]],
    f: onValues((ops, [x]) => ops.slice(x, [3, 1], [-3, 2], [2, 2])),
  },
  pad: {
    ops: ['pad'],
    shapes: [[2, 3]],
    f: onValues((ops, [x]) => ops.pad(x, [1, 2], [0, 1], [4, 9])),
  },
  'sum of one dimension': { ops: ['sum'], shapes: one, f: onValues((ops, [x]) => ops.reduce('sum', x, [1])) },
  'sum of several': { ops: ['sum'], shapes: one, f: onValues((ops, [x]) => ops.reduce('sum', x, [0, 2])) },
  max: { ops: ['max'], shapes: one, f: onValues((ops, [x]) => ops.reduce('max', x, [1])) },
  'max of several': { ops: ['max'], shapes: one, f: onValues((ops, [x]) => ops.reduce('max', x, [0, 1, 2])) },
  min: { ops: ['min'], shapes: one, f: onValues((ops, [x]) => ops.reduce('min', x, [0, 2])) },
  'dot of matrices': {
    ops: ['dot'],
    shapes: [
      [2, 3],
      [3, 4],
    ],
    f: onValues((ops, [a, b]) =>
      ops.dot(a, b, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }),
    ),
  },
  'dot over two dimensions in another order': {
    ops: ['dot'],
    shapes: [
      [2, 3, 2],
      [2, 2, 3],
    ],
    f: onValues((ops, [a, b]) =>
      ops.dot(a, b, { lhsBatch: [], rhsBatch: [], lhsContract: [2, 1], rhsContract: [0, 2] }),
    ),
  },
  'dot of stacks whose batch dimension is in the middle': {
    ops: ['dot'],
    shapes: [
      [3, 2, 2],
      [2, 4, 2],
    ],
    f: onValues((ops, [a, b]) =>
      ops.dot(a, b, { lhsBatch: [1], rhsBatch: [2], lhsContract: [2], rhsContract: [0] }),
    ),
  },
  'dot over nothing': {
    ops: ['dot'],
    shapes: [[3], [2]],
    f: onValues((ops, [a, b]) =>
      ops.dot(a, b, { lhsBatch: [], rhsBatch: [], lhsContract: [], rhsContract: [] }),
    ),
  },
  'gather with repeats': {
    ops: ['gather'],
    shapes: [[2, 3]],
    f: onValues((ops, [x]) => ops.gather(x, 1, indexOf([2, 0, 2, 2, 1, 1, 1, 0], [2, 4]))),
  },
  'gather of rows': {
    ops: ['gather'],
    shapes: [[3, 2]],
    f: onValues((ops, [x]) => ops.gather(x, 0, indexOf([2, 0], [1, 2]))),
  },
  'scatterAdd with repeats': {
    ops: ['scatterAdd'],
    shapes: [[2, 4]],
    f: onValues((ops, [x]) => ops.scatterAdd(x, 1, indexOf([2, 0, 2, 2, 1, 1, 1, 0], [2, 4]), [2, 3])),
  },
  'scatterAdd of one a row': {
    ops: ['scatterAdd'],
    shapes: [[3, 1]],
    f: onValues((ops, [x]) => ops.scatterAdd(x, 1, indexOf([2, 0, 2], [3, 1]), [3, 4])),
  },
  'scatterAdd into a larger array': {
    ops: ['scatterAdd'],
    shapes: [[2, 2]],
    f: onValues((ops, [x]) => ops.scatterAdd(x, 1, indexOf([3, 0, 1, 1], [2, 2]), [3, 4])),
  },
  indexSelect: {
    ops: ['indexSelect'],
    shapes: [[3, 4]],
    f: onValues((ops, [x]) => ops.indexSelect(x, 1, indexOf([2, 0, 2, 3, 2], [5]))),
  },
  indexAdd: {
    ops: ['indexAdd'],
    shapes: [[4, 2]],
    f: onValues((ops, [x]) => ops.indexAdd(x, 0, indexOf([2, 0, 2, 1], [4]), [3, 2])),
  },
  scatter: {
    ops: ['scatter'],
    shapes: [
      [3, 4],
      [2, 2],
    ],
    f: onValues((ops, [x, y]) => ops.scatter(x, 1, indexOf([3, 0, 1, 2], [2, 2]), y)),
  },
  'sort, its values': { ops: ['sort'], shapes: one, f: onValues((ops, [x]) => ops.sort(x, 1, true)[0]) },
  cumsum: { ops: ['cumsum'], shapes: one, f: onValues((ops, [x]) => ops.cumsum(x, 1)) },
  recurrence: {
    ops: ['recurrence'],
    shapes: [
      [2, 3],
      [2, 3],
    ],
    f: onValues((ops, [a, b]) => ops.recurrence(a, b, 1)),
  },
  sort: {
    ops: ['sort'],
    shapes: [[3, 4]],
    f: onValues((ops, [x]) =>
      ops.arithmetic(
        'add',
        ops.slice(ops.sort(x, 1, false)[0], [0, 0], [1, 1], [3, 2]),
        ops.sort(x, 1, true, 2)[0],
      ),
    ),
  },
  runningExtremum: {
    ops: ['runningExtremum'],
    shapes: [[3, 4]],
    f: onValues((ops, [x]) =>
      ops.arithmetic('add', ops.runningExtremum(x, 1, 'max')[0], ops.runningExtremum(x, 0, 'min')[0]),
    ),
  },
  prod: { ops: ['prod'], shapes: [[2, 4]], f: onValues((ops, [x]) => ops.reduce('prod', x, [1])) },
  'prod of several': {
    ops: ['prod'],
    shapes: [[2, 2, 2]],
    f: onValues((ops, [x]) => ops.reduce('prod', x, [0, 2])),
  },
  windows: {
    ops: ['windows'],
    shapes: [[2, 7]],
    f: onValues((ops, [x]) => ops.windows(x, { sizes: [3], strides: [2], dilations: [1] })),
  },
  'windows of two dimensions, apart': {
    ops: ['windows'],
    shapes: [[5, 6]],
    f: onValues((ops, [x]) => ops.windows(x, { sizes: [2, 2], strides: [1, 3], dilations: [2, 1] })),
  },
  interleave: {
    ops: ['interleave'],
    shapes: [
      [2, 3],
      [2, 3],
    ],
    f: onValues((ops, [x, y]) => ops.interleave([x, y], [2])),
  },
  'maxPool side by side': {
    ops: ['maxPool'],
    shapes: [[1, 4, 6]],
    f: onValues((ops, [x]) => ops.maxPool(x, { sizes: [2, 2], strides: [2, 2], dilations: [1, 1] })),
  },
  'maxPool that overlaps': {
    ops: ['maxPool'],
    shapes: [[5, 6]],
    f: onValues((ops, [x]) => ops.maxPool(x, { sizes: [2, 3], strides: [1, 2], dilations: [2, 1] })),
  },
  'maxPool of large windows': {
    ops: ['maxPool'],
    shapes: [[1, 6, 7]],
    f: onValues((ops, [x]) => ops.maxPool(x, { sizes: [5, 6], strides: [1, 1], dilations: [1, 1] })),
  },
  'sumPool side by side': {
    ops: ['sumPool'],
    shapes: [[1, 4, 7]],
    f: onValues((ops, [x]) => ops.sumPool(x, { sizes: [2, 3], strides: [2, 3], dilations: [1, 1] })),
  },
  'sumPool that overlaps': {
    ops: ['sumPool'],
    shapes: [[8, 9]],
    f: onValues((ops, [x]) => ops.sumPool(x, { sizes: [3, 5], strides: [1, 2], dilations: [1, 1] })),
  },
  'sumPool with gaps': {
    ops: ['sumPool'],
    shapes: [[8, 7]],
    f: onValues((ops, [x]) => ops.sumPool(x, { sizes: [2, 6], strides: [3, 1], dilations: [1, 1] })),
  },
  'sumPool of large windows': {
    ops: ['sumPool'],
    shapes: [[1, 9, 8]],
    f: onValues((ops, [x]) => ops.sumPool(x, { sizes: [6, 5], strides: [3, 2], dilations: [1, 1] })),
  },
  conv: {
    ops: ['conv'],
    shapes: [
      [2, 2, 5],
      [3, 2, 2],
    ],
    f: onValues((ops, [x, w]) =>
      ops.conv(x, w, {
        strides: [2],
        low: [1],
        high: [2],
        lhsDilation: [1],
        rhsDilation: [2],
        featureGroups: 1,
        batchGroups: 1,
      }),
    ),
  },
  'conv in groups of channels, with a dilated input': {
    ops: ['conv'],
    shapes: [
      [1, 4, 3],
      [2, 2, 2],
    ],
    f: onValues((ops, [x, w]) =>
      ops.conv(x, w, {
        strides: [1],
        low: [0],
        high: [1],
        lhsDilation: [2],
        rhsDilation: [1],
        featureGroups: 2,
        batchGroups: 1,
      }),
    ),
  },
  'conv in groups of samples, cropped': {
    ops: ['conv'],
    shapes: [
      [4, 2, 5],
      [2, 2, 2],
    ],
    f: onValues((ops, [x, w]) =>
      ops.conv(x, w, {
        strides: [1],
        low: [-1],
        high: [0],
        lhsDilation: [1],
        rhsDilation: [1],
        featureGroups: 1,
        batchGroups: 2,
      }),
    ),
  },
};

const composed: { readonly [name: string]: ArrayCase } = {
  softmax: { ops: [], shapes: [[2, 3]], f: (_, [x]) => x.softmax(1) },
  logSoftmax: { ops: [], shapes: [[3, 2]], f: (_, [x]) => x.logSoftmax(0) },
  sigmoid: { ops: [], shapes: [[4]], f: (_, [x]) => x.sigmoid() },
  mean: { ops: [], shapes: [[2, 3]], f: (_, [x]) => x.mean(0) },
  'gelu none': { ops: [], shapes: [[4]], f: (_, [x]) => F.gelu(x) },
  'gelu tanh': { ops: [], shapes: [[4]], f: (_, [x]) => F.gelu(x, { approximate: 'tanh' }) },
  linear: { ops: [], shapes: [[2, 3], [2, 3], [2]], f: (_, [x, w, b]) => F.linear(x, w, b) },
  mseLoss: { ops: [], shapes: [[4], [4]], f: (_, [x, y]) => F.mseLoss(x, y) },
  crossEntropy: {
    ops: [],
    shapes: [[2, 3]],
    f: (_, [x]) => F.crossEntropy(x, fromTypedArray(BigInt64Array.of(2n, 0n), [2])),
  },
  matmul: {
    ops: [],
    shapes: [
      [2, 1, 2, 3],
      [2, 3, 2],
    ],
    f: (_, [a, b]) => a.matmul(b),
  },
};

/** Multiples of 1/4 in which no two are closer than 1/4, in an order that is none. */
function exactNumbers(n: number, from: number): number[] {
  return Array.from({ length: n }, (_, i) => ((i * 5 + from) % (n % 5 === 0 ? n + 1 : n)) / 4 - 1);
}

function count(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Sum of f(x) weighted with `seed`, in float64. */
function weighted(
  space: Workspace,
  c: ArrayCase,
  data: readonly number[][],
  seed: readonly number[],
): number {
  const x = data.map((d, i) => fromTypedArray(Float32Array.from(d), c.shapes[i]));
  return Array.from(c.f(space, x).dataSync(), Number).reduce((sum, v, k) => sum + v * seed[k], 0);
}

/** Compares the gradients of a case with central differences of the given step. */
function checkGradients(space: Workspace, c: ArrayCase, step: number, tolerance: number): void {
  const data = c.shapes.map((s, i) => exactNumbers(count(s), 3 * i + 1));
  const x = data.map((d, i) => leaf(d, c.shapes[i]));
  const y = c.f(space, x);
  const seed = seedOf(y.numel());
  const gradOutputs = [fromTypedArray(Float32Array.from(seed), y.shape)];
  const gradients = autograd.grad([y], x, { gradOutputs });
  gradients.forEach((g, i) => {
    expect(g.shape).toEqual(c.shapes[i]);
    const expected = data[i].map((_, k) => {
      const at = (by: number): number =>
        weighted(
          space,
          c,
          data.map((d, j) => (j === i ? shifted(d, k, by) : d)),
          seed,
        );
      return (at(step) - at(-step)) / (2 * step);
    });
    expectNear(g, expected, tolerance);
  });
}

/** The gradient of a case for one operand, as a function of the operands and of the gradient that comes in. */
function gradientCase(space: Workspace, c: ArrayCase, operand: number): ArrayCase {
  const sample = c.shapes.map((s, i) => fromTypedArray(Float32Array.from(exactNumbers(count(s), i)), s));
  return {
    ops: c.ops,
    shapes: [...c.shapes, c.f(space, sample).shape],
    f: (sp, x) => {
      const inputs = x.slice(0, c.shapes.length).map((t) => (t.requiresGrad ? t : t.requiresGrad_()));
      const gradOutputs = [x[c.shapes.length]];
      const gradients = autograd.grad([c.f(sp, inputs)], inputs, { gradOutputs, createGraph: true });
      // Linear ops have gradients that do not depend on their operands; they still count as inputs.
      return inputs.reduce((g, t) => g.add(t.mul(0).sum()), gradients[operand]);
    },
  };
}

function referenceSpace(): Workspace {
  const opened = openWorkspace('reference');
  if (!opened.ok) throw new Error(opened.reason);
  return opened.space;
}

describe('gradients of ops that are linear in each element are differences of their values', () => {
  const space = referenceSpace();

  test('every op that has a gradient is here or among the elementwise ones', () => {
    const tried = new Set(Object.values(linearCases).flatMap((c) => c.ops));
    const missing = opNames.filter((name) => {
      const op = opTable[name];
      // Attention is not linear: test/nn/attention-kernel.test.ts has its differences, in float64.
      return op.vjp !== null && op.kind !== 'elementwise' && op.kind !== 'attention' && !tried.has(name);
    });
    expect(missing).toEqual([]);
  });

  test.each(Object.entries(linearCases))('%s', (_, c) => {
    withWorkspace(space, () => checkGradients(space, c, 1 / 16, 1e-6));
  });

  test.each(Object.entries(linearCases))('%s: gradients of the gradient', (_, c) => {
    withWorkspace(space, () => {
      c.shapes.forEach((_, i) => {
        checkGradients(space, gradientCase(space, c, i), 1 / 16, 1e-6);
      });
    });
  });
});

describe('gradients of functions made of several ops are differences of their values', () => {
  const space = referenceSpace();

  // A step of 1/64 leaves an error of h^2 / 6 = 4e-5 third derivatives, and values rounded to 6e-8 one of 4e-6.
  test.each(Object.entries(composed))('%s', (_, c) => {
    withWorkspace(space, () => checkGradients(space, c, 1 / 64, 1e-3));
  });

  test.each(Object.entries(composed))('%s: gradients of the gradient', (_, c) => {
    withWorkspace(space, () => {
      c.shapes.forEach((_, i) => {
        checkGradients(space, gradientCase(space, c, i), 1 / 64, 1e-3);
      });
    });
  });
});

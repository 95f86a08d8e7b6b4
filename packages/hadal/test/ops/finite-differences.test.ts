/**
 * Gradients against differences of the ops themselves, an independent way to the same numbers: every VJP of the op table is here.
 * Elementwise rules are differenced in float64 from the op's own scalar rule; other ops are linear in each operand (or piecewise so),
 * which makes a difference of values that float32 holds exactly right at any step that crosses no kink.
 */
import { describe, expect, test } from 'vitest';
import type { ElementwiseOp, ScalarRule } from '../../src/graph/op.js';
import { elementwise } from '../../src/graph/ops/elementwise.js';
import { opNames, opTable } from '../../src/graph/table.js';
import { autograd, fromTypedArray, Tensor } from '../../src/index.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace } from '../support/engines.js';
import type { ArrayCase, Domain } from './finite-difference-cases.js';
import { composedCases, domains, linearCases } from './finite-difference-cases.js';

// --- elementwise -------------------------------------------------------------------------------------------------------------

type ElementwiseName = keyof typeof elementwise;

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
  test.each(Object.entries(composedCases))('%s', (_, c) => {
    withWorkspace(space, () => checkGradients(space, c, 1 / 64, 1e-3));
  });

  test.each(Object.entries(composedCases))('%s: gradients of the gradient', (_, c) => {
    withWorkspace(space, () => {
      c.shapes.forEach((_, i) => {
        checkGradients(space, gradientCase(space, c, i), 1 / 64, 1e-3);
      });
    });
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Attributes, PlainArray } from '../../src/graph/op.js';
import { movement } from '../../src/graph/ops/movement.js';
import type { TemplateNode } from '../../src/graph/template.js';
import type { Guard, IndexExpr } from '../../src/kernel/index-expr.js';
import { variableIndex } from '../../src/kernel/index-expr.js';
import { flatten, readMovement, unflatten } from '../../src/schedule/movement-index.js';
import { guardHolds, indexValue, points } from '../support/index-values.js';

interface Movement {
  readonly name: keyof typeof movement;
  readonly attributes: Attributes;
  readonly shape: readonly number[];
}

function count(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Shapes of a given number of elements. */
function factorings(n: number): fc.Arbitrary<number[]> {
  return fc.array(fc.nat({ max: 30 }), { minLength: 0, maxLength: 3 }).map((picks) => {
    const shape: number[] = [];
    let left = n;
    for (const pick of picks) {
      const divisors = Array.from({ length: left }, (_, i) => i + 1).filter((d) => left % d === 0);
      const size = divisors[pick % divisors.length];
      shape.push(size);
      left /= size;
    }
    shape.push(left);
    return shape;
  });
}

function perDim<T>(shape: readonly number[], of: (size: number) => fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return shape.length === 0 ? fc.constant([]) : fc.tuple(...shape.map(of));
}

const MAX_ELEMENTS = 160;

/** A movement op that applies to a shape. */
function step(shape: readonly number[]): fc.Arbitrary<Movement> {
  const reshape = factorings(count(shape)).map((to) => ({
    name: 'reshape' as const,
    attributes: [],
    shape: to,
  }));
  const permute = fc
    .shuffledSubarray(
      shape.map((_, d) => d),
      { minLength: shape.length, maxLength: shape.length },
    )
    .map((order) => ({ name: 'permute' as const, attributes: order, shape: order.map((d) => shape[d]) }));
  const expand = perDim(shape, (size) => (size === 1 ? fc.integer({ min: 1, max: 4 }) : fc.constant(size)))
    .filter((to) => count(to) <= MAX_ELEMENTS)
    .map((to) => ({ name: 'expand' as const, attributes: [], shape: to }));
  const slice = perDim(shape, (size) =>
    fc.record({
      start: fc.nat({ max: size - 1 }),
      step: fc.constantFrom(1, 1, 1, 2, 3, -1, -2),
      keep: fc.integer({ min: 1, max: size }),
    }),
  ).map((cuts) => ({
    name: 'slice' as const,
    attributes: [...cuts.map((c) => c.start), ...cuts.map((c) => c.step)],
    shape: cuts.map((c, d) => {
      const room = c.step > 0 ? shape[d] - 1 - c.start : c.start;
      return Math.min(c.keep, Math.floor(room / Math.abs(c.step)) + 1);
    }),
  }));
  const pad = perDim(shape, () =>
    fc.record({ low: fc.nat({ max: 2 }), interior: fc.nat({ max: 2 }), high: fc.nat({ max: 2 }) }),
  )
    .map((p) => ({
      name: 'pad' as const,
      attributes: [...p.map((x) => x.low), ...p.map((x) => x.interior)],
      shape: p.map((x, d) => x.low + (shape[d] - 1) * (x.interior + 1) + 1 + x.high),
    }))
    .filter((m) => count(m.shape) <= MAX_ELEMENTS);
  return fc.oneof(reshape, permute, expand, slice, pad);
}

interface Chain {
  readonly start: readonly number[];
  readonly steps: readonly Movement[];
}

function extend(chain: Chain, more: number): fc.Arbitrary<Chain> {
  if (more === 0) return fc.constant(chain);
  const last = chain.steps.at(-1)?.shape ?? chain.start;
  return step(last).chain((s) => extend({ ...chain, steps: [...chain.steps, s] }, more - 1));
}

const chains = fc
  .tuple(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }), fc.integer({ min: 1, max: 5 }))
  .chain(([start, length]) => extend({ start, steps: [] }, length))
  .map((c) => ({
    ...c,
    toString: () =>
      `[${c.start.join(', ')}] ${c.steps.map((s) => `${s.name} {${s.attributes.join(', ')}} -> [${s.shape.join(', ')}]`).join('; ')}`,
  }));

function nodeOf(m: Movement): TemplateNode {
  return {
    op: movement[m.name],
    inputs: [0],
    attributes: m.attributes,
    shape: m.shape,
    dtype: 'int32',
    leaf: -1,
    argument: -1,
    root: false,
    handle: false,
    boundary: false,
    into: -1,
  };
}

/** 1, 2, 3, ...: zeros are padding. */
function numbered(shape: readonly number[]): PlainArray {
  return { shape, dtype: 'int32', data: Int32Array.from({ length: count(shape) }, (_, i) => i + 1) };
}

/** The elements that the reference ops move to the end of the chain. */
function moved(chain: Chain): number[] {
  const end = chain.steps.reduce<PlainArray>((x, s) => {
    const data = movement[s.name].reference([x], s.attributes, s.shape, x.dtype);
    return { shape: s.shape, dtype: x.dtype, data };
  }, numbered(chain.start));
  return Array.from(end.data, Number);
}

/** The elements that reading backwards finds. */
function readBackwards(chain: Chain): number[] {
  const end = chain.steps.at(-1)?.shape ?? chain.start;
  let index: readonly IndexExpr[] = end.map((size, d) => variableIndex(d, size));
  const guards: Guard[] = [];
  for (let i = chain.steps.length - 1; i >= 0; i--) {
    const from = i === 0 ? chain.start : chain.steps[i - 1].shape;
    const read = readMovement(nodeOf(chain.steps[i]), from, index);
    index = read.index;
    guards.push(...read.guards);
  }
  const at = flatten(chain.start, index);
  const size = count(chain.start);
  return points(end).map((v) => {
    const position = indexValue(at, v);
    // Guards decide what is real; the position must lie in memory even where nothing is.
    if (position < 0 || position >= size) throw new Error(`${position} is outside of ${size} elements`);
    return guards.every((g) => guardHolds(g, v)) ? position + 1 : 0;
  });
}

describe('movement ops read backwards', () => {
  test('find the elements that the ops move', () => {
    fc.assert(
      fc.property(chains, (chain) => {
        expect(readBackwards(chain)).toEqual(moved(chain));
      }),
      { numRuns: 2000, seed: 5 },
    );
  });

  test.each<[string, Chain]>([
    [
      'a reshape that splits and merges',
      { start: [4, 6], steps: [{ name: 'reshape', attributes: [], shape: [3, 8] }] },
    ],
    ['a flip', { start: [5], steps: [{ name: 'slice', attributes: [4, -1], shape: [5] }] }],
    [
      'a flip, then a reshape',
      {
        start: [3, 4],
        steps: [
          { name: 'slice', attributes: [2, 3, -1, -1], shape: [3, 4] },
          { name: 'reshape', attributes: [], shape: [2, 6] },
        ],
      },
    ],
    [
      'a flip of rows that were merged out of padding',
      {
        start: [1, 4, 1],
        steps: [
          { name: 'expand', attributes: [], shape: [1, 4, 3] },
          { name: 'pad', attributes: [0, 1, 0, 1, 0, 0], shape: [3, 5, 3] },
          { name: 'reshape', attributes: [], shape: [9, 5, 1] },
          { name: 'slice', attributes: [3, 2, 0, 2, 1, 2], shape: [3, 3, 1] },
          { name: 'slice', attributes: [1, 0, 0, -1, 1, 1], shape: [2, 1, 1] },
        ],
      },
    ],
    [
      'padding between elements of a transpose',
      {
        start: [2, 3],
        steps: [
          { name: 'permute', attributes: [1, 0], shape: [3, 2] },
          { name: 'pad', attributes: [1, 0, 1, 2], shape: [7, 5] },
        ],
      },
    ],
  ])('%s', (_, chain) => {
    expect(readBackwards(chain)).toEqual(moved(chain));
  });

  test('flatten undoes unflatten', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 }), (shape) => {
        const position = variableIndex(0, count(shape));
        const there = unflatten(shape, position);
        for (let i = 0; i < count(shape); i++) {
          expect(indexValue(flatten(shape, there), [i])).toBe(i);
          there.forEach((e, d) => {
            expect(indexValue(e, [i])).toBeLessThan(shape[d]);
          });
        }
      }),
      { seed: 12 },
    );
  });
});

/** What the steps of a scan keep for its gradient. */
import { describe, expect, test } from 'vitest';
import type { DType } from '../../src/base/dtype.js';
import { RegionBuilder } from '../../src/graph/regions/builder.js';
import { keptNodes } from '../../src/graph/regions/kept.js';
import type { Region } from '../../src/graph/regions/region.js';
import type { Position } from '../../src/graph/template-emitter.js';

const [BATCH, WIDTH] = [4, 3];

/** The product of a carry and a weight, of some times the carry's columns, and what `body` makes of it: the next carry first. */
function region(
  times: number,
  body: (e: RegionBuilder, product: Position, carry: Position) => readonly Position[],
): Region {
  const e = new RegionBuilder();
  const type = (...shape: number[]): { shape: number[]; dtype: DType } => ({ shape, dtype: 'float32' });
  const carry = e.parameter(type(BATCH, WIDTH));
  const weight = e.parameter(type(WIDTH, times * WIDTH));
  const product = e.dot(carry, weight, {
    lhsBatch: [],
    rhsBatch: [],
    lhsContract: [1],
    rhsContract: [0],
  });
  return e.finish({ carries: [carry], slices: [], invariants: [weight] }, body(e, product, carry));
}

const part = (e: RegionBuilder, x: Position, i: number): Position =>
  e.slice(x, [0, i * WIDTH], [1, 1], [BATCH, WIDTH]);

/** Names of the ops that are kept. */
function kept(of: Region): string[] {
  return [...keptNodes(of)].map((at) => of.nodes[at].op.name).sort();
}

describe('what steps keep', () => {
  test('gates after their functions in place of the product they are parts of', () => {
    const gates = region(2, (e, product, carry) => {
      const [a, b] = [e.unary('sigmoid', part(e, product, 0)), e.unary('tanh', part(e, product, 1))];
      return [e.arithmetic('add', e.arithmetic('mul', a, carry), b)];
    });
    expect(kept(gates)).toEqual(['dot', 'sigmoid', 'tanh']);
  });

  test('a part that is multiplied by, beside those that go through functions', () => {
    const gated = region(2, (e, product) => [
      e.arithmetic('mul', e.unary('sigmoid', part(e, product, 0)), part(e, product, 1)),
    ]);
    expect(kept(gated)).toEqual(['dot', 'sigmoid', 'slice']);
  });

  test('the product where something needs it as it is', () => {
    const both = region(1, (e, product) => [e.arithmetic('mul', e.unary('sigmoid', product), product)]);
    expect(kept(both)).toEqual(['dot']);
    const none = region(1, (e, product) => [e.arithmetic('mul', product, product)]);
    expect(kept(none)).toEqual(['dot']);
  });

  test('the product where what stands for it takes more memory', () => {
    const twice = region(1, (e, product) => [
      e.arithmetic('mul', e.unary('sigmoid', product), e.unary('tanh', product)),
    ]);
    expect(kept(twice)).toEqual(['dot']);
  });

  test('the product where only parts of it are needed, and no function stands for it', () => {
    const parts = region(2, (e, product) => [e.arithmetic('mul', part(e, product, 0), part(e, product, 1))]);
    expect(kept(parts)).toEqual(['dot']);
  });

  test('the product where its comparison is what is used', () => {
    const chosen = region(1, (e, product, carry) => {
      const isLess = e.compare('lt', product, carry);
      return [e.where(isLess, e.unary('sigmoid', product), carry)];
    });
    expect(kept(chosen)).toEqual(['dot']);
  });

  test('long chains of sums of a value with itself are walked once', () => {
    const doubled = region(1, (e, product) => {
      let sum = product;
      for (let i = 0; i < 60; i++) sum = e.arithmetic('sub', e.arithmetic('add', sum, product), sum);
      return [e.unary('tanh', sum)];
    });
    expect(kept(doubled)).toEqual(['dot', 'tanh']);
  });
});

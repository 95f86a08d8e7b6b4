/** Parts that are put together and seen in another order. */
import { describe, expect, test } from 'vitest';
import type { DType } from '../../src/base/dtype.js';
import { joinedInOrder } from '../../src/graph/rewrites/joined-parts.js';
import { type Position, TemplateEmitter } from '../../src/graph/template-emitter.js';
import { explain, functional as F, fromTypedArray, type Tensor } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

const PARTS = 3;

/** The sum of parts [a, b, run], each in its place along a new first dimension. */
function joined(e: TemplateEmitter, [a, b, run]: readonly number[]): { x: Position; parts: number[] } {
  const dtype: DType = 'float32';
  const pads = Array.from({ length: PARTS }, (_, i) => {
    const part = e.constant(i, dtype, [1, a, b, run]);
    return e.pad(part, [i, 0, 0, 0], [0, 0, 0, 0], [PARTS, a, b, run]);
  });
  const x = pads.reduce((sum, p) => e.arithmetic('add', sum, p));
  return { x, parts: pads.map((p) => p.at) };
}

describe('a sum of parts under a permutation', () => {
  const all = (): boolean => true;

  test('is a sum of permuted parts', () => {
    const e = new TemplateEmitter();
    const { x } = joined(e, [2, 5, 16]);
    const made = joinedInOrder(e, x, [1, 0, 2, 3], all);
    expect(made?.shape).toEqual([2, PARTS, 5, 16]);
    const names = made === null ? [] : [made.at, ...e.nodes[made.at].inputs].map((at) => e.nodes[at].op.name);
    expect(names).toEqual(['add', 'add', 'pad']);
  });

  test('stays as it is where neighbours would come apart, or are few', () => {
    const e = new TemplateEmitter();
    expect(joinedInOrder(e, joined(e, [2, 5, 16]).x, [0, 3, 2, 1], all)).toBeNull();
    expect(joinedInOrder(e, joined(e, [2, 5, 4]).x, [1, 0, 2, 3], all)).toBeNull();
  });

  test('stays as it is where the sum or a part has another reader', () => {
    const e = new TemplateEmitter();
    const { x, parts } = joined(e, [2, 5, 16]);
    const without = (other: number) => joinedInOrder(e, x, [1, 0, 2, 3], (at) => at !== other);
    expect(without(x.at)).toBeNull();
    expect(without(parts[1])).toBeNull();
  });

  test('stays as it is where it is no sum of parts', () => {
    const e = new TemplateEmitter();
    const { x } = joined(e, [2, 5, 16]);
    expect(joinedInOrder(e, e.unary('exp', x), [1, 0, 2, 3], all)).toBeNull();
    expect(joinedInOrder(e, e.arithmetic('add', x, e.unary('exp', x)), [1, 0, 2, 3], all)).toBeNull();
  });
});

/** Whole numbers, so that sums are exact in any order. */
function some(seed: number, ...shape: number[]): Tensor {
  const data = Float32Array.from(
    { length: shape.reduce((a, b) => a * b, 1) },
    (_, i) => ((i * 7 + seed * 5) % 13) - 6,
  );
  return fromTypedArray(data, shape);
}

onEveryEngine('gradients of parts of a product', ({ run }) => {
  /** Sizes of batch, steps, heads and what stays last, and the order of the first three behind the parts. */
  test.each([
    [2, 6, 2, 16, [0, 2, 1]],
    [1, 5, 3, 8, [2, 1, 0]],
    [3, 2, 2, 33, [1, 2, 0]],
    [2, 3, 1, 5, [2, 0, 1]],
  ] as const)('are those of the whole: %j %j %j %j %j', (batch, steps, heads, width, order) =>
    run(() => {
      const [x, w] = [some(1, batch, steps, 4), some(2, PARTS * heads * width, 4)];
      const bias = some(3, PARTS * heads * width);
      for (const t of [x, w, bias]) t.requiresGrad_();
      const whole = F.linear(x, w, bias).reshape([batch, steps, PARTS, heads, width]);
      const dims = order.map((d) => [0, 1, 3][d]);
      const parts = whole.permute([2, ...dims, 4]);
      const slopes = some(4, ...parts.shape);
      const sums = Array.from({ length: PARTS }, (_, i) => parts.select(0, i).mul(slopes.select(0, i)).sum());
      sums.reduce((a, b) => a.add(b)).backward();

      const at = (d: number): number => dims.indexOf(d) + 1;
      const gradient = slopes.permute([at(0), at(1), 0, at(3), 4]).reshape([batch * steps, -1]);
      const rows = x.detach().reshape([batch * steps, 4]);
      expect(numbers(w.grad ?? x)).toEqual(numbers(gradient.t().matmul(rows)));
      expect(numbers(bias.grad ?? x)).toEqual(numbers(gradient.sum(0)));
      expect(numbers(x.grad ?? w)).toEqual(numbers(gradient.matmul(w.detach())));
    }),
  );

  test('are stored as products read them', () =>
    run(() => {
      const [x, w] = [some(1, 2, 6, 4), some(2, PARTS * 2 * 16, 4)];
      for (const t of [x, w]) t.requiresGrad_();
      const parts = F.linear(x, w).reshape([2, 6, PARTS, 2, 16]).permute([2, 0, 3, 1, 4]);
      const slopes = some(4, ...parts.shape);
      const sums = Array.from({ length: PARTS }, (_, i) => parts.select(0, i).mul(slopes.select(0, i)).sum());
      sums.reduce((a, b) => a.add(b)).backward();
      const sizes = explain(w.grad ?? x).kernels.map((k) => k.size);
      expect(sizes).toContain('2 x 6 x 3 x 2 x 16');
    }));
});

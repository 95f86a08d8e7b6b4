/** What is pointwise after parts were put side by side. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pointwiseInParts } from '../../src/graph/rewrites/interleaved-pointwise.js';
import { opTable } from '../../src/graph/table.js';

import { type Position, plain, TemplateEmitter } from '../../src/graph/template-emitter.js';
import { explain, functional as F, fromTypedArray, type Tensor } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

const tile = [2, 2];
const partShape = [3, 4, 5];

/** Values in memory. */
function leaf(e: TemplateEmitter, shape: readonly number[]): Position {
  const at = e.nodes.push({
    op: opTable.buffer,
    inputs: [],
    attributes: [],
    shape,
    dtype: 'float32',
    ...plain,
    leaf: 0,
  });
  return e.position(at - 1);
}

function putTogether(e: TemplateEmitter, sizes: readonly number[] = tile): Position {
  const count = sizes.reduce((a, b) => a * b, 1);
  return e.interleave(
    Array.from({ length: count }, () => leaf(e, partShape)),
    sizes,
  );
}

/** The op of the newest node, taken apart or not. */
function inParts(e: TemplateEmitter, made: Position, isOwn: (at: number) => boolean): Position | null {
  const n = e.nodes[made.at];
  return pointwiseInParts(
    e,
    n,
    n.inputs.map((x) => e.position(x)),
    isOwn,
  );
}

const all = (): boolean => true;

describe('an op after an interleaving', () => {
  test('is an interleaving of ops', () => {
    const e = new TemplateEmitter();
    const x = putTogether(e);
    const y = leaf(e, x.shape);
    const made = inParts(e, e.arithmetic('sub', y, x), all);
    if (made === null) throw new Error('it stayed as it was');
    expect(made.shape).toEqual(x.shape);
    const { op, inputs, attributes } = e.nodes[made.at];
    expect([op.name, attributes]).toEqual(['interleave', tile]);
    inputs.forEach((at, part) => {
      const [left, right] = e.nodes[at].inputs;
      expect(e.nodes[at].op.name).toBe('sub');
      expect(e.nodes[left].attributes).toEqual([0, Math.floor(part / 2), part % 2, 1, 2, 2]);
      expect(right).toBe(e.nodes[x.at].inputs[part]);
    });
  });

  test.each<[string, (e: TemplateEmitter) => Position, (at: number, x: Position) => boolean]>([
    ['the interleaving has another reader', (e) => e.unary('neg', putTogether(e)), () => false],
    ['there are many parts', (e) => e.unary('neg', putTogether(e, [3, 2])), all],
    ['the result takes more room', (e) => e.cast(putTogether(e), 'float64'), all],
    ['nothing is interleaved', (e) => e.unary('neg', leaf(e, partShape)), all],
    [
      'what is put together is wanted as it is',
      (e) => {
        const x = putTogether(e);
        e.nodes[x.at] = { ...e.nodes[x.at], boundary: true };
        return e.unary('neg', x);
      },
      all,
    ],
    [
      'the other operand takes many ops',
      (e) => {
        const x = putTogether(e);
        let y = leaf(e, x.shape);
        for (let i = 0; i < 30; i++) y = e.unary('neg', y);
        return e.arithmetic('add', x, y);
      },
      all,
    ],
    [
      'the other operand is drawn',
      (e) => {
        const x = putTogether(e);
        return e.arithmetic('mul', x, e.emit(opTable.random, [], [], x.shape, 'float32'));
      },
      all,
    ],
  ])('stays where %s', (_, make, isOwn) => {
    const e = new TemplateEmitter();
    const x = make(e);
    expect(inParts(e, x, (at) => isOwn(at, x))).toBeNull();
  });
});

function some(data: readonly number[], shape: readonly number[]): Tensor {
  return fromTypedArray(Float32Array.from(data), shape);
}

onEveryEngine('a ReLU under a max-pool', ({ run }) => {
  test('has its gradient at the first of the largest elements of a window, if that is above zero', () =>
    run(() =>
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 3 }),
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 1, max: 20 }),
          fc.infiniteStream(fc.integer({ min: -3, max: 3 })),
          (channels, rows, columns, stream) => {
            const [height, width] = [2 * rows, 2 * columns];
            const draw = (count: number): number[] =>
              Array.from({ length: count }, () => Number(stream.next().value));
            const values = draw(channels * height * width);
            const slopes = draw(channels * rows * columns);
            const x = some(values, [1, channels, height, width]).requiresGrad_();
            const y = F.maxPool2d(x.mul(1).relu(), 2);
            y.mul(some(slopes, y.shape)).sum().backward();
            const expected = values.map(() => 0);
            slopes.forEach((slope, i) => {
              const [column, row] = [i % columns, Math.floor(i / columns)];
              const first = 2 * row * width + 2 * column;
              const places = [first, first + 1, first + width, first + width + 1];
              const best = places.reduce((a, b) => (values[b] > Math.max(values[a], 0) ? b : a));
              if (values[best] > 0) expected[best] = slope;
            });
            expect(numbers(x.grad ?? y)).toEqual(expected.map((v) => v + 0));
          },
        ),
        { numRuns: 12 },
      ),
    ));

  test('writes one gradient of its size', () =>
    run(() => {
      const x = some(
        Array.from({ length: 2 * 8 * 8 * 8 }, (_, i) => ((i * 7) % 13) - 6),
        [2, 8, 8, 8],
      );
      const bias = some(
        Array.from({ length: 8 }, (_, i) => i - 4),
        [1, 8, 1, 1],
      ).requiresGrad_();
      const y = F.maxPool2d(x.add(bias).relu(), 2);
      y.sum().backward();
      const names = explain(bias.grad ?? y).kernels.map((k) => k.name);
      expect(names.filter((name) => name.includes('interleave'))).toHaveLength(1);
      expect(names.filter((name) => name.startsWith('row_sum'))).toHaveLength(1);
    }));
});

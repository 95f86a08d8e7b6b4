/** Programs in which random testing found defects, as it shrank them. */
import { describe, expect, it } from 'vitest';
import { Bench, examine } from '../support/agreement.js';
import type { Program } from '../support/program.js';

const three = { shape: [3], dtype: 'float32', data: [2.5, -0.5, -2] } as const;

const found: { readonly [what: string]: Program } = {
  // Only the guards of the kernel had positions out of memory in them, and it was given no place to note errors in.
  'positions of a gather in a guard': {
    inputs: [
      { shape: [1], dtype: 'float32', data: [2.5] },
      { shape: [2], dtype: 'int64', data: [1, 0] },
    ],
    steps: [
      ['diagEmbed', [0], -1, -2, -1],
      ['crossEntropy', [2, 1], 'mean'],
      ['add', [3, 3]],
    ],
    outputs: [0, 2, 3, 4],
  },
  // Whether a product with a vector was a tile or a sum along rows hung on its operand being a view.
  'a product of vectors, one of them turned': {
    inputs: [
      {
        shape: [2, 1, 5],
        dtype: 'float32',
        data: [2, -1.1, 1.5, 0.2, -2.4, -1.4, 0.9, 1.7, 2.2, -0.5].map(Math.fround),
      },
    ],
    steps: [
      ['movedim', [0], 1, 2],
      ['div', [0, 0]],
      ['matmul', [2, 1]],
      ['add', [3, 3]],
    ],
    outputs: [1, 2, 3, 4],
  },
  // The position was loaded ahead of a loop of no rounds, from an index without elements.
  'a lookup of nothing': {
    inputs: [
      { shape: [3, 1], dtype: 'float32', data: [2.5, -0.5, -2], grad: true },
      { shape: [2, 0], dtype: 'int64', data: [] },
    ],
    steps: [
      ['embedding', [1, 0], null],
      ['sum', [2], null, false],
      ['sum', [2], 1, true],
      ['prod', [2], 1, false],
      ['backward', [3]],
    ],
    outputs: [2, 3, 4, 5],
  },
  'a lookup of nothing in an empty table, reduced': {
    inputs: [
      { shape: [0, 4], dtype: 'float32', data: [] },
      { shape: [0], dtype: 'int32', data: [] },
    ],
    steps: [
      ['indexSelect', [0, 1], 0],
      ['sum', [2], 0, false],
      ['sum', [2], 1, true],
      ['any', [2], 0, false],
    ],
    outputs: [2, 3, 4, 5],
  },
  'a product over no elements of a lookup of nothing': {
    inputs: [
      { shape: [3, 2], dtype: 'float32', data: [1, 2, 3, 4, 5, 6], grad: true },
      { shape: [0], dtype: 'int64', data: [] },
    ],
    steps: [
      ['indexSelect', [0, 1], 0],
      ['transpose', [2], 0, 1],
      ['matmul', [3, 2]],
      ['matmul', [2, 3]],
      ['add', [4], 1],
      ['backward', [6]],
    ],
    outputs: [2, 3, 4, 5, 6],
  },
  // What was asked for only moves elements, and was taken for something that reads them where it lies itself.
  'a result that is a gather of another shape than its table': {
    inputs: [three],
    steps: [
      ['pow', [0, 0]],
      ['reshape', [1], [1, 3]],
      ['maxValues', [2], 0, false],
      ['add', [3, 3]],
    ],
    outputs: [3, 4],
  },
  // Which of 0 and -0 a reduction gave hung on the order in which its kernel compared lanes.
  'a maximum of zeros of both signs': {
    inputs: [three],
    steps: [
      ['any', [0], null],
      ['xlogy', [0, 1]],
      ['add', [2, 2]],
      ['medianValues', [3], 0, false],
      ['amax', [3], null, false],
      ['add', [5, 5]],
    ],
    outputs: [0, 1, 2, 3, 4, 5, 6],
  },
};

describe('programs that random testing found', () => {
  const bench = new Bench();
  it.each(Object.entries(found))('%s', (_, program) => {
    expect(examine(bench, program).difference).toBeNull();
  });
});

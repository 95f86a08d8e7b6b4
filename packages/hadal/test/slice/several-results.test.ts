/** Ops with several results: one node computes them together, whichever of them is asked for, and when. */
import { expect, test } from 'vitest';
import { autograd, explain, tensor } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

const rows = [
  [3, 1, 2],
  [5, 9, 7],
];

onEveryEngine('ops with several results', ({ run }) => {
  test('both results come from one kernel', () =>
    run(() => {
      const { values, indices } = tensor(rows).sort();
      expect(explain(values, indices).kernels.length).toBe(1);
      expect(numbers(values)).toEqual([1, 2, 3, 5, 7, 9]);
      expect(numbers(indices)).toEqual([1, 2, 0, 0, 2, 1]);
    }));

  test('reading one writes the other, which outlives an update of what they came from', () =>
    run(() => {
      for (const first of ['values', 'indices'] as const) {
        const x = tensor(rows);
        const sorted = x.sort();
        numbers(sorted[first]);
        x.mul_(-1);
        numbers(x);
        expect(numbers(sorted.values)).toEqual([1, 2, 3, 5, 7, 9]);
        expect(numbers(sorted.indices)).toEqual([1, 2, 0, 0, 2, 1]);
      }
    }));

  test('a result that nobody holds is not written', () =>
    run(() => {
      const indices = tensor(rows).sort().indices.mul(2);
      expect(numbers(indices)).toEqual([2, 4, 0, 0, 4, 2]);
      const values = tensor(rows).sort().values.add(1);
      expect(numbers(values)).toEqual([2, 3, 4, 6, 8, 10]);
    }));

  test('gradients go through the results that have one', () =>
    run(() => {
      const x = tensor(rows).requiresGrad_();
      const { values } = x.sort(-1, { descending: true });
      const weights = tensor([1, 10, 100]);
      const [g] = autograd.grad(values.mul(values).mul(weights).sum(), x, { createGraph: true });
      expect(numbers(g)).toEqual([6, 200, 40, 1000, 18, 140]);
      const [second] = autograd.grad(g.sum(), x);
      expect(numbers(second)).toEqual([2, 200, 20, 200, 2, 20]);
    }));
});

import { describe, expect, test } from 'vitest';
import { functional as F, tensor } from '../../src/index.js';
import { testAgainstPyTorch } from '../support/fixtures.js';

testAgainstPyTorch('losses');

describe('crossEntropy of a class that cannot be', () => {
  const logits = tensor([
    [Number.NEGATIVE_INFINITY, 0, 0],
    [0, 1, 2],
  ]);

  // As PyTorch has it: the number of samples that count does not depend on their losses.
  test.each([{}, { ignoreIndex: -100 }, { labelSmoothing: 1e-4 }, { weight: tensor([1, 1, 1]) }])(
    'is infinite, %#',
    (options) => {
      expect(F.crossEntropy(logits, tensor([0n, 1n]), options).itemSync()).toBe(Number.POSITIVE_INFINITY);
    },
  );

  test('does not matter where it is ignored', () => {
    const loss = F.crossEntropy(logits, tensor([0n, 1n]), { ignoreIndex: 0 });
    expect(Number(loss.itemSync())).toBeCloseTo(Math.log(Math.E ** -1 + 1 + Math.E), 6);
  });
});

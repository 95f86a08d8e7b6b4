/** What the programs of the fixtures cannot say: tensors that are made from one number, and engines after an error. */
import { expect, test } from 'vitest';
import type { DType } from '../../src/index.js';
import {
  DTypeError,
  functional as F,
  fromTypedArray,
  full,
  IndexError,
  noGrad,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

forEachEngine('tensors of one number', (space) => {
  test.each<[DType, number, number]>([
    ['float32', 1.5, 1.5],
    ['int32', -2.7, -2],
    ['int64', 2.7, 2],
    ['uint8', 300, 44],
    ['uint8', -1, 255],
    ['bool', 7, 1],
    ['bool', 0.5, 1],
    ['bool', 0, 0],
  ])('full of %s with %d holds %d', (dtype, value, expected) => {
    withWorkspace(space, () => {
      expect(numbers(full([], value, { dtype }))).toEqual([expected]);
      expect(numbers(full([3], value, { dtype }))).toEqual([expected, expected, expected]);
    });
  });

  test('can be computed with, updated in place and viewed', () => {
    withWorkspace(space, () => {
      const x = full([], 3);
      expect(numbers(x.add(1))).toEqual([4]);
      x.mul_(2);
      expect(numbers(x)).toEqual([6]);
      x.fill_(5);
      expect(numbers(x.expand([2]))).toEqual([5, 5]);
      expect(numbers(x.reshape([1]))).toEqual([5]);
      expect(numbers(full([2, 0], 1))).toEqual([]);
    });
  });

  test('as leaves get gradients', () => {
    withWorkspace(space, () => {
      const w = full([], 3, { requiresGrad: true });
      w.mul(w).backward();
      expect(w.grad && numbers(w.grad)).toEqual([6]);
      noGrad(() => w.sub_(1));
      expect(numbers(w)).toEqual([2]);
    });
  });

  test('a bool does not take a number in place', () => {
    withWorkspace(space, () => {
      const x = tensor([true, false]);
      expect(() => x.add_(1)).toThrow(DTypeError);
      expect(numbers(x)).toEqual([1, 0]);
    });
  });

  test('conversions to integers are off the tape', () => {
    withWorkspace(space, () => {
      expect(zeros([2], { requiresGrad: true }).to('int64').requiresGrad).toBe(false);
      expect(zeros([2], { requiresGrad: true }).gt(0).requiresGrad).toBe(false);
    });
  });
});

forEachEngine('an index out of range', (space) => {
  const loss = (logits: Tensor, index: number): Tensor =>
    F.crossEntropy(logits, fromTypedArray(BigInt64Array.of(0n, BigInt(index)), [2]));
  const wrong = (index: number): Tensor => loss(fromTypedArray(new Float32Array(6), [2, 3]), index);

  test.each([3, -1, 1000])('%d of 3 classes is an error when the loss is read', (index) => {
    withWorkspace(space, () => {
      const late = wrong(index);
      expect(() => late.itemSync()).toThrow(IndexError);
    });
  });

  test('is an error as well where what is looked up is one number everywhere', () => {
    withWorkspace(space, () => {
      expect(() => loss(zeros([2, 3]), 3).itemSync()).toThrow(IndexError);
    });
  });

  test('leaves the engine as it was: what is computed after it is right', () => {
    withWorkspace(space, () => {
      const w = tensor([1, 2, 3], { requiresGrad: true });
      expect(() => wrong(7).itemSync()).toThrow(IndexError);
      w.mul(w).sum().backward();
      expect(w.grad && numbers(w.grad)).toEqual([2, 4, 6]);
      noGrad(() => w.sub_(1));
      expect(numbers(w)).toEqual([0, 1, 2]);
      expect(Number(wrong(2).itemSync())).toBeCloseTo(Math.log(3), 5);
    });
  });

  test('does not lose an update in place that was pending beside it', () => {
    withWorkspace(space, () => {
      const x = tensor([1, 2, 3]);
      x.add_(1);
      const y = x.mul(2);
      expect(() => wrong(7).itemSync()).toThrow(IndexError);
      expect(numbers(x)).toEqual([2, 3, 4]);
      expect(numbers(y)).toEqual([4, 6, 8]);
    });
  });
});

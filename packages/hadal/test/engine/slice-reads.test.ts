/** Reading parts of tensors in a loop: no plan for each position, and the values are those of the moment. */
import { expect, test } from 'vitest';
import { compile, engine, fromTypedArray, noGrad, type Tensor } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';

function counted(...shape: number[]): Tensor {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1);
  return fromTypedArray(data, shape);
}

function numbers(t: Tensor): number[] {
  return Array.from(t.dataSync(), Number);
}

onEveryEngine('parts that are read', ({ run }) => {
  test('of what is in memory run nothing', () =>
    run(() => {
      const x = counted(6, 5);
      x.dataSync();
      const { runs, plans } = engine().statistics;
      for (let i = 0; i < 6; i++) {
        expect(numbers(x.index(i))).toEqual([1, 2, 3, 4, 5].map((v) => v + 5 * i));
        expect(x.index(i, 3).itemSync()).toBe(5 * i + 4);
      }
      expect(numbers(x.narrow(0, 2, 2).view([5, 2]).index(1))).toEqual([13, 14]);
      expect(engine().statistics).toMatchObject({ runs, plans });
      // What does not lie together has to be gathered.
      expect(numbers(x.index(':', 1))).toEqual([2, 7, 12, 17, 22, 27]);
    }));

  test('of what is pending have it computed once', () =>
    run(() => {
      const x = counted(8).exp().mul(2);
      const { runs } = engine().statistics;
      const read = Array.from({ length: 8 }, (_, i) => Number(x.index(i).itemSync()));
      expect(engine().statistics.runs).toBe(runs + 1);
      expect(read).toEqual(numbers(x));
    }));

  test('stay what they were when the whole is changed', () =>
    run(() => {
      const x = counted(4, 3);
      x.dataSync();
      const row = x.index(1).clone();
      const view = x.index(2);
      expect(numbers(view)).toEqual([7, 8, 9]);
      const before = x.index(0).add(0);
      noGrad(() => x.mul_(10));
      expect(numbers(view)).toEqual([70, 80, 90]);
      expect(numbers(row)).toEqual([4, 5, 6]);
      expect(numbers(before)).toEqual([1, 2, 3]);
      x.setIndex(5, 1, 1);
      expect(x.index(1, 1).itemSync()).toBe(5);
      expect(numbers(x.index(1))).toEqual([40, 5, 60]);
    }));

  test('run what else is pending, as any reading does', () =>
    run(() => {
      const x = counted(4);
      x.dataSync();
      const pending = counted(3).mul(2);
      expect(x.index(2).itemSync()).toBe(3);
      expect(engine().isIdle).toBe(true);
      expect(numbers(pending)).toEqual([2, 4, 6]);
    }));

  test('have gradients, and take part in what comes after', () =>
    run(() => {
      const x = counted(3).requiresGrad_();
      const y = x.square();
      const part = y.index(1);
      expect(part.itemSync()).toBe(4);
      part.mul(3).backward();
      expect(numbers(x.grad ?? y)).toEqual([0, 12, 0]);
    }));

  test('in a compiled function are those of each call', () =>
    run(() => {
      const f = compile((x: Tensor) => x.mul(2).index(1));
      for (let i = 0; i < 4; i++) expect(f(counted(3).add(i)).itemSync()).toBe(2 * (2 + i));
    }));
});

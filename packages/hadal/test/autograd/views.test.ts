/** Gradients for views and for views of them; expected values from PyTorch. */
import { describe, expect, test } from 'vitest';
import { AutogradError, arange, autograd, noGrad, slice, type Tensor, tensor } from '../../src/index.js';

const leaf = (): Tensor =>
  tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { requiresGrad: true },
  );

describe('a view of a view', () => {
  test('gives its gradient to the one it was made of', () => {
    const x = leaf();
    const row = x.index(1);
    const [g] = autograd.grad(row.index(0).mul(row.index(1)), row);
    expect(g.tolistSync()).toEqual([4, 3]);
  });

  test('is seen by hooks and retainGrad of the one it was made of', () => {
    const x = leaf();
    const row = x.mul(1).reshape([4]);
    row.retainGrad();
    row.registerHook((g) => g.mul(100));
    row.reshape([2, 2]).t().index(0).sum().backward();
    expect(row.grad?.tolistSync()).toEqual([100, 0, 100, 0]);
    expect(x.grad?.tolistSync()).toEqual([
      [100, 0],
      [100, 0],
    ]);
  });

  test('follows when the storage is changed, with the hooks', () => {
    const x = leaf();
    const y = x.mul(1);
    const flat = y.reshape([4]);
    const tail = flat.index(slice(2));
    const seen: unknown[] = [];
    y.mul_(2);
    flat.registerHook((g) => {
      seen.push(g.tolistSync());
    });
    tail.sum().backward();
    expect(seen).toEqual([[0, 0, 1, 1]]);
    expect(x.grad?.tolistSync()).toEqual([
      [0, 0],
      [2, 2],
    ]);
  });

  test('made before the other became a leaf is none of it', () => {
    const base = arange(4).float();
    const half = base.index(slice(2));
    const before = half.index(0);
    half.requiresGrad_();
    expect([before.requiresGrad, half.index(0).requiresGrad, base.requiresGrad]).toEqual([
      false,
      true,
      false,
    ]);
    half.index(1).mul(3).backward();
    expect(half.grad?.tolistSync()).toEqual([0, 3]);
  });

  test('made without gradients stays off the tape', () => {
    const y = leaf().mul(1);
    const off = noGrad(() => y.index(0));
    expect([off.requiresGrad, off.index(0).requiresGrad, y.index(0).requiresGrad]).toEqual([
      false,
      false,
      true,
    ]);
    expect(() => off.index(0).backward()).toThrow(AutogradError);
  });

  test('chains are longer than the stack is deep', () => {
    const x = arange(4).float();
    let v = x;
    for (let i = 0; i < 20_000; i++) v = v.unsqueeze(0).squeeze(0);
    expect(v.shape).toEqual([4]);
  });
});

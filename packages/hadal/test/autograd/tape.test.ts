/** What tensors tell of the tape: leaves, hooks and their handles, grad, errors of backward. */
import { describe, expect, test } from 'vitest';
import {
  ArgumentError,
  AutogradError,
  autograd,
  DTypeError,
  enableGrad,
  noGrad,
  ones,
  optim,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

const leaf = (...data: number[]): Tensor => tensor(data, { requiresGrad: true });
const list = (t: Tensor | null): unknown => t?.tolistSync();

describe('leaves', () => {
  test('are what the user made', () => {
    const x = leaf(1, 2);
    const y = x.mul(2);
    expect([x.isLeaf, y.isLeaf, ones([2]).isLeaf, y.detach().isLeaf]).toEqual([true, false, true, true]);
    expect([x.requiresGrad, y.requiresGrad, ones([2]).requiresGrad]).toEqual([true, true, false]);
    expect(noGrad(() => x.mul(2)).isLeaf).toBe(true);
  });

  test('requiresGrad_', () => {
    expect(() => tensor([1n]).requiresGrad_()).toThrow(DTypeError);
    const y = leaf(1).mul(2);
    expect(y.requiresGrad_()).toBe(y);
    expect(() => y.requiresGrad_(false)).toThrow(/only leaves .* result of MulBackward; use detach/);
    expect(leaf(1).requiresGrad_(false).requiresGrad).toBe(false);
  });

  test('an alias or a view of a tensor off the tape can be a leaf of its own', () => {
    const x = zeros([4]);
    const v = x.narrow(0, 1, 2).requiresGrad_();
    expect([x.requiresGrad, v.requiresGrad, v.isLeaf]).toEqual([false, true, true]);
    v.mul(tensor([3, 4]))
      .sum()
      .backward();
    expect([list(v.grad), x.grad]).toEqual([[3, 4], null]);
    expect(() => v.add_(1)).toThrow(AutogradError);
    expect(() => v.narrow(0, 0, 1).add_(1)).toThrow(/a view of a leaf/);
    noGrad(() => v.narrow(0, 0, 1).add_(7));
    expect(list(x)).toEqual([0, 7, 0, 0]);
    v.mul(v).sum().backward();
    expect(list(v.grad)).toEqual([17, 4]);
    expect(v.requiresGrad_(false).requiresGrad).toBe(false);
  });

  test('a detached alias and a view have no grad of the tensor they are of', () => {
    const x = leaf(1, 2);
    x.mul(2).sum().backward();
    expect([x.detach().grad, x.reshape([2, 1]).grad]).toEqual([null, null]);
  });
});

describe('grad', () => {
  test('is the same tensor until it is dropped', () => {
    const x = leaf(1, 2);
    x.mul(2).sum().backward();
    expect(x.grad).toBe(x.grad);
    expect(x.grad?.requiresGrad).toBe(false);
    x.grad = null;
    expect(x.grad).toBeNull();
  });

  test('can be set, to a tensor of the same shape and dtype, and is that tensor', () => {
    const x = leaf(1, 2);
    const g = tensor([5, 6]);
    x.grad = g;
    expect(x.grad).toBe(g);
    x.mul(1).sum().backward();
    expect(list(g)).toEqual([6, 7]);
    expect(() => {
      x.grad = ones([3]);
    }).toThrow(ShapeError);
    expect(() => {
      x.grad = ones([2]).to('int64');
    }).toThrow(DTypeError);
  });

  test('of a gradient that is on the tape is not, without createGraph', () => {
    const [x, seed] = [leaf(1, 2), leaf(3, 4)];
    x.add(1).backward(seed);
    expect(x.grad?.requiresGrad).toBe(false);
    const [g] = autograd.grad(x.add(1), x, { gradOutputs: seed });
    expect(g.requiresGrad).toBe(false);
    const [h] = autograd.grad(x.add(1), x, { gradOutputs: seed, createGraph: true });
    expect(h.requiresGrad).toBe(true);
  });
});

describe('hooks', () => {
  test('run in order, and not after they were removed', () => {
    const order: string[] = [];
    const x = leaf(1);
    const hook = (name: string) => x.registerHook(() => void order.push(name));
    const [a] = [hook('a'), hook('b')];
    x.registerPostAccumulateGradHook(() => void order.push('after'));
    x.mul(2).sum().backward();
    a.remove();
    a.remove();
    x.mul(2).sum().backward();
    expect(order).toEqual(['a', 'b', 'after', 'b', 'after']);
  });

  test('may remove themselves', () => {
    const x = leaf(1);
    let calls = 0;
    const handle = x.registerHook(() => {
      calls++;
      handle.remove();
    });
    for (let i = 0; i < 3; i++) x.mul(2).sum().backward();
    expect(calls).toBe(1);
  });

  test('of a leaf stay when it stops requiring a gradient for a while, and when it is updated', () => {
    const x = leaf(1, 1);
    x.registerHook((g) => g.mul(10));
    x.requiresGrad_(false).requiresGrad_();
    noGrad(() => x.add_(1));
    x.mul(x).sum().backward();
    expect(list(x.grad)).toEqual([40, 40]);
  });

  test('a leaf is done as soon as its gradient is complete', () => {
    const order: string[] = [];
    const [early, late] = [leaf(1), leaf(1)];
    late.registerPostAccumulateGradHook(() => void order.push('late'));
    early.registerPostAccumulateGradHook(() => void order.push('early'));
    const y = early.mul(2);
    y.registerHook(() => void order.push('between'));
    y.mul(late).sum().backward();
    expect(order).toEqual(['late', 'between', 'early']);
  });

  test('are not run on what lies off the way to the inputs', () => {
    let calls = 0;
    const [x, w] = [leaf(1), leaf(1)];
    const y = x.mul(2);
    y.registerHook(() => void calls++);
    autograd.grad(y.mul(w).sum(), w);
    expect(calls).toBe(0);
  });

  test('a hook may go backward itself', () => {
    const [x, w] = [leaf(2), leaf(3)];
    x.registerHook(() => enableGrad(() => w.mul(w).sum().backward()));
    x.mul(x).sum().backward();
    expect([list(x.grad), list(w.grad)]).toEqual([[4], [6]]);
  });

  test('a parameter can be updated as soon as its gradient is there', () => {
    const x = leaf(1, 2);
    x.registerPostAccumulateGradHook((p) => {
      const { grad } = p;
      if (grad !== null) noGrad(() => p.sub_(grad.mul(0.5)));
      p.grad = null;
    });
    x.mul(x).sum().backward();
    expect([list(x), x.grad]).toEqual([[0, 0], null]);
  });

  test('errors', () => {
    const y = leaf(1).mul(2);
    expect(() => y.registerPostAccumulateGradHook(() => {})).toThrow(/only leaves .* result of MulBackward/);
    expect(() => ones([1]).registerHook(() => {})).toThrow(/requiresGrad_/);
    expect(() => ones([1]).retainGrad()).toThrow(AutogradError);
    y.registerHook((g) => g.to('float64'));
    expect(() => y.sum().backward()).toThrow(/MulBackward returned float64\[1\] in place of float32\[1\]/);
  });
});

describe('retainGrad', () => {
  test('says so', () => {
    const x = leaf(1);
    const y = x.mul(2);
    expect([x.retainGrad().retainsGrad, y.retainsGrad, y.retainGrad().retainsGrad]).toEqual([
      false,
      false,
      true,
    ]);
  });

  test('keeps the result too, to be looked at after what it was computed from was overwritten', () => {
    const w = leaf(2);
    const y = w.mul(3).tanh().retainGrad();
    y.square().sum().backward();
    new optim.SGD([w], { lr: 1 }).step();
    expect(Number(y.detach().itemSync())).toBeCloseTo(Math.tanh(6));
  });
});

describe('backward', () => {
  test('with inputs keeps its hands off all others', () => {
    const [x, w] = [leaf(2), leaf(3)];
    x.mul(w).sum().backward(null, { inputs: x });
    expect([list(x.grad), w.grad]).toEqual([[3], null]);
  });

  test('argument errors', () => {
    const x = leaf(1, 2);
    expect(() => x.mul(2).backward(ones([3]))).toThrow(/shape \[3\] for a tensor of shape \[2\]/);
    expect(() => x.sum().backward(null, { inputs: [] })).toThrow(ArgumentError);
    expect(() => x.sum().backward(null, { inputs: ones([2]) })).toThrow(
      /input 0 does not require a gradient/,
    );
    expect(() => autograd.backward([])).toThrow(ArgumentError);
    expect(() => autograd.backward([x.sum(), x.sum()], [null])).toThrow(/1 gradients for 2 tensors/);
    expect(() => autograd.grad(x.sum(), [])).toThrow(ArgumentError);
    expect(() => autograd.grad(x.mul(2), x)).toThrow(/grad: output 0.*shape \[2\]/);
    expect(() =>
      autograd.grad(x.sum(), x, { allowUnused: false, materializeGrads: true } as autograd.GradOptions),
    ).toThrow(ArgumentError);
  });

  test('starts at a leaf too', () => {
    const x = leaf(5);
    x.backward(tensor([3]));
    expect(list(x.grad)).toEqual([3]);
    expect(list(autograd.grad(x, x)[0])).toEqual([1]);
  });

  test('casts the gradient that it is given', () => {
    const x = leaf(1);
    x.mul(2).backward(tensor([2], { dtype: 'float64' }));
    expect([x.grad?.dtype, list(x.grad)]).toEqual(['float32', [4]]);
  });

  test('a value modified in place names op, operand, shape, versions and the line', () => {
    const x = leaf(1, 2, 3);
    const w = tensor([1, 2, 3]);
    const y = x.mul(w);
    w.add_(1);
    w.add_(1);
    expect(() => y.sum().backward()).toThrow(
      /MulBackward: operand 1, of shape \[3\], .* version 2, expected version 0\. It was last modified at .*tape\.test\.ts:\d+/,
    );
  });
});

describe('gradFn', () => {
  test('nextFunctions go back to the leaves', () => {
    const x = leaf(1);
    const { gradFn } = x.mul(2).add(x);
    expect(gradFn?.name).toBe('AddBackward');
    expect(gradFn?.nextFunctions.map((next) => [next?.[0].name, next?.[1]])).toEqual([
      ['MulBackward', 0],
      ['AccumulateGrad', 0],
    ]);
    expect(gradFn?.nextFunctions[0]?.[0].nextFunctions.map((next) => next?.[0].name)).toEqual([
      'AccumulateGrad',
      undefined,
    ]);
    expect(x.gradFn).toBeNull();
  });

  test('describe shows the tape as a tree', () => {
    const x = leaf(1, 2);
    const y = x.exp();
    expect(autograd.describe(y.mul(y)).split('\n')).toEqual([
      '#0 MulBackward',
      '  #1 ExpBackward',
      '    #2 AccumulateGrad',
      '  #1 ExpBackward (above)',
    ]);
    expect(autograd.describe(x)).toBe('a leaf: float32[2]');
    expect(autograd.describe(ones([]))).toBe('not on the tape: float32[]');
  });
});

describe('a leaf of its own over shared memory', () => {
  test('is updated by an optimizer', () => {
    const x = ones([2]);
    const v = x.detach().requiresGrad_();
    const opt = new optim.SGD([v], { lr: 1 });
    v.mul(tensor([2, 3]))
      .sum()
      .backward();
    opt.step();
    opt.zeroGrad();
    expect([list(x), v.grad, v.isLeaf, v.requiresGrad]).toEqual([[-1, -2], null, true, true]);
  });
});

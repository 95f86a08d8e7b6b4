import { describe, expect, test } from 'vitest';
import {
  ArgumentError,
  AutogradError,
  autograd,
  nn,
  noGrad,
  ones,
  type Tensor,
  tensor,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

const float64 = (data: number[] | number[][]): Tensor =>
  tensor(data, { dtype: 'float64', requiresGrad: true });

/** Twice the right gradient. */
class Wrong extends autograd.Function {
  static forward(ctx: autograd.Context, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x);
  }
  static backward(ctx: autograd.Context, grad: Tensor): Tensor {
    return grad.mul(ctx.savedTensors[0]).mul(4);
  }
}

/** The right gradient, which is not differentiable as it is written. */
class WrongTwice extends autograd.Function {
  static forward(ctx: autograd.Context, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x);
  }
  static backward(ctx: autograd.Context, grad: Tensor): Tensor {
    return grad.mul(ctx.savedTensors[0].detach()).mul(2);
  }
}

forEachEngine('gradcheck', (space) => {
  const run = (title: string, body: () => void): void => test(title, () => withWorkspace(space, body));

  run('accepts right gradients of several inputs and outputs', () => {
    const x = float64([
      [0.5, -1.25, 2],
      [1.5, 0.75, -0.5],
    ]);
    const w = float64([[1], [0.5], [-2]]);
    const still = ones([3]).to('float64');
    const fn = (a: Tensor, b: Tensor, c: Tensor) => [
      a.unsqueeze(2).mul(b).sum(1).tanh(),
      a.mul(c).exp().sum(0),
      a.gt(0),
    ];
    expect(autograd.gradcheck(fn, [x, w, still])).toBe(true);
    expect(autograd.gradgradcheck(fn, [x, w, still])).toBe(true);
    expect([x.grad, w.grad]).toEqual([null, null]);
    expect(x.tolistSync()).toEqual([
      [0.5, -1.25, 2],
      [1.5, 0.75, -0.5],
    ]);
  });

  run('refuses a wrong gradient by input, element and both values', () => {
    const x = float64([[1, 3]]);
    const check = () => autograd.gradcheck((a, b) => Wrong.apply(b).add(a), [ones([1, 2]).to('float64'), x]);
    expect(check).toThrow(AutogradError);
    expect(check).toThrow(
      /output 0 at \[0, 1\] for input 1 at \[0, 1\]: backward gives 12, central differences give 6.*; 2 of 4 derivatives/,
    );
    expect(autograd.gradcheck((a) => Wrong.apply(a), x, { raiseException: false })).toBe(false);
  });

  run('gradgradcheck refuses a gradient that is cut off', () => {
    const x = float64([1, 3]);
    expect(autograd.gradcheck((a) => WrongTwice.apply(a), x)).toBe(true);
    expect(() => autograd.gradgradcheck((a) => WrongTwice.apply(a), x)).toThrow(
      /for input 0 at \[0\]: backward gives 0/,
    );
  });
});

describe('gradcheck', () => {
  test('moves what a function reaches in another way as well', () => {
    const layer = new nn.Linear(2, 2).double();
    const parameters = [...layer.parameters()];
    const x = float64([[0.5, -1]]);
    expect(autograd.gradcheck((a) => layer.forward(a).tanh(), [x, ...parameters])).toBe(true);
  });

  test('wants float64, or to be told the step', () => {
    const x = tensor([0.5, 2], { requiresGrad: true });
    expect(() => autograd.gradcheck((a) => a.exp(), x)).toThrow(/input 0 is float32/);
    expect(autograd.gradcheck((a) => a.exp(), x, { eps: 1e-2, atol: 1e-2, rtol: 1e-2 })).toBe(true);
    expect(() => autograd.gradcheck((a) => a.exp(), x.detach())).toThrow(ArgumentError);
    expect(() => noGrad(() => autograd.gradcheck((a) => a.exp(), float64([1])))).toThrow(/noGrad/);
  });

  test('a function that does not depend on an input has no gradient for it', () => {
    expect(autograd.gradcheck((a, _) => a.mul(2), [float64([1]), float64([2])])).toBe(true);
    expect(() => autograd.gradcheck((a) => a.detach().mul(2), float64([1]))).toThrow(/backward gives 0/);
  });

  test('finds NaN', () => {
    expect(() => autograd.gradcheck((a) => a.sqrt().mul(0).add(a), float64([0]))).toThrow(/NaN/);
  });
});

import { describe, expect, test } from 'vitest';
import {
  ArgumentError,
  AutogradError,
  autograd,
  noGrad,
  ones,
  type Tensor,
  tensor,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

const leaf = (...data: number[]): Tensor => tensor(data, { requiresGrad: true });
const float64 = (...data: number[]): Tensor => tensor(data, { dtype: 'float64', requiresGrad: true });
const list = (t: Tensor | null): unknown => t?.tolistSync();

class Cube extends autograd.Function {
  static forward(ctx: autograd.Context, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x).mul(x);
  }
  static backward(ctx: autograd.Context, grad: Tensor): Tensor {
    const [x] = ctx.savedTensors;
    return grad.mul(x).mul(x).mul(3);
  }
}

/** Saves its result: its gradient is made of it. */
class Exp extends autograd.Function {
  static forward(ctx: autograd.Context, x: Tensor): Tensor {
    const y = x.exp();
    ctx.saveForBackward(y);
    return y;
  }
  static backward(ctx: autograd.Context, grad: Tensor): Tensor {
    return grad.mul(ctx.savedTensors[0]);
  }
}

/** A function whose backward is whatever a test says. */
function returning(gradients: (grad: Tensor) => unknown, name = 'Custom') {
  const made = class extends autograd.Function {
    static forward(_: autograd.Context, x: Tensor, _factor = 1): Tensor {
      return x.mul(2);
    }
    static backward(_: autograd.Context, grad: Tensor): Tensor {
      return gradients(grad) as Tensor;
    }
  };
  Object.defineProperty(made, 'name', { value: name });
  return made;
}

forEachEngine('autograd.Function', (space) => {
  const run = (title: string, body: () => void): void => test(title, () => withWorkspace(space, body));

  run('gives values and gradients, once and twice', () => {
    const x = leaf(1, 2);
    const y = Cube.apply(x);
    expect(list(y)).toEqual([1, 8]);
    expect([y.requiresGrad, y.isLeaf, y.gradFn?.name]).toEqual([true, false, 'CubeBackward']);
    const [dy] = autograd.grad(y.sum(), x, { createGraph: true });
    const [d2y] = autograd.grad(dy.sum(), x, { createGraph: true });
    const [d3y] = autograd.grad(d2y.sum(), x);
    expect([dy, d2y, d3y].map(list)).toEqual([
      [3, 12],
      [6, 12],
      [6, 6],
    ]);
  });

  run('a saved result is on the tape', () => {
    const x = leaf(0, 1);
    const [dy] = autograd.grad(Exp.apply(x).sum(), x, { createGraph: true });
    const [d2y] = autograd.grad(dy.sum(), x);
    expect(dy.requiresGrad).toBe(true);
    expect(Array.from(d2y.dataSync(), Number)[1]).toBeCloseTo(Math.E, 5);
  });

  run('passes both checks of gradients in float64', () => {
    expect(autograd.gradcheck((x) => Cube.apply(x), float64(0.5, -1.25))).toBe(true);
    expect(autograd.gradgradcheck((x) => Exp.apply(x).mul(Cube.apply(x)), float64(0.5, -1.25))).toBe(true);
  });
});

describe('a custom function', () => {
  test('runs forward off the tape and knows which gradients are wanted', () => {
    let seen: readonly boolean[] = [];
    let recorded = true;
    class Look extends autograd.Function {
      static forward(ctx: autograd.Context, x: Tensor, _k: number, w: Tensor): Tensor {
        seen = ctx.needsInputGrad;
        recorded = autograd.isGradEnabled();
        return x.add(w);
      }
      static backward(_: autograd.Context, grad: Tensor): (Tensor | null)[] {
        return [grad, null, null];
      }
    }
    const x = leaf(1);
    Look.apply(x, 3, ones([1]))
      .sum()
      .backward();
    expect(seen).toEqual([true, false, false]);
    expect(recorded).toBe(false);
    expect(list(x.grad)).toEqual([1]);
  });

  test('is not on the tape where nothing wants a gradient', () => {
    expect(Cube.apply(ones([2])).requiresGrad).toBe(false);
    expect(noGrad(() => Cube.apply(leaf(1)).requiresGrad)).toBe(false);
  });

  test('gives other values and results without a gradient as they are', () => {
    class Sorted extends autograd.Function {
      static forward(ctx: autograd.Context, x: Tensor): readonly [Tensor, Tensor, Tensor, string] {
        const mask = x.gt(0);
        const rounded = x.mul(0);
        ctx.markNonDifferentiable(rounded);
        return [x.mul(2), mask, rounded, 'done'];
      }
      static backward(_: autograd.Context, grad: Tensor, mask: Tensor, rounded: Tensor): Tensor {
        expect([list(mask), list(rounded)]).toEqual([
          [false, false],
          [0, 0],
        ]);
        return grad.mul(2);
      }
    }
    const x = leaf(1, -1);
    const [y, mask, rounded, word] = Sorted.apply(x);
    expect([y.requiresGrad, mask.requiresGrad, rounded.requiresGrad, word]).toEqual([
      true,
      false,
      false,
      'done',
    ]);
    y.sum().backward();
    expect(list(x.grad)).toEqual([2, 2]);
  });

  test('gets null for results that no gradient reached, if it asks for that', () => {
    let second: Tensor | null | undefined;
    class Both extends autograd.Function {
      static forward(ctx: autograd.Context, x: Tensor): readonly [Tensor, Tensor] {
        ctx.setMaterializeGrads(false);
        return [x.mul(1), x.mul(2)];
      }
      static backward(_: autograd.Context, a: Tensor | null, b: Tensor | null): Tensor | null {
        second = b;
        return a;
      }
    }
    const x = leaf(1);
    Both.apply(x)[0].sum().backward();
    expect(second).toBeNull();
    expect(list(x.grad)).toEqual([1]);
  });

  test('is typed by its forward', () => {
    const y: Tensor = Cube.apply(leaf(1));
    expect(list(y)).toEqual([1]);
    const wrong = () => [
      // @ts-expect-error: not a tensor
      Cube.apply('1'),
      // @ts-expect-error: one argument
      Cube.apply(leaf(1), 2),
    ];
    expect(wrong).toThrow();
  });

  test('may save null', () => {
    class Maybe extends autograd.Function {
      static forward(ctx: autograd.Context, x: Tensor): Tensor {
        ctx.saveForBackward(x, null);
        return x.mul(x);
      }
      static backward(ctx: autograd.Context, grad: Tensor): Tensor {
        expect(() => ctx.savedTensors).toThrow(/null was saved at position 1; read savedTensorsOrNull/);
        const [x, none] = ctx.savedTensorsOrNull;
        expect(none).toBeNull();
        return grad.mul(x as Tensor).mul(2);
      }
    }
    const x = leaf(3);
    Maybe.apply(x).sum().backward();
    expect(list(x.grad)).toEqual([6]);
  });

  test('a gradient of a constant result is that of the dtype and shape of the argument', () => {
    const x = tensor([1, 2], { dtype: 'float64', requiresGrad: true });
    returning((g) => g.to('float32'))
      .apply(x)
      .sum()
      .backward();
    expect(x.grad?.dtype).toBe('float64');
  });
});

describe('a wrong custom function says so:', () => {
  const failing = (fn: () => void): string => {
    try {
      fn();
    } catch (error) {
      expect(error).toBeInstanceOf(AutogradError);
      return (error as Error).message;
    }
    throw new Error('nothing was thrown');
  };

  test('too few gradients', () => {
    const fn = () =>
      returning((g) => g, 'Twice')
        .apply(leaf(1), 2)
        .sum()
        .backward();
    expect(failing(fn)).toMatch(/TwiceBackward: backward returned 1 gradient, but forward takes 2 arguments/);
  });
  test('too many gradients', () => {
    const fn = () =>
      returning((g) => [g, g])
        .apply(leaf(1))
        .sum()
        .backward();
    expect(failing(fn)).toMatch(/returned 2 gradients, but forward takes 1 argument /);
    returning((g) => [g, null])
      .apply(leaf(1))
      .sum()
      .backward();
  });
  test('a gradient of something that is no tensor', () => {
    const fn = () =>
      returning((g) => [g, g])
        .apply(leaf(1), 2)
        .sum()
        .backward();
    expect(failing(fn)).toMatch(/a gradient for argument 1 of forward, which is no tensor/);
  });
  test('a gradient of the wrong shape', () => {
    const fn = () =>
      returning(() => ones([3]))
        .apply(leaf(1, 2))
        .sum()
        .backward();
    expect(failing(fn)).toMatch(/the gradient of argument 0 has shape \[3\], .* has shape \[2\]/);
  });
  test('a gradient that is no tensor', () => {
    const fn = () =>
      returning(() => 3)
        .apply(leaf(1, 2))
        .sum()
        .backward();
    expect(failing(fn)).toMatch(/backward gives tensors or null, the gradient of argument 0 is a number/);
  });
  test('a forward without a tensor', () => {
    class None extends autograd.Function {
      static forward(_: autograd.Context, _x: Tensor): readonly number[] {
        return [1];
      }
      static backward(): null {
        return null;
      }
    }
    expect(failing(() => void None.apply(leaf(1)))).toMatch(/None: forward returns a tensor or a list/);
  });
  test('a saved tensor that was changed', () => {
    const x = leaf(1, 2).mul(1);
    const y = Cube.apply(x);
    x.add_(1);
    const message = failing(() => y.sum().backward());
    expect(message).toMatch(
      /CubeBackward: saved tensor 0, of shape \[2\], .* at version 1, expected version 0/,
    );
    expect(message).toMatch(/last modified at .*function\.test\.ts:\d+/);
  });
  test('going back twice', () => {
    const y = Cube.apply(leaf(1, 2)).sum();
    y.backward();
    expect(failing(() => y.backward())).toMatch(/CubeBackward: backward went over .* retainGraph: true/);
  });
  test('markDirty of a leaf, a view, or something else', () => {
    class Dirty extends autograd.Function {
      static forward(ctx: autograd.Context, x: Tensor, other: Tensor | null): Tensor {
        ctx.markDirty(other ?? x);
        return x.mul_(2);
      }
      static backward(_: autograd.Context, grad: Tensor): (Tensor | null)[] {
        return [grad.mul(2), null];
      }
    }
    expect(failing(() => void Dirty.apply(leaf(1, 2), null))).toMatch(
      /a leaf tensor that requires a gradient/,
    );
    const view = leaf(1, 2).mul(1).narrow(0, 0, 1);
    expect(failing(() => void Dirty.apply(view, null))).toMatch(/not supported for views/);
    expect(() => Dirty.apply(leaf(1).mul(1), ones([1]))).toThrow(ArgumentError);
  });
});

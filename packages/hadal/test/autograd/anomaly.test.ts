import { describe, expect, test } from 'vitest';
import { AutogradError, autograd, nn, type Tensor, tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

const leaf = (...data: number[]): Tensor => tensor(data, { requiresGrad: true });

/** The gradient of sqrt at 0 is infinite, and of 0 times that there is none. */
function nanAtZero(x: Tensor): Tensor {
  return x.sqrt().mul(0); // the line
}

/** Its gradient is the root of its argument. */
class RootGradient extends autograd.Function {
  static forward(ctx: autograd.Context, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(1);
  }
  static backward(ctx: autograd.Context, grad: Tensor): Tensor {
    return ctx.savedTensors[0].sqrt().mul(grad);
  }
}

class Root extends nn.Module {
  override forward(x: Tensor): Tensor {
    return nanAtZero(x);
  }
}

class Net extends nn.Module {
  root = new Root();
  override forward(x: Tensor): Tensor {
    return this.root.forward(x).add(1);
  }
}

function message(body: () => void): string {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(AutogradError);
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

forEachEngine('detectAnomaly', (space) => {
  test('names the op, the element, the line and the layers', () => {
    withWorkspace(space, () => {
      const x = leaf(4, 0);
      const text = message(() => autograd.detectAnomaly(() => new Net().forward(x).sum().backward()));
      expect(text).toMatch(/^SqrtBackward: the gradient of operand 0, of shape \[2\], is NaN at \[1\]/);
      expect(text).toMatch(/SqrtBackward was made at nanAtZero \(.*anomaly\.test\.ts:10:/);
      expect(text).toContain('in Net > Root');
    });
  });

  test('says nothing where all is well', () => {
    withWorkspace(space, () => {
      const x = leaf(4, 1);
      autograd.detectAnomaly(() => nanAtZero(x).sum().backward());
      expect(x.grad?.tolistSync()).toEqual([0, 0]);
    });
  });
});

describe('anomaly mode', () => {
  test('finds what a forward pass outside of it made, without a line', () => {
    const y = nanAtZero(leaf(0));
    expect(message(() => autograd.detectAnomaly(() => y.sum().backward()))).toMatch(
      /^SqrtBackward.*made outside of anomaly mode/,
    );
  });

  test('without checkNaN only remembers lines', () => {
    const x = leaf(0);
    autograd.detectAnomaly(() => nanAtZero(x).sum().backward(), { checkNaN: false });
    expect(x.grad?.tolistSync()).toEqual([Number.NaN]);
  });

  test('can be turned on for good', () => {
    autograd.setDetectAnomaly(true);
    try {
      expect(autograd.isAnomalyEnabled()).toBe(true);
      expect(message(() => nanAtZero(leaf(0)).sum().backward())).toMatch(/anomaly\.test\.ts:10/);
    } finally {
      autograd.setDetectAnomaly(false);
    }
    expect(autograd.isAnomalyEnabled()).toBe(false);
    nanAtZero(leaf(0)).sum().backward();
  });

  test('says whose gradient an op of a recorded backward pass belongs to', () => {
    const text = message(() =>
      autograd.detectAnomaly(() => {
        const x = leaf(0);
        const [root] = autograd.grad(RootGradient.apply(x).sum(), x, { createGraph: true });
        root.mul(0).sum().backward();
      }),
    );
    expect(text).toMatch(
      /^SqrtBackward: .* NaN .*SqrtBackward was made at .* part of the gradient of RootGradientBackward\. RootGradientBackward was made at/,
    );
  });

  test('adds where the op was made to other errors of backward', () => {
    const text = message(() =>
      autograd.detectAnomaly(() => {
        const y = leaf(1).exp();
        y.add_(1);
        y.sum().backward();
      }),
    );
    expect(text).toMatch(/version 1, expected version 0.*ExpBackward was made at .*anomaly\.test\.ts/);
  });

  test('holds across awaits', async () => {
    const on = await autograd.detectAnomaly(async () => {
      await Promise.resolve();
      return autograd.isAnomalyEnabled();
    });
    expect([on, autograd.isAnomalyEnabled()]).toEqual([true, false]);
  });

  test('a custom function is named as well', () => {
    class Bad extends autograd.Function {
      static forward(_: autograd.Context, x: Tensor): Tensor {
        return x.mul(1);
      }
      static backward(_: autograd.Context, grad: Tensor): Tensor {
        return grad.mul(Number.NaN);
      }
    }
    expect(message(() => autograd.detectAnomaly(() => Bad.apply(leaf(1)).sum().backward()))).toMatch(
      /^BadBackward: .*anomaly\.test\.ts/,
    );
  });
});

import { describe, expect, test } from 'vitest';
import {
  ArgumentError,
  AutogradError,
  compile,
  nn,
  noGrad,
  ones,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';

/** 3 a + b. */
class Sum extends nn.Module {
  override forward(a: Tensor, b: Tensor): Tensor {
    return a.mul(3).add(b);
  }
}

const listOf = (t: Tensor | null) => (t === null ? null : t.tolistSync());

describe('backward hooks of modules', () => {
  test('see the gradients of inputs and results, by position', () => {
    const net = new Sum();
    const seen: unknown[] = [];
    net.registerFullBackwardHook((module, gradInput, gradOutput) => {
      seen.push(module === net, gradInput.map(listOf), gradOutput.map(listOf));
    });
    const b = tensor([1, 1], { requiresGrad: true });
    net
      .forward(tensor([5, 6]), b)
      .mul(tensor([2, 4]))
      .sum()
      .backward();
    expect(seen).toEqual([true, [null, [2, 4]], [[2, 4]]]);
    expect(b.grad?.tolistSync()).toEqual([2, 4]);
  });

  test('take the place of the gradients of inputs, one after the other', () => {
    const net = new Sum();
    net.registerFullBackwardHook((_, [a, b]) => [a?.mul(10) ?? null, b]);
    net.registerFullBackwardHook((_, [a]) => [a, null]);
    const [a, b] = [tensor([1], { requiresGrad: true }), tensor([1], { requiresGrad: true })];
    net.forward(a, b).backward();
    expect(a.grad?.tolistSync()).toEqual([30]);
    expect(b.grad).toBe(null);
  });

  test('before the pass, take the place of the gradients of results', () => {
    const net = new nn.Linear(2, 1, { bias: false });
    noGrad(() => net.weight.copy_(tensor([[2, 3]])));
    net.registerFullBackwardPreHook((_, [gradOutput]) => gradOutput?.mul(5));
    let seen: unknown;
    net.registerFullBackwardHook((_, gradInput, gradOutput) => {
      seen = [gradInput.map(listOf), gradOutput.map(listOf)];
    });
    const x = tensor([[1, 7]], { requiresGrad: true });
    net.forward(x).sum().backward();
    expect(seen).toEqual([[[[10, 15]]], [[[5]]]]);
    expect(net.weight.grad?.tolistSync()).toEqual([[5, 35]]);
  });

  test('are called for every call of forward, and no longer once removed', () => {
    const net = new nn.ReLU();
    let calls = 0;
    const handle = net.registerFullBackwardHook(() => {
      calls++;
    });
    const x = tensor([1, -1], { requiresGrad: true });
    net.forward(net.forward(x)).sum().backward();
    expect(calls).toBe(2);
    handle.remove();
    net.forward(x).sum().backward();
    expect(calls).toBe(2);
    expect(Object.hasOwn(net, 'forward')).toBe(false);
  });

  test('are called where only parameters require a gradient, which is then all they may leave', () => {
    const net = new nn.Linear(2, 2);
    let seen: unknown;
    const handle = net.registerFullBackwardHook((_, gradInput, gradOutput) => {
      seen = [gradInput, gradOutput.map(listOf)];
    });
    net
      .forward(ones([1, 2]))
      .sum()
      .backward();
    expect(seen).toEqual([[null], [[[1, 1]]]]);
    handle.remove();
    net.registerFullBackwardHook((_, __, gradOutput) => gradOutput);
    expect(() =>
      net
        .forward(ones([1, 2]))
        .sum()
        .backward(),
    ).toThrow(AutogradError);
  });

  test('see results in plain objects', () => {
    const lstm = new nn.LSTM(2, 3);
    const shapes: unknown[] = [];
    lstm.registerFullBackwardHook((_, gradInput, gradOutput) => {
      shapes.push(
        gradInput.map((g) => g?.shape ?? null),
        gradOutput.map((g) => g?.shape ?? null),
      );
    });
    const x = zeros([4, 1, 2]).requiresGrad_();
    const { output } = lstm.forward(x);
    output.sum().backward();
    expect(shapes).toEqual([[[4, 1, 2]], [[4, 1, 3], null, null]]);
  });

  test('do nothing without gradients', () => {
    const net = new nn.Linear(2, 2);
    net.registerFullBackwardHook(() => {
      throw new Error('called');
    });
    expect(noGrad(() => net.forward(ones([1, 2]))).requiresGrad).toBe(false);
    net.requiresGrad_(false);
    expect(net.forward(ones([1, 2])).requiresGrad).toBe(false);
  });

  test('are differentiated again with createGraph', () => {
    const net = new Sum();
    net.registerFullBackwardHook((_, [a, b]) => [a?.square() ?? null, b]);
    const a = tensor([1], { requiresGrad: true });
    net
      .forward(a, tensor([0]))
      .square()
      .backward(null, { createGraph: true });
    // (18 a)^2, whose derivative is 648 a; the second pass goes through the module too, so its hook squares that.
    const { grad } = a;
    expect(grad?.tolistSync()).toEqual([324]);
    a.grad = null;
    grad?.backward();
    expect(listOf(a.grad)).toEqual([648 ** 2]);
  });

  test('run in compiled functions', () => {
    const net = new nn.Linear(2, 1, { bias: false });
    noGrad(() => net.weight.copy_(tensor([[2, 3]])));
    net.registerFullBackwardHook((_, [gradInput]) => gradInput?.mul(2));
    const gradientOf = compile((x: Tensor) => {
      const leaf = x.detach().requiresGrad_();
      net.forward(leaf).sum().backward();
      return leaf.grad;
    });
    for (const x of [ones([1, 2]), zeros([1, 2])]) expect(gradientOf(x)?.tolistSync()).toEqual([[4, 6]]);
  });

  test('say what does not fit', () => {
    const net = new Sum();
    net.registerFullBackwardHook((_, [a]) => a);
    const x = tensor([1], { requiresGrad: true });
    expect(() => net.forward(x, x).backward()).toThrow(
      'a backward hook of Sum returned 1 gradients for 2 inputs; return one for each, null for those without one',
    );
    class Odd extends nn.Module<[Tensor], Set<Tensor>> {
      override forward(t: Tensor): Set<Tensor> {
        return new Set([t]);
      }
    }
    const odd = new Odd();
    odd.registerFullBackwardHook(() => {});
    expect(() => odd.forward(x)).toThrow(ArgumentError);
    expect(() => odd.forward(x)).toThrow('needs a result of tensors, lists and plain objects, got a Set');
  });
});

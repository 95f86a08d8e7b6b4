/** Backward passes that are cut: gradients on the way are computed once, and parts that are alike share their plans. */
import { expect, test } from 'vitest';
import { autograd, config, engine, type Tensor, tensor } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';

function withBudget<T>(nodes: number, body: () => T): T {
  const { pendingNodes } = config;
  config.pendingNodes = nodes;
  try {
    return body();
  } finally {
    config.pendingNodes = pendingNodes;
  }
}

function recurrence(weight: Tensor, bias: Tensor, depth: number): Tensor {
  let x = tensor([0.3, -0.2, 0.9]);
  for (let k = 0; k < depth; k++) x = x.mul(weight).add(bias).sin();
  return x.square().sum();
}

const inputs = (): [Tensor, Tensor] => [
  tensor([1.1, 0.9, -1.2]).requiresGrad_(),
  tensor([0.1, -0.3, 0.2]).requiresGrad_(),
];

function close(actual: readonly number[], expected: readonly number[]): void {
  for (const [i, x] of expected.entries()) expect(actual[i]).toBeCloseTo(x, 4);
}

onEveryEngine('a long tape', ({ run }) => {
  const gradients = (depth: number): number[] => {
    const [weight, bias] = inputs();
    const loss = recurrence(weight, bias, depth);
    loss.backward();
    return [weight.grad, bias.grad].flatMap((g) => g?.tolistSync() as number[]);
  };

  test('gives the same gradients wherever it is cut', () => {
    run(() => {
      const whole = gradients(120);
      expect(whole.every(Number.isFinite)).toBe(true);
      for (const budget of [1, 7, 50, 333])
        close(
          withBudget(budget, () => gradients(120)),
          whole,
        );
    });
  });

  test('has as many plans when it is twice as long', () => {
    run(() => {
      withBudget(60, () => {
        gradients(150);
        const before = engine().statistics.plans;
        gradients(300);
        expect(engine().statistics.plans - before).toBeLessThan(6);
      });
    });
  });

  test('can be differentiated again where it was cut', () => {
    run(() => {
      const second = (): number[] => {
        const [weight, bias] = inputs();
        const [first] = autograd.grad(recurrence(weight, bias, 30), [weight], { createGraph: true });
        return autograd.grad(first.square().sum(), [weight, bias]).flatMap((g) => g.tolistSync() as number[]);
      };
      const whole = second();
      expect(whole.every(Number.isFinite)).toBe(true);
      for (const budget of [5, 40]) {
        const cut = withBudget(budget, second);
        for (const [i, x] of whole.entries())
          expect(Math.abs(cut[i] - x)).toBeLessThan(1e-3 * (1 + Math.abs(x)));
      }
    });
  });
});

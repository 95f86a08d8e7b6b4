/** Steps of recurrent layers are traced once for each kind of operands: layers and calls that share a trace share nothing else. */
import { expect, test } from 'vitest';
import { functional as F, fromTypedArray, nn, noGrad, type Tensor, zeros } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

const [INPUT, HIDDEN] = [3, 4];

function some(seed: number, ...shape: number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return fromTypedArray(
    Float32Array.from({ length: count }, (_, i) => (((i * 7 + seed * 5) % 13) - 6) / 8),
    shape,
  );
}

/** A layer with weights of its own. */
function layer(seed: number, bias = true): nn.RNN {
  const made = new nn.RNN(INPUT, HIDDEN, { bias });
  noGrad(() => {
    [...made.parameters()].forEach((p, i) => {
      p.copy_(some(seed + i, ...p.shape));
    });
  });
  return made;
}

/** What the layer means: the state after each step. */
function unrolled(of: nn.RNN, x: Tensor): number[] {
  const bias = (name: string): Tensor | null => (of.bias ? of.weight(name) : null);
  let state = zeros([x.shape[1], HIDDEN], { dtype: x.dtype });
  return Array.from({ length: x.shape[0] }, (_, t) => {
    const fromInput = F.linear(x.select(0, t), of.weight('weightIhL0'), bias('biasIhL0'));
    state = fromInput.add(F.linear(state, of.weight('weightHhL0'), bias('biasHhL0'))).tanh();
    return numbers(state);
  }).flat();
}

onEveryEngine('recurrent layers', ({ run }) => {
  const check = (of: nn.RNN, x: Tensor): void => {
    const got = numbers(of.forward(x).output);
    const wanted = unrolled(of, x);
    expect(got).toHaveLength(wanted.length);
    got.forEach((v, i) => {
      expect(v).toBeCloseTo(wanted[i], 5);
    });
  };

  test('of equal shapes have their own weights, biases and states', () =>
    run(() => {
      const [a, b, plain] = [layer(1), layer(2), layer(3, false)];
      for (const of of [a, b, plain, a, b, plain]) check(of, some(4, 3, 2, INPUT));
    }));

  test('take batches and lengths of any size, one after the other', () =>
    run(() => {
      const of = layer(1);
      for (const [length, batch] of [
        [3, 2],
        [5, 2],
        [3, 1],
        [3, 2],
      ])
        check(of, some(length, length, batch, INPUT));
    }));

  test('take weights that are views, before and after those that are not', () =>
    run(() => {
      const x = some(4, 3, 2, INPUT);
      const [viewed, plain] = [layer(5), layer(6)];
      const whole = some(7, HIDDEN, HIDDEN);
      Reflect.set(viewed, 'weightHhL0', whole.t());
      check(viewed, x);
      check(plain, x);
      Reflect.set(viewed, 'weightHhL0', whole.flip(0));
      check(viewed, x);
      check(plain, x);
    }));

  test('have the same gradients in every call', () =>
    run(() => {
      const of = layer(8);
      const x = some(9, 3, 2, INPUT).requiresGrad_();
      const gradients = Array.from({ length: 3 }, () => {
        of.zeroGrad();
        x.grad = null;
        const { output, hidden } = of.forward(x);
        output.sum().add(hidden.mul(hidden).sum()).backward();
        return [x, ...of.parameters()].map((t) => numbers(t.grad ?? zeros([1])));
      });
      expect(gradients[0].flat().some((v) => v !== 0)).toBe(true);
      expect(gradients[1]).toEqual(gradients[0]);
      expect(gradients[2]).toEqual(gradients[0]);
    }));

  test('of other dtypes after the first', () =>
    run(() => {
      const of = layer(10);
      check(of, some(11, 2, 2, INPUT));
      of.to('float64');
      check(of, some(11, 2, 2, INPUT).to('float64'));
    }));
});

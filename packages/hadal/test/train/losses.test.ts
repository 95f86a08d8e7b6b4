import { describe, expect, test } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/base/errors.js';
import { fit, nn, ones, type Tensor, tensor } from '../../src/index.js';
import { type LossName, makeLoss } from '../../src/train/losses.js';
import type { OptimizerName } from '../../src/train/optimizers.js';
import { mean } from './plain-metrics.js';

const p = [0.25, 0.5, 0.9];
const t = [0, 1, 1];
const logits = [-2, 0.5, 3];
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const bce = (q: number, y: number) => -(y * Math.log(q) + (1 - y) * Math.log(1 - q));
const a = [1, 2, 6];
const b = [1, 2.5, 3];
const difference = a.map((x, i) => Math.abs(x - b[i]));

const cases: [LossName, Tensor, Tensor, number][] = [
  ['mse', tensor(a), tensor(b), mean(difference.map((d) => d * d))],
  ['mae', tensor(a), tensor(b), mean(difference)],
  ['huber', tensor(a), tensor(b), mean(difference.map((d) => (d < 1 ? d * d * 0.5 : d - 0.5)))],
  ['smoothL1', tensor(a), tensor(b), mean(difference.map((d) => (d < 1 ? d * d * 0.5 : d - 0.5)))],
  ['binaryCrossEntropy', tensor(p), tensor(t), mean(p.map((q, i) => bce(q, t[i])))],
  [
    'binaryCrossEntropyWithLogits',
    tensor(logits),
    tensor(t),
    mean(logits.map((x, i) => bce(sigmoid(x), t[i]))),
  ],
  [
    'crossEntropy',
    tensor([
      [0, 0],
      [2, 0],
    ]),
    tensor([1n, 0n]),
    mean([Math.log(2), Math.log(1 + Math.exp(-2))]),
  ],
  [
    'nll',
    tensor([
      [-1, -3],
      [-0.5, -2],
    ]),
    tensor([1n, 0n]),
    mean([3, 0.5]),
  ],
];

describe('losses by name', () => {
  test.each(cases)('%s', (name, output, target, expected) => {
    expect(Number(makeLoss<Tensor, Tensor>(name)(output, target).itemSync())).toBeCloseTo(expected, 5);
  });

  test.each(cases.filter(([, output]) => output.ndim === 1))(
    '%s of [N, 1] and [N] does not broadcast',
    (name, output, target, expected) => {
      const loss = makeLoss<Tensor, Tensor>(name)(output.unsqueeze(1), target);
      expect(Number(loss.itemSync())).toBeCloseTo(expected, 5);
      expect(() => makeLoss<Tensor, Tensor>(name)(output, ones([2]))).toThrow(ShapeError);
    },
  );

  test('integer targets of losses on numbers become floats', () => {
    expect(Number(makeLoss<Tensor, Tensor>('mse')(tensor([1, 2]), tensor([1n, 4n])).itemSync())).toBe(2);
  });

  test('a function must give a tensor', () => {
    const loss = makeLoss<Tensor, Tensor>((() => 3) as never);
    expect(() => loss(tensor(a), tensor(b))).toThrow(ArgumentError);
    expect(() => loss(tensor(a), tensor(b))).toThrow('a tensor of one element, got number');
  });
});

test.each<OptimizerName>(['adamw', 'adam', 'adagrad', 'rmsprop', 'sgd'])(
  'the optimizer %s learns',
  async (optimizer) => {
    const net = new nn.Linear(2, 1);
    const history = await fit(net, [ones([8, 2]), ones([8, 1]).mul(3)], {
      epochs: 60,
      loss: 'mse',
      optimizer,
      lr: optimizer === 'adagrad' ? 0.5 : 0.05,
      progress: false,
    });
    expect(history.last.loss).toBeLessThan(history.figures.loss[0] / 4);
  },
);

import { describe, expect, test } from 'vitest';
import { ArgumentError, autograd, compile, nn, ones, type Tensor, tensor, zeros } from '../../src/index.js';

class Tied extends nn.Module {
  readonly first = new nn.Linear(2, 2, { bias: false });
  readonly second = new nn.Linear(2, 2, { bias: false });
  readonly scales = new nn.ParameterList([ones([2])]);
  readonly shifts = [[new nn.Parameter(zeros([2]))]];

  constructor() {
    super();
    this.second.weight = this.first.weight;
  }

  override forward(x: Tensor): Tensor {
    return this.second.forward(this.first.forward(x)).mul(this.scales.at(0)).add(this.shifts[0][0]);
  }
}

describe('functionalCall', () => {
  test('computes with the tensors given, and leaves the module as it was', () => {
    const net = new nn.Linear(2, 2);
    const { weight, bias } = net;
    const given = new Map([
      [
        'weight',
        tensor([
          [1, 2],
          [3, 4],
        ]),
      ],
    ]);
    const y = nn.functionalCall(net, given, ones([1, 2]));
    expect(y.sub(net.bias ?? 0).tolistSync()).toEqual([[3, 7]]);
    expect([net.weight, net.bias]).toEqual([weight, bias]);
    expect(net.weight).toBe(weight);
    expect([...net.parameters()]).toHaveLength(2);
  });

  test('replaces a tied parameter in all places, and parameters in lists and arrays', () => {
    const net = new Tied();
    const state = {
      'first.weight': tensor([
        [2, 0],
        [0, 2],
      ]),
      'scales.0': tensor([1, 10]),
      'shifts.0.0': tensor([0.5, 0.5]),
    };
    expect(nn.functionalCall(net, state, ones([1, 2])).tolistSync()).toEqual([[4.5, 40.5]]);
    expect(net.second.weight).toBe(net.first.weight);
    expect(net.scales.at(0)).toBeInstanceOf(nn.Parameter);
    expect(net.shifts[0][0]).toBeInstanceOf(nn.Parameter);
    const other = { 'second.weight': state['first.weight'] };
    expect(nn.functionalCall(net, other, ones([1, 2])).tolistSync()).toEqual([[4, 4]]);
  });

  test('gradients flow through an update of the parameters', () => {
    const w = tensor([[3]]);
    const net = new nn.Linear(1, 1, { bias: false });
    net.weight = new nn.Parameter(w);
    const step = (): Tensor => {
      const loss = net
        .forward(ones([1, 1]))
        .square()
        .sum();
      const [gradient] = autograd.grad(loss, [net.weight], { createGraph: true });
      // (w - 0.1 * 2 w)^2, whose derivative is 2 * 0.64 w.
      const after = nn.functionalCall(net, { weight: net.weight.sub(gradient.mul(0.1)) }, ones([1, 1]));
      net.zeroGrad();
      after.square().sum().backward();
      return after.detach();
    };
    step();
    expect(net.weight.grad?.itemSync()).toBeCloseTo(3.84, 5);
    const compiled = compile(step);
    for (let i = 0; i < 3; i++) {
      expect(compiled().itemSync()).toBeCloseTo(2.4, 5);
      expect(net.weight.grad?.itemSync()).toBeCloseTo(3.84, 5);
    }
  });

  test('buffers are updated where they were given', () => {
    const net = new nn.BatchNorm1d(1, { momentum: 0.5 });
    const runningMean = zeros([1]);
    nn.functionalCall(net, { runningMean }, tensor([[2], [4]]));
    expect(runningMean.tolistSync()).toEqual([1.5]);
    expect(net.runningMean?.tolistSync()).toEqual([0]);
  });

  test('the module is as before when forward throws', () => {
    const net = new nn.Linear(2, 2);
    const { weight } = net;
    expect(() => nn.functionalCall(net, { weight: ones([2, 3]) }, ones([1, 2]))).toThrow('linear');
    expect(net.weight).toBe(weight);
  });

  test('names that do not fit are refused', () => {
    const net = new Tied();
    expect(() => nn.functionalCall(net, { weight: ones([2, 2]) }, ones([1, 2]))).toThrow(
      'no parameter or buffer "weight"; there are shifts.0.0, first.weight',
    );
    const both = { 'first.weight': ones([2, 2]), 'second.weight': ones([2, 2]) };
    expect(() => nn.functionalCall(net, both, ones([1, 2]))).toThrow(ArgumentError);
    const wrong = { 'first.weight': 3 } as unknown as { [name: string]: Tensor };
    expect(() => nn.functionalCall(net, wrong, ones([1, 2]))).toThrow('is a tensor, got number');
  });
});

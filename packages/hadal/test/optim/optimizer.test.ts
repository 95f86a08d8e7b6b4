import { describe, expect, test } from 'vitest';
import {
  ArgumentError,
  DTypeError,
  explain,
  functional as F,
  manualSeed,
  nn,
  optim,
  randn,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

function bits(t: Tensor): number[] {
  return Array.from(t.dataSync(), Number);
}

function network(): nn.Sequential {
  manualSeed(7);
  return new nn.Sequential(new nn.Linear(3, 5), new nn.Tanh(), new nn.Linear(5, 2));
}

const makers: { readonly [name: string]: (net: nn.Sequential) => optim.Optimizer } = {
  SGD: (net) => new optim.SGD(net.parameters(), { momentum: 0.9, dampening: 0.5 }),
  Adam: (net) => new optim.Adam(net.parameters(), { amsgrad: true }),
  AdamW: (net) =>
    new optim.AdamW([
      { params: net.at(0).parameters(), lr: 0.1, weightDecay: 0 },
      { params: net.at(2).parameters() },
    ]),
  RMSprop: (net) => new optim.RMSprop(net.parameters(), { centered: true, momentum: 0.5 }),
  Adagrad: (net) => new optim.Adagrad(net.parameters(), { lrDecay: 0.1 }),
  Adadelta: (net) => new optim.Adadelta(net.parameters()),
  Adamax: (net) => new optim.Adamax(net.parameters()),
  ASGD: (net) => new optim.ASGD(net.parameters()),
  Lion: (net) => new optim.Lion(net.parameters()),
  NAdam: (net) => new optim.NAdam(net.parameters()),
  RAdam: (net) => new optim.RAdam(net.parameters()),
  Rprop: (net) => new optim.Rprop(net.parameters()),
};

function train(net: nn.Sequential, opt: optim.Optimizer, steps: number): void {
  manualSeed(3);
  for (let i = 0; i < steps; i++) {
    opt.zeroGrad();
    F.mseLoss(net.forward(randn([4, 3])), randn([4, 2])).backward();
    opt.step();
  }
}

forEachEngine('optimizers', (space) => {
  test.each(Object.entries(makers))('%s goes on from its state, bit by bit', (_, make) => {
    withWorkspace(space, () => {
      const [a, b] = [network(), network()];
      const optA = make(a);
      train(a, optA, 3);
      const optB = make(b);
      b.loadStateDict(a.stateDict());
      const saved = optA.stateDict();
      optB.loadStateDict({
        tensors: new Map([...saved.tensors].map(([name, t]) => [name, t.clone()])),
        settings: JSON.parse(JSON.stringify(saved.settings)),
      });
      train(a, optA, 3);
      train(b, optB, 3);
      expect([...b.parameters()].map(bits)).toEqual([...a.parameters()].map(bits));
      expect(optB.stateDict().settings).toEqual(optA.stateDict().settings);
    });
  });

  test.each(Object.entries(makers))('%s is one launch over all parameters of all groups', (_, make) => {
    withWorkspace(space, () => {
      const net = network();
      const opt = make(net);
      train(net, opt, 2);
      const gradients = [...net.parameters()].map((p) => p.grad as Tensor);
      for (const g of gradients) g.dataSync();
      opt.step();
      expect(explain().kernels.map((k) => k.blocks)).toEqual([4]);
    });
  });

  test('parameters of 16 bits are updated in float32', () => {
    withWorkspace(space, () => {
      const w = tensor([1, 2], { dtype: 'bfloat16', requiresGrad: true });
      const opt = new optim.Adam([w], { lr: 0.5 });
      w.sum().backward();
      opt.step();
      expect(w.dtype).toBe('bfloat16');
      expect(bits(w)).toEqual([0.5, 1.5]);
      expect(opt.stateDict().tensors.get('0.square')?.dtype).toBe('float32');
    });
  });
});

describe('groups', () => {
  test('have settings of their own', () => {
    const [a, b] = [tensor([1], { requiresGrad: true }), tensor([1], { requiresGrad: true })];
    const opt = new optim.SGD([{ params: [a] }, { params: [b], lr: 0.5 }], { lr: 0.25 });
    a.add(b).sum().backward();
    opt.step();
    expect([a.itemSync(), b.itemSync()]).toEqual([0.75, 0.5]);
    expect(opt.paramGroups.map((g) => g.lr)).toEqual([0.25, 0.5]);
    opt.lr = 1;
    expect(opt.paramGroups.map((g) => g.lr)).toEqual([1, 1]);
  });

  test('can be added later', () => {
    const [a, b] = [tensor([1], { requiresGrad: true }), tensor([1], { requiresGrad: true })];
    const opt = new optim.AdamW([a]);
    opt.addParamGroup({ params: [b], lr: 0.125, weightDecay: 0 });
    a.add(b).sum().backward();
    opt.step();
    expect(b.itemSync()).toBeCloseTo(0.875, 6);
    expect([...opt.stateDict().tensors.keys()]).toEqual(['0.mean', '0.square', '1.mean', '1.square']);
  });

  test('share a schedule-free step count only with themselves', () => {
    const [a, b] = [tensor([1], { requiresGrad: true }), tensor([1], { requiresGrad: true })];
    const opt = new optim.Adam([a, b], { lr: 0.1 });
    a.sum().backward();
    opt.step();
    b.sum().backward();
    opt.step();
    expect((opt.stateDict().settings as { steps: number[] }).steps).toEqual([2, 1]);
    // The first step of Adam is the learning rate, whenever it comes.
    expect(b.itemSync()).toBeCloseTo(0.9, 6);
  });
});

describe('an optimizer refuses', () => {
  const leaf = (): Tensor => zeros([2], { requiresGrad: true });
  const w = leaf();
  test.each<[string, () => unknown]>([
    ['no parameters', () => new optim.SGD([])],
    ['what is no tensor', () => new optim.SGD([{ params: [3 as unknown as Tensor] }])],
    ['a tensor that was computed', () => new optim.SGD([leaf().mul(2)])],
    ['a parameter twice', () => new optim.SGD([w, w])],
    ['a parameter in two groups', () => new optim.SGD([{ params: [w] }, { params: [w] }])],
    ['a negative learning rate', () => new optim.SGD([leaf()], { lr: -1 })],
    ['a decay of 1', () => new optim.Adam([leaf()], { betas: [1, 0.9] })],
    ['nesterov without momentum', () => new optim.SGD([leaf()], { nesterov: true })],
    ['a setting it does not have', () => new optim.SGD([leaf()], { weight_decay: 1 } as object)],
    [
      'a learning rate that became no number',
      () => {
        const opt = new optim.SGD([leaf()]);
        opt.paramGroups[0].lr = Number.NaN;
        opt.step();
      },
    ],
  ])('%s', (_, body) => {
    expect(body).toThrow(ArgumentError);
  });

  test('integers', () => {
    expect(() => new optim.SGD([tensor([1n])])).toThrow(DTypeError);
  });

  test('a state that does not fit, naming everything, and changes nothing', () => {
    const net = network();
    const opt = new optim.AdamW(net.parameters());
    train(net, opt, 1);
    const before = opt.stateDict();
    const tensors = new Map(before.tensors);
    tensors.delete('0.mean');
    tensors.set('9.mean', zeros([1]));
    tensors.set('1.square', zeros([7]));
    const settings = {
      type: 'SGD',
      groups: [{ lr: -3, betas: [0.9], nothing: 1, params: [0, 1, 2] }],
      steps: [1, 1, 1],
    };
    const values = [...before.tensors.values()].map(bits);
    const load = (): void => opt.loadStateDict({ tensors, settings });
    expect(load).toThrow(ArgumentError);
    for (const part of [
      '"SGD"',
      'steps',
      'betas',
      'nothing',
      'lr is a number',
      '3 parameters',
      '0.mean',
      '9.mean',
      '1.square: expected [5], got [7]',
    ])
      expect(load).toThrow(part);
    expect([...opt.stateDict().tensors.values()].map(bits)).toEqual(values);
    expect(opt.stateDict().settings).toEqual(before.settings);
  });

  test.each([null, 3, [], {}, { groups: 1, steps: [] }, { type: 'SGD', groups: [null], steps: [1] }])(
    'settings %j',
    (settings) => {
      const opt = new optim.SGD([leaf()]);
      expect(() => opt.loadStateDict({ tensors: new Map(), settings: settings as never })).toThrow(
        ArgumentError,
      );
    },
  );
});

describe('what callers without a compiler get wrong', () => {
  const net = new nn.Linear(2, 1);
  const SGD = optim.SGD as unknown as new (...args: unknown[]) => optim.SGD;

  test.each<[string, readonly unknown[], string]>([
    ['the model', [net], 'SGD: expected parameters or groups'],
    ['nothing', [], 'pass model.parameters()'],
    ['its state', [net.stateDict()], 'SGD: expected parameters or groups'],
    ['names with parameters', [[...net.namedParameters()]], 'SGD: expected parameters or groups'],
    ['a group without parameters', [[{ lr: 1 }]], 'SGD: expected parameters or groups'],
    ['a group and then a parameter', [[{ params: [net.weight] }, net.bias]], 'SGD: expected parameters'],
    [
      'a number for the settings',
      [net.parameters(), 0.1],
      'settings are an object such as { lr: 0.01 }, got 0.1',
    ],
  ])('%s', (_, args, message) => {
    expect(() => new SGD(...args)).toThrow(ArgumentError);
    expect(() => new SGD(...args)).toThrow(message);
  });

  test('a state that is none', () => {
    const opt = new optim.SGD(net.parameters());
    expect(() => opt.loadStateDict({} as never)).toThrow('what stateDict() of a SGD gives');
  });
});

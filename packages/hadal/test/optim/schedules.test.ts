import { describe, expect, test } from 'vitest';
import { ArgumentError, nn, optim, zeros } from '../../src/index.js';
import { readFixture } from '../support/fixtures.js';

const { lrScheduler: L } = optim;

type Spec = readonly [
  name: string,
  positional: readonly unknown[],
  options: { readonly [name: string]: unknown },
];

const rules = { inverse: (epoch: number) => 1 / (1 + epoch), '0.95': () => 0.95 };

interface Case {
  readonly optimizer: 'SGD' | 'Adam';
  readonly schedule: Spec;
  /** Learning rate and momentum of both groups after each step. */
  readonly seen: readonly (readonly (readonly [number, number])[])[];
}

const { cases, figures, plateaus } = readFixture('schedules') as {
  readonly cases: readonly Case[];
  readonly figures: readonly number[];
  readonly plateaus: readonly {
    readonly options: optim.lrScheduler.ReduceOnPlateauOptions;
    readonly seen: readonly (readonly number[])[];
  }[];
};

function makeOptimizer(kind: Case['optimizer']): optim.Optimizer {
  const [a, b] = [new nn.Parameter(zeros([1])), new nn.Parameter(zeros([1]))];
  const groups = [{ params: [a] }, { params: [b], lr: 0.05 }];
  return kind === 'SGD'
    ? new optim.SGD(groups, { lr: 0.2, momentum: 0.9 })
    : new optim.Adam(groups, { lr: 0.2 });
}

type Maker = (
  o: optim.Optimizer,
  positional: readonly unknown[],
  options: never,
) => optim.lrScheduler.LRScheduler;

const makers: { readonly [name: string]: Maker } = {
  StepLR: (o, [size], p) => new L.StepLR(o, size as number, p),
  MultiStepLR: (o, [milestones], p) => new L.MultiStepLR(o, milestones as number[], p),
  ExponentialLR: (o, [gamma]) => new L.ExponentialLR(o, gamma as number),
  ConstantLR: (o, _, p) => new L.ConstantLR(o, p),
  LinearLR: (o, _, p) => new L.LinearLR(o, p),
  PolynomialLR: (o, _, p) => new L.PolynomialLR(o, p),
  CosineAnnealingLR: (o, [t], p) => new L.CosineAnnealingLR(o, t as number, p),
  CosineAnnealingWarmRestarts: (o, [t], p) => new L.CosineAnnealingWarmRestarts(o, t as number, p),
  OneCycleLR: (o, [high], p) => new L.OneCycleLR(o, high as number, p),
  CyclicLR: (o, [low, high], p) => new L.CyclicLR(o, low as number, high as number, p),
  LambdaLR: (o, [rule]) => new L.LambdaLR(o, rules[rule as keyof typeof rules]),
  MultiplicativeLR: (o, [rule]) => new L.MultiplicativeLR(o, rules[rule as keyof typeof rules]),
  SequentialLR: (o, [specs, milestones]) =>
    new L.SequentialLR(
      o,
      (specs as Spec[]).map((s) => make(o, s)),
      milestones as number[],
    ),
  ChainedScheduler: (o, [specs]) => new L.ChainedScheduler((specs as Spec[]).map((s) => make(o, s))),
};

function make(o: optim.Optimizer, [name, positional, options]: Spec): optim.lrScheduler.LRScheduler {
  return makers[name](o, positional, options as never);
}

function look(o: optim.Optimizer): number[][] {
  return o.paramGroups.map((group) => {
    const { momentum, betas } = group as unknown as { momentum?: number; betas?: number[] };
    return [group.lr, momentum ?? betas?.[0] ?? Number.NaN];
  });
}

function expectClose(actual: readonly number[][], expected: readonly (readonly number[])[]): void {
  actual.forEach((group, g) =>
    group.forEach((value, i) => {
      expect(Math.abs(value - expected[g][i])).toBeLessThanOrEqual(1e-12 + 1e-10 * Math.abs(expected[g][i]));
    }),
  );
}

const titled = cases.map((c) => [JSON.stringify(c.schedule), c] as const);

describe('40 steps of a schedule are those of PyTorch', () => {
  test.each(titled)('%s', (_, { optimizer, schedule, seen }) => {
    const o = makeOptimizer(optimizer);
    const s = make(o, schedule);
    expectClose(look(o), seen[0]);
    for (const expected of seen.slice(1)) {
      s.step();
      expectClose(look(o), expected);
    }
    expect(s.getLastLr()).toEqual(o.paramGroups.map((group) => group.lr));
  });
});

describe('a schedule goes on from its state', () => {
  test.each(titled)('%s', (_, { optimizer, schedule, seen }) => {
    const o = makeOptimizer(optimizer);
    const s = make(o, schedule);
    for (let i = 0; i < 13; i++) s.step();
    const saved = JSON.parse(JSON.stringify([s.stateDict(), o.stateDict().settings]));
    const o2 = makeOptimizer(optimizer);
    const s2 = make(o2, schedule);
    o2.loadStateDict({ tensors: o.stateDict().tensors, settings: saved[1] });
    s2.loadStateDict(saved[0]);
    for (const expected of seen.slice(14)) {
      s2.step();
      expectClose(look(o2), expected);
    }
  });
});

describe('ReduceLROnPlateau', () => {
  test.each(plateaus.map((p) => [JSON.stringify(p.options), p] as const))('%s', (_, { options, seen }) => {
    let o = makeOptimizer('SGD');
    let s = new L.ReduceLROnPlateau(o, options);
    figures.forEach((figure, i) => {
      s.step(figure);
      expectClose([s.getLastLr()], [seen[i]]);
      if (i !== 9) return;
      const saved = JSON.parse(JSON.stringify([s.stateDict(), o.stateDict().settings]));
      const tensors = o.stateDict().tensors;
      o = makeOptimizer('SGD');
      s = new L.ReduceLROnPlateau(o, options);
      o.loadStateDict({ tensors, settings: saved[1] });
      s.loadStateDict(saved[0]);
    });
  });
});

describe('a schedule refuses', () => {
  const o = makeOptimizer('SGD');
  test.each<[string, () => unknown]>([
    ['a step size of 0', () => new L.StepLR(o, 0)],
    ['a factor above 1', () => new L.ConstantLR(o, { factor: 2 })],
    ['a start of 0', () => new L.LinearLR(o, { startFactor: 0 })],
    ['no number of steps', () => new L.OneCycleLR(o, 0.1, {})],
    ['rates for another number of groups', () => new L.OneCycleLR(o, [1, 2, 3], { totalSteps: 3 })],
    ['milestones that are too few', () => new L.SequentialLR(o, [new L.StepLR(o, 1)], [1])],
    [
      'a schedule of another optimizer',
      () => new L.ChainedScheduler([new L.StepLR(o, 1), new L.StepLR(makeOptimizer('SGD'), 1)]),
    ],
    ['a plateau that raises', () => new L.ReduceLROnPlateau(o, { factor: 1 })],
    ['a state of another schedule', () => new L.StepLR(o, 1).loadStateDict(new L.ConstantLR(o).stateDict())],
    ['a state that is none', () => new L.StepLR(o, 1).loadStateDict({ type: 'StepLR', lastEpoch: 'x' })],
    ['a list as state', () => new L.StepLR(o, 1).loadStateDict([])],
  ])('%s', (_, body) => {
    expect(body).toThrow(ArgumentError);
  });

  test('a step beyond the last of OneCycleLR', () => {
    const s = new L.OneCycleLR(makeOptimizer('SGD'), 0.1, { totalSteps: 3 });
    for (let i = 0; i < 3; i++) s.step();
    expect(() => s.step()).toThrow(ArgumentError);
  });
});

describe('what callers without a compiler get wrong', () => {
  const optimizer = () => new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 0.1 });
  const make = (type: unknown, ...args: unknown[]): unknown =>
    new (type as new (...args: unknown[]) => unknown)(...args);

  test.each<[unknown, readonly unknown[], string]>([
    [L.StepLR, [undefined, 3], 'StepLR: the first argument is the optimizer'],
    [L.StepLR, [optimizer(), 3, 0.5], 'StepLR: options are an object such as { gamma: ... }, got 0.5'],
    [L.MultiStepLR, [optimizer(), 3], 'MultiStepLR: milestones are a list of epochs, got 3'],
    [L.OneCycleLR, [optimizer(), 0.1], 'OneCycleLR: options are an object such as'],
    [L.CyclicLR, [optimizer()], 'CyclicLR: baseLr is a number or 1 of them'],
    [L.LambdaLR, [optimizer(), 3], 'LambdaLR: expected a function of the epoch, or 1 of them, got number'],
    [L.SequentialLR, [optimizer()], 'SequentialLR: there are no schedules'],
    [L.ReduceLROnPlateau, [optimizer(), { Mode: 'max' }], 'no option is called Mode; it is mode'],
  ])('%#', (type, args, message) => {
    expect(() => make(type, ...args)).toThrow(ArgumentError);
    expect(() => make(type, ...args)).toThrow(message);
  });

  test('milestones that do not ascend', () => {
    const opt = optimizer();
    const parts = [new L.ConstantLR(opt), new L.ConstantLR(opt), new L.ConstantLR(opt)];
    expect(() => new L.SequentialLR(opt, parts, [5, 2])).toThrow('each after the one before, got [5,2]');
  });

  test('ReduceLROnPlateau without a figure', () => {
    const schedule = new L.ReduceLROnPlateau(optimizer());
    expect(() => Reflect.apply(schedule.step, schedule, [])).toThrow("takes the epoch's figure");
  });
});

test('ReduceLROnPlateau goes on from figures that were all NaN', () => {
  const opt = new optim.SGD([zeros([1], { requiresGrad: true })], { lr: 1 });
  const first = new L.ReduceLROnPlateau(opt, { patience: 1 });
  first.step(Number.NaN);
  const second = new L.ReduceLROnPlateau(opt, { patience: 1 });
  second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())));
  second.step(Number.NaN);
  expect(opt.lr).toBe(0.1);
});

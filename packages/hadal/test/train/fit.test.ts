import { afterEach, describe, expect, test, vi } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/base/errors.js';
import {
  callbacks,
  DataLoader,
  engine,
  evaluate,
  functional as F,
  fit,
  fromTypedArray,
  type LossFunction,
  nn,
  ones,
  optim,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import { bytesOf, DropoutNet, Line, points, seeded } from './models.js';

const quiet = { progress: false } as const;

afterEach(() => {
  vi.restoreAllMocks();
});

describe('fit', () => {
  test('gives bitwise the weights of a loop written by hand, and the loss of all samples', async () => {
    const { data } = points(50);
    const hand = seeded(() => new DropoutNet());
    const opt = new optim.AdamW(hand.parameters(), { lr: 0.01 });
    const losses: number[] = [];
    for (let epoch = 0; epoch < 3; epoch++) {
      let sum = 0;
      const loader = new DataLoader(data, { batchSize: 16, shuffle: true, seed: 7 });
      loader.epoch = epoch;
      for await (const [x, y] of loader) {
        const loss = F.crossEntropy(hand.forward(x), y);
        opt.zeroGrad();
        loss.backward();
        opt.step();
        sum += Number(await loss.item()) * x.shape[0];
      }
      losses.push(sum / 50);
    }
    const net = seeded(() => new DropoutNet());
    const history = await fit(net, data, {
      epochs: 3,
      loss: 'crossEntropy',
      optimizer: new optim.AdamW(net.parameters(), { lr: 0.01 }),
      metrics: ['accuracy'],
      batchSize: 16,
      seed: 7,
      ...quiet,
    });
    expect(bytesOf(net)).toBe(bytesOf(hand));
    expect(history.steps).toBe(12);
    const compiled = seeded(() => new DropoutNet());
    const same = await fit(compiled, data, {
      epochs: 3,
      loss: 'crossEntropy',
      optimizer: new optim.AdamW(compiled.parameters(), { lr: 0.01 }),
      metrics: ['accuracy'],
      batchSize: 16,
      seed: 7,
      compile: true,
      ...quiet,
    });
    expect(bytesOf(compiled)).toBe(bytesOf(net));
    expect(same.figures).toEqual(history.figures);
    history.figures.loss.forEach((loss, i) => {
      expect(loss).toBeCloseTo(losses[i], 6);
    });
  });

  const forms: [string, () => Parameters<typeof fit>[1]][] = [
    ['a dataset', () => points(20).data],
    ['a pair of tensors', () => [points(20).x, points(20).y]],
    ['a DataLoader', () => new DataLoader(points(20).data, { batchSize: 8 })],
    ['an array of batches', () => [...new DataLoader(points(20).data, { batchSize: 8 })]],
    [
      'a function that gives a generator',
      () => () => new DataLoader(points(20).data, { batchSize: 8 })[Symbol.iterator](),
    ],
  ];

  test.each(forms)('takes %s', async (_, data) => {
    const net = seeded(() => new DropoutNet().eval());
    const options = { epochs: 2, loss: 'crossEntropy', batchSize: 8, shuffle: false, ...quiet } as const;
    const history = await fit(net, data(), options);
    const other = seeded(() => new DropoutNet().eval());
    await fit(other, points(20).data, options);
    expect(bytesOf(net)).toBe(bytesOf(other));
    expect(history.epochs).toEqual([0, 1]);
    expect(history.steps).toBe(6);
  });

  test('runs the device once a step, with the plans of the first epoch', async () => {
    const { statistics } = engine();
    const seen: { plans: number; runs: number }[] = [];
    const look = { onEpochEnd: () => void seen.push({ ...statistics }) };
    const metrics = ['accuracy', 'f1'] as const;
    const options = { epochs: 6, loss: 'crossEntropy', batchSize: 8, callbacks: [look], ...quiet } as const;
    const history = await fit(new DropoutNet(), points(196).data, {
      ...options,
      metrics,
      validation: points(60).data,
    });
    const [first, last] = [seen[1], seen[5]];
    expect(last.plans).toBe(first.plans);
    // 25 steps and 8 batches of validation an epoch; what is read is in memory already.
    expect(history.steps).toBe(150);
    expect(last.runs - first.runs).toBe(4 * (25 + 8));
  });

  test('calls a model of several inputs with each', async () => {
    class Sum extends nn.Module<[Tensor, Tensor]> {
      layer = new nn.Linear(2, 1);
      override forward(a: Tensor, b: Tensor): Tensor {
        return this.layer.forward(a.add(b));
      }
    }
    const data = [[ones([5, 2]), ones([5, 2])], ones([5, 1])] as const;
    const net = new Sum();
    const history = await fit(net, data, {
      epochs: 30,
      loss: 'mse',
      optimizer: 'sgd',
      lr: 0.1,
      batchSize: 2,
      ...quiet,
    });
    expect(history.last.loss).toBeLessThan(1e-4);
  });

  test('sets a share apart for the validation', async () => {
    const { data } = points(50);
    const net = new DropoutNet();
    const history = await fit(net, data, {
      epochs: 2,
      loss: 'crossEntropy',
      metrics: ['accuracy'],
      validation: 0.2,
      batchSize: 8,
      ...quiet,
    });
    expect(Object.keys(history.figures)).toEqual(['loss', 'accuracy', 'valLoss', 'valAccuracy']);
    expect(history.steps).toBe(10);
    expect((history.last.valAccuracy * 10) % 1).toBeCloseTo(0, 9);
  });

  test('validates with the figures of evaluate, every so often and at the end', async () => {
    const { data } = points(30);
    const test = points(12).data;
    const net = new DropoutNet();
    const history = await fit(net, data, {
      epochs: 4,
      loss: 'crossEntropy',
      metrics: ['accuracy'],
      validation: test,
      validationEvery: 3,
      ...quiet,
    });
    const { valLoss, valAccuracy } = history.figures;
    expect(valLoss.map(Number.isNaN)).toEqual([true, true, false, false]);
    const figures = await evaluate(net, test, { loss: 'crossEntropy', metrics: ['accuracy'] });
    expect(figures).toEqual({ loss: valLoss[3], accuracy: valAccuracy[3] });
  });

  test('gradients of several batches make the step of one batch', async () => {
    const { x, y } = points(44);
    const whole = seeded(() => new DropoutNet().eval());
    const parts = seeded(() => new DropoutNet().eval());
    for (const net of [whole, parts]) net.dropout = new nn.Dropout(0);
    const options = {
      epochs: 2,
      loss: 'crossEntropy',
      optimizer: 'sgd',
      lr: 0.5,
      shuffle: false,
      ...quiet,
    } as const;
    // 44 = 16 + 16 + 12, and in parts of 8: 8 8 | 8 8 | 8 4
    const one = await fit(whole, [x, y], { ...options, batchSize: 16 });
    const two = await fit(parts, [x, y], { ...options, batchSize: 8, accumulate: 2 });
    expect([one.steps, two.steps]).toEqual([6, 6]);
    const [a, b] = [whole.out.weight.dataSync(), parts.out.weight.dataSync()];
    a.forEach((value, i) => {
      expect(Number(b[i])).toBeCloseTo(Number(value), 5);
    });
    expect(two.last.loss).toBeCloseTo(one.last.loss, 5);
  });

  test('clipNorm bounds the step', async () => {
    const net = new Line();
    net.layer.weight = new nn.Parameter(tensor([[100, 100]]));
    const before = Array.from(net.layer.weight.dataSync(), Number);
    const options = { epochs: 1, loss: 'mse', optimizer: 'sgd', lr: 1, clipNorm: 0.5, ...quiet } as const;
    await fit(net, [ones([4, 2]), zeros([4, 1])], options);
    const after = Array.from(net.layer.weight.dataSync(), Number);
    // Equal gradients for both weights and the bias: 0.5 / sqrt(3) each.
    after.forEach((value, i) => {
      expect(before[i] - value).toBeCloseTo(0.5 / Math.sqrt(3), 3);
    });
  });

  test('a schedule steps once a step or once an epoch', async () => {
    const count = () => {
      const schedule = {
        steps: 0,
        step: () => void schedule.steps++,
        stateDict: () => null,
        loadStateDict: () => {},
      };
      return schedule;
    };
    const { data } = points(20);
    const [each, epochs] = [count(), count()];
    const options = { epochs: 3, loss: 'crossEntropy', batchSize: 8, ...quiet } as const;
    await fit(new DropoutNet(), data, { ...options, schedule: each, scheduleEvery: 'step' });
    await fit(new DropoutNet(), data, { ...options, schedule: () => epochs });
    expect([each.steps, epochs.steps]).toEqual([9, 3]);
  });

  test('batchesPerEpoch ends epochs of data without an end', async () => {
    function* endless() {
      for (;;) yield [ones([2, 2]), ones([2, 1])];
    }
    const history = await fit(new Line(), endless, { epochs: 2, loss: 'mse', batchesPerEpoch: 5, ...quiet });
    expect([history.steps, history.epochs]).toEqual([10, [0, 1]]);
  });

  test('initialEpoch begins with the order of that epoch', async () => {
    const { data } = points(30);
    const orders = async (initialEpoch: number): Promise<string[]> => {
      const seen: string[] = [];
      const loss: LossFunction = (output, target) => {
        seen.push(String(target.tolistSync()));
        return F.crossEntropy(output, target);
      };
      await fit(new DropoutNet(), data, { epochs: 3, initialEpoch, loss, batchSize: 30, ...quiet });
      return seen;
    };
    const all = await orders(0);
    expect(await orders(2)).toEqual(all.slice(2));
    expect(new Set(all).size).toBe(3);
  });

  test('puts back the mode of every module, also after an error', async () => {
    const { data } = points(8);
    const net = new DropoutNet();
    net.out.eval();
    const seen: boolean[] = [];
    const look = {
      onBatchEnd: () => void seen.push(net.training),
      onValidationBegin: () => void seen.push(net.training),
    };
    await fit(net, data, { epochs: 1, loss: 'crossEntropy', validation: data, callbacks: [look], ...quiet });
    expect(seen).toEqual([true, true]);
    expect([net.training, net.out.training]).toEqual([true, false]);
    net.eval();
    const fail = () => {
      throw new Error('no loss today');
    };
    await expect(fit(net, data, { epochs: 1, loss: fail, ...quiet })).rejects.toThrow('no loss today');
    expect([net.training, net.hidden.training]).toEqual([false, false]);
  });

  test('metrics and losses of outputs that are no tensors', async () => {
    class Two extends nn.Module<[Tensor], { mean: Tensor; spread: Tensor }> {
      layer = new nn.Linear(2, 1);
      override forward(x: Tensor) {
        const mean = this.layer.forward(x);
        return { mean, spread: mean.square() };
      }
    }
    const history = await fit(new Two(), [ones([4, 2]), zeros([4, 1])], {
      epochs: 1,
      loss: ({ mean }: { mean: Tensor; spread: Tensor }, target: Tensor) => mean.sub(target).square().mean(),
      metrics: [
        function spread(output: { mean: Tensor; spread: Tensor }) {
          return output.spread.mean();
        },
      ],
      ...quiet,
    });
    expect(history.last.spread).toBeCloseTo(history.last.loss, 6);
  });

  test.each<[string, () => Promise<unknown>, new () => Error, string]>([
    [
      'epochs of 1.5',
      () => fit(new Line(), [ones([2, 2]), ones([2, 1])], { epochs: 1.5, loss: 'mse' }),
      ArgumentError,
      'epochs is an integer',
    ],
    [
      'batchSize NaN',
      () => fit(new Line(), [ones([2, 2]), ones([2, 1])], { epochs: 1, loss: 'mse', batchSize: Number.NaN }),
      ArgumentError,
      'batchSize must be an integer',
    ],
    [
      'a loss that is none',
      () => fit(new Line(), [], { epochs: 1, loss: 'hinge' as 'mse' }),
      ArgumentError,
      'no batches',
    ],
    [
      'an unknown loss',
      () => fit(new Line(), [ones([2, 2]), ones([2, 1])], { epochs: 1, loss: 'hinge' as 'mse' }),
      ArgumentError,
      "no loss is called 'hinge'; there are crossEntropy",
    ],
    [
      'an unknown optimizer',
      () =>
        fit(new Line(), [ones([2, 2]), ones([2, 1])], { epochs: 1, loss: 'mse', optimizer: 'lyon' as 'sgd' }),
      ArgumentError,
      "none is called 'lyon'",
    ],
    [
      'x and y of different lengths',
      () => fit(new Line(), [ones([3, 2]), ones([2, 1])], { epochs: 1, loss: 'mse' }),
      ShapeError,
      'x [3, 2] and y [2, 1]',
    ],
    [
      'a batch of one tensor',
      () => fit(new Line(), [ones([3, 2])], { epochs: 1, loss: 'mse' }),
      ArgumentError,
      'a batch is [x, y] or [[x1, x2], y], got a tensor of shape [3, 2]',
    ],
    [
      'a dataset without samples',
      () => fit(new Line(), { length: 0, get: () => 0 }, { epochs: 1, loss: 'mse' }),
      ArgumentError,
      'the dataset is empty',
    ],
    [
      'a loss per sample',
      () => fit(new Line(), [ones([3, 2]), ones([3, 1])], { epochs: 1, loss: (a, b) => a.sub(b), ...quiet }),
      ShapeError,
      'call .mean() on it',
    ],
    [
      'lr with an optimizer',
      () => {
        const net = new Line();
        return fit(net, [ones([3, 2]), ones([3, 1])], {
          epochs: 1,
          loss: 'mse',
          lr: 1,
          optimizer: new optim.SGD(net.parameters()),
        });
      },
      ArgumentError,
      '`lr` goes with an optimizer by name',
    ],
    [
      'resume without a folder',
      () => fit(new Line(), [ones([3, 2]), ones([3, 1])], { epochs: 1, loss: 'mse', resume: true }),
      ArgumentError,
      'needs `checkpoint',
    ],
    [
      'a number',
      () => fit(new Line(), 3 as never, { epochs: 1, loss: 'mse' }),
      ArgumentError,
      'an iterable of batches or a function',
    ],
    [
      'a validation share of a loader',
      () => fit(new Line(), new DataLoader(points(4).data), { epochs: 1, loss: 'mse', validation: 0.5 }),
      ArgumentError,
      'set apart of a dataset',
    ],
  ])('refuses %s', async (_, run, type, message) => {
    const error: unknown = await run().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(type);
    expect((error as Error).message).toContain(message);
  });

  test('a generator that runs already is good for one epoch, and says so', async () => {
    function* two() {
      yield [ones([2, 2]), ones([2, 1])];
      yield [ones([1, 2]), ones([1, 1])];
    }
    expect((await fit(new Line(), two(), { epochs: 1, loss: 'mse', ...quiet })).steps).toBe(2);
    await expect(fit(new Line(), two(), { epochs: 2, loss: 'mse', ...quiet })).rejects.toThrow(
      'no batches in epoch 1; an iterable that can be gone over only once is used up',
    );
  });
});

describe('a loss that is no number', () => {
  const broken = (): [Tensor, Tensor] => [
    tensor([
      [1, 1],
      [Number.NaN, 1],
    ]),
    zeros([2, 1]),
  ];
  const options = { epochs: 2, loss: 'mse', optimizer: 'sgd', ...quiet } as const;

  test('is told once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const history = await fit(new Line(), broken(), options);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0][0]).toMatch(/the loss is NaN \(in epoch 1.*learning rate/);
    expect(history.epochs).toEqual([0, 1]);
  });

  test('stops', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const history = await fit(new Line(), broken(), { ...options, onNaN: 'stop' });
    expect(history.epochs).toEqual([]);
    expect(history.stopReason).toContain('the loss is NaN');
  });

  test('is ignored', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    await fit(new Line(), broken(), { ...options, onNaN: 'ignore' });
    expect(warn).not.toHaveBeenCalled();
  });

  test('TerminateOnNaN ends at the step', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const data = Array.from({ length: 9 }, (_, i) => [
      fromTypedArray(Float32Array.of(i === 3 ? Number.NaN : 1, 1), [1, 2]),
      zeros([1, 1]),
    ]);
    const history = await fit(new Line(), data, { ...options, callbacks: [new callbacks.TerminateOnNaN()] });
    expect(history.steps).toBe(4);
    expect(history.stopReason).toBe('TerminateOnNaN: the loss is NaN at step 4');
  });
});

describe('an aborted signal', () => {
  test('ends the training after the step and leaves the model in its mode', async () => {
    const controller = new AbortController();
    const stop = { onBatchEnd: ({ step }: { step: number }) => void (step === 4 && controller.abort()) };
    const net = new DropoutNet().eval();
    const { signal } = controller;
    const history = await fit(net, points(20).data, {
      epochs: 3,
      loss: 'crossEntropy',
      batchSize: 8,
      callbacks: [stop],
      signal,
      ...quiet,
    });
    expect([history.interrupted, history.steps, history.epochs]).toEqual([true, 4, [0]]);
    expect(history.stopReason).toBe(
      'interrupted in epoch 2 of 3, after batch 1 of 3; to be able to go on, pass checkpoint: { dir }',
    );
    expect(net.training).toBe(false);
  });

  test('ends a validation', async () => {
    const controller = new AbortController();
    const stop = { onValidationBegin: () => controller.abort() };
    const history = await fit(new DropoutNet(), points(20).data, {
      epochs: 3,
      loss: 'crossEntropy',
      validation: points(10).data,
      callbacks: [stop],
      signal: controller.signal,
      ...quiet,
    });
    expect([history.interrupted, history.steps, history.epochs]).toEqual([true, 1, []]);
  });

  test('ends an evaluation with its reason', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(evaluate(new Line(), [ones([2, 2]), ones([2, 1])], { loss: 'mse', signal })).rejects.toThrow(
      'enough',
    );
  });
});

describe('what callers without a compiler get wrong', () => {
  const loose = (options: unknown, model: unknown = new nn.Linear(2, 1)): Promise<unknown> =>
    fit(model as nn.Linear, [zeros([4, 2]), zeros([4, 1])], options as Parameters<typeof fit>[2]);
  const good = { epochs: 1, loss: 'mse', progress: false };
  const other = new nn.Linear(2, 1);

  test.each<[string, unknown, string]>([
    ['no options', undefined, 'fit: options are an object such as { epochs: ... }'],
    [
      'a name of another library',
      { ...good, batch_size: 8 },
      'no option is called batch_size; it is batchSize',
    ],
    [
      'an option that is none',
      { ...good, learningRate: 1 },
      'fit: no option is called learningRate; there are',
    ],
    ['no loss', { epochs: 1 }, 'loss: expected a name or a function, got nothing'],
    ['a loss that is a module', { ...good, loss: new nn.MSELoss() }, 'loss.forward(output, target)'],
    [
      'the class of an optimizer',
      { ...good, optimizer: optim.Adam },
      'pass new optim.Adam(model.parameters()',
    ],
    [
      'the optimizer of another model',
      { ...good, optimizer: new optim.SGD(other.parameters()) },
      "none of the model's",
    ],
    [
      'a metric by itself',
      { ...good, metrics: 'mae' },
      "metrics: expected an array such as ['accuracy'], got string",
    ],
    ['no metric', { ...good, metrics: [null] }, 'each is a name, a metric or a function'],
    ['a callback by itself', { ...good, callbacks: new callbacks.EarlyStopping() }, 'put it in [ ]'],
    [
      'the class of a callback',
      { ...good, callbacks: [callbacks.EarlyStopping] },
      'callbacks[0] is an object',
    ],
    [
      'the name of a schedule',
      { ...good, schedule: 'cosine' },
      'new optim.lrScheduler.StepLR(o, 10), got string',
    ],
    ['a schedule that is not returned', { ...good, schedule: () => {} }, 'a function that gives undefined'],
    ['a controller', { ...good, signal: new AbortController() }, 'of an AbortController pass its .signal'],
    ['a norm that is a string', { ...good, clipNorm: '1' }, 'clipNorm is a positive number'],
  ])('%s', async (_, options, message) => {
    await expect(loose(options)).rejects.toThrow(ArgumentError);
    await expect(loose(options)).rejects.toThrow(message);
  });

  test('a function in place of the model', async () => {
    await expect(loose(good, (x: Tensor) => x)).rejects.toThrow('fit: the model is a module');
  });
});

test('a schedule sees one figure, also in epochs that are not validated', async () => {
  const seen: (number | undefined)[] = [];
  const schedule = {
    step: (figure?: number) => void seen.push(figure),
    stateDict: () => null,
    loadStateDict() {},
  };
  const data = [ones([4, 2]), zeros([4, 1])] as const;
  const history = await fit(new nn.Linear(2, 1), data, {
    ...quiet,
    epochs: 5,
    loss: 'mse',
    validation: [zeros([4, 2]), ones([4, 1])],
    validationEvery: 2,
    schedule,
  });
  const { valLoss } = history.figures;
  expect(seen).toEqual([Number.NaN, valLoss[1], valLoss[1], valLoss[3], valLoss[4]]);
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ArgumentError } from '../../src/base/errors.js';
import { callbacks, fit, ones, optim, type TrainingData, zeros } from '../../src/index.js';
import type { Callback } from '../../src/train/callbacks/callback.js';
import { Line } from './models.js';

let dir = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hadal-callbacks-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const data: TrainingData = [ones([6, 2]), zeros([6, 1])];

const options = { loss: 'mse', optimizer: 'sgd', batchSize: 2, progress: false } as const;

/** Sets the loss of each epoch to what the test wants. */
function losses(values: readonly number[]): Callback {
  return {
    onEpochEnd: ({ epoch }, figures) => {
      (figures as Record<string, number>).loss = values[epoch];
    },
  };
}

describe('callbacks', () => {
  test('are called at the points they are named for, those that are last after the others', async () => {
    const seen: string[] = [];
    const names = ['onTrainBegin', 'onEpochBegin', 'onBatchBegin', 'onBatchEnd', 'onStepEnd'] as const;
    const ends = ['onValidationBegin', 'onValidationEnd', 'onEpochEnd', 'onTrainEnd'] as const;
    const recorder = (mark: string, later: boolean): Callback =>
      Object.fromEntries(
        [...names, ...ends, 'close' as const].map((name) => [
          name,
          () => {
            seen.push(`${name}${mark}`);
            if (later) return new Promise<void>((resolve) => setTimeout(resolve, 1));
          },
        ]),
      );
    await fit(new Line(), data, {
      ...options,
      epochs: 1,
      batchSize: 3,
      accumulate: 2,
      validation: data,
      callbacks: [{ ...recorder(' last', false), last: true }, recorder('', true)],
    });
    const both = (name: string) => [name, `${name} last`];
    expect(seen).toEqual([
      ...both('onTrainBegin'),
      ...both('onEpochBegin'),
      ...['onBatchBegin', 'onBatchEnd', 'onBatchBegin', 'onBatchEnd', 'onStepEnd'].flatMap(both),
      ...['onValidationBegin', 'onValidationEnd', 'onEpochEnd', 'onTrainEnd', 'close'].flatMap(both),
    ]);
  });

  test('errors of callbacks are those of fit, and all are closed', async () => {
    const closed: number[] = [];
    const close = (n: number): Callback => ({
      close: () => {
        closed.push(n);
        throw new Error('closing fails too');
      },
    });
    const failing: Callback = {
      onBatchEnd: async () => {
        throw new TypeError('a callback failed');
      },
    };
    await expect(
      fit(new Line(), data, { ...options, epochs: 1, callbacks: [close(1), failing, close(2)] }),
    ).rejects.toThrow('a callback failed');
    expect(closed).toEqual([1, 2]);
    await expect(fit(new Line(), data, { ...options, epochs: 1, callbacks: [close(3)] })).rejects.toThrow(
      'closing fails too',
    );
  });

  test('see how far it is', async () => {
    const seen: unknown[] = [];
    const look: Callback = {
      onStepEnd: (c) => void seen.push([c.epoch, c.batch, c.batches, c.samples, c.step, c.epochs]),
    };
    await fit(new Line(), data, { ...options, epochs: 2, batchSize: 4, callbacks: [look] });
    expect(seen).toEqual([
      [0, 1, 2, 4, 1, 2],
      [0, 2, 2, 6, 2, 2],
      [1, 1, 2, 4, 3, 2],
      [1, 2, 2, 6, 4, 2],
    ]);
  });

  test('figures so far weigh samples, not batches', async () => {
    const seen: number[] = [];
    const look: Callback = { onBatchEnd: async (c) => void seen.push((await c.figures()).loss) };
    const y = zeros([3, 1]);
    const x = ones([3, 2]);
    const net = new Line();
    const batches = [
      [x, y],
      [x.narrow(0, 0, 1).mul(0), y.narrow(0, 0, 1)],
    ];
    net.layer.bias?.detach().zero_();
    await fit(net, batches, { ...options, epochs: 1, lr: 0, callbacks: [look] });
    expect(seen[1]).toBeCloseTo((seen[0] * 3) / 4, 6);
  });
});

describe('EarlyStopping', () => {
  test.each<[string, number[], callbacks.EarlyStoppingOptions, number]>([
    ['waits for patience epochs', [5, 4, 4, 4, 4, 4], { patience: 2 }, 5],
    ['begins to wait anew after an improvement', [5, 5, 4, 4, 3, 3, 3, 3], { patience: 1 }, 7],
    ['an improvement must be more than minDelta', [5, 4.9, 4.8, 4.7], { minDelta: 0.5, patience: 0 }, 2],
    ['max', [1, 2, 3, 2, 1], { mode: 'max', patience: 0 }, 4],
    ['NaN is no improvement', [Number.NaN, Number.NaN, Number.NaN, 1], { patience: 1 }, 2],
  ])('%s', async (_, values, settings, epochs) => {
    const stop = new callbacks.EarlyStopping({ monitor: 'loss', ...settings });
    const history = await fit(new Line(), data, {
      ...options,
      epochs: 10,
      callbacks: [losses(values), stop],
    });
    expect(history.epochs).toHaveLength(epochs);
    expect(history.stopReason).toMatch(/^EarlyStopping: loss has not improved for \d epochs?$/);
  });

  test('gives back the weights of the best epoch', async () => {
    const net = new Line();
    const weights: number[] = [];
    const look: Callback = { onEpochEnd: () => void weights.push(Number(net.layer.weight.dataSync()[0])) };
    const stop = new callbacks.EarlyStopping({ monitor: 'loss', patience: 2, restoreBest: true });
    const list = [losses([3, 1, 2, 2, 2, 2]), look, stop];
    await fit(net, data, { ...options, epochs: 6, callbacks: list });
    expect(weights).toHaveLength(5);
    expect(Number(net.layer.weight.dataSync()[0])).toBe(weights[1]);
    expect(weights[4]).not.toBe(weights[1]);
  });

  test('refuses a figure that does not exist', async () => {
    const stop = new callbacks.EarlyStopping({ monitor: 'valLoss' });
    await expect(fit(new Line(), data, { ...options, epochs: 1, callbacks: [stop] })).rejects.toThrow(
      "there is no figure 'valLoss'; there are loss; it needs `validation`",
    );
    expect(() => new callbacks.EarlyStopping({ patience: -1 })).toThrow(ArgumentError);
  });
});

describe('learning rate', () => {
  test('LearningRateScheduler sets it for each epoch', async () => {
    const net = new Line();
    const optimizer = new optim.SGD(net.parameters(), { lr: 1 });
    const seen: number[] = [];
    const look: Callback = { onBatchEnd: () => void seen.push(optimizer.lr) };
    const plan = new callbacks.LearningRateScheduler((epoch, lr) => (epoch === 0 ? 0.5 : lr / 2));
    await fit(net, data, { ...options, optimizer, batchSize: 6, epochs: 3, callbacks: [plan, look] });
    expect(seen).toEqual([0.5, 0.25, 0.125]);
  });

  test('ReduceLROnPlateau lowers it for all groups', async () => {
    const net = new Line();
    const [weight, bias] = [...net.parameters()];
    const groups = [{ params: [weight] }, { params: [bias], lr: 0.25 }];
    const optimizer = new optim.SGD(groups, { lr: 0.5 });
    const seen: number[][] = [];
    const look: Callback = { onEpochEnd: () => void seen.push(optimizer.paramGroups.map((g) => g.lr)) };
    const notes: string[] = [];
    const plateau = new callbacks.ReduceLROnPlateau({
      monitor: 'loss',
      factor: 0.5,
      patience: 1,
      cooldown: 1,
      minLr: 0.2,
    });
    const list = [
      losses([3, 3, 3, 3, 3, 3, 3, 1]),
      plateau,
      look,
      { onNote: (text: string) => void notes.push(text) },
    ];
    await fit(net, data, { ...options, optimizer, epochs: 8, callbacks: list });
    expect(seen.map(([lr]) => lr)).toEqual([0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2]);
    expect(seen.map(([, lr]) => lr)).toEqual([0.25, 0.25, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]);
    expect(notes).toEqual([
      'learning rate 0.5 -> 0.25: loss no longer improves',
      'learning rate 0.25 -> 0.2: loss no longer improves',
    ]);
  });
});

describe('loggers', () => {
  test('CSVLogger writes a row an epoch', async () => {
    const file = join(dir, 'log.csv');
    const logger = new callbacks.CSVLogger(file);
    const settings = { ...options, lr: 0.5, validation: data, validationEvery: 2, metrics: ['mae'] } as const;
    const history = await fit(new Line(), data, {
      ...settings,
      epochs: 2,
      validationEvery: 1,
      callbacks: [logger],
    });
    const { loss, mae, valLoss, valMae } = history.figures;
    expect(readFileSync(file, 'utf8')).toBe(
      `epoch,step,lr,loss,mae,valLoss,valMae\n` +
        [0, 1]
          .map((e) => `${e},${3 * (e + 1)},0.5,${loss[e]},${mae[e]},${valLoss[e]},${valMae[e]}\n`)
          .join(''),
    );
    const other = new callbacks.CSVLogger(file);
    await expect(fit(new Line(), data, { ...settings, epochs: 2, callbacks: [other] })).rejects.toThrow(
      "and none for 'valLoss'",
    );
  });

  test('JSONLogger writes an object an epoch', async () => {
    const file = join(dir, 'metrics.jsonl');
    const history = await fit(new Line(), data, {
      ...options,
      epochs: 2,
      callbacks: [new callbacks.JSONLogger(file)],
    });
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const rows = lines.map((line) => JSON.parse(line) as Record<string, number>);
    expect(rows.map(({ epoch, step, loss }) => [epoch, step, loss])).toEqual([
      [0, 3, history.figures.loss[0]],
      [1, 6, history.figures.loss[1]],
    ]);
  });

  test.each(['log.csv', 'log.jsonl'])('%s of a resumed run has each epoch once', async (name) => {
    const file = join(dir, name);
    const make = () => (name === 'log.csv' ? new callbacks.CSVLogger(file) : new callbacks.JSONLogger(file));
    const checkpoint = { dir: join(dir, 'checkpoints') };
    const net = () => new Line();
    const settings = { ...options, checkpoint, resume: true };
    await fit(net(), data, { ...settings, epochs: 2, callbacks: [make()] });
    // As if the process had gone on, and had been killed before its next checkpoint, in the middle of a line.
    const saved = readFileSync(file, 'utf8');
    const again = name === 'log.csv' ? '2,9,0.001,5\n3,1' : '{"epoch":2,"loss":5}\n{"epo';
    writeFileSync(file, saved + again);
    await fit(net(), data, { ...settings, epochs: 4, callbacks: [make()] });
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const epochs = lines.map((line) => /^(\d+),|"epoch":(\d+)/.exec(line)?.slice(1).join('') ?? 'head');
    expect(epochs.filter((epoch) => epoch !== 'head')).toEqual(['0', '1', '2', '3']);
    expect(readFileSync(file, 'utf8').startsWith(saved)).toBe(true);
  });

  test('begin a new file with a new run', async () => {
    const file = join(dir, 'metrics.jsonl');
    writeFileSync(file, 'old\n');
    await fit(new Line(), data, { ...options, epochs: 1, callbacks: [new callbacks.JSONLogger(file)] });
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(2);
    expect(() => new callbacks.CSVLogger('')).toThrow(ArgumentError);
  });
});

test.each([
  [{ dir: 'x', everySteps: 0 }, 'everySteps is a positive integer'],
  [{ dir: 'x', keep: 1.5 }, 'keep is a positive integer'],
  [{ dir: '' }, 'dir is the folder'],
])('ModelCheckpoint refuses %j', (settings, message) => {
  expect(() => new callbacks.ModelCheckpoint(settings)).toThrow(ArgumentError);
  expect(() => new callbacks.ModelCheckpoint(settings)).toThrow(message);
});

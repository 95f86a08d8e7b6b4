/** Going on from checkpoints: within one process, and after kills. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Xoshiro128 } from '../../src/data/shuffle.js';
import {
  callbacks,
  DataLoader,
  type FitOptions,
  fit,
  type History,
  listCheckpoints,
  loadCheckpoint,
  optim,
  type TrainingData,
} from '../../src/index.js';
import { killRuns } from './kill-runs.js';
import { bytesOf, DropoutNet, points, seeded } from './models.js';

let dir = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hadal-resume-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

interface End {
  readonly weights: string;
  readonly history: History;
}

async function run(data: TrainingData, options: Partial<FitOptions>): Promise<End> {
  const net = seeded(() => new DropoutNet());
  const history = await fit(net, data, {
    epochs: 3,
    loss: 'crossEntropy',
    optimizer: new optim.AdamW(net.parameters(), { lr: 0.02 }),
    metrics: ['accuracy', 'perplexity'],
    batchSize: 8,
    progress: false,
    ...options,
  });
  return { weights: bytesOf(net), history };
}

/** Aborts after so many steps of this process. */
function stopAfter(steps: number): Pick<FitOptions, 'signal' | 'callbacks'> {
  const controller = new AbortController();
  let seen = 0;
  const onBatchEnd = () => {
    if (++seen === steps) controller.abort();
  };
  return { signal: controller.signal, callbacks: [{ onBatchEnd }] };
}

const forms: [string, () => TrainingData, Partial<FitOptions>][] = [
  ['a dataset', () => points(30).data, {}],
  ['a loader', () => new DataLoader(points(30).data, { batchSize: 7, shuffle: true }), {}],
  [
    'a loader that fetches ahead',
    () => new DataLoader(points(30).data, { batchSize: 8, shuffle: true, prefetch: 3 }),
    {},
  ],
  ['a generator', () => () => new DataLoader(points(30).data, { batchSize: 8 })[Symbol.iterator](), {}],
  ['accumulated gradients', () => points(30).data, { accumulate: 3, batchSize: 4 }],
  ['a limit of batches', () => points(30).data, { batchesPerEpoch: 3 }],
  ['a validation', () => points(30).data, { validation: 0.3 }],
  [
    'a schedule',
    () => points(30).data,
    {
      schedule: (optimizer) => new optim.lrScheduler.StepLR(optimizer, 2, { gamma: 0.5 }),
      scheduleEvery: 'step',
    },
  ],
];

describe('fit that goes on after an interruption ends bitwise as if there was none', () => {
  test.each(forms)('%s', async (_, data, options) => {
    const whole = await run(data(), options);
    for (const stop of [1, 2, 3, 4, 5, 8]) {
      const folder = join(dir, String(stop));
      const checkpoint = { dir: folder };
      const first = await run(data(), { ...options, ...stopAfter(stop), checkpoint, resume: true });
      expect(first.history.interrupted).toBe(true);
      expect(first.history.stopReason).toContain(`resume: true (checkpoints are in ${folder})`);
      const second = await run(data(), { ...options, checkpoint, resume: true });
      expect(second.weights).toBe(whole.weights);
      expect(second.history).toEqual(whole.history);
    }
  });

  test('in its validation', async () => {
    const { data } = points(30);
    const whole = await run(data, { validation: 0.3 });
    const controller = new AbortController();
    const abort = { onValidationBegin: () => controller.abort() };
    const options = { validation: 0.3, checkpoint: { dir }, resume: true } as const;
    const first = await run(data, { ...options, signal: controller.signal, callbacks: [abort] });
    expect(first.history.epochs).toEqual([]);
    const second = await run(data, options);
    expect(second.weights).toBe(whole.weights);
    expect(second.history).toEqual(whole.history);
  });

  test('with callbacks that remember', async () => {
    const { data } = points(30);
    const remembering = () => [
      new callbacks.EarlyStopping({ monitor: 'loss', patience: 2, minDelta: 0.4, restoreBest: true }),
      new callbacks.ReduceLROnPlateau({ monitor: 'loss', patience: 0, factor: 0.5, minDelta: 0.4 }),
    ];
    const whole = await run(data, { epochs: 12, callbacks: remembering() });
    expect(whole.history.stopReason).toContain('EarlyStopping');
    for (const stop of [3, 9, 14]) {
      const options = { epochs: 12, checkpoint: { dir: join(dir, String(stop)) }, resume: true };
      const { signal, callbacks: aborts = [] } = stopAfter(stop);
      await run(data, {
        ...options,
        ...(signal === undefined ? {} : { signal }),
        callbacks: [...remembering(), ...aborts],
      });
      const second = await run(data, { ...options, callbacks: remembering() });
      expect(second.weights).toBe(whole.weights);
      expect(second.history).toEqual(whole.history);
      // Started once more, it has nothing left to do.
      const third = await run(data, { ...options, callbacks: remembering() });
      expect(third.weights).toBe(whole.weights);
      expect(third.history).toEqual(whole.history);
    }
  });

  test('more epochs than before', async () => {
    const { data } = points(30);
    const whole = await run(data, { epochs: 4 });
    await run(data, { epochs: 2, checkpoint: { dir } });
    const second = await run(data, { epochs: 4, resume: dir });
    expect(second.weights).toBe(whole.weights);
    expect(second.history).toEqual(whole.history);
  });
});

describe('checkpoints of fit', () => {
  test('are saved every so many steps, and the newest are kept', async () => {
    await run(points(30).data, { checkpoint: { dir, everySteps: 2, keep: 3 } });
    const steps = (await listCheckpoints(dir)).map(({ step }) => step);
    expect(steps).toEqual([12, 10, 8]);
  });

  test('the best one is kept beside them', async () => {
    let epoch = 0;
    const loss = [3, 1, 2];
    const save = new callbacks.ModelCheckpoint({ dir, keep: 1, best: { monitor: 'loss' } });
    const fake = { onEpochEnd: () => void epoch++ };
    const wrapped: callbacks.Callback = {
      last: true,
      onEpochEnd: (context, figures) => save.onEpochEnd(context, { ...figures, loss: loss[epoch - 1] }),
    };
    await run(points(30).data, { callbacks: [fake, wrapped] });
    expect((await loadCheckpoint(join(dir, 'best')))?.step).toBe(8);
    expect((await listCheckpoints(dir)).map(({ step }) => step)).toEqual([12]);
  });

  test('are not saved while the loss is NaN', async () => {
    const { x, y } = points(30);
    const broken = x.div(0);
    const options = { checkpoint: { dir }, onNaN: 'stop' } as const;
    const { history } = await run([broken, y], { ...options, callbacks: [{ onNote: () => {} }] });
    expect(history.stopReason).toContain('the loss is NaN');
    expect(await listCheckpoints(dir)).toEqual([]);
  });

  test('of another model, optimizer or data are refused', async () => {
    const { data } = points(30);
    const checkpoint = { dir, everySteps: 1, everyEpochs: 9 };
    await run(data, { checkpoint, ...stopAfter(2) });
    await expect(run(data, { resume: dir, batchSize: 4 })).rejects.toThrow('this one has 8');
    await expect(run(data, { resume: dir, optimizer: 'sgd' })).rejects.toThrow('AdamW');
    const schedule = (o: optim.Optimizer) => new optim.lrScheduler.StepLR(o, 2);
    await expect(run(data, { resume: dir, schedule })).rejects.toThrow('was saved without a schedule');
  });

  test('resume without a checkpoint begins at the begin', async () => {
    const { data } = points(30);
    const { weights } = await run(data, {});
    expect((await run(data, { checkpoint: { dir }, resume: true })).weights).toBe(weights);
  });
});

test('three kills at random moments change nothing; `npm run kill-runs` does twenty', {
  timeout: 120_000,
}, async () => {
  const random = new Xoshiro128([1, 2, 3, Math.floor(performance.now() * 1000) | 1]);
  const { kills, differences } = await killRuns({ kills: 3, random: () => random.uniform() });
  expect(kills).toBe(3);
  expect(differences).toEqual([]);
});

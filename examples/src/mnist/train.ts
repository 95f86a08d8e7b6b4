/** Trains a convolutional network on MNIST, tests it, and shows what it does not recognise. */
import { writeFileSync } from 'node:fs';
import {
  engine,
  functional as F,
  fit,
  manualSeed,
  type nn,
  optim,
  type ProgressOutput,
  predict,
  saveModel,
} from 'hadal';
import { mnist } from 'hadal/datasets';
import { type Assessment, assess, mistakes, selection, type Verdict } from './assessment.js';
import { type Digit, drawDigits } from './digits.js';
import { count, listFacts } from './facts.js';
import { MetricsLog, readMetrics } from './metrics-log.js';
import { architecture, makeNetwork } from './network.js';
import type { Options } from './options.js';
import { renderReport } from './report.js';
import { prepareRun } from './run.js';
import { classTable, confusionTable } from './terminal.js';
import { type Digits, normalisation, readPixels, readTruths } from './test-images.js';

const digitNames = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/** Where the program's lines go, and what ends it early. */
export interface Surroundings {
  readonly output: ProgressOutput;
  readonly signal?: AbortSignal;
}

/** @returns the exit code: 0, or 130 after an interruption. */
export async function train(options: Options, { output, signal }: Surroundings): Promise<number> {
  const say = (text: string): void => void output.write(`${text}\n`);
  const begun = performance.now();
  const run = await prepareRun(options);
  const { folder, hyperparameters } = run;
  const { epochs, batchSize, lr, seed, limit } = hyperparameters;
  say(`engine: ${engine().name} (${engine().description})`);

  const data = await mnist(limit === undefined ? {} : { limit });
  say(
    `data: ${count(data.train.length)} training and ${count(data.test.length)} test images, ${since(begun)}`,
  );

  manualSeed(seed);
  const net = makeNetwork();
  const parameters = [...net.parameters()].reduce((sum, parameter) => sum + parameter.numel(), 0);
  say(`model: ${architecture}, ${count(parameters)} parameters`);
  await saveModel(folder.dir, net, {
    input: {
      width: 28,
      height: 28,
      channels: 1,
      mean: [normalisation.mean],
      std: [normalisation.std],
      invert: 'auto',
    },
    classes: digitNames,
    weights: 'checkpoints',
  });
  say(`run: ${folder.dir}`);

  const { OneCycleLR } = optim.lrScheduler;
  const totalSteps = epochs * Math.ceil(data.train.length / batchSize);
  const history = await fit(net, data.train, {
    epochs,
    batchSize,
    seed,
    optimizer: new optim.AdamW(net.parameters(), { lr }),
    schedule: (optimizer) =>
      new OneCycleLR(optimizer, lr, { totalSteps, pctStart: 0.15, cycleMomentum: false }),
    scheduleEvery: 'step',
    loss: run.losses?.watch(F.crossEntropy) ?? 'crossEntropy',
    metrics: ['accuracy'],
    validation: data.test,
    callbacks: [
      { onTrainBegin: ({ resumed, step }) => void (resumed && say(`resumed after step ${count(step)}`)) },
      new MetricsLog(folder.metrics),
      ...(run.losses === null ? [] : [run.losses]),
    ],
    checkpoint: {
      dir: folder.dir,
      everySteps: options.checkpointEvery,
      everyEpochs: 1,
      keep: 2,
      howToGoOn: `to go on: npm start -- --resume ${folder.dir}`,
    },
    resume: run.resumed,
    progress: { output },
    ...(signal === undefined ? {} : { signal }),
  });
  if (history.interrupted) return 130;

  const assessment = await test(net, data.test, batchSize);
  say(`\n${classTable(assessment)}\n\n${confusionTable(assessment)}\n`);
  say(`${drawDigits(await withPixels(data.test, selection(assessment, 10)))}\n`);

  const metrics = readMetrics(folder.metrics);
  const trainImages = data.train.length;
  const report = renderReport({
    started: run.started,
    facts: listFacts({ options: hyperparameters, architecture, parameters, trainImages, metrics }),
    metrics,
    assessment,
    worst: await withPixels(data.test, mistakes(assessment).slice(0, 40)),
  });
  writeFileSync(folder.report, report);
  say(`report: ${folder.report}`);
  say(`try it: npx hadal predict --model ${folder.dir} IMAGE`);
  say(`total time: ${since(begun)}`);
  say(`test accuracy: ${assessment.accuracy.toFixed(4)}`);
  return 0;
}

async function test(net: nn.Module, images: Digits, batchSize: number): Promise<Assessment> {
  const probabilities = F.softmax(await predict(net, images, { batchSize }), 1);
  const values = (await probabilities.data()) as Float32Array;
  return assess(values, await readTruths(images), digitNames.length);
}

function withPixels(images: Digits, verdicts: readonly Verdict[]): Promise<Digit[]> {
  return Promise.all(
    verdicts.map(async (verdict) => ({ ...verdict, pixels: await readPixels(images, verdict.index) })),
  );
}

function since(begun: number): string {
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`;
}

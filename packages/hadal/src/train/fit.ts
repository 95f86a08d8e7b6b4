/** Training in one call. */

import { ArgumentError } from '../base/errors.js';
import { checkOptions } from '../base/options.js';
import { DataLoader } from '../data/data-loader.js';
import type { Dataset } from '../data/dataset.js';
import { randomSplit } from '../data/subset.js';
import type { Optimizer } from '../optim/index.js';
import type { Tensor } from '../tensor/index.js';
import { asDataset, batchSource, isDataset, type TrainingData } from './batches.js';
import type { Callback } from './callbacks/callback.js';
import { ModelCheckpoint } from './callbacks/model-checkpoint.js';
import { ProgressBar } from './callbacks/progress-bar.js';
import type { History } from './history.js';
import { makeLoss, thresholdOf } from './losses.js';
import { Measures } from './measures.js';
import { makeMetrics } from './metrics/registry.js';
import { checkModel, type Model } from './model.js';
import { makeOptimizer } from './optimizers.js';
import { type FitOptions, fitOptionNames, type Schedule } from './options.js';
import { Trainer } from './trainer.js';

/**
 * Trains a model.
 *
 * Each batch `[x, y]` (or `[[x1, x2], y]`) goes through `model.forward(x)`, the loss, `backward` and an optimizer step. Loss and
 * metrics of an epoch are those of all its samples: they are added up on the device and read only for the progress line, a few
 * times a second. The model is in training mode meanwhile, in evaluation mode for the validation, and each module's mode is put
 * back at the end, also after an error.
 *
 * With `checkpoint` and `resume`, a run that was killed at any moment goes on from its newest checkpoint and ends with bitwise
 * the weights of a run that was not, also from the middle of an epoch. That needs the same options and data; data that is no
 * dataset and no `DataLoader` is gone over again up to the place.
 *
 * An aborted `signal` ends the training after the step that runs; a checkpoint is saved if `checkpoint` is given, and the
 * result has `interrupted` and in `stopReason` how to go on.
 *
 * @param model any module; several inputs are passed as several arguments.
 * @param data a dataset, a pair of tensors `[x, y]`, a `DataLoader`, or anything that gives batches; see `TrainingData`.
 * @returns the figures of each epoch.
 * @throws ArgumentError for options that are out of their range, data without batches, and batches of another form; what a
 * callback, the data or the model throws.
 *
 * @example
 * ```ts
 * import { fit, manualSeed, nn, tensor } from 'hadal';
 * manualSeed(0);
 * const x = tensor([[0], [1], [2], [3]]);
 * const y = tensor([[1], [3], [5], [7]]);
 * const net = new nn.Linear(1, 1);
 * const history = await fit(net, [x, y], { epochs: 200, loss: 'mse', optimizer: 'sgd', lr: 0.1, progress: false });
 * console.log(history.last.loss < 1e-3, net.weight.itemSync().toFixed(1)); // true 2.0
 * ```
 */
export async function fit<Output = Tensor, Target = Tensor>(
  model: Model<Output>,
  data: TrainingData,
  options: FitOptions<Output, Target>,
): Promise<History> {
  checkModel('fit', model);
  checkOptions<FitOptions>('fit', options as FitOptions, fitOptionNames);
  const {
    epochs,
    initialEpoch = 0,
    accumulate = 1,
    validationEvery = 1,
    batchesPerEpoch,
    clipNorm,
    compile = false,
  } = options;
  const { batchSize = 32, shuffle = true, seed = 0, onNaN = 'warn', scheduleEvery = 'epoch' } = options;
  atLeast('epochs', epochs, 0);
  atLeast('initialEpoch', initialEpoch, 0);
  atLeast('accumulate', accumulate, 1);
  atLeast('validationEvery', validationEvery, 1);
  if (batchesPerEpoch !== undefined) atLeast('batchesPerEpoch', batchesPerEpoch, 1);
  if (clipNorm !== undefined && !(typeof clipNorm === 'number' && clipNorm > 0))
    throw new ArgumentError(`fit: clipNorm is a positive number, got ${clipNorm}`);
  if (typeof compile !== 'boolean') throw new ArgumentError(`fit: compile is true or false, got ${compile}`);
  oneOf('onNaN', onNaN, ['warn', 'stop', 'ignore']);
  oneOf('scheduleEvery', scheduleEvery, ['step', 'epoch']);

  const { train, validation } = splitData(data, options.validation, seed);
  const source = batchSource('fit', train, { batchSize, shuffle, seed });
  // A loader of the user's own counts its epochs itself.
  if (!(data instanceof DataLoader)) source.setEpoch(initialEpoch);
  const loss = makeLoss(options.loss);
  const metrics = makeMetrics(options.metrics ?? [], { threshold: thresholdOf(options.loss) });
  const optimizer = makeOptimizer(options.optimizer ?? 'adamw', model.parameters(), options.lr);
  checkLearns(model, optimizer);
  const schedule = makeSchedule(options.schedule, optimizer);
  const trainer = new Trainer<Output, Target>(model, {
    optimizer,
    schedule,
    scheduleEvery,
    loss,
    measures: new Measures(metrics),
    source,
    validation:
      validation === null
        ? null
        : batchSource('fit: validation', validation, { batchSize, shuffle: false, seed }),
    validationEvery,
    callbacks: callbacksFor(options),
    epochs,
    initialEpoch,
    batchesPerEpoch,
    accumulate,
    clipNorm,
    compile,
    onNaN,
    signal: options.signal,
    resume: resumeFolder(options),
    howToGoOn:
      options.checkpoint === undefined
        ? 'to be able to go on, pass checkpoint: { dir }'
        : (options.checkpoint.howToGoOn ??
          `to go on, call fit with the same options and resume: true (checkpoints are in ${options.checkpoint.dir})`),
  });
  return trainer.run();
}

/** @throws ArgumentError if no step would change the model, which nothing else would tell. */
function checkLearns(model: Model<unknown>, optimizer: Optimizer): void {
  const stepped = new Set(optimizer.parameters.map((p) => p.storage));
  for (const parameter of model.parameters()) if (stepped.has(parameter.storage)) return;
  throw new ArgumentError(
    "fit: the optimizer has none of the model's parameters; make it with model.parameters(), after replacing any",
  );
}

function makeSchedule(given: FitOptions['schedule'], optimizer: Optimizer): Schedule | null {
  if (given === undefined) return null;
  const schedule: unknown = typeof given === 'function' ? given(optimizer) : given;
  if (typeof schedule === 'object' && schedule !== null && 'step' in schedule) return schedule as Schedule;
  throw new ArgumentError(
    `fit: schedule is one of optim.lrScheduler or a function from the optimizer to one, such as ` +
      `(o) => new optim.lrScheduler.StepLR(o, 10), got ${typeof given === 'function' ? `a function that gives ${typeof schedule}` : typeof given}`,
  );
}

function checkCallbacks(callbacks: readonly Callback[]): void {
  if (!Array.isArray(callbacks))
    throw new ArgumentError(
      `fit: callbacks is an array of callbacks, got ${typeof callbacks}; put it in [ ]`,
    );
  callbacks.forEach((callback: unknown, i) => {
    if (typeof callback === 'object' && callback !== null) return;
    throw new ArgumentError(
      `fit: callbacks[${i}] is an object such as { onEpochEnd(context, figures) { ... } } or new callbacks.EarlyStopping(), ` +
        `got ${callback === null ? 'null' : typeof callback}`,
    );
  });
}

function callbacksFor<Output, Target>(options: FitOptions<Output, Target>): Callback[] {
  const { callbacks = [], progress = true, checkpoint } = options;
  checkCallbacks(callbacks);
  return [
    ...(progress === false ? [] : [new ProgressBar(progress === true ? {} : progress)]),
    ...callbacks,
    ...(checkpoint === undefined ? [] : [new ModelCheckpoint(checkpoint)]),
  ];
}

function resumeFolder<Output, Target>({ resume, checkpoint }: FitOptions<Output, Target>): string | null {
  if (resume === undefined || resume === false) return null;
  if (typeof resume === 'string') return resume;
  if (checkpoint === undefined)
    throw new ArgumentError(
      'fit: `resume: true` needs `checkpoint: { dir }`; or pass the folder as `resume`',
    );
  return checkpoint.dir;
}

/** Sets the validation's share apart. */
function splitData(
  data: TrainingData,
  validation: TrainingData | number | undefined,
  seed: number,
): { readonly train: TrainingData; readonly validation: TrainingData | null } {
  if (typeof validation !== 'number') return { train: data, validation: validation ?? null };
  if (!(validation > 0 && validation < 1))
    throw new ArgumentError(`fit: a share for the validation lies between 0 and 1, got ${validation}`);
  const known = asDataset('fit', data);
  if (!isDataset(known)) {
    throw new ArgumentError(
      'fit: a share for the validation can be set apart of a dataset or a pair of tensors; pass the validation data itself',
    );
  }
  const test = Math.round(known.length * validation);
  if (test === 0 || test === known.length) {
    throw new ArgumentError(
      `fit: ${validation} of ${known.length} samples leaves none for the training or the validation`,
    );
  }
  const [train, rest] = randomSplit(known as Dataset<unknown>, [known.length - test, test], { seed });
  return { train, validation: rest };
}

function atLeast(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new ArgumentError(`fit: ${name} is an integer, ${least} or more, got ${value}`);
}

function oneOf(name: string, value: string, values: readonly string[]): void {
  if (values.includes(value)) return;
  throw new ArgumentError(`fit: ${name} is one of ${values.join(', ')}, got ${JSON.stringify(value)}`);
}

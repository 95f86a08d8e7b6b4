/** Loss and metrics of a model on data it does not learn from. */

import { noGrad } from '../autograd/mode.js';
import type { AbortSignal } from '../base/abort.js';
import { ArgumentError } from '../base/errors.js';
import { checkOptions } from '../base/options.js';
import type { Tensor } from '../tensor/index.js';
import { type BatchSource, batchSource, readBatch, type TrainingData } from './batches.js';
import type { Figures } from './history.js';
import { catchSignals } from './interrupt.js';
import { type LossFunction, type LossSpec, makeLoss, thresholdOf } from './losses.js';
import { Measures } from './measures.js';
import { type MetricSpec, makeMetrics } from './metrics/registry.js';
import { call, checkModel, keepModes, type Model } from './model.js';
import type { ProgressSettings } from './options.js';
import { ProgressLine } from './progress.js';

export interface EvaluateOptions<Output = Tensor, Target = Tensor> {
  /** The loss by name, or a function of output and target that gives the mean over a batch. Default: no loss. */
  readonly loss?: LossSpec<Output, Target>;
  /** Names, metrics, or functions of output and target. */
  readonly metrics?: readonly MetricSpec<Output, Target>[];
  /** Samples in a batch of a dataset or a pair of tensors. Default 32. */
  readonly batchSize?: number;
  /** Ends the evaluation with the signal's reason as an error. */
  readonly signal?: AbortSignal;
  /** A progress line. Default false. */
  readonly progress?: boolean | ProgressSettings;
}

/**
 * The loss and metrics of a model on data, in evaluation mode and without gradients. Each module's mode is put back afterwards,
 * also after an error. A last batch with fewer samples counts for fewer.
 *
 * @param data see `TrainingData`; the order does not matter.
 * @returns the figures by name.
 * @throws ArgumentError if the data is empty, or neither a loss nor a metric is given; the signal's reason if it is aborted.
 *
 * @example
 * ```ts
 * import { evaluate, nn, ones, zeros } from 'hadal';
 * const net = new nn.Linear(2, 1, { bias: false });
 * const figures = await evaluate(net, [zeros([5, 2]), ones([5, 1])], { loss: 'mse', metrics: ['mae'], batchSize: 2 });
 * console.log(figures); // { loss: 1, mae: 1 }
 * ```
 */
export async function evaluate<Output = Tensor, Target = Tensor>(
  model: Model<Output>,
  data: TrainingData,
  options: EvaluateOptions<Output, Target>,
): Promise<Figures> {
  checkModel('evaluate', model);
  checkOptions<EvaluateOptions>('evaluate', options as EvaluateOptions, {
    loss: true,
    metrics: true,
    batchSize: true,
    signal: true,
    progress: true,
  });
  const { loss, metrics = [], batchSize = 32, signal, progress = false } = options;
  if (loss === undefined && metrics.length === 0)
    throw new ArgumentError('evaluate: pass a loss or metrics; there is nothing to compute');
  const measures = new Measures(makeMetrics(metrics, { threshold: thresholdOf(loss) }));
  const source = batchSource('evaluate', data, { batchSize, shuffle: false, seed: 0 });
  const line =
    progress === false
      ? null
      : new ProgressLine({
          label: 'evaluate',
          ...(source.batches === undefined ? {} : { total: source.batches }),
          ...(progress === true ? {} : progress),
        });
  const show = async (to: ProgressLine, { batches, samples }: Seen): Promise<void> => {
    to.update(batches, { samples, metrics: await measures.figures('live', loss !== undefined) });
  };
  const release = catchSignals(signal);
  try {
    const figures = await measure('evaluate', model, source, {
      loss: loss === undefined ? null : makeLoss(loss),
      measures,
      signal,
      onBatch: (seen) => {
        if (line?.due === true) return show(line, seen);
        line?.update(seen.batches, { samples: seen.samples });
      },
    });
    line?.finish(figures);
    return figures;
  } finally {
    line?.abandon();
    release();
  }
}

interface Seen {
  readonly batches: number;
  readonly samples: number;
}

export interface MeasureOptions<Output, Target> {
  readonly loss: LossFunction<Output, Target> | null;
  /** Are reset first. */
  readonly measures: Measures<Output, Target>;
  readonly signal?: AbortSignal | undefined;
  onBatch?(seen: Seen): void | Promise<void>;
}

/** One pass over a source, for `evaluate` and for the validation of `fit`. */
export async function measure<Output, Target>(
  owner: string,
  model: Model<Output>,
  source: BatchSource,
  options: MeasureOptions<Output, Target>,
): Promise<Figures> {
  const { loss, measures, signal, onBatch } = options;
  const restore = keepModes(model);
  const seen = { batches: 0, samples: 0 };
  measures.reset();
  try {
    model.eval();
    signal?.throwIfAborted();
    for await (const item of source.epoch()) {
      const { inputs, target, samples } = readBatch(owner, item);
      const later = noGrad(() => {
        const output = call(model, inputs);
        const value = loss === null ? null : loss(output, target as Target);
        return measures.update(value, output, target as Target, samples);
      });
      if (later !== undefined) await later;
      // Each batch by itself: its memory is free for the next, and the plan is the same.
      inputs[0].workspace.engine.realize([]);
      seen.batches++;
      seen.samples += samples;
      const shown = onBatch?.(seen);
      if (shown !== undefined) await shown;
      signal?.throwIfAborted();
    }
    if (seen.samples === 0) {
      throw new ArgumentError(
        `${owner}: the data gave no batches; an iterable that can be gone over only once is used up after the first time, ` +
          'pass a function that gives a new one',
      );
    }
    return await measures.figures('all', loss !== null);
  } finally {
    restore();
  }
}

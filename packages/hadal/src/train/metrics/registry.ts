/** Metrics by name. */
import { ArgumentError } from '../../base/errors.js';
import type { Tensor } from '../../tensor/index.js';
import { Accuracy, TopKAccuracy } from './accuracy.js';
import { AUC } from './auc.js';
import { F1, IntersectionOverUnion, Precision, Recall } from './class-counts.js';
import { ConfusionMatrix } from './confusion-matrix.js';
import { MeanMetric } from './mean-metric.js';
import type { Metric } from './metric.js';
import { Perplexity } from './perplexity.js';
import {
  CosineSimilarity,
  MeanAbsoluteError,
  MeanSquaredError,
  R2,
  RootMeanSquaredError,
} from './regression.js';

/** What a metric by name has to know of the loss. */
export interface MetricContext {
  /** The decision threshold of a single output: 0 where outputs are logits. */
  readonly threshold: number;
}

const metrics = {
  accuracy: (context) => new Accuracy(context),
  topKAccuracy: () => new TopKAccuracy(),
  precision: (context) => new Precision(context),
  recall: (context) => new Recall(context),
  f1: (context) => new F1(context),
  iou: (context) => new IntersectionOverUnion(context),
  confusionMatrix: (context) => new ConfusionMatrix(context),
  auc: () => new AUC(),
  meanAbsoluteError: () => new MeanAbsoluteError(),
  meanSquaredError: () => new MeanSquaredError(),
  rootMeanSquaredError: () => new RootMeanSquaredError(),
  r2: () => new R2(),
  cosineSimilarity: () => new CosineSimilarity(),
  perplexity: () => new Perplexity(),
  mae: () => new MeanAbsoluteError({ name: 'mae' }),
  mse: () => new MeanSquaredError({ name: 'mse' }),
  rmse: () => new RootMeanSquaredError({ name: 'rmse' }),
} satisfies Record<string, (context: MetricContext) => Metric>;

export type MetricName = keyof typeof metrics;

/** A name, a metric, or a function of a batch whose values are averaged over samples and which gives the metric its name. */
export type MetricSpec<Output = Tensor, Target = Tensor> =
  | MetricName
  | Metric<Output, Target>
  | ((output: Output, target: Target) => Tensor);

/**
 * The metrics that a list of specifications means.
 *
 * @throws ArgumentError for a name that is not known, and for a key that two metrics have.
 */
export function makeMetrics<Output, Target>(
  specs: readonly MetricSpec<Output, Target>[],
  context: MetricContext,
): Metric<Output, Target>[] {
  if (!Array.isArray(specs))
    throw new ArgumentError(`metrics: expected an array such as ['accuracy'], got ${typeof specs}`);
  const made = specs.map((spec) => makeMetric(spec, context));
  const seen = new Set(['loss', 'lr']);
  for (const { name } of made) {
    if (seen.has(name)) {
      throw new ArgumentError(
        `metrics: the key '${name}' is taken; give one of the metrics another name with { name: '...' }`,
      );
    }
    seen.add(name);
  }
  return made;
}

function makeMetric<Output, Target>(
  spec: MetricSpec<Output, Target>,
  context: MetricContext,
): Metric<Output, Target> {
  if (typeof spec === 'function') {
    if (typeof spec.prototype?.update === 'function')
      throw new ArgumentError(
        `metrics: expected a metric and not its class; pass new metrics.${spec.name}()`,
      );
    if (spec.name === '')
      throw new ArgumentError('metrics: a function needs a name, or new MeanMetric(name, fn)');
    return new MeanMetric(spec.name, spec);
  }
  if (typeof spec === 'object' && typeof spec?.update === 'function') return spec;
  if (typeof spec !== 'string')
    throw new ArgumentError(
      `metrics: each is a name, a metric or a function of output and target, got ${spec === null ? 'null' : typeof spec}`,
    );
  if (!Object.hasOwn(metrics, spec)) {
    throw new ArgumentError(
      `metrics: no metric is called '${spec}'; there are ${Object.keys(metrics).join(', ')}`,
    );
  }
  // Names are of metrics on tensors; a model with other outputs gets their error for what is no tensor.
  return metrics[spec](context) as unknown as Metric<Output, Target>;
}

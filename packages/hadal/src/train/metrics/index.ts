/** Metrics: figures over many batches, kept on the device. */
export { Accuracy, TopKAccuracy } from './accuracy.js';
export { AUC } from './auc.js';
export type { Average, ClassCountOptions } from './class-counts.js';
export { F1, IntersectionOverUnion, Precision, Recall } from './class-counts.js';
export { ConfusionMatrix } from './confusion-matrix.js';
export type { DecisionOptions } from './decisions.js';
export { MeanMetric } from './mean-metric.js';
export type { Metric } from './metric.js';
export { Perplexity } from './perplexity.js';
export type { MetricName, MetricSpec } from './registry.js';
export type { RegressionOptions } from './regression.js';
export {
  CosineSimilarity,
  MeanAbsoluteError,
  MeanSquaredError,
  R2,
  RootMeanSquaredError,
} from './regression.js';

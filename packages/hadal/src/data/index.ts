/** Datasets, batches, and the file formats that data comes in. */
export { defaultCollate } from './collate.js';
export type { Column } from './column.js';
export { ArrayColumn, ScaledBytesColumn } from './column.js';
export type { DataLoaderOptions, DataLoaderState } from './data-loader.js';
export { DataLoader } from './data-loader.js';
export type { AsyncDataset, Batch, Dataset } from './dataset.js';
export { ColumnDataset, TensorDataset } from './dataset.js';
export type { IdxArray } from './idx.js';
export { parseIdx } from './idx.js';
export type { BatchOrder, RandomSamplerOptions, Sampler, Sized } from './sampler.js';
export {
  BatchSampler,
  RandomSampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from './sampler.js';
export { ConcatDataset, mapDataset, randomSplit, Subset } from './subset.js';

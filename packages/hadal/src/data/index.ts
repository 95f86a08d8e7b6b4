/** Datasets, batches, and the file formats that data comes in. */
export { defaultCollate } from './collate.js';
export type { Column } from './column.js';
export { ArrayColumn, ScaledBytesColumn } from './column.js';
export type { DataLoaderOptions } from './data-loader.js';
export { DataLoader } from './data-loader.js';
export type { Batch, Dataset } from './dataset.js';
export { ColumnDataset, TensorDataset } from './dataset.js';
export type { IdxArray } from './idx.js';
export { parseIdx } from './idx.js';

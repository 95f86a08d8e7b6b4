export * from './activation.js';
export { type AttentionOptions, scaledDotProductAttention } from './attention.js';
export * from './classification-loss.js';
export {
  type ConvOptions,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  type Sizes,
} from './convolution.js';
export { cosineSimilarity, normalize, pairwiseDistance } from './distance.js';
export {
  alphaDropout,
  type DropoutOptions,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  featureAlphaDropout,
} from './dropout.js';
export * from './embedding.js';
export * from './embedding-loss.js';
export * from './linear.js';
export * from './normalization.js';
export * from './pooling.js';
export * from './rearrange.js';
export type { LossOptions } from './reduction.js';
export * from './regression-loss.js';

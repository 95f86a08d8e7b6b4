export * from './activations.js';
export {
  MultiheadAttention,
  type MultiheadAttentionMasks,
  type MultiheadAttentionOptions,
  MultiheadAttentionOutput,
} from './attention.js';
export { ModuleDict, ModuleList, ParameterList, Sequential } from './containers.js';
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvLayerOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  type ConvTransposeLayerOptions,
} from './convolution.js';
export { CosineSimilarity, PairwiseDistance } from './distance.js';
export * from './dropout.js';
export { Embedding } from './embedding.js';
export { Bilinear, Linear } from './linear.js';
export * from './losses.js';
export * from './normalization.js';
export * from './padding.js';
export * from './pooling.js';
export { ChannelShuffle, PixelShuffle, PixelUnshuffle } from './rearrange.js';
export {
  GRU,
  LSTM,
  type LSTMOutput,
  type LSTMState,
  type RecurrentOptions,
  type RecurrentOutput,
  RNN,
  type RNNOptions,
} from './recurrent.js';
export { GRUCell, LSTMCell, type LSTMCellOutput, RNNCell } from './recurrent-cells.js';
export { LocalResponseNorm } from './response.js';
export { Flatten, Identity, Unflatten } from './shape.js';

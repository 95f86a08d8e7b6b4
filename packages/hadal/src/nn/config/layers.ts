/** How each built-in layer is made from data: its class, and its constructor's arguments as they are read. */
import * as layers from '../layers/index.js';
import type { AnyModule } from '../module.js';
import type { ConfigReader } from './reader.js';

/** Rows of recurrent networks and the like are made one by one. */
const MAX_LAYERS = 1024;

export interface LayerKind {
  // The instances' own types differ in what forward takes.
  readonly type: abstract new (
    ...args: never[]
  ) => AnyModule;
  readonly make: (r: ConfigReader) => AnyModule;
}

const plain = (type: new () => AnyModule): LayerKind => ({ type, make: () => new type() });

const conv = (type: typeof layers.Conv1d | typeof layers.Conv2d | typeof layers.Conv3d): LayerKind => ({
  type,
  make: (r) =>
    new type(r.size('inChannels'), r.size('outChannels'), r.sizes('kernelSize', 1), {
      stride: r.sizes('stride', 1, 1),
      padding: r.padding('padding'),
      dilation: r.sizes('dilation', 1, 1),
      groups: r.size('groups', 1),
      bias: r.boolean('bias', true),
    }),
});

const convTranspose = (type: typeof layers.ConvTranspose1d | typeof layers.ConvTranspose2d): LayerKind => ({
  type,
  make: (r) =>
    new type(r.size('inChannels'), r.size('outChannels'), r.sizes('kernelSize', 1), {
      stride: r.sizes('stride', 1, 1),
      padding: r.sizes('padding', 0, 0),
      outputPadding: r.sizes('outputPadding', 0, 0),
      dilation: r.sizes('dilation', 1, 1),
      groups: r.size('groups', 1),
      bias: r.boolean('bias', true),
    }),
});

const maxPool = (
  type: typeof layers.MaxPool1d | typeof layers.MaxPool2d | typeof layers.MaxPool3d,
): LayerKind => ({
  type,
  make: (r) => {
    const kernelSize = r.sizes('kernelSize', 1);
    return new type(kernelSize, {
      stride: r.sizes('stride', 1),
      padding: r.sizes('padding', 0, 0),
      dilation: r.sizes('dilation', 1, 1),
      ceilMode: r.boolean('ceilMode', false),
    });
  },
});

const avgPool = (
  type: typeof layers.AvgPool1d | typeof layers.AvgPool2d | typeof layers.AvgPool3d,
): LayerKind => ({
  type,
  make: (r) =>
    new type(r.sizes('kernelSize', 1), {
      stride: r.sizes('stride', 1),
      padding: r.sizes('padding', 0, 0),
      ceilMode: r.boolean('ceilMode', false),
      countIncludePad: r.boolean('countIncludePad', true),
    }),
});

const adaptive = (type: typeof layers.AdaptiveAvgPool2d | typeof layers.AdaptiveMaxPool2d): LayerKind => ({
  type,
  make: (r) => new type(r.outputSize('outputSize')),
});

const adaptiveRow = (type: typeof layers.AdaptiveAvgPool1d | typeof layers.AdaptiveMaxPool1d): LayerKind => ({
  type,
  make: (r) => new type(r.optionalInteger('outputSize')),
});

const lpPool = (type: typeof layers.LPPool1d | typeof layers.LPPool2d): LayerKind => ({
  type,
  make: (r) =>
    new type(r.number('normType'), r.sizes('kernelSize', 1), {
      stride: r.sizes('stride', 1),
      ceilMode: r.boolean('ceilMode', false),
    }),
});

/** Amounts of padding, negative ones too. */
const amounts = (r: ConfigReader) => r.sizes('padding', -(2 ** 31));

const padding = (type: new (padding: number | number[]) => AnyModule): LayerKind => ({
  type,
  make: (r) => new type(amounts(r)),
});

const constantPadding = (type: new (padding: number | number[], value: number) => AnyModule): LayerKind => ({
  type,
  make: (r) => new type(amounts(r), r.number('value')),
});

const batchNorm = (
  type: typeof layers.BatchNorm1d | typeof layers.BatchNorm2d | typeof layers.BatchNorm3d,
): LayerKind => ({
  type,
  make: (r) =>
    new type(r.size('numFeatures'), {
      eps: r.number('eps', 1e-5),
      momentum: r.optionalNumber('momentum', 0.1),
      affine: r.boolean('affine', true),
      trackRunningStats: r.boolean('trackRunningStats', true),
    }),
});

const instanceNorm = (
  type: typeof layers.InstanceNorm1d | typeof layers.InstanceNorm2d | typeof layers.InstanceNorm3d,
): LayerKind => ({
  type,
  make: (r) =>
    new type(r.size('numFeatures'), { eps: r.number('eps', 1e-5), affine: r.boolean('affine', false) }),
});

const dropping = (type: new (p: number) => AnyModule): LayerKind => ({
  type,
  make: (r) => new type(r.number('p', 0.5)),
});

const alongDim = (type: new (dim: number) => AnyModule): LayerKind => ({
  type,
  make: (r) => new type(r.dim('dim')),
});

const withAlpha = (type: typeof layers.ELU | typeof layers.CELU): LayerKind => ({
  type,
  make: (r) => new type({ alpha: r.number('alpha', 1) }),
});

const withLambda = (type: typeof layers.Softshrink | typeof layers.Hardshrink): LayerKind => ({
  type,
  make: (r) => new type({ lambda: r.number('lambda', 0.5) }),
});

function recurrentOptions(r: ConfigReader) {
  return {
    numLayers: r.integer('numLayers', 1, MAX_LAYERS, 1),
    bias: r.boolean('bias', true),
    batchFirst: r.boolean('batchFirst', false),
    dropout: r.number('dropout', 0),
    bidirectional: r.boolean('bidirectional', false),
  };
}

const recurrent = (type: typeof layers.LSTM | typeof layers.GRU): LayerKind => ({
  type,
  make: (r) => new type(r.size('inputSize'), r.size('hiddenSize'), recurrentOptions(r)),
});

const cell = (type: typeof layers.LSTMCell | typeof layers.GRUCell): LayerKind => ({
  type,
  make: (r) => new type(r.size('inputSize'), r.size('hiddenSize'), { bias: r.boolean('bias', true) }),
});

const reductionOf = (r: ConfigReader) => r.choice('reduction', ['mean', 'sum', 'none'], 'mean');

const loss = (type: new (options: { reduction: 'mean' | 'sum' | 'none' }) => AnyModule): LayerKind => ({
  type,
  make: (r) => new type({ reduction: reductionOf(r) }),
});

const marginLoss = (
  type:
    | typeof layers.HingeEmbeddingLoss
    | typeof layers.CosineEmbeddingLoss
    | typeof layers.MarginRankingLoss,
): LayerKind => ({
  type,
  make: (r) => new type({ reduction: reductionOf(r), margin: r.number('margin') }),
});

const nonlinearityOf = (r: ConfigReader) => r.choice('nonlinearity', ['tanh', 'relu'], 'tanh');

export const builtInLayers: { readonly [type: string]: LayerKind } = {
  Sequential: {
    type: layers.Sequential,
    make: (r) => new layers.Sequential(...r.modules('layers')),
  },
  ModuleList: { type: layers.ModuleList, make: (r) => new layers.ModuleList(r.modules('items')) },
  ModuleDict: { type: layers.ModuleDict, make: (r) => new layers.ModuleDict(r.namedModules('modules')) },
  Linear: {
    type: layers.Linear,
    make: (r) =>
      new layers.Linear(r.size('inFeatures'), r.size('outFeatures'), { bias: r.boolean('bias', true) }),
  },
  Bilinear: {
    type: layers.Bilinear,
    make: (r) =>
      new layers.Bilinear(r.size('in1Features'), r.size('in2Features'), r.size('outFeatures'), {
        bias: r.boolean('bias', true),
      }),
  },
  Conv1d: conv(layers.Conv1d),
  Conv2d: conv(layers.Conv2d),
  Conv3d: conv(layers.Conv3d),
  ConvTranspose1d: convTranspose(layers.ConvTranspose1d),
  ConvTranspose2d: convTranspose(layers.ConvTranspose2d),
  MaxPool1d: maxPool(layers.MaxPool1d),
  MaxPool2d: maxPool(layers.MaxPool2d),
  AvgPool1d: avgPool(layers.AvgPool1d),
  AvgPool2d: avgPool(layers.AvgPool2d),
  AdaptiveAvgPool2d: adaptive(layers.AdaptiveAvgPool2d),
  AdaptiveMaxPool2d: adaptive(layers.AdaptiveMaxPool2d),
  MaxPool3d: maxPool(layers.MaxPool3d),
  AvgPool3d: avgPool(layers.AvgPool3d),
  LPPool1d: lpPool(layers.LPPool1d),
  LPPool2d: lpPool(layers.LPPool2d),
  AdaptiveAvgPool1d: adaptiveRow(layers.AdaptiveAvgPool1d),
  AdaptiveMaxPool1d: adaptiveRow(layers.AdaptiveMaxPool1d),
  ReflectionPad1d: padding(layers.ReflectionPad1d),
  ReflectionPad2d: padding(layers.ReflectionPad2d),
  ReflectionPad3d: padding(layers.ReflectionPad3d),
  ReplicationPad1d: padding(layers.ReplicationPad1d),
  ReplicationPad2d: padding(layers.ReplicationPad2d),
  ReplicationPad3d: padding(layers.ReplicationPad3d),
  ZeroPad1d: padding(layers.ZeroPad1d),
  ZeroPad2d: padding(layers.ZeroPad2d),
  ZeroPad3d: padding(layers.ZeroPad3d),
  CircularPad1d: padding(layers.CircularPad1d),
  CircularPad2d: padding(layers.CircularPad2d),
  CircularPad3d: padding(layers.CircularPad3d),
  ConstantPad1d: constantPadding(layers.ConstantPad1d),
  ConstantPad2d: constantPadding(layers.ConstantPad2d),
  ConstantPad3d: constantPadding(layers.ConstantPad3d),
  PixelShuffle: {
    type: layers.PixelShuffle,
    make: (r) => new layers.PixelShuffle(r.size('upscaleFactor')),
  },
  PixelUnshuffle: {
    type: layers.PixelUnshuffle,
    make: (r) => new layers.PixelUnshuffle(r.size('downscaleFactor')),
  },
  ChannelShuffle: {
    type: layers.ChannelShuffle,
    make: (r) => new layers.ChannelShuffle(r.size('groups')),
  },
  CosineSimilarity: {
    type: layers.CosineSimilarity,
    make: (r) => new layers.CosineSimilarity({ dim: r.dim('dim', 1), eps: r.number('eps', 1e-8) }),
  },
  PairwiseDistance: {
    type: layers.PairwiseDistance,
    make: (r) =>
      new layers.PairwiseDistance({
        p: r.number('p', 2),
        eps: r.number('eps', 1e-6),
        keepdim: r.boolean('keepdim', false),
      }),
  },
  LocalResponseNorm: {
    type: layers.LocalResponseNorm,
    make: (r) =>
      new layers.LocalResponseNorm(r.size('size'), {
        alpha: r.number('alpha', 1e-4),
        beta: r.number('beta', 0.75),
        k: r.number('k', 1),
      }),
  },
  BatchNorm1d: batchNorm(layers.BatchNorm1d),
  BatchNorm2d: batchNorm(layers.BatchNorm2d),
  BatchNorm3d: batchNorm(layers.BatchNorm3d),
  InstanceNorm1d: instanceNorm(layers.InstanceNorm1d),
  InstanceNorm2d: instanceNorm(layers.InstanceNorm2d),
  InstanceNorm3d: instanceNorm(layers.InstanceNorm3d),
  LayerNorm: {
    type: layers.LayerNorm,
    make: (r) =>
      new layers.LayerNorm(r.list('normalizedShape', 1), {
        eps: r.number('eps', 1e-5),
        elementwiseAffine: r.boolean('elementwiseAffine', true),
        bias: r.boolean('bias', true),
      }),
  },
  RMSNorm: {
    type: layers.RMSNorm,
    make: (r) =>
      new layers.RMSNorm(r.list('normalizedShape', 1), {
        eps: r.optionalNumber('eps', null),
        elementwiseAffine: r.boolean('elementwiseAffine', true),
      }),
  },
  GroupNorm: {
    type: layers.GroupNorm,
    make: (r) =>
      new layers.GroupNorm(r.size('numGroups'), r.size('numChannels'), {
        eps: r.number('eps', 1e-5),
        affine: r.boolean('affine', true),
      }),
  },
  Dropout: dropping(layers.Dropout),
  Dropout1d: dropping(layers.Dropout1d),
  Dropout2d: dropping(layers.Dropout2d),
  Dropout3d: dropping(layers.Dropout3d),
  AlphaDropout: dropping(layers.AlphaDropout),
  FeatureAlphaDropout: dropping(layers.FeatureAlphaDropout),
  Embedding: {
    type: layers.Embedding,
    make: (r) =>
      new layers.Embedding(r.size('numEmbeddings'), r.size('embeddingDim'), {
        paddingIdx: r.optionalInteger('paddingIdx'),
      }),
  },
  Flatten: {
    type: layers.Flatten,
    make: (r) => new layers.Flatten(r.dim('startDim', 1), r.dim('endDim', -1)),
  },
  Unflatten: {
    type: layers.Unflatten,
    make: (r) => new layers.Unflatten(r.dim('dim'), r.list('sizes', -1)),
  },
  Identity: plain(layers.Identity),
  ReLU: plain(layers.ReLU),
  ReLU6: plain(layers.ReLU6),
  LeakyReLU: {
    type: layers.LeakyReLU,
    make: (r) => new layers.LeakyReLU({ negativeSlope: r.number('negativeSlope', 0.01) }),
  },
  PReLU: {
    type: layers.PReLU,
    make: (r) =>
      new layers.PReLU({ numParameters: r.size('numParameters', 1), init: r.number('init', 0.25) }),
  },
  RReLU: {
    type: layers.RReLU,
    make: (r) => new layers.RReLU({ lower: r.number('lower', 1 / 8), upper: r.number('upper', 1 / 3) }),
  },
  ELU: withAlpha(layers.ELU),
  CELU: withAlpha(layers.CELU),
  SELU: plain(layers.SELU),
  GELU: {
    type: layers.GELU,
    make: (r) => new layers.GELU({ approximate: r.choice('approximate', ['none', 'tanh'], 'none') }),
  },
  SiLU: plain(layers.SiLU),
  Mish: plain(layers.Mish),
  Softplus: {
    type: layers.Softplus,
    make: (r) => new layers.Softplus({ beta: r.number('beta', 1), threshold: r.number('threshold', 20) }),
  },
  Softsign: plain(layers.Softsign),
  Softshrink: withLambda(layers.Softshrink),
  Hardshrink: withLambda(layers.Hardshrink),
  Hardtanh: {
    type: layers.Hardtanh,
    make: (r) => new layers.Hardtanh({ min: r.number('min', -1), max: r.number('max', 1) }),
  },
  Hardsigmoid: plain(layers.Hardsigmoid),
  Hardswish: plain(layers.Hardswish),
  Tanhshrink: plain(layers.Tanhshrink),
  Threshold: {
    type: layers.Threshold,
    make: (r) => new layers.Threshold(r.number('threshold'), r.number('value')),
  },
  GLU: alongDim(layers.GLU),
  Sigmoid: plain(layers.Sigmoid),
  LogSigmoid: plain(layers.LogSigmoid),
  Tanh: plain(layers.Tanh),
  Softmax: alongDim(layers.Softmax),
  Softmin: alongDim(layers.Softmin),
  LogSoftmax: alongDim(layers.LogSoftmax),
  Softmax2d: plain(layers.Softmax2d),
  LSTM: recurrent(layers.LSTM),
  GRU: recurrent(layers.GRU),
  RNN: {
    type: layers.RNN,
    make: (r) =>
      new layers.RNN(r.size('inputSize'), r.size('hiddenSize'), {
        ...recurrentOptions(r),
        nonlinearity: nonlinearityOf(r),
      }),
  },
  LSTMCell: cell(layers.LSTMCell),
  GRUCell: cell(layers.GRUCell),
  RNNCell: {
    type: layers.RNNCell,
    make: (r) =>
      new layers.RNNCell(r.size('inputSize'), r.size('hiddenSize'), {
        bias: r.boolean('bias', true),
        nonlinearity: nonlinearityOf(r),
      }),
  },
  MultiheadAttention: {
    type: layers.MultiheadAttention,
    make: (r) => {
      const embedDim = r.size('embedDim');
      return new layers.MultiheadAttention(embedDim, r.size('numHeads'), {
        dropout: r.number('dropout', 0),
        bias: r.boolean('bias', true),
        kdim: r.size('kdim', embedDim),
        vdim: r.size('vdim', embedDim),
        batchFirst: r.boolean('batchFirst', false),
      });
    },
  },
  MSELoss: loss(layers.MSELoss),
  L1Loss: loss(layers.L1Loss),
  BCELoss: loss(layers.BCELoss),
  BCEWithLogitsLoss: loss(layers.BCEWithLogitsLoss),
  SmoothL1Loss: {
    type: layers.SmoothL1Loss,
    make: (r) => new layers.SmoothL1Loss({ reduction: reductionOf(r), beta: r.number('beta', 1) }),
  },
  HuberLoss: {
    type: layers.HuberLoss,
    make: (r) => new layers.HuberLoss({ reduction: reductionOf(r), delta: r.number('delta', 1) }),
  },
  CrossEntropyLoss: {
    type: layers.CrossEntropyLoss,
    make: (r) =>
      new layers.CrossEntropyLoss({
        reduction: reductionOf(r),
        ignoreIndex: r.optionalInteger('ignoreIndex'),
        labelSmoothing: r.number('labelSmoothing', 0),
      }),
  },
  NLLLoss: {
    type: layers.NLLLoss,
    make: (r) =>
      new layers.NLLLoss({ reduction: reductionOf(r), ignoreIndex: r.optionalInteger('ignoreIndex') }),
  },
  KLDivLoss: {
    type: layers.KLDivLoss,
    make: (r) =>
      new layers.KLDivLoss({
        reduction: r.choice('reduction', ['mean', 'sum', 'none', 'batchmean'], 'mean'),
        logTarget: r.boolean('logTarget', false),
      }),
  },
  SoftMarginLoss: loss(layers.SoftMarginLoss),
  MultiLabelSoftMarginLoss: loss(layers.MultiLabelSoftMarginLoss),
  PoissonNLLLoss: {
    type: layers.PoissonNLLLoss,
    make: (r) =>
      new layers.PoissonNLLLoss({
        reduction: reductionOf(r),
        logInput: r.boolean('logInput', true),
        full: r.boolean('full', false),
        eps: r.number('eps', 1e-8),
      }),
  },
  GaussianNLLLoss: {
    type: layers.GaussianNLLLoss,
    make: (r) =>
      new layers.GaussianNLLLoss({
        reduction: reductionOf(r),
        full: r.boolean('full', false),
        eps: r.number('eps', 1e-6),
      }),
  },
  TripletMarginWithDistanceLoss: {
    type: layers.TripletMarginWithDistanceLoss,
    make: (r) =>
      new layers.TripletMarginWithDistanceLoss({
        reduction: reductionOf(r),
        margin: r.number('margin', 1),
        swap: r.boolean('swap', false),
      }),
  },
  MarginRankingLoss: marginLoss(layers.MarginRankingLoss),
  HingeEmbeddingLoss: marginLoss(layers.HingeEmbeddingLoss),
  CosineEmbeddingLoss: marginLoss(layers.CosineEmbeddingLoss),
  TripletMarginLoss: {
    type: layers.TripletMarginLoss,
    make: (r) =>
      new layers.TripletMarginLoss({
        reduction: reductionOf(r),
        margin: r.number('margin', 1),
        p: r.number('p', 2),
        swap: r.boolean('swap', false),
      }),
  },
};

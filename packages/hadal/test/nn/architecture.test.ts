import { describe, expect, test } from 'vitest';
import { ArgumentError, FormatError, nn, ones, type Tensor, tensor } from '../../src/index.js';
import { builtInLayers } from '../../src/nn/config/layers.js';

/** A module of every built-in type, with settings that are not the usual ones where there are any. */
const examples: readonly nn.AnyModule[] = [
  new nn.Sequential(new nn.Linear(2, 3), new nn.Sequential(new nn.ReLU())),
  new nn.ModuleList([new nn.Linear(1, 2), new nn.Tanh()]),
  new nn.ModuleDict({ a: new nn.Linear(1, 2), __proto: new nn.Tanh() }),
  new nn.Linear(4, 2, { bias: false }),
  new nn.Bilinear(4, 2, 3),
  new nn.Conv1d(2, 4, 3, { padding: 'same', bias: false }),
  new nn.Conv2d(2, 4, [3, 5], { stride: [1, 2], padding: [0, 2], dilation: 2, groups: 2 }),
  new nn.Conv3d(2, 4, 2),
  new nn.ConvTranspose1d(2, 4, 3, { stride: 2, outputPadding: 1 }),
  new nn.ConvTranspose2d(2, 4, 3, { stride: [2, 1], padding: 1, groups: 2 }),
  new nn.MaxPool1d(3),
  new nn.MaxPool2d([2, 3], { stride: 1, padding: 1, dilation: 2, ceilMode: true }),
  new nn.AvgPool1d(3, { padding: 1 }),
  new nn.AvgPool2d(2, { countIncludePad: false }),
  new nn.AdaptiveAvgPool2d([3, null]),
  new nn.AdaptiveMaxPool2d(1),
  new nn.BatchNorm1d(3, { momentum: null }),
  new nn.BatchNorm2d(3, { eps: 0.1, affine: false }),
  new nn.BatchNorm3d(3, { trackRunningStats: false }),
  new nn.InstanceNorm1d(3, { affine: true }),
  new nn.InstanceNorm2d(3),
  new nn.LayerNorm([2, 3], { bias: false }),
  new nn.RMSNorm(4, { eps: 0.01 }),
  new nn.GroupNorm(2, 4, { affine: false }),
  new nn.Dropout(0.1),
  new nn.Dropout1d(0.1),
  new nn.Dropout2d(0.2),
  new nn.Dropout3d(0.3),
  new nn.AlphaDropout(0.4),
  new nn.Embedding(10, 4, { paddingIdx: 3 }),
  new nn.Flatten(0, 1),
  new nn.Unflatten(1, [2, -1]),
  new nn.Identity(),
  new nn.ReLU(),
  new nn.ReLU6(),
  new nn.LeakyReLU({ negativeSlope: 0.2 }),
  new nn.PReLU({ numParameters: 3 }),
  new nn.RReLU({ lower: 0.1 }),
  new nn.ELU({ alpha: 2 }),
  new nn.CELU({ alpha: 3 }),
  new nn.SELU(),
  new nn.GELU({ approximate: 'tanh' }),
  new nn.SiLU(),
  new nn.Mish(),
  new nn.Softplus({ beta: 2 }),
  new nn.Softsign(),
  new nn.Softshrink({ lambda: 1 }),
  new nn.Hardshrink(),
  new nn.Hardtanh({ max: 3 }),
  new nn.Hardsigmoid(),
  new nn.Hardswish(),
  new nn.Tanhshrink(),
  new nn.Threshold(1, -1),
  new nn.GLU(1),
  new nn.Sigmoid(),
  new nn.LogSigmoid(),
  new nn.Tanh(),
  new nn.Softmax(-1),
  new nn.Softmin(0),
  new nn.LogSoftmax(1),
  new nn.Softmax2d(),
  new nn.LSTM(2, 3, { numLayers: 2, bidirectional: true, batchFirst: true, dropout: 0.5 }),
  new nn.GRU(2, 3, { bias: false }),
  new nn.RNN(2, 3, { nonlinearity: 'relu' }),
  new nn.LSTMCell(2, 3),
  new nn.GRUCell(2, 3, { bias: false }),
  new nn.RNNCell(2, 3, { nonlinearity: 'relu' }),
  new nn.MultiheadAttention(4, 2, { kdim: 3, batchFirst: true, dropout: 0.1, bias: false }),
  new nn.MSELoss({ reduction: 'sum' }),
  new nn.L1Loss(),
  new nn.BCELoss(),
  new nn.BCEWithLogitsLoss(),
  new nn.SmoothL1Loss({ beta: 2 }),
  new nn.HuberLoss({ delta: 2 }),
  new nn.CrossEntropyLoss({ ignoreIndex: -100, labelSmoothing: 0.1 }),
  new nn.NLLLoss({ ignoreIndex: 2 }),
  new nn.KLDivLoss({ reduction: 'batchmean', logTarget: true }),
  new nn.HingeEmbeddingLoss({ margin: 2 }),
  new nn.CosineEmbeddingLoss({ margin: 0.5 }),
  new nn.TripletMarginLoss({ swap: true }),
  new nn.ReflectionPad1d([1, 2]),
  new nn.ReflectionPad2d(1),
  new nn.ReflectionPad3d([1, 2, 0, 1, 1, 1]),
  new nn.ReplicationPad1d([1, 2]),
  new nn.ReplicationPad2d(1),
  new nn.ReplicationPad3d([1, 2, 0, 1, 1, 1]),
  new nn.ZeroPad1d([1, 2]),
  new nn.ZeroPad2d(1),
  new nn.ZeroPad3d([1, 2, 0, 1, 1, 1]),
  new nn.CircularPad1d([1, 2]),
  new nn.CircularPad2d(1),
  new nn.CircularPad3d([1, 2, 0, 1, 1, 1]),
  new nn.ConstantPad1d([1, 2], -2),
  new nn.ConstantPad2d(1, -2),
  new nn.ConstantPad3d([1, 2, 0, 1, 1, 1], -2),
  new nn.MaxPool3d(2, { ceilMode: true }),
  new nn.AvgPool3d([1, 2, 3], { countIncludePad: false }),
  new nn.LPPool1d(3, 2),
  new nn.LPPool2d(2, [2, 3], { stride: 1, ceilMode: true }),
  new nn.AdaptiveAvgPool1d(3),
  new nn.AdaptiveMaxPool1d(null),
  new nn.PixelShuffle(2),
  new nn.PixelUnshuffle(3),
  new nn.ChannelShuffle(4),
  new nn.CosineSimilarity({ dim: -1 }),
  new nn.PairwiseDistance({ p: 1, keepdim: true }),
  new nn.LocalResponseNorm(5, { k: 2 }),
  new nn.InstanceNorm3d(2, { affine: true }),
  new nn.FeatureAlphaDropout(0.3),
  new nn.SoftMarginLoss({ reduction: 'sum' }),
  new nn.MultiLabelSoftMarginLoss(),
  new nn.PoissonNLLLoss({ logInput: false, full: true }),
  new nn.GaussianNLLLoss({ full: true }),
  new nn.TripletMarginWithDistanceLoss({ margin: 2, swap: true }),
  new nn.MarginRankingLoss({ margin: 0.5 }),
];

describe('an architecture as data', () => {
  test('has an example of every built-in layer', () => {
    expect(new Set(examples.map((m) => m.constructor.name))).toEqual(new Set(Object.keys(builtInLayers)));
  });

  test.each(examples.map((m) => [String(m).split('\n')[0], m] as const))('%s comes back', (_, module) => {
    const data = JSON.parse(JSON.stringify(nn.toConfig(module)));
    const copy = nn.fromConfig(data);
    expect(copy.constructor).toBe(module.constructor);
    expect(nn.toConfig(copy)).toEqual(data);
    expect(String(copy)).toBe(String(module));
    expect([...copy.stateDict()].map(([k, t]) => [k, t.shape])).toEqual(
      [...module.stateDict()].map(([k, t]) => [k, t.shape]),
    );
  });

  test('a class of one’s own is an error that says what to do, until it is registered', () => {
    class Own extends nn.Module {
      readonly factor: number;
      constructor(factor: number) {
        super();
        this.factor = factor;
      }
      override forward(x: Tensor): Tensor {
        return x.mul(this.factor);
      }
      override config(): nn.Config {
        return { factor: this.factor };
      }
    }
    const net = new nn.Sequential(new Own(3));
    expect(() => nn.toConfig(net)).toThrow(ArgumentError);
    expect(() => nn.toConfig(net)).toThrow(/layers\[0\] is a Own.*registerLayer/s);
    class Derived extends nn.Linear {}
    expect(() => nn.toConfig(new Derived(1, 1))).toThrow('a class of your own');
    nn.registerLayer('test.Own', Own, (r) => new Own(r.number('factor')));
    const copy = nn.fromConfig(nn.toConfig(net)) as nn.Sequential;
    expect(copy.forward(ones([1])).tolistSync()).toEqual([3]);
    expect(() => nn.registerLayer('Linear', Own, () => new Own(1))).toThrow(ArgumentError);
  });

  test('a loss with a tensor of weights cannot be data', () => {
    expect(() => nn.toConfig(new nn.CrossEntropyLoss({ weight: tensor([1, 2]) }))).toThrow(ArgumentError);
  });

  const linear = { type: 'Linear', config: { inFeatures: 2, outFeatures: 3 } };
  const sequential = (layers: unknown) => ({ type: 'Sequential', config: { layers } });

  test('what is left out has its usual value', () => {
    expect(String(nn.fromConfig(linear))).toBe('Linear(inFeatures=2, outFeatures=3, bias=true)');
    expect(String(nn.fromConfig({ type: 'ReLU' } as never))).toBe('ReLU()');
  });

  test.each<[string, unknown]>([
    ['null', null],
    ['a number', 3],
    ['a list', []],
    ['no type', { config: {} }],
    ['an unknown type', { type: 'Nothing', config: {} }],
    ['a type that objects have', { type: 'constructor', config: {} }],
    ['another', { type: '__proto__', config: {} }],
    ['a config that is no object', { type: 'ReLU', config: 3 }],
    ['an unknown setting', { type: 'ReLU', config: { inplace: true } }],
    ['no size', { type: 'Linear', config: { inFeatures: 2 } }],
    ['a size that is no integer', { type: 'Linear', config: { inFeatures: 2.5, outFeatures: 1 } }],
    ['a size of text', { type: 'Linear', config: { inFeatures: '2', outFeatures: 1 } }],
    ['a size that is too large', { type: 'Linear', config: { inFeatures: 2 ** 40, outFeatures: 1 } }],
    ['weights that are too many', { type: 'Linear', config: { inFeatures: 2 ** 30, outFeatures: 2 ** 30 } }],
    ['layers that are too many', { type: 'LSTM', config: { inputSize: 1, hiddenSize: 1, numLayers: 1e9 } }],
    ['a setting that the layer refuses', { type: 'Dropout', config: { p: 2 } }],
    ['a choice that is none', { type: 'GELU', config: { approximate: 'both' } }],
    ['a module where a list belongs', sequential(linear)],
    ['a list of what are no modules', sequential([3])],
    [
      'a wrong module further down',
      sequential([linear, sequential([{ type: 'Dropout', config: { p: 'x' } }])]),
    ],
    [
      'channels that groups do not divide',
      { type: 'Conv2d', config: { inChannels: 3, outChannels: 4, kernelSize: 3, groups: 2 } },
    ],
  ])('%s is a FormatError', (_, data) => {
    expect(() => nn.fromConfig(data as never)).toThrow(FormatError);
  });

  test('nesting and numbers of modules are bounded', () => {
    let deep: unknown = linear;
    for (let i = 0; i < 10_000; i++) deep = sequential([deep]);
    expect(() => nn.fromConfig(deep as never)).toThrow('nested deeper');
    const many = sequential(new Array(100_001).fill({ type: 'ReLU', config: {} }));
    expect(() => nn.fromConfig(many as never)).toThrow('more than 100000 modules');
    expect(
      nn
        .fromConfig(sequential([linear]) as never)
        .stateDict()
        .get('0.weight')?.shape,
    ).toEqual([3, 2]);
  });
});

/** Activations, losses and layers. */
import { functional as F, nn, type Tensor } from '../../../src/index.js';
import type { Parameter, Reduction, Rule } from './parameters.js';
import { list, num, optional } from './parameters.js';

type Unary =
  | 'relu6'
  | 'selu'
  | 'silu'
  | 'mish'
  | 'softsign'
  | 'hardsigmoid'
  | 'hardswish'
  | 'tanhshrink'
  | 'logSigmoid';

const unary: readonly Unary[] = [
  'relu6',
  'selu',
  'silu',
  'mish',
  'softsign',
  'hardsigmoid',
  'hardswish',
  'tanhshrink',
  'logSigmoid',
];

const activations: { readonly [name: string]: Rule } = {
  ...Object.fromEntries(unary.map((name): [string, Rule] => [name, ([x]) => F[name](x)])),
  hardtanh: ([x], [min, max]) => F.hardtanh(x, { min: num(min), max: num(max) }),
  leakyRelu: ([x], [slope]) => F.leakyRelu(x, { negativeSlope: num(slope) }),
  elu: ([x], [alpha]) => F.elu(x, { alpha: num(alpha) }),
  celu: ([x], [alpha]) => F.celu(x, { alpha: num(alpha) }),
  softplus: ([x], [beta, threshold]) => F.softplus(x, { beta: num(beta), threshold: num(threshold) }),
  softshrink: ([x], [lambda]) => F.softshrink(x, { lambda: num(lambda) }),
  hardshrink: ([x], [lambda]) => F.hardshrink(x, { lambda: num(lambda) }),
  threshold: ([x], [limit, value]) => F.threshold(x, num(limit), num(value)),
  prelu: ([x, w]) => F.prelu(x, w),
  glu: ([x], [dim]) => F.glu(x, num(dim)),
  softmin: ([x], [dim]) => F.softmin(x, num(dim)),
};

const layers: { readonly [name: string]: Rule } = {
  layerNorm: ([x, weight, bias], [shape, eps]) =>
    F.layerNorm(x, list(shape), { weight: weight ?? null, bias: bias ?? null, eps: num(eps) }),
  rmsNorm: ([x, weight], [shape, eps]) =>
    F.rmsNorm(x, list(shape), { weight: weight ?? null, ...(eps === null ? {} : { eps: num(eps) }) }),
  groupNorm: ([x, weight, bias], [groups, eps]) =>
    F.groupNorm(x, num(groups), { weight, bias, eps: num(eps) }),
  instanceNorm: ([x, weight, bias], [eps]) => F.instanceNorm(x, { weight, bias, eps: num(eps) }),
  batchNorm: ([x, mean, variance, weight, bias], [training, momentum, eps]) =>
    F.batchNorm(x, mean, variance, {
      weight,
      bias,
      training: training === true,
      momentum: num(momentum),
      eps: num(eps),
    }),
  embedding: ([x, w], [padding]) => F.embedding(x, w, { paddingIdx: optional(padding) ?? null }),
  oneHot: ([x], [classes]) => F.oneHot(x, num(classes)),
  normalize: ([x], [p, dim]) => F.normalize(x, { p: num(p), dim: num(dim) }),
  cosineSimilarity: ([a, b], [dim]) => F.cosineSimilarity(a, b, { dim: num(dim) }),
  pairwiseDistance: ([a, b], [p, keepdim]) =>
    F.pairwiseDistance(a, b, { p: num(p), keepdim: keepdim === true }),
  bilinear: ([a, b, w, bias]) => F.bilinear(a, b, w, bias ?? null),
  attention: ([q, k, v, mask], [isCausal, scale, enableGqa]) =>
    F.scaledDotProductAttention(q, k, v, {
      attnMask: mask ?? null,
      isCausal: isCausal === true,
      enableGqa: enableGqa === true,
      ...(scale === null ? {} : { scale: num(scale) }),
    }),
};

const reductionOf = (p: Parameter | undefined) => ({ reduction: p as Reduction });

const losses: { readonly [name: string]: Rule } = {
  crossEntropyOf: ([x, y, weight], [r, ignore, smoothing]) =>
    F.crossEntropy(x, y, {
      ...reductionOf(r),
      weight: weight ?? null,
      ignoreIndex: optional(ignore) ?? null,
      labelSmoothing: num(smoothing),
    }),
  nllLoss: ([x, y, weight], [r, ignore]) =>
    F.nllLoss(x, y, { ...reductionOf(r), weight: weight ?? null, ignoreIndex: optional(ignore) ?? null }),
  l1Loss: ([x, y], [r]) => F.l1Loss(x, y, reductionOf(r)),
  smoothL1Loss: ([x, y], [r, beta]) => F.smoothL1Loss(x, y, { ...reductionOf(r), beta: num(beta) }),
  huberLoss: ([x, y], [r, delta]) => F.huberLoss(x, y, { ...reductionOf(r), delta: num(delta) }),
  poissonNllLoss: ([x, y], [r, logInput, full]) =>
    F.poissonNllLoss(x, y, { ...reductionOf(r), logInput: logInput === true, full: full === true }),
  gaussianNllLoss: ([x, y, v], [r, full]) =>
    F.gaussianNllLoss(x, y, v, { ...reductionOf(r), full: full === true }),
  binaryCrossEntropy: ([x, y, weight], [r]) =>
    F.binaryCrossEntropy(x, y, { ...reductionOf(r), weight: weight ?? null }),
  binaryCrossEntropyWithLogits: (t, [r, weighted, positive]) =>
    F.binaryCrossEntropyWithLogits(t[0], t[1], {
      ...reductionOf(r),
      weight: weighted === true ? t[2] : null,
      posWeight: positive === true ? t[t.length - 1] : null,
    }),
  klDiv: ([x, y], [r, logTarget]) => F.klDiv(x, y, { ...reductionOf(r), logTarget: logTarget === true }),
  softMarginLoss: ([x, y], [r]) => F.softMarginLoss(x, y, reductionOf(r)),
  multilabelSoftMarginLoss: ([x, y, weight], [r]) =>
    F.multilabelSoftMarginLoss(x, y, { ...reductionOf(r), weight: weight ?? null }),
  hingeEmbeddingLoss: ([x, y], [r, margin]) =>
    F.hingeEmbeddingLoss(x, y, { ...reductionOf(r), margin: num(margin) }),
  cosineEmbeddingLoss: ([a, b, y], [r, margin]) =>
    F.cosineEmbeddingLoss(a, b, y, { ...reductionOf(r), margin: num(margin) }),
  marginRankingLoss: ([a, b, y], [r, margin]) =>
    F.marginRankingLoss(a, b, y, { ...reductionOf(r), margin: num(margin) }),
  tripletMarginLoss: ([a, b, c], [r, margin, p, swap]) =>
    F.tripletMarginLoss(a, b, c, {
      ...reductionOf(r),
      margin: num(margin),
      p: num(p),
      swap: swap === true,
    }),
};

/** Puts tensors of the program in the place of a layer's parameters, in the order of their names in its state. */
function withWeights<M extends nn.AnyModule>(module: M, weights: readonly Tensor[]): M {
  const names = [...module.stateDict().keys()].slice(0, weights.length);
  names.forEach((name, i) => {
    const [last, ...path] = name.split('.').reverse();
    const owner = path.reduceRight<object>((at, key) => Reflect.get(at, key) as object, module);
    Reflect.set(owner, last, weights[i]);
  });
  return module;
}

const multihead: Rule = ([q, k, v, ...rest], [heads, batchFirst, own, padded, masked, which]) => {
  const module = new nn.MultiheadAttention(q.size(-1), num(heads), {
    batchFirst: batchFirst === true,
    ...(own === true ? { kdim: k.size(-1), vdim: v.size(-1) } : {}),
  });
  const count = module.stateDict().size;
  withWeights(module, rest.slice(0, count));
  const masks = rest.slice(count);
  const keyPaddingMask = padded === true ? (masks.shift() ?? null) : null;
  const attnMask = masked === true ? (masks.shift() ?? null) : null;
  return [...module.forward(q, k, v, { keyPaddingMask, attnMask })][num(which)];
};

interface Sizes {
  readonly input: number;
  readonly hidden: number;
}

const networks = {
  lstm: (s: Sizes, o: nn.RecurrentOptions) => new nn.LSTM(s.input, s.hidden, o),
  gru: (s: Sizes, o: nn.RecurrentOptions) => new nn.GRU(s.input, s.hidden, o),
  rnn: (s: Sizes, o: nn.RecurrentOptions) => new nn.RNN(s.input, s.hidden, o),
};

const recurrent =
  (name: keyof typeof networks): Rule =>
  ([x, ...rest], [hidden, numLayers, both, batchFirst, given, which]) => {
    const [state, weights] = [rest.slice(0, num(given)), rest.slice(num(given))];
    const options = {
      numLayers: num(numLayers),
      bidirectional: both === true,
      batchFirst: batchFirst === true,
    };
    const module = withWeights(networks[name]({ input: x.size(-1), hidden: num(hidden) }, options), weights);
    const results =
      module instanceof nn.LSTM
        ? module.forward(x, state.length > 0 ? { hidden: state[0], cell: state[1] } : null)
        : module.forward(x, state[0] ?? null);
    return [...results][num(which)];
  };

const cells: { readonly [name: string]: Rule } = {
  lstmCell: ([x, ...rest], [hidden, given, which]) => {
    const [state, weights] = [rest.slice(0, num(given)), rest.slice(num(given))];
    const cell = withWeights(new nn.LSTMCell(x.size(-1), num(hidden)), weights);
    return [...cell.forward(x, state.length > 0 ? { hidden: state[0], cell: state[1] } : null)][num(which)];
  },
  gruCell: ([x, ...rest], [hidden, given]) => {
    const cell = withWeights(new nn.GRUCell(x.size(-1), num(hidden)), rest.slice(num(given)));
    return cell.forward(x, num(given) > 0 ? rest[0] : null);
  },
  rnnCell: ([x, ...rest], [hidden, given]) => {
    const cell = withWeights(new nn.RNNCell(x.size(-1), num(hidden)), rest.slice(num(given)));
    return cell.forward(x, num(given) > 0 ? rest[0] : null);
  },
};

export const nnSteps: { readonly [name: string]: Rule } = {
  ...activations,
  ...layers,
  ...losses,
  ...cells,
  multiheadAttention: multihead,
  lstm: recurrent('lstm'),
  gru: recurrent('gru'),
  rnn: recurrent('rnn'),
};

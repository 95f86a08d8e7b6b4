/** Layers without weights give what their functions give, options and all. */
import { expect, test } from 'vitest';
import {
  ArgumentError,
  functional as F,
  manualSeed,
  nn,
  ones,
  randn,
  ShapeError,
  type Tensor,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

type One = readonly [layer: nn.Module, like: (x: Tensor) => Tensor, shape: readonly number[]];

const line = [2, 3, 8];
const picture = [2, 4, 6, 6];
const room = [1, 2, 4, 5, 6];
const pads = [
  ['reflect', nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d],
  ['replicate', nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d],
  ['circular', nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d],
  ['constant', nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d],
] as const;

const layers: readonly One[] = [
  ...pads.flatMap(([mode, P1, P2, P3]): One[] => [
    [new P1([2, 1]), (x) => F.pad(x, [2, 1], { mode }), line],
    [new P2(2), (x) => F.pad(x, [2, 2, 2, 2], { mode }), picture],
    [new P3([1, 2, 0, 1, 3, 1]), (x) => F.pad(x, [1, 2, 0, 1, 3, 1], { mode }), room],
  ]),
  [new nn.ConstantPad1d([0, 3], 7), (x) => F.pad(x, [0, 3], { value: 7 }), line],
  [new nn.ConstantPad2d([-1, 3, 1, 0], -7), (x) => F.pad(x, [-1, 3, 1, 0], { value: -7 }), picture],
  [new nn.ConstantPad3d(1, 0.5), (x) => F.pad(x, [1, 1, 1, 1, 1, 1], { value: 0.5 }), room],
  [new nn.PixelShuffle(2), (x) => F.pixelShuffle(x, 2), picture],
  [new nn.PixelUnshuffle(3), (x) => F.pixelUnshuffle(x, 3), picture],
  [new nn.ChannelShuffle(2), (x) => F.channelShuffle(x, 2), picture],
  [
    new nn.MaxPool3d(2, { stride: 1, padding: 1, dilation: 2, ceilMode: true }),
    (x) => F.maxPool3d(x, 2, { stride: 1, padding: 1, dilation: 2, ceilMode: true }),
    room,
  ],
  [
    new nn.AvgPool3d([1, 2, 3], { padding: [0, 1, 1], countIncludePad: false }),
    (x) => F.avgPool3d(x, [1, 2, 3], { padding: [0, 1, 1], countIncludePad: false }),
    room,
  ],
  [new nn.LPPool1d(2, 3, { stride: 2 }), (x) => F.lpPool1d(x, 2, 3, { stride: 2 }), line],
  [new nn.LPPool2d(2, [4, 4], { ceilMode: true }), (x) => F.lpPool2d(x, 2, 4, { ceilMode: true }), picture],
  [new nn.AdaptiveAvgPool1d(3), (x) => F.adaptiveAvgPool1d(x, 3), line],
  [new nn.AdaptiveMaxPool1d(null), (x) => x, line],
  [
    new nn.LocalResponseNorm(3, { alpha: 1, beta: 0.5, k: 2 }),
    (x) => F.localResponseNorm(x, 3, { alpha: 1, beta: 0.5, k: 2 }),
    picture,
  ],
  [new nn.InstanceNorm3d(2), (x) => F.instanceNorm(x, {}), room],
];

forEachEngine('layers without weights', (space) => {
  test.each(layers.map((l) => [String(l[0]), ...l] as const))('%s', (_, layer, like, shape) => {
    withWorkspace(space, () => {
      manualSeed(1);
      const x = randn(shape);
      const [made, wanted] = [layer.forward(x) as Tensor, like(x)];
      expect(made.shape).toEqual(wanted.shape);
      expect(numbers(made)).toEqual(numbers(wanted));
    });
  });

  test('losses and distances', () => {
    withWorkspace(space, () => {
      manualSeed(2);
      const [a, b, c] = [randn([5, 3]), randn([5, 3]), randn([5, 3])];
      const signs = a.sign();
      const far = (x: Tensor, y: Tensor): Tensor => x.sub(y).abs().sum(-1);
      const pairs: readonly (readonly [Tensor, Tensor])[] = [
        [new nn.CosineSimilarity({ dim: 0 }).forward(a, b), F.cosineSimilarity(a, b, { dim: 0 })],
        [
          new nn.PairwiseDistance({ p: 1, keepdim: true }).forward(a, b),
          F.pairwiseDistance(a, b, { p: 1, keepdim: true }),
        ],
        [
          new nn.SoftMarginLoss({ reduction: 'sum' }).forward(a, signs),
          F.softMarginLoss(a, signs, { reduction: 'sum' }),
        ],
        [
          new nn.MarginRankingLoss({ margin: 0.5 }).forward(a, b, signs),
          F.marginRankingLoss(a, b, signs, { margin: 0.5 }),
        ],
        [
          new nn.MultiLabelSoftMarginLoss({ weight: c.index(0) }).forward(a, signs.relu()),
          F.multilabelSoftMarginLoss(a, signs.relu(), { weight: c.index(0) }),
        ],
        [
          new nn.PoissonNLLLoss({ logInput: false, full: true, eps: 1e-3 }).forward(a.exp(), b.exp()),
          F.poissonNllLoss(a.exp(), b.exp(), { logInput: false, full: true, eps: 1e-3 }),
        ],
        [
          new nn.GaussianNLLLoss({ full: true }).forward(a, b, c.exp()),
          F.gaussianNllLoss(a, b, c.exp(), { full: true }),
        ],
        [
          new nn.TripletMarginWithDistanceLoss({ margin: 2, swap: true, distanceFunction: far }).forward(
            a,
            b,
            c,
          ),
          F.tripletMarginWithDistanceLoss(a, b, c, { margin: 2, swap: true, distanceFunction: far }),
        ],
      ];
      for (const [made, wanted] of pairs) {
        expect(made.shape).toEqual(wanted.shape);
        expect(numbers(made)).toEqual(numbers(wanted));
      }
    });
  });

  test('feature alpha dropout drops channels as a whole, while training', () => {
    withWorkspace(space, () => {
      manualSeed(3);
      const drop = new nn.FeatureAlphaDropout(0.5);
      const channels = drop.forward(ones([8, 16, 2, 2])).reshape([128, 4]);
      expect(numbers(channels.amax(1))).toEqual(numbers(channels.amin(1)));
      expect(new Set(numbers(channels)).size).toBe(2);
      const x = ones([2, 3]);
      expect(drop.eval().forward(x)).toBe(x);
      expect(() => F.featureAlphaDropout(ones([3]))).toThrow(ShapeError);
    });
  });
});

test('what cannot be padded or shuffled is refused', () => {
  expect(() => new nn.ReflectionPad2d([1, 2, 3])).toThrow(ArgumentError);
  expect(() => new nn.ZeroPad3d(1).forward(ones([2, 2]))).toThrow(ShapeError);
  expect(() => new nn.PixelShuffle(0).forward(ones([1, 1, 1]))).toThrow(ArgumentError);
  expect(() => F.channelShuffle(ones([2, 4]), 2)).toThrow(ShapeError);
  expect(() => F.lpPool1d(ones([1, 1, 4]), 0, 2)).toThrow(ArgumentError);
  expect(() => F.localResponseNorm(ones([2, 2]), 2)).toThrow(ShapeError);
  expect(() => F.adaptiveAvgPool1d(ones([2, 2, 2, 2]), 2)).toThrow(ShapeError);
});

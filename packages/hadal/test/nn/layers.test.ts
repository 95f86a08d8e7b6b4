/** What the fixtures from PyTorch do not say of layers: initial values, modes, running statistics, errors. */
import { describe, expect, test } from 'vitest';
import {
  ArgumentError,
  explain,
  functional as F,
  IndexError,
  manualSeed,
  nn,
  ones,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { numbers } from '../support/tensors.js';

/** Largest magnitude, and standard deviation in units of that of a uniform distribution with this bound. */
function spread(t: Tensor, bound: number): [within: boolean, ratio: number] {
  const values = numbers(t);
  const square = values.reduce((a, v) => a + v * v, 0) / values.length;
  return [values.every((v) => Math.abs(v) <= bound), Math.sqrt((3 * square) / bound ** 2)];
}

describe('initial values are those of PyTorch', () => {
  test.each<[string, () => Tensor, number]>([
    ['Linear', () => new nn.Linear(64, 100).weight, 1 / 8],
    ['the bias of Linear', () => new nn.Linear(64, 4000).bias as Tensor, 1 / 8],
    ['Conv2d', () => new nn.Conv2d(16, 64, 3, { groups: 4 }).weight, 1 / 6],
    ['ConvTranspose2d', () => new nn.ConvTranspose2d(64, 16, 3, { groups: 4 }).weight, 1 / 6],
    ['LSTM', () => new nn.LSTM(32, 64).weight('weightIhL0'), 1 / 8],
    ['MultiheadAttention', () => new nn.MultiheadAttention(48, 4).inProjWeight as Tensor, Math.sqrt(6 / 192)],
    ['Bilinear', () => new nn.Bilinear(16, 20, 20).weight, 1 / 4],
  ])('%s', (_, make, bound) => {
    manualSeed(5);
    const [within, ratio] = spread(make(), bound);
    expect(within).toBe(true);
    expect(Math.abs(ratio - 1)).toBeLessThan(0.05);
  });

  test('Embedding is normal but for its padding', () => {
    manualSeed(5);
    const { weight } = new nn.Embedding(1000, 8, { paddingIdx: -1 });
    const values = numbers(weight);
    expect(values.slice(-8)).toEqual(new Array(8).fill(0));
    const square = values.reduce((a, v) => a + v * v, 0) / (values.length - 8);
    expect(Math.abs(square - 1)).toBeLessThan(0.05);
  });

  test('MultiheadAttention begins without biases', () => {
    const m = new nn.MultiheadAttention(4, 2);
    expect(
      [...numbers(m.inProjBias as Tensor), ...numbers(m.outProj.bias as Tensor)].every((v) => v === 0),
    ).toBe(true);
  });
});

forEachEngine('modes', (space) => {
  test('dropout acts while training only, scales what it keeps, and drops channels as a whole', () => {
    withWorkspace(space, () => {
      manualSeed(2);
      const drop = new nn.Dropout(0.25);
      const kept = numbers(drop.forward(ones([4000])));
      expect(new Set(kept)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
      const share = kept.filter((v) => v === 0).length / 4000;
      expect(Math.abs(share - 0.25)).toBeLessThan(0.03);
      const x = ones([2]);
      expect(drop.eval().forward(x)).toBe(x);
      const channels = new nn.Dropout2d(0.5).forward(ones([8, 16, 2, 2])).reshape([128, 4]);
      expect(numbers(channels.amax(1))).toEqual(numbers(channels.amin(1)));
      expect(new Set(numbers(channels))).toEqual(new Set([0, 2]));
      expect(numbers(new nn.Dropout(1).forward(ones([3])))).toEqual([0, 0, 0]);
    });
  });

  test('alpha dropout keeps mean and variance', () => {
    withWorkspace(space, () => {
      manualSeed(4);
      const y = numbers(new nn.AlphaDropout(0.3).forward(randn([20000])));
      const mean = y.reduce((a, b) => a + b, 0) / y.length;
      const variance = y.reduce((a, b) => a + (b - mean) ** 2, 0) / y.length;
      expect(Math.abs(mean)).toBeLessThan(0.05);
      expect(Math.abs(variance - 1)).toBeLessThan(0.1);
    });
  });

  test('the gradient of dropout is where it kept', () => {
    withWorkspace(space, () => {
      const x = ones([50]).requiresGrad_();
      const y = F.dropout(x, 0.5);
      y.sum().backward();
      expect(numbers(x.grad as Tensor)).toEqual(numbers(y));
    });
  });

  test('BatchNorm2d normalises by the batch, then by what it has seen', () => {
    withWorkspace(space, () => {
      const norm = new nn.BatchNorm2d(2, { momentum: null });
      const batches = [1, 5].map((offset) => randn([4, 2, 3, 3]).add(offset));
      for (const x of batches) norm.forward(x);
      expect(norm.numBatchesTracked?.itemSync()).toBe(2);
      const means = batches.map((x) => numbers(x.mean([0, 2, 3])));
      numbers(norm.runningMean as Tensor).forEach((m, c) => {
        expect(m).toBeCloseTo((means[0][c] + means[1][c]) / 2, 4);
      });
      norm.eval();
      const before = numbers(norm.runningVar as Tensor);
      norm.forward(batches[0]);
      expect(numbers(norm.runningVar as Tensor)).toEqual(before);
      expect(norm.numBatchesTracked?.itemSync()).toBe(2);
    });
  });

  test('BatchNorm without running statistics goes by the batch in evaluation too', () => {
    withWorkspace(space, () => {
      const norm = new nn.BatchNorm1d(1, { trackRunningStats: false, eps: 0 }).eval();
      expect(numbers(norm.forward(tensor([[1], [3]])))).toEqual([-1, 1]);
      expect([...norm.stateDict().keys()]).toEqual(['weight', 'bias']);
    });
  });

  test('a row that an embedding does not have is an IndexError when the result is read', () => {
    withWorkspace(space, () => {
      const found = new nn.Embedding(3, 2).forward(tensor([0n, 3n]));
      expect(() => found.dataSync()).toThrow(IndexError);
    });
  });

  test('normalisation and softmax with a loss stay few kernels', () => {
    withWorkspace(space, () => {
      const x = randn([16, 32]);
      x.dataSync();
      expect(explain(F.layerNorm(x, [32])).kernels.length).toBe(1);
      expect(explain(F.rmsNorm(x, [32])).kernels.length).toBe(1);
      expect(explain(F.silu(F.hardswish(F.elu(x)))).kernels.length).toBe(1);
    });
  });
});

describe('states of recurrent networks', () => {
  test('go from one call to the next', () => {
    const lstm = new nn.LSTM(2, 3, { numLayers: 2 });
    const x = randn([6, 1, 2]);
    const whole = lstm.forward(x);
    const first = lstm.forward(x.narrow(0, 0, 4));
    const [output, hidden, cell] = lstm.forward(x.narrow(0, 4, 2), first);
    numbers(output).forEach((v, i) => {
      expect(v).toBeCloseTo(numbers(whole.output)[12 + i], 5);
    });
    expect([hidden.shape, cell.shape]).toEqual([
      [2, 1, 3],
      [2, 1, 3],
    ]);
  });
});

describe('errors', () => {
  test.each<[string, () => unknown, new (m: string) => Error]>([
    ['Linear of no features', () => new nn.Linear(0, 2), ArgumentError],
    ['Linear of another width', () => new nn.Linear(3, 2).forward(ones([2, 4])), ShapeError],
    ['Dropout of 2', () => new nn.Dropout(2), ArgumentError],
    ['BatchNorm2d of three dimensions', () => new nn.BatchNorm2d(2).forward(ones([1, 2, 3])), ShapeError],
    ['GroupNorm that does not divide', () => new nn.GroupNorm(3, 4), ArgumentError],
    ['LSTM of another width', () => new nn.LSTM(3, 2).forward(ones([4, 1, 2])), ShapeError],
    ['LSTM of an empty sequence', () => new nn.LSTM(3, 2).forward(ones([0, 1, 3])), ShapeError],
    [
      'GRU with a state of another size',
      () => new nn.GRU(3, 2).forward(ones([4, 1, 3]), zeros([1, 1, 3])),
      ShapeError,
    ],
    ['attention whose heads do not divide', () => new nn.MultiheadAttention(5, 2), ArgumentError],
    [
      'attention with a mask of another size',
      () => {
        const x = ones([2, 3, 4]);
        return new nn.MultiheadAttention(4, 2).forward(x, x, x, { attnMask: zeros([1, 1]) });
      },
      ShapeError,
    ],
    ['Unflatten that does not fit', () => new nn.Unflatten(1, [2, 2]).forward(ones([1, 3])), ShapeError],
    ['losses of shapes that would broadcast', () => F.mseLoss(ones([3]), ones([3, 1])), ShapeError],
    [
      'a reduction that is none',
      () => F.mseLoss(ones([3]), ones([3]), { reduction: 'max' as never }),
      ArgumentError,
    ],
    [
      'both masks of attention',
      () =>
        F.scaledDotProductAttention(ones([2, 2]), ones([2, 2]), ones([2, 2]), {
          attnMask: ones([2, 2]),
          isCausal: true,
        }),
      ArgumentError,
    ],
  ])('%s', (_, body, kind) => {
    expect(body).toThrow(kind);
  });
});

describe('ceilMode', () => {
  // PyTorch 2.13: max_pool2d(x, (1, 4), 4, ceil_mode=True), and the same of avg_pool2d.
  test('keeps a window that is larger than the image', () => {
    const x = tensor([[[[1, 2, 3]]]]);
    expect(F.maxPool2d(x, [1, 4], { stride: 4, ceilMode: true }).tolistSync()).toEqual([[[[3]]]]);
    expect(F.avgPool2d(x, [1, 4], { stride: 4, ceilMode: true }).tolistSync()).toEqual([[[[2]]]]);
    expect(() => F.maxPool2d(x, [1, 4], { stride: 1, ceilMode: true })).toThrow(ShapeError);
    expect(() => F.maxPool2d(x, [1, 4])).toThrow(ShapeError);
  });
});

/** What people expect to be one kernel is one, as `explain` shows it. */
import { describe, expect, test } from 'vitest';
import {
  explain,
  functional as F,
  manualSeed,
  nn,
  ones,
  optim,
  type Tensor,
  tensor,
} from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';
import { inMemory, labels } from '../support/tensors.js';

function kernels(t: Tensor): string[] {
  return explain(t).kernels.map((k) => k.name);
}

const oneKernel: Record<string, () => Tensor> = {
  softmax: () => inMemory(32, 100).softmax(-1),
  'softmax down columns': () => inMemory(32, 100).softmax(0),
  'softmax over channels': () => inMemory(2, 5, 6, 7).softmax(1),
  logSoftmax: () => inMemory(32, 100).logSoftmax(-1),
  layerNorm: () => new nn.LayerNorm(100).forward(inMemory(32, 100)),
  rmsNorm: () => new nn.RMSNorm(100).forward(inMemory(32, 100)),
  'batchNorm in training': () => new nn.BatchNorm2d(8).forward(inMemory(4, 8, 5, 6)),
  'batchNorm in evaluation': () => new nn.BatchNorm2d(8).eval().forward(inMemory(4, 8, 5, 6)),
  groupNorm: () => new nn.GroupNorm(4, 8).forward(inMemory(4, 8, 5, 6)),
  instanceNorm: () => F.instanceNorm(inMemory(4, 8, 5, 6)),
  crossEntropy: () => F.crossEntropy(inMemory(64, 10), labels(64, 10)),
  'crossEntropy with label smoothing': () =>
    F.crossEntropy(inMemory(64, 10), labels(64, 10), { labelSmoothing: 0.1 }),
  'crossEntropy of each row': () => F.crossEntropy(inMemory(64, 10), labels(64, 10), { reduction: 'none' }),
  mseLoss: () => F.mseLoss(inMemory(64, 10), inMemory(64, 10)),
  'a chain of activations': () => inMemory(64, 10).relu().mul(2).sigmoid().add(1).tanh(),
};

const optimizers: Record<string, (p: nn.Parameter[]) => optim.Optimizer> = {
  SGD: (p) => new optim.SGD(p, { lr: 0.1 }),
  'SGD with momentum': (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 }),
  Adam: (p) => new optim.Adam(p),
  AdamW: (p) => new optim.AdamW(p),
  RMSprop: (p) => new optim.RMSprop(p),
  Adagrad: (p) => new optim.Adagrad(p),
  Adadelta: (p) => new optim.Adadelta(p),
  Adamax: (p) => new optim.Adamax(p),
  ASGD: (p) => new optim.ASGD(p),
  Lion: (p) => new optim.Lion(p),
  NAdam: (p) => new optim.NAdam(p),
  RAdam: (p) => new optim.RAdam(p),
  Rprop: (p) => new optim.Rprop(p),
};

onEveryEngine('one kernel', ({ run }) => {
  test.each(Object.entries(oneKernel))('%s', (_, make) =>
    run(() => {
      expect(kernels(make())).toHaveLength(1);
    }),
  );

  test('a GELU block is two products and nothing else', () =>
    run(() => {
      const block = new nn.Sequential(new nn.Linear(32, 128), new nn.GELU(), new nn.Linear(128, 32));
      const names = kernels(block.forward(inMemory(16, 32)));
      expect(names).toHaveLength(2);
      for (const name of names) expect(name).toMatch(/^gemm/);
    }));

  test.each(Object.entries(optimizers))('%s updates 60 tensors in one launch', (_, make) =>
    run(() => {
      const parameters = Array.from(
        { length: 60 },
        (_x, i) => new nn.Parameter(inMemory(3 + i, 2 + (i % 5), ...(i % 3 === 0 ? [3] : []))),
      );
      const optimizer = make(parameters);
      for (let step = 0; step < 2; step++) {
        for (const p of parameters) {
          p.grad = ones(p.shape);
          p.grad.dataSync();
        }
        optimizer.step();
      }
      expect(explain().kernels.map((k) => k.blocks)).toEqual([60]);
    }),
  );

  test('the time loop of an LSTM is one launch', () =>
    run(() => {
      const launches = (length: number): number => {
        const { output } = new nn.LSTM(4, 8).forward(inMemory(length, 3, 4));
        return explain(output).kernels.length;
      };
      expect(launches(20)).toBe(launches(3));
      expect(launches(20)).toBeLessThan(6);
    }));
});

describe('chained kernels', () => {
  onEveryEngine('give the digits of kernels that run apart', ({ run }) => {
    test.each([3, 64, 1000])('%i rows', (rows) =>
      run(() => {
        manualSeed(rows);
        const [logits, classes] = [inMemory(rows, 10), labels(rows, 10)];
        const together = F.crossEntropy(logits, classes);
        const each = F.crossEntropy(logits, classes, { reduction: 'none' });
        expect(kernels(together)).toHaveLength(1);
        each.dataSync();
        expect(together.itemSync()).toBe(each.sum().div(rows).itemSync());
      }),
    );

    test('what lies between them can be read', () =>
      run(() => {
        const x = tensor([
          [1, 2],
          [3, 4],
        ]);
        const rows = x.sum(1);
        const total = rows.mul(rows).sum();
        expect(total.itemSync()).toBe(58);
        expect(Array.from(rows.dataSync(), Number)).toEqual([3, 7]);
      }));

    test('large ones stay apart, for threads', () =>
      run(() => {
        expect(kernels(F.crossEntropy(inMemory(512, 500), labels(512, 500)))).toHaveLength(2);
      }));
  });
});

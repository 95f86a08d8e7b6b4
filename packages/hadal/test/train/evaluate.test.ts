import { afterEach, describe, expect, test } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/base/errors.js';
import {
  DataLoader,
  evaluate,
  functional as F,
  isGradEnabled,
  nn,
  ones,
  predict,
  predictBatches,
  type Tensor,
  TensorDataset,
  zeros,
} from '../../src/index.js';
import { DropoutNet, Line, points, seeded } from './models.js';

const values = (t: Tensor) => Array.from(t.dataSync(), Number);

afterEach(() => {
  expect(isGradEnabled()).toBe(true);
});

describe('evaluate', () => {
  test('has the loss and metrics of all samples, whatever the batch size', async () => {
    const { x, y, data } = points(50);
    const net = seeded(() => new DropoutNet());
    net.eval();
    const loss = Number(F.crossEntropy(net.forward(x), y).itemSync());
    const hits = Number(net.forward(x).argmax(1).eq(y).sum().itemSync());
    net.train();
    for (const batchSize of [1, 7, 32, 50, 64]) {
      const figures = await evaluate(net, data, { loss: 'crossEntropy', metrics: ['accuracy'], batchSize });
      expect(figures.loss).toBeCloseTo(loss, 5);
      expect(figures.accuracy).toBe(hits / 50);
    }
  });

  test('takes metrics without a loss, and a loader', async () => {
    const loader = new DataLoader(points(20).data, { batchSize: 6, shuffle: true });
    expect(
      Object.keys(await evaluate(new DropoutNet(), loader, { metrics: ['f1', 'confusionMatrix'] })),
    ).toEqual(['f1', 'confusionMatrix']);
  });

  test('decides logits at 0 where the loss takes logits', async () => {
    const net = new Line();
    net.layer.bias?.detach().fill_(0.2);
    net.layer.weight.detach().zero_();
    const data: [Tensor, Tensor] = [ones([4, 2]), ones([4, 1])];
    const metrics = ['accuracy'] as const;
    expect((await evaluate(net, data, { loss: 'binaryCrossEntropyWithLogits', metrics })).accuracy).toBe(1);
    expect((await evaluate(net, data, { loss: 'mse', metrics })).accuracy).toBe(0);
  });

  test('is in evaluation mode, and puts every mode back, also after an error', async () => {
    const net = new DropoutNet();
    net.out.eval();
    const seen: boolean[] = [];
    const look = (output: Tensor, target: Tensor): Tensor => {
      seen.push(net.training, net.dropout.training, isGradEnabled(), output.requiresGrad);
      return F.crossEntropy(output, target);
    };
    await evaluate(net, points(8).data, { loss: look });
    expect(seen).toEqual([false, false, false, false]);
    const fail = (): Tensor => {
      throw new Error('no loss today');
    };
    await expect(evaluate(net, points(8).data, { loss: fail })).rejects.toThrow('no loss today');
    expect([net.training, net.dropout.training, net.out.training]).toEqual([true, true, false]);
  });

  test('shows its progress', async () => {
    const lines: string[] = [];
    const output = { write: (text: string) => lines.push(text) };
    await evaluate(new DropoutNet(), points(8).data, {
      loss: 'crossEntropy',
      batchSize: 4,
      progress: { output },
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^evaluate 2\/2 {2}loss [\d.]+ {2}.*\n$/);
  });

  test.each<[string, () => Promise<unknown>, new () => Error, string]>([
    [
      'nothing to compute',
      () => evaluate(new Line(), [ones([2, 2]), ones([2, 1])], {}),
      ArgumentError,
      'pass a loss or metrics',
    ],
    [
      'no batches',
      () => evaluate(new Line(), () => [], { loss: 'mse' }),
      ArgumentError,
      'the data gave no batches',
    ],
    [
      'inputs and targets of other lengths',
      () => evaluate(new Line(), [[ones([2, 2]), ones([3, 1])]], { loss: 'mse' }),
      ShapeError,
      'inputs [2, 2] and targets [3, 1]',
    ],
    [
      'outputs and targets that would broadcast',
      () => evaluate(new Line(), [ones([4, 2]), ones([4, 4])], { loss: 'mse' }),
      ShapeError,
      'output [4, 1] and target [4, 4]',
    ],
  ])('refuses %s', async (_, run, type, message) => {
    const error: unknown = await run().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(type);
    expect((error as Error).message).toContain(message);
  });
});

describe('predict', () => {
  const { x, y, data } = points(20);

  test('joins the outputs of all batches', async () => {
    const net = seeded(() => new DropoutNet());
    const expected = values(net.eval().forward(x));
    net.train();
    for (const batchSize of [1, 6, 20, 32]) {
      const outputs = await predict(net, x, { batchSize });
      expect(outputs.shape).toEqual([20, 3]);
      values(outputs).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i], 5);
      });
    }
    expect(net.training).toBe(true);
  });

  test.each<[string, Parameters<typeof predict>[1]]>([
    ['a dataset with targets', data],
    ['a dataset without', new TensorDataset(x)],
    ['a pair', [x, y]],
    ['a loader', new DataLoader(data, { batchSize: 3 })],
    ['batches of inputs', () => [x.narrow(0, 0, 12), x.narrow(0, 12, 8)]],
  ])('takes %s', async (_, input) => {
    const net = seeded(() => new DropoutNet());
    const expected = values(await predict(net, x, { batchSize: 20 }));
    const found = values(await predict(net, input, { batchSize: 20 }));
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 5);
    });
    expect(found).toHaveLength(60);
  });

  test('keeps the dtype', async () => {
    class Classes extends DropoutNet {
      override forward(input: Tensor): Tensor {
        return super.forward(input).argmax(1);
      }
    }
    const outputs = await predict(new Classes(), x, { batchSize: 7 });
    expect([outputs.dtype, outputs.shape]).toEqual(['int64', [20]]);
  });

  test('batch by batch, with the modes of the caller between', async () => {
    const net = new DropoutNet();
    const shapes: unknown[] = [];
    for await (const output of predictBatches(net, x, { batchSize: 8 })) {
      expect(net.training).toBe(true);
      expect(output.requiresGrad).toBe(false);
      shapes.push(output.shape);
    }
    expect(shapes).toEqual([
      [8, 3],
      [8, 3],
      [4, 3],
    ]);
  });

  test('refuses outputs that do not make one tensor', async () => {
    class Same extends nn.Module {
      override forward(input: Tensor): Tensor {
        return input;
      }
    }
    await expect(predict(new Same(), () => [zeros([2, 2]), zeros([2, 3])])).rejects.toThrow(
      '[2, 2] and [2, 3] do not make one',
    );
    await expect(predict(new Same(), () => [])).rejects.toThrow('no batches');
    await expect(predict(new Same(), [3] as never)).rejects.toThrow(
      'a tensor or an array of tensors, got number',
    );
  });
});

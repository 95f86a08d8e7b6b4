import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/base/errors.js';
import {
  type EngineName,
  engine,
  fit,
  fromTypedArray,
  metrics,
  nn,
  noGrad,
  setEngine,
  type Tensor,
  tensor,
} from '../../src/index.js';
import { type MetricName, makeMetrics } from '../../src/train/metrics/registry.js';
import * as plain from './plain-metrics.js';

type AnyMetric = metrics.Metric;

/** Rows as a tensor of float32; values must be exact in float32 for ties to stay ties. */
function floats(rows: readonly number[][]): Tensor {
  return fromTypedArray(Float32Array.from(rows.flat()), [rows.length, rows[0].length]);
}

function ints(values: readonly number[]): Tensor {
  return fromTypedArray(BigInt64Array.from(values, BigInt), [values.length]);
}

function vector(values: readonly number[]): Tensor {
  return fromTypedArray(Float32Array.from(values), [values.length]);
}

/** Feeds samples in batches of the given sizes, repeated as needed. */
function feed(metric: AnyMetric, output: Tensor, target: Tensor, sizes: readonly number[]): AnyMetric {
  metric.reset();
  const n = output.shape[0];
  for (let at = 0, k = 0; at < n; k++) {
    const size = Math.min(sizes[k % sizes.length], n - at);
    const [start, length] = [at, size];
    noGrad(() => {
      void metric.update(output.narrow(0, start, length), target.narrow(0, start, length));
    });
    at += size;
  }
  return metric;
}

/** Numbers with few different values, so that ties occur; all exact in float32. */
const score = fc.integer({ min: -8, max: 8 }).map((n) => n / 4);
const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 });

const classification = fc
  .tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 1, max: 20 }))
  .chain(([classes, samples]) =>
    fc.record({
      classes: fc.constant(classes),
      scores: fc.array(fc.array(score, { minLength: classes, maxLength: classes }), {
        minLength: samples,
        maxLength: samples,
      }),
      truth: fc.array(fc.integer({ min: 0, max: classes - 1 }), { minLength: samples, maxLength: samples }),
      sizes,
    }),
  );

const regression = fc.integer({ min: 2, max: 20 }).chain((samples) =>
  fc.record({
    output: fc.array(fc.array(score, { minLength: 3, maxLength: 3 }), {
      minLength: samples,
      maxLength: samples,
    }),
    target: fc.array(fc.array(score, { minLength: 3, maxLength: 3 }), {
      minLength: samples,
      maxLength: samples,
    }),
    sizes,
  }),
);

const runs = { numRuns: 25 };

describe('metrics of classes are those of all samples, however they are put into batches', () => {
  test('accuracy, top k and perplexity', async () => {
    await fc.assert(
      fc.asyncProperty(classification, async ({ scores, truth, sizes: s }) => {
        const [x, y] = [floats(scores), ints(truth)];
        expect(await feed(new metrics.Accuracy(), x, y, s).result()).toBe(plain.accuracy(scores, truth));
        for (const k of [1, 2, 3]) {
          expect(await feed(new metrics.TopKAccuracy({ k }), x, y, s).result()).toBe(
            plain.topK(scores, truth, k),
          );
        }
        const perplexity = await feed(new metrics.Perplexity(), x, y, s).result();
        expect(perplexity).toBeCloseTo(plain.perplexity(scores, truth), 4);
      }),
      runs,
    );
  });

  test('precision, recall, F1 and the confusion matrix', async () => {
    await fc.assert(
      fc.asyncProperty(classification, async ({ classes, scores, truth, sizes: s }) => {
        const [x, y] = [floats(scores), ints(truth)];
        const predicted = scores.map(plain.argmax);
        const expected = plain.perClass(predicted, truth, classes);
        const made = { precision: metrics.Precision, recall: metrics.Recall, f1: metrics.F1 };
        for (const name of ['precision', 'recall', 'f1'] as const) {
          const Metric = made[name];
          const one = new Metric({ average: 'macro' });
          feed(one, x, y, s);
          const each = await one.perClass();
          each.forEach((value, c) => {
            expect(value).toBeCloseTo(expected[name][c], 12);
          });
          const met = expected[name].filter((_, c) => expected.met[c]);
          expect(await one.result()).toBeCloseTo(plain.mean(met), 12);
          const weighted = await feed(new Metric({ average: 'weighted' }), x, y, s).result();
          const sum = expected[name].reduce((a, v, c) => a + v * expected.support[c], 0);
          expect(weighted).toBeCloseTo(sum / truth.length, 12);
          // Each sample is decided once, so all three are the accuracy.
          const micro = await feed(new Metric({ average: 'micro' }), x, y, s).result();
          expect(micro).toBeCloseTo(plain.accuracy(scores, truth), 12);
        }
        const matrix = new metrics.ConfusionMatrix();
        feed(matrix, x, y, s);
        expect(await matrix.matrix()).toEqual(plain.confusion(predicted, truth, classes));
        expect(await matrix.result()).toBeCloseTo(plain.accuracy(scores, truth), 12);
      }),
      runs,
    );
  });

  test('binary decisions and the area under the curve', async () => {
    const binary = fc.integer({ min: 2, max: 20 }).chain((n) =>
      fc.record({
        scores: fc.array(score, { minLength: n, maxLength: n }),
        truth: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: n, maxLength: n }),
        sizes,
      }),
    );
    await fc.assert(
      fc.asyncProperty(binary, async ({ scores, truth, sizes: s }) => {
        const column = floats(scores.map((x) => [x]));
        const targets = [ints(truth), vector(truth), floats(truth.map((t) => [t]))];
        const predicted = scores.map((x) => (x > 0 ? 1 : 0));
        const expected = plain.perClass(predicted, truth, 2);
        for (const y of targets) {
          const options = { threshold: 0 };
          const hits = plain.mean(predicted.map((p, i) => (p === truth[i] ? 1 : 0)));
          expect(await feed(new metrics.Accuracy(options), column, y, s).result()).toBe(hits);
          const f1 = await feed(new metrics.F1(options), column, y, s).result();
          expect(f1).toBeCloseTo(expected.f1[1], 12);
          const precision = await feed(new metrics.Precision(options), column, y, s).result();
          expect(precision).toBeCloseTo(expected.precision[1], 12);
          expect(await feed(new metrics.AUC(), column, y, s).result()).toBe(plain.auc(scores, truth));
        }
        const two = floats(scores.map((x) => [-x, x]));
        expect(await feed(new metrics.AUC(), two, targets[0], s).result()).toBe(plain.auc(scores, truth));
      }),
      runs,
    );
  });
});

describe('metrics of numbers are those of all samples, however they are put into batches', () => {
  test('errors, R2 and cosine similarity', async () => {
    await fc.assert(
      fc.asyncProperty(regression, async ({ output, target, sizes: s }) => {
        const [x, y] = [floats(output), floats(target)];
        const [a, b] = [output.flat(), target.flat()];
        const result = (metric: AnyMetric) => feed(metric, x, y, s).result();
        const mse = plain.mean(a.map((v, i) => (v - b[i]) ** 2));
        expect(await result(new metrics.MeanAbsoluteError())).toBeCloseTo(
          plain.mean(a.map((v, i) => Math.abs(v - b[i]))),
          5,
        );
        expect(await result(new metrics.MeanSquaredError())).toBeCloseTo(mse, 5);
        expect(await result(new metrics.RootMeanSquaredError())).toBeCloseTo(Math.sqrt(mse), 5);
        const cosines = output.map((row, i) => plain.cosine(row, target[i]));
        expect(await result(new metrics.CosineSimilarity())).toBeCloseTo(plain.mean(cosines), 5);
        const columns = [0, 1, 2].map((c) => [output.map((row) => row[c]), target.map((row) => row[c])]);
        fc.pre(columns.every(([, t]) => new Set(t).size > 1));
        const expected = plain.mean(columns.map(([o, t]) => plain.r2(o, t)));
        const found = await result(new metrics.R2());
        expect(Math.abs(found - expected)).toBeLessThan(1e-4 * Math.max(1, Math.abs(expected)));
      }),
      runs,
    );
  });

  test('R2 keeps its digits for targets far from 0', async () => {
    const target = Array.from({ length: 64 }, (_, i) => 100_000 + Math.sin(i));
    const output = target.map((t, i) => t + 0.1 * Math.cos(3 * i));
    const exact = (values: readonly number[]) => Array.from(Float32Array.from(values));
    const found = await feed(new metrics.R2(), vector(output), vector(target), [7]).result();
    expect(found).toBeCloseTo(plain.r2(exact(output), exact(target)), 2);
  });

  test('a sum over many batches has no drift', async () => {
    const metric = new metrics.MeanAbsoluteError();
    const [x, y] = [vector([0.1]), vector([0])];
    for (let i = 0; i < 5000; i++) metric.update(x, y);
    // A plain float32 sum is off by 4e-6 here.
    expect(Math.abs((await metric.result()) - Math.fround(0.1))).toBeLessThan(1e-8);
  });
});

describe('metric', () => {
  const all: MetricName[] = ['accuracy', 'topKAccuracy', 'precision', 'recall', 'f1', 'confusionMatrix'];
  all.push('auc', 'mae', 'mse', 'rmse', 'r2', 'cosineSimilarity', 'perplexity', 'iou');

  test.each(all)('%s goes on from a saved state as if never interrupted', async (name) => {
    const classes = ['accuracy', 'topKAccuracy', 'precision', 'recall', 'f1', 'iou', 'confusionMatrix'];
    const scores = [
      [1, 0.5],
      [0, 2],
      [3, 1],
      [0.25, 0.5],
      [1, 2],
    ];
    const x = name === 'auc' ? vector([0.1, 0.7, 0.7, 0.2, 0.9]) : floats(scores);
    const labels = [...classes, 'perplexity', 'auc'].includes(name);
    const y = labels
      ? ints([0, 1, 1, 1, 0])
      : floats([
          [1, 0],
          [0, 1],
          [1, 2],
          [2, 1],
          [0, 4],
        ]);
    const make = () => makeMetrics<Tensor, Tensor>([name], { threshold: 0.5 })[0];
    const whole = await feed(make(), x, y, [2]).result();
    const first = make();
    first.update(x.narrow(0, 0, 2), y.narrow(0, 0, 2));
    const saved = first.state?.() ?? { tensors: new Map(), values: null };
    const second = make();
    second.loadState?.(saved);
    second.update(x.narrow(0, 2, 3), y.narrow(0, 2, 3));
    expect(whole).not.toBeNaN();
    expect(await second.result()).toBeCloseTo(whole, 6);
    // The state that was saved is not changed by what came after.
    first.update(x.narrow(0, 2, 3), y.narrow(0, 2, 3));
    expect(await first.result()).toBeCloseTo(whole, 6);
  });

  test.each(all)('%s is NaN without samples', async (name) => {
    expect(await makeMetrics<Tensor, Tensor>([name], { threshold: 0.5 })[0].result()).toBeNaN();
  });

  test('classes of many positions: scores [N, C, d]', async () => {
    const scores = tensor([
      [
        [1, 0, 3],
        [2, 1, 0],
      ],
    ]);
    const accuracy = new metrics.Accuracy();
    accuracy.update(scores, tensor([[1n, 1n, 1n]]));
    expect(await accuracy.result()).toBeCloseTo(2 / 3, 12);
    const top = new metrics.TopKAccuracy({ k: 2 });
    top.update(scores, tensor([[0n, 1n, 1n]]));
    expect(await top.result()).toBe(1);
  });

  test('perplexity leaves out an ignored index', async () => {
    const perplexity = new metrics.Perplexity({ ignoreIndex: -100 });
    perplexity.update(
      tensor([
        [0, 0],
        [5, -5],
        [0, 0],
      ]),
      tensor([1n, -100n, 0n]),
    );
    expect(await perplexity.result()).toBeCloseTo(2, 5);
  });

  test('one-hot targets', async () => {
    const accuracy = new metrics.Accuracy();
    accuracy.update(
      tensor([
        [1, 2],
        [2, 1],
      ]),
      tensor([
        [0, 1],
        [0, 1],
      ]),
    );
    expect(await accuracy.result()).toBe(0.5);
  });

  test('a function is averaged over samples', async () => {
    const metric = new metrics.MeanMetric('bias', (output: Tensor, target: Tensor) =>
      output.sub(target).mean(),
    );
    metric.update(vector([2, 2, 2]), vector([1, 1, 1]));
    metric.update(vector([8]), vector([0]));
    expect(await metric.result()).toBeCloseTo((3 * 1 + 8) / 4, 6);
    const each = new metrics.MeanMetric('each', (output: Tensor, target: Tensor) => output.sub(target));
    each.update(vector([2, 3]), vector([1, 1]));
    each.update(vector([8]), vector([0]));
    expect(await each.result()).toBeCloseTo((1 + 2 + 8) / 3, 6);
  });

  test.each<[string, () => unknown, new () => Error, string]>([
    [
      'scores and classes that do not fit',
      () => new metrics.Accuracy().update(floats([[1, 2]]), ints([1, 0])),
      ShapeError,
      'output [1, 2] wants class numbers of shape [1]',
    ],
    [
      'float class numbers',
      () => new metrics.Accuracy().update(floats([[1, 2]]), vector([1])),
      ArgumentError,
      'class numbers are integers, got float32',
    ],
    [
      'numbers of different shapes',
      () => new metrics.MeanSquaredError().update(floats([[1, 2]]), floats([[1]])),
      ShapeError,
      'output [1, 2] and target [1, 1]',
    ],
    ['k of 0', () => new metrics.TopKAccuracy({ k: 0 }), ArgumentError, 'k is a positive integer'],
    [
      'an average that is none',
      () => new metrics.F1({ average: 'mean' as 'macro' }),
      ArgumentError,
      "average is 'binary', 'macro', 'micro' or 'weighted'",
    ],
    [
      'a name that is none',
      () => makeMetrics(['acc' as 'accuracy'], { threshold: 0 }),
      ArgumentError,
      "no metric is called 'acc'; there are accuracy",
    ],
    [
      'two of a name',
      () => makeMetrics(['accuracy', 'accuracy'], { threshold: 0 }),
      ArgumentError,
      "the key 'accuracy' is taken",
    ],
  ])('refuses %s', (_, body, type, message) => {
    expect(body).toThrow(type);
    expect(body).toThrow(message);
  });
});

test('metrics and fit are the same on the engines that run everywhere', async () => {
  const before = engine().name as EngineName;
  const scores = [
    [1, 0.5],
    [0, 2],
    [3, 1],
    [0.25, 0.5],
    [1, 2],
  ];
  const figures = async (): Promise<unknown> => {
    const names: MetricName[] = [
      'accuracy',
      'topKAccuracy',
      'f1',
      'confusionMatrix',
      'auc',
      'perplexity',
      'iou',
    ];
    const [x, y] = [floats(scores), ints([0, 1, 1, 1, 0])];
    const net = new nn.Linear(2, 2);
    net.weight.detach().copy_(
      tensor([
        [1, 0],
        [0, 1],
      ]),
    );
    net.bias?.detach().zero_();
    const options = {
      loss: 'crossEntropy',
      optimizer: 'sgd',
      lr: 0.5,
      batchSize: 2,
      shuffle: false,
    } as const;
    const history = await fit(net, [x, y], { ...options, epochs: 2, metrics: names, progress: false });
    return Object.entries(history.figures).map(([name, values]) => [name, values.map((v) => v.toFixed(4))]);
  };
  try {
    await setEngine('wasm');
    const wasm = await figures();
    await setEngine('reference');
    expect(await figures()).toEqual(wasm);
  } finally {
    await setEngine(before);
  }
});

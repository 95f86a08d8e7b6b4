/** Programs of unusual size: one very large table, very many nodes, very many tensors, and tensors of nothing. */
import {
  cat,
  einsum,
  functional as F,
  HadalError,
  nn,
  optim,
  slice,
  stack,
  type Tensor,
  tensor,
  where,
  zeros,
} from 'hadal';
import type { Program } from '../program.js';

const largeEmbedding: Program = {
  name: 'large-embedding',
  about: 'a table of ten million rows, of which a batch looks up a few thousand; plain SGD',
  steps: { quick: 4, full: 20 },
  start(s) {
    const [rows, width, batch, words] = [s.pick(1000, 10_000_000), 4, s.pick(4, 256), s.pick(3, 20)];
    const table = new nn.Embedding(rows, width);
    nn.init.constant_(table.weight, 0.1);
    const head = s.fill(new nn.Linear(width, 10));
    const optimizer = new optim.SGD([...table.parameters(), ...head.parameters()], { lr: 5 });
    return {
      step(i) {
        const found = table.forward(s.classes(i, [batch, words], rows));
        const loss = F.crossEntropy(head.forward(found.mean(1)), s.classes(i + 500, [batch], 10));
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('loss', loss.itemSync());
      },
      finish() {
        s.note('rows', table.weight.detach().index(s.classes(0, [64], rows)));
        s.noteParameters('head', head);
      },
    };
  },
};

const deepGraph: Program = {
  name: 'deep-graph',
  about: 'a recurrence of small vectors, a hundred thousand nodes deep, in one backward pass',
  steps: { quick: 3, full: 8 },
  start(s) {
    const depth = s.pick(167, 33_334);
    const weight = s.values(1, [16], 0.5).requiresGrad_();
    const bias = s.values(2, [16]).requiresGrad_();
    return {
      step(i) {
        let x = s.values(i + 10, [16]);
        for (let k = 0; k < depth; k++) x = x.mul(weight).add(bias).sin();
        const loss = x.square().sum();
        weight.grad = null;
        bias.grad = null;
        loss.backward();
        s.note('loss', loss.itemSync());
        for (const p of [weight, bias]) if (p.grad !== null) s.note('grad', p.grad);
      },
    };
  },
};

const tinyTensors: Program = {
  name: 'tiny-tensors',
  about: 'ten thousand tensors of two numbers, each computed with, then put together and summed up',
  steps: { quick: 3, full: 10 },
  start(s) {
    const count = s.pick(50, 10_000);
    const weight = s.values(1, [2]).requiresGrad_();
    return {
      step(i) {
        const parts: Tensor[] = [];
        for (let k = 0; k < count; k++)
          parts.push(
            tensor([k / count, (k + i) / count])
              .mul(weight)
              .tanh(),
          );
        const together = stack(parts);
        let total = parts[0].sum();
        for (const part of parts.slice(1)) total = total.add(part.sum());
        const loss = together.square().mean().add(total.div(count));
        weight.grad = null;
        loss.backward();
        s.note('loss', loss.itemSync());
        s.note('total', total.itemSync());
        if (weight.grad !== null) s.note('grad', weight.grad);
        s.note('last', parts[count - 1].detach());
      },
    };
  },
};

const manyParameters: Program = {
  name: 'many-parameters',
  about: 'three thousand parameters of four numbers, each in the loss by itself, with Adam',
  steps: { quick: 4, full: 20 },
  start(s) {
    const count = s.pick(20, 3000);
    const all = Array.from({ length: count }, (_, k) => new nn.Parameter(s.values(k, [4])));
    const optimizer = new optim.Adam(all, { lr: 0.01 });
    return {
      step(i) {
        const targets = s.values(i + 5000, [count, 4]);
        const losses = all.map((p, k) => p.sub(targets.index(k)).square().sum());
        const loss = stack(losses).mean();
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('loss', loss.itemSync());
      },
      finish() {
        s.note('parameters', stack(all).detach());
      },
    };
  },
};

const emptyBatches: Program = {
  name: 'empty-batches',
  about: 'networks and losses on batches that a filter has left without a sample',
  steps: { quick: 3, full: 20 },
  start(s) {
    const net = s.fill(
      new nn.Sequential(
        new nn.Conv2d(3, 4, 3, { padding: 1 }),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Flatten(),
        new nn.Linear(4 * 4 * 4, 8),
        new nn.LayerNorm(8),
        new nn.Linear(8, 5),
      ),
    );
    const norm = new nn.BatchNorm1d(8).eval();
    const optimizer = new optim.Adam(net.parameters(), { lr: 0.01 });
    return {
      step(i) {
        const images = s.values(i, [12, 3, 8, 8]);
        const labels = s.classes(i + 500, [12], 5);
        for (let wanted = 0; wanted < 7; wanted++) {
          const chosen = labels.eq(wanted);
          const logits = net.forward(images.index(chosen));
          const mean = F.crossEntropy(logits, labels.index(chosen));
          const loss = F.crossEntropy(logits, labels.index(chosen), { reduction: 'sum' });
          optimizer.zeroGrad();
          loss.backward();
          optimizer.step();
          s.note('samples', logits.shape[0]);
          s.note('mean', mean.itemSync());
          s.note('sum', loss.itemSync());
          for (const p of net.parameters())
            if (p.grad !== null) s.note('grad', p.grad.abs().sum().itemSync());
        }
        const nothing = zeros([0, 8]);
        s.note('norm', norm.forward(nothing).shape);
        s.note('mse', F.mseLoss(nothing, nothing).itemSync());
        s.note('mse sum', F.mseLoss(nothing, nothing, { reduction: 'sum' }).itemSync());
        s.note('bce', F.binaryCrossEntropyWithLogits(nothing, nothing).itemSync());
        s.note('embedding', F.embedding(zeros([0, 3], { dtype: 'int64' }), s.values(1, [7, 4])).shape);
        s.note(
          'attention',
          F.scaledDotProductAttention(zeros([0, 2, 3, 4]), zeros([0, 2, 3, 4]), zeros([0, 2, 3, 4])).shape,
        );
        s.note(
          'queries',
          F.scaledDotProductAttention(zeros([2, 0, 4]), zeros([2, 3, 4]), zeros([2, 3, 4])).shape,
        );
        s.note('one-hot', F.oneHot(zeros([0], { dtype: 'int64' }), 4).shape);
        s.note('softmax', F.softmax(nothing, 1).shape);
        s.note('dropout', F.dropout(nothing, 0.5).shape);
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

const emptyTensors: Program = {
  name: 'empty-tensors',
  about: 'concatenation, reductions, products, ordering and indexing of nothing',
  steps: { quick: 2, full: 20 },
  start(s) {
    const threw = (fn: () => unknown): boolean => {
      try {
        fn();
        return false;
      } catch (error) {
        if (error instanceof HadalError) return true;
        throw error;
      }
    };
    return {
      step(i) {
        const x = s.values(i, [3, 4]).requiresGrad_();
        const none = x.index(slice(0, 0));
        const thin = x.index(':', slice(2, 2));
        const grown = cat([none, x, none, x.mul(2)]);
        s.note('cat', grown.detach());
        s.note('cat of nothing', cat([none, none]).shape);
        s.note('old empty', cat([zeros([0]), x]).shape);
        s.note('stack', stack([none, none]).shape);
        s.note('chunks', none.chunk(3).length);
        s.note('split', none.split(2).length);
        s.note('reshape', none.reshape([2, 0, 5]).shape);
        for (const t of [none, thin]) {
          s.note('sum', t.sum().itemSync());
          s.note('prod', t.prod().itemSync());
          s.note('mean', t.mean().itemSync());
          s.note('var', t.var().itemSync());
          s.note('norm', t.norm().itemSync());
          s.note('any', t.gt(0).any().itemSync());
          s.note('all', t.gt(0).all().itemSync());
          s.note(
            'max throws',
            threw(() => t.max()),
          );
          s.note(
            'argmax throws',
            threw(() => t.argmax()),
          );
          s.note('median', t.median().itemSync());
          s.note('count', t.countNonzero().itemSync());
          s.note('flat', t.flatten().shape);
          s.note('unique', t.detach().unique().values.shape);
          s.note('nonzero', t.nonzero().shape);
        }
        s.note('sum 0', none.sum(0).detach());
        s.note('sum 1', none.sum(1).shape);
        s.note('mean 0', none.mean(0).detach());
        s.note('sum of thin', thin.sum(1).detach());
        s.note('prod of thin', thin.prod(1).detach());
        s.note('max 1', none.max(1).values.shape);
        s.note(
          'max 0 throws',
          threw(() => none.max(0)),
        );
        s.note('logsumexp', thin.logsumexp(1).detach());
        s.note('cumsum', none.cumsum(0).shape);
        s.note('sort', none.sort(0).values.shape);
        s.note('topk', x.topk(0).values.shape);
        s.note('matmul', thin.matmul(zeros([0, 5])).detach());
        s.note('rows', none.matmul(x.t()).shape);
        s.note('bmm', zeros([0, 2, 3]).bmm(zeros([0, 3, 4])).shape);
        s.note('einsum', einsum('ij,kj->ik', thin, thin).detach());
        s.note('select none', x.index(zeros([0], { dtype: 'int64' })).shape);
        s.note('mask', x.maskedSelect(x.gt(2)).shape);
        s.note('mask sum', x.maskedSelect(x.gt(2)).sum().itemSync());
        s.note('index add', x.indexAdd(0, zeros([0], { dtype: 'int64' }), none).detach());
        s.note('scatter', x.scatterAdd(1, zeros([3, 0], { dtype: 'int64' }), thin).detach());
        s.note('gather', x.gather(1, zeros([3, 0], { dtype: 'int64' })).shape);
        s.note('where', where(none.gt(0), none, none.neg()).shape);
        s.note('pad', none.pad([0, 0, 1, 1], { value: 7 }).detach());
        s.note('roll', none.roll(1, 0).shape);
        s.note('flip', none.flip(0).shape);
        s.note('bincount', zeros([0], { dtype: 'int64' }).bincount({ minlength: 3 }));
        s.note('broadcast', none.add(zeros([1, 4])).shape);
        s.note('close', none.allclose(none));
        s.note('equal', none.equal(none));
        x.grad = null;
        grown
          .square()
          .sum()
          .add(none.exp().sum())
          .add(thin.prod(1).sum())
          .add(thin.logsumexp(1).exp().sum())
          .backward();
        if (x.grad !== null) s.note('grad', x.grad);
        s.note('text', none.toString().includes('[]'));
      },
    };
  },
};

export const scale: readonly Program[] = [
  largeEmbedding,
  deepGraph,
  tinyTensors,
  manyParameters,
  emptyBatches,
  emptyTensors,
];

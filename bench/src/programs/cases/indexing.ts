/** Reading and writing by positions that are themselves computed. */
import {
  arange,
  cat,
  functional as F,
  full,
  nn,
  noGrad,
  optim,
  slice,
  stack,
  type Tensor,
  zeros,
  zerosLike,
} from 'hadal';
import { mlp } from '../nets.js';
import type { Program } from '../program.js';

class Messages extends nn.Module {
  readonly message: nn.Linear;
  readonly score: nn.Linear;
  readonly update: nn.GRUCell;

  constructor(width: number) {
    super();
    this.message = new nn.Linear(2 * width, width);
    this.score = new nn.Linear(2 * width, 1);
    this.update = new nn.GRUCell(width, width);
  }

  override forward(h: Tensor, source: Tensor, target: Tensor): Tensor {
    const pair = cat([h.index(source), h.index(target)], 1);
    const score = F.leakyRelu(this.score.forward(pair).squeeze(1), { negativeSlope: 0.2 }).exp();
    const total = zeros([h.shape[0]]).indexAdd_(0, target, score);
    const weight = score.div(total.index(target).add(1e-9));
    const sent = this.message.forward(pair).relu().mul(weight.index(':', null));
    const received = zerosLike(h).scatterAdd_(0, target.index(':', null).expandAs(sent), sent);
    return this.update.forward(received, h);
  }
}

const graphMessages: Program = {
  name: 'graph-messages',
  about: 'a graph network: messages along edges, weighed by attention, added where edges end',
  steps: { quick: 5, full: 30 },
  start(s) {
    const [nodes, edges, width, classes] = [s.pick(7, 2000), s.pick(20, 10000), s.pick(6, 64), 5];
    const embed = s.fill(new nn.Linear(12, width));
    const layers = s.fill(new nn.ModuleList([new Messages(width), new Messages(width)]), 10);
    const head = s.fill(new nn.Linear(width, classes), 40);
    const parameters = [...embed.parameters(), ...layers.parameters(), ...head.parameters()];
    const optimizer = new optim.Adam(parameters, { lr: 1e-3 });
    const [source, target] = [s.classes(1, [edges], nodes), s.classes(2, [edges], nodes)];
    const [x, label] = [s.values(3, [nodes, 12]), s.classes(4, [nodes], classes)];
    const known = s.values(5, [nodes]).gt(0);
    const step = (x: Tensor): Tensor => {
      let h = embed.forward(x).tanh();
      for (const layer of layers) h = layer.forward(h, source, target);
      const graphs = zeros([3, h.shape[1]]).indexAdd(0, arange(nodes).remainder(3), h);
      const fit = F.crossEntropy(head.forward(h).index(known), label.index(known));
      const loss = fit.add(graphs.square().mean().mul(1e-4));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    };
    return {
      step: (i) => s.note('loss', step(x.add(s.values(i + 100, [nodes, 12], 0.1))).itemSync()),
      finish() {
        for (const p of parameters) s.note('weights', p.detach());
      },
    };
  },
};

const positionsAndMasks: Program = {
  name: 'positions-and-masks',
  about: 'tensors of positions and masks between brackets, read and assigned; the hardest examples count',
  steps: { quick: 5, full: 40 },
  start(s) {
    const [batch, rows, columns] = [s.pick(3, 64), s.pick(5, 128), s.pick(4, 64)];
    const width = s.pick(6, 32);
    const table = s.values(1, [rows, columns, width]).requiresGrad_();
    const net = s.fill(new nn.Linear(width, 1));
    const optimizer = new optim.SGD([table, ...net.parameters()], { lr: 0.1 });
    return {
      step(i) {
        const [r, c] = [s.classes(i, [batch, 8], rows), s.classes(i + 100, [batch, 8], columns)];
        const h = table
          .index(r, c)
          .add(table.index(r.index(':', slice(null, 1)), -1))
          .add(table.index(':', c.index(0)).mean([0, 1]));
        h.setIndex(0, s.values(i + 200, [batch, 8]).gt(0.5));
        const [each, one] = [arange(batch), c.index(':', 0).remainder(8)];
        h.setIndex(h.index(each, one).mul(2), each, one);
        h.setIndex(h.index(':', [0, -1], slice(1, 3)).add(1), ':', [0, -1], slice(1, 3));
        const scores = net.forward(h).squeeze(-1);
        const losses = F.softplus(scores.neg());
        const hard = losses.gt(losses.mean().itemSync());
        const rest = losses.index(hard.logicalNot());
        let loss = losses.index(hard).mean();
        if (rest.shape[0] > 0) loss = loss.add(rest.square().mean().mul(0.1));
        const places = hard.nonzero();
        const chosen = scores.index(places.index(':', 0), places.index(':', 1));
        loss = loss.add(chosen.square().sum().mul(0.01).div(places.shape[0]));
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('hard', hard.sum().itemSync());
        s.note('loss', loss.itemSync());
      },
      finish() {
        s.note('table', table.detach());
        if (table.grad !== null) s.note('table.grad', table.grad);
        s.noteParameters('net', net);
      },
    };
  },
};

const rankingLosses: Program = {
  name: 'ranking-losses',
  about:
    'losses of sorted scores: list-wise likelihood, margins of the top, gaps; quality by discounted gains',
  steps: { quick: 5, full: 40 },
  start(s) {
    const [queries, documents, width] = [s.pick(3, 64), s.pick(6, 128), s.pick(8, 64)];
    const net = s.fill(mlp([16, width, 1]));
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.02 });
    const descending = { descending: true };
    const train = s.compile((x: Tensor, relevance: Tensor) => {
      const scores = net.forward(x).squeeze(-1);
      const ranked = scores.gather(1, relevance.argsort(1, descending));
      const listwise = ranked.flip(1).logcumsumexp(1).flip(1).sub(ranked).mean();
      const [top, where] = scores.topk(3, 1);
      const margin = relevance.gather(1, where).neg().add(1).add(top).relu().mean();
      const [ordered] = scores.sort(1, descending);
      const spacing = ordered
        .index(':', slice(1))
        .sub(ordered.index(':', slice(null, -1)))
        .exp()
        .mean();
      const middle = scores.median(1).values.square().mean();
      const loss = listwise.add(margin.mul(0.5)).add(spacing.mul(0.1)).add(middle);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      const gains = relevance.gather(1, scores.detach().argsort(1, descending));
      const discount = arange(documents).add(2).float().log2();
      const best = relevance.sort(1, descending).values.div(discount).sum(1);
      return [loss, gains.div(discount).sum(1).div(best)] as const;
    });
    return {
      step(i) {
        const relevance = s.values(i + 500, [queries, documents]).abs();
        const [loss, quality] = train(s.values(i, [queries, documents, 16]), relevance);
        s.note('loss', loss.itemSync());
        s.note('quality', quality.mean().itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
  compiles: true,
};

const bagsByOffsets: Program = {
  name: 'bags-by-offsets',
  about: 'means of rows of a table, over bags of words that begin at offsets',
  steps: { quick: 5, full: 30 },
  start(s) {
    const [bags, words, width, most] = [s.pick(4, 512), s.pick(9, 5000), s.pick(3, 64), s.pick(4, 40)];
    const table = s.fill(new nn.Embedding(words, width));
    const head = s.fill(new nn.Linear(width, 3), 20);
    const optimizer = new optim.SGD([...table.parameters(), ...head.parameters()], { lr: 0.5 });
    return {
      step(i) {
        const lengths = s.classes(i, [bags], most).add(1);
        const tokens = s
          .classes(i + 100, [bags * most], words)
          .index(slice(null, Number(lengths.sum().itemSync())));
        const bag = arange(bags).repeatInterleave(lengths);
        const sums = zeros([bags, width]).indexAdd(0, bag, table.forward(tokens));
        const logits = head.forward(sums.div(lengths.unsqueeze(1)));
        const loss = F.crossEntropy(logits, s.classes(i + 200, [bags], 3));
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('loss', loss.itemSync());
      },
      finish() {
        s.note('table', table.weight.detach());
        s.noteParameters('head', head);
      },
    };
  },
};

const beamSearch: Program = {
  name: 'beam-search',
  about:
    'beams of a small language model: the best of all continuations, states and words reordered after them',
  steps: { quick: 4, full: 30 },
  start(s) {
    const [batch, beams, words] = [s.pick(2, 16), s.pick(3, 4), s.pick(7, 1000)];
    const [width, longest] = [s.pick(8, 128), s.pick(5, 24)];
    const embed = s.fill(new nn.Embedding(words, width));
    const cell = s.fill(new nn.GRUCell(width, width), 10);
    const head = s.fill(new nn.Linear(width, words), 20);
    return {
      step: (i) =>
        noGrad(() => {
          let h = s.values(i, [batch, width]).repeatInterleave(beams, 0);
          let tokens = zeros([batch, beams, 1], { dtype: 'int64' });
          let totals = full([batch, beams], -Infinity).setIndex(0, ':', 0);
          let done = zeros([batch, beams], { dtype: 'bool' });
          const onlyEnd = full([words], -Infinity).setIndex(0, 1);
          for (let t = 0; t < longest; t++) {
            h = cell.forward(embed.forward(tokens.index(':', ':', -1).flatten()), h);
            const logp = F.logSoftmax(head.forward(h).mul(8), -1).view([batch, beams, words]);
            logp.setIndex(onlyEnd, done);
            const best = totals.index(':', ':', null).add(logp).flatten(1).topk(beams, 1);
            totals = best.values;
            const [beam, word] = [best.indices.floorDivide(words), best.indices.remainder(words)];
            const kept = tokens.gather(1, beam.index(':', ':', null).expand([-1, -1, t + 1]));
            tokens = cat([kept, word.index(':', ':', null)], 2);
            h = h.view([batch, beams, width]).index(arange(batch).index(':', null), beam).view([-1, width]);
            done = done.gather(1, beam).logicalOr(word.eq(1));
            if (done.all().itemSync()) break;
          }
          s.note('totals', totals);
          // Of beams that are equally good within rounding either may come first, so that what they say is judged by its likelihood.
          if (s.size === 'quick') s.note('tokens', tokens);
          const before = tokens.index(':', ':', slice(0, -1)).flatten(0, 1);
          let again = s.values(i, [batch, width]).repeatInterleave(beams, 0);
          const states = before.unbind(1).map((word) => {
            again = cell.forward(embed.forward(word), again);
            return again;
          });
          const next = tokens.index(':', ':', slice(1)).flatten(0, 1).unsqueeze(2);
          const said = F.logSoftmax(head.forward(stack(states, 1)).mul(8), -1)
            .gather(2, next)
            .squeeze(2);
          s.note('said', said.where(before.ne(1), 0).sum(1));
        }),
    };
  },
};

class Language extends nn.Module {
  readonly embed: nn.Embedding;
  readonly rnn: nn.GRU;
  readonly out: nn.Linear;

  constructor(words: number, width: number) {
    super();
    this.embed = new nn.Embedding(words, width);
    this.rnn = new nn.GRU(width, width, { batchFirst: true });
    this.out = new nn.Linear(width, words);
  }

  override forward(x: Tensor): Tensor {
    return this.out.forward(this.rnn.forward(this.embed.forward(x)).output);
  }
}

const preferencePairs: Program = {
  name: 'preference-pairs',
  about: 'direct preference optimisation: what two networks say to chosen tokens of a good and a bad answer',
  steps: { quick: 4, full: 30 },
  start(s) {
    const [batch, length, words, width] = [s.pick(3, 16), s.pick(6, 32), s.pick(9, 500), s.pick(8, 96)];
    const policy = s.fill(new Language(words, width));
    const reference = s.fill(new Language(words, width), 5);
    const optimizer = new optim.SGD(policy.parameters(), { lr: 0.1 });

    function score(net: Language, tokens: Tensor, answer: Tensor): Tensor {
      const logp = F.logSoftmax(net.forward(tokens.index(':', slice(null, -1))), -1);
      const chosen = logp.gather(-1, tokens.index(':', slice(1)).unsqueeze(-1)).squeeze(-1);
      return chosen.mul(answer).sum(-1);
    }

    const train = s.compile((good: Tensor, bad: Tensor, answer: Tensor) => {
      const base = noGrad(() => score(reference, good, answer).sub(score(reference, bad, answer)));
      const gap = score(policy, good, answer)
        .sub(score(policy, bad, answer))
        .sub(base);
      const loss = F.logSigmoid(gap.mul(0.1)).mean().neg();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return [loss, gap.gt(0).float().mean()] as const;
    });
    return {
      step(i) {
        const [good, bad] = [
          s.classes(i, [batch, length], words),
          s.classes(i + 100, [batch, length], words),
        ];
        const prompt = s.classes(i + 200, [batch], length - 2);
        const answer = arange(length - 1).ge(prompt.index(':', null));
        const [loss, better] = train(good, bad, answer);
        s.note('loss', loss.itemSync());
        s.note('better', better.itemSync());
      },
      finish() {
        for (const p of policy.parameters()) s.note('weights', p.detach());
      },
    };
  },
  compiles: true,
};

export const indexing: readonly Program[] = [
  graphMessages,
  positionsAndMasks,
  rankingLosses,
  bagsByOffsets,
  beamSearch,
  preferencePairs,
];

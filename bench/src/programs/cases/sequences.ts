/** Models of sequences. */
import {
  arange,
  cat,
  functional as F,
  nn,
  noGrad,
  ones,
  optim,
  slice,
  stack,
  type Tensor,
  tensor,
  where,
} from 'hadal';
import type { Program } from '../program.js';

/** What an attention has seen so far. */
interface Cache {
  keys?: Tensor;
  values?: Tensor;
}

class Attention extends nn.Module<[x: Tensor, cache?: Cache]> {
  readonly heads: number;
  readonly qkv: nn.Linear;
  readonly out: nn.Linear;

  constructor(width: number, heads: number) {
    super();
    this.heads = heads;
    this.qkv = new nn.Linear(width, 3 * width);
    this.out = new nn.Linear(width, width);
  }

  override forward(x: Tensor, cache?: Cache): Tensor {
    const [batch, length, width] = x.shape;
    const each = width / this.heads;
    const [q, fresh, freshValues] = this.qkv
      .forward(x)
      .view([batch, length, 3, this.heads, each])
      .permute([2, 0, 3, 1, 4])
      .unbind(0);
    let [k, v] = [fresh, freshValues];
    if (cache !== undefined) {
      k = cache.keys === undefined ? k : cat([cache.keys, k], 2);
      v = cache.values === undefined ? v : cat([cache.values, v], 2);
      cache.keys = k;
      cache.values = v;
    }
    const total = k.shape[2];
    const mask = ones([length, total], { dtype: 'bool' }).tril(total - length);
    const scores = q.matmul(k.transpose(-2, -1)).div(Math.sqrt(each));
    const weights = scores.maskedFill(mask.logicalNot(), Number.NEGATIVE_INFINITY).softmax(-1);
    return this.out.forward(weights.matmul(v).transpose(1, 2).reshape([batch, length, width]));
  }
}

class Block extends nn.Module<[x: Tensor, cache?: Cache]> {
  readonly before: nn.LayerNorm;
  readonly attention: Attention;
  readonly between: nn.LayerNorm;
  readonly mlp: nn.Sequential;

  constructor(width: number, heads: number) {
    super();
    this.before = new nn.LayerNorm(width);
    this.attention = new Attention(width, heads);
    this.between = new nn.LayerNorm(width);
    this.mlp = new nn.Sequential(
      new nn.Linear(width, 4 * width),
      new nn.GELU(),
      new nn.Linear(4 * width, width),
    );
  }

  override forward(x: Tensor, cache?: Cache): Tensor {
    const h = x.add(this.attention.forward(this.before.forward(x), cache));
    return h.add(this.mlp.forward(this.between.forward(h)));
  }
}

class Transformer extends nn.Module<[tokens: Tensor, caches?: Cache[]]> {
  readonly tokens: nn.Embedding;
  readonly positions: nn.Embedding;
  readonly blocks: nn.ModuleList<Block>;
  readonly norm: nn.LayerNorm;
  readonly head: nn.Linear;

  constructor(vocabulary: number, longest: number, width: number, heads: number, depth: number) {
    super();
    this.tokens = new nn.Embedding(vocabulary, width);
    this.positions = new nn.Embedding(longest, width);
    this.blocks = new nn.ModuleList(Array.from({ length: depth }, () => new Block(width, heads)));
    this.norm = new nn.LayerNorm(width);
    this.head = new nn.Linear(width, vocabulary, { bias: false });
  }

  override forward(tokens: Tensor, caches?: Cache[]): Tensor {
    const past = caches?.[0].keys?.shape[2] ?? 0;
    const positions = arange(past, past + tokens.shape[1]);
    let h = this.tokens.forward(tokens).add(this.positions.forward(positions));
    for (const [k, block] of [...this.blocks].entries()) h = block.forward(h, caches?.[k]);
    return this.head.forward(this.norm.forward(h));
  }
}

const transformer: Program = {
  name: 'causal-transformer',
  about: 'a language model of attention written by hand, its gradient clipped',
  steps: { quick: 4, full: 20 },
  compiles: true,
  start(s) {
    const [vocabulary, batch, length] = [s.pick(11, 256), s.pick(2, 8), s.pick(5, 64)];
    const net = s.fill(new Transformer(vocabulary, length, s.pick(8, 128), s.pick(2, 4), 2));
    const optimizer = new optim.AdamW(net.parameters(), { lr: 1e-3, weightDecay: 0.1 });
    const train = s.compile((tokens: Tensor) => {
      const logits = net.forward(tokens.index(':', slice(null, -1)));
      const loss = F.crossEntropy(logits.flatten(0, 1), tokens.index(':', slice(1)).flatten());
      optimizer.zeroGrad();
      loss.backward();
      const norm = nn.utils.clipGradNorm_(net.parameters(), 1);
      optimizer.step();
      return [loss, norm] as const;
    });
    return {
      step(i) {
        const [loss, norm] = train(s.classes(i, [batch, length + 1], vocabulary));
        s.note('loss', loss.itemSync());
        s.note('norm', norm.itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

const decoding: Program = {
  name: 'cached-decoding',
  about: 'greedy decoding token by token, with a cache of keys and values that grows by cat',
  steps: { quick: 3, full: 12 },
  start(s) {
    const [vocabulary, longest, prompt] = [s.pick(11, 256), s.pick(10, 96), s.pick(3, 32)];
    const net = s.fill(new Transformer(vocabulary, longest, s.pick(8, 256), s.pick(2, 8), s.pick(2, 4)));
    net.eval();
    return {
      step(i) {
        noGrad(() => {
          const caches: Cache[] = Array.from(net.blocks, () => ({}));
          let tokens = s.classes(i, [1, prompt], vocabulary);
          for (let t = prompt; t < longest; t++) {
            const logits = net.forward(tokens, caches).index(':', -1);
            const next = logits.argmax(-1);
            s.note('confidence', logits.softmax(-1).max().itemSync());
            s.note('token', next.itemSync());
            tokens = next.index(':', null);
          }
        });
      },
    };
  },
};

const crf: Program = {
  name: 'crf',
  about: "a linear chain: the forward algorithm and Viterbi's as loops, sequences of several lengths",
  steps: { quick: 4, full: 30 },
  compiles: true,
  start(s) {
    const [batch, length, tags, inputs] = [s.pick(3, 32), s.pick(5, 40), s.pick(4, 16), s.pick(6, 64)];
    const emit = s.fill(new nn.Linear(inputs, tags));
    const transitions = new nn.Parameter(s.values(50, [tags, tags], 0.1));
    const begin = new nn.Parameter(s.values(51, [tags], 0.1));
    const optimizer = new optim.SGD([...emit.parameters(), transitions, begin], { lr: 0.1 });

    function logPartition(emissions: Tensor, mask: Tensor): Tensor {
      let alpha = begin.add(emissions.index(':', 0));
      for (let t = 1; t < length; t++) {
        const scores = alpha.unsqueeze(2).add(transitions).add(emissions.index(':', t).unsqueeze(1));
        alpha = where(mask.index(':', t).unsqueeze(1), scores.logsumexp(1), alpha);
      }
      return alpha.logsumexp(1);
    }

    function pathScore(emissions: Tensor, path: Tensor, mask: Tensor): Tensor {
      const emitted = emissions.gather(2, path.unsqueeze(2)).squeeze(2).mul(mask).sum(1);
      const moved = transitions.index(path.index(':', slice(null, -1)), path.index(':', slice(1)));
      return begin
        .index(path.index(':', 0))
        .add(emitted)
        .add(moved.mul(mask.index(':', slice(1))).sum(1));
    }

    function viterbi(emissions: Tensor): Tensor {
      let best = begin.add(emissions.index(':', 0));
      const pointers: Tensor[] = [];
      for (let t = 1; t < length; t++) {
        const { values, indices } = best.unsqueeze(2).add(transitions).max(1);
        best = values.add(emissions.index(':', t));
        pointers.push(indices);
      }
      let at = best.argmax(1);
      const path = [at];
      for (const pointer of pointers.reverse()) {
        at = pointer.gather(1, at.unsqueeze(1)).squeeze(1);
        path.push(at);
      }
      return stack(path.reverse(), 1);
    }

    const train = s.compile((x: Tensor, path: Tensor, mask: Tensor) => {
      const emissions = emit.forward(x);
      const loss = logPartition(emissions, mask)
        .sub(pathScore(emissions, path, mask))
        .mean();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        const lengths = s.classes(i + 900, [batch], length - 1).add(2);
        const mask = arange(length).lt(lengths.unsqueeze(1));
        const x = s.values(i, [batch, length, inputs]);
        const path = s.classes(i + 500, [batch, length], tags);
        s.note('loss', train(x, path, mask).itemSync());
        const found = noGrad(() => viterbi(emit.forward(x)));
        s.note('right', found.eq(path).logicalAnd(mask).sum().itemSync());
      },
      finish() {
        s.noteParameters('emit', emit);
        s.note('transitions', transitions.detach());
        s.note('begin', begin.detach());
      },
    };
  },
};

const softDtw: Program = {
  name: 'soft-dtw',
  about:
    'soft dynamic time warping: a table of scalars filled by two loops; an average of series is learned through it',
  steps: { quick: 4, full: 20 },
  compiles: true,
  start(s) {
    const [length, other, features, gamma] = [s.pick(4, 14), s.pick(3, 16), 3, 0.5];
    const series = s.values(1, [other, features]);
    const average = s.values(2, [length, features]).requiresGrad_();
    const optimizer = new optim.SGD([average], { lr: 0.01 });

    function distance(x: Tensor, y: Tensor): Tensor {
      const cost = x.unsqueeze(1).sub(y.unsqueeze(0)).square().sum(2);
      const infinity = tensor(1e10);
      const table = Array.from({ length: length + 1 }, () => new Array<Tensor>(other + 1).fill(infinity));
      table[0][0] = tensor(0);
      for (let i = 1; i <= length; i++)
        for (let j = 1; j <= other; j++) {
          const before = stack([table[i - 1][j - 1], table[i - 1][j], table[i][j - 1]]);
          const least = before.div(-gamma).logsumexp(0).mul(-gamma);
          table[i][j] = cost.index(i - 1, j - 1).add(least);
        }
      return table[length][other];
    }

    const train = s.compile((noise: Tensor) => {
      const loss = distance(average, series.add(noise));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        s.note('loss', train(s.values(i + 10, [other, features], 0.1)).itemSync());
        if (average.grad !== null) s.note('gradient', average.grad);
      },
      finish: () => s.note('average', average.detach()),
    };
  },
};

class Dynamics extends nn.Module {
  readonly net: nn.Sequential;

  constructor(features: number, width: number) {
    super();
    this.net = new nn.Sequential(
      new nn.Linear(features + 1, width),
      new nn.Tanh(),
      new nn.Linear(width, width),
      new nn.Tanh(),
      new nn.Linear(width, features),
    );
  }

  override forward(t: Tensor, y: Tensor): Tensor {
    return this.net.forward(cat([y, t.expand([y.shape[0], 1])], 1));
  }
}

const neuralOde: Program = {
  name: 'neural-ode',
  about: 'steps of Runge and Kutta through a network, every point of the way in the loss',
  steps: { quick: 4, full: 20 },
  compiles: true,
  start(s) {
    const [batch, features, width, points] = [s.pick(3, 64), 4, s.pick(8, 64), s.pick(3, 20)];
    const dynamics = s.fill(new Dynamics(features, width));
    const optimizer = new optim.Adam(dynamics.parameters(), { lr: 1e-3 });

    function rungeKutta(t: Tensor, h: number, y: Tensor): Tensor {
      const k1 = dynamics.forward(t, y);
      const k2 = dynamics.forward(t.add(h / 2), y.add(k1.mul(h / 2)));
      const k3 = dynamics.forward(t.add(h / 2), y.add(k2.mul(h / 2)));
      const k4 = dynamics.forward(t.add(h), y.add(k3.mul(h)));
      return y.add(
        k1
          .add(k2.mul(2))
          .add(k3.mul(2))
          .add(k4)
          .mul(h / 6),
      );
    }

    const train = s.compile((start: Tensor, way: Tensor) => {
      const h = 1 / points;
      let y = start;
      const found: Tensor[] = [];
      for (let k = 0; k < points; k++) {
        y = rungeKutta(tensor(k * h), h, y);
        found.push(y);
      }
      const loss = F.l1Loss(stack(found), way);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        const start = s.values(i, [batch, features]);
        const times = arange(1, points + 1)
          .div(points)
          .view([points, 1, 1]);
        const way = start.mul(times.mul(-1).exp()).add(times.mul(3).sin());
        s.note('loss', train(start, way).itemSync());
      },
      finish: () => s.noteParameters('dynamics', dynamics),
    };
  },
};

export const sequences: readonly Program[] = [transformer, decoding, crf, softDtw, neuralOde];

/** Embeddings, clusters and mixtures. */
import {
  arange,
  cat,
  eye,
  functional as F,
  full,
  nn,
  noGrad,
  ones,
  optim,
  type Tensor,
  zerosLike,
} from 'hadal';
import type { Program } from '../program.js';

const contrastive: Program = {
  name: 'contrastive',
  about: 'two views of a batch in one matrix of similarities, whose diagonal is masked',
  steps: { quick: 5, full: 40 },
  compiles: true,
  start(s) {
    const [batch, inputs, width, features] = [s.pick(4, 128), s.pick(6, 256), s.pick(16, 512), s.pick(4, 64)];
    const net = s.fill(
      new nn.Sequential(
        new nn.Linear(inputs, width),
        new nn.BatchNorm1d(width),
        new nn.Tanh(),
        new nn.Linear(width, features),
      ),
    );
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 1e-4 });
    const train = s.compile((x: Tensor, y: Tensor) => {
      const z = F.normalize(net.forward(cat([x, y])));
      const similarity = z.matmul(z.T).div(0.5);
      const masked = similarity.maskedFill(eye(2 * batch).bool(), Number.NEGATIVE_INFINITY);
      const partner = arange(2 * batch).roll(batch);
      const loss = F.crossEntropy(masked, partner);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        const x = s.values(i, [batch, inputs]);
        const y = x.add(s.values(i + 500, [batch, inputs], 0.3));
        s.note('loss', train(x, y).itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

const kMeans: Program = {
  name: 'k-means',
  about: "Lloyd's algorithm: the mean of the members of every cluster, picked by a mask, until nothing moves",
  steps: { quick: 4, full: 20 },
  start(s) {
    const [points, features, clusters] = [s.pick(30, 5000), s.pick(3, 16), s.pick(4, 32)];
    const x = s.values(1, [points, features]);
    const centers = x.index(s.classes(2, [clusters], points)).clone();
    return {
      step() {
        const distances = x.unsqueeze(1).sub(centers.unsqueeze(0)).square().sum(2);
        const { values, indices } = distances.min(1);
        // Written, since the centers that it was computed from are about to change.
        const cluster = indices.keep();
        const before = centers.clone();
        for (let k = 0; k < clusters; k++) {
          const members = x.index(cluster.eq(k));
          if (members.shape[0] > 0) centers.setIndex(members.mean(0), k);
        }
        s.note('inertia', values.sum().itemSync());
        s.note('moved', centers.sub(before).norm().itemSync());
      },
      finish: () => s.note('centers', centers),
    };
  },
};

const factorisation: Program = {
  name: 'matrix-factorisation',
  about: 'users and items as embeddings with biases, learned from ratings by SGD',
  steps: { quick: 5, full: 60 },
  compiles: true,
  start(s) {
    const [batch, users, items, features] = [
      s.pick(6, 4096),
      s.pick(7, 6000),
      s.pick(9, 4000),
      s.pick(4, 64),
    ];
    const ofUsers = s.fill(new nn.Embedding(users, features), 0);
    const ofItems = s.fill(new nn.Embedding(items, features), 10);
    const userBias = s.fill(new nn.Embedding(users, 1), 20);
    const itemBias = s.fill(new nn.Embedding(items, 1), 30);
    const all = [ofUsers, ofItems, userBias, itemBias];
    const optimizer = new optim.SGD(
      all.flatMap((e) => [...e.parameters()]),
      { lr: 1 },
    );
    const train = s.compile((user: Tensor, item: Tensor, rating: Tensor) => {
      const [p, q] = [ofUsers.forward(user), ofItems.forward(item)];
      const biases = userBias.forward(user).add(itemBias.forward(item)).squeeze(1);
      const predicted = p.mul(q).sum(1).add(biases);
      const error = F.mseLoss(predicted, rating);
      const penalty = p.square().sum(1).add(q.square().sum(1)).mean();
      const loss = error.add(penalty.mul(0.02));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return error;
    });
    return {
      step(i) {
        const user = s.classes(i, [batch], users);
        const item = s.classes(i + 500, [batch], items);
        s.note('error', train(user, item, s.values(i + 900, [batch], 2).add(3)).itemSync());
      },
      finish() {
        for (const [k, e] of all.entries()) s.noteParameters(`embedding${k}`, e);
      },
    };
  },
};

class Mixture extends nn.Module<[x: Tensor], [Tensor, Tensor]> {
  readonly router: nn.Linear;
  readonly experts: nn.ModuleList<nn.Sequential>;

  constructor(width: number, experts: number) {
    super();
    this.router = new nn.Linear(width, experts);
    this.experts = new nn.ModuleList(
      Array.from(
        { length: experts },
        () =>
          new nn.Sequential(new nn.Linear(width, 4 * width), new nn.GELU(), new nn.Linear(4 * width, width)),
      ),
    );
  }

  override forward(x: Tensor): [Tensor, Tensor] {
    const probabilities = this.router.forward(x).softmax(-1);
    const { values, indices } = probabilities.topk(2);
    const weights = values.div(values.sum(-1, { keepdim: true }));
    const y = zerosLike(x);
    for (const [e, expert] of [...this.experts].entries()) {
      const [rows, places] = indices.eq(e).nonzero().unbind(1);
      const out = expert.forward(x.index(rows)).mul(weights.index(rows, places, null));
      y.indexAdd_(0, rows, out);
    }
    const share = F.oneHot(indices, this.experts.length).float().sum(1).mean(0);
    return [y, share.mul(probabilities.mean(0)).sum().mul(this.experts.length)];
  }
}

const mixture: Program = {
  name: 'mixture-of-experts',
  about:
    'every token goes to two experts: rows are gathered, computed and added back, in numbers that change',
  steps: { quick: 4, full: 40 },
  start(s) {
    const [tokens, width, experts] = [s.pick(6, 256), s.pick(4, 128), s.pick(3, 8)];
    const net = s.fill(new Mixture(width, experts));
    const head = s.fill(new nn.Linear(width, 10), 100);
    const optimizer = new optim.Adam([...net.parameters(), ...head.parameters()], { lr: 1e-3 });
    return {
      step(i) {
        const x = s.values(i, [tokens, width], 2);
        const [y, balance] = net.forward(x);
        const loss = F.crossEntropy(head.forward(x.add(y)), s.classes(i + 500, [tokens], 10)).add(
          balance.mul(0.01),
        );
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('loss', loss.itemSync());
        s.note('balance', balance.itemSync());
      },
      finish() {
        s.noteParameters('net', net);
        s.noteParameters('head', head);
      },
    };
  },
};

const gaussians: Program = {
  name: 'gaussian-mixture',
  about: 'expectation and maximisation with diagonal covariances',
  steps: { quick: 4, full: 30 },
  compiles: true,
  start(s) {
    const [points, features, parts] = [s.pick(20, 4000), s.pick(3, 16), s.pick(3, 16)];
    const x = s.values(1, [points, features]).add(s.classes(2, [points, 1], 3));
    let means = x.index(s.classes(3, [parts], points));
    let variances = ones([parts, features]);
    let weights = full([parts], 1 / parts);
    const improve = s.compile((means: Tensor, variances: Tensor, weights: Tensor) => {
      const distances = x.index(':', null).sub(means).square().div(variances).sum(-1);
      const norms = variances
        .log()
        .sum(-1)
        .add(features * Math.log(2 * Math.PI));
      const joint = weights.log().sub(distances.add(norms).mul(0.5));
      const evidence = joint.logsumexp(1, { keepdim: true });
      const shares = joint.sub(evidence).exp();
      const count = shares.sum(0);
      const centers = shares.T.matmul(x).div(count.unsqueeze(1));
      const squares = shares.T.matmul(x.square()).div(count.unsqueeze(1));
      return [evidence.mean(), centers, squares.sub(centers.square()).add(1e-3), count.div(points)] as const;
    });
    return {
      step() {
        const [evidence, ...next] = noGrad(() => improve(means, variances, weights));
        [means, variances, weights] = next;
        s.note('evidence', evidence.itemSync());
      },
      finish() {
        s.note('means', means);
        s.note('variances', variances);
        s.note('weights', weights);
      },
    };
  },
};

export const estimation: readonly Program[] = [contrastive, kMeans, factorisation, mixture, gaussians];

/** Training loops that do more than one backward pass and one step. */
import { functional as F, nn, noGrad, optim, slice, type Tensor, zerosLike } from 'hadal';
import { mlp } from '../nets.js';
import type { Program } from '../program.js';

const tanh = () => new nn.Tanh();

const accumulation: Program = {
  name: 'optimisation-accumulation',
  about: 'gradients of several micro-batches add up before a step',
  steps: { quick: 4, full: 24 },
  compiles: true,
  start(s) {
    const [batch, side, width, parts] = [s.pick(2, 16), s.pick(6, 24), s.pick(4, 32), s.pick(3, 4)];
    const net = s.fill(
      new nn.Sequential(
        new nn.Conv2d(3, width, 3, { padding: 1 }),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Conv2d(width, width, 3, { padding: 1 }),
        new nn.ReLU(),
        new nn.AdaptiveAvgPool2d(1),
        new nn.Flatten(),
        new nn.Linear(width, 5),
      ),
    );
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 1e-4 });
    const accumulate = s.compile((x: Tensor, y: Tensor) => {
      const loss = F.crossEntropy(net.forward(x), y).div(parts);
      loss.backward();
      return loss;
    });
    return {
      step(i) {
        optimizer.zeroGrad();
        let total = 0;
        for (let m = 0; m < parts; m++) {
          const x = s.values(parts * i + m, [batch, 3, side, side]);
          const y = s.classes(parts * i + m + 5000, [batch], 5);
          total += Number(accumulate(x, y).itemSync());
        }
        optimizer.step();
        s.note('loss', total);
      },
      finish() {
        s.noteParameters('net', net);
        for (const p of net.parameters()) s.note('gradient', p.grad ?? 0);
      },
    };
  },
};

class Block extends nn.Module {
  readonly norm1: nn.LayerNorm;
  readonly qkv: nn.Linear;
  readonly proj: nn.Linear;
  readonly norm2: nn.LayerNorm;
  readonly up: nn.Linear;
  readonly down: nn.Linear;
  readonly heads: number;

  constructor(width: number, heads: number) {
    super();
    this.norm1 = new nn.LayerNorm(width);
    this.qkv = new nn.Linear(width, 3 * width);
    this.proj = new nn.Linear(width, width);
    this.norm2 = new nn.LayerNorm(width);
    this.up = new nn.Linear(width, 4 * width);
    this.down = new nn.Linear(4 * width, width);
    this.heads = heads;
  }

  override forward(x: Tensor): Tensor {
    const [n, t, d] = x.shape;
    const qkv = this.qkv.forward(this.norm1.forward(x)).view([n, t, 3, this.heads, d / this.heads]);
    const [q, k, v] = qkv.permute([2, 0, 3, 1, 4]).unbind(0);
    const looked = F.scaledDotProductAttention(q, k, v, { isCausal: true });
    const h = x.add(this.proj.forward(looked.transpose(1, 2).reshape([n, t, d])));
    return h.add(this.down.forward(F.gelu(this.up.forward(this.norm2.forward(h)))));
  }
}

const clipNorm: Program = {
  name: 'optimisation-clip-norm',
  about: 'gradients cut by their norm, and the norm kept for the log',
  steps: { quick: 5, full: 30 },
  compiles: true,
  start(s) {
    const [batch, length, width] = [s.pick(2, 8), s.pick(4, 64), s.pick(8, 128)];
    const net = s.fill(
      new nn.Sequential(new Block(width, 4), new Block(width, 4), new nn.Linear(width, width)),
    );
    const optimizer = new optim.AdamW(net.parameters(), { lr: 1e-3 });
    const train = s.compile((x: Tensor, y: Tensor) => {
      const loss = F.mseLoss(net.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      const norm = nn.utils.clipGradNorm_(net.parameters(), 0.5);
      optimizer.step();
      return { loss, norm };
    });
    return {
      step(i) {
        const { loss, norm } = train(
          s.values(i, [batch, length, width]),
          s.values(i + 500, [batch, length, width]),
        );
        s.note('loss', loss.itemSync());
        s.note('norm', norm.itemSync());
      },
      finish() {
        s.noteParameters('net', net);
        for (const p of net.parameters()) s.note('gradient', p.grad ?? 0);
      },
    };
  },
};

class Lengths extends nn.Module {
  readonly first: nn.Linear;
  readonly out: nn.Linear;

  constructor(inputs: number, width: number) {
    super();
    this.first = new nn.Linear(inputs, width, { bias: false });
    this.out = new nn.Linear(width, 1);
  }

  /** The root has no finite gradient where a row is nothing but zeros. */
  override forward(x: Tensor): Tensor {
    const h = this.first.forward(x);
    return this.out.forward(h.tanh()).squeeze(1).add(h.square().sum(1).sqrt());
  }
}

const skipped: Program = {
  name: 'optimisation-skipped-steps',
  about: 'a step is skipped where the loss or a gradient is not finite, and training goes on',
  steps: { quick: 8, full: 40 },
  start(s) {
    const [batch, inputs, width] = [s.pick(4, 256), s.pick(6, 128), s.pick(8, 512)];
    const net = s.fill(new Lengths(inputs, width));
    const optimizer = new optim.Adam(net.parameters(), { lr: 1e-3 });
    return {
      step(i) {
        const x = s.values(i, [batch, inputs]);
        if (i % 4 === 1) x.setIndex(Infinity, 0, 0);
        if (i % 4 === 3) x.index(slice(1, 3)).zero_();
        const loss = F.mseLoss(net.forward(x), s.values(i + 500, [batch]));
        s.note('loss', loss.itemSync());
        if (!Number.isFinite(loss.itemSync())) {
          s.note('skipped', 1);
          return;
        }
        optimizer.zeroGrad();
        loss.backward();
        const finite = [...net.parameters()].every((p) => p.grad?.isfinite().all().itemSync());
        s.note('skipped', finite ? 0 : 2);
        if (finite) optimizer.step();
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

const groups: Program = {
  name: 'optimisation-groups',
  about: 'groups of parameters with rates and decays of their own, and a schedule that sets them by hand',
  steps: { quick: 6, full: 40 },
  compiles: true,
  start(s) {
    const [batch, inputs, width] = [s.pick(4, 128), s.pick(6, 128), s.pick(8, 512)];
    const body = new nn.Sequential(
      new nn.Linear(inputs, width),
      new nn.LayerNorm(width),
      new nn.GELU(),
      new nn.Linear(width, width),
      new nn.LayerNorm(width),
      new nn.GELU(),
    );
    const head = new nn.Linear(width, 10);
    const net = s.fill(new nn.Sequential(body, head));
    const ofBody = [...body.parameters()];
    const optimizer = new optim.AdamW([
      { params: ofBody.filter((p) => p.ndim > 1), lr: 1e-3, weightDecay: 0.1 },
      { params: ofBody.filter((p) => p.ndim < 2), lr: 1e-3, weightDecay: 0 },
      { params: head.parameters(), lr: 3e-3, weightDecay: 0.01, betas: [0.8, 0.99] },
    ]);
    const bases = optimizer.paramGroups.map((group) => group.lr);
    const train = s.compile((x: Tensor, y: Tensor) => {
      const loss = F.crossEntropy(net.forward(x), y, { labelSmoothing: 0.1 });
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    const [warm, last] = [s.pick(2, 10), s.pick(6, 40)];
    return {
      step(i) {
        const factor =
          i < warm ? (i + 1) / warm : 0.5 * (1 + Math.cos((Math.PI * (i - warm)) / (last - warm)));
        optimizer.paramGroups.forEach((group, g) => {
          group.lr = bases[g] * factor;
          if (g === 0) group.weightDecay = 0.1 * factor;
        });
        s.note('loss', train(s.values(i, [batch, inputs]), s.classes(i + 500, [batch], 10)).itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

const stochasticAveraging: Program = {
  name: 'optimisation-stochastic-averaging',
  about: 'weights of late steps are averaged, put in for an evaluation, and set back',
  steps: { quick: 6, full: 40 },
  start(s) {
    const [batch, inputs, width] = [s.pick(4, 128), s.pick(6, 128), s.pick(8, 512)];
    const net = s.fill(mlp([inputs, width, width, 10], tanh));
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 });
    const [x, y] = [s.values(900, [batch, inputs]), s.classes(901, [batch], 10)];
    const averages = new Map<string, Tensor>();
    let averaged = 0;
    return {
      step(i) {
        optimizer.lr = 0.05 + 0.05 * Math.cos((Math.PI * (i % 4)) / 4);
        const loss = F.crossEntropy(
          net.forward(s.values(i, [batch, inputs])),
          s.classes(i + 500, [batch], 10),
        );
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('loss', loss.itemSync());
        if (i < 2) return;
        averaged++;
        for (const [name, value] of net.stateDict()) {
          const average = averages.get(name);
          if (average === undefined) averages.set(name, value.clone());
          else average.add_(value.sub(average).div(averaged));
        }
        const own = new Map([...net.stateDict()].map(([name, value]) => [name, value.clone()]));
        net.loadStateDict(averages);
        noGrad(() => s.note('average', F.crossEntropy(net.forward(x), y).itemSync()));
        net.loadStateDict(own);
      },
      finish() {
        s.noteParameters('net', net);
        for (const [name, average] of averages) s.note(`average ${name}`, average);
      },
    };
  },
};

/** You et al. 2020, version 3 without the correction of early averages. */
class Lamb {
  readonly #parameters: readonly Tensor[];
  readonly #means: readonly Tensor[];
  readonly #squares: readonly Tensor[];

  constructor(parameters: Iterable<Tensor>) {
    this.#parameters = [...parameters];
    this.#means = this.#parameters.map((p) => zerosLike(p));
    this.#squares = this.#parameters.map((p) => zerosLike(p));
  }

  zeroGrad(): void {
    for (const p of this.#parameters) p.grad = null;
  }

  step(lr: number): void {
    noGrad(() => {
      this.#parameters.forEach((p, j) => {
        if (p.grad === null) return;
        const mean = this.#means[j].mul_(0.9).add_(p.grad, { alpha: 0.1 });
        const square = this.#squares[j].mul_(0.999).addcmul_(p.grad, p.grad, { value: 0.001 });
        const update = mean.div(square.sqrt().add(1e-6)).add(p, { alpha: 0.01 });
        const trust = p.norm().clamp(0, 10).div(update.norm());
        p.sub_(trust.mul(lr).mul(update));
      });
    });
  }
}

const byHand: Program = {
  name: 'optimisation-by-hand',
  about: 'an optimizer of plain tensor operations, with norms of each parameter',
  steps: { quick: 5, full: 40 },
  compiles: true,
  start(s) {
    const [batch, inputs, width] = [s.pick(4, 128), s.pick(6, 128), s.pick(8, 512)];
    const net = s.fill(mlp([inputs, width, width, 10], tanh));
    const optimizer = new Lamb(net.parameters());
    const train = s.compile((x: Tensor, y: Tensor) => {
      const loss = F.crossEntropy(net.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step(0.002);
      return loss;
    });
    return {
      step(i) {
        s.note('loss', train(s.values(i, [batch, inputs]), s.classes(i + 500, [batch], 10)).itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

export const optimisation: readonly Program[] = [
  accumulation,
  clipNorm,
  skipped,
  groups,
  stochasticAveraging,
  byHand,
];

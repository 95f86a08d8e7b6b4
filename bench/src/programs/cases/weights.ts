/** Weights that are averaged, shared, frozen, normalised or cut beside their training. */
import { arange, functional as F, nn, noGrad, optim, type Tensor } from 'hadal';
import { mlp } from '../nets.js';
import type { Program } from '../program.js';

const movingAverage: Program = {
  name: 'weights-moving-average',
  about: 'an exponential moving average of the weights follows each step and is what is evaluated',
  steps: { quick: 5, full: 40 },
  compiles: true,
  start(s) {
    const [batch, inputs, width] = [s.pick(6, 128), s.pick(6, 128), s.pick(12, 512)];
    const make = (): nn.Sequential =>
      new nn.Sequential(
        new nn.Linear(inputs, width, { bias: false }),
        new nn.BatchNorm1d(width),
        new nn.ReLU(),
        new nn.Linear(width, width, { bias: false }),
        new nn.BatchNorm1d(width),
        new nn.ReLU(),
        new nn.Linear(width, 10),
      );
    const net = s.fill(make());
    const average = make().requiresGrad_(false).eval();
    average.loadStateDict(net.stateDict());
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
    const train = s.compile((x: Tensor, y: Tensor) => {
      const loss = F.crossEntropy(net.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      noGrad(() => {
        const [parameters, buffers] = [[...net.parameters()], [...net.buffers()]];
        [...average.parameters()].forEach((a, j) => {
          a.lerp_(parameters[j], 0.1);
        });
        [...average.buffers()].forEach((a, j) => {
          a.copy_(buffers[j]);
        });
      });
      return loss;
    });
    const evaluate = s.compile((x: Tensor, y: Tensor) => noGrad(() => F.crossEntropy(average.forward(x), y)));
    return {
      step(i) {
        const x = s.values(i, [batch, inputs]);
        const y = s.classes(i + 500, [batch], 10);
        s.note('loss', train(x, y).itemSync());
        s.note('average', evaluate(x, y).itemSync());
      },
      finish() {
        s.noteParameters('net', net);
        s.noteParameters('average', average);
        for (const b of average.buffers()) s.note('buffers', b);
      },
    };
  },
};

class Words extends nn.Module {
  readonly words: nn.Embedding;
  readonly context: nn.Linear;
  readonly norm: nn.LayerNorm;
  readonly out: nn.Linear;

  constructor(vocabulary: number, width: number) {
    super();
    this.words = new nn.Embedding(vocabulary, width);
    this.context = new nn.Linear(width, width);
    this.norm = new nn.LayerNorm(width);
    this.out = new nn.Linear(width, vocabulary, { bias: false });
    this.out.weight = this.words.weight;
  }

  override forward(tokens: Tensor): Tensor {
    const x = this.words.forward(tokens);
    const counts = arange(1, tokens.size(1) + 1).unsqueeze(1);
    const before = x.cumsum(1).div(counts);
    return this.out.forward(this.norm.forward(x.add(this.context.forward(before).tanh())));
  }
}

const tied: Program = {
  name: 'weights-tied-embedding',
  about: 'a language model whose output layer is its table of words',
  steps: { quick: 5, full: 30 },
  compiles: true,
  start(s) {
    const [batch, length] = [s.pick(2, 16), s.pick(5, 32)];
    const [vocabulary, width] = [s.pick(11, 2000), s.pick(8, 128)];
    const net = s.fill(new Words(vocabulary, width));
    const optimizer = new optim.AdamW(net.parameters(), { lr: 1e-3, weightDecay: 0.01 });
    const train = s.compile((tokens: Tensor, next: Tensor) => {
      const loss = F.crossEntropy(net.forward(tokens).view([-1, vocabulary]), next.view([-1]));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        const text = s.classes(i, [batch, length + 1], vocabulary);
        s.note(
          'loss',
          train(text.narrow(1, 0, length).contiguous(), text.narrow(1, 1, length).contiguous()).itemSync(),
        );
      },
      finish() {
        s.note('parameters', [...net.parameters()].length);
        s.note('tied', net.out.weight === net.words.weight);
        s.note('state', net.stateDict().size);
        s.note('gradient', net.out.weight.grad ?? 0);
        s.noteParameters('net', net);
      },
    };
  },
};

class Repeated extends nn.Module {
  readonly input: nn.Linear;
  readonly block: nn.Sequential;
  readonly again: nn.Sequential;
  readonly out: nn.Linear;

  constructor(inputs: number, width: number) {
    super();
    this.input = new nn.Linear(inputs, width);
    this.block = new nn.Sequential(
      new nn.LayerNorm(width),
      new nn.Linear(width, 2 * width),
      new nn.GELU(),
      new nn.Linear(2 * width, width),
    );
    this.again = this.block;
    this.out = new nn.Linear(width, inputs);
  }

  override forward(x: Tensor): Tensor {
    let h = this.input.forward(x);
    for (let i = 0; i < 4; i++) h = h.add(this.block.forward(h));
    return this.out.forward(this.again.forward(h).tanh());
  }
}

const shared: Program = {
  name: 'weights-shared-module',
  about: 'one module in two places of a network, and called five times',
  steps: { quick: 5, full: 40 },
  compiles: true,
  start(s) {
    const [batch, inputs, width] = [s.pick(4, 64), s.pick(6, 64), s.pick(10, 256)];
    const net = s.fill(new Repeated(inputs, width));
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9, nesterov: true });
    const train = s.compile((x: Tensor) => {
      const loss = F.mseLoss(net.forward(x), x);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        s.note('loss', train(s.values(i, [batch, inputs])).itemSync());
      },
      finish() {
        s.note('modules', [...net.modules()].length);
        s.note('parameters', [...net.parameters()].length);
        s.note('state', net.stateDict().size);
        s.noteParameters('net', net);
        for (const p of net.block.parameters()) s.note('gradient', p.grad ?? 0);
      },
    };
  },
};

const freezing: Program = {
  name: 'weights-freezing',
  about: 'layers are frozen and unfrozen while training; the optimizer has all parameters from the start',
  steps: { quick: 9, full: 36 },
  compiles: true,
  start(s) {
    const [batch, side, width] = [s.pick(3, 32), s.pick(6, 24), s.pick(4, 32)];
    const body = new nn.Sequential(
      new nn.Conv2d(3, width, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.Conv2d(width, 2 * width, 3, { padding: 1, stride: 2 }),
      new nn.ReLU(),
      new nn.AdaptiveAvgPool2d(1),
      new nn.Flatten(),
    );
    const head = new nn.Linear(2 * width, 5);
    const net = s.fill(new nn.Sequential(body, head));
    const optimizer = new optim.Adam(net.parameters(), { lr: 1e-3, weightDecay: 0.01 });
    const train = s.compile((x: Tensor, y: Tensor) => {
      optimizer.zeroGrad();
      const loss = F.crossEntropy(net.forward(x), y);
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        const part = i % 9;
        body.requiresGrad_(part >= 3);
        head.requiresGrad_(part < 6);
        s.note('loss', train(s.values(i, [batch, 3, side, side]), s.classes(i + 500, [batch], 5)).itemSync());
        s.note('gradients', [...net.parameters()].filter((p) => p.grad !== null).length);
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

class SpectralLinear extends nn.Module {
  readonly weight: nn.Parameter;
  readonly bias: nn.Parameter;
  readonly u: nn.Buffer;
  readonly v: nn.Buffer;

  constructor(weight: Tensor, bias: Tensor, u: Tensor, v: Tensor) {
    super();
    this.weight = new nn.Parameter(weight);
    this.bias = new nn.Parameter(bias);
    this.u = new nn.Buffer(u);
    this.v = new nn.Buffer(v);
  }

  override forward(x: Tensor): Tensor {
    if (this.training)
      noGrad(() => {
        this.v.copy_(F.normalize(this.weight.t().mv(this.u), { dim: 0 }));
        this.u.copy_(F.normalize(this.weight.mv(this.v), { dim: 0 }));
      });
    const sigma = this.u.clone().dot(this.weight.mv(this.v.clone()));
    return F.linear(x, this.weight.div(sigma), this.bias);
  }
}

const spectral: Program = {
  name: 'weights-spectral-norm',
  about:
    'weights divided by their spectral norm, by power iteration in buffers that each call updates in place',
  steps: { quick: 5, full: 40 },
  compiles: true,
  start(s) {
    const [batch, inputs, width] = [s.pick(4, 128), s.pick(6, 64), s.pick(12, 512)];
    const layer = (seed: number, from: number, to: number): SpectralLinear =>
      new SpectralLinear(
        s.values(seed, [to, from], 1 / Math.sqrt(from)),
        s.values(seed + 1, [to], 0.1),
        F.normalize(s.values(seed + 2, [to]), { dim: 0 }),
        F.normalize(s.values(seed + 3, [from]), { dim: 0 }),
      );
    const critic = new nn.Sequential(
      layer(10, inputs, width),
      new nn.Tanh(),
      layer(20, width, width),
      new nn.Tanh(),
      layer(30, width, 1),
    );
    const optimizer = new optim.SGD(critic.parameters(), { lr: 0.02, momentum: 0.5 });
    const train = s.compile((real: Tensor, fake: Tensor) => {
      const loss = F.softplus(critic.forward(real).neg().add(1))
        .mean()
        .add(F.softplus(critic.forward(fake).add(1)).mean());
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        s.note('loss', train(s.values(i, [batch, inputs]), s.values(i + 500, [batch, inputs])).itemSync());
      },
      finish() {
        s.noteParameters('critic', critic);
        for (const [name, b] of critic.namedBuffers()) s.note(name, b);
        critic.eval();
        s.note('score', critic.forward(s.values(7, [batch, inputs])));
      },
    };
  },
};

const clipping: Program = {
  name: 'weights-clipping',
  about:
    'a critic whose weights are cut to an interval in place after each of its steps, five to one of the generator',
  steps: { quick: 3, full: 30 },
  start(s) {
    const [batch, noise, width, features] = [s.pick(4, 64), 8, s.pick(10, 256), s.pick(6, 64)];
    const generator = s.fill(mlp([noise, width, width, features]), 0);
    const critic = s.fill(mlp([features, width, width, 1]), 100);
    const ofGenerator = new optim.RMSprop(generator.parameters(), { lr: 1e-4 });
    const ofCritic = new optim.RMSprop(critic.parameters(), { lr: 1e-4 });
    return {
      step(i) {
        for (let k = 0; k < 5; k++) {
          const z = s.values(10 * i + k, [batch, noise]);
          const fake = noGrad(() => generator.forward(z));
          const real = s.values(10 * i + k + 5000, [batch, features]);
          const loss = critic.forward(fake).mean().sub(critic.forward(real).mean());
          ofCritic.zeroGrad();
          loss.backward();
          ofCritic.step();
          noGrad(() => {
            for (const p of critic.parameters()) p.clamp_(-0.05, 0.05);
          });
          s.note('critic', loss.itemSync());
        }
        const loss = critic
          .forward(generator.forward(s.values(10 * i + 9, [batch, noise])))
          .mean()
          .neg();
        ofGenerator.zeroGrad();
        loss.backward();
        ofGenerator.step();
        s.note('generator', loss.itemSync());
      },
      finish() {
        s.noteParameters('generator', generator);
        s.noteParameters('critic', critic);
      },
    };
  },
};

export const weights: readonly Program[] = [movingAverage, tied, shared, freezing, spectral, clipping];

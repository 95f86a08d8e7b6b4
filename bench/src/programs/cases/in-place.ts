/** Tensors that are changed where they are, with gradients through the change. */
import {
  empty,
  functional as F,
  full,
  HadalError,
  nn,
  noGrad,
  ones,
  optim,
  slice,
  stack,
  type Tensor,
  tensor,
  zeros,
  zerosLike,
} from 'hadal';
import { mlp } from '../nets.js';
import type { Program } from '../program.js';

class MaskedAttention extends nn.Module {
  readonly heads: number;
  readonly embed: nn.Embedding;
  readonly qkv: nn.Linear;
  readonly out: nn.Linear;

  constructor(words: number, width: number, heads: number) {
    super();
    this.heads = heads;
    this.embed = new nn.Embedding(words, width);
    this.qkv = new nn.Linear(width, 3 * width);
    this.out = new nn.Linear(width, words);
  }

  override forward(tokens: Tensor, mask: Tensor): Tensor {
    const [b, t] = tokens.shape;
    const parts = this.qkv.forward(this.embed.forward(tokens)).view([b, t, 3, this.heads, -1]);
    const [q, k, v] = parts.permute([2, 0, 3, 1, 4]).unbind();
    const scores = q.matmul(k.transpose(-2, -1));
    scores.div_(Math.sqrt(q.shape[3]));
    scores.maskedFill_(mask, -Infinity);
    const y = scores.softmax(-1).matmul(v);
    return this.out.forward(y.transpose(1, 2).reshape([b, t, -1]));
  }
}

const masksInPlace: Program = {
  name: 'masks-in-place',
  about: 'masks built by assignments to slices, scores filled where they hold',
  steps: { quick: 5, full: 40 },
  start(s) {
    const [batch, length, width] = [s.pick(3, 16), s.pick(6, 64), s.pick(8, 128)];
    const [heads, words] = [s.pick(2, 4), s.pick(11, 500)];
    const net = s.fill(new MaskedAttention(words, width, heads));
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 });
    return {
      step(i) {
        const tokens = s.classes(i, [batch, length], words);
        const lengths = s.classes(i + 500, [batch], length - 2).add(2);
        const padded = zeros([batch, length], { dtype: 'bool' });
        for (let b = 0; b < batch; b++) padded.setIndex(true, b, slice(Number(lengths.index(b).itemSync())));
        const mask = ones([length, length], { dtype: 'bool' })
          .triu_(1)
          .logicalOr(padded.index(':', null, null));
        const target = tokens.roll(-1, 1);
        target.setIndex(-100, padded);
        target.setIndex(-100, ':', -1);
        const logits = net.forward(tokens, mask).flatten(0, 1);
        const loss = F.crossEntropy(logits, target.flatten(), { ignoreIndex: -100 });
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('loss', loss.itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

const viewsOfViews: Program = {
  name: 'views-of-views',
  about: 'slices, transposes and diagonals of a hidden value, each changed in place',
  steps: { quick: 4, full: 40 },
  start(s) {
    const [batch, channels, size] = [s.pick(2, 64), s.pick(4, 8), s.pick(6, 32)];
    const net = s.fill(new nn.ModuleList([new nn.Linear(size, size), new nn.Linear(size, 3)]));
    const gate = s.values(1, [channels / 2, 1, 1]).requiresGrad_();
    const shift = s.values(2, [size / 2]).requiresGrad_();
    const optimizer = new optim.SGD([...net.parameters(), gate, shift], { lr: 0.05 });
    return {
      step(i) {
        const x = s.values(i + 10, [batch, channels, size, size]);
        const h = net.at(0).forward(x);
        const left = h.index(':', slice(null, channels / 2));
        left.mul_(gate);
        left.index(':', ':', 0).zero_();
        const right = h.narrow(1, channels / 2, channels / 2);
        right
          .transpose(2, 3)
          .index('...', slice(null, null, 2))
          .add_(shift);
        const middle = h.index(':', ':', slice(1, -1), slice(1, -1));
        middle.sub_(middle.mean([2, 3], { keepdim: true }));
        middle.diagonal(0, 2, 3).fill_(0.5);
        h.clamp_({ min: -1 });
        h.view([-1])
          .index(slice(null, null, 7))
          .mul_(2);
        const loss = net.at(1).forward(h.mean(1)).square().mean().add(left.sin().mean());
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('loss', loss.itemSync());
        s.note('left', left.abs().sum().itemSync());
      },
      finish() {
        s.note('gate', gate.detach());
        if (gate.grad !== null) s.note('gate.grad', gate.grad);
        if (shift.grad !== null) s.note('shift.grad', shift.grad);
        s.noteParameters('net', net);
      },
    };
  },
};

class RunningNorm extends nn.Module {
  readonly weight: nn.Parameter;
  readonly bias: nn.Parameter;
  readonly mean: nn.Buffer;
  readonly var: nn.Buffer;
  readonly seen: nn.Buffer;

  constructor(features: number) {
    super();
    this.weight = new nn.Parameter(ones([features]));
    this.bias = new nn.Parameter(zeros([features]));
    this.mean = new nn.Buffer(zeros([features]));
    this.var = new nn.Buffer(ones([features]));
    this.seen = new nn.Buffer(tensor(0n));
  }

  override forward(x: Tensor): Tensor {
    let [mean, variance]: Tensor[] = [this.mean, this.var];
    if (this.training) {
      [mean, variance] = [x.mean(0), x.var(0, { correction: 0 })];
      noGrad(() => {
        this.seen.add_(1);
        this.mean.mul_(0.9).add_(mean.mul(0.1));
        this.var.lerp_(x.var(0), 0.1);
      });
    }
    return x.sub(mean).div(variance.add(1e-5).sqrt()).mul(this.weight).add(this.bias);
  }
}

const runningStatistics: Program = {
  name: 'running-statistics',
  about: 'buffers that follow batches, a teacher that follows the weights, a centre that follows its answers',
  steps: { quick: 8, full: 60 },
  start(s) {
    const [batch, width] = [s.pick(6, 256), s.pick(8, 256)];
    const make = () =>
      new nn.Sequential(
        new nn.Linear(12, width),
        new RunningNorm(width),
        new nn.ReLU(),
        new nn.Linear(width, width),
        new RunningNorm(width),
        new nn.ReLU(),
        new nn.Linear(width, 6),
      );
    const net = s.fill(make());
    const teacher = make();
    teacher.loadStateDict(net.stateDict());
    const center = zeros([1, 6]);
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
    const train = s.compile((a: Tensor, b: Tensor) => {
      const target = noGrad(() => {
        const wanted = teacher.forward(b);
        const sharp = wanted.sub(center).div(0.5).softmax(-1);
        center.mul_(0.9).add_(wanted.mean(0, { keepdim: true }), { alpha: 0.1 });
        return sharp;
      });
      const loss = target
        .mul(F.logSoftmax(net.forward(a), -1))
        .sum(-1)
        .mean()
        .neg();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      noGrad(() => {
        const slow = [...teacher.parameters()];
        for (const [k, p] of [...net.parameters()].entries()) slow[k].mul_(0.95).add_(p.mul(0.05));
      });
      return loss;
    });
    return {
      step(i) {
        const x = s.values(i, [batch, 12]);
        s.note('loss', train(x, x.add(s.values(i + 500, [batch, 12], 0.1))).itemSync());
        if (i % 4 === 3) {
          net.eval();
          noGrad(() => s.note('evaluated', net.forward(x).square().mean().itemSync()));
          net.train();
        }
      },
      finish() {
        s.note('center', center);
        for (const [name, b] of net.namedBuffers()) s.note(name, b);
        s.noteParameters('net', net);
        s.noteParameters('teacher', teacher);
      },
    };
  },
  compiles: true,
};

const preallocatedResults: Program = {
  name: 'preallocated-results',
  about: 'a recurrent cell by hand, each state written into its place of one tensor',
  steps: { quick: 5, full: 40 },
  start(s) {
    const [batch, length, width] = [s.pick(3, 32), s.pick(5, 32), s.pick(8, 128)];
    const cell = s.fill(new nn.GRUCell(8, width));
    const head = s.fill(new nn.Linear(width, 4), 40);
    const optimizer = new optim.Adam([...cell.parameters(), ...head.parameters()], { lr: 1e-3 });
    const train = s.compile((xs: Tensor, target: Tensor) => {
      const outputs = zeros([batch, length, width]);
      let h = zeros([batch, width]);
      for (let t = 0; t < length; t++) {
        h = cell.forward(xs.index(':', t), h);
        outputs.setIndex(h, ':', t);
      }
      const energy = empty([length]);
      for (let t = 0; t < length; t++) energy.setIndex(outputs.index(':', t).square().mean(), t);
      const loss = F.mseLoss(head.forward(outputs), target).add(energy.max().mul(0.01));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        const loss = train(s.values(i, [batch, length, 8]), s.values(i + 500, [batch, length, 4]));
        s.note('loss', loss.itemSync());
      },
      finish() {
        for (const p of [...cell.parameters(), ...head.parameters()]) s.note('weights', p.detach());
      },
    };
  },
  compiles: true,
};

const waveInversion: Program = {
  name: 'wave-inversion',
  about: 'a wave equation in slices of a grid, boundaries and sources assigned, its speed learned',
  steps: { quick: 4, full: 20 },
  start(s) {
    const [size, steps] = [s.pick(8, 96), s.pick(6, 60)];
    const real = s.values(1, [size, size]).abs().mul(0.05).add(0.1);
    const guess = full([size, size], 0.12).requiresGrad_();
    const optimizer = new optim.Adam([guess], { lr: 1e-3 });
    const [inner, lower, upper] = [slice(1, -1), slice(null, -2), slice(2)];

    function simulate(c: Tensor, source: number): Tensor {
      let [before, now] = [zeros([size, size]), zeros([size, size])];
      const received = zeros([steps, size]);
      for (let t = 0; t < steps; t++) {
        const after = now.mul(2).sub(before);
        const around = now
          .index(lower, inner)
          .add(now.index(upper, inner))
          .add(now.index(inner, lower))
          .add(now.index(inner, upper));
        after.index(inner, inner).add_(c.index(inner, inner).mul(around.sub(now.index(inner, inner).mul(4))));
        after.index(Math.floor(size / 2), source).add_(Math.sin(0.5 * t));
        after.setIndex(0, 0).setIndex(0, -1).setIndex(0, ':', 0).setIndex(0, ':', -1);
        received.setIndex(after.index(2), t);
        [before, now] = [now, after];
      }
      return received;
    }

    return {
      step(i) {
        const source = 1 + ((5 * i) % (size - 2));
        const measured = noGrad(() => simulate(real, source));
        const loss = F.mseLoss(simulate(guess, source), measured);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('loss', 1e6 * Number(loss.itemSync()));
      },
      finish: () => s.note('guess', guess.detach()),
    };
  },
};

class Block extends nn.Module {
  readonly first: nn.Conv2d;
  readonly norm: nn.BatchNorm2d;
  readonly second: nn.Conv2d;

  constructor(channels: number) {
    super();
    this.first = new nn.Conv2d(channels, channels, 3, { padding: 1 });
    this.norm = new nn.BatchNorm2d(channels);
    this.second = new nn.Conv2d(channels, channels, 3, { padding: 1 });
  }

  override forward(x: Tensor): Tensor {
    const y = this.second.forward(this.norm.forward(this.first.forward(x)).relu_());
    y.add_(x);
    return y.relu_();
  }
}

const residualInPlace: Program = {
  name: 'residual-in-place',
  about: 'residual blocks of convolutions that add and clip where the result lies',
  steps: { quick: 4, full: 30 },
  start(s) {
    const [batch, channels, size] = [s.pick(2, 16), s.pick(4, 32), s.pick(6, 24)];
    const net = s.fill(
      new nn.Sequential(
        new nn.Conv2d(3, channels, 3, { padding: 1 }),
        new Block(channels),
        new Block(channels),
        new nn.AdaptiveAvgPool2d(1),
        new nn.Flatten(),
        new nn.Linear(channels, 10),
      ),
    );
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.02, momentum: 0.9 });
    const train = s.compile((x: Tensor, target: Tensor) => {
      const loss = F.crossEntropy(net.forward(x), target);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        const loss = train(s.values(i, [batch, 3, size, size]), s.classes(i + 500, [batch], 10));
        s.note('loss', loss.itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
  compiles: true,
};

const refusedInPlace: Program = {
  name: 'refused-in-place',
  about: 'changes in place that PyTorch refuses, at once or on the way back, and such that only look like it',
  steps: { quick: 2, full: 20 },
  start(s) {
    const [batch, width] = [s.pick(3, 64), s.pick(4, 64)];
    const x = s.values(1, [batch, width]);
    const w = s.values(2, [width, width]).requiresGrad_();
    const tries: Record<string, () => Tensor> = {
      leaf: () => w.add_(1),
      view_of_leaf: () => w.index(0).zero_(),
      saved_result: () => x.matmul(w).exp().add_(1),
      saved_operand() {
        const y = x.matmul(w);
        const z = y.sin();
        y.mul_(2);
        return z;
      },
      saved_by_relu() {
        const y = x.matmul(w).relu();
        const z = y.square();
        y.add_(1);
        return z;
      },
      result_of_relu: () => x.matmul(w).relu().sub_(1),
      // This and the last one PyTorch refuses, though their gradients can be had: its twin writes them without the underscore.
      sigmoid_twice: () => x.matmul(w).sigmoid_().mul_(2),
      read_through_view() {
        const states = zeros([4, width]);
        states.setIndex(x.index(0), 0);
        for (let t = 0; t < 3; t++) states.setIndex(states.index(t).matmul(w).tanh(), t + 1);
        return states;
      },
      weight_between() {
        const hidden = x.matmul(w).square().sum().mul(1e-9).detach();
        noGrad(() => w.sub_(hidden));
        return x.matmul(w).tanh();
      },
      weight_before_backward() {
        const y = x.matmul(w).tanh().matmul(w);
        noGrad(() => w.mul_(1));
        return y;
      },
      expanded: () => x.matmul(w).index(slice(null, 1)).expand([batch, width]).add_(1),
      too_large: () => x.matmul(w).sum(0, { keepdim: true }).add_(x),
      float_into_int: () => zeros([width], { dtype: 'int64' }).add_(x.index(0)).float(),
      residual() {
        const y = x.matmul(w);
        const z = y.relu();
        z.add_(y);
        return z.relu_();
      },
      shifted_between() {
        const y = x.matmul(w);
        const z = y.add(1);
        y.mul_(3);
        return z.add(y);
      },
      masked() {
        const y = x.matmul(w).softmax(-1);
        return y.maskedFill_(y.lt(0.2), 0);
      },
    };
    return {
      step() {
        for (const [name, attempt] of Object.entries(tries)) {
          w.grad = null;
          try {
            attempt().sum().backward();
            s.note(name, w.grad === null ? Number.NaN : (w.grad as Tensor).abs().sum().itemSync());
          } catch (error) {
            if (!(error instanceof HadalError)) throw error;
            s.note(name, -1);
          }
        }
      },
    };
  },
};

const sharpnessAware: Program = {
  name: 'sharpness-aware',
  about: 'weights moved uphill and back around a second gradient; Adam written out',
  steps: { quick: 5, full: 60 },
  start(s) {
    const [batch, width] = [s.pick(4, 256), s.pick(8, 256)];
    const net = s.fill(mlp([20, width, width, 5], () => new nn.Tanh()));
    const parameters = [...net.parameters()];
    const first = parameters.map((p) => zerosLike(p));
    const second = parameters.map((p) => zerosLike(p));
    let taken = 0;
    const gradOf = (p: Tensor): Tensor => {
      if (p.grad === null) throw new Error('no gradient');
      return p.grad;
    };
    const train = s.compile((x: Tensor, target: Tensor) => {
      const loss = F.crossEntropy(net.forward(x), target);
      net.zeroGrad();
      loss.backward();
      const moves = noGrad(() => {
        const norm = stack(parameters.map((p) => gradOf(p).norm())).norm();
        const scale = norm.add(1e-12).reciprocal().mul(0.05);
        const moves = parameters.map((p) => gradOf(p).mul(scale));
        for (const [k, p] of parameters.entries()) p.add_(moves[k]);
        return moves;
      });
      net.zeroGrad();
      F.crossEntropy(net.forward(x), target).backward();
      noGrad(() => {
        for (const [k, p] of parameters.entries()) p.sub_(moves[k]);
      });
      return loss;
    });
    return {
      step(i) {
        const loss = train(s.values(i, [batch, 20]), s.classes(i + 500, [batch], 5));
        taken++;
        noGrad(() => {
          for (const [k, p] of parameters.entries()) {
            const [grad, m, v] = [gradOf(p), first[k], second[k]];
            grad.add_(p, { alpha: 1e-2 });
            m.mul_(0.9).add_(grad, { alpha: 0.1 });
            v.mul_(0.999).addcmul_(grad, grad, { value: 0.001 });
            const size = (1e-3 * Math.sqrt(1 - 0.999 ** taken)) / (1 - 0.9 ** taken);
            p.addcdiv_(m, v.sqrt().add_(1e-8), { value: -size });
          }
        });
        s.note('loss', loss.itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
  compiles: true,
};

export const inPlace: readonly Program[] = [
  masksInPlace,
  viewsOfViews,
  runningStatistics,
  preallocatedResults,
  waveInversion,
  residualInPlace,
  refusedInPlace,
  sharpnessAware,
];

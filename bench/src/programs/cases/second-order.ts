/** Derivatives of derivatives. */
import {
  autograd,
  cat,
  functional as F,
  nn,
  noGrad,
  optim,
  stack,
  type Tensor,
  tensor,
  zerosLike,
} from 'hadal';
import { mlp } from '../nets.js';
import type { Program } from '../program.js';

const tanh = () => new nn.Tanh();

/** The network above, of weights that are given. */
function curve([w1, b1, w2, b2, w3, b3]: readonly Tensor[], x: Tensor): Tensor {
  const h = F.linear(x, w1, b1).tanh();
  return F.linear(F.linear(h, w2, b2).tanh(), w3, b3);
}

const maml: Program = {
  name: 'second-order-maml',
  about: 'an inner loop of gradient steps on each task, differentiated through',
  steps: { quick: 4, full: 30 },
  compiles: true,
  start(s) {
    const [tasks, shots, width, inner] = [s.pick(2, 8), s.pick(4, 16), s.pick(6, 64), s.pick(2, 3)];
    const net = s.fill(mlp([1, width, width, 1], tanh));
    const optimizer = new optim.Adam(net.parameters(), { lr: 1e-3 });
    const train = s.compile((x: Tensor, y: Tensor, xs: Tensor, ys: Tensor) => {
      const losses: Tensor[] = [];
      for (let t = 0; t < tasks; t++) {
        let fast = new Map<string, Tensor>(net.namedParameters());
        for (let k = 0; k < inner; k++) {
          const loss = F.mseLoss(nn.functionalCall(net, fast, x.index(t)), y.index(t));
          const gradients = autograd.grad(loss, [...fast.values()], { createGraph: true });
          fast = new Map([...fast].map(([name, p], j) => [name, p.sub(gradients[j].mul(0.1))]));
        }
        losses.push(F.mseLoss(nn.functionalCall(net, fast, xs.index(t)), ys.index(t)));
      }
      const loss = stack(losses).mean();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        const height = s.values(i, [tasks, 1, 1]).add(2);
        const phase = s.values(i + 200, [tasks, 1, 1], 3);
        const x = s.values(i + 400, [tasks, shots, 1], 5);
        const xs = s.values(i + 600, [tasks, shots, 1], 5);
        const loss = train(x, x.add(phase).sin().mul(height), xs, xs.add(phase).sin().mul(height));
        s.note('loss', loss.itemSync());
      },
      finish() {
        s.noteParameters('net', net);
        for (const p of net.parameters()) s.note('gradient', p.grad ?? 0);
      },
    };
  },
};

const conjugateGradient: Program = {
  name: 'second-order-conjugate-gradient',
  about: 'Hessian-free steps: products of the Hessian with vectors, until conjugate gradients have settled',
  steps: { quick: 3, full: 20 },
  start(s) {
    const [batch, inputs, width] = [s.pick(6, 128), s.pick(4, 32), s.pick(5, 128)];
    const net = s.fill(mlp([inputs, width, width, 3], tanh));
    const parameters = [...net.parameters()];
    const flat = (list: readonly Tensor[]): Tensor => cat(list.map((t) => t.reshape([-1])));
    return {
      step(i) {
        const loss = F.crossEntropy(
          net.forward(s.values(i, [batch, inputs])),
          s.classes(i + 500, [batch], 3),
        );
        const gradient = flat(autograd.grad(loss, parameters, { createGraph: true }));
        const product = (v: Tensor): Tensor =>
          flat(autograd.grad(gradient.dot(v), parameters, { retainGraph: true })).add(v, { alpha: 2 });
        const b = gradient.detach();
        const x = zerosLike(b);
        const r = b.clone();
        const p = b.clone();
        let rr = Number(r.dot(r).itemSync());
        let taken = 0;
        for (const enough = 1e-4 * rr; rr > enough && taken < 10; taken++) {
          const ap = product(p);
          const alpha = rr / Number(p.dot(ap).itemSync());
          x.add_(p, { alpha });
          r.sub_(ap, { alpha });
          const next = Number(r.dot(r).itemSync());
          p.mul_(next / rr).add_(r);
          rr = next;
        }
        nn.utils.vectorToParameters(nn.utils.parametersToVector(parameters).sub(x), parameters);
        s.note('loss', loss.itemSync());
        s.note('taken', taken);
        s.note('direction', x);
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

/** Gauss-Jordan elimination without pivots, of a matrix that is positive definite. */
function solve(a: Tensor, b: Tensor): Tensor {
  const m = cat([a, b.unsqueeze(1)], 1);
  for (let k = 0; k < a.size(0); k++) {
    const row = m.index(k).div(m.index(k, k));
    m.sub_(m.index(':', k).outer(row));
    m.setIndex(row, k);
  }
  return m.index(':', -1);
}

const newton: Program = {
  name: 'second-order-newton',
  about: 'Newton steps of a logistic regression, the Hessian row by row from its gradient',
  steps: { quick: 3, full: 20 },
  start(s) {
    const [batch, inputs] = [s.pick(8, 512), s.pick(4, 48)];
    const w = s.values(1, [inputs], 0.1).requiresGrad_();
    return {
      step(i) {
        const x = s.values(i, [batch, inputs]);
        const y = s.classes(i + 500, [batch], 2).float();
        const loss = F.binaryCrossEntropyWithLogits(x.mv(w), y).add(w.square().sum().mul(0.05));
        const [gradient] = autograd.grad(loss, w, { createGraph: true });
        const hessian = stack(gradient.unbind().map((g) => autograd.grad(g, w, { retainGraph: true })[0]));
        noGrad(() => w.sub_(solve(hessian, gradient)));
        s.note('loss', loss.itemSync());
        s.note('hessian', hessian);
      },
      finish: () => s.note('w', w.detach()),
    };
  },
};

const gradientNorm: Program = {
  name: 'second-order-gradient-norm',
  about: "the norm of the loss's gradient for the weights is added to the loss",
  steps: { quick: 4, full: 40 },
  compiles: true,
  start(s) {
    const [batch, inputs, width] = [s.pick(4, 128), s.pick(6, 64), s.pick(8, 256)];
    const net = s.fill(mlp([inputs, width, width, 10], tanh));
    const parameters = [...net.parameters()];
    const optimizer = new optim.SGD(parameters, { lr: 0.05, momentum: 0.9 });
    const train = s.compile((x: Tensor, y: Tensor) => {
      const loss = F.crossEntropy(net.forward(x), y);
      const gradients = autograd.grad(loss, parameters, { createGraph: true });
      // It is read after the step, which overwrites what it was computed from.
      const norm = stack(gradients.map((g) => g.norm()))
        .norm()
        .keep();
      optimizer.zeroGrad();
      loss.add(norm.mul(0.1)).backward();
      optimizer.step();
      return [loss, norm];
    });
    return {
      step(i) {
        const [loss, norm] = train(s.values(i, [batch, inputs]), s.classes(i + 500, [batch], 10));
        s.note('loss', loss.itemSync());
        s.note('norm', norm.itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

const inputGradient: Program = {
  name: 'second-order-input-gradient',
  about: 'a convolutional classifier whose gradient for its images is kept small',
  steps: { quick: 4, full: 20 },
  compiles: true,
  start(s) {
    const [batch, side, width] = [s.pick(2, 16), s.pick(8, 24), s.pick(3, 32)];
    const net = s.fill(
      new nn.Sequential(
        new nn.Conv2d(3, width, 3, { padding: 1 }),
        new nn.Softplus(),
        new nn.Conv2d(width, 2 * width, 3, { padding: 1, stride: 2 }),
        new nn.GroupNorm(1, 2 * width),
        new nn.SiLU(),
        new nn.AvgPool2d(2),
        new nn.Flatten(),
        new nn.Linear((2 * width * side * side) / 16, 5),
      ),
    );
    const optimizer = new optim.Adam(net.parameters(), { lr: 1e-3 });
    const train = s.compile((x: Tensor, y: Tensor) => {
      const loss = F.crossEntropy(net.forward(x), y);
      const [gradient] = autograd.grad(loss, [x], { createGraph: true });
      const penalty = gradient.square().sum([1, 2, 3]).mean();
      optimizer.zeroGrad();
      loss.add(penalty.mul(10)).backward();
      optimizer.step();
      return { loss, penalty };
    });
    return {
      step(i) {
        const { loss, penalty } = train(
          s.values(i, [batch, 3, side, side]).requiresGrad_(),
          s.classes(i + 500, [batch], 5),
        );
        s.note('loss', loss.itemSync());
        s.note('penalty', penalty.itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

const learnedRates: Program = {
  name: 'second-order-learned-rates',
  about: 'learning rates learned by the gradient of what unrolled steps with them lead to',
  steps: { quick: 3, full: 20 },
  start(s) {
    const [batch, inputs, width, inner] = [s.pick(4, 64), s.pick(4, 32), s.pick(5, 128), s.pick(2, 4)];
    const net = s.fill(mlp([inputs, width, width, 3], tanh));
    const rates = [...net.parameters()].map(() => tensor(-2, { requiresGrad: true }));
    const optimizer = new optim.Adam(rates, { lr: 0.05 });
    return {
      step(i) {
        let weights: readonly Tensor[] = [...net.parameters()];
        for (let k = 0; k < inner; k++) {
          const x = s.values(10 * i + k, [batch, inputs]);
          const loss = F.crossEntropy(curve(weights, x), s.classes(10 * i + k + 5000, [batch], 3));
          const gradients = autograd.grad(loss, weights, { createGraph: true });
          weights = weights.map((p, j) => p.sub(rates[j].exp().mul(gradients[j])));
        }
        const x = s.values(10 * i + 9, [batch, inputs]);
        const loss = F.crossEntropy(curve(weights, x), s.classes(10 * i + 5009, [batch], 3));
        optimizer.zeroGrad();
        loss.backward(null, { inputs: rates });
        optimizer.step();
        noGrad(() => {
          [...net.parameters()].forEach((p, j) => {
            p.copy_(weights[j]);
          });
        });
        s.note('loss', loss.itemSync());
      },
      finish() {
        s.noteParameters('net', net);
        for (const rate of rates) s.note('rates', rate.detach());
      },
    };
  },
};

export const secondOrder: readonly Program[] = [
  maml,
  conjugateGradient,
  newton,
  gradientNorm,
  inputGradient,
  learnedRates,
];

/** Programs that reach into the tape: functions with gradients of their own, hooks, kept gradients, a hunt for NaN. */
import { AutogradError, autograd, functional as F, nn, noGrad, optim, type Tensor } from 'hadal';
import { mlp } from '../nets.js';
import type { Program } from '../program.js';

class Sign extends autograd.Function {
  static forward(ctx: autograd.Context, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.sign();
  }

  static backward(ctx: autograd.Context, grad: Tensor): Tensor {
    const [x] = ctx.savedTensors;
    return grad.mul(x.abs().le(1));
  }
}

class BinaryLinear extends nn.Linear {
  override forward(x: Tensor): Tensor {
    return F.linear(x, Sign.apply(this.weight), this.bias);
  }
}

const straightThrough: Program = {
  name: 'straight-through',
  about: 'weights of -1 and 1 whose gradient is passed straight through, as a custom function',
  steps: { quick: 5, full: 50 },
  start(s) {
    const [batch, inputs, width] = [s.pick(4, 128), s.pick(8, 256), s.pick(16, 512)];
    const net = s.fill(
      new nn.Sequential(new BinaryLinear(inputs, width), new nn.Tanh(), new BinaryLinear(width, 10)),
    );
    const optimizer = new optim.SGD(net.parameters(), { lr: 1e-4, momentum: 0.9 });
    const train = s.compile((x: Tensor, y: Tensor) => {
      const loss = F.crossEntropy(net.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        const loss = train(s.values(i, [batch, inputs]), s.classes(i + 500, [batch], 10));
        s.note('loss', loss.itemSync());
      },
      finish() {
        for (const [name, p] of net.namedParameters()) if (p.grad !== null) s.note(`${name}.grad`, p.grad);
        s.noteParameters('net', net);
      },
    };
  },
  compiles: true,
};

class Reverse extends autograd.Function {
  static forward(ctx: autograd.Context<{ strength: number }>, x: Tensor, strength: number): Tensor {
    ctx.strength = strength;
    return x.viewAs(x);
  }

  static backward(ctx: autograd.Context<{ strength: number }>, grad: Tensor): [Tensor, null] {
    return [grad.neg().mul(ctx.strength), null];
  }
}

const gradientReversal: Program = {
  name: 'gradient-reversal',
  about: 'features that tell classes apart and domains not: a gradient turned around, with growing strength',
  steps: { quick: 5, full: 50 },
  start(s) {
    const [batch, width] = [s.pick(4, 128), s.pick(8, 384)];
    const features = s.fill(
      new nn.Sequential(new nn.Linear(64, width), new nn.Tanh(), new nn.Linear(width, width), new nn.Tanh()),
    );
    const classes = s.fill(new nn.Linear(width, 10), 100);
    const domains = s.fill(
      mlp([width, width, 2], () => new nn.Tanh()),
      200,
    );
    const optimizer = new optim.SGD(
      [...features.parameters(), ...classes.parameters(), ...domains.parameters()],
      { lr: 0.02, momentum: 0.9 },
    );
    return {
      step(i) {
        const strength = 2 / (1 + Math.exp((-10 * i) / 50)) - 1;
        const hidden = features.forward(s.values(i, [batch, 64]));
        const ofClass = F.crossEntropy(classes.forward(hidden), s.classes(i + 500, [batch], 10));
        const reversed = Reverse.apply(hidden, strength);
        const ofDomain = F.crossEntropy(domains.forward(reversed), s.classes(i + 900, [batch], 2));
        optimizer.zeroGrad();
        ofClass.add(ofDomain).backward();
        optimizer.step();
        s.note('class', ofClass.itemSync());
        s.note('domain', ofDomain.itemSync());
      },
      finish() {
        s.noteParameters('features', features);
        s.noteParameters('domains', domains);
      },
    };
  },
};

const hookedGradients: Program = {
  name: 'hooked-gradients',
  about: 'hooks on hidden values cut their gradient off, hooks on parameters scale and mask theirs',
  steps: { quick: 5, full: 50 },
  start(s) {
    const [batch, width] = [s.pick(4, 128), s.pick(8, 384)];
    const first = s.fill(new nn.Linear(64, width));
    const second = s.fill(new nn.Linear(width, width), 10);
    const head = s.fill(new nn.Linear(width, 10), 20);
    const layers = new nn.ModuleList([first, second, head]);
    const optimizer = new optim.Adam(layers.parameters(), { lr: 1e-3 });
    first.weight.registerHook((grad) => grad.mul(0.1));
    const mask = s.values(77, [width, width]).gt(0).float();
    second.weight.registerHook((grad) => grad.mul(mask));
    const train = s.compile((x: Tensor, y: Tensor) => {
      const hidden = first.forward(x).tanh();
      hidden.registerHook((grad) => grad.clamp(-1e-4, 1e-4));
      const deeper = second.forward(hidden).tanh();
      deeper.registerHook((grad) => grad.div(grad.norm().add(1e-8)));
      const loss = F.crossEntropy(head.forward(deeper), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        s.note('loss', train(s.values(i, [batch, 64]), s.classes(i + 500, [batch], 10)).itemSync());
      },
      finish() {
        for (const p of layers.parameters()) if (p.grad !== null) s.note('grad', p.grad);
        s.noteParameters('layers', layers);
      },
    };
  },
  compiles: true,
};

const stepInBackward: Program = {
  name: 'step-in-backward',
  about: 'every parameter is updated and its gradient dropped as soon as it is there',
  steps: { quick: 5, full: 40 },
  start(s) {
    const [batch, width, depth] = [s.pick(4, 64), s.pick(8, 512), s.pick(3, 8)];
    const net = new nn.Sequential();
    for (let i = 0; i < depth; i++) net.push(new nn.Linear(width, width), new nn.Tanh());
    s.fill(net);
    for (const p of net.parameters())
      p.registerPostAccumulateGradHook((leaf) => {
        noGrad(() => {
          if (leaf.grad !== null) leaf.sub_(leaf.grad, { alpha: 0.1 });
        });
        leaf.grad = null;
      });
    return {
      step(i) {
        const loss = F.mseLoss(net.forward(s.values(i, [batch, width])), s.values(i + 500, [batch, width]));
        loss.backward();
        s.note('loss', loss.itemSync());
      },
      finish() {
        for (const p of net.parameters()) s.note('dropped', p.grad === null);
        s.noteParameters('net', net);
      },
    };
  },
};

const keptGradients: Program = {
  name: 'kept-gradients',
  about: 'retainGrad on the values between layers; their size is looked at after the step',
  steps: { quick: 5, full: 50 },
  start(s) {
    const [batch, width, depth] = [s.pick(4, 128), s.pick(8, 256), s.pick(3, 6)];
    const layers = s.fill(
      new nn.ModuleList(Array.from({ length: depth }, () => new nn.Linear(width, width))),
    );
    const optimizer = new optim.SGD(layers.parameters(), { lr: 0.5 });
    return {
      step(i) {
        const hidden: Tensor[] = [];
        let x = s.values(i, [batch, width]);
        for (const layer of layers) {
          x = layer.forward(x).tanh();
          x.retainGrad();
          hidden.push(x);
        }
        const loss = x.square().mean();
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        for (const h of hidden) {
          if (h.grad === null) throw new Error('a kept gradient is missing');
          s.note('size', h.grad.norm().itemSync());
          s.note('share', h.grad.abs().mean().div(h.detach().abs().mean()).itemSync());
        }
        s.note('loss', loss.itemSync());
      },
      finish: () => s.noteParameters('layers', layers),
    };
  },
};

const moduleHooks: Program = {
  name: 'module-backward-hooks',
  about:
    'hooks on modules see the gradients of their inputs and outputs, and make ReLUs pass positive ones only',
  steps: { quick: 4, full: 40 },
  start(s) {
    const [batch, width] = [s.pick(3, 64), s.pick(8, 384)];
    const net = s.fill(mlp([64, width, width, 10]));
    const seen: Tensor[] = [];
    for (const module of net) {
      if (module instanceof nn.ReLU)
        module.registerFullBackwardHook((_, [gradInput]) => [gradInput?.clamp({ min: 0 }) ?? null]);
      else
        module.registerFullBackwardHook((_, __, [gradOutput]) => {
          if (gradOutput) seen.push(gradOutput.norm());
        });
    }
    return {
      step(i) {
        const image = s.values(i, [batch, 64]).requiresGrad_();
        const score = net
          .forward(image)
          .gather(1, s.classes(i + 500, [batch, 1], 10))
          .sum();
        score.backward();
        if (image.grad === null) throw new Error('the image has no gradient');
        s.note('saliency', image.grad.abs());
        for (const size of seen.splice(0)) s.note('seen', size.itemSync());
      },
    };
  },
};

class Distances extends nn.Module {
  readonly embed: nn.Linear;
  readonly scale = new nn.Linear(1, 1);

  constructor(width: number) {
    super();
    this.embed = new nn.Linear(32, width);
  }

  override forward(a: Tensor, b: Tensor): Tensor {
    const between = this.embed
      .forward(a)
      .sub(this.embed.forward(b))
      .square()
      .sum(1, { keepdim: true })
      .sqrt();
    return this.scale.forward(between);
  }
}

const nanHunt: Program = {
  name: 'nan-hunt',
  about:
    'two equal points make the gradient of a distance NaN: found by hand, skipped, and named by detectAnomaly',
  steps: { quick: 6, full: 40 },
  start(s) {
    const [batch, width] = [s.pick(4, 256), s.pick(8, 256)];
    const net = s.fill(new Distances(width));
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.01 });
    return {
      step(i) {
        const a = s.values(i, [batch, 32]);
        const b = s.values(i + 500, [batch, 32]);
        if (i % 3 === 1) b.setIndex(a.index(0), 0);
        const wanted = s.values(i + 900, [batch, 1]);
        const loss = F.mseLoss(net.forward(a, b), wanted);
        optimizer.zeroGrad();
        loss.backward();
        const broken: string[] = [];
        for (const [name, p] of net.namedParameters())
          if (p.grad?.isnan().any().itemSync()) broken.push(name);
        s.note('loss', loss.itemSync());
        s.note('broken', broken.length);
        if (broken.length === 0) {
          optimizer.step();
          return;
        }
        let named = false;
        try {
          autograd.detectAnomaly(() => F.mseLoss(net.forward(a, b), wanted).backward());
        } catch (error) {
          if (!(error instanceof AutogradError)) throw error;
          named = error.message.includes('SqrtBackward');
        }
        s.note('named', named);
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

export const tape: readonly Program[] = [
  straightThrough,
  gradientReversal,
  hookedGradients,
  stepInBackward,
  keptGradients,
  moduleHooks,
  nanHunt,
];

/** Models that make data. */
import { cat, cumprod, functional as F, linspace, nn, noGrad, optim, type Tensor, tensor } from 'hadal';
import { mlp } from '../nets.js';
import type { Program } from '../program.js';

class VariationalAutoencoder extends nn.Module<[x: Tensor, eps: Tensor], [Tensor, Tensor, Tensor]> {
  readonly hidden: nn.Linear;
  readonly mean: nn.Linear;
  readonly logvar: nn.Linear;
  readonly back: nn.Linear;
  readonly out: nn.Linear;

  constructor(inputs: number, width: number, latent: number) {
    super();
    this.hidden = new nn.Linear(inputs, width);
    this.mean = new nn.Linear(width, latent);
    this.logvar = new nn.Linear(width, latent);
    this.back = new nn.Linear(latent, width);
    this.out = new nn.Linear(width, inputs);
  }

  override forward(x: Tensor, eps: Tensor): [Tensor, Tensor, Tensor] {
    const h = this.hidden.forward(x).tanh();
    const mean = this.mean.forward(h);
    const logvar = this.logvar.forward(h);
    const z = mean.add(eps.mul(logvar.mul(0.5).exp()));
    return [this.out.forward(this.back.forward(z).tanh()), mean, logvar];
  }
}

const vae: Program = {
  name: 'vae',
  about: 'a variational autoencoder: a reparameterised draw, a loss of two sums',
  steps: { quick: 5, full: 60 },
  compiles: true,
  start(s) {
    const [batch, inputs, width, latent] = [s.pick(4, 128), s.pick(12, 784), s.pick(16, 400), s.pick(3, 20)];
    const net = s.fill(new VariationalAutoencoder(inputs, width, latent));
    const optimizer = new optim.Adam(net.parameters(), { lr: 1e-3, eps: 1e-5 });
    const train = s.compile((x: Tensor, eps: Tensor) => {
      const [logits, mean, logvar] = net.forward(x, eps);
      const reconstruction = F.binaryCrossEntropyWithLogits(logits, x, { reduction: 'sum' });
      const divergence = logvar.add(1).sub(mean.square()).sub(logvar.exp()).sum().mul(-0.5);
      const loss = reconstruction.add(divergence).div(batch);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return [reconstruction, divergence] as const;
    });
    return {
      step(i) {
        const x = s.values(i, [batch, inputs]).abs();
        const [reconstruction, divergence] = train(x, s.values(i + 500, [batch, latent], 2));
        s.note('reconstruction', reconstruction.itemSync());
        s.note('divergence', divergence.itemSync());
      },
      finish: () => s.noteParameters('net', net),
    };
  },
};

/** Sines and cosines of a time, as of positions in a transformer. */
function timeEmbedding(t: Tensor, width: number): Tensor {
  const frequencies = linspace(0, -9, width / 2).exp();
  const angles = t.index(':', null).mul(frequencies);
  return cat([angles.sin(), angles.cos()], 1);
}

class Denoiser extends nn.Module {
  readonly width: number;
  readonly time: nn.Linear;
  readonly first: nn.Conv2d;
  readonly norm: nn.GroupNorm;
  readonly middle: nn.Conv2d;
  readonly last: nn.Conv2d;

  constructor(width: number) {
    super();
    this.width = width;
    this.time = new nn.Linear(width, width);
    this.first = new nn.Conv2d(3, width, 3, { padding: 1 });
    this.norm = new nn.GroupNorm(4, width);
    this.middle = new nn.Conv2d(width, width, 3, { padding: 1 });
    this.last = new nn.Conv2d(width, 3, 3, { padding: 1 });
  }

  override forward(x: Tensor, t: Tensor): Tensor {
    const time = this.time.forward(timeEmbedding(t, this.width));
    const h = this.first.forward(x).add(time.index(':', ':', null, null));
    const deeper = this.middle.forward(F.silu(this.norm.forward(h)));
    return this.last.forward(F.silu(h.add(deeper)));
  }
}

const diffusion: Program = {
  name: 'diffusion',
  about: 'denoising at random times of a noise schedule, and a running average of the weights',
  steps: { quick: 4, full: 30 },
  compiles: true,
  start(s) {
    const [batch, size, width, times] = [s.pick(2, 16), s.pick(6, 32), s.pick(8, 32), 100];
    const net = s.fill(new Denoiser(width));
    const average = s.fill(new Denoiser(width));
    const optimizer = new optim.AdamW(net.parameters(), { lr: 1e-3 });
    const betas = linspace(1e-4, 0.02, times);
    const remaining = cumprod(betas.neg().add(1), 0);
    const train = s.compile((x: Tensor, t: Tensor, noise: Tensor) => {
      const a = remaining.index(t, null, null, null);
      const noisy = a.sqrt().mul(x).add(a.neg().add(1).sqrt().mul(noise));
      const loss = F.mseLoss(net.forward(noisy, t), noise);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      noGrad(() => {
        const weights = [...net.parameters()];
        [...average.parameters()].forEach((p, k) => p.lerp_(weights[k], 0.01));
      });
      return loss;
    });
    return {
      step(i) {
        const shape = [batch, 3, size, size];
        const loss = train(
          s.values(i, shape),
          s.classes(i + 100, [batch], times),
          s.values(i + 500, shape, 2),
        );
        s.note('loss', loss.itemSync());
      },
      finish() {
        // Backwards from noise, a few steps, with the averaged weights.
        let x = s.values(7, [1, 3, size, size], 2);
        noGrad(() => {
          for (let t = times - 1; t >= times - 3; t--) {
            const beta = betas.index(t);
            const predicted = average.forward(x, tensor([t]));
            const scaled = beta.div(remaining.index(t).neg().add(1).sqrt());
            x = x.sub(scaled.mul(predicted)).div(beta.neg().add(1).sqrt());
          }
        });
        s.note('sample', x);
        s.noteParameters('net', net);
        s.noteParameters('average', average);
      },
    };
  },
};

class Coupling extends nn.Module<[x: Tensor], [Tensor, Tensor]> {
  readonly net: nn.Sequential;

  constructor(features: number, width: number) {
    super();
    this.net = mlp([features / 2, width, width, features], () => new nn.Tanh());
  }

  override forward(x: Tensor): [Tensor, Tensor] {
    const [a, b] = x.chunk(2, 1);
    const [scale, shift] = this.net.forward(a).chunk(2, 1);
    const bounded = scale.tanh();
    return [cat([a, b.mul(bounded.exp()).add(shift)], 1).flip(1), bounded.sum(1)];
  }

  inverse(y: Tensor): Tensor {
    const [a, b] = y.flip(1).chunk(2, 1);
    const [scale, shift] = this.net.forward(a).chunk(2, 1);
    return cat([a, b.sub(shift).mul(scale.tanh().neg().exp())], 1);
  }
}

const flow: Program = {
  name: 'normalizing-flow',
  about: 'affine couplings, trained by maximum likelihood and run backwards',
  steps: { quick: 5, full: 60 },
  compiles: true,
  start(s) {
    const [batch, features, width, depth] = [s.pick(4, 512), s.pick(6, 32), s.pick(8, 128), s.pick(2, 6)];
    const couplings = Array.from({ length: depth }, () => new Coupling(features, width));
    const layers = s.fill(new nn.ModuleList(couplings));
    const optimizer = new optim.Adam(layers.parameters(), { lr: 1e-3 });
    const train = s.compile((x: Tensor) => {
      let z = x;
      let logDet: Tensor | number = 0;
      for (const layer of layers) {
        const [next, change] = layer.forward(z);
        z = next;
        logDet = change.add(logDet);
      }
      const logProbability = z
        .square()
        .add(Math.log(2 * Math.PI))
        .sum(1)
        .mul(-0.5);
      const loss = logProbability.add(logDet).mean().neg();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    });
    return {
      step(i) {
        const x = s.values(i, [batch, features]);
        s.note('loss', train(x.add(x.square().flip(1))).itemSync());
      },
      finish() {
        let x = s.values(9, [4, features], 2);
        noGrad(() => {
          for (const layer of couplings.reverse()) x = layer.inverse(x);
        });
        s.note('sample', x);
        s.noteParameters('layers', layers);
      },
    };
  },
};

/** Features after each convolution of a fixed network. */
class Extractor extends nn.Module<[x: Tensor], Tensor[]> {
  readonly convolutions: nn.ModuleList<nn.Conv2d>;

  constructor(widths: readonly number[]) {
    super();
    this.convolutions = new nn.ModuleList(
      widths.slice(1).map((width, k) => new nn.Conv2d(widths[k], width, 3, { padding: 1 })),
    );
  }

  override forward(x: Tensor): Tensor[] {
    const features: Tensor[] = [];
    let h = x;
    for (const [k, convolution] of [...this.convolutions].entries()) {
      if (k > 0) h = F.avgPool2d(h, 2);
      h = convolution.forward(h).relu();
      features.push(h);
    }
    return features;
  }
}

function gram(features: Tensor): Tensor {
  const [batch, channels, height, width] = features.shape;
  const flat = features.view([batch, channels, height * width]);
  return flat.bmm(flat.transpose(1, 2)).div(channels * height * width);
}

const styleTransfer: Program = {
  name: 'style-transfer',
  about: 'an image is optimised so that the Gram matrices of its features become those of another',
  steps: { quick: 4, full: 20 },
  compiles: true,
  start(s) {
    const widths = s.pick([3, 4, 8], [3, 32, 64, 128]);
    const size = s.pick(8, 96);
    const net = s.fill(new Extractor(widths)).requiresGrad_(false);
    const content = net.forward(s.values(1, [1, 3, size, size])).map((f) => f.detach());
    const styles = net.forward(s.values(2, [1, 3, size, size])).map((f) => gram(f).detach());
    const image = s.values(1, [1, 3, size, size]).requiresGrad_();
    const optimizer = new optim.Adam([image], { lr: 0.02 });
    const optimise = s.compile(() => {
      const features = net.forward(image);
      const ofContent = F.mseLoss(features[features.length - 1], content[content.length - 1]);
      const ofStyle = features.map((f, k) => F.mseLoss(gram(f), styles[k])).reduce((a, b) => a.add(b));
      const loss = ofContent.add(ofStyle.mul(1000));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      noGrad(() => image.clamp_(-1, 1));
      return loss;
    });
    return {
      step() {
        s.note('loss', optimise().itemSync());
      },
      finish() {
        s.note('gradient', image.grad ?? s.values(0, [0]));
        s.note('image', image.detach());
      },
    };
  },
};

const convAutoencoder: Program = {
  name: 'conv-autoencoder',
  about: 'strided and transposed convolutions with batch norm; running statistics are used in the end',
  steps: { quick: 4, full: 20 },
  start(s) {
    const [batch, size, width] = [s.pick(2, 16), s.pick(8, 32), s.pick(4, 32)];
    const net = s.fill(
      new nn.Sequential(
        new nn.Conv2d(3, width, 3, { stride: 2, padding: 1 }),
        new nn.BatchNorm2d(width),
        new nn.ReLU(),
        new nn.Conv2d(width, 2 * width, 3, { stride: 2, padding: 1 }),
        new nn.BatchNorm2d(2 * width),
        new nn.ReLU(),
        new nn.ConvTranspose2d(2 * width, width, 3, { stride: 2, padding: 1, outputPadding: 1 }),
        new nn.BatchNorm2d(width),
        new nn.ReLU(),
        new nn.ConvTranspose2d(width, 3, 4, { stride: 2, padding: 1 }),
        new nn.Sigmoid(),
      ),
    );
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.02, momentum: 0.9 });
    const scheduler = new optim.lrScheduler.StepLR(optimizer, 2, { gamma: 0.5 });
    return {
      step(i) {
        const x = s.values(i, [batch, 3, size, size]).abs();
        const loss = F.binaryCrossEntropy(net.forward(x), x);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        if (i % 5 === 0) scheduler.step();
        s.note('loss', loss.itemSync());
      },
      finish() {
        net.eval();
        const x = s.values(77, [2, 3, size, size]).abs();
        s.note(
          'rebuilt',
          noGrad(() => net.forward(x)),
        );
        s.noteParameters('net', net);
        for (const buffer of net.buffers()) s.note('buffers', buffer);
      },
    };
  },
};

export const generative: readonly Program[] = [vae, diffusion, flow, styleTransfer, convAutoencoder];

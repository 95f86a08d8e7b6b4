/** Two networks that train against each other. */
import { autograd, functional as F, nn, ones, optim, type Tensor, zeros } from 'hadal';
import { mlp } from '../nets.js';
import type { Program } from '../program.js';

const leaky = () => new nn.LeakyReLU({ negativeSlope: 0.2 });

const gan: Program = {
  name: 'gan',
  about: 'two optimizers, alternating updates, a detached sample',
  steps: { quick: 5, full: 40 },
  start(s) {
    const [batch, width, noise] = [s.pick(4, 128), s.pick(16, 256), 8];
    const generator = s.fill(
      mlp([noise, width, width, 32], () => new nn.Tanh()),
      0,
    );
    const critic = s.fill(
      mlp([32, width, width, 1], () => new nn.Tanh()),
      100,
    );
    const ofGenerator = new optim.Adam(generator.parameters(), { lr: 1e-3, betas: [0.5, 0.999], eps: 1e-5 });
    const ofCritic = new optim.Adam(critic.parameters(), { lr: 1e-3, betas: [0.5, 0.999], eps: 1e-5 });
    const trainCritic = s.compile((real: Tensor, z: Tensor) => {
      const fake = generator.forward(z).detach();
      const loss = F.binaryCrossEntropyWithLogits(critic.forward(real), ones([batch, 1])).add(
        F.binaryCrossEntropyWithLogits(critic.forward(fake), zeros([batch, 1])),
      );
      ofCritic.zeroGrad();
      loss.backward();
      ofCritic.step();
      return loss;
    });
    const trainGenerator = s.compile((z: Tensor) => {
      const loss = F.binaryCrossEntropyWithLogits(critic.forward(generator.forward(z)), ones([batch, 1]));
      ofGenerator.zeroGrad();
      loss.backward();
      ofGenerator.step();
      return loss;
    });
    return {
      step(i) {
        const z = s.values(i, [batch, noise]);
        s.note('critic', trainCritic(s.values(i + 500, [batch, 32]), z).itemSync());
        s.note('generator', trainGenerator(z).itemSync());
      },
      finish() {
        s.noteParameters('generator', generator);
        s.noteParameters('critic', critic);
      },
    };
  },
  compiles: true,
};

const gradientPenalty: Program = {
  name: 'wgan-gradient-penalty',
  about: "the norm of a critic's gradient is part of its loss: second derivatives",
  steps: { quick: 4, full: 40 },
  start(s) {
    const [batch, width] = [s.pick(4, 128), s.pick(16, 256)];
    const critic = s.fill(mlp([32, width, width, 1], leaky));
    const optimizer = new optim.SGD(critic.parameters(), { lr: 1e-2 });
    return {
      step(i) {
        const real = s.values(i, [batch, 32]);
        const fake = s.values(i + 500, [batch, 32]);
        const mix = s.values(i + 900, [batch, 1]).abs();
        const between = mix.mul(real).add(mix.neg().add(1).mul(fake)).requiresGrad_();
        const scores = critic.forward(between);
        const [gradient] = autograd.grad(scores.sum(), [between], { createGraph: true });
        const penalty = gradient.norm(2, 1).sub(1).square().mean();
        const loss = critic.forward(fake).mean().sub(critic.forward(real).mean()).add(penalty.mul(10));
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        s.note('penalty', penalty.itemSync());
        s.note('loss', loss.itemSync());
      },
      finish: () => s.noteParameters('critic', critic),
    };
  },
};

export const adversarial: readonly Program[] = [gan, gradientPenalty];

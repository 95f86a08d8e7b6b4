"""Two networks that train against each other."""

import torch
import torch.nn.functional as F
from torch import nn

from nets import mlp


def leaky():
    return nn.LeakyReLU(0.2)


def gan(s):
    batch, width, noise = s.pick(4, 128), s.pick(16, 256), 8
    generator = s.fill(mlp([noise, width, width, 32], nn.Tanh), 0)
    critic = s.fill(mlp([32, width, width, 1], nn.Tanh), 100)
    of_generator = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999), eps=1e-5)
    of_critic = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.999), eps=1e-5)

    def step(i):
        z = s.values(i, [batch, noise])
        real = s.values(i + 500, [batch, 32])
        fake = generator(z).detach()
        loss = F.binary_cross_entropy_with_logits(critic(real), torch.ones(batch, 1)) + F.binary_cross_entropy_with_logits(
            critic(fake), torch.zeros(batch, 1)
        )
        of_critic.zero_grad()
        loss.backward()
        of_critic.step()
        s.note("critic", loss.item())
        loss = F.binary_cross_entropy_with_logits(critic(generator(z)), torch.ones(batch, 1))
        of_generator.zero_grad()
        loss.backward()
        of_generator.step()
        s.note("generator", loss.item())

    def finish():
        s.note_parameters("generator", generator)
        s.note_parameters("critic", critic)

    return step, finish


def wgan_gradient_penalty(s):
    batch, width = s.pick(4, 128), s.pick(16, 256)
    critic = s.fill(mlp([32, width, width, 1], leaky))
    optimizer = torch.optim.SGD(critic.parameters(), lr=1e-2)

    def step(i):
        real = s.values(i, [batch, 32])
        fake = s.values(i + 500, [batch, 32])
        mix = s.values(i + 900, [batch, 1]).abs()
        between = (mix * real + (1 - mix) * fake).requires_grad_()
        scores = critic(between)
        (gradient,) = torch.autograd.grad(scores.sum(), [between], create_graph=True)
        penalty = (gradient.norm(dim=1) - 1).square().mean()
        loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("penalty", penalty.item())
        s.note("loss", loss.item())

    return step, lambda: s.note_parameters("critic", critic)

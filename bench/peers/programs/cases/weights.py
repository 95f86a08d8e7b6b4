"""Weights that are averaged, shared, frozen, normalised or cut beside their training."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from nets import mlp


def weights_moving_average(s):
    batch, inputs, width = s.pick(6, 128), s.pick(6, 128), s.pick(12, 512)
    net = s.fill(
        nn.Sequential(
            nn.Linear(inputs, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, 10),
        )
    )
    average = copy.deepcopy(net).requires_grad_(False).eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

    def step(i):
        x = s.values(i, [batch, inputs])
        y = s.classes(i + 500, [batch], 10)
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for a, p in zip(average.parameters(), net.parameters()):
                a.lerp_(p, 0.1)
            for a, b in zip(average.buffers(), net.buffers()):
                a.copy_(b)
        s.note("loss", loss.item())
        with torch.no_grad():
            s.note("average", F.cross_entropy(average(x), y).item())

    def finish():
        s.note_parameters("net", net)
        s.note_parameters("average", average)
        for b in average.buffers():
            s.note("buffers", b)

    return step, finish


class Words(nn.Module):
    def __init__(self, vocabulary, width):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.context = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, vocabulary, bias=False)
        self.out.weight = self.words.weight

    def forward(self, tokens):
        x = self.words(tokens)
        counts = torch.arange(1, tokens.size(1) + 1).unsqueeze(1)
        before = x.cumsum(1) / counts
        return self.out(self.norm(x + torch.tanh(self.context(before))))


def weights_tied_embedding(s):
    batch, length = s.pick(2, 16), s.pick(5, 32)
    vocabulary, width = s.pick(11, 2000), s.pick(8, 128)
    net = s.fill(Words(vocabulary, width))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)

    def step(i):
        text = s.classes(i, [batch, length + 1], vocabulary)
        logits = net(text[:, :-1])
        loss = F.cross_entropy(logits.view(-1, vocabulary), text[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    def finish():
        s.note("parameters", len(list(net.parameters())))
        s.note("tied", net.out.weight is net.words.weight)
        s.note("state", len(net.state_dict()))
        s.note("gradient", net.out.weight.grad)
        s.note_parameters("net", net)

    return step, finish


class Repeated(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.input = nn.Linear(inputs, width)
        self.block = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.again = self.block
        self.out = nn.Linear(width, inputs)

    def forward(self, x):
        h = self.input(x)
        for _ in range(4):
            h = h + self.block(h)
        return self.out(torch.tanh(self.again(h)))


def weights_shared_module(s):
    batch, inputs, width = s.pick(4, 64), s.pick(6, 64), s.pick(10, 256)
    net = s.fill(Repeated(inputs, width))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)

    def step(i):
        x = s.values(i, [batch, inputs])
        loss = F.mse_loss(net(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    def finish():
        s.note("modules", len(list(net.modules())))
        s.note("parameters", len(list(net.parameters())))
        s.note("state", len(net.state_dict()))
        s.note_parameters("net", net)
        for p in net.block.parameters():
            s.note("gradient", p.grad)

    return step, finish


def weights_freezing(s):
    batch, side, width = s.pick(3, 32), s.pick(6, 24), s.pick(4, 32)
    body = nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    head = nn.Linear(2 * width, 5)
    net = s.fill(nn.Sequential(body, head))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=0.01)

    def step(i):
        part = i % 9
        body.requires_grad_(part >= 3)
        head.requires_grad_(part < 6)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(s.values(i, [batch, 3, side, side])), s.classes(i + 500, [batch], 5))
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())
        s.note("gradients", sum(p.grad is not None for p in net.parameters()))

    return step, lambda: s.note_parameters("net", net)


class SpectralLinear(nn.Module):
    def __init__(self, weight, bias, u, v):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)
        self.register_buffer("u", u)
        self.register_buffer("v", v)

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                self.v.copy_(F.normalize(self.weight.t().mv(self.u), dim=0))
                self.u.copy_(F.normalize(self.weight.mv(self.v), dim=0))
        sigma = self.u.clone().dot(self.weight.mv(self.v.clone()))
        return F.linear(x, self.weight / sigma, self.bias)


def weights_spectral_norm(s):
    batch, inputs, width = s.pick(4, 128), s.pick(6, 64), s.pick(12, 512)

    def layer(seed, before, after):
        return SpectralLinear(
            s.values(seed, [after, before], 1 / math.sqrt(before)),
            s.values(seed + 1, [after], 0.1),
            F.normalize(s.values(seed + 2, [after]), dim=0),
            F.normalize(s.values(seed + 3, [before]), dim=0),
        )

    critic = nn.Sequential(
        layer(10, inputs, width), nn.Tanh(), layer(20, width, width), nn.Tanh(), layer(30, width, 1)
    )
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.02, momentum=0.5)

    def step(i):
        real, fake = s.values(i, [batch, inputs]), s.values(i + 500, [batch, inputs])
        loss = F.softplus(1 - critic(real)).mean() + F.softplus(1 + critic(fake)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    def finish():
        s.note_parameters("critic", critic)
        for name, b in critic.named_buffers():
            s.note(name, b)
        critic.eval()
        s.note("score", critic(s.values(7, [batch, inputs])))

    return step, finish


def weights_clipping(s):
    batch, noise, width, features = s.pick(4, 64), 8, s.pick(10, 256), s.pick(6, 64)

    generator = s.fill(mlp([noise, width, width, features]), 0)
    critic = s.fill(mlp([features, width, width, 1]), 100)
    of_generator = torch.optim.RMSprop(generator.parameters(), lr=1e-4)
    of_critic = torch.optim.RMSprop(critic.parameters(), lr=1e-4)

    def step(i):
        for k in range(5):
            z = s.values(10 * i + k, [batch, noise])
            with torch.no_grad():
                fake = generator(z)
            real = s.values(10 * i + k + 5000, [batch, features])
            loss = critic(fake).mean() - critic(real).mean()
            of_critic.zero_grad()
            loss.backward()
            of_critic.step()
            with torch.no_grad():
                for p in critic.parameters():
                    p.clamp_(-0.05, 0.05)
            s.note("critic", loss.item())
        loss = -critic(generator(s.values(10 * i + 9, [batch, noise]))).mean()
        of_generator.zero_grad()
        loss.backward()
        of_generator.step()
        s.note("generator", loss.item())

    def finish():
        s.note_parameters("generator", generator)
        s.note_parameters("critic", critic)

    return step, finish

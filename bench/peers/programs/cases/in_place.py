"""Tensors that are changed where they are, with gradients through the change."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from nets import mlp


class MaskedAttention(nn.Module):
    def __init__(self, words, width, heads):
        super().__init__()
        self.heads = heads
        self.embed = nn.Embedding(words, width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, words)

    def forward(self, tokens, mask):
        b, t = tokens.shape
        q, k, v = self.qkv(self.embed(tokens)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1)
        scores /= math.sqrt(q.shape[-1])
        scores.masked_fill_(mask, -torch.inf)
        y = scores.softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(b, t, -1))


def masks_in_place(s):
    batch, length, width, heads, words = s.pick(3, 16), s.pick(6, 64), s.pick(8, 128), s.pick(2, 4), s.pick(11, 500)
    net = s.fill(MaskedAttention(words, width, heads))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(i):
        tokens = s.classes(i, [batch, length], words)
        lengths = s.classes(i + 500, [batch], length - 2) + 2
        padded = torch.zeros(batch, length, dtype=torch.bool)
        for b in range(batch):
            padded[b, lengths[b] :] = True
        mask = torch.ones(length, length, dtype=torch.bool).triu_(1) | padded[:, None, None, :]
        target = tokens.roll(-1, 1)
        target[padded] = -100
        target[:, -1] = -100
        loss = F.cross_entropy(net(tokens, mask).flatten(0, 1), target.flatten(), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    return step, lambda: s.note_parameters("net", net)


def views_of_views(s):
    batch, channels, size = s.pick(2, 64), s.pick(4, 8), s.pick(6, 32)
    net = s.fill(nn.ModuleList([nn.Linear(size, size), nn.Linear(size, 3)]))
    gate = s.values(1, [channels // 2, 1, 1]).requires_grad_()
    shift = s.values(2, [size // 2]).requires_grad_()
    optimizer = torch.optim.SGD([*net.parameters(), gate, shift], lr=0.05)

    def step(i):
        x = s.values(i + 10, [batch, channels, size, size])
        h = net[0](x)
        left = h[:, : channels // 2]
        left.mul_(gate)
        left[:, :, 0].zero_()
        right = h.narrow(1, channels // 2, channels // 2)
        right.transpose(2, 3)[..., ::2].add_(shift)
        middle = h[:, :, 1:-1, 1:-1]
        middle -= middle.mean((2, 3), keepdim=True)
        middle.diagonal(dim1=2, dim2=3).fill_(0.5)
        h.clamp_(min=-1)
        h.view(-1)[::7] *= 2
        loss = net[1](h.mean(1)).square().mean() + left.sin().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())
        s.note("left", left.abs().sum().item())

    def finish():
        s.note("gate", gate)
        s.note("gate.grad", gate.grad)
        s.note("shift.grad", shift.grad)
        s.note_parameters("net", net)

    return step, finish


class RunningNorm(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("var", torch.ones(features))
        self.register_buffer("seen", torch.tensor(0))

    def forward(self, x):
        if self.training:
            mean, var = x.mean(0), x.var(0, unbiased=False)
            with torch.no_grad():
                self.seen += 1
                self.mean.mul_(0.9).add_(0.1 * mean)
                self.var.lerp_(x.var(0), 0.1)
        else:
            mean, var = self.mean, self.var
        return (x - mean) / torch.sqrt(var + 1e-5) * self.weight + self.bias


def running_statistics(s):
    batch, width = s.pick(6, 256), s.pick(8, 256)
    net = s.fill(
        nn.Sequential(
            nn.Linear(12, width), RunningNorm(width), nn.ReLU(), nn.Linear(width, width), RunningNorm(width), nn.ReLU(), nn.Linear(width, 6)
        )
    )
    teacher = copy.deepcopy(net)
    center = torch.zeros(1, 6)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

    def train(a, b):
        with torch.no_grad():
            wanted = teacher(b)
            target = ((wanted - center) / 0.5).softmax(-1)
            center.mul_(0.9).add_(wanted.mean(0, keepdim=True), alpha=0.1)
        loss = -(target * F.log_softmax(net(a), dim=-1)).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for p, slow in zip(net.parameters(), teacher.parameters()):
                slow.mul_(0.95).add_(0.05 * p)
        return loss

    def step(i):
        x = s.values(i, [batch, 12])
        s.note("loss", train(x, x + s.values(i + 500, [batch, 12], 0.1)).item())
        if i % 4 == 3:
            net.eval()
            with torch.no_grad():
                s.note("evaluated", net(x).square().mean().item())
            net.train()

    def finish():
        s.note("center", center)
        for name, b in net.named_buffers():
            s.note(name, b)
        s.note_parameters("net", net)
        s.note_parameters("teacher", teacher)

    return step, finish


def preallocated_results(s):
    batch, length, width = s.pick(3, 32), s.pick(5, 32), s.pick(8, 128)
    cell = s.fill(nn.GRUCell(8, width))
    head = s.fill(nn.Linear(width, 4), 40)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=1e-3)

    def train(xs, target):
        outputs = torch.zeros(batch, length, width)
        h = torch.zeros(batch, width)
        for t in range(length):
            h = cell(xs[:, t], h)
            outputs[:, t] = h
        energy = torch.empty(length)
        for t in range(length):
            energy[t] = outputs[:, t].square().mean()
        loss = F.mse_loss(head(outputs), target) + 0.01 * energy.max()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    def step(i):
        s.note("loss", train(s.values(i, [batch, length, 8]), s.values(i + 500, [batch, length, 4])).item())

    def finish():
        for p in [*cell.parameters(), *head.parameters()]:
            s.note("weights", p)

    return step, finish


def wave_inversion(s):
    size, steps = s.pick(8, 96), s.pick(6, 60)
    true = 0.1 + 0.05 * s.values(1, [size, size]).abs()
    guess = torch.full((size, size), 0.12, requires_grad=True)
    optimizer = torch.optim.Adam([guess], lr=1e-3)

    def simulate(c, source):
        before, now = torch.zeros(size, size), torch.zeros(size, size)
        received = torch.zeros(steps, size)
        for t in range(steps):
            after = 2 * now - before
            around = now[:-2, 1:-1] + now[2:, 1:-1] + now[1:-1, :-2] + now[1:-1, 2:]
            after[1:-1, 1:-1] += c[1:-1, 1:-1] * (around - 4 * now[1:-1, 1:-1])
            after[size // 2, source] += math.sin(0.5 * t)
            after[0] = after[-1] = 0
            after[:, 0] = after[:, -1] = 0
            received[t] = after[2]
            before, now = now, after
        return received

    def step(i):
        source = 1 + (5 * i) % (size - 2)
        with torch.no_grad():
            measured = simulate(true, source)
        loss = F.mse_loss(simulate(guess, source), measured)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", 1e6 * loss.item())

    def finish():
        s.note("guess", guess)

    return step, finish


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        y = self.norm(self.first(x)).relu_()
        y = self.second(y)
        y += x
        return y.relu_()


def residual_in_place(s):
    batch, channels, size = s.pick(2, 16), s.pick(4, 32), s.pick(6, 24)
    net = s.fill(nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), Block(channels), Block(channels), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)

    def train(x, target):
        loss = F.cross_entropy(net(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    def step(i):
        s.note("loss", train(s.values(i, [batch, 3, size, size]), s.classes(i + 500, [batch], 10)).item())

    return step, lambda: s.note_parameters("net", net)


def refused_in_place(s):
    batch, width = s.pick(3, 64), s.pick(4, 64)
    x = s.values(1, [batch, width])
    w = s.values(2, [width, width]).requires_grad_()

    def leaf():
        w.add_(1)

    def view_of_leaf():
        w[0].zero_()

    def saved_result():
        y = (x @ w).exp()
        y.add_(1)
        return y

    def saved_operand():
        y = x @ w
        z = y.sin()
        y.mul_(2)
        return z

    def saved_by_relu():
        y = (x @ w).relu()
        z = y.square()
        y += 1
        return z

    def result_of_relu():
        y = (x @ w).relu()
        y -= 1
        return y

    # Two that PyTorch refuses though the gradient can be had: `.sigmoid_().mul_(2)`, `y.masked_fill_(y < 0.2, 0)`.
    def sigmoid_twice():
        return (x @ w).sigmoid().mul(2)

    def read_through_view():
        states = torch.zeros(4, width)
        states[0] = x[0]
        for t in range(3):
            states[t + 1] = torch.tanh(states[t] @ w)
        return states

    def weight_between():
        loss = (x @ w).square().sum()
        hidden = (loss * 1e-9).detach()
        with torch.no_grad():
            w.sub_(hidden)
        return (x @ w).tanh()

    def weight_before_backward():
        y = (x @ w).tanh() @ w
        with torch.no_grad():
            w.mul_(1)
        return y

    def expanded():
        y = (x @ w)[:1].expand(batch, width)
        y.add_(1)
        return y

    def too_large():
        y = (x @ w).sum(0, keepdim=True)
        y.add_(x)
        return y

    def float_into_int():
        counts = torch.zeros(width, dtype=torch.int64)
        counts.add_(x[0])
        return counts.float()

    def residual():
        y = x @ w
        z = y.relu()
        z += y
        return z.relu_()

    def shifted_between():
        y = x @ w
        z = y + 1
        y.mul_(3)
        return z + y

    def masked():
        y = (x @ w).softmax(-1)
        return y.masked_fill(y < 0.2, 0)

    tries = [
        leaf, view_of_leaf, saved_result, saved_operand, saved_by_relu, result_of_relu, sigmoid_twice, read_through_view,
        weight_between, weight_before_backward, expanded, too_large, float_into_int, residual, shifted_between, masked,
    ]  # fmt: skip

    def step(i):
        for attempt in tries:
            w.grad = None
            try:
                attempt().sum().backward()
                s.note(attempt.__name__, w.grad.abs().sum().item())
            except RuntimeError:
                s.note(attempt.__name__, -1)

    return step


def sharpness_aware(s):
    batch, width = s.pick(4, 256), s.pick(8, 256)
    net = s.fill(mlp([20, width, width, 5], nn.Tanh))
    parameters = list(net.parameters())
    first = [torch.zeros_like(p) for p in parameters]
    second = [torch.zeros_like(p) for p in parameters]
    taken = 0

    def train(x, target):
        loss = F.cross_entropy(net(x), target)
        net.zero_grad()
        loss.backward()
        with torch.no_grad():
            norm = torch.stack([p.grad.norm() for p in parameters]).norm()
            moves = [p.grad * (0.05 / (norm + 1e-12)) for p in parameters]
            for p, move in zip(parameters, moves):
                p.add_(move)
        net.zero_grad()
        F.cross_entropy(net(x), target).backward()
        with torch.no_grad():
            for p, move in zip(parameters, moves):
                p.sub_(move)
        return loss

    def step(i):
        nonlocal taken
        loss = train(s.values(i, [batch, 20]), s.classes(i + 500, [batch], 5))
        taken += 1
        with torch.no_grad():
            for p, m, v in zip(parameters, first, second):
                p.grad.add_(p, alpha=1e-2)
                m.mul_(0.9).add_(p.grad, alpha=0.1)
                v.mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
                size = 1e-3 * math.sqrt(1 - 0.999**taken) / (1 - 0.9**taken)
                p.addcdiv_(m, v.sqrt().add_(1e-8), value=-size)
        s.note("loss", loss.item())

    return step, lambda: s.note_parameters("net", net)

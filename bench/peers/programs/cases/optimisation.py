"""Training loops that do more than one backward pass and one step."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from nets import mlp


def optimisation_accumulation(s):
    batch, side, width, parts = s.pick(2, 16), s.pick(6, 24), s.pick(4, 32), s.pick(3, 4)
    net = s.fill(
        nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 5),
        )
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)

    def step(i):
        optimizer.zero_grad()
        total = 0
        for m in range(parts):
            x = s.values(parts * i + m, [batch, 3, side, side])
            y = s.classes(parts * i + m + 5000, [batch], 5)
            loss = F.cross_entropy(net(x), y) / parts
            loss.backward()
            total += loss.item()
        optimizer.step()
        s.note("loss", total)

    def finish():
        s.note_parameters("net", net)
        for p in net.parameters():
            s.note("gradient", p.grad)

    return step, finish


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.heads = heads

    def forward(self, x):
        n, t, d = x.shape
        qkv = self.qkv(self.norm1(x)).view(n, t, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        looked = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = x + self.proj(looked.transpose(1, 2).reshape(n, t, d))
        return h + self.down(F.gelu(self.up(self.norm2(h))))


def optimisation_clip_norm(s):
    batch, length, width = s.pick(2, 8), s.pick(4, 64), s.pick(8, 128)
    net = s.fill(nn.Sequential(Block(width, 4), Block(width, 4), nn.Linear(width, width)))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)

    def step(i):
        x, y = s.values(i, [batch, length, width]), s.values(i + 500, [batch, length, width])
        loss = F.mse_loss(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        s.note("loss", loss.item())
        s.note("norm", norm.item())

    def finish():
        s.note_parameters("net", net)
        for p in net.parameters():
            s.note("gradient", p.grad)

    return step, finish


class Lengths(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.first = nn.Linear(inputs, width, bias=False)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        """The root has no finite gradient where a row is nothing but zeros."""
        h = self.first(x)
        return self.out(h.tanh()).squeeze(1) + h.square().sum(1).sqrt()


def optimisation_skipped_steps(s):
    batch, inputs, width = s.pick(4, 256), s.pick(6, 128), s.pick(8, 512)
    net = s.fill(Lengths(inputs, width))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step(i):
        x = s.values(i, [batch, inputs])
        if i % 4 == 1:
            x[0, 0] = math.inf
        if i % 4 == 3:
            x[1:3].zero_()
        loss = F.mse_loss(net(x), s.values(i + 500, [batch]))
        s.note("loss", loss.item())
        if not math.isfinite(loss.item()):
            s.note("skipped", 1)
            return
        optimizer.zero_grad()
        loss.backward()
        finite = all(p.grad.isfinite().all() for p in net.parameters())
        s.note("skipped", 0 if finite else 2)
        if finite:
            optimizer.step()

    return step, lambda: s.note_parameters("net", net)


def optimisation_groups(s):
    batch, inputs, width = s.pick(4, 128), s.pick(6, 128), s.pick(8, 512)
    body = nn.Sequential(
        nn.Linear(inputs, width), nn.LayerNorm(width), nn.GELU(), nn.Linear(width, width), nn.LayerNorm(width), nn.GELU()
    )
    head = nn.Linear(width, 10)
    net = s.fill(nn.Sequential(body, head))
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in body.parameters() if p.ndim > 1], "lr": 1e-3, "weight_decay": 0.1},
            {"params": [p for p in body.parameters() if p.ndim < 2], "lr": 1e-3, "weight_decay": 0.0},
            {"params": head.parameters(), "lr": 3e-3, "weight_decay": 0.01, "betas": (0.8, 0.99)},
        ]
    )
    bases = [group["lr"] for group in optimizer.param_groups]
    warm, last = s.pick(2, 10), s.pick(6, 40)

    def step(i):
        factor = (i + 1) / warm if i < warm else 0.5 * (1 + math.cos(math.pi * (i - warm) / (last - warm)))
        for base, group in zip(bases, optimizer.param_groups):
            group["lr"] = base * factor
        optimizer.param_groups[0]["weight_decay"] = 0.1 * factor
        loss = F.cross_entropy(net(s.values(i, [batch, inputs])), s.classes(i + 500, [batch], 10), label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    return step, lambda: s.note_parameters("net", net)


def optimisation_stochastic_averaging(s):
    batch, inputs, width = s.pick(4, 128), s.pick(6, 128), s.pick(8, 512)
    net = s.fill(mlp([inputs, width, width, 10], nn.Tanh))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x, y = s.values(900, [batch, inputs]), s.classes(901, [batch], 10)
    averages = {}
    averaged = 0

    def step(i):
        nonlocal averaged
        for group in optimizer.param_groups:
            group["lr"] = 0.05 + 0.05 * math.cos(math.pi * (i % 4) / 4)
        loss = F.cross_entropy(net(s.values(i, [batch, inputs])), s.classes(i + 500, [batch], 10))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())
        if i < 2:
            return
        averaged += 1
        for name, value in net.state_dict().items():
            if name not in averages:
                averages[name] = value.clone()
            else:
                averages[name] += (value - averages[name]) / averaged
        own = {name: value.clone() for name, value in net.state_dict().items()}
        net.load_state_dict(averages)
        with torch.no_grad():
            s.note("average", F.cross_entropy(net(x), y).item())
        net.load_state_dict(own)

    def finish():
        s.note_parameters("net", net)
        for name, average in averages.items():
            s.note(f"average {name}", average)

    return step, finish


class Lamb:
    """You et al. 2020, version 3 without the correction of early averages."""

    def __init__(self, parameters):
        self.parameters = list(parameters)
        self.means = [torch.zeros_like(p) for p in self.parameters]
        self.squares = [torch.zeros_like(p) for p in self.parameters]

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self, lr):
        for p, mean, square in zip(self.parameters, self.means, self.squares):
            if p.grad is None:
                continue
            mean.mul_(0.9).add_(p.grad, alpha=0.1)
            square.mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
            update = mean / (square.sqrt() + 1e-6) + 0.01 * p
            trust = p.norm().clamp(0, 10) / update.norm()
            p.sub_(lr * trust * update)


def optimisation_by_hand(s):
    batch, inputs, width = s.pick(4, 128), s.pick(6, 128), s.pick(8, 512)
    net = s.fill(mlp([inputs, width, width, 10], nn.Tanh))
    optimizer = Lamb(net.parameters())

    def step(i):
        loss = F.cross_entropy(net(s.values(i, [batch, inputs])), s.classes(i + 500, [batch], 10))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step(0.002)
        s.note("loss", loss.item())

    return step, lambda: s.note_parameters("net", net)

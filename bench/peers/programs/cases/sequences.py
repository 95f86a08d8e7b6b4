"""Models of sequences."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x, cache=None):
        batch, length, width = x.shape
        each = width // self.heads
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, each).permute(2, 0, 3, 1, 4).unbind(0)
        if cache is not None:
            if "keys" in cache:
                k, v = torch.cat([cache["keys"], k], 2), torch.cat([cache["values"], v], 2)
            cache["keys"], cache["values"] = k, v
        total = k.shape[2]
        mask = torch.ones(length, total, dtype=torch.bool).tril(total - length)
        scores = q @ k.transpose(-2, -1) / math.sqrt(each)
        weights = scores.masked_fill(~mask, float("-inf")).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.between = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x, cache=None):
        x = x + self.attention(self.before(x), cache)
        return x + self.mlp(self.between(x))


class Transformer(nn.Module):
    def __init__(self, vocabulary, longest, width, heads, depth):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(longest, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens, caches=None):
        past = caches[0]["keys"].shape[2] if caches and caches[0] else 0
        positions = torch.arange(past, past + tokens.shape[1])
        h = self.tokens(tokens) + self.positions(positions)
        for k, block in enumerate(self.blocks):
            h = block(h, caches[k] if caches else None)
        return self.head(self.norm(h))


def causal_transformer(s):
    vocabulary, batch, length = s.pick(11, 256), s.pick(2, 8), s.pick(5, 64)
    net = s.fill(Transformer(vocabulary, length, s.pick(8, 128), s.pick(2, 4), 2))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.1)

    def step(i):
        tokens = s.classes(i, [batch, length + 1], vocabulary)
        logits = net(tokens[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 1)
        optimizer.step()
        s.note("loss", loss.item())
        s.note("norm", norm.item())

    return step, lambda: s.note_parameters("net", net)


def cached_decoding(s):
    vocabulary, longest, prompt = s.pick(11, 256), s.pick(10, 96), s.pick(3, 32)
    net = s.fill(Transformer(vocabulary, longest, s.pick(8, 256), s.pick(2, 8), s.pick(2, 4)))
    net.eval()

    @torch.no_grad()
    def step(i):
        caches = [{} for _ in net.blocks]
        tokens = s.classes(i, [1, prompt], vocabulary)
        for _ in range(prompt, longest):
            logits = net(tokens, caches)[:, -1]
            following = logits.argmax(-1)
            s.note("confidence", logits.softmax(-1).max().item())
            s.note("token", following.item())
            tokens = following[:, None]

    return step


def crf(s):
    batch, length, tags, inputs = s.pick(3, 32), s.pick(5, 40), s.pick(4, 16), s.pick(6, 64)
    emit = s.fill(nn.Linear(inputs, tags))
    transitions = nn.Parameter(s.values(50, [tags, tags], 0.1))
    begin = nn.Parameter(s.values(51, [tags], 0.1))
    optimizer = torch.optim.SGD([*emit.parameters(), transitions, begin], lr=0.1)

    def log_partition(emissions, mask):
        alpha = begin + emissions[:, 0]
        for t in range(1, length):
            scores = alpha.unsqueeze(2) + transitions + emissions[:, t].unsqueeze(1)
            alpha = torch.where(mask[:, t].unsqueeze(1), scores.logsumexp(1), alpha)
        return alpha.logsumexp(1)

    def path_score(emissions, path, mask):
        emitted = (emissions.gather(2, path.unsqueeze(2)).squeeze(2) * mask).sum(1)
        moved = transitions[path[:, :-1], path[:, 1:]]
        return begin[path[:, 0]] + emitted + (moved * mask[:, 1:]).sum(1)

    def viterbi(emissions):
        best = begin + emissions[:, 0]
        pointers = []
        for t in range(1, length):
            best, indices = (best.unsqueeze(2) + transitions).max(1)
            best = best + emissions[:, t]
            pointers.append(indices)
        at = best.argmax(1)
        path = [at]
        for pointer in reversed(pointers):
            at = pointer.gather(1, at.unsqueeze(1)).squeeze(1)
            path.append(at)
        return torch.stack(path[::-1], 1)

    def step(i):
        lengths = s.classes(i + 900, [batch], length - 1) + 2
        mask = torch.arange(length) < lengths.unsqueeze(1)
        x = s.values(i, [batch, length, inputs])
        path = s.classes(i + 500, [batch, length], tags)
        emissions = emit(x)
        loss = (log_partition(emissions, mask) - path_score(emissions, path, mask)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())
        with torch.no_grad():
            found = viterbi(emit(x))
        s.note("right", ((found == path) & mask).sum().item())

    def finish():
        s.note_parameters("emit", emit)
        s.note("transitions", transitions)
        s.note("begin", begin)

    return step, finish


def soft_dtw(s):
    length, other, features, gamma = s.pick(4, 14), s.pick(3, 16), 3, 0.5
    series = s.values(1, [other, features])
    average = s.values(2, [length, features]).requires_grad_()
    optimizer = torch.optim.SGD([average], lr=0.01)

    def distance(x, y):
        cost = (x.unsqueeze(1) - y.unsqueeze(0)).square().sum(2)
        infinity = torch.tensor(1e10)
        table = [[infinity] * (other + 1) for _ in range(length + 1)]
        table[0][0] = torch.tensor(0.0)
        for i in range(1, length + 1):
            for j in range(1, other + 1):
                before = torch.stack([table[i - 1][j - 1], table[i - 1][j], table[i][j - 1]])
                least = -gamma * (before / -gamma).logsumexp(0)
                table[i][j] = cost[i - 1, j - 1] + least
        return table[length][other]

    def step(i):
        loss = distance(average, series + s.values(i + 10, [other, features], 0.1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())
        s.note("gradient", average.grad)

    return step, lambda: s.note("average", average)


class Dynamics(nn.Module):
    def __init__(self, features, width):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(features + 1, width),
            nn.Tanh(),
            nn.Linear(width, width),
            nn.Tanh(),
            nn.Linear(width, features),
        )

    def forward(self, t, y):
        return self.net(torch.cat([y, t.expand(y.shape[0], 1)], 1))


def neural_ode(s):
    batch, features, width, points = s.pick(3, 64), 4, s.pick(8, 64), s.pick(3, 20)
    dynamics = s.fill(Dynamics(features, width))
    optimizer = torch.optim.Adam(dynamics.parameters(), lr=1e-3)

    def runge_kutta(t, h, y):
        k1 = dynamics(t, y)
        k2 = dynamics(t + h / 2, y + h / 2 * k1)
        k3 = dynamics(t + h / 2, y + h / 2 * k2)
        k4 = dynamics(t + h, y + h * k3)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    def step(i):
        start = s.values(i, [batch, features])
        times = (torch.arange(1, points + 1) / points).view(points, 1, 1)
        way = start * torch.exp(-times) + torch.sin(3 * times)
        h = 1 / points
        y = start
        found = []
        for k in range(points):
            y = runge_kutta(torch.tensor(k * h), h, y)
            found.append(y)
        loss = F.l1_loss(torch.stack(found), way)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    return step, lambda: s.note_parameters("dynamics", dynamics)

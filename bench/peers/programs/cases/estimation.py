"""Embeddings, clusters and mixtures."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def contrastive(s):
    batch, inputs, width, features = s.pick(4, 128), s.pick(6, 256), s.pick(16, 512), s.pick(4, 64)
    net = s.fill(
        nn.Sequential(nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.Tanh(), nn.Linear(width, features))
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)

    def step(i):
        x = s.values(i, [batch, inputs])
        y = x + s.values(i + 500, [batch, inputs], 0.3)
        z = F.normalize(net(torch.cat([x, y])))
        similarity = z @ z.T / 0.5
        masked = similarity.masked_fill(torch.eye(2 * batch).bool(), float("-inf"))
        partner = torch.arange(2 * batch).roll(batch)
        loss = F.cross_entropy(masked, partner)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    return step, lambda: s.note_parameters("net", net)


def k_means(s):
    points, features, clusters = s.pick(30, 5000), s.pick(3, 16), s.pick(4, 32)
    x = s.values(1, [points, features])
    centers = x[s.classes(2, [clusters], points)].clone()

    def step(i):
        distances = (x.unsqueeze(1) - centers.unsqueeze(0)).square().sum(2)
        values, cluster = distances.min(1)
        before = centers.clone()
        for k in range(clusters):
            members = x[cluster == k]
            if len(members) > 0:
                centers[k] = members.mean(0)
        s.note("inertia", values.sum().item())
        s.note("moved", (centers - before).norm().item())

    return step, lambda: s.note("centers", centers)


def matrix_factorisation(s):
    batch, users, items, features = s.pick(6, 4096), s.pick(7, 6000), s.pick(9, 4000), s.pick(4, 64)
    of_users = s.fill(nn.Embedding(users, features), 0)
    of_items = s.fill(nn.Embedding(items, features), 10)
    user_bias = s.fill(nn.Embedding(users, 1), 20)
    item_bias = s.fill(nn.Embedding(items, 1), 30)
    everything = [of_users, of_items, user_bias, item_bias]
    optimizer = torch.optim.SGD([p for e in everything for p in e.parameters()], lr=1)

    def step(i):
        user, item = s.classes(i, [batch], users), s.classes(i + 500, [batch], items)
        rating = s.values(i + 900, [batch], 2) + 3
        p, q = of_users(user), of_items(item)
        biases = (user_bias(user) + item_bias(item)).squeeze(1)
        predicted = (p * q).sum(1) + biases
        error = F.mse_loss(predicted, rating)
        penalty = (p.square().sum(1) + q.square().sum(1)).mean()
        loss = error + 0.02 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("error", error.item())

    def finish():
        for k, e in enumerate(everything):
            s.note_parameters(f"embedding{k}", e)

    return step, finish


class Mixture(nn.Module):
    def __init__(self, width, experts):
        super().__init__()
        self.router = nn.Linear(width, experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)) for _ in range(experts)
        )

    def forward(self, x):
        probabilities = self.router(x).softmax(-1)
        values, indices = probabilities.topk(2)
        weights = values / values.sum(-1, keepdim=True)
        y = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            rows, places = torch.where(indices == e)
            y.index_add_(0, rows, expert(x[rows]) * weights[rows, places, None])
        share = F.one_hot(indices, len(self.experts)).float().sum(1).mean(0)
        return y, len(self.experts) * (share * probabilities.mean(0)).sum()


def mixture_of_experts(s):
    tokens, width, experts = s.pick(6, 256), s.pick(4, 128), s.pick(3, 8)
    net = s.fill(Mixture(width, experts))
    head = s.fill(nn.Linear(width, 10), 100)
    optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=1e-3)

    def step(i):
        x = s.values(i, [tokens, width], 2)
        y, balance = net(x)
        loss = F.cross_entropy(head(x + y), s.classes(i + 500, [tokens], 10)) + 0.01 * balance
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())
        s.note("balance", balance.item())

    def finish():
        s.note_parameters("net", net)
        s.note_parameters("head", head)

    return step, finish


def gaussian_mixture(s):
    points, features, parts = s.pick(20, 4000), s.pick(3, 16), s.pick(3, 16)
    x = s.values(1, [points, features]) + s.classes(2, [points, 1], 3)
    means = x[s.classes(3, [parts], points)]
    variances = torch.ones(parts, features)
    weights = torch.full((parts,), 1 / parts)

    @torch.no_grad()
    def step(i):
        nonlocal means, variances, weights
        distances = ((x[:, None] - means).square() / variances).sum(-1)
        norms = variances.log().sum(-1) + features * math.log(2 * math.pi)
        joint = weights.log() - 0.5 * (distances + norms)
        evidence = joint.logsumexp(1, keepdim=True)
        shares = (joint - evidence).exp()
        count = shares.sum(0)
        means = shares.T @ x / count[:, None]
        variances = shares.T @ x.square() / count[:, None] - means.square() + 1e-3
        weights = count / points
        s.note("evidence", evidence.mean().item())

    def finish():
        s.note("means", means)
        s.note("variances", variances)
        s.note("weights", weights)

    return step, finish

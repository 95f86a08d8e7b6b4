"""Reading and writing by positions that are themselves computed."""

import torch
import torch.nn.functional as F
from torch import nn

from nets import mlp


class Messages(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.message = nn.Linear(2 * width, width)
        self.score = nn.Linear(2 * width, 1)
        self.update = nn.GRUCell(width, width)

    def forward(self, h, source, target):
        pair = torch.cat([h[source], h[target]], dim=1)
        score = F.leaky_relu(self.score(pair).squeeze(1), 0.2).exp()
        total = torch.zeros(len(h)).index_add_(0, target, score)
        weight = score / (total[target] + 1e-9)
        sent = torch.relu(self.message(pair)) * weight[:, None]
        received = torch.zeros_like(h).scatter_add_(0, target[:, None].expand_as(sent), sent)
        return self.update(received, h)


def graph_messages(s):
    nodes, edges, width, classes = s.pick(7, 2000), s.pick(20, 10000), s.pick(6, 64), 5
    embed = s.fill(nn.Linear(12, width))
    layers = s.fill(nn.ModuleList([Messages(width), Messages(width)]), 10)
    head = s.fill(nn.Linear(width, classes), 40)
    parameters = [*embed.parameters(), *layers.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    source, target = s.classes(1, [edges], nodes), s.classes(2, [edges], nodes)
    x, label, known = s.values(3, [nodes, 12]), s.classes(4, [nodes], classes), s.values(5, [nodes]) > 0

    def train(x):
        h = torch.tanh(embed(x))
        for layer in layers:
            h = layer(h, source, target)
        graphs = torch.zeros(3, h.shape[1]).index_add(0, torch.arange(nodes) % 3, h)
        loss = F.cross_entropy(head(h)[known], label[known]) + 1e-4 * graphs.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    def step(i):
        s.note("loss", train(x + s.values(i + 100, [nodes, 12], 0.1)).item())

    def finish():
        for p in parameters:
            s.note("weights", p)

    return step, finish


def positions_and_masks(s):
    batch, rows, columns, width = s.pick(3, 64), s.pick(5, 128), s.pick(4, 64), s.pick(6, 32)
    table = s.values(1, [rows, columns, width]).requires_grad_()
    net = s.fill(nn.Linear(width, 1))
    optimizer = torch.optim.SGD([table, *net.parameters()], lr=0.1)

    def step(i):
        r, c = s.classes(i, [batch, 8], rows), s.classes(i + 100, [batch, 8], columns)
        h = table[r, c]
        h = h + table[r[:, :1], -1] + table[:, c[0]].mean((0, 1))
        h[s.values(i + 200, [batch, 8]) > 0.5] = 0
        h[torch.arange(batch), c[:, 0] % 8] *= 2
        h[:, [0, -1], 1:3] += 1
        scores = net(h).squeeze(-1)
        losses = F.softplus(-scores)
        hard = losses > losses.mean().item()
        rest = losses[~hard]
        loss = losses[hard].mean() + (0.1 * rest.square().mean() if len(rest) > 0 else 0)
        places = hard.nonzero()
        loss = loss + 0.01 * scores[places[:, 0], places[:, 1]].square().sum() / len(places)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("hard", hard.sum().item())
        s.note("loss", loss.item())

    def finish():
        s.note("table", table)
        s.note("table.grad", table.grad)
        s.note_parameters("net", net)

    return step, finish


def ranking_losses(s):
    queries, documents, width = s.pick(3, 64), s.pick(6, 128), s.pick(8, 64)
    net = s.fill(mlp([16, width, 1]))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02)

    def train(x, relevance):
        scores = net(x).squeeze(-1)
        order = relevance.argsort(dim=1, descending=True)
        ranked = scores.gather(1, order)
        listwise = (ranked.flip(1).logcumsumexp(1).flip(1) - ranked).mean()
        top, where = scores.topk(3, dim=1)
        margin = F.relu(1 - relevance.gather(1, where) + top).mean()
        ordered, _ = scores.sort(dim=1, descending=True)
        spacing = (ordered[:, 1:] - ordered[:, :-1]).exp().mean()
        loss = listwise + 0.5 * margin + 0.1 * spacing + scores.median(1).values.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        gains = relevance.gather(1, scores.detach().argsort(dim=1, descending=True))
        discount = torch.log2(torch.arange(documents) + 2.0)
        return loss, (gains / discount).sum(1) / (relevance.sort(1, descending=True)[0] / discount).sum(1)

    def step(i):
        loss, quality = train(s.values(i, [queries, documents, 16]), s.values(i + 500, [queries, documents]).abs())
        s.note("loss", loss.item())
        s.note("quality", quality.mean().item())

    return step, lambda: s.note_parameters("net", net)


def bags_by_offsets(s):
    bags, words, width, most = s.pick(4, 512), s.pick(9, 5000), s.pick(3, 64), s.pick(4, 40)
    table = s.fill(nn.EmbeddingBag(words, width, mode="mean"))
    head = s.fill(nn.Linear(width, 3), 20)
    optimizer = torch.optim.SGD([*table.parameters(), *head.parameters()], lr=0.5)

    def step(i):
        lengths = s.classes(i, [bags], most) + 1
        offsets = lengths.cumsum(0) - lengths
        tokens = s.classes(i + 100, [bags * most], words)[: lengths.sum().item()]
        loss = F.cross_entropy(head(table(tokens, offsets)), s.classes(i + 200, [bags], 3))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    def finish():
        s.note("table", table.weight)
        s.note_parameters("head", head)

    return step, finish


def beam_search(s):
    batch, beams, words, width, longest = s.pick(2, 16), s.pick(3, 4), s.pick(7, 1000), s.pick(8, 128), s.pick(5, 24)
    embed = s.fill(nn.Embedding(words, width))
    cell = s.fill(nn.GRUCell(width, width), 10)
    head = s.fill(nn.Linear(width, words), 20)

    @torch.no_grad()
    def step(i):
        h = s.values(i, [batch, width]).repeat_interleave(beams, 0)
        tokens = torch.zeros(batch, beams, 1, dtype=torch.int64)
        totals = torch.full((batch, beams), -torch.inf)
        totals[:, 0] = 0
        done = torch.zeros(batch, beams, dtype=torch.bool)
        only_end = torch.full((words,), -torch.inf)
        only_end[1] = 0
        for t in range(longest):
            h = cell(embed(tokens[:, :, -1].flatten()), h)
            logp = F.log_softmax(8 * head(h), dim=-1).view(batch, beams, words)
            logp[done] = only_end
            totals, flat = (totals[:, :, None] + logp).flatten(1).topk(beams, dim=1)
            beam, word = flat // words, flat % words
            tokens = torch.cat([tokens.gather(1, beam[:, :, None].expand(-1, -1, t + 1)), word[:, :, None]], dim=2)
            h = h.view(batch, beams, width)[torch.arange(batch)[:, None], beam].view(-1, width)
            done = done.gather(1, beam) | (word == 1)
            if done.all():
                break
        s.note("totals", totals)
        if s.size == "quick":
            s.note("tokens", tokens)
        before, after = tokens[:, :, :-1].flatten(0, 1), tokens[:, :, 1:].flatten(0, 1)
        h = s.values(i, [batch, width]).repeat_interleave(beams, 0)
        states = []
        for word in before.unbind(1):
            h = cell(embed(word), h)
            states.append(h)
        said = F.log_softmax(8 * head(torch.stack(states, 1)), dim=-1).gather(2, after[:, :, None]).squeeze(2)
        s.note("said", said.where(before != 1, 0.0).sum(1))

    return step


class Language(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, words)

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[0])


def preference_pairs(s):
    batch, length, words, width = s.pick(3, 16), s.pick(6, 32), s.pick(9, 500), s.pick(8, 96)
    policy, reference = s.fill(Language(words, width)), s.fill(Language(words, width), 5)
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)

    def score(net, tokens, answer):
        logp = F.log_softmax(net(tokens[:, :-1]), dim=-1)
        chosen = logp.gather(-1, tokens[:, 1:].unsqueeze(-1)).squeeze(-1)
        return (chosen * answer).sum(-1)

    def train(good, bad, answer):
        with torch.no_grad():
            base = score(reference, good, answer) - score(reference, bad, answer)
        gap = score(policy, good, answer) - score(policy, bad, answer) - base
        loss = -F.logsigmoid(0.1 * gap).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss, (gap > 0).float().mean()

    def step(i):
        good, bad = s.classes(i, [batch, length], words), s.classes(i + 100, [batch, length], words)
        prompt = s.classes(i + 200, [batch], length - 2)
        answer = torch.arange(length - 1) >= prompt[:, None]
        loss, better = train(good, bad, answer)
        s.note("loss", loss.item())
        s.note("better", better.item())

    def finish():
        for p in policy.parameters():
            s.note("weights", p)

    return step, finish

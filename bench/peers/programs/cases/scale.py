"""Programs of unusual size: one very large table, very many nodes, very many tensors, and tensors of nothing."""

import torch
import torch.nn.functional as F
from torch import nn


def large_embedding(s):
    rows, width, batch, words = s.pick(1000, 10_000_000), 4, s.pick(4, 256), s.pick(3, 20)
    table = nn.Embedding(rows, width)
    nn.init.constant_(table.weight, 0.1)
    head = s.fill(nn.Linear(width, 10))
    optimizer = torch.optim.SGD([*table.parameters(), *head.parameters()], lr=5)

    def step(i):
        found = table(s.classes(i, [batch, words], rows))
        loss = F.cross_entropy(head(found.mean(1)), s.classes(i + 500, [batch], 10))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    def finish():
        s.note("rows", table.weight.detach()[s.classes(0, [64], rows)])
        s.note_parameters("head", head)

    return step, finish


def deep_graph(s):
    depth = s.pick(167, 33_334)
    weight = s.values(1, [16], 0.5).requires_grad_()
    bias = s.values(2, [16]).requires_grad_()

    def step(i):
        x = s.values(i + 10, [16])
        for _ in range(depth):
            x = (x * weight + bias).sin()
        loss = x.square().sum()
        weight.grad = None
        bias.grad = None
        loss.backward()
        s.note("loss", loss.item())
        for p in (weight, bias):
            s.note("grad", p.grad)

    return step


def tiny_tensors(s):
    count = s.pick(50, 10_000)
    weight = s.values(1, [2]).requires_grad_()

    def step(i):
        parts = []
        for k in range(count):
            parts.append((torch.tensor([k / count, (k + i) / count]) * weight).tanh())
        together = torch.stack(parts)
        total = parts[0].sum()
        for part in parts[1:]:
            total = total + part.sum()
        loss = together.square().mean() + total / count
        weight.grad = None
        loss.backward()
        s.note("loss", loss.item())
        s.note("total", total.item())
        s.note("grad", weight.grad)
        s.note("last", parts[count - 1])

    return step


def many_parameters(s):
    count = s.pick(20, 3000)
    all_ = [nn.Parameter(s.values(k, [4])) for k in range(count)]
    optimizer = torch.optim.Adam(all_, lr=0.01)

    def step(i):
        targets = s.values(i + 5000, [count, 4])
        losses = [(p - targets[k]).square().sum() for k, p in enumerate(all_)]
        loss = torch.stack(losses).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    return step, lambda: s.note("parameters", torch.stack(all_))


def empty_batches(s):
    net = s.fill(
        nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * 4 * 4, 8),
            nn.LayerNorm(8),
            nn.Linear(8, 5),
        )
    )
    norm = nn.BatchNorm1d(8).eval()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

    def step(i):
        images = s.values(i, [12, 3, 8, 8])
        labels = s.classes(i + 500, [12], 5)
        for wanted in range(7):
            chosen = labels == wanted
            logits = net(images[chosen])
            mean = F.cross_entropy(logits, labels[chosen])
            loss = F.cross_entropy(logits, labels[chosen], reduction="sum")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            s.note("samples", logits.shape[0])
            s.note("mean", mean.item())
            s.note("sum", loss.item())
            for p in net.parameters():
                s.note("grad", p.grad.abs().sum().item())
        nothing = torch.zeros(0, 8)
        s.note("norm", norm(nothing).shape)
        s.note("mse", F.mse_loss(nothing, nothing).item())
        s.note("mse sum", F.mse_loss(nothing, nothing, reduction="sum").item())
        s.note("bce", F.binary_cross_entropy_with_logits(nothing, nothing).item())
        s.note("embedding", F.embedding(torch.zeros(0, 3, dtype=torch.int64), s.values(1, [7, 4])).shape)
        s.note(
            "attention",
            F.scaled_dot_product_attention(
                torch.zeros(0, 2, 3, 4), torch.zeros(0, 2, 3, 4), torch.zeros(0, 2, 3, 4)
            ).shape,
        )
        s.note(
            "queries",
            F.scaled_dot_product_attention(torch.zeros(2, 0, 4), torch.zeros(2, 3, 4), torch.zeros(2, 3, 4)).shape,
        )
        s.note("one-hot", F.one_hot(torch.zeros(0, dtype=torch.int64), 4).shape)
        s.note("softmax", F.softmax(nothing, 1).shape)
        s.note("dropout", F.dropout(nothing, 0.5).shape)

    return step, lambda: s.note_parameters("net", net)


def threw(fn):
    try:
        fn()
    except (RuntimeError, IndexError):
        return True
    return False


def empty_tensors(s):
    def step(i):
        x = s.values(i, [3, 4]).requires_grad_()
        none = x[0:0]
        thin = x[:, 2:2]
        grown = torch.cat([none, x, none, x * 2])
        s.note("cat", grown)
        s.note("cat of nothing", torch.cat([none, none]).shape)
        s.note("old empty", torch.cat([torch.zeros(0), x]).shape)
        s.note("stack", torch.stack([none, none]).shape)
        s.note("chunks", len(none.chunk(3)))
        s.note("split", len(none.split(2)))
        s.note("reshape", none.reshape(2, 0, 5).shape)
        for t in (none, thin):
            s.note("sum", t.sum().item())
            s.note("prod", t.prod().item())
            s.note("mean", t.mean().item())
            s.note("var", t.var().item())
            s.note("norm", t.norm().item())
            s.note("any", (t > 0).any().item())
            s.note("all", (t > 0).all().item())
            s.note("max throws", threw(lambda: t.max()))
            s.note("argmax throws", threw(lambda: t.argmax()))
            s.note("median", t.median().item())
            s.note("count", t.count_nonzero().item())
            s.note("flat", t.flatten().shape)
            s.note("unique", t.detach().unique().shape)
            s.note("nonzero", t.nonzero().shape)
        s.note("sum 0", none.sum(0))
        s.note("sum 1", none.sum(1).shape)
        s.note("mean 0", none.mean(0))
        s.note("sum of thin", thin.sum(1))
        s.note("prod of thin", thin.prod(1))
        s.note("max 1", none.max(1).values.shape)
        s.note("max 0 throws", threw(lambda: none.max(0)))
        s.note("logsumexp", thin.logsumexp(1))
        s.note("cumsum", none.cumsum(0).shape)
        s.note("sort", none.sort(0).values.shape)
        s.note("topk", x.topk(0).values.shape)
        s.note("matmul", thin @ torch.zeros(0, 5))
        s.note("rows", (none @ x.t()).shape)
        s.note("bmm", torch.zeros(0, 2, 3).bmm(torch.zeros(0, 3, 4)).shape)
        s.note("einsum", torch.einsum("ij,kj->ik", thin, thin))
        s.note("select none", x[torch.zeros(0, dtype=torch.int64)].shape)
        s.note("mask", x.masked_select(x > 2).shape)
        s.note("mask sum", x.masked_select(x > 2).sum().item())
        s.note("index add", x.index_add(0, torch.zeros(0, dtype=torch.int64), none))
        s.note("scatter", x.scatter_add(1, torch.zeros(3, 0, dtype=torch.int64), thin))
        s.note("gather", x.gather(1, torch.zeros(3, 0, dtype=torch.int64)).shape)
        s.note("where", torch.where(none > 0, none, -none).shape)
        s.note("pad", F.pad(none, [0, 0, 1, 1], value=7))
        s.note("roll", none.roll(1, 0).shape)
        s.note("flip", none.flip(0).shape)
        s.note("bincount", torch.zeros(0, dtype=torch.int64).bincount(minlength=3))
        s.note("broadcast", (none + torch.zeros(1, 4)).shape)
        s.note("close", none.allclose(none))
        s.note("equal", none.equal(none))
        x.grad = None
        loss = grown.square().sum() + none.exp().sum() + thin.prod(1).sum() + thin.logsumexp(1).exp().sum()
        loss.backward()
        s.note("grad", x.grad)
        s.note("text", "[]" in str(none))

    return step

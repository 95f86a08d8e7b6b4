"""Derivatives of derivatives."""

import torch
import torch.nn.functional as F
from torch import nn

from nets import mlp
from torch.func import functional_call


def curve(weights, x):
    """The network above, of weights that are given."""
    w1, b1, w2, b2, w3, b3 = weights
    h = torch.tanh(F.linear(x, w1, b1))
    return F.linear(torch.tanh(F.linear(h, w2, b2)), w3, b3)


def second_order_maml(s):
    tasks, shots, width, inner = s.pick(2, 8), s.pick(4, 16), s.pick(6, 64), s.pick(2, 3)
    net = s.fill(mlp([1, width, width, 1], nn.Tanh))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step(i):
        height = s.values(i, [tasks, 1, 1]) + 2
        phase = s.values(i + 200, [tasks, 1, 1], 3)
        x = s.values(i + 400, [tasks, shots, 1], 5)
        xs = s.values(i + 600, [tasks, shots, 1], 5)
        y, ys = height * torch.sin(x + phase), height * torch.sin(xs + phase)
        losses = []
        for t in range(tasks):
            fast = dict(net.named_parameters())
            for _ in range(inner):
                loss = F.mse_loss(functional_call(net, fast, x[t]), y[t])
                gradients = torch.autograd.grad(loss, list(fast.values()), create_graph=True)
                fast = {name: p - 0.1 * g for (name, p), g in zip(fast.items(), gradients)}
            losses.append(F.mse_loss(functional_call(net, fast, xs[t]), ys[t]))
        loss = torch.stack(losses).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    def finish():
        s.note_parameters("net", net)
        for p in net.parameters():
            s.note("gradient", p.grad)

    return step, finish


def second_order_conjugate_gradient(s):
    batch, inputs, width = s.pick(6, 128), s.pick(4, 32), s.pick(5, 128)
    net = s.fill(mlp([inputs, width, width, 3], nn.Tanh))
    parameters = list(net.parameters())

    def flat(tensors):
        return torch.cat([t.reshape(-1) for t in tensors])

    def step(i):
        loss = F.cross_entropy(net(s.values(i, [batch, inputs])), s.classes(i + 500, [batch], 3))
        gradient = flat(torch.autograd.grad(loss, parameters, create_graph=True))

        def product(v):
            return flat(torch.autograd.grad(gradient.dot(v), parameters, retain_graph=True)) + 2 * v

        b = gradient.detach()
        x = torch.zeros_like(b)
        r = b.clone()
        p = b.clone()
        rr = r.dot(r).item()
        enough, taken = 1e-4 * rr, 0
        while rr > enough and taken < 10:
            ap = product(p)
            alpha = rr / p.dot(ap).item()
            x.add_(p, alpha=alpha)
            r.sub_(ap, alpha=alpha)
            following = r.dot(r).item()
            p.mul_(following / rr).add_(r)
            rr = following
            taken += 1
        nn.utils.vector_to_parameters(nn.utils.parameters_to_vector(parameters) - x, parameters)
        s.note("loss", loss.item())
        s.note("taken", taken)
        s.note("direction", x)

    return step, lambda: s.note_parameters("net", net)


def solve(a, b):
    """Gauss-Jordan elimination without pivots, of a matrix that is positive definite."""
    m = torch.cat([a, b.unsqueeze(1)], 1)
    for k in range(len(a)):
        row = m[k] / m[k, k]
        m -= m[:, k].outer(row)
        m[k] = row
    return m[:, -1]


def second_order_newton(s):
    batch, inputs = s.pick(8, 512), s.pick(4, 48)
    w = s.values(1, [inputs], 0.1).requires_grad_()

    def step(i):
        x = s.values(i, [batch, inputs])
        y = s.classes(i + 500, [batch], 2).float()
        loss = F.binary_cross_entropy_with_logits(x.mv(w), y) + 0.05 * w.square().sum()
        (gradient,) = torch.autograd.grad(loss, w, create_graph=True)
        hessian = torch.stack([torch.autograd.grad(g, w, retain_graph=True)[0] for g in gradient])
        with torch.no_grad():
            w.sub_(solve(hessian, gradient))
        s.note("loss", loss.item())
        s.note("hessian", hessian)

    return step, lambda: s.note("w", w)


def second_order_gradient_norm(s):
    batch, inputs, width = s.pick(4, 128), s.pick(6, 64), s.pick(8, 256)
    net = s.fill(mlp([inputs, width, width, 10], nn.Tanh))
    parameters = list(net.parameters())
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9)

    def step(i):
        loss = F.cross_entropy(net(s.values(i, [batch, inputs])), s.classes(i + 500, [batch], 10))
        gradients = torch.autograd.grad(loss, parameters, create_graph=True)
        norm = torch.stack([g.norm() for g in gradients]).norm()
        optimizer.zero_grad()
        (loss + 0.1 * norm).backward()
        optimizer.step()
        s.note("loss", loss.item())
        s.note("norm", norm.item())

    return step, lambda: s.note_parameters("net", net)


def second_order_input_gradient(s):
    batch, side, width = s.pick(2, 16), s.pick(8, 24), s.pick(3, 32)
    net = s.fill(
        nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.Softplus(),
            nn.Conv2d(width, 2 * width, 3, padding=1, stride=2),
            nn.GroupNorm(1, 2 * width),
            nn.SiLU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * side * side // 16, 5),
        )
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step(i):
        x = s.values(i, [batch, 3, side, side]).requires_grad_()
        loss = F.cross_entropy(net(x), s.classes(i + 500, [batch], 5))
        (gradient,) = torch.autograd.grad(loss, [x], create_graph=True)
        penalty = gradient.square().sum([1, 2, 3]).mean()
        optimizer.zero_grad()
        (loss + 10 * penalty).backward()
        optimizer.step()
        s.note("loss", loss.item())
        s.note("penalty", penalty.item())

    return step, lambda: s.note_parameters("net", net)


def second_order_learned_rates(s):
    batch, inputs, width, inner = s.pick(4, 64), s.pick(4, 32), s.pick(5, 128), s.pick(2, 4)
    net = s.fill(mlp([inputs, width, width, 3], nn.Tanh))
    rates = [torch.tensor(-2.0, requires_grad=True) for _ in net.parameters()]
    optimizer = torch.optim.Adam(rates, lr=0.05)

    def step(i):
        weights = list(net.parameters())
        for k in range(inner):
            x = s.values(10 * i + k, [batch, inputs])
            loss = F.cross_entropy(curve(weights, x), s.classes(10 * i + k + 5000, [batch], 3))
            gradients = torch.autograd.grad(loss, weights, create_graph=True)
            weights = [p - rate.exp() * g for p, rate, g in zip(weights, rates, gradients)]
        x = s.values(10 * i + 9, [batch, inputs])
        loss = F.cross_entropy(curve(weights, x), s.classes(10 * i + 5009, [batch], 3))
        optimizer.zero_grad()
        loss.backward(inputs=rates)
        optimizer.step()
        with torch.no_grad():
            for p, w in zip(net.parameters(), weights):
                p.copy_(w)
        s.note("loss", loss.item())

    def finish():
        s.note_parameters("net", net)
        for rate in rates:
            s.note("rates", rate)

    return step, finish

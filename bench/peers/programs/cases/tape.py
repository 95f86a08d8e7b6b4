"""Programs that reach into the tape: functions with gradients of their own, hooks, kept gradients, a hunt for NaN."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from nets import mlp


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (x.abs() <= 1)


class BinaryLinear(nn.Linear):
    def forward(self, x):
        return F.linear(x, Sign.apply(self.weight), self.bias)


def straight_through(s):
    batch, inputs, width = s.pick(4, 128), s.pick(8, 256), s.pick(16, 512)
    net = s.fill(nn.Sequential(BinaryLinear(inputs, width), nn.Tanh(), BinaryLinear(width, 10)))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)

    def step(i):
        loss = F.cross_entropy(net(s.values(i, [batch, inputs])), s.classes(i + 500, [batch], 10))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    def finish():
        for name, p in net.named_parameters():
            s.note(f"{name}.grad", p.grad)
        s.note_parameters("net", net)

    return step, finish


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return grad.neg() * ctx.strength, None


def gradient_reversal(s):
    batch, width = s.pick(4, 128), s.pick(8, 384)
    features = s.fill(nn.Sequential(nn.Linear(64, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh()))
    classes = s.fill(nn.Linear(width, 10), 100)
    domains = s.fill(mlp([width, width, 2], nn.Tanh), 200)
    optimizer = torch.optim.SGD(
        [*features.parameters(), *classes.parameters(), *domains.parameters()], lr=0.02, momentum=0.9
    )

    def step(i):
        strength = 2 / (1 + math.exp(-10 * i / 50)) - 1
        hidden = features(s.values(i, [batch, 64]))
        of_class = F.cross_entropy(classes(hidden), s.classes(i + 500, [batch], 10))
        reversed_ = Reverse.apply(hidden, strength)
        of_domain = F.cross_entropy(domains(reversed_), s.classes(i + 900, [batch], 2))
        optimizer.zero_grad()
        (of_class + of_domain).backward()
        optimizer.step()
        s.note("class", of_class.item())
        s.note("domain", of_domain.item())

    def finish():
        s.note_parameters("features", features)
        s.note_parameters("domains", domains)

    return step, finish


def hooked_gradients(s):
    batch, width = s.pick(4, 128), s.pick(8, 384)
    first = s.fill(nn.Linear(64, width))
    second = s.fill(nn.Linear(width, width), 10)
    head = s.fill(nn.Linear(width, 10), 20)
    layers = nn.ModuleList([first, second, head])
    optimizer = torch.optim.Adam(layers.parameters(), lr=1e-3)
    first.weight.register_hook(lambda grad: grad * 0.1)
    mask = (s.values(77, [width, width]) > 0).float()
    second.weight.register_hook(lambda grad: grad * mask)

    def step(i):
        hidden = first(s.values(i, [batch, 64])).tanh()
        hidden.register_hook(lambda grad: grad.clamp(-1e-4, 1e-4))
        deeper = second(hidden).tanh()
        deeper.register_hook(lambda grad: grad / (grad.norm() + 1e-8))
        loss = F.cross_entropy(head(deeper), s.classes(i + 500, [batch], 10))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    def finish():
        for p in layers.parameters():
            s.note("grad", p.grad)
        s.note_parameters("layers", layers)

    return step, finish


def step_in_backward(s):
    batch, width, depth = s.pick(4, 64), s.pick(8, 512), s.pick(3, 8)
    net = nn.Sequential()
    for _ in range(depth):
        net.append(nn.Linear(width, width)).append(nn.Tanh())
    s.fill(net)

    def update(leaf):
        with torch.no_grad():
            leaf.sub_(leaf.grad, alpha=0.1)
        leaf.grad = None

    for p in net.parameters():
        p.register_post_accumulate_grad_hook(update)

    def step(i):
        loss = F.mse_loss(net(s.values(i, [batch, width])), s.values(i + 500, [batch, width]))
        loss.backward()
        s.note("loss", loss.item())

    def finish():
        for p in net.parameters():
            s.note("dropped", p.grad is None)
        s.note_parameters("net", net)

    return step, finish


def kept_gradients(s):
    batch, width, depth = s.pick(4, 128), s.pick(8, 256), s.pick(3, 6)
    layers = s.fill(nn.ModuleList([nn.Linear(width, width) for _ in range(depth)]))
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.5)

    def step(i):
        hidden = []
        x = s.values(i, [batch, width])
        for layer in layers:
            x = layer(x).tanh()
            x.retain_grad()
            hidden.append(x)
        loss = x.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for h in hidden:
            s.note("size", h.grad.norm().item())
            s.note("share", (h.grad.abs().mean() / h.detach().abs().mean()).item())
        s.note("loss", loss.item())

    return step, lambda: s.note_parameters("layers", layers)


def module_backward_hooks(s):
    batch, width = s.pick(3, 64), s.pick(8, 384)
    net = s.fill(
        mlp([64, width, width, 10])
    )
    seen = []
    for module in net:
        if isinstance(module, nn.ReLU):
            module.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0].clamp(min=0),))
        else:
            module.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append(grad_out[0].norm()))

    def step(i):
        image = s.values(i, [batch, 64]).requires_grad_()
        score = net(image).gather(1, s.classes(i + 500, [batch, 1], 10)).sum()
        score.backward()
        s.note("saliency", image.grad.abs())
        for size in seen:
            s.note("seen", size.item())
        seen.clear()

    return step


class Distances(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = nn.Linear(32, width)
        self.scale = nn.Linear(1, 1)

    def forward(self, a, b):
        between = (self.embed(a) - self.embed(b)).square().sum(1, keepdim=True).sqrt()
        return self.scale(between)


def nan_hunt(s):
    batch, width = s.pick(4, 256), s.pick(8, 256)
    net = s.fill(Distances(width))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)

    def step(i):
        a = s.values(i, [batch, 32])
        b = s.values(i + 500, [batch, 32])
        if i % 3 == 1:
            b[0] = a[0]
        wanted = s.values(i + 900, [batch, 1])
        loss = F.mse_loss(net(a, b), wanted)
        optimizer.zero_grad()
        loss.backward()
        broken = [name for name, p in net.named_parameters() if p.grad.isnan().any().item()]
        s.note("loss", loss.item())
        s.note("broken", len(broken))
        if not broken:
            optimizer.step()
            return
        named = False
        try:
            with torch.autograd.detect_anomaly():
                F.mse_loss(net(a, b), wanted).backward()
        except RuntimeError as error:
            named = "SqrtBackward" in str(error)
        s.note("named", named)

    return step, lambda: s.note_parameters("net", net)

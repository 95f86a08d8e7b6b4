"""Models that make data."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from nets import mlp


class VariationalAutoencoder(nn.Module):
    def __init__(self, inputs, width, latent):
        super().__init__()
        self.hidden = nn.Linear(inputs, width)
        self.mean = nn.Linear(width, latent)
        self.logvar = nn.Linear(width, latent)
        self.back = nn.Linear(latent, width)
        self.out = nn.Linear(width, inputs)

    def forward(self, x, eps):
        h = self.hidden(x).tanh()
        mean, logvar = self.mean(h), self.logvar(h)
        z = mean + eps * torch.exp(0.5 * logvar)
        return self.out(self.back(z).tanh()), mean, logvar


def vae(s):
    batch, inputs, width, latent = s.pick(4, 128), s.pick(12, 784), s.pick(16, 400), s.pick(3, 20)
    net = s.fill(VariationalAutoencoder(inputs, width, latent))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, eps=1e-5)

    def step(i):
        x = s.values(i, [batch, inputs]).abs()
        logits, mean, logvar = net(x, s.values(i + 500, [batch, latent], 2))
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        divergence = -0.5 * torch.sum(1 + logvar - mean.square() - logvar.exp())
        loss = (reconstruction + divergence) / batch
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("reconstruction", reconstruction.item())
        s.note("divergence", divergence.item())

    return step, lambda: s.note_parameters("net", net)


def time_embedding(t, width):
    frequencies = torch.exp(torch.linspace(0, -9, width // 2))
    angles = t[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class Denoiser(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.time = nn.Linear(width, width)
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.GroupNorm(4, width)
        self.middle = nn.Conv2d(width, width, 3, padding=1)
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x, t):
        time = self.time(time_embedding(t, self.width))
        h = self.first(x) + time[:, :, None, None]
        deeper = self.middle(F.silu(self.norm(h)))
        return self.last(F.silu(h + deeper))


def diffusion(s):
    batch, size, width, times = s.pick(2, 16), s.pick(6, 32), s.pick(8, 32), 100
    net = s.fill(Denoiser(width))
    average = s.fill(Denoiser(width))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    betas = torch.linspace(1e-4, 0.02, times)
    remaining = torch.cumprod(1 - betas, 0)

    def step(i):
        shape = [batch, 3, size, size]
        x, t, noise = s.values(i, shape), s.classes(i + 100, [batch], times), s.values(i + 500, shape, 2)
        a = remaining[t, None, None, None]
        noisy = a.sqrt() * x + (1 - a).sqrt() * noise
        loss = F.mse_loss(net(noisy, t), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for mine, theirs in zip(average.parameters(), net.parameters()):
                mine.lerp_(theirs, 0.01)
        s.note("loss", loss.item())

    def finish():
        # Backwards from noise, a few steps, with the averaged weights.
        x = s.values(7, [1, 3, size, size], 2)
        with torch.no_grad():
            for t in range(times - 1, times - 4, -1):
                beta = betas[t]
                predicted = average(x, torch.tensor([t]))
                x = (x - beta / (1 - remaining[t]).sqrt() * predicted) / (1 - beta).sqrt()
        s.note("sample", x)
        s.note_parameters("net", net)
        s.note_parameters("average", average)

    return step, finish


class Coupling(nn.Module):
    def __init__(self, features, width):
        super().__init__()
        self.net = mlp([features // 2, width, width, features], nn.Tanh)

    def forward(self, x):
        a, b = x.chunk(2, 1)
        scale, shift = self.net(a).chunk(2, 1)
        bounded = scale.tanh()
        return torch.cat([a, b * bounded.exp() + shift], 1).flip(1), bounded.sum(1)

    def inverse(self, y):
        a, b = y.flip(1).chunk(2, 1)
        scale, shift = self.net(a).chunk(2, 1)
        return torch.cat([a, (b - shift) * (-scale.tanh()).exp()], 1)


def normalizing_flow(s):
    batch, features, width, depth = s.pick(4, 512), s.pick(6, 32), s.pick(8, 128), s.pick(2, 6)
    layers = s.fill(nn.ModuleList(Coupling(features, width) for _ in range(depth)))
    optimizer = torch.optim.Adam(layers.parameters(), lr=1e-3)

    def step(i):
        x = s.values(i, [batch, features])
        z, log_det = x + x.square().flip(1), 0
        for layer in layers:
            z, change = layer(z)
            log_det = log_det + change
        log_probability = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
        loss = -(log_probability + log_det).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    def finish():
        x = s.values(9, [4, features], 2)
        with torch.no_grad():
            for layer in reversed(layers):
                x = layer.inverse(x)
        s.note("sample", x)
        s.note_parameters("layers", layers)

    return step, finish


class Extractor(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, width, 3, padding=1) for before, width in zip(widths, widths[1:])
        )

    def forward(self, x):
        features = []
        for k, convolution in enumerate(self.convolutions):
            if k > 0:
                x = F.avg_pool2d(x, 2)
            x = convolution(x).relu()
            features.append(x)
        return features


def gram(features):
    batch, channels, height, width = features.shape
    flat = features.view(batch, channels, height * width)
    return flat.bmm(flat.transpose(1, 2)) / (channels * height * width)


def style_transfer(s):
    widths = s.pick([3, 4, 8], [3, 32, 64, 128])
    size = s.pick(8, 96)
    net = s.fill(Extractor(widths)).requires_grad_(False)
    content = [f.detach() for f in net(s.values(1, [1, 3, size, size]))]
    styles = [gram(f).detach() for f in net(s.values(2, [1, 3, size, size]))]
    image = s.values(1, [1, 3, size, size]).requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.02)

    def step(i):
        features = net(image)
        of_content = F.mse_loss(features[-1], content[-1])
        of_style = sum(F.mse_loss(gram(f), style) for f, style in zip(features, styles))
        loss = of_content + 1000 * of_style
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            image.clamp_(-1, 1)
        s.note("loss", loss.item())

    def finish():
        s.note("gradient", image.grad)
        s.note("image", image)

    return step, finish


def conv_autoencoder(s):
    batch, size, width = s.pick(2, 16), s.pick(8, 32), s.pick(4, 32)
    net = s.fill(
        nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)

    def step(i):
        x = s.values(i, [batch, 3, size, size]).abs()
        loss = F.binary_cross_entropy(net(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % 5 == 0:
            scheduler.step()
        s.note("loss", loss.item())

    def finish():
        net.eval()
        with torch.no_grad():
            s.note("rebuilt", net(s.values(77, [2, 3, size, size]).abs()))
        s.note_parameters("net", net)
        for buffer in net.buffers():
            s.note("buffers", buffer)

    return step, finish

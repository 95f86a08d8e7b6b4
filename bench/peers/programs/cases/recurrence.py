"""Recurrent networks as loops that people write."""

import torch
import torch.nn.functional as F
from torch import nn


class Cell(nn.Module):
    def __init__(self, inputs, width, outputs):
        super().__init__()
        self.input = nn.Linear(inputs, width)
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, outputs)

    def forward(self, x, h):
        return torch.tanh(self.input(x) + self.hidden(h))


def recurrent_early_exit(s):
    batch, width, longest = s.pick(4, 32), s.pick(16, 128), s.pick(8, 40)
    cell = s.fill(Cell(8, width, 5))
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)

    def step(i):
        xs = s.values(i, [longest, batch, 8])
        target = s.classes(i + 500, [batch], 5)
        h = torch.zeros(batch, width)
        taken = 0
        for t in range(longest):
            following = cell(xs[t], h)
            taken += 1
            change = (following - h).abs().max().item()
            h = following
            if change < 0.9:
                break
        loss = F.cross_entropy(cell.out(h), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("taken", taken)
        s.note("loss", loss.item())

    return step, lambda: s.note_parameters("cell", cell)


def recurrent_changing_lengths(s):
    batch, width = s.pick(3, 32), s.pick(16, 128)
    cell = s.fill(Cell(8, width, 4))
    optimizer = torch.optim.Adam(cell.parameters(), lr=0.01)

    def step(i):
        length = 3 + (i * 7) % s.pick(5, 20)
        xs = s.values(i, [length, batch, 8])
        target = s.values(i + 500, [length, batch, 4])
        h = torch.zeros(batch, width)
        outputs = []
        for t in range(length):
            h = cell(xs[t], h)
            outputs.append(cell.out(h))
        loss = F.mse_loss(torch.stack(outputs), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    return step, lambda: s.note_parameters("cell", cell)


def recurrent_truncated(s):
    batch, width, piece = s.pick(3, 32), s.pick(16, 128), s.pick(4, 16)
    cell = s.fill(Cell(8, width, 4))
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.05, momentum=0.9)
    h = torch.zeros(batch, width)

    def step(i):
        nonlocal h
        h = h.detach()
        xs = s.values(i, [piece, batch, 8])
        outputs = []
        for t in range(piece):
            h = cell(xs[t], h)
            outputs.append(cell.out(h))
        loss = F.mse_loss(torch.stack(outputs), s.values(i + 500, [piece, batch, 4]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    def finish():
        s.note("state", h)
        s.note_parameters("cell", cell)

    return step, finish

"""What a program has at hand: the twin of src/programs/session.ts."""

import math
import time

import torch

from torch_values import classes as class_numbers
from torch_values import uniform

KEPT = 256


class Session:
    def __init__(self, size):
        self.size = size
        # Seconds spent on making data, which are no part of a step.
        self.data_time = 0.0
        self.notes = {}

    def pick(self, quick, full):
        return quick if self.size == "quick" else full

    def values(self, seed, shape, scale=1.0):
        return self._making(lambda: uniform(seed, math.prod(shape), scale).view(*shape))

    def classes(self, seed, shape, number):
        return self._making(lambda: class_numbers(seed, math.prod(shape), number).view(*shape))

    def _making(self, make):
        begun = time.perf_counter()
        made = make()
        self.data_time += time.perf_counter() - begun
        return made

    def fill(self, net, seed=0):
        with torch.no_grad():
            for at, p in enumerate(net.parameters()):
                fan = p.numel() / max(1, p.shape[0] if p.dim() else 1)
                p.copy_(self.values(seed + 1000 + at, p.shape, 1 / math.sqrt(fan) if p.dim() > 1 else 0.1))
        return net

    def note(self, name, value):
        if torch.is_tensor(value):
            value = value.detach().reshape(-1)
            value = value[:: max(1, math.ceil(len(value) / KEPT))].double().tolist()
        elif isinstance(value, (int, float, bool)):
            value = [float(value)]
        stride = max(1, math.ceil(len(value) / KEPT))
        self.notes.setdefault(name, []).extend(float(x) for x in value[::stride])

    def note_parameters(self, name, net):
        for key, p in net.named_parameters():
            self.note(f"{name}.{key}", p)

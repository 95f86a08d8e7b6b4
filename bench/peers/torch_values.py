"""Inputs of the PyTorch peer: the twin of src/values.ts."""

import torch

MASK = 0xFFFFFFFF


def mix(seed, count):
    h = (torch.arange(count, dtype=torch.int64) * 0x9E3779B1 + seed) & MASK
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & MASK
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & MASK
    return h ^ (h >> 16)


def uniform(seed, count, scale=1.0):
    return ((mix(seed, count) >> 8).double() * 2.0**-23 - 1).mul(scale).float()


def classes(seed, count, number):
    return mix(seed, count) % number


def seed_of(round_, repetition, input_):
    return round_ * 100_000 + repetition * 100 + input_


def values_of(spec, seed):
    """Floats, or class numbers where the specification says how many classes there are."""
    shape = spec["shape"]
    count = 1
    for size in shape:
        count *= size
    values = classes(seed, count, spec["classes"]) if "classes" in spec else uniform(seed, count)
    return values.view(*shape)

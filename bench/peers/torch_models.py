"""The models of the benchmarks in PyTorch."""

import torch
from torch import nn

from torch_values import seed_of, uniform


def mlp():
    return nn.Sequential(
        nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10)
    )


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )


MODELS = {"mlp": mlp, "cnn": cnn}


def set_parameters(net, specs):
    """The first values, which all peers begin with."""
    parameters = list(net.parameters())
    if len(parameters) != len(specs):
        raise ValueError(f"{len(parameters)} parameters here, {len(specs)} asked for")
    with torch.no_grad():
        for i, (p, spec) in enumerate(zip(parameters, specs)):
            if list(p.shape) != spec["shape"]:
                raise ValueError(f"parameter {i} is {list(p.shape)} here, {spec['shape']} asked for")
            p.copy_(uniform(seed_of(0, 0, 10 + i), p.numel(), spec["scale"]).view_as(p) + spec["offset"])


def make_optimizer(net, spec, form):
    settings = {"lr": spec["lr"], form: True}
    if spec["kind"] == "sgd":
        return torch.optim.SGD(net.parameters(), momentum=spec["momentum"], **settings)
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[spec["kind"]](
        net.parameters(), betas=tuple(spec["betas"]), eps=spec["eps"], weight_decay=spec["weightDecay"], **settings
    )

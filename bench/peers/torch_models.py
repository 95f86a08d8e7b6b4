"""The models of the benchmarks in PyTorch."""

import torch
import torch.nn.functional as F
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


class Block(nn.Module):
    def __init__(self, from_, to, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(from_, to, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(to)
        self.conv2 = nn.Conv2d(to, to, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(to)
        self.shortcut = None
        if stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(from_, to, 1, stride=stride, bias=False), nn.BatchNorm2d(to))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))


def resnet18(at_224=False):
    widths = [64, 128, 256, 512]
    blocks = []
    for stage, width in enumerate(widths):
        blocks += [Block(widths[max(0, stage - 1)], width, 1 if stage == 0 else 2), Block(width, width, 1)]
    stem = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False) if at_224 else nn.Conv2d(3, 64, 3, padding=1, bias=False)
    pool = [nn.MaxPool2d(3, 2, 1)] if at_224 else []
    return nn.Sequential(
        stem, nn.BatchNorm2d(64), nn.ReLU(), *pool, *blocks,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000 if at_224 else 10),
    )


class GptBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.attend = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        batch, sequence, width = x.shape
        q, k, v = self.attend(self.norm1(x)).view(batch, sequence, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(attended.transpose(1, 2).reshape(batch, sequence, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    def __init__(self, vocabulary=512, sequence=128, width=256, heads=8, blocks=4):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(sequence, width)
        self.blocks = nn.Sequential(*(GptBlock(width, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, x):
        positions = self.positions(torch.arange(x.shape[1]))
        return self.head(self.norm(self.blocks(self.tokens(x) + positions))).flatten(0, 1)


class GptToken(Gpt):
    """The last token of a sequence: keys and values of the tokens before it lie in a cache, its own are added."""

    def __init__(self, sequence=128, width=256, heads=8, blocks=4):
        super().__init__()
        self.position = sequence - 1
        cache = torch.zeros(1, heads, sequence, width // heads)
        self.caches = nn.ParameterList(nn.Parameter(cache.clone()) for _ in range(2 * blocks))

    def forward(self, x):
        at = self.position
        x = self.tokens(x) + self.positions.weight[at : at + 1]
        for b, block in enumerate(self.blocks):
            parts = block.attend(block.norm1(x)).view(3, 1, block.heads, 1, -1)
            keys, values = self.caches[2 * b], self.caches[2 * b + 1]
            keys[:, :, at : at + 1] = parts[1]
            values[:, :, at : at + 1] = parts[2]
            attended = F.scaled_dot_product_attention(parts[0], keys, values)
            x = x + block.project(attended.reshape(1, 1, -1))
            x = x + block.down(F.gelu(block.up(block.norm2(x))))
        return self.head(self.norm(x)).flatten(0, 1)


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(64, 128, batch_first=True)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


MODELS = {
    "mlp": mlp,
    "cnn": cnn,
    "resnet18": resnet18,
    "resnet18 at 224": lambda: resnet18(at_224=True),
    "gpt": Gpt,
    "gpt token": GptToken,
    "lstm": Lstm,
}


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

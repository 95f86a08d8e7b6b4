"""Programs about the numbers themselves: widths, integers, chance, statistics and extremes."""

import shutil
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn


class Mixed(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.encoder = nn.Linear(64, width)
        self.middle = nn.Linear(width, width).double()
        self.head = nn.Linear(width, 10)
        self.temperature = nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

    def forward(self, x):
        hidden = self.middle(self.encoder(x).relu().double()).relu()
        # A number of float64 does not widen a tensor of float32.
        return self.head(hidden.float()) / self.temperature


def mixed_widths(s):
    batch, width = s.pick(4, 128), s.pick(8, 384)
    net = Mixed(width)
    s.fill(nn.ModuleList([net.encoder, net.middle, net.head]))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step(i):
        logits = net(s.values(i, [batch, 64]))
        loss = F.cross_entropy(logits.double(), s.classes(i + 500, [batch], 10))
        penalty = net.middle.weight.square().mean() + net.encoder.weight.square().mean()
        total = loss + penalty * 0.1
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        s.note("narrow", logits.dtype == torch.float32 and total.dtype == torch.float64)
        s.note("loss", total.item())

    def finish():
        s.note("wide grad", net.middle.weight.grad.dtype == torch.float64)
        s.note_parameters("net", net)

    return step, finish


def integers(s):
    count = s.pick(40, 200_000)

    def step(i):
        start = s.classes(i, [count], 2**31) + 1
        # Marsaglia's xorshift.
        x = start
        x = x ^ (x << 13)
        x = x ^ (x >> 7)
        x = x ^ (x << 17)
        s.note("xorshift", x)
        s.note("sum", x.sum().item())
        multiplied = x * 6364136223846793005 + 1442695040888963407
        s.note("congruential", multiplied)
        divisor = s.classes(i + 500, [count], 19) - 9
        safe = divisor.where(divisor != 0, 7)
        s.note("floor", multiplied // safe)
        s.note("trunc", multiplied.div(safe, rounding_mode="trunc"))
        s.note("remainder", multiplied % safe)
        s.note("fmod", multiplied.fmod(safe))
        s.note("true", x / safe)
        s.note("remainder of a number", x % -1000)
        small = x.int()
        s.note("int32", small * small + small)
        s.note("shifted", small << safe.int().abs())
        s.note("shifted back", small >> safe.int().abs())
        bytes_ = x.byte()
        s.note("uint8", (bytes_ + 200) * 3)
        s.note("uint8 less", bytes_ - ~bytes_)
        s.note("int8", -(bytes_.char() * 5))
        s.note("int16", x.short() * x.short())
        # How many bits are set.
        bits = small & 0x7FFFFFFF
        bits = bits - ((bits >> 1) & 0x55555555)
        bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333)
        bits = (bits + (bits >> 4)) & 0x0F0F0F0F
        bits = (bits * 0x01010101) >> 24
        s.note("bits", bits)
        s.note("histogram", bits.bincount(minlength=33))
        s.note("parity", (bits & 1).bool().logical_xor(x < 0).sum().item())
        s.note("prefix", x.cumsum(0))
        s.note("power", (small % 10).pow(5))
        s.note("largest", x.max().item())
        s.note("at", x.argmin().item())
        s.note("distinct", (x % 97).unique())

    return step


def chance_again(s):
    count, width, batch = s.pick(20, 300_000), s.pick(8, 256), s.pick(4, 128)
    folder = Path(tempfile.mkdtemp(prefix="chance-"))
    net = s.fill(nn.Sequential(nn.Linear(32, width), nn.Dropout(0.5), nn.Linear(width, 4)))
    torch.manual_seed(5)

    def draw(i):
        loss = net(s.values(i, [batch, 32])).square().mean()
        return [
            torch.rand(count),
            torch.randn(count, dtype=torch.float64),
            torch.randint(0, 1000, [batch]),
            torch.randperm(batch),
            torch.bernoulli(s.values(i, [batch]).abs()),
            loss.detach(),
            nn.init.kaiming_uniform_(nn.Linear(16, 16).weight).detach(),
        ]

    def same(a, b):
        return all(x.equal(y) for x, y in zip(a, b))

    def step(i):
        torch.save(torch.get_rng_state(), folder / "state.pt")
        first = draw(i)
        other = draw(i)
        torch.save(first, folder / "draws.pt")
        torch.set_rng_state(torch.load(folder / "state.pt"))
        again = draw(i)
        kept = torch.load(folder / "draws.pt")
        s.note("same", same(first, again))
        s.note("other", same(first, other))
        s.note("other again", same(other, draw(i)))
        s.note("kept", same(kept, again))
        uniform, normal, _, order = first[:4]
        s.note("range", ((uniform >= 0) & (uniform < 1)).all().item())
        s.note("finite", normal.isfinite().all().item())
        s.note("order", order.sort().values)

    return step, lambda: shutil.rmtree(folder)


def standardised_data(s):
    rows, width, rounds = s.pick(30, 20_000), s.pick(4, 64), 10
    stretch = torch.arange(width).float() + 1
    seen = 0
    mean = torch.tensor(0.0).expand(width)
    spread = torch.tensor(0.0).expand(width)

    def step(i):
        nonlocal seen, mean, spread
        raw = s.values(i, [rows, width]) * stretch + stretch * 3
        # Chan et al. 1979: statistics of batches put together.
        of_batch, delta = raw.mean(0), raw.mean(0) - mean
        spread = spread + (raw - of_batch).square().sum(0) + delta.square() * (seen * rows / (seen + rows))
        mean = mean + delta * (rows / (seen + rows))
        seen += rows
        s.note("running", mean)
        s.note("running std", (spread / (seen - 1)).sqrt())
        z = (raw - raw.mean(0)) / raw.std(0)
        s.note("z", z)
        s.note("means", (z.mean(0).abs() < 1e-4).all().item())
        covariance = raw.t().cov()
        s.note("covariance", covariance)
        s.note("correlation", raw.t().corrcoef())
        low, high = raw.aminmax(dim=0)
        s.note("scaled", (raw - low) / (high - low))
        quartiles = raw[:, 0].quantile(torch.tensor([0.25, 0.5, 0.75]))
        s.note("quartiles", quartiles)
        iqr = quartiles[2] - quartiles[0]
        outside = (raw[:, 0] - quartiles[1]).abs() > iqr * 0.9
        s.note("outside", outside.sum().item())
        s.note("winsorised", raw.clamp(raw.quantile(0.05, 0), raw.quantile(0.95, 0)).mean(0))
        direction = F.normalize(stretch, dim=0)
        for _ in range(rounds):
            direction = F.normalize(covariance.mv(direction), dim=0)
        s.note("variance", direction.dot(covariance.mv(direction)).item())
        centred = raw - raw.mean(0)
        left = centred - centred.mv(direction).outer(direction)
        s.note("left", left.var(0).sum().item())

    return step


def extreme_values(s):
    inf, nan = float("inf"), float("nan")
    edges = [0.0, -0.0, 1e-45, 1e-38, 1e-20, 1e-7, 1, 20, 88, 89, 104, 1e4, 1e20, 1e38, inf, nan]
    rows, width = s.pick(2, 256), s.pick(5, 1024)
    functions = {
        "softplus": lambda x: F.softplus(x),
        "logSigmoid": lambda x: F.logsigmoid(x),
        "sigmoid": lambda x: x.sigmoid(),
        "tanh": lambda x: x.tanh(),
        "log1p": lambda x: x.abs().log1p(),
        "expm1": lambda x: x.expm1(),
        "exp": lambda x: x.exp(),
        "log": lambda x: x.log(),
        "rsqrt": lambda x: x.rsqrt(),
        "elu": lambda x: F.elu(x),
        "silu": lambda x: F.silu(x),
        "erf": lambda x: x.erf(),
        "atan": lambda x: x.atan(),
        "logaddexp": lambda x: x.logaddexp(-x),
        "hypot": lambda x: x.hypot(torch.full_like(x, 1e20)),
        "bce": lambda x: F.binary_cross_entropy_with_logits(x, (x > 0).float(), reduction="none"),
        "huber": lambda x: F.huber_loss(x, x * 0, reduction="none"),
        "naive": lambda x: (x.exp() + 1).log(),
        "finite": lambda x: x.nan_to_num(nan=1).clamp(-1e6, 1e6).sqrt(),
    }

    def step(i):
        line = torch.tensor([*edges, *(-x for x in edges)]).requires_grad_()
        for name, fn in functions.items():
            line.grad = None
            y = fn(line)
            y.sum().backward()
            s.note(name, y)
            s.note(f"{name} grad", line.grad)
        x = s.values(i, [rows, width], 1e3).requires_grad_()
        masked = x.masked_fill(s.values(i + 500, [rows, width]) > 0.3, -inf)
        closed = torch.cat([masked, torch.full_like(masked[[0]], -inf)])
        s.note("logsumexp", closed.logsumexp(1))
        s.note("softmax", closed.softmax(1))
        s.note("naive sum", masked.exp().sum(1).log())
        loss = masked.logsumexp(1).sum() + masked.log_softmax(1)[:, 0].nan_to_num().sum()
        loss.backward()
        s.note("loss", loss.item())
        s.note("grad", x.grad)
        s.note("norm", (x.detach() * 1e18).norm().item())
        s.note("var", (x.detach() + 1e6).var(1))

    return step


def log_space(s):
    batch, states, length = s.pick(3, 64), s.pick(4, 32), s.pick(5, 40)
    parameters = {
        "initial": s.values(1, [states], 3).requires_grad_(),
        "transition": s.values(2, [states, states], 3).requires_grad_(),
        "emission": s.values(3, [states, 20], 3).requires_grad_(),
    }
    optimizer = torch.optim.Adam(parameters.values(), lr=0.01)

    def step(i):
        seen = s.classes(i, [batch, length], 20)
        initial = parameters["initial"].log_softmax(0)
        transition = parameters["transition"].log_softmax(1)
        emission = parameters["emission"].log_softmax(1).t()
        alpha = initial + emission[seen[:, 0]]
        for t in range(1, length):
            alpha = (alpha.unsqueeze(2) + transition).logsumexp(1) + emission[seen[:, t]]
        loss = -alpha.logsumexp(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.note("loss", loss.item())

    def finish():
        s.note("rows", torch.stack([row.sum() for row in parameters["transition"].softmax(1)]))
        for name, p in parameters.items():
            s.note(name, p)

    return step, finish

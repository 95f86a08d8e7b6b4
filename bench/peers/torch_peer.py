"""PyTorch as a peer of hadal's benchmarks: answers lines of JSON on stdin with lines of JSON on stdout.

    python3 torch_peer.py THREADS OUTPUT_FILE

{"ask": "open", "case": {...}, "repetitions": n} makes a case ready; {"ask": "round", "round": r} runs it on the values of a round
and writes all outputs as float32 to the file. Every case has one or more forms (eager, torch.compile, fused optimizers); the
fastest in warm-up is used. Values come from the function `uniform`, the twin of the one in src/values.ts.
"""

import ctypes
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

THREADS = int(sys.argv[1])
OUTPUT = sys.argv[2]
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


class Case:
    """A case in one form. `prepare` makes a round's inputs, `run` is timed, `outputs` are compared."""

    stateful = False

    def __init__(self, spec, repetitions):
        self.spec = spec
        self.repetitions = repetitions

    def operations(self):
        """How many operations one run is."""
        return self.repetitions


class Gemm(Case):
    forms = ["eager"]

    def __init__(self, form, spec, repetitions):
        super().__init__(spec, repetitions)

    def prepare(self, round_):
        m, n, k = self.spec["m"], self.spec["n"], self.spec["k"]
        self.inputs = []
        for r in range(self.repetitions):
            a = uniform(seed_of(round_, r, 0), m * k)
            b = uniform(seed_of(round_, r, 1), k * n)
            a = a.view(k, m).t() if self.spec["transA"] else a.view(m, k)
            b = b.view(n, k).t() if self.spec["transB"] else b.view(k, n)
            self.inputs.append((a, b))

    def run(self):
        with torch.inference_mode():
            self.results = [a @ b for a, b in self.inputs]

    def outputs(self):
        return self.results


def mul_add_relu(x, weight, bias):
    return torch.relu(x * 2 + bias)


def gelu(x, weight, bias):
    return F.gelu(x)


def softmax(x, weight, bias):
    return torch.softmax(x, 1)


def layer_norm(x, weight, bias):
    return F.layer_norm(x, (x.shape[1],), weight, bias, 1e-5)


def cross_entropy(logits, target):
    return F.cross_entropy(logits, target)


ROW_FUNCTIONS = {"mul-add-relu": mul_add_relu, "gelu": gelu, "softmax": softmax, "layer-norm": layer_norm}


class Pointwise(Case):
    forms = ["eager", "torch.compile"]

    def __init__(self, form, spec, repetitions):
        super().__init__(spec, repetitions)
        self.is_loss = spec["name"] == "cross-entropy"
        function = cross_entropy if self.is_loss else ROW_FUNCTIONS[spec["name"]]
        self.function = torch.compile(function) if form == "torch.compile" else function

    def prepare(self, round_):
        rows, columns = self.spec["rows"], self.spec["columns"]
        x = uniform(seed_of(round_, 0, 0), rows * columns, 4).view(rows, columns)
        if self.is_loss:
            self.inputs = (x.requires_grad_(), classes(seed_of(round_, 0, 1), rows, columns))
        else:
            self.inputs = (x, uniform(seed_of(round_, 0, 1), columns), uniform(seed_of(round_, 0, 2), columns))

    def run(self):
        if self.is_loss:
            loss = self.function(*self.inputs)
            loss.backward()
            self.results = [self.inputs[0].grad, loss.detach()]
        else:
            with torch.no_grad():
                self.results = [self.function(*self.inputs)]

    def outputs(self):
        return self.results


class AdamW(Case):
    forms = ["fused", "foreach"]
    stateful = True

    def __init__(self, form, spec, repetitions):
        super().__init__(spec, repetitions)
        self.weights = uniform(seed_of(0, 0, 7), spec["size"]).requires_grad_()
        self.optimizer = torch.optim.AdamW([self.weights], lr=1e-3, weight_decay=0.01, **{form: True})

    def prepare(self, round_):
        self.weights.grad = uniform(seed_of(round_, 0, 0), self.spec["size"])

    def run(self):
        self.optimizer.step()

    def outputs(self):
        return [self.weights.detach()]


class Mlp(Case):
    forms = ["eager foreach", "eager fused", "torch.compile fused"]
    stateful = True

    def __init__(self, form, spec, repetitions):
        super().__init__(spec, repetitions)
        sizes = spec["sizes"]
        layers = []
        for i in range(len(sizes) - 1):
            linear = torch.nn.Linear(sizes[i], sizes[i + 1])
            bound = 1 / math.sqrt(sizes[i])
            with torch.no_grad():
                linear.weight.copy_(uniform(seed_of(0, 0, 10 + 2 * i), linear.weight.numel(), bound).view_as(linear.weight))
                linear.bias.copy_(uniform(seed_of(0, 0, 11 + 2 * i), linear.bias.numel(), bound))
            layers += [linear, torch.nn.ReLU()]
        self.net = torch.nn.Sequential(*layers[:-1])
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=spec["lr"], **{form.split()[-1]: True})

        def loss_of(x, y):
            return F.cross_entropy(self.net(x), y)

        self.loss_of = torch.compile(loss_of) if "compile" in form else loss_of

    def prepare(self, round_):
        batch, sizes = self.spec["batch"], self.spec["sizes"]
        self.batches = [
            (
                uniform(seed_of(round_, step, 0), batch * sizes[0]).view(batch, sizes[0]),
                classes(seed_of(round_, step, 1), batch, sizes[-1]),
            )
            for step in range(self.repetitions)
        ]

    def run(self):
        self.losses = []
        for x, y in self.batches:
            loss = self.loss_of(x, y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.detach())

    def outputs(self):
        return self.losses + [p.detach() for p in self.net.parameters()]


class Cnn(Mlp):
    """Two convolutions, a max-pool and two linear layers, AdamW."""

    forms = ["eager foreach", "eager fused", "torch.compile fused", "channels_last fused"]

    def __init__(self, form, spec, repetitions):
        Case.__init__(self, spec, repetitions)
        nn = torch.nn
        self.net = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
        )
        with torch.no_grad():
            fan = 1
            for i, p in enumerate(self.net.parameters()):
                fan = p[0].numel() if p.dim() > 1 else fan
                p.copy_(uniform(seed_of(0, 0, 10 + i), p.numel(), 1 / math.sqrt(fan)).view_as(p))
        if "channels_last" in form:
            self.net = self.net.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=spec["lr"], **{form.split()[-1]: True})

        def loss_of(x, y):
            return F.cross_entropy(self.net(x), y)

        self.loss_of = torch.compile(loss_of) if "compile" in form else loss_of

    def prepare(self, round_):
        batch = self.spec["batch"]
        self.batches = [
            (
                uniform(seed_of(round_, step, 0), batch * 784).view(batch, 1, 28, 28),
                classes(seed_of(round_, step, 1), batch, 10),
            )
            for step in range(self.repetitions)
        ]

    def outputs(self):
        return self.losses


class Chain(Case):
    forms = ["eager"]

    def __init__(self, form, spec, repetitions):
        super().__init__(spec, repetitions)
        self.chains = repetitions // spec["ops"]

    def prepare(self, round_):
        size = self.spec["size"]
        self.inputs = [(uniform(seed_of(round_, r, 0), size), uniform(seed_of(round_, r, 1), size)) for r in range(self.chains)]

    def run(self):
        self.results = []
        with torch.inference_mode():
            for x, b in self.inputs:
                y = x
                for i in range(self.spec["ops"]):
                    y = y * b if i % 2 == 0 else y + b
                self.results.append(y)

    def outputs(self):
        return self.results


CASES = {"gemm": Gemm, "pointwise": Pointwise, "adamw": AdamW, "mlp": Mlp, "cnn": Cnn, "chain": Chain}


def timed(case, round_):
    case.prepare(round_)
    cpu, start = time.process_time(), time.perf_counter()
    case.run()
    wall = time.perf_counter() - start
    return wall * 1000 / case.operations(), (time.process_time() - cpu) / wall


def fastest(spec, repetitions):
    """The fastest form of a case, fresh: what warm-up changed is made anew."""
    kind = CASES[spec["kind"]]
    found = None
    for form in kind.forms:
        try:
            case = kind(form, spec, repetitions)
            best = min(timed(case, round_)[0] for round_ in range(6))
        except Exception as error:  # torch.compile needs a C++ compiler
            if form == kind.forms[-1] and found is None:
                raise
            print(f"torch peer: {form} does not run here: {type(error).__name__}", file=sys.stderr)
            continue
        if found is None or best < found[0]:
            found = (best, form, case)
    _, form, case = found
    return form, kind(form, spec, repetitions) if kind.stateful else case


def main():
    torch.set_num_threads(THREADS)
    channel = sys.stdout
    # What libraries print must not get into the replies.
    sys.stdout = sys.stderr

    def reply(message):
        print(json.dumps(message), file=channel, flush=True)

    reply({"description": f"PyTorch {torch.__version__}, {torch.get_num_threads()} thread(s)"})
    case = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["ask"] == "open":
            form, case = fastest(request["case"], request["repetitions"])
            reply({"form": form})
        else:
            ms, cpu = timed(case, request["round"])
            flat = torch.cat([t.reshape(-1) for t in case.outputs()]).contiguous()
            with open(OUTPUT, "wb") as file:
                file.write(ctypes.string_at(flat.data_ptr(), 4 * flat.numel()))
            reply({"ms": ms, "cpu": cpu})


main()

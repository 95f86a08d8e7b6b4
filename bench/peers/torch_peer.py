"""PyTorch as a peer of hadal's benchmarks: answers lines of JSON on stdin with lines of JSON on stdout.

    python3 torch_peer.py THREADS compile|eager OUTPUT_FILE

{"ask": "open", "case": {...}, "repetitions": n} makes a case ready; {"ask": "round", "round": r} runs it on the values of a round
and writes all outputs as float32 to the file. Every case has one or more forms (eager, torch.compile, fused optimizers); the
fastest in warm-up is used.
"""

import ctypes
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

from torch_models import MODELS, make_optimizer, set_parameters
from torch_values import classes, seed_of, uniform, values_of

THREADS = int(sys.argv[1])
COMPILES = sys.argv[2] == "compile"
OUTPUT = sys.argv[3]

class Case:
    """A case in one form. `prepare` makes a round's inputs, `run` is timed, `outputs` are compared."""

    stateful = False
    forms = ["eager"]

    @classmethod
    def forms_of(cls, spec):
        return cls.forms

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
        m, n, k, batch = self.spec["m"], self.spec["n"], self.spec["k"], self.spec["batch"]
        lead = [] if batch == 1 else [batch]
        self.inputs = []
        for r in range(self.repetitions):
            a = uniform(seed_of(round_, r, 0), batch * m * k)
            b = uniform(seed_of(round_, r, 1), batch * k * n)
            a = a.view(*lead, k, m).mT if self.spec["transA"] else a.view(*lead, m, k)
            b = b.view(*lead, n, k).mT if self.spec["transB"] else b.view(*lead, k, n)
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


def sigmoid(x, weight, bias):
    return torch.sigmoid(x)


def tanh(x, weight, bias):
    return torch.tanh(x)


def chain_of_10(x, weight, bias):
    for _ in range(5):
        x = x * weight + bias
    return x


ROW_FUNCTIONS = {"sigmoid": sigmoid, "tanh": tanh, "chain of 10": chain_of_10}
ROW_FUNCTIONS |= {"mul-add-relu": mul_add_relu, "gelu": gelu, "softmax": softmax, "layer-norm": layer_norm}


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


class Embedding(Case):
    def __init__(self, form, spec, repetitions):
        super().__init__(spec, repetitions)

    def prepare(self, round_):
        s = self.spec
        table = uniform(seed_of(round_, 0, 0), s["vocabulary"] * s["width"]).view(s["vocabulary"], s["width"])
        self.table = table.requires_grad_()
        self.tokens = classes(seed_of(round_, 0, 1), s["tokens"], s["vocabulary"])
        self.gradient = uniform(seed_of(round_, 0, 2), s["tokens"] * s["width"]).view(s["tokens"], s["width"])

    def run(self):
        y = F.embedding(self.tokens, self.table)
        y.backward(self.gradient)
        self.results = [y.detach(), self.table.grad]

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


class Train(Case):
    """Training steps of a model of torch_models.py; the outputs are the losses and the last parameter."""

    stateful = True

    @staticmethod
    def forms_of(spec):
        forms = ["eager foreach", "eager fused", "torch.compile fused"]
        return forms + ["channels_last fused"] if len(spec["input"]["shape"]) == 4 else forms

    def __init__(self, form, spec, repetitions):
        super().__init__(spec, repetitions)
        self.net = MODELS[spec["model"]]()
        set_parameters(self.net, spec["parameters"])
        if "channels_last" in form:
            self.net = self.net.to(memory_format=torch.channels_last)
        self.optimizer = make_optimizer(self.net, spec["optimizer"], form.split()[-1])

        def loss_of(x, y):
            return F.cross_entropy(self.net(x), y)

        self.loss_of = torch.compile(loss_of) if "compile" in form else loss_of

    def prepare(self, round_):
        self.batches = [
            (values_of(self.spec["input"], seed_of(round_, step, 0)), values_of(self.spec["target"], seed_of(round_, step, 1)))
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
        return [*self.losses, list(self.net.parameters())[-1].detach()]


class Infer(Case):
    @staticmethod
    def forms_of(spec):
        return ["eager", "channels_last", "torch.compile"] if len(spec["input"]["shape"]) == 4 else ["eager", "torch.compile"]

    def __init__(self, form, spec, repetitions):
        super().__init__(spec, repetitions)
        net = MODELS[spec["model"]]()
        set_parameters(net, spec["parameters"])
        net.eval()
        if form == "channels_last":
            net = net.to(memory_format=torch.channels_last)
        self.net = torch.compile(net) if form == "torch.compile" else net

    def prepare(self, round_):
        self.inputs = [values_of(self.spec["input"], seed_of(round_, r, 0)) for r in range(self.repetitions)]

    def run(self):
        with torch.inference_mode():
            self.results = [self.net(x) for x in self.inputs]

    def outputs(self):
        return self.results


class Conv(Case):
    forms = ["eager", "channels_last"]

    def __init__(self, form, spec, repetitions):
        super().__init__(spec, repetitions)
        self.format = torch.channels_last if form == "channels_last" else torch.contiguous_format

    def prepare(self, round_):
        s = self.spec
        out = (s["side"] + 2 * s["padding"] - s["kernel"]) // s["stride"] + 1
        shapes = [
            (s["batch"], s["from"], s["side"], s["side"]),
            (s["to"], s["from"] // s["groups"], s["kernel"], s["kernel"]),
            (s["batch"], s["to"], out, out),
        ]
        wanted = 2 if s["pass"] == "forward" else 3
        self.inputs = [
            [
                uniform(seed_of(round_, r, i), math.prod(shape)).view(*shape).to(memory_format=self.format)
                for i, shape in enumerate(shapes[:wanted])
            ]
            for r in range(self.repetitions)
        ]

    def one(self, x, w, dy=None):
        s = self.spec
        settings = [[s["stride"]] * 2, [s["padding"]] * 2, [1, 1], False, [0, 0], s["groups"]]
        if s["pass"] == "forward":
            return torch.convolution(x, w, None, *settings)
        mask = [s["pass"] == "input", s["pass"] == "weight", False]
        gradients = torch.ops.aten.convolution_backward(dy, x, w, [0], *settings, mask)
        return gradients[0 if s["pass"] == "input" else 1]

    def run(self):
        with torch.inference_mode():
            self.results = [self.one(*inputs) for inputs in self.inputs]

    def outputs(self):
        return [y.contiguous() for y in self.results]


class Attention(Case):
    def prepare(self, round_):
        s = self.spec
        shape = (1, s["heads"], s["sequence"], s["width"])
        self.backward = s["pass"] == "backward"
        self.inputs = [
            [
                uniform(seed_of(round_, r, i), math.prod(shape), 2 if i < 2 else 1).view(*shape).requires_grad_(self.backward and i < 3)
                for i in range(4)
            ]
            for r in range(self.repetitions)
        ]

    def __init__(self, form, spec, repetitions):
        super().__init__(spec, repetitions)

    def run(self):
        self.results = []
        for q, k, v, dy in self.inputs:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=self.spec["causal"])
            self.results.append(y.detach())
            if self.backward:
                self.results += torch.autograd.grad(y, (q, k, v), dy)

    def outputs(self):
        return self.results


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


CASES = {"gemm": Gemm, "pointwise": Pointwise, "embedding": Embedding, "adamw": AdamW, "train": Train, "infer": Infer, "conv": Conv, "attention": Attention, "chain": Chain}


def timed(case, round_):
    case.prepare(round_)
    cpu, start = time.process_time(), time.perf_counter()
    case.run()
    wall = time.perf_counter() - start
    return wall * 1000 / case.operations(), (time.process_time() - cpu) / wall


def trial(case):
    """The best of some rounds: fewer where each takes long. The first may compile."""
    best = timed(case, 0)[0]
    end = time.perf_counter() + 5
    for round_ in range(1, 6):
        best = min(best, timed(case, round_)[0])
        if time.perf_counter() > end:
            break
    return best


def fastest(spec, repetitions):
    """The fastest form of a case, fresh: what warm-up changed is made anew."""
    kind = CASES[spec["kind"]]
    forms = [form for form in kind.forms_of(spec) if COMPILES or "compile" not in form]
    found = None
    for form in forms:
        try:
            case = kind(form, spec, repetitions)
            best = trial(case)
        except Exception as error:  # torch.compile needs a C++ compiler
            if form == forms[-1] and found is None:
                raise
            print(f"torch peer: {form} does not run here: {type(error).__name__}", file=sys.stderr)
            continue
        if found is None or best < found[0]:
            found = (best, form, case)
    best, form, case = found
    return best, form, kind(form, spec, repetitions) if kind.stateful else case


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
            if request["case"]["kind"] not in CASES:
                reply({"unsupported": "it is not written for PyTorch"})
                continue
            ms, form, case = fastest(request["case"], request["repetitions"])
            reply({"form": form, "ms": ms})
        else:
            ms, cpu = timed(case, request["round"])
            flat = torch.cat([t.reshape(-1) for t in case.outputs()]).contiguous()
            with open(OUTPUT, "wb") as file:
                file.write(ctypes.string_at(flat.data_ptr(), 4 * flat.numel()))
            reply({"ms": ms, "cpu": cpu})


main()

"""Values and gradients from PyTorch 2.13, which the tests compare every engine with.

    python scripts/pytorch-fixtures.py generate        writes test/fixtures/*.json
    python scripts/pytorch-fixtures.py compare FILE    checks what `node scripts/fuzz.mjs --dump FILE` wrote

A case is a program (see test/support/program.ts): inputs, then steps `[name, operands, *parameters]` that name Tensor methods and
functions of hadal. This script knows what each step is in PyTorch; nothing here is computed in any other way.
"""

import json
import math
import pathlib
import random
import sys

import torch
import torch.nn.functional as F

DTYPES = {
    "float32": torch.float32,
    "int32": torch.int32,
    "int64": torch.int64,
    "uint8": torch.uint8,
    "bool": torch.bool,
}
NAMES = {v: k for k, v in DTYPES.items()}


class Unsupported(Exception):
    """PyTorch has no counterpart for what a program does."""


# --- elements as JSON ------------------------------------------------------------------------------------------------------


def decode(x):
    if isinstance(x, str):
        return float(x) if x in ("nan", "inf", "-inf", "-0") else int(x)
    return x


def encode(x):
    if isinstance(x, bool):
        return int(x)
    if isinstance(x, int):
        return x if abs(x) <= 2**53 else str(x)
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    if x == 0 and math.copysign(1, x) < 0:
        return "-0"
    # The shortest decimal that reads back as the same float32.
    for digits in range(1, 10):
        text = f"{x:.{digits}g}"
        if torch.tensor(float(text), dtype=torch.float32).item() == x:
            value = float(text)
            return int(value) if value == int(value) and abs(value) < 1e15 else value
    raise ValueError(f"{x} is no float32")


def to_tensor(p):
    dtype = DTYPES[p["dtype"]]
    data = [decode(x) for x in p["data"]]
    if dtype is torch.bool:
        data = [bool(x) for x in data]
    t = torch.tensor(data, dtype=dtype).reshape(p["shape"])
    return t.requires_grad_() if p.get("grad") else t


def plain(t):
    t = t.detach()
    return {"shape": list(t.shape), "dtype": NAMES[t.dtype], "data": [encode(x) for x in t.flatten().tolist()]}


def pattern(shape):
    """Numbers in which no element is like its neighbour; the same as in program.ts."""
    n = math.prod(shape)
    return torch.tensor([((i * 7) % 5) - 1.5 for i in range(n)], dtype=torch.float32).reshape(list(shape))


# --- steps -----------------------------------------------------------------------------------------------------------------


def number(x):
    return decode(x) if isinstance(x, str) else x


def other(t, p):
    return t[1] if len(t) > 1 else number(p[0])


def index_item(p):
    if p == ":":
        return slice(None)
    if p == "...":
        return Ellipsis
    if isinstance(p, list):
        return slice(*(p + [None] * (3 - len(p))))
    return p


def reduction(fn):
    def rule(t, p):
        d, keepdim = (list(p) + [None, False])[:2]
        if d is None:
            d = tuple(range(t[0].dim()))
            # An empty list means all dimensions; a scalar has none to keep.
            if t[0].dim() == 0:
                return fn(t[0], dim=(), keepdim=False)
        return fn(t[0], dim=tuple(d) if isinstance(d, list) else d, keepdim=bool(keepdim))

    return rule


def viewed(t, shape):
    """reshape that must be a view, as it always is in hadal."""
    try:
        return t.view(shape)
    except RuntimeError as error:
        raise Unsupported("reshape copies here") from error


UNARY = {
    n: (lambda n: lambda t, p: getattr(t[0], n)())(n)
    for n in ["neg", "abs", "relu", "exp", "log", "sqrt", "tanh", "erf", "reciprocal", "square", "sigmoid", "clone", "detach", "t", "max", "min"]
}
BINARY = {n: (lambda n: lambda t, p: getattr(t[0], n)(other(t, p)))(n) for n in ["add", "sub", "mul", "div", "eq", "ne", "lt", "le", "gt", "ge"]}
RULES = {
    **UNARY,
    **BINARY,
    "logicalNot": lambda t, p: t[0].logical_not(),
    "addScaled": lambda t, p: t[0].add(t[1], alpha=p[0]),
    "maximum": lambda t, p: torch.maximum(t[0], t[1]),
    "minimum": lambda t, p: torch.minimum(t[0], t[1]),
    "logicalAnd": lambda t, p: torch.logical_and(t[0], t[1]),
    "logicalOr": lambda t, p: torch.logical_or(t[0], t[1]),
    "where": lambda t, p: torch.where(t[0], t[1], t[2] if len(t) > 2 else number(p[0])),
    "to": lambda t, p: t[0].to(DTYPES[p[0]]),
    "sum": reduction(torch.sum),
    "mean": reduction(torch.mean),
    "amax": reduction(torch.amax),
    "amin": reduction(torch.amin),
    "argmax": lambda t, p: torch.argmax(t[0], dim=p[0] if p else None, keepdim=bool(p[1]) if len(p) > 1 else False),
    "softmax": lambda t, p: torch.softmax(t[0], p[0]),
    "logSoftmax": lambda t, p: torch.log_softmax(t[0], p[0]),
    "reshape": lambda t, p: viewed(t[0], p[0]),
    "flatten": lambda t, p: viewed(t[0], flattened(t[0].shape, *p)),
    "squeeze": lambda t, p: t[0].squeeze() if not p or p[0] is None else t[0].squeeze(p[0]),
    "unsqueeze": lambda t, p: t[0].unsqueeze(p[0]),
    "permute": lambda t, p: t[0].permute(p[0]),
    "transpose": lambda t, p: t[0].transpose(*p),
    "expand": lambda t, p: t[0].expand(p[0]),
    "narrow": lambda t, p: t[0].narrow(*p),
    "select": lambda t, p: t[0].select(*p),
    "index": lambda t, p: t[0][tuple(index_item(i) for i in p)],
    "matmul": lambda t, p: torch.matmul(t[0], t[1]),
    "gather": lambda t, p: torch.gather(t[0], p[0], t[1].long() if t[1].dtype is torch.int32 else t[1]),
    "linear": lambda t, p: F.linear(t[0], t[1], t[2] if len(t) > 2 else None),
    "gelu": lambda t, p: F.gelu(t[0], approximate=p[0]),
    "crossEntropy": lambda t, p: F.cross_entropy(t[0], t[1].long(), reduction=p[0]),
    "mseLoss": lambda t, p: F.mse_loss(t[0], t[1], reduction=p[0]),
}


def flattened(shape, start, end):
    if len(shape) == 0:
        return [1]
    end = end % len(shape)
    return [*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]]


def update(t, p):
    with torch.no_grad():
        if t[0].grad is not None:
            t[0].sub_(t[0].grad.mul(p[0]))


def zero_grad(t, p):
    t[0].grad = None


STATEMENTS = {
    **{n: (lambda n: lambda t, p: getattr(t[0], n)(other(t, p)))(n) for n in ["add_", "sub_", "mul_", "div_"]},
    **{n: (lambda n: lambda t, p: getattr(t[0], n)())(n) for n in ["relu_", "neg_", "exp_", "sqrt_", "tanh_", "zero_"]},
    "fill_": lambda t, p: t[0].fill_(number(p[0])),
    "copy_": lambda t, p: t[0].copy_(t[1]),
    "backward": lambda t, p: t[0].backward(pattern(t[0].shape), retain_graph=True),
    "update": update,
    "zeroGrad": zero_grad,
}


def second_gradients(y, leaves):
    first = torch.autograd.grad(y, leaves, pattern(y.shape), create_graph=True, allow_unused=True)
    parts = [g for g in first if g is not None and g.requires_grad]
    if not parts:
        return [None] * len(leaves)
    total = sum((g * pattern(g.shape)).sum() for g in parts)
    return torch.autograd.grad(total, leaves, allow_unused=True)


def run(program):
    """Snapshots of a program, and the step that threw with its error."""
    tensors = [to_tensor(p) for p in program["inputs"]]
    leaves = [t for t in tensors if t.requires_grad]
    snapshots = []
    in_place = any(s[0] in STATEMENTS and s[0] not in ("backward", "update", "zeroGrad") for s in program["steps"])

    def look(of, t):
        if t is not None:
            snapshots.append({"of": of, **plain(t)})

    for at, (name, operands, *p) in enumerate(program["steps"]):
        t = [tensors[i] for i in operands]
        try:
            if name == "read":
                look(f"step {at}", t[0])
            elif name == "second":
                for i, g in enumerate(second_gradients(t[0], leaves)):
                    look(f"second gradient {i}", g)
            elif name in STATEMENTS:
                STATEMENTS[name](t, p)
            elif name == "reshape" and not in_place:
                tensors.append(t[0].reshape(p[0]))
            elif name == "flatten" and not in_place:
                tensors.append(t[0].flatten(*p) if t[0].dim() > 0 else t[0].reshape(1))
            else:
                tensors.append(RULES[name](t, p))
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            return snapshots, {"step": at, "error": f"{type(error).__name__}: {error}"}
    for i in program["outputs"]:
        look(f"%{i}", tensors[i])
    for i, leaf in enumerate(leaves):
        look(f"gradient {i}", leaf.grad)
    return snapshots, None


# --- comparing programs that hadal ran ---------------------------------------------------------------------------------------


def differs(ours, theirs):
    if (ours["dtype"], ours["shape"]) != (theirs["dtype"], theirs["shape"]):
        return f"{ours['of']}: hadal {ours['dtype']}{ours['shape']}, PyTorch {theirs['dtype']}{theirs['shape']}"
    for i, (a, b, allowed) in enumerate(zip(ours["data"], theirs["data"], ours["allowed"])):
        if allowed is None or a == b:
            continue
        x, y = float(decode(a)), float(decode(b))
        if x == y or (math.isnan(x) and math.isnan(y)) or abs(x - y) <= 2 * allowed:
            continue
        return f"{ours['of']}: {ours['dtype']}{ours['shape']} element {i}: hadal {a}, PyTorch {b}, allowed {allowed}"
    return None


def compare(path):
    total = agreed = unsupported = 0
    kinds = {}
    for line in open(path):
        case = json.loads(line)
        total += 1
        try:
            snapshots, thrown = run(case["program"])
        except Unsupported:
            unsupported += 1
            continue
        problem = None
        if (case["thrown"] is None) != (thrown is None):
            problem = f"hadal threw {case['thrown']}, PyTorch threw {thrown}"
        elif case["thrown"] is None:
            theirs = {s["of"]: s for s in snapshots}
            ours = {s["of"]: s for s in case["results"]}
            for of, s in ours.items():
                problem = problem or (differs(s, theirs[of]) if of in theirs else f"{of}: only hadal has it")
            for of in theirs:
                if of not in ours and of.startswith("gradient"):
                    problem = problem or f"{of}: only PyTorch has it"
        if problem is None:
            agreed += 1
            continue
        size = len(case["program"]["steps"]), len(line)
        kind = "".join(c for c in problem.split(" element ")[0] if not c.isdigit())[:70]
        count, best = kinds.get(kind, (0, None))
        kinds[kind] = count + 1, min(best or (size, problem, case), (size, problem, case), key=lambda k: k[0])
    print(f"{total} programs: {agreed} agree, {unsupported} without counterpart, {total - agreed - unsupported} differ")
    for kind, (count, (_, problem, case)) in sorted(kinds.items(), key=lambda k: -k[1][0]):
        print(f"--- {count} times: {problem}")
        next_slot = len(case["program"]["inputs"])
        for i, p in enumerate(case["program"]["inputs"]):
            print(f"%{i} = {p['dtype']}{p['shape']} {p['data'][:24]}{' requires grad' if p.get('grad') else ''}")
        for name, operands, *p in case["program"]["steps"]:
            gives = name not in STATEMENTS and name not in ("read", "second")
            print(f"{f'%{next_slot} = ' if gives else ''}{name}({', '.join([f'%{i}' for i in operands] + [json.dumps(x) for x in p])})")
            next_slot += gives


# --- fixtures --------------------------------------------------------------------------------------------------------------

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "test" / "fixtures"
SILENT = {*STATEMENTS, "read", "second"}
NAN, INF = math.nan, math.inf


# Cases in which PyTorch throws where none was expected, or the other way around.
problems = []


class Suite:
    """The cases of one fixture file. A case is a program with what PyTorch gives for it."""

    def __init__(self, name):
        self.name = name
        self.cases = []
        self.names = set()

    def add(self, name, inputs, steps, outputs=None, second=False, gradient=True, **options):
        """
        Reads the last result (or `outputs`), goes backward from it where it has a gradient, and with `second` takes gradients of
        gradients. `throws` names the error that hadal raises in the last step, where PyTorch raises one too.
        """
        if name in self.names:
            raise ValueError(f"two cases are called {name}")
        self.names.add(name)
        made = sum(s[0] not in SILENT for s in steps)
        last = len(inputs) + made - 1
        program = {"inputs": inputs, "steps": steps, "outputs": [last] if outputs is None else outputs}
        written = any(s[0] == "backward" for s in steps)
        if gradient and not written and "throws" not in options and any(p.get("grad") for p in inputs):
            program["steps"] = [*steps, ["backward", [last]], *([["second", [last]]] if second else [])]
        snapshots, thrown = run(program)
        last_step = len(program["steps"]) - 1
        if (thrown is not None) != ("throws" in options) or (thrown is not None and thrown["step"] != last_step):
            problems.append(f"{self.name}, {name}: PyTorch threw {thrown}")
            return
        self.cases.append({"name": name, "program": program, "expected": [] if thrown else snapshots, **options})

    def write(self):
        lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in self.cases)
        (FIXTURES / f"{self.name}.json").write_text(f"[\n{lines}\n]\n")
        print(f"{self.name}: {len(self.cases)} cases")


def literal(x):
    """An input as JSON. Decimals stay as they are written; both sides round them to float32."""
    return x if isinstance(x, float) and math.isfinite(x) and x != 0 else encode(x)


def given(shape, data, dtype="float32", grad=False):
    p = {"shape": list(shape), "dtype": dtype, "data": [literal(x) for x in data]}
    return {**p, "grad": True} if grad else p


def some(shape, seed=1, low=-3.0, high=3.0, grad=True):
    """Float32 numbers of two decimals, no two neighbours alike."""
    r = random.Random(seed)
    return given(shape, [round(r.uniform(low, high), 2) for _ in range(math.prod(shape))], grad=grad)


def whole(shape, seed=1, low=-9, high=9, dtype="int64"):
    r = random.Random(seed)
    return given(shape, [r.randint(low, high) for _ in range(math.prod(shape))], dtype)


SAMPLES = {
    "float32": [1.5, -2.25, 0, 3, -0.5],
    "int32": [3, -2, 0, 2147483647, -7],
    "int64": [5, 3, -1, 0, 4294967303],
    "uint8": [0, 2, 255, 3, 7],
    "bool": [1, 0, 1, 1, 0],
}


def sample(dtype, shape=(5,), at=0):
    data = SAMPLES[dtype][at:] + SAMPLES[dtype][:at]
    return given(shape, data[: math.prod(shape)], dtype)


def arithmetic():
    s = Suite("arithmetic")
    pairs = [
        ([5], [5]),
        ([2, 3], [3]),
        ([2, 1], [1, 3]),
        ([], [4]),
        ([4], []),
        ([], []),
        ([2, 0], [1]),
        ([3, 1, 2], [4, 1]),
        ([17], [17]),
        ([1], [33]),
    ]
    for op in ["add", "sub", "mul", "div", "maximum", "minimum"]:
        for a, b in pairs:
            low = 0.5 if op == "div" else -3.0
            s.add(f"{op} of float32 {a} and {b}", [some(a, 1), some(b, 2, low)], [[op, [0, 1]]], second=op in ("mul", "div"))
        s.add(f"{op} of a tensor and itself", [some([6], 3)], [[op, [0, 0]]], second=op in ("mul", "div"))
    s.add("mul of three", [some([4], 1), some([2, 4], 2)], [["mul", [0, 1]], ["mul", [2, 0]]], second=True)
    s.add("div of a sum by a product", [some([4], 1), some([4], 2, 1)], [["add", [0, 1]], ["mul", [1, 1]], ["div", [2, 3]]], second=True)
    for alpha in [2, -0.5]:
        s.add(f"add with alpha {alpha}", [some([3], 1), some([2, 3], 2)], [["addScaled", [0, 1], alpha]])
    s.add("int64 add with alpha", [whole([4]), whole([4], 2)], [["addScaled", [0, 1], 3]])
    special = [NAN, INF, -INF, 0.0, -0.0, 1e-40, -1e-40, 3e38]
    left = [x for x in special for _ in special]
    right = [y for _ in special for y in special]
    for op in ["add", "sub", "mul", "div", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge"]:
        # Which zero the larger or smaller of 0 and -0 is, PyTorch leaves open: its scalar and vector loops differ.
        open_zero = {} if op in ("maximum", "minimum") else {"signedZero": True}
        s.add(f"{op} of special values", [given([64], left), given([64], right)], [[op, [0, 1]]], atol=0, **open_zero)
    for op in ["maximum", "minimum"]:
        a, b = [1, NAN, NAN, 2, 3, 0, INF], [NAN, 1, NAN, 2, 1, 5, INF]
        s.add(f"{op}: gradients at NaN and ties", [given([7], a, grad=True), given([7], b, grad=True)], [[op, [0, 1]]])
    for dtype in ["int32", "int64", "uint8"]:
        for n in [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 33]:
            low, high = (0, 255) if dtype == "uint8" else (-99, 99)
            a, b = whole([n], n, low, high, dtype), whole([n], n + 1, low, high, dtype)
            s.add(f"{dtype} of {n} elements", [a, b], [["mul", [0, 1]], ["add", [2, 0]], ["sub", [3, 1]]])
    s.add("int64 wraps", [given([2], [2**63 - 1, -(2**63)], "int64")], [["add", [0, 0]], ["mul", [0, 0]]], [1, 2])
    s.add("int32 wraps", [given([2], [2**31 - 1, -(2**31)], "int32")], [["add", [0, 0]], ["mul", [0, 0]], ["sub", [1, 0]]], [1, 2, 3])
    s.add("uint8 wraps", [given([3], [200, 255, 3], "uint8")], [["add", [0, 0]], ["mul", [0, 0]], ["neg", [0]]], [1, 2, 3])
    big = given([4], [2**53 + 1, -(2**53) - 1, 2**62, -(2**62)], "int64")
    s.add("int64 beyond 2^53 is exact", [big, given([1], [3], "int64")], [["add", [0, 1]], ["sub", [0, 1]], ["maximum", [0, 1]], ["lt", [0, 1]]], [2, 3, 4, 5])
    s.write()


def promotion():
    s = Suite("promotion")
    ops = ["add", "sub", "mul", "div", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge"]
    for a in DTYPES:
        for b in DTYPES:
            for op in ops:
                if op == "sub" and "bool" in (a, b):
                    s.add(f"sub of {a} and {b}", [sample(a), sample(b)], [[op, [0, 1]]], throws="DTypeError")
                else:
                    s.add(f"{op} of {a} and {b}", [sample(a), sample(b, at=2)], [[op, [0, 1]]])
            for op in ["add", "mul", "lt", "maximum"]:
                s.add(f"{op} of {a} and a 0-d {b}", [sample(a), sample(b, [], 1)], [[op, [0, 1]]])
                s.add(f"{op} of a 0-d {a} and {b}", [sample(a, [], 1), sample(b)], [[op, [0, 1]]])
            s.add(f"add of 0-d {a} and 0-d {b}", [sample(a, [], 1), sample(b, [], 3)], [["add", [0, 1]]])
            s.add(f"where of {a} and {b}", [sample("bool"), sample(a), sample(b, at=2)], [["where", [0, 1, 2]]])
            s.add(f"where of {a} and a 0-d {b}", [sample("bool"), sample(a), sample(b, [], 2)], [["where", [0, 1, 2]]])
            s.add(f"logical ops of {a} and {b}", [sample(a), sample(b, at=2)], [["logicalAnd", [0, 1]], ["logicalOr", [0, 1]], ["logicalNot", [0]]], [2, 3, 4])
            # What a conversion out of range gives is undefined in C++; only values that fit are asked for.
            fits = sample(a) if b not in ("uint8",) or a in ("bool", "uint8") else given([5], [3, 0, 7, 255, 1], a)
            s.add(f"{a} to {b}", [fits], [["to", [0], b]])
        for op in ops[:4] + ops[6:]:
            for n in [2, -1, 0.5, "nan", "inf", True]:
                if op == "sub" and (a == "bool" or n is True):
                    s.add(f"sub of {a} and {json.dumps(n)}", [sample(a)], [[op, [0], n]], throws="DTypeError")
                else:
                    s.add(f"{op} of {a} and {json.dumps(n)}", [sample(a)], [[op, [0], n]])
        for n in [2, 0.5, False]:
            s.add(f"where of {a} and {json.dumps(n)}", [sample("bool"), sample(a)], [["where", [0, 1], n]])
    s.add("float32 to int32 truncates", [given([6], [1.9, -1.9, 0.5, -0.5, 2e9, -0.0])], [["to", [0], "int32"], ["to", [0], "int64"], ["to", [0], "bool"]], [1, 2, 3])
    s.add("NaN and infinities to bool", [given([4], [NAN, INF, -INF, 1e-40])], [["to", [0], "bool"]])
    s.add("integers to narrower ones wrap", [given([4], [300, -1, 2**32 + 5, -(2**40)], "int64")], [["to", [0], "uint8"], ["to", [0], "int32"]], [1, 2])
    s.add("int64 to float32 rounds", [given([3], [2**24 + 1, 2**62 + 2**30, -(2**63)], "int64")], [["to", [0], "float32"]])
    s.add("numbers beyond uint8 wrap", [sample("uint8")], [["add", [0], 300], ["mul", [0], -1], ["sub", [0], 257]], [1, 2, 3])
    s.add("fill_ beyond uint8 wraps", [sample("uint8")], [["clone", [0]], ["fill_", [1], -1]])
    s.add("fill_ of integers truncates", [sample("int32"), sample("int64")], [["fill_", [0], 2.7], ["fill_", [1], -2.7]], [0, 1])
    s.add("fill_ of a bool", [sample("bool")], [["fill_", [0], 0.5]], [0])
    s.add("an integer tensor beyond 2^24 with a fraction", [given([2], [2**24 + 1, 2**31 - 1], "int32")], [["add", [0], 0.5]])
    for dtype in ["int32", "int64", "uint8"]:
        s.add(f"div of {dtype} by zero", [given([3], [0, 1, 2], dtype)], [["div", [0], 0]])
    s.add("gradients through conversions", [some([4]), whole([4])], [["to", [0], "float32"], ["mul", [2, 1]], ["add", [3], True]])
    s.add("no gradients through integers", [some([4])], [["to", [0], "int32"]], gradient=False)
    s.add("where: gradients to both sides, broadcast", [sample("bool", [2, 1]), some([3]), some([2, 3], 2)], [["where", [0, 1, 2]]])
    s.add("where: second gradients", [sample("bool", [3]), some([3]), some([3], 2)], [["mul", [1, 1]], ["where", [0, 3, 2]]], second=True)
    s.add("where with a number: NaN on the other side stays there", [sample("bool", [3]), given([3], [1, NAN, 2], grad=True)], [["where", [0, 1], 0]])
    for name, condition in [("int32", sample("int32")), ("float32", sample("float32"))]:
        s.add(f"where with a condition of {name}", [condition, sample("float32")], [["where", [0, 1], 0]], throws="DTypeError")
    s.write()


def unary():
    s = Suite("unary")
    ranges = {
        "neg": (-3, 3), "abs": (-3, 3), "relu": (-3, 3), "exp": (-4, 4), "log": (0.1, 6), "sqrt": (0.1, 6), "tanh": (-3, 3),
        "erf": (-3, 3), "reciprocal": (0.2, 4), "square": (-3, 3), "sigmoid": (-5, 5),
    }
    smooth = {"exp", "log", "sqrt", "tanh", "erf", "reciprocal", "square", "sigmoid"}
    edges = [NAN, INF, -INF, 0.0, -0.0, 1e-45, -1e-45, 1e-40, -1e-40, 1.1754944e-38, -1.1754944e-38, 1e-30, 1e-10, -1e-10, 1e-4, -1e-4]
    edges += [0.25, 0.84375, 0.999, 1.0, -1.0, 1.0000001, 2.0, 3.9, -3.9, 4.5, 9.0, -9.0, 17.0, -17.0, 50.0, -50.0, 87.0, -87.0]
    edges += [88.0, 88.7, 88.8, -88.0, 100.0, -100.0, -103.0, -104.0, 1e5, -1e5, 1e10, 1e30, -1e30, 3.4028235e38, -3.4028235e38]
    # PyTorch's vectorised functions are themselves off by up to 2 units in the last place, so a relative 1e-5 has room for both.
    for op, (low, high) in ranges.items():
        for shape in [[7], [2, 3], [], [0], [19]]:
            s.add(f"{op} of {shape}", [some(shape, 5, low, high)], [[op, [0]]], second=op in smooth)
        # Below the smallest normal number PyTorch's own exp has only a few bits.
        tiny = 1e-38 if op in ("exp", "sigmoid") else 3e-45
        s.add(f"{op} of special values", [given([len(edges)], edges)], [[op, [0]]], atol=tiny, signedZero=True)
        for dtype in DTYPES:
            name = f"{op} of {dtype}"
            if dtype == "bool" and op in ("neg", "relu"):
                s.add(name, [sample(dtype)], [[op, [0]]], throws="DTypeError")
            elif dtype == "bool" and op == "abs":
                continue
            else:
                s.add(name, [sample(dtype)], [[op, [0]]])
    for op in ["relu", "abs"]:
        s.add(f"{op}: gradients at 0 and NaN", [given([6], [0.0, -0.0, NAN, INF, -INF, 1e-40], grad=True)], [[op, [0]]])
    s.add("sigmoid: gradients far out", [given([6], [100, -100, 30, -30, INF, -INF], grad=True)], [["sigmoid", [0]]])
    s.add("tanh: gradients far out", [given([6], [100, -100, 9.5, -9.5, INF, -INF], grad=True)], [["tanh", [0]]])
    s.add("sqrt and log: gradients at 0", [given([2], [0.0, 4.0], grad=True)], [["sqrt", [0]], ["log", [0]], ["add", [1, 2]]])
    s.add("extremes of integers", [given([2], [-(2**31), 2**31 - 1], "int32"), given([2], [-(2**63), 2**63 - 1], "int64")], [["neg", [0]], ["neg", [1]], ["abs", [0]], ["abs", [1]], ["relu", [0]], ["relu", [1]]], [2, 3, 4, 5, 6, 7])
    s.add("a chain of functions", [some([9], 7)], [["sigmoid", [0]], ["tanh", [1]], ["exp", [2]], ["mul", [3, 0]], ["erf", [4]]], second=True)
    s.add("a function of a broadcast", [some([3, 1], 7)], [["expand", [0], [3, 4]], ["tanh", [1]]], second=True)
    s.write()


def reduction_cases():
    s = Suite("reduction")
    shapes = [([2, 3, 4], [None, 0, 1, 2, -1, -3, [0, 1], [0, 2], [-1, 1], [0, 1, 2], []]), ([5], [None, 0, -1, []]), ([], [None, 0, -1, []]), ([1, 3, 1], [None, 0, 2, [0, 2]]), ([3, 1], [None, 0, 1, [1]])]
    for op in ["sum", "mean", "amax", "amin"]:
        for shape, dims in shapes:
            for d in dims:
                for keepdim in [False, True]:
                    p = [d] if not keepdim else [d, True]
                    s.add(f"{op} of {shape} over {d}{', keepdim' if keepdim else ''}", [some(shape, 11)], [[op, [0], *p]])
        s.add(f"{op}: second gradients", [some([2, 3], 12)], [["mul", [0, 0]], [op, [1], 1]], second=True)
    for op in ["sum", "mean"]:
        for shape, d in [([0], None), ([2, 0, 3], 1), ([2, 0, 3], None), ([2, 0, 3], 0), ([0, 3], [0, 1])]:
            s.add(f"{op} of {shape} over {d}", [some(shape)], [[op, [0], d]])
    for op in ["amax", "amin"]:
        s.add(f"{op} of [2, 0, 3] over 0", [some([2, 0, 3])], [[op, [0], 0]])
        s.add(f"{op} over an empty dimension", [some([2, 0, 3])], [[op, [0], 1]], throws="ShapeError")
        s.add(f"{op} of nothing", [some([0])], [[op, [0]]], throws="ShapeError")
        s.add(f"{op}: equal extrema share the gradient", [given([2, 4], [1, 3, 3, 2, -1, -1, -1, -1], grad=True)], [[op, [0], 1]])
        s.add(f"{op} of all: equal extrema share the gradient", [given([2, 3], [5, 0, 5, 0, 5, 0], grad=True)], [[op, [0]]])
        s.add(f"{op} of NaN and infinities", [given([4, 3], [1, NAN, 2, INF, -INF, 0, -INF, -INF, -INF, NAN, INF, NAN])], [[op, [0], 1], [op, [0], 0]], [1, 2])
    for op in ["max", "min"]:
        s.add(f"{op} of all", [some([2, 5], 13)], [[op, [0]]])
    for dtype in ["int32", "int64", "uint8"]:
        x = given([2, 5], [*SAMPLES[dtype], *reversed(SAMPLES[dtype])], dtype)
        for op in ["sum", "amax", "amin"]:
            for d in [None, 0, 1]:
                s.add(f"{op} of {dtype} over {d}", [x], [[op, [0], d]])
        for d in [None, 0, 1]:
            s.add(f"argmax of {dtype} over {d}", [x], [["argmax", [0], *([] if d is None else [d])]])
        s.add(f"mean of {dtype}", [x], [["mean", [0]]], throws="DTypeError")
    for d in [None, 0, 1]:
        s.add(f"sum of bools over {d}", [given([2, 5], [1, 0, 1, 1, 0, 1, 1, 1, 0, 0], "bool")], [["sum", [0], d]])
    s.add("extrema of all negative int64", [given([3], [-(2**63), -5, -(2**62) - 1], "int64")], [["amax", [0]], ["amin", [0]]], [1, 2])
    s.add("extrema of large positive int64", [given([3], [2**63 - 1, 2**62 + 1, 2**62], "int64")], [["amax", [0]], ["amin", [0]]], [1, 2])
    s.add("sum of int32 does not wrap", [given([3], [2**31 - 1] * 3, "int32")], [["sum", [0]]])
    s.add("sum of uint8 does not wrap", [given([3], [255] * 3, "uint8")], [["expand", [0], [20, 3]], ["sum", [1]], ["sum", [1], 0]], [2, 3])
    s.add("sum of int64 wraps", [given([2], [2**63 - 1, 2], "int64")], [["sum", [0]]])
    for n in [2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65]:
        s.add(f"sums and extrema of {n}", [some([n], n), whole([n], n)], [["sum", [0]], ["amax", [0]], ["amin", [0]], ["argmax", [0]], ["sum", [1]], ["amax", [1]], ["argmax", [1]]], [2, 3, 4, 5, 6, 7, 8], gradient=False)
        s.add(f"column sums of {n} rows", [some([n, 3], n)], [["sum", [0], 0]])
    s.add("a long sum down the columns", [some([1, 5], 14, grad=False)], [["expand", [0], [3000, 5]], ["clone", [1]], ["sum", [2], 0]])
    s.add("a long sum along the rows", [some([1, 5], 14, grad=False)], [["expand", [0], [3000, 5]], ["clone", [1]], ["t", [2]], ["clone", [3]], ["sum", [4], 1], ["sum", [4]], ["mean", [4]]], [5, 6, 7])
    s.add("infinities add up to NaN", [given([2, 2], [INF, -INF, INF, 1])], [["sum", [0], 1]])
    ties = given([3, 4], [1, 5, 5, 2, 7, 7, 7, 7, 0, -1, 0, -1])
    for d in [None, 0, 1, -1]:
        for keepdim in [False, True]:
            name = f"argmax with ties over {d}{', keepdim' if keepdim else ''}"
            s.add(name, [ties], [["argmax", [0], d, keepdim] if d is not None or keepdim else ["argmax", [0]]])
    s.add("argmax: the first NaN wins", [given([2, 5], [1, NAN, INF, NAN, 2, -INF, -INF, 3, NAN, 9])], [["argmax", [0], 1], ["argmax", [0], 0], ["argmax", [0]]], [1, 2, 3])
    s.add("argmax of infinities", [given([2, 3], [-INF] * 3 + [INF, INF, 0])], [["argmax", [0], 1]])
    s.add("argmax over dimensions of size 1", [some([3, 1], grad=False), some([1, 1], grad=False), some([1, 4], grad=False)], [["argmax", [0], 1], ["argmax", [1], 0], ["argmax", [2], 0], ["argmax", [2], 0, True]], [3, 4, 5, 6])
    s.add("argmax of one number", [some([], grad=False), some([1], grad=False)], [["argmax", [0]], ["argmax", [0], 0], ["argmax", [1], 0], ["argmax", [1]]], [2, 3, 4, 5])
    s.add("argmax of the middle of [2, 5, 3]", [some([2, 5, 3], grad=False)], [["argmax", [0], 1], ["argmax", [0], 1, True]], [1, 2])
    s.add("argmax of nothing", [some([0], grad=False)], [["argmax", [0]]], throws="ShapeError")
    for op in ["softmax", "logSoftmax"]:
        for shape in [[2, 3, 4], [5], [1, 4], [4, 1], [3, 17], []]:
            for d in range(-1, max(len(shape), 1)):
                s.add(f"{op} of {shape} over {d}", [some(shape, 15)], [[op, [0], d]], second=True)
        s.add(f"{op} of large numbers", [given([2, 3], [1000, 1001, 999, -1e4, 0, 3e38], grad=True)], [[op, [0], 1]])
        s.add(f"{op} of -inf", [given([2, 3], [-INF, 0, 1, -INF, -INF, 2], grad=True)], [[op, [0], 1]])
        s.add(f"{op} of nothing but -inf", [given([1, 3], [-INF] * 3)], [[op, [0], 1]])
        s.add(f"{op} of NaN", [given([2, 2], [NAN, 0, 1, 2])], [[op, [0], 1]])
        s.add(f"{op} of [2, 0]", [some([2, 0])], [[op, [0], 1]])
    s.add("a variance", [some([3, 6], 16)], [["mean", [0], 1, True], ["sub", [0, 1]], ["square", [2]], ["mean", [3], [1]]], second=True)
    s.add("a norm", [some([3, 6], 17)], [["square", [0]], ["sum", [1], -1, True], ["sqrt", [2]], ["div", [0, 3]]], second=True)
    s.add("a reduction of a reduction", [some([2, 3, 4], 18)], [["amax", [0], 2], ["sum", [1], 0], ["mul", [2, 2]], ["mean", [3]]])
    s.write()


def movement():
    s = Suite("movement")
    x = some([2, 3, 4], 21)
    one = {
        "reshape to [6, 4]": ["reshape", [0], [6, 4]],
        "reshape to [-1]": ["reshape", [0], [-1]],
        "reshape to [4, -1, 2]": ["reshape", [0], [4, -1, 2]],
        "flatten": ["flatten", [0], 0, -1],
        "flatten from 1": ["flatten", [0], 1, 2],
        "permute": ["permute", [0], [2, 0, 1]],
        "permute with negative dimensions": ["permute", [0], [-1, 0, -2]],
        "transpose": ["transpose", [0], 0, -1],
        "unsqueeze": ["unsqueeze", [0], 1],
        "unsqueeze at the end": ["unsqueeze", [0], -1],
        "expand in front": ["expand", [0], [3, 2, 3, 4]],
        "expand with -1": ["expand", [0], [2, -1, -1, 4]],
        "narrow": ["narrow", [0], 1, 1, 2],
        "narrow to nothing": ["narrow", [0], 2, 2, 0],
        "narrow from the end": ["narrow", [0], -1, -3, 2],
        "select": ["select", [0], 1, -1],
        "index a number": ["index", [0], 1],
        "index a negative number": ["index", [0], -1, ":", 2],
        "index a range": ["index", [0], ":", [1, None]],
        "index every second": ["index", [0], ":", ":", [None, None, 2]],
        "index a stepped range": ["index", [0], [0, 2, 3], [None, -1, 1], [1, None, 2]],
        "index with an ellipsis": ["index", [0], "...", 1],
        "index with a new dimension": ["index", [0], None, 1, None, ":", [-2, None]],
        "index past the end": ["index", [0], ":", [2, 99], [-99, 2]],
        "index an empty range": ["index", [0], ":", [2, 1]],
        "clone": ["clone", [0]],
    }
    for name, step in one.items():
        if name == "expand with -1":
            step = ["expand", [0], [2, 2, -1, 4]]
        s.add(name, [x], [step])
        s.add(f"{name}: second gradients", [x], [step, ["mul", [1, 1]], ["sum", [2]]], second=True)
    s.add("squeeze", [some([1, 3, 1], 22)], [["squeeze", [0]], ["squeeze", [0], 0], ["squeeze", [0], 1], ["squeeze", [0], -1]], [1, 2, 3, 4], gradient=False)
    s.add("expand and back", [some([3, 1], 23)], [["expand", [0], [2, 3, 4]], ["permute", [1], [1, 2, 0]], ["sum", [2], [1, 2]]])
    s.add("t of a vector and a matrix", [some([3], 23), some([2, 3], 24)], [["t", [0]], ["t", [1]], ["mul", [2, 2]], ["matmul", [4, 3]]][:3], [2, 3])
    s.add("0-d to [1, 1] and back", [some([], 25)], [["reshape", [0], [1, 1]], ["reshape", [1], []], ["unsqueeze", [2], 0], ["expand", [3], [4]]])
    chains = {
        "permute, reshape, permute": [["permute", [0], [2, 0, 1]], ["reshape", [1], [8, 3]], ["permute", [2], [1, 0]]],
        "slice, permute, reshape": [["index", [0], ":", [None, None, 2], [1, None]], ["permute", [1], [2, 1, 0]], ["reshape", [2], [-1]]],
        "reshape, slice, expand": [["reshape", [0], [4, 6]], ["index", [1], [1, 4, 2], 3], ["unsqueeze", [2], 0], ["expand", [3], [3, 2]]],
        "narrow of a narrow": [["narrow", [0], 2, 1, 3], ["narrow", [1], 2, 1, 1], ["narrow", [2], 0, 1, 1]],
        "transpose, flatten, step": [["transpose", [0], 1, 2], ["flatten", [1], 0, -1], ["index", [2], [1, None, 5]]],
        "expand, permute, reshape, slice": [["unsqueeze", [0], 0], ["expand", [1], [2, 2, 3, 4]], ["permute", [2], [3, 1, 0, 2]], ["reshape", [3], [8, 6]], ["index", [4], [None, None, 3], [1, 5]]],
        "reshape through sizes that share no factor": [["permute", [0], [1, 2, 0]], ["reshape", [1], [3, 8]], ["narrow", [2], 1, 1, 7], ["reshape", [3], [7, 3]], ["transpose", [4], 0, 1]],
    }
    for name, steps in chains.items():
        s.add(name, [x], steps)
        last = 1 + len(steps) - 1
        s.add(f"{name}, then computed with", [x], [*steps, ["mul", [last, last]], ["sum", [last + 1], 0]], second=True)
    s.add("a tensor and its own transpose", [some([3, 3], 26)], [["t", [0]], ["mul", [0, 1]], ["sum", [2], 1]], second=True)
    s.add("overlapping slices of one tensor", [some([6], 27)], [["narrow", [0], 0, 0, 5], ["narrow", [0], 0, 1, 5], ["mul", [1, 2]]], second=True)
    for dtype in ["int32", "int64", "uint8", "bool"]:
        data = (SAMPLES[dtype] * 3)[:12]
        s.add(f"{dtype}: permute, slice, reshape", [given([2, 3, 2], data, dtype)], [["permute", [0], [2, 1, 0]], ["index", [1], ":", [1, None]], ["reshape", [2], [4, 2]], ["clone", [3]]])
        s.add(f"{dtype}: expand", [given([2, 1], data[:2], dtype)], [["expand", [0], [2, 9]], ["clone", [1]]])
    s.add("nothing at all", [some([0, 3])], [["permute", [0], [1, 0]], ["reshape", [1], [0]], ["reshape", [2], [2, 0, 7]], ["unsqueeze", [3], 0]])
    s.add("reshape to another count", [x], [["reshape", [0], [5, 5]]], throws="ShapeError")
    s.add("expand of what is not 1", [x], [["expand", [0], [2, 3, 8]]], throws="ShapeError")
    s.add("index out of range", [x], [["index", [0], 2]], throws="IndexError")
    s.write()


def products():
    s = Suite("matmul")
    vectors = [([4], [4]), ([4], [4, 3]), ([2, 4], [4]), ([2, 4], [4, 3])]
    batched = [
        ([2, 3, 4], [4]), ([2, 3, 4], [4, 5]), ([4], [2, 4, 3]), ([3, 4], [2, 4, 5]), ([2, 3, 4], [2, 4, 5]), ([1, 3, 4], [2, 4, 5]),
        ([2, 3, 4], [1, 4, 5]), ([2, 1, 3, 4], [3, 4, 2]), ([3, 2, 4], [2, 1, 4, 2]), ([2, 1, 2, 3], [1, 2, 3, 2]), ([2, 2, 2, 3], [3]), ([3], [2, 2, 3, 2]), ([2, 2, 3], [2, 2, 3, 2]),
    ]
    single = [([1, 4], [4, 1]), ([1, 1], [1, 1]), ([3, 1], [1, 5]), ([1, 5], [5, 3]), ([1], [1]), ([2, 1, 3], [2, 3, 1])]
    empty = [([0], [0]), ([2, 0], [0, 3]), ([0, 3], [3, 2]), ([2, 3], [3, 0]), ([0, 0], [0, 0]), ([2, 2, 0], [2, 0, 3]), ([0, 2, 3], [0, 3, 2]), ([2, 0], [0]), ([3, 0, 4], [4, 2])]
    for a, b in [*vectors, *batched, *single, *empty]:
        s.add(f"{a} times {b}", [some(a, 31), some(b, 32)], [["matmul", [0, 1]]], second=True)
    # Sums of k products: PyTorch's own rounding grows with the square root of k.
    for m, k, n in [(13, 17, 33), (12, 33, 32), (7, 40, 16), (25, 5, 9), (1, 64, 17), (33, 9, 1)]:
        s.add(f"tiles of {m} x {k} x {n}", [some([m, k], 33, -1, 1), some([k, n], 34, -1, 1)], [["matmul", [0, 1]]], atol=4e-6)
    a, b = some([3, 4], 35), some([5, 4], 36)
    s.add("a transposed operand", [a, b], [["t", [1]], ["matmul", [0, 2]]], second=True)
    s.add("both transposed", [some([4, 3], 35), b], [["t", [0]], ["t", [1]], ["matmul", [2, 3]]], second=True)
    s.add("a matrix times its transpose", [a], [["t", [0]], ["matmul", [0, 1]]], second=True)
    s.add("a matrix squared, twice", [some([3, 3], 37)], [["matmul", [0, 0]], ["matmul", [1, 1]]], second=True)
    s.add("every second row and column", [some([6, 8], 38), some([4, 3], 39)], [["index", [0], [None, None, 2], [1, None, 2]], ["matmul", [2, 1]]])
    s.add("an expanded operand", [some([1, 4], 38), some([4, 3], 39)], [["expand", [0], [5, 4]], ["matmul", [2, 1]]])
    s.add("a permuted stack", [some([3, 2, 4], 38), some([4, 2, 3], 39)], [["permute", [0], [1, 0, 2]], ["permute", [1], [1, 0, 2]], ["matmul", [2, 3]]])
    s.add("an operand that is computed", [a, some([4, 3], 39)], [["relu", [0]], ["mul", [2, 0]], ["exp", [1]], ["matmul", [3, 4]]])
    s.add("a bias and relu after", [a, some([4, 3], 39), some([3], 40)], [["matmul", [0, 1]], ["add", [3, 2]], ["relu", [4]]])
    s.add("a sum after", [a, some([4, 3], 39)], [["matmul", [0, 1]], ["sum", [2], 0], ["mul", [3, 3]]], second=True)
    # Small logits: where softmax and tanh are near 1, their slopes cancel and float32 keeps few digits of a second gradient.
    a = some([3, 4], 35, -1, 1)
    s.add("softmax after", [a, some([4, 3], 39, -1, 1)], [["matmul", [0, 1]], ["softmax", [2], 1]], second=True)
    s.add("a chain of three", [a, some([4, 3], 39, -1, 1), some([3, 2], 40, -1, 1)], [["matmul", [0, 1]], ["tanh", [3]], ["matmul", [4, 2]]], second=True)
    s.add("attention", [some([2, 3, 4], 41, -1, 1), some([2, 3, 4], 42, -1, 1), some([2, 3, 4], 43, -1, 1)], [["transpose", [1], 1, 2], ["matmul", [0, 3]], ["mul", [4], 0.5], ["softmax", [5], -1], ["matmul", [6, 2]]], second=True)
    a = some([3, 4], 35)
    rows = given([3, 4], [2, 0, 1, 1, 0, 0, 2, 2, 1, 2, 0, 1], "int64")
    s.add("gathered left operand", [a, some([4, 2], 44), rows], [["gather", [0, 2], 0], ["matmul", [3, 1]]], second=True)
    s.add("gathered right operand", [some([2, 3], 45), a, rows], [["gather", [1, 2], 0], ["matmul", [0, 3]]], second=True)
    s.add("gathered and transposed", [a, some([3, 2], 44), rows], [["gather", [0, 2], 0], ["t", [3]], ["matmul", [4, 1]]])
    s.add("gathered along its depth", [some([3, 5], 46), some([4, 2], 44), given([3, 4], [4, 0, 3, 1, 2, 2, 0, 4, 1, 3, 3, 0], "int64")], [["gather", [0, 2], 1], ["matmul", [3, 1]]], second=True)
    s.add("both gathered", [a, some([5, 4], 47), rows, given([4, 4], [4, 0, 3, 1, 2, 2, 0, 4, 1, 3, 3, 0, 0, 1, 2, 3], "int64")], [["gather", [0, 2], 0], ["gather", [1, 3], 0], ["matmul", [4, 5]]])
    s.add("gathered in a stack", [some([2, 3, 4], 48), some([2, 4, 2], 49), given([2, 2, 4], [0, 1, 2, 0, 2, 2, 1, 1, 0, 0, 1, 2, 2, 1, 0, 1], "int64")], [["gather", [0, 2], 1], ["matmul", [3, 1]]])
    s.add("infinities and NaN", [given([2, 2], [INF, 1, NAN, 0]), given([2, 2], [1, 0, 2, -INF])], [["matmul", [0, 1]]])
    s.add("sizes that do not fit", [a, some([3, 4], 1)], [["matmul", [0, 1]]], throws="ShapeError")
    s.add("a number", [a, some([], 1)], [["matmul", [0, 1]]], throws="ShapeError")
    s.add("stacks that do not broadcast", [some([2, 3, 4]), some([3, 4, 2])], [["matmul", [0, 1]]], throws="ShapeError")
    s.write()


def lookups():
    s = Suite("gather")
    x = some([3, 4], 51)
    for dtype in ["int64", "int32"]:
        s.add(f"rows by {dtype}", [x, given([2, 4], [2, 0, 1, 1, 0, 0, 2, 2], dtype)], [["gather", [0, 1], 0]])
        s.add(f"columns by {dtype}", [x, given([3, 2], [3, 0, 1, 1, 0, 2], dtype)], [["gather", [0, 1], 1]])
    s.add("one a row", [x, given([3, 1], [3, 0, 1], "int64")], [["gather", [0, 1], 1], ["mul", [2, 2]]], second=True)
    s.add("a negative dimension", [x, given([3, 1], [3, 0, 1], "int64")], [["gather", [0, 1], -1]])
    s.add("more than there are", [x, given([3, 6], [0, 1, 2, 3, 0, 1, 3, 3, 3, 3, 3, 3, 0, 0, 1, 1, 2, 2], "int64")], [["gather", [0, 1], 1], ["mul", [2, 2]]], second=True)
    s.add("a smaller index", [x, given([2, 2], [1, 2, 0, 1], "int64")], [["gather", [0, 1], 0]])
    s.add("an index of size 1 in the other dimension", [x, given([5, 1], [2, 2, 2, 0, 1], "int64")], [["gather", [0, 1], 0]])
    s.add("one element", [some([1], 52), given([3], [0, 0, 0], "int64")], [["gather", [0, 1], 0]])
    s.add("a vector", [some([5], 52), given([7], [4, 0, 0, 3, 4, 1, 0], "int64")], [["gather", [0, 1], 0], ["exp", [2]]], second=True)
    s.add("nothing", [some([5], 52), given([0], [], "int64")], [["gather", [0, 1], 0]])
    s.add("the middle of three dimensions", [some([2, 3, 2], 53), given([2, 2, 2], [0, 2, 1, 1, 2, 0, 0, 0], "int64")], [["gather", [0, 1], 1]])
    s.add("of a computed tensor", [x, given([3, 2], [3, 0, 1, 1, 0, 2], "int64")], [["tanh", [0]], ["gather", [2, 1], 1], ["mul", [3], 2]], second=True)
    s.add("of a view by a view", [x, given([3, 2], [2, 0, 1, 1, 0, 2], "int64")], [["t", [0]], ["t", [1]], ["gather", [2, 3], 1]])
    s.add("of a softmax", [x, given([3, 1], [3, 0, 1], "int64")], [["softmax", [0], 1], ["gather", [2, 1], 1], ["sum", [3]]], second=True)
    s.add("of a sum", [some([3, 4, 2], 54), given([3, 1], [3, 0, 1], "int64")], [["sum", [0], 2], ["gather", [2, 1], 1]])
    s.add("by argmax", [x], [["argmax", [0], 1, True], ["gather", [0, 1], 1]])
    s.add("of a gather", [x, given([3, 4], [3, 0, 1, 1, 0, 2, 3, 3, 1, 0, 2, 2], "int64")], [["gather", [0, 1], 1], ["gather", [2, 1], 1]])
    s.add("by a gathered index", [x, given([3, 4], [3, 0, 1, 1, 0, 2, 3, 3, 1, 0, 2, 2], "int64")], [["gather", [1, 1], 1], ["gather", [0, 2], 1]])
    for dtype in ["int32", "int64", "uint8", "bool"]:
        s.add(f"of {dtype}", [sample(dtype), given([4], [4, 2, 2, 0], "int64")], [["gather", [0, 1], 0]])
    s.add("an index of float32", [x, given([3, 1], [0, 1, 2])], [["gather", [0, 1], 1]], throws="DTypeError")
    s.add("an index of another rank", [x, given([3], [0, 1, 2], "int64")], [["gather", [0, 1], 1]], throws="ShapeError")
    s.write()


def in_place():
    s = Suite("in-place")
    x, w = some([2, 3], 61), some([3], 62, 0.5)
    free = some([2, 3], 61, grad=False)
    for op in ["add_", "sub_", "mul_", "div_"]:
        for n in [2, -0.5]:
            s.add(f"{op} a number {n}", [x], [["mul", [0], 1], [op, [1], n]])
        s.add(f"{op} a parameter", [x, w], [["mul", [0], 2], [op, [2, 1]]], second=True)
        # mul and div keep their operands for the gradient, and a tensor that is both is changed under it.
        steps = [["mul", [0], 2], [op, [1, 1]], ["backward", [1]]]
        s.add(f"{op} itself", [x], steps, **({"throws": "AutogradError"} if op in ("mul_", "div_") else {}))
        s.add(f"{op} twice", [x, w], [["mul", [0], 2], [op, [2, 1]], [op, [2, 1]]])
        s.add(f"{op} what was computed from it", [x, w], [["mul", [0], 2], ["mul", [2], 3], [op, [2, 3]]])
        s.add(f"{op} what kept it", [x, w], [["mul", [0], 2], ["mul", [2, 1]], [op, [2, 3]], ["backward", [2]]], throws="AutogradError")
        s.add(f"{op} through a view", [x, w], [["mul", [0], 2], ["index", [2], 1], [op, [3, 1]], ["mul", [2, 2]]])
        s.add(f"{op} an expanded gradientless tensor", [free, some([1], 63, 1, 2, grad=False)], [[op, [0, 1]]], [0])
        for dtype in ["int32", "int64", "uint8"]:
            if op != "div_":
                s.add(f"{dtype} {op} {dtype}", [sample(dtype), sample(dtype, at=2)], [[op, [0, 1]]], [0])
                s.add(f"{dtype} {op} small int64", [sample(dtype), given([5], [1, 2, 3, 4, 5], "int64")], [[op, [0, 1]]], [0])
                s.add(f"{dtype} {op} a fraction", [sample(dtype)], [[op, [0], 0.5]], throws="DTypeError")
        s.add(f"bool {op} float32", [sample("bool"), sample("float32", at=3)], [[op, [0, 1]]], throws="DTypeError")
        s.add(f"{op} a larger shape", [some([3], grad=False), free], [[op, [0, 1]]], throws="ShapeError")
    s.add("int32 div_", [sample("int32")], [["div_", [0], 2]], throws="DTypeError")
    s.add("bool add_ 1", [sample("bool")], [["add_", [0], 1]], throws="DTypeError")
    s.add("bool mul_ 2", [sample("bool")], [["mul_", [0], 2]], throws="DTypeError")
    s.add("bool add_ int64", [sample("bool"), sample("int64")], [["add_", [0, 1]]], throws="DTypeError")
    s.add("bool add_ bool", [sample("bool"), sample("bool", at=2)], [["add_", [0, 1]]], [0])
    s.add("float32 add_ int64", [sample("float32"), sample("int64")], [["add_", [0, 1]]], [0])
    s.add("uint8 add_ 300", [sample("uint8")], [["add_", [0], 300]], [0])
    for op in ["relu_", "neg_", "exp_", "tanh_"]:
        s.add(f"{op} with a gradient", [x], [["mul", [0], 2], [op, [1]]], second=op in ("exp_", "tanh_"))
        s.add(f"{op} of every second", [x], [["mul", [0], 2], ["index", [1], ":", [None, None, 2]], [op, [2]], ["mul", [1, 1]]])
    s.add("sqrt_ with a gradient", [some([4], 64, 0.5)], [["mul", [0], 2], ["sqrt_", [1]]], second=True)
    s.add("neg_ of integers", [sample("int32"), sample("int64")], [["neg_", [0]], ["neg_", [1]]], [0, 1])
    s.add("zero_ cuts the gradient", [x], [["mul", [0], 2], ["index", [1], 0], ["zero_", [2]], ["mul", [1, 1]]])
    s.add("fill_ through a transposed view", [x], [["mul", [0], 2], ["t", [1]], ["index", [2], 1], ["fill_", [3], 7], ["mul", [1, 1]]])
    s.add("copy_ with a gradient, broadcast", [x, w], [["mul", [0], 2], ["copy_", [2, 1]], ["mul", [2, 2]]])
    s.add("copy_ into a column", [x, some([2], 65)], [["mul", [0], 2], ["select", [2], 1, 1], ["copy_", [3, 1]], ["mul", [2, 2]]])
    s.add("copy_ converts", [sample("int64"), sample("float32")], [["copy_", [0, 1]]], [0])
    s.add("copy_ between overlapping parts, by way of a clone", [some([6], 66, grad=False)], [["narrow", [0], 0, 0, 4], ["clone", [1]], ["narrow", [0], 0, 2, 4], ["copy_", [3, 2]]], [0])
    s.add("aliases follow", [free], [["t", [0]], ["index", [0], 1], ["reshape", [0], [6]], ["mul_", [2], 10], ["add_", [3], 1]], [0, 1, 2, 3])
    s.add("values from before do not follow", [free], [["mul", [0], 2], ["sum", [0], 0], ["add_", [0], 1], ["sum", [0], 0]], [0, 1, 2, 3])
    s.add("a clone does not follow", [free], [["clone", [0]], ["add_", [0], 1]], [0, 1])
    s.add("a detached alias follows", [x], [["mul", [0], 2], ["detach", [1]], ["add_", [1], 1]], [1, 2], gradient=False)
    for op in ["sum", "mean", "amax", "amin", "max", "min"]:
        s.add(f"{op} of one number does not follow it", [some([], 67, grad=False)], [[op, [0]], ["add_", [0], 1]], [0, 1])
        s.add(f"{op} of a parameter of one number does not follow it", [some([], 67)], [[op, [0]], ["backward", [1]], ["update", [0], 0.5]], [0, 1])
    s.add("sum over dimensions of size 1 does not follow", [some([1, 1], 67, grad=False)], [["sum", [0]], ["sum", [0], 0, True], ["amax", [0], 1], ["add_", [0], 1]], [0, 1, 2, 3])
    s.add("sum of int64 of one number does not follow", [given([], [3], "int64")], [["sum", [0]], ["add_", [0], 1]], [0, 1])
    s.add("an update through a view of a view of a slice", [some([4, 4], 68, grad=False)], [["index", [0], [1, None], [None, None, 2]], ["t", [1]], ["narrow", [2], 1, 1, 2], ["mul_", [3], -1], ["reshape", [0], [16]], ["index", [4], [None, None, 5]], ["zero_", [5]]], [0, 3, 5])
    s.add("two views updated in turn", [some([4], 69)], [["mul", [0], 1], ["narrow", [1], 0, 0, 3], ["narrow", [1], 0, 1, 3], ["mul_", [2], 3], ["add_", [3, 3]], ["exp", [1]]])
    s.add("three steps of gradient descent", [some([3], 70), some([4, 3], 71, grad=False)], [["mul", [0, 1]], ["sum", [2]], ["backward", [3]], ["update", [0], 0.1], ["zeroGrad", [0]], ["mul", [0, 1]], ["exp", [4]], ["sum", [5]], ["backward", [6]], ["update", [0], 0.01]], [0, 3, 6])
    s.add("gradients add up over two backward passes", [w], [["mul", [0, 0]], ["backward", [1]], ["exp", [0]], ["backward", [2]]], [0])
    s.add("what exp kept was changed", [x], [["exp", [0]], ["add_", [1], 1], ["backward", [1]]], throws="AutogradError")
    s.add("an operand of mul was changed", [x], [["mul", [0], 2], ["mul", [1, 1]], ["add_", [1], 1], ["backward", [2]]], throws="AutogradError")
    s.add("an operand of mul was changed through a view", [x], [["mul", [0], 2], ["mul", [1, 1]], ["index", [1], 0], ["zero_", [3]], ["backward", [2]]], throws="AutogradError")
    s.add("add keeps nothing, so its operand may change", [x], [["mul", [0], 2], ["add", [1], 1], ["add_", [1], 1], ["mul", [2], 3]])
    s.add("a leaf that wants a gradient", [x], [["add_", [0], 1]], throws="AutogradError")
    s.add("a view of a leaf that wants a gradient", [x], [["index", [0], 0], ["mul_", [1], 2]], throws="AutogradError")
    s.write()


def functional():
    s = Suite("functional")
    w, b = some([3, 4], 82, -1, 1), some([3], 83)
    for shape in [[4], [2, 4], [2, 2, 4], [0, 4]]:
        s.add(f"linear of {shape}", [some(shape, 81), w, b], [["linear", [0, 1, 2]]], second=True)
        s.add(f"linear of {shape} without bias", [some(shape, 81), w], [["linear", [0, 1]]], second=True)
    s.add("linear to one", [some([5, 4], 81), some([1, 4], 82), some([1], 83)], [["linear", [0, 1, 2]]])
    s.add("two layers with relu", [some([5, 4], 81), w, b, some([2, 3], 84), some([2], 85)], [["linear", [0, 1, 2]], ["relu", [5]], ["linear", [6, 3, 4]]])
    s.add("two layers with gelu", [some([5, 4], 81), w, b, some([2, 3], 84), some([2], 85)], [["linear", [0, 1, 2]], ["gelu", [5], "none"], ["linear", [6, 3, 4]]], second=True)
    s.add("linear of other sizes", [some([2, 3]), w], [["linear", [0, 1]]], throws="ShapeError")
    far = [NAN, INF, 0.0, 1e-40, 1e-3, 0.5, -0.5, 3, -3, 5, -5, 10, -10, 50, -50]
    for form in ["none", "tanh"]:
        # The slope of tanh, 1 - y^2, cancels where y is near 1: a few units in the last place of 1 are left of it.
        s.add(f"gelu {form}", [some([11], 86, -4, 4)], [["gelu", [0], form]], second=True, **({"atol": 4e-6} if form == "tanh" else {}))
        # gelu of infinity is infinity; PyTorch's vectors make it NaN for the exact form.
        values = [x for x in far if form == "tanh" or x != INF]
        s.add(f"gelu {form} of special values", [given([len(values)], values)], [["gelu", [0], form]])
        s.add(f"gelu {form} of integers", [sample("int64")], [["gelu", [0], form]], throws="DTypeError")
    y2, y3 = given([4], [2, 0, 1, 2], "int64"), given([2, 3], [2, 0, 1, 2, 3, 3], "int64")
    for reduction_name in ["mean", "sum", "none"]:
        s.add(f"crossEntropy of [4, 3], {reduction_name}", [some([4, 3], 87), y2], [["crossEntropy", [0, 1], reduction_name]], second=True)
        s.add(f"crossEntropy of [4, 3] by int32, {reduction_name}", [some([4, 3], 87), {**y2, "dtype": "int32"}], [["crossEntropy", [0, 1], reduction_name]])
        s.add(f"crossEntropy of [2, 4, 3], {reduction_name}", [some([2, 4, 3], 88), y3], [["crossEntropy", [0, 1], reduction_name]], second=True)
        s.add(f"crossEntropy of [2, 4, 3, 1], {reduction_name}", [some([2, 4, 3, 1], 88), {**y3, "shape": [2, 3, 1]}], [["crossEntropy", [0, 1], reduction_name]])
        s.add(f"mseLoss, {reduction_name}", [some([2, 3], 89), some([2, 3], 90)], [["mseLoss", [0, 1], reduction_name]], second=True)
    s.add("crossEntropy of one class", [some([3, 1], 91), given([3], [0, 0, 0], "int64")], [["crossEntropy", [0, 1], "mean"]])
    s.add("crossEntropy of one sample", [some([1, 5], 91), given([1], [4], "int64")], [["crossEntropy", [0, 1], "mean"]], second=True)
    s.add("crossEntropy of far logits", [given([2, 3], [1000, -1000, 0, 50, 60, -3e38], grad=True), given([2], [1, 0], "int64")], [["crossEntropy", [0, 1], "none"]])
    s.add("crossEntropy of layers", [some([4, 4], 92), w, b, y2], [["linear", [0, 1, 2]], ["crossEntropy", [4, 3], "mean"]], second=True)
    s.add("crossEntropy of targets of another count", [some([4, 3], 87), given([3], [0, 1, 2], "int64")], [["crossEntropy", [0, 1], "mean"]], throws="ShapeError")
    s.add("mseLoss of nothing", [some([0]), some([0])], [["mseLoss", [0, 1], "sum"]])
    s.write()


# --- optimizers ------------------------------------------------------------------------------------------------------------

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "weightDecay": 0.05}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weightDecay": 0.05}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "nesterov": True, "weightDecay": 0.01}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weightDecay": 0}),
    ("AdamW", {"lr": 0.05, "weightDecay": 0.3}),
    ("AdamW", {"lr": 0.02, "betas": [0.5, 0.9], "eps": 0.001}),
]


def optimizers():
    """Weights and losses of five steps on a network of two layers; `rates`, where given, are the learning rates of the steps."""
    weights = [some([6, 4], 101, -1, 1), some([6], 102, -1, 1), some([3, 6], 103, -1, 1), some([3], 104, -1, 1)]
    x, y = some([8, 4], 105, grad=False), given([8], [0, 1, 2, 0, 1, 2, 1, 1], "int64")
    cases = []
    for kind, options in OPTIMIZERS + [("SGD", {"lr": 0.1, "momentum": 0.9, "rates": [0.1, 0.05, 0.2, 0, 0.1]}), ("AdamW", {"lr": 0.1, "rates": [0.1, 0.05, 0.2, 0, 0.1]})]:
        p = [to_tensor(w) for w in weights]
        given_options = {k: v for k, v in options.items() if k != "rates"}
        named = {"weight_decay" if k == "weightDecay" else k: v for k, v in given_options.items()}
        if kind == "SGD":
            optimizer = torch.optim.SGD(p, **named)
        else:
            optimizer = torch.optim.AdamW(p, **named)
        losses = []
        for step in range(5):
            if "rates" in options:
                optimizer.param_groups[0]["lr"] = options["rates"][step]
            hidden = F.relu(F.linear(to_tensor(x), p[0], p[1]))
            loss = F.cross_entropy(F.linear(hidden, p[2], p[3]), to_tensor(y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(encode(loss.item()))
        case = {"kind": kind, "options": given_options, "losses": losses, "weights": [plain(t) for t in p]}
        cases.append({**case, "rates": options["rates"]} if "rates" in options else case)
    text = json.dumps({"parameters": weights, "x": x, "y": y, "cases": cases}, separators=(",", ":"))
    (FIXTURES / "optimizers.json").write_text(text + "\n")
    print(f"optimizers: {len(cases)} cases")


def generate():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for make in [arithmetic, promotion, unary, reduction_cases, movement, products, lookups, in_place, functional, optimizers]:
        make()
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) == 3 and sys.argv[1] == "compare":
        compare(sys.argv[2])
    elif len(sys.argv) == 1 or sys.argv[1:] == ["generate"]:
        generate()
    else:
        raise SystemExit(__doc__)

"""Values and gradients from PyTorch 2.13, which the tests compare every engine with.

    python scripts/pytorch-fixtures.py                 writes test/fixtures/*.json
    python scripts/pytorch-fixtures.py compare FILE    checks what `node scripts/fuzz.mjs --dump FILE` wrote

A case is a program (see test/support/program.ts): inputs, then steps `[name, operands, *parameters]` that name Tensor methods and
functions of hadal. This script knows what each step is in PyTorch; nothing here is computed in any other way.
"""

import json
import math
import pathlib
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
    "gather": lambda t, p: torch.gather(t[0], p[0], t[1].long()),
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


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) == 3 and sys.argv[1] == "compare":
        compare(sys.argv[2])
    else:
        raise SystemExit("not yet")

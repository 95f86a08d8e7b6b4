"""Values and gradients from PyTorch 2.13, which the tests compare every engine with.

    python scripts/pytorch-fixtures.py generate [NAME...]    writes test/fixtures/*.json (of the named modules of fixtures/)
    python scripts/pytorch-fixtures.py compare FILE          checks what `node scripts/fuzz.mjs --dump FILE` wrote

A case is a program (see test/support/program.ts): inputs, then steps `[name, operands, *parameters]` that name Tensor methods and
functions of hadal. `fixtures/program.py` knows what each step is in PyTorch; nothing here is computed in any other way. A module of
fixtures/ with a `generate()` writes the files of its area.
"""

import importlib
import sys

import torch

from fixtures.compare import compare
from fixtures.suite import FIXTURES, problems

MODULES = ["dtypes", "core", "optimizers", "convolution", "elementwise", "autograd", "tensor", "printing", "nn", "losses", "schedules", "corners", "spatial"]


def generate(names):
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name in names or MODULES:
        importlib.import_module(f"fixtures.{name}").generate()
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) == 3 and sys.argv[1] == "compare":
        compare(sys.argv[2])
    elif len(sys.argv) > 1 and sys.argv[1] == "generate":
        generate(sys.argv[2:])
    else:
        raise SystemExit(__doc__)

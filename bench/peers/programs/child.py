"""Runs one program in a process of its own: the twin of src/programs/child.ts.

    python3 child.py PROGRAM THREADS quick|full STEPS

Prints what it noted, the milliseconds of each step, and the most bytes that the process held. NaN and infinities are strings.
"""

import importlib
import json
import math
import pkgutil
import resource
import sys
import time
from pathlib import Path

here = Path(__file__).parent
sys.path.insert(0, str(here.parent))
sys.path.insert(0, str(here))

import torch

import cases
from session import Session


def find(name):
    for module in pkgutil.iter_modules(cases.__path__):
        found = getattr(importlib.import_module(f"cases.{module.name}"), name.replace("-", "_"), None)
        if found is not None:
            return found
    raise LookupError(f"no program is called {name}")


def as_json(x):
    return x if math.isfinite(x) else str(x)


name, threads, size, steps = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
torch.set_num_threads(threads)
session = Session(size)
started = find(name)(session)
step, finish = started if isinstance(started, tuple) else (started, None)
ms = []
for i in range(steps):
    session.data_time = 0.0
    begun = time.perf_counter()
    step(i)
    ms.append(1000 * (time.perf_counter() - begun - session.data_time))
if finish is not None:
    finish()
# Linux counts in KiB, macOS in bytes.
unit = 1 if sys.platform == "darwin" else 1024
notes = {key: [as_json(x) for x in values] for key, values in session.notes.items()}
print(json.dumps({"notes": notes, "ms": ms, "peak": unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))

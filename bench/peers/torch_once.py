"""Some training steps of a model in a process of its own: when the first of them was done, and how much memory the process held at most.

    python3 torch_once.py THREADS STEPS CASE

CASE is a `train` case as torch_peer.py gets it. Prints {"stepped": milliseconds since 1970, "peak": bytes}.
"""

import json
import math
import resource
import sys
import time

import torch
import torch.nn.functional as F

from torch_models import MODELS, make_optimizer, set_parameters
from torch_values import seed_of, values_of

torch.set_num_threads(int(sys.argv[1]))
steps = int(sys.argv[2])
case = json.loads(sys.argv[3])
net = MODELS[case["model"]]()
set_parameters(net, case["parameters"])
optimizer = make_optimizer(net, case["optimizer"], "fused")
stepped = None
for step in range(steps):
    x = values_of(case["input"], seed_of(0, step, 0))
    y = values_of(case["target"], seed_of(0, step, 1))
    loss = F.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if not math.isfinite(loss.item()):
        raise ValueError(f"step {step}: a loss of {loss.item()}")
    stepped = stepped or time.time() * 1000
# Linux counts in KiB, macOS in bytes.
unit = 1 if sys.platform == "darwin" else 1024
print(json.dumps({"stepped": stepped, "peak": unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))

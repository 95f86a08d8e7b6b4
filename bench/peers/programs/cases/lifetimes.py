"""Programs that hold on to values: through files, across steps, until the run is over."""

import shutil
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from nets import mlp


def resumed_training(s):
    batch, width, updates = s.pick(4, 128), s.pick(8, 512), s.pick(2, 4)
    folder = Path(tempfile.mkdtemp(prefix="resume-"))

    def begin():
        net = s.fill(mlp([32, width, width, 5], nn.Tanh))
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, eps=1e-5, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3, gamma=0.7)
        return net, optimizer, schedule

    net, optimizer, schedule = begin()

    def step(i):
        nonlocal net, optimizer, schedule
        for k in range(updates):
            loss = F.cross_entropy(net(s.values(10 * i + k, [batch, 32])), s.classes(10 * i + k + 500, [batch], 5))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            s.note("loss", loss.item())
        schedule.step()
        torch.save(
            {
                "step": i,
                "model": net.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
            },
            folder / "newest.pt",
        )
        saved = torch.load(folder / "newest.pt")
        net, optimizer, schedule = begin()
        net.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        s.note("step", saved["step"])
        s.note("rate", optimizer.param_groups[0]["lr"])

    def finish():
        s.note_parameters("net", net)
        shutil.rmtree(folder)

    return step, finish


def running_metrics(s):
    batch, width, classes = s.pick(6, 128), s.pick(8, 256), 10
    net = s.fill(mlp([32, width, width, classes]))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    held, answers = s.values(7, [s.pick(8, 512), 32]), s.classes(8, [s.pick(8, 512)], classes)
    trained = torch.zeros([])
    hits = torch.zeros([], dtype=torch.int64)
    lowest = torch.zeros([]) + 100
    confusion = torch.zeros(classes, classes)
    evaluations = []

    @torch.no_grad()
    def evaluate():
        nonlocal hits
        net.eval()
        logits = net(held)
        loss = F.cross_entropy(logits, answers)
        guess = logits.argmax(1)
        hits = hits + (guess == answers).sum()
        lowest.copy_(torch.minimum(lowest, loss))
        confusion.index_put_((answers, guess), torch.tensor(1.0), accumulate=True)
        evaluations.append(loss)
        net.train()

    def step(i):
        nonlocal trained
        loss = F.cross_entropy(net(s.values(i + 100, [batch, 32])), s.classes(i + 500, [batch], classes))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        trained = trained + loss.detach()
        evaluate()

    def finish():
        s.note("trained", trained.item())
        s.note("hits", hits.item())
        s.note("lowest", lowest.item())
        s.note("confusion", confusion)
        s.note("evaluations", torch.stack(evaluations))

    return step, finish


def hidden_activations(s):
    batch, width = s.pick(4, 128), s.pick(8, 384)
    net = s.fill(mlp([32, width, width, 5]))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    seen = {}

    def keep(name):
        def hook(module, inputs, output):
            seen[name] = output.detach()

        return hook

    for name, module in net.named_modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(keep(name))
    before = None

    def step(i):
        nonlocal before
        loss = F.cross_entropy(net(s.values(i, [batch, 32])), s.classes(i + 500, [batch], 5))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for name, activation in seen.items():
            s.note(f"{name}.mean", activation.mean().item())
            s.note(f"{name}.dead", (activation == 0).float().mean().item())
        last = seen["3"]
        if before is not None:
            s.note("similar", F.cosine_similarity(last, before).mean().item())
        before = last
        s.note("loss", loss.item())

    return step


def losses_read_last(s):
    batch, width = s.pick(4, 128), s.pick(8, 384)
    net = s.fill(mlp([32, width, width, 5]))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    losses, norms, outputs = [], [], []

    def step(i):
        output = net(s.values(i, [batch, 32]))
        loss = F.cross_entropy(output, s.classes(i + 500, [batch], 5))
        optimizer.zero_grad()
        loss.backward()
        norms.append(nn.utils.clip_grad_norm_(net.parameters(), 1))
        optimizer.step()
        losses.append(loss)
        outputs.append(output.detach())

    def finish():
        s.note("losses", [loss.item() for loss in losses])
        s.note("mean", torch.stack(losses).mean().item())
        s.note("norms", torch.stack(norms))
        s.note("outputs", torch.stack(outputs).mean([1]))
        s.note_parameters("net", net)

    return step, finish


def validation(s, net, x, y):
    with torch.no_grad():
        loss = F.cross_entropy(net(x), y).item()
    s.note("validation", loss)
    return loss


def best_weights(s):
    batch, width = s.pick(4, 128), s.pick(8, 384)
    net = s.fill(mlp([32, width, width, 5]))
    average = s.fill(mlp([32, width, width, 5]))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2)
    held, answers = s.values(7, [batch, 32]), s.classes(8, [batch], 5)
    best, kept = float("inf"), {}

    def step(i):
        nonlocal best, kept
        loss = F.cross_entropy(net(s.values(i, [batch, 32])), s.classes(i + 500, [batch], 5))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            now = net.state_dict()
            for name, mean in average.state_dict().items():
                mean.lerp_(now[name], 0.1)
        reached = validation(s, net, held, answers)
        if reached < best:
            best = reached
            kept = {name: t.clone() for name, t in net.state_dict().items()}

    def finish():
        net.load_state_dict(kept)
        s.note("best", best)
        s.note("restored", validation(s, net, held, answers))
        s.note("averaged", validation(s, average, held, answers))
        s.note_parameters("net", net)
        s.note_parameters("average", average)

    return step, finish

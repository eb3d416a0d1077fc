"""What test_zero.py runs on several ranks: trains with shared state and without, and tells.

Called with a folder. A checkpoint that is there is gone on from; else one is left there halfway.
Each rank prints a line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.backend.ranks import join, leave, world
from chainrule.distributed.optim import ZeroRedundancyOptimizer
from chainrule.errors import ChainruleError
from chainrule.optim.lr_scheduler import ExponentialLR

HALF, STEPS = 3, 6


def model():
    cr.manual_seed(0)
    layers = [cr.nn.Linear(40, 40), cr.nn.Tanh(), cr.nn.Linear(40, 41), cr.nn.Linear(41, 39)]
    return cr.nn.Sequential(*layers, cr.nn.Linear(39, 1).double())


def set_gradients(net, step):
    """The same on every rank; some are minus zero, and one parameter has none at first."""
    rng = np.random.default_rng(step)
    for i, p in enumerate(net.parameters()):
        g = rng.standard_normal(tuple(p.shape)).astype(p.array.dtype)
        p.grad = None if i == 3 and step == 0 else cr.from_numpy(np.where(g > 1, -0.0, g))


def train(net, optimizer, steps):
    scheduler = ExponentialLR(optimizer, 0.9, last_epoch=steps.start - 1)
    for step in steps:
        set_gradients(net, step)
        optimizer.step()
        scheduler.step()


def made(kind, net, **more):
    groups = [{"params": net[0].parameters()}, {"params": net[2:].parameters(), "lr": 0.03}]
    return kind(groups, lr=0.01, amsgrad=True, **more)


def bits(net):
    return [p.array.tobytes().hex() for p in net.parameters()]


def state_bytes(optimizer):
    return sum(t.array.nbytes for kept in optimizer.state.values() for t in kept.values())


def main(folder):
    ranks = join()
    plain_net, net = model(), model()
    plain = made(cr.optim.Adam, plain_net)
    shared = made(ZeroRedundancyOptimizer, net, optimizer_class=cr.optim.Adam)
    train(plain_net, plain, range(HALF))
    saved = folder / "checkpoint.pt"
    if saved.exists():
        checkpoint = cr.load(saved)
        net.load_state_dict(checkpoint["model"])
        shared.load_state_dict(checkpoint["optimizer"])
    else:
        train(net, shared, range(HALF))
        shared.consolidate_state_dict(to=0)
        if ranks.rank == 0:
            cr.save({"model": net.state_dict(), "optimizer": shared.state_dict()}, saved)
    told = {"halfway": bits(net) == bits(plain_net)}
    train(plain_net, plain, range(HALF, STEPS))
    train(net, shared, range(HALF, STEPS))
    told |= {
        "rank": ranks.rank,
        "equal": bits(net) == bits(plain_net),
        "bytes": state_bytes(shared),
        "whole": state_bytes(plain),
        "rates": [group["lr"] for group in shared.param_groups],
        "refused": refused(shared),
        "state": same_state(shared, plain, to=ranks.size - 1),
        "compiled": {executor: compiled(executor) for executor in ("numpy", "native")},
    }
    sys.stdout.write(json.dumps(told) + "\n")  # at once, so that lines of ranks do not mix
    sys.stdout.flush()
    leave()


def refused(optimizer):
    """What asking for the state of another rank comes to."""
    try:
        optimizer.state_dict()
    except ChainruleError as error:
        return str(error)
    return ""


def same_state(shared, plain, to):
    """Whether the consolidated state is the plain one's, where it was brought to."""
    shared.consolidate_state_dict(to=to)
    if refused(shared):
        return None
    ours, theirs = shared.state_dict(), plain.state_dict()
    same = ours["state"].keys() == theirs["state"].keys()
    for i, kept in theirs["state"].items():
        for name, value in kept.items():
            found = ours["state"][i][name].array
            same = same and found.dtype == value.array.dtype
            same = same and np.array_equal(found, value.array)
    return bool(same)


def compiled(executor):
    """What replayed steps come to: beside the plain optimiser's, and what was recorded."""
    found, nets = [], (model(), model())
    for net, kind in zip(nets, (cr.optim.Adam, ZeroRedundancyOptimizer)):
        more = {} if kind is cr.optim.Adam else {"optimizer_class": cr.optim.Adam}
        step, optimizer = compiled_step(net, kind, more, executor)
        for k in range(6):
            step(cr.ones(4, 40) * (k + 1.0))
        found.append((step, optimizer))
    step, optimizer = found[1]
    optimizer.consolidate_state_dict(0)
    optimizer.forget_consolidated()
    optimizer.consolidate_state_dict(world().rank)  # for whom it is does not change the exchange
    whole = len(optimizer.state_dict()["state"]) == len(list(nets[1].parameters()))
    step(cr.ones(4, 40))  # replayed: what was brought here is of an earlier step now
    found[0][0](cr.ones(4, 40))
    names = [i.op.name for i in step.program]
    return [
        whole and bits(nets[0]) == bits(nets[1]),
        names.count("from_rank"),
        names.count("exchange_fill"),
        refused(optimizer),
    ]


def compiled_step(net, kind, more, executor):
    optimizer = made(kind, net, **more)

    def step(x):
        optimizer.zero_grad()
        loss = net[4](net[:4](x).double()).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return cr.compile(step, executor=executor), optimizer


if __name__ == "__main__":
    main(Path(sys.argv[1]))

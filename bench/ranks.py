"""The program of a rank: exchanges, and steps with and without them, timed by all ranks together.

`mpiexec -n 2 python -m bench.ranks TASKS` reads what to do as JSON, and rank 0 prints as JSON what
was found. A time is that of the slowest rank; variants of one thing take turns.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bench.losses import criterion
from bench.networks import network
from bench.optimizers import optimizer
from bench.workloads import WORKLOADS, Array, Workload
from chainrule.distributed.scaling import buckets

WARM = 5  # calls after which a compiled step is replayed
ROUNDS = 5
SPAN = 0.15  # seconds of a round, about

Work = Callable[[], Any]


def measured(variants: dict[str, Work]) -> dict[str, float]:
    """The median seconds of each variant; in each round all ranks begin together."""
    from chainrule.backend.ranks import world

    often = {name: _often(work) for name, work in variants.items()}
    rounds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, work in variants.items():
            world().barrier()
            begun = time.perf_counter()
            for _ in range(often[name]):
                work()
            rounds[name].append(max(world().tell((time.perf_counter() - begun) / often[name])))
    return {name: statistics.median(seconds) for name, seconds in rounds.items()}


def _often(work: Work) -> int:
    """How often it is done in a round, the same on every rank."""
    from chainrule.backend.ranks import world

    world().barrier()
    begun = time.perf_counter()
    work()
    longest = max(world().tell(time.perf_counter() - begun))
    return int(min(200, max(1, SPAN // longest)))


# --- exchanges ----------------------------------------------------------------------------------


def exchanges(sizes: list[int]) -> list[tuple[int, float]]:
    """Seconds of a sum over all ranks, for each number of bytes."""
    found = measured({str(n): summing([n]) for n in sizes})
    return [(n, found[str(n)]) for n in sizes]


def summing(sizes: list[int]) -> Work:
    """Sums of arrays of so many bytes, one after the other."""
    from chainrule.backend.ranks import world

    arrays = [np.zeros(max(1, n // 4), np.float32) for n in sizes]
    return lambda: [world().sum_(array) for array in arrays]


# --- steps --------------------------------------------------------------------------------------


class Training:
    """A workload's step, on rows that are drawn: their values change no time.

    Args:
        workload: whose network, loss and optimiser.
        rows: of one rank's batch.
        way: "eager" or "compiled".
        cap: mebibytes of a bucket; `None` for a rank that exchanges nothing.
    """

    def __init__(self, workload: Workload, rows: int, way: str, cap: float | None) -> None:
        import chainrule as cr

        self.cr = cr
        self.workload = replace(workload, batch=rows)
        cr.manual_seed(0)
        self.model: Any = network(workload).module(cr)
        self.inner = self.model
        if cap is not None:
            from chainrule.distributed import DistributedDataParallel

            self.model = DistributedDataParallel(
                self.model, bucket_cap_mb=cap, gradient_as_bucket_view=True
            )
            self.model.checks_data = False  # times are asked for, and every rank has the same rows
        self.criterion = criterion(cr, workload.loss)
        self.optimizer = optimizer(cr, workload.optimizer, self.inner.parameters(), workload.lr)
        x, y = drawn(workload, rows)
        self.x, self.y = cr.from_numpy(x), cr.from_numpy(y)
        compiled = way == "compiled"
        self.whole = self._ready(cr.compile(self._step) if compiled else self._step)
        self.without = self._ready(cr.compile(self._back) if compiled else self._back)
        self.update = self._ready(cr.compile(self._update) if compiled else self._update)

    def _ready(self, step: Callable[[Any, Any], Any]) -> Work:
        for _ in range(WARM):
            step(self.x, self.y)
        return lambda: step(self.x, self.y)

    def _step(self, x: Any, y: Any) -> Any:
        loss = self._back(x, y)
        self.optimizer.step()
        return loss

    def _back(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(x), x, y)
        loss.backward()
        return loss

    def _update(self, x: Any, y: Any) -> None:
        self.optimizer.step()

    def by_hand(self) -> None:
        """A step that sums its gradients, in one array, between the way back and the update."""
        from chainrule.backend.ranks import world

        self.without()
        gradients = [p.grad.array for p in self.inner.parameters()]
        whole = np.concatenate([gradient.ravel() for gradient in gradients])
        world().sum_(whole)
        whole /= world().size
        begun = 0
        for gradient in gradients:
            gradient[...] = whole[begun : begun + gradient.size].reshape(gradient.shape)
            begun += gradient.size
        self.update()

    def moments(self) -> dict[str, Any]:
        """When, in an eager step, the way back begins, and each gradient is there.

        The gradients of a layer are there when that of its input is, which comes last; those of a
        layer whose input has none, at the end.

        Returns:
            `forward`, the share of forward and back that passes before; `sizes`, bytes of each
            gradient, and `ready`, the share of the way back after which it comes.
        """
        own = [(layer, list(layer.parameters(recurse=False))) for layer in self.inner.modules()]
        layers = [(layer, sum(p.array.nbytes for p in held)) for layer, held in own if held]
        seen: dict[int, float] = {}
        holds = [
            layer.register_forward_pre_hook(_noting(seen, k)) for k, (layer, _) in enumerate(layers)
        ]
        rounds = []
        for _ in range(7):
            seen.clear()
            self.optimizer.zero_grad()
            begun = time.perf_counter()
            loss = self.criterion(self.model(self.x), self.x, self.y)
            back = time.perf_counter()
            loss.backward()
            ended = time.perf_counter()
            ready = [(seen.get(k, ended) - back) / (ended - back) for k in range(len(layers))]
            rounds.append([(back - begun) / (ended - begun), *ready])
        for hold in holds:
            hold.remove()
        forward, *ready = np.median(rounds, axis=0).tolist()
        return {"forward": forward, "sizes": [size for _, size in layers], "ready": ready}


def _noting(seen: dict[int, float], number: int) -> Callable[[Any, Any], None]:
    """A hook that notes when the gradient of a layer's input is there."""

    def note(g: Any) -> None:
        seen[number] = time.perf_counter()

    def hook(layer: Any, args: Any) -> None:
        if args[0].requires_grad:
            args[0].register_hook(note)

    return hook


def drawn(workload: Workload, rows: int) -> tuple[Array, Array]:
    """Inputs and targets of the workload's kind."""
    described = network(workload)
    draw = np.random.default_rng(0)
    if workload.loss == "letters":
        letters = draw.integers(0, workload.sizes[0], (2, rows, *described.row))
        return letters[0], letters[1]
    x = draw.random((rows, *described.row), dtype=np.float32)
    return x, draw.integers(0, workload.sizes[-1], rows)


def job(task: dict[str, Any]) -> dict[str, Any]:
    """What a step takes without others: with all rows, with a quarter, and without the update."""
    workload, way, rows = WORKLOADS[task["workload"]], task["way"], task["rows"]
    fewer = rows // 4
    full, few = (Training(workload, each, way, None) for each in (rows, fewer))
    found = measured({"whole": full.whole, "back": full.without, "few": few.without})
    moments = Training(workload, rows, "eager", None).moments()
    return {"rows": rows, "fewer": fewer, **found, **moments}


def step(task: dict[str, Any]) -> float:
    """The seconds of a step, with the threads that the environment allows."""
    workload = WORKLOADS[task["workload"]]
    return measured({"step": Training(workload, task["rows"], task["way"], None).whole})["step"]


def shared(task: dict[str, Any]) -> dict[str, float]:
    """A step of each rank: without an exchange, with it by hand, and with it on the way back."""
    workload, way, rows = WORKLOADS[task["workload"]], task["way"], task["rows"]
    alone = Training(workload, rows, way, None)
    variants: dict[str, Work] = {"alone": alone.whole, "by hand": alone.by_hand}
    for cap in task["caps"]:
        variants[f"with {cap}"] = Training(workload, rows, way, cap).whole
        variants[f"exchange {cap}"] = summing(gathered(alone, cap))
    return measured(variants)


def gathered(training: Training, cap: float) -> list[int]:
    """Bytes of the buckets, filled from the last parameter to the first."""
    sizes = [p.array.nbytes for p in training.inner.parameters()][::-1]
    found = buckets(sizes, [k / len(sizes) for k in range(len(sizes))], cap * 2**20)
    return [int(bucket.volume) for bucket in found]


def main(tasks: list[dict[str, Any]], quick: bool) -> None:
    """Do all tasks, and let rank 0 print what they found."""
    global SPAN, ROUNDS
    if quick:
        SPAN, ROUNDS = 0.02, 3
    import chainrule as cr
    from chainrule.backend.ranks import join, launched, world

    cr.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if launched():
        join()
    kinds: dict[str, Callable[[dict[str, Any]], Any]] = {
        "exchanges": lambda task: exchanges(task["sizes"]),
        "job": job,
        "step": step,
        "shared": shared,
    }
    found = [kinds[task["kind"]](task) for task in tasks]
    if world().rank == 0:
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), quick=sys.argv[2:] == ["1"])

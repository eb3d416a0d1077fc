"""The lines of a compiled step: its parts, what each should take, and what a call costs (floor 4).

Machine code multiplies matrices as fast as the machine can and bends numbers at a pace of its own.
What it computes and the memory that it moves are added up: one core waits for the one or the other;
between its parts passes next to nothing, but each call from Python looks whether everything is as
it was recorded. How long that takes is measured with a few small steps, compiled in the same way.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np

from chainrule import nn, optim
from chainrule.autograd import from_numpy, no_grad
from chainrule.explain.napkin.machine import Machine, Speeds, Terms
from chainrule.explain.napkin.networks import drawn, linear_layers, own_random_numbers
from chainrule.explain.napkin.samples import Load
from chainrule.explain.napkin.work import Work
from chainrule.explain.telling.waiting import shown
from chainrule.nn import functional as F
from chainrule.nn.module import Module
from chainrule.plan.changes import changed, root
from chainrule.plan.costs import Part
from chainrule.plan.machine import measured

__all__ = ["is_compiled", "recorded", "speeds", "works_of_plan"]

LEAST = 1e-6  # seconds of a call of NumPy's
CALLS = 4  # after which a step is replayed
RUNS = 200


def is_compiled(step: Any) -> bool:
    """Whether `compile` has made this, or the like of it: what has parts, and can be made anew."""
    return hasattr(type(step), "anew") and hasattr(type(step), "parts")


def recorded(step: Any, args: Sequence[Any]) -> Any:
    """The same step compiled once more, recorded with these arguments."""
    twin = step.anew()
    with no_grad() if isinstance(step.function, Module) else nullcontext():
        for _ in range(CALLS):
            twin(*args)
    return twin


def works_of_plan(step: Any, machine: Machine) -> list[Work]:
    """The lines of a step that has been recorded: one for the call, one for each part.

    Args:
        step: compiled, and called as often as it takes.
        machine: that it is to run on.
    """
    own = machine.compiled(lambda: speeds(step))
    call = Terms(own.call_of(*_features(step)), 0.0, 0.0)
    lines = [Work("", "forward", "the call from Python", (), 0.0, 0.0, call)]
    moved = sum(part.moved for part in step.parts)
    for part in step.parts:
        bends, products = _operations(part)
        # Where rows are dealt in blocks each thread takes its own, and a single row is not shared.
        alone = part.times > 1 or part.space[:1] == (1,)
        seconds = machine.arithmetic(products, bends, own, alone)
        memory = part.moved / machine.speed(part.moved)
        terms = Terms(0.0, part.times * seconds, part.times * memory, overlap=False)
        if not part.native:
            terms = _by_numpy(part, machine, moved)
        place = part.place
        path, phase = (place.module, place.phase) if place else ("", "forward")
        work = part.times * part.flops, part.times * part.moved
        lines.append(Work(path, phase, _told(part), tuple(part.space), *work, terms))
    return lines


def _by_numpy(part: Part, machine: Machine, step: float) -> Terms:
    """A part that NumPy carries out, into memory that is there already, as on the way back."""
    each = [
        machine.terms(
            i.op.name, "backward", Load(part.flops, part.moved, math.prod(i.out.shape), step, 1)
        )
        for i in part.instructions
    ]
    least = min(machine.overhead, LEAST)
    return Terms(
        part.times * least * len(each),
        part.times * sum(terms.arithmetic for terms in each),
        part.times * sum(terms.memory for terms in each),
    )


def _operations(part: Part) -> tuple[float, float]:
    """Operations outside of products and in them; one with wider numbers counts as several."""
    found = {True: 0.0, False: 0.0}
    for i in part.instructions:
        width = max(4, i.out.dtype.itemsize)
        found[i.op.kind == "contract"] += Part([i], (), 0).flops * width / 4
    return found[False], found[True]


def _told(part: Part) -> str:
    names = list(dict.fromkeys(i.op.name for i in part.instructions))
    return ", ".join(names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"])


def _features(step: Any) -> tuple[int, int, int]:
    """What a call has to look after: parts, arrays that are changed, arguments to be checked."""
    program = step.program
    moved = {root(v) for i in program for v in changed(i)}
    return len(step.parts), len(moved), len(program.notes.get("checks", ()))


# --- measured with small steps ------------------------------------------------------------------


def speeds(step: Any) -> Speeds:
    """What a call costs, and how fast machine code bends numbers: measured once, kept on disk.

    Args:
        step: compiled, the kind to measure.
    """
    way = "native" if any(part.native for part in step.parts) else "numpy"
    with shown("measuring compiled steps"):
        return measured(f"compiled-{way}", lambda: _measured(step), _read)


def _read(found: Any) -> Speeds:
    read = Speeds(*map(float, found))
    if read.bends <= 0:
        raise ValueError("this is no speed")
    return read


def _measured(step: Any) -> list[float]:
    with own_random_numbers():
        rows, seconds = [], []
        for function, args in _small_steps():
            twin = recorded(step.anew(function), args)
            rows.append([1.0, *_features(twin)])
            with no_grad() if isinstance(function, Module) else nullcontext():
                seconds.append(_least(partial(twin, *args)))
        # Each is to be met by its share: a small one counts as much as a large one.
        shares = np.array(rows) / np.array(seconds)[:, None]
        costs = np.linalg.lstsq(shares, np.ones(len(rows)), rcond=None)[0]
        x = from_numpy(drawn((2**14,)))
        twin = recorded(step.anew(_bent), [x])
        bends = _least(partial(twin, x)) - seconds[0]
        flops = sum(part.flops for part in twin.parts)
    return [*map(float, np.maximum(costs, 0.0)), flops / bends]


def _small_steps() -> list[tuple[Any, list[Any]]]:
    x = from_numpy(drawn((4, 4)))
    labels = from_numpy(np.zeros(4, np.int64))
    calls: list[tuple[Any, list[Any]]] = []
    for depth in (1, 8):
        calls.append((nn.Sequential(*linear_layers([4] * (depth + 1))).eval(), [x]))
    for depth, kind, loss, y in (
        (1, optim.SGD, F.mse_loss, x),
        (1, optim.SGD, F.cross_entropy, labels),
        (1, optim.Adam, F.mse_loss, x),
        (3, optim.Adam, F.cross_entropy, labels),
        (4, optim.Adam, F.mse_loss, x),
    ):
        calls.append((_training(depth, kind, loss), [x, y]))
    return calls


def _training(depth: int, kind: Any, loss: Callable[..., Any]) -> Callable[..., Any]:
    model = nn.Sequential(*linear_layers([4] * (depth + 1)))
    optimizer = kind(model.parameters(), lr=1e-3)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        found = loss(model(x), y)
        found.backward()
        optimizer.step()
        return found

    return step


def _bent(x: Any) -> Any:
    y = x
    for bend in (F.tanh, F.sigmoid, F.gelu, F.softplus, F.silu):
        y = bend(y) * x + x
    return (y.exp() + (y * y + 1).log()).sum()


def _least(work: Callable[[], Any]) -> float:
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)

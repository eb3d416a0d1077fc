"""The program that repeats a descent (floor 5)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.playground.engine.descent.grounds import Ground
from chainrule.playground.engine.descent.optimizers import OPTIMIZERS

__all__ = ["script_of"]

_PROGRAM = '''\
"""Descends {formula}, and prints where each optimiser ends."""

import numpy as np

import chainrule as cr
from chainrule import draw, ops, optim


{source}

START = {start}
MIDDLE, REACH = np.array({middle}), np.array({reach})
STEPS = {steps}{noise}

OPTIMIZERS = {{
{optimizers}
}}


def descend(make):
    p = cr.tensor(START, dtype=cr.float64, requires_grad=True)
    optimizer = make(p)
    path = [p.tolist()]
    for step in range(STEPS):
        optimizer.zero_grad()
        {name}({coordinates}).backward()
{kick}        optimizer.step()
        path.append(p.tolist())
        if not np.all(np.abs(p.detach().numpy() - MIDDLE) <= REACH):
            break  # it is further out than it will come back from
    return path


paths = {{name: descend(make) for name, make in OPTIMIZERS.items()}}
for name, path in paths.items():
    print(f"{{name}}: {{len(path) - 1}} steps, f = {{float({name}(*path[-1])):.12g}} at", *path[-1])

{picture}
'''


def script_of(
    ground: Ground, start: Sequence[float], optimizers: Sequence[str], settings: Mapping[str, Any]
) -> str:
    """Return a program that repeats a descent and prints the last heights.

    Args:
        ground: what is descended.
        start: where.
        optimizers: names of `OPTIMIZERS`.
        settings: of the session, with rates that are numbers.
    """
    noisy, sides = settings["noise"] > 0, list(zip(ground.low, ground.high, strict=True))
    made = [f'    "{name}": lambda p: {OPTIMIZERS[name].written(settings)},' for name in optimizers]
    return _PROGRAM.format(
        formula=ground.formula,
        source=inspect.getsource(ground.height).replace(": Any", "").replace(" -> Any", ""),
        name=ground.height.__name__,
        coordinates=", ".join(f"p[{i}]" for i in range(ground.dims)),
        start=list(map(float, start)),
        middle=[(low + high) / 2 for low, high in sides],
        reach=[1.5 * (high - low) for low, high in sides],
        steps=settings["steps"],
        noise=_noise(settings, ground.dims) if noisy else "",
        kick="        p.grad += cr.tensor(NOISE[step])\n" if noisy else "",
        optimizers="\n".join(made),
        picture=_picture(ground),
    )


def _noise(settings: Mapping[str, Any], dims: int) -> str:
    return (
        f"\nNOISE = {settings['noise']} * np.random.default_rng({settings['seed']})"
        f".standard_normal((STEPS, {dims}))"
    )


def _picture(ground: Ground) -> str:
    name = ground.height.__name__
    if ground.dims == 1:
        return (
            "for name, path in paths.items():\n"
            f"    draw.descent({name}, [x for (x,) in path], {ground.low[0]}, {ground.high[0]})"
            '.save(f"{name}.svg")'
        )
    spans = ", ".join(f"({low}, {high})" for low, high in zip(ground.low, ground.high, strict=True))
    return f'draw.surface({name}, paths, {spans}).save("descent.svg")'

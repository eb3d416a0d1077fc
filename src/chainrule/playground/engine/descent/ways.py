"""Ways downhill: every optimiser from the same start, by the real gradients (floor 5).

All of them go at once: their points are the rows of one tensor, and one walk back gives each its
gradient. A way ends where it is so far out that it will not be seen again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.playground.engine.descent.grounds import Ground
from chainrule.playground.engine.descent.optimizers import OPTIMIZERS

__all__ = ["Step", "Way", "walk"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """What an optimiser saw and did in one step.

    Args:
        gradient: that it was given, shape (dims,).
        before: what it remembered before the step, by the names of its state.
        after: what it remembered after it.
    """

    gradient: Array
    before: dict[str, Array]
    after: dict[str, Array]


@dataclass
class Way:
    """One optimiser's way.

    Args:
        points: the start, and where each step led, shape (dims,) each.
        steps: what made them.
        left: the step after which it stayed out of the picture until it was given up; 0 if it
            was not.
    """

    points: list[Array]
    steps: list[Step] = field(default_factory=list)
    left: int = 0


def walk(
    ground: Ground, start: Sequence[float], optimizers: Sequence[str], settings: Mapping[str, Any]
) -> dict[str, Way]:
    """Return the ways of optimisers.

    Args:
        ground: what they descend.
        start: where all begin.
        optimizers: names of `OPTIMIZERS`.
        settings: `steps`, `noise`, `seed` and what the optimisers are told. The noise that is
            added to the gradients is the same for all.

    Examples:
        >>> from chainrule.playground.engine.descent.grounds import GROUNDS
        >>> settings = {"lr": 0.25, "steps": 2, "noise": 0.0, "seed": 0}
        >>> way = walk(GROUNDS["parabola"], [2.0], ["sgd"], settings)["sgd"]
        >>> [float(x[0]) for x in way.points]
        [2.0, 1.0, 0.5]
    """
    noise = _noise(settings["noise"], settings["seed"], settings["steps"], ground.dims)
    params = {name: Tensor(np.array(start, float), requires_grad=True) for name in optimizers}
    going = {name: OPTIMIZERS[name].made([p], settings) for name, p in params.items()}
    ways = {name: Way([_copied(p)]) for name, p in params.items()}
    for step in range(settings["steps"]):
        if not going:
            break
        for optimizer in going.values():
            optimizer.zero_grad()
        ground.at(ops.stack([params[name] for name in going])).sum().backward()
        for name, optimizer in list(going.items()):
            p, way = params[name], ways[name]
            p.grad = p.grad + noise[step]
            before = _remembered(optimizer, p)
            optimizer.step()
            way.steps.append(Step(_copied(p.grad), before, _remembered(optimizer, p)))
            way.points.append(_copied(p))
            if _far_out(way.points[-1], ground):
                way.left = _leaves(way.points, ground)
                del going[name]
    return ways


def _noise(strength: float, seed: int, steps: int, dims: int) -> Array:
    return strength * np.random.default_rng(seed).standard_normal((steps, dims))


def _copied(p: Any) -> Array:
    return np.array(p.detach().numpy(), float)


def _remembered(optimizer: Any, p: Tensor) -> dict[str, Array]:
    state = optimizer.state.get(p, {})
    return {name: _copied(value) for name, value in state.items()}


def _outside(point: Array, ground: Ground, beyond: float) -> bool:
    """Whether a point is outside the picture by more than a share of its sides, or no number."""
    low, high = np.array(ground.low), np.array(ground.high)
    margin = beyond * (high - low)
    return not bool(np.all((point >= low - margin) & (point <= high + margin)))


def _far_out(point: Array, ground: Ground) -> bool:
    return _outside(point, ground, 1.0)


def _leaves(points: list[Array], ground: Ground) -> int:
    """The first of the last steps that are all outside the picture."""
    step = len(points) - 1
    while step > 1 and _outside(points[step - 1], ground, 0.0):
        step -= 1
    return step

"""The figure that a callback watches, and when it has become better (floor 4)."""

from __future__ import annotations

import math

from chainrule.errors import OptionError
from chainrule.train.fitting.run import Run
from chainrule.train.metrics.names import is_larger_better

__all__ = ["better", "is_largest", "monitored", "worst"]


def is_largest(largest: bool | None, monitor: str, run: Run) -> bool:
    """Whether larger is better: as a person says, or as the figure is known to be.

    Raises:
        OptionError: nobody says, and it is not known.
    """
    return is_larger_better(monitor, run.metrics) if largest is None else largest


def worst(largest: bool) -> float:
    """What every figure is better than."""
    return -math.inf if largest else math.inf


def better(value: float, best: float, largest: bool) -> bool:
    """Whether a figure is better than the best so far."""
    return value > best if largest else value < best


def monitored(row: dict[str, float], monitor: str) -> float:
    """The figure to watch: that of validation, or where there is none that of training."""
    if monitor in row:
        return row[monitor]
    plain = monitor.removeprefix("validation_")
    if plain in row:
        return row[plain]
    raise OptionError(f"there is no figure {monitor!r} to watch; there are: {', '.join(row)}")

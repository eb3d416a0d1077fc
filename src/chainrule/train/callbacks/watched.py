"""The figure that a callback watches, and when it has become better (floor 4)."""

from __future__ import annotations

from chainrule.errors import OptionError

__all__ = ["better", "monitored"]


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

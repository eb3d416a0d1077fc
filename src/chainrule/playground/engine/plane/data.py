"""The points that a network learns from: toys, drawn by hand, or of a CSV file (floor 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from chainrule.data import toys
from chainrule.data.examples import Examples
from chainrule.errors import DataError, OptionError
from chainrule.ops import Array
from chainrule.playground.engine.plane.csvfile import MOST_CLASSES, Table
from chainrule.playground.engine.plane.settings import SPAN

__all__ = ["KEYS", "Axis", "PlaneData", "is_toy", "plane_data"]

# The settings that decide about the points.
KEYS = ("data", "points", "noise", "share", "seed", "drawn", "drawn_as")

_UNITY = (-1.0, 1.0)
_NOTES = MappingProxyType(
    {
        "drawn": "there are no points yet: draw some into the plane",
        "csv": "there is no table yet: drop a CSV file on the page; a link does not hold one",
    }
)


class Axis(NamedTuple):
    """What the numbers along a direction mean.

    Attributes:
        name: what is measured.
        low: the value at the low end,
        high: and at the high one.
    """

    name: str
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class PlaneData:
    """Points of the plane, with their classes or numbers.

    Attributes:
        whole: all points.
        train: what is learned from.
        test: what is held out.
        classes: their names; none where a number is predicted.
        axes: across and up; their ends are at -span and span.
        target: the number that is predicted; its ends are at -1 and 1.
        span: the plane runs from -span to span in both directions.
        version: another for other points.
        note: why there are no points, if there are none.
        table: where they come from, if they do.
    """

    whole: Examples
    train: Examples
    test: Examples
    axes: tuple[Axis, Axis]
    target: Axis
    span: float
    version: int
    note: str = ""
    table: Table | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; none where a number is predicted."""
        return self.train.classes or ()

    @property
    def outputs(self) -> int:
        """How many numbers the network gives."""
        return len(self.classes) or 1

    def targets(self, part: Examples) -> Array:
        """Return labels (n,) int64, or numbers (n, 1) float32, as the loss takes them."""
        return part.y if self.classes else part.y[:, None]

    def original(self) -> tuple[Array, Array]:
        """Return all points (n, 2) and their labels or numbers (n,), in the units they came in."""
        if self.table is not None:
            return self.table.x, self.table.y
        return self.whole.x, self.whole.y

    def plain(self) -> dict[str, Any]:
        """Return all of it as plain values and arrays."""
        return {
            "axes": [axis._asdict() for axis in self.axes],
            "classes": list(self.classes),
            "target": self.target._asdict(),
            "span": self.span,
            "note": self.note,
            "train": _plain(self.train),
            "test": _plain(self.test),
        }


def _plain(part: Examples) -> dict[str, Array]:
    return {"x": part.x, "y": part.y.astype(np.float32)}


def is_toy(settings: Mapping[str, Any]) -> bool:
    """Whether the points are drawn by a function of `data.toys`."""
    return settings["data"] not in _NOTES


def plane_data(settings: Mapping[str, Any], table: Table | None, version: int) -> PlaneData:
    """Return the points that the settings mean.

    Args:
        settings: of the session.
        table: of the CSV file, if there is one.
        version: of the points.

    Raises:
        OptionError: a drawn point belongs to no class.
    """
    kind = settings["data"]
    table = table if kind == "csv" else None
    axes: tuple[Axis, Axis] | None = None
    target = Axis("label" if kind == "drawn" else "y", *_UNITY)
    if table is not None:
        whole, axes, target = _of_table(table)
    elif kind in _NOTES:
        whole = _drawn(settings["drawn"] if kind == "drawn" else [], settings["drawn_as"])
    else:
        make = getattr(toys, kind)
        whole = make(settings["points"], settings["noise"], settings["seed"])
    train, test = _split(whole, settings)
    span = _span(whole.x, is_toy(settings))
    if axes is None:
        axes = (Axis("x1", -span, span), Axis("x2", -span, span))
    note = "" if len(whole) else _NOTES[kind]
    return PlaneData(whole, train, test, axes, target, span, version, note, table)


def _of_table(table: Table) -> tuple[Examples, tuple[Axis, Axis], Axis]:
    across, up = (Axis(name, *scale.ends(SPAN)) for name, scale in zip(table.names, table.scales))
    target = Axis(table.target, *(table.answer.ends(1.0) if table.answer else _UNITY))
    return table.examples(), (across, up), target


def _drawn(points: list[list[float]], kind: str) -> Examples:
    array = np.array(points, dtype=np.float64).reshape(-1, 3)
    x, labels = array[:, :2].astype(np.float32), array[:, 2]
    if kind == "number":
        return Examples("drawn", x, labels.astype(np.float32), None, "")
    wrong = np.flatnonzero((labels < 0) | (labels >= MOST_CLASSES) | (labels % 1 != 0))
    if wrong.size:
        raise OptionError(
            f"drawn[{wrong[0]}] must have a class from 0 to {MOST_CLASSES - 1}, got "
            f"{labels[wrong[0]]:g}; or set drawn_as to 'number'"
        )
    count = max(2, int(labels.max(initial=0)) + 1)
    names = tuple(f"class {k + 1}" for k in range(count))
    return Examples("drawn", x, labels.astype(np.int64), names, "")


def _split(whole: Examples, settings: Mapping[str, Any]) -> tuple[Examples, Examples]:
    """Hold some out, or nothing where there are too few."""
    try:
        return whole.split(1 - settings["share"], settings["seed"])
    except DataError:
        return whole, whole.take([])


def _span(x: Array, is_toy: bool) -> float:
    """How far the plane goes so that all points are in it; those of a toy fill it."""
    furthest = float(np.abs(x).max(initial=0))
    fitting = float(np.ceil(2.1 * furthest) / 2)
    return fitting if is_toy or furthest > SPAN else SPAN

"""Optimisers that go downhill side by side: the session (floor 5).

Ways are made as soon as something is set, and a frame holds all of them whole: going along them is
the page's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from chainrule import draw
from chainrule.errors import OptionError, chosen, kind_of
from chainrule.picture import Svg, stacked
from chainrule.picture.charts.levels import level_lines
from chainrule.picture.charts.relief import relief_of, shares
from chainrule.playground.engine.descent.fates import fate
from chainrule.playground.engine.descent.grounds import GROUNDS, Ground
from chainrule.playground.engine.descent.optimizers import OPTIMIZERS
from chainrule.playground.engine.descent.script import script_of
from chainrule.playground.engine.descent.slopes import slopes
from chainrule.playground.engine.descent.spelled import spelled
from chainrule.playground.engine.descent.ways import walk
from chainrule.playground.engine.session import Download, Session
from chainrule.playground.engine.settings import Amount, Choice, Count, Setting, Several

__all__ = ["Descent"]

_NODES = {1: 361, 2: 121}  # along each side of the grid that a page draws of
_FURTHEST = 10.0  # that a start may be from 0


@dataclass(frozen=True, kw_only=True)
class _OfGround(Amount):
    """A number that is the function's own where none is given."""

    @property
    def kind(self) -> str:
        """A page sets it as any number."""
        return "amount"

    def check(self, name: str, value: Any) -> Any:
        """Return the number, or `None`."""
        return None if value is None else super().check(name, value)


_RATES = (
    *(1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.03, 0.05, 0.07, 0.09, 0.095, 0.1, 0.105),
    *(0.15, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95, 1.0, 1.05, 1.5, 2.0, 5.0),
)


class Descent(Session):
    """Optimisers that go downhill on a curve or a surface, from one start, side by side.

    Args:
        settings: of the table `SETTINGS`. Where start and rates are `None`, they are the
            function's own.

    Examples:
        >>> session = Descent(function="bowl", optimizers=["sgd", "momentum"], steps=50)
        >>> session.frame()["paths"]["sgd"]["note"]
        'at the lowest point from step 14 on'
        >>> session.ask("at", {"x": 1.0, "y": 0.0})["curvatures"]
        array([2., 2.])
    """

    trains = False
    SETTINGS: ClassVar[dict[str, Setting]] = {
        "function": Choice(
            label="Function",
            usual="ravine",
            group="function",
            options={name: ground.label for name, ground in GROUNDS.items()},
            help="What is descended; a curve has one coordinate, a surface two.",
        ),
        "start_x": _OfGround(
            label="Start x", usual=None, group="function", low=-_FURTHEST, high=_FURTHEST
        ),
        "start_y": _OfGround(
            label="Start y", usual=None, group="function", low=-_FURTHEST, high=_FURTHEST
        ),
        "optimizers": Several(
            label="Optimisers",
            usual=["sgd", "momentum", "rmsprop", "adam"],
            group="optimizers",
            options={name: kind.label for name, kind in OPTIMIZERS.items()},
        ),
        "lr": _OfGround(
            label="Rate",
            live=True,
            usual=None,
            group="optimizers",
            low=0,
            high=100,
            steps=_RATES,
            help="The learning rate of plain descent, momentum and Nesterov.",
        ),
        "lr_adaptive": _OfGround(
            label="Rate, adaptive",
            live=True,
            usual=None,
            group="optimizers",
            low=0,
            high=100,
            steps=_RATES,
            help="The learning rate of those that divide by the gradient's size; their steps "
            "are about so long, however steep it is.",
        ),
        "momentum": Amount(
            label="Momentum",
            live=True,
            usual=0.8,
            group="optimizers",
            low=0.01,
            high=0.999,
            steps=(0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99),
            help="The share of the velocity that is kept, of momentum and Nesterov.",
        ),
        "alpha": Amount(
            label="RMSprop keeps",
            live=True,
            usual=0.9,
            group="optimizers",
            low=0,
            high=0.9999,
            steps=(0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999),
            help="The share of the running mean of squared gradients that RMSprop keeps.",
        ),
        "weight_decay": Amount(
            label="AdamW decays",
            live=True,
            usual=0.01,
            group="optimizers",
            low=0,
            high=1,
            steps=(0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
            help="How strongly AdamW draws towards 0.",
        ),
        "noise": Amount(
            label="Noise",
            live=True,
            usual=0.0,
            group="run",
            low=0,
            high=10,
            steps=(0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            help="Deviation of what is added to each gradient, as a small batch would.",
        ),
        "seed": Count(label="Seed", usual=0, group="run", low=0, high=2**31 - 1),
        "steps": Count(
            label="Steps",
            live=True,
            usual=100,
            group="run",
            low=1,
            high=500,
            steps=(10, 20, 50, 100, 150, 200, 300, 400, 500),
        ),
    }
    QUESTIONS: ClassVar[dict[str, str]] = {"at": "_at", "step": "_step"}
    DOWNLOADS: ClassVar[dict[str, str]] = {"script": "_script", "picture": "_picture"}

    def __init__(self, **settings: Any) -> None:
        self._drawn: dict[str, dict[str, Any]] = {}  # what is drawn of a ground, once made
        super().__init__(**settings)

    def _set(self, given: Mapping[str, Any], joins: bool) -> None:
        """Set something; another function comes with its own start and rates."""
        if given.get("function", self.settings["function"]) != self.settings["function"]:
            own: dict[str, Any] = dict.fromkeys(("start_x", "start_y", "lr", "lr_adaptive"))
            given = {**own, **given}
        super()._set(given, joins)

    # --- what a session provides ----------------------------------------------------------------

    def _begin(self) -> None:
        self._ways = walk(self.ground, self.start, self.settings["optimizers"], self.used)

    def _state(self) -> None:
        """Nothing: the same settings make the same ways, sooner than they are kept."""

    def _restore(self, state: None) -> None:
        self._begin()

    @property
    def ground(self) -> Ground:
        """What is descended."""
        return GROUNDS[self.settings["function"]]

    @property
    def start(self) -> list[float]:
        """Where all begin."""
        ground = self.ground
        given = (self.settings["start_x"], self.settings["start_y"])[: ground.dims]
        start = [own if one is None else one for own, one in zip(ground.start, given, strict=True)]
        for name, one, low, high in zip("xy", start, ground.low, ground.high, strict=False):
            if not low <= one <= high:
                raise OptionError(
                    f"start_{name} must be from {low:g} to {high:g} on this function, got {one:g}"
                )
        return [float(one) for one in start]

    @property
    def used(self) -> dict[str, Any]:
        """The settings with start and rates as they are used."""
        ground, start = self.ground, self.start
        rates = {
            name: getattr(ground, name) if self.settings[name] is None else self.settings[name]
            for name in ("lr", "lr_adaptive")
        }
        return {
            **self.settings,
            **rates,
            "start_x": start[0],
            "start_y": start[1] if ground.dims > 1 else None,
        }

    def frame(self) -> dict[str, Any]:
        """Return the ground and all ways on it, whole."""
        ground, used = self.ground, self.used
        return {
            **self._drawing(),
            "used": used,
            "paths": {
                name: {
                    "x": np.array(way.points, np.float32),
                    "value": np.asarray(ground.at(np.array(way.points)), np.float32),
                    "note": fate(ground, name, way, used),
                    "left": way.left,
                }
                for name, way in self._ways.items()
            },
        }

    def _drawing(self) -> dict[str, Any]:
        """What is drawn of the ground; made once for each."""
        name = self.settings["function"]
        if name not in self._drawn:
            self._drawn[name] = _drawing(self.ground)
        return self._drawn[name]

    # --- questions ------------------------------------------------------------------------------

    def _at(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Height, gradient, curvatures and the largest stable rate at a point."""
        point = [_number(values, name) for name in ("x", "y")[: self.ground.dims]]
        there = slopes(self.ground, point)
        return {
            "value": there.height,
            "gradient": there.gradient,
            "curvatures": there.curvatures,
            "stable": there.stable,
        }

    def _step(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """One step of one optimiser, spelled out; "off" is how far that is from where it went."""
        name = values.get("optimizer")
        if not isinstance(name, str):
            raise OptionError(f"optimizer must be the name of one, got {kind_of(name)}")
        way = chosen("optimiser under way", name, self._ways)
        last = len(way.steps)
        count = Count(label="step", usual=1, low=1, high=last).check("step", values.get("step"))
        before, after = way.points[count - 1], way.points[count]
        lines = spelled(name, way.steps[count - 1], before, self.used)
        return {
            "step": count,
            "from": before,
            "to": after,
            "lines": [line._asdict() for line in lines],
            "off": float(np.abs(lines[-1].values - after).max()),
        }

    # --- downloads ------------------------------------------------------------------------------

    def _script(self) -> Download:
        text = script_of(self.ground, self.start, self.settings["optimizers"], self.used)
        return Download("descent.py", "text/x-python", text.encode())

    def _picture(self) -> Download:
        return Download("descent.svg", "image/svg+xml", str(self._drawn_ways()).encode())

    def _drawn_ways(self) -> Svg:
        ground = self.ground
        ways = {name: np.array(way.points) for name, way in self._ways.items()}
        if ground.dims > 1:
            sides = list(zip(ground.low, ground.high, strict=True))
            named = {OPTIMIZERS[name].label: way for name, way in ways.items()}
            return draw.surface(ground.height, named, *sides, title=ground.formula)
        return stacked(
            [
                draw.descent(
                    ground.height,
                    way[:, 0].tolist(),
                    ground.low[0],
                    ground.high[0],
                    title=OPTIMIZERS[name].label,
                )
                for name, way in ways.items()
            ],
            title=ground.formula,
        )


def _number(values: Mapping[str, Any], name: str) -> float:
    return Amount(label=name, usual=0, low=-1e6, high=1e6).check(name, values.get(name))


def _drawing(ground: Ground) -> dict[str, Any]:
    """What a page draws of a ground: heights on a grid, and of a surface lines of equal height."""
    axes = [
        np.linspace(low, high, _NODES[ground.dims])
        for low, high in zip(ground.low, ground.high, strict=True)
    ]
    heights = np.asarray(ground.height(*np.meshgrid(*axes)))
    minima = np.array(ground.minima)
    told = {
        "dims": ground.dims,
        "formula": ground.formula,
        "about": ground.about,
        "low": list(ground.low),
        "high": list(ground.high),
        "grid": heights.astype(np.float32),
        "minima": minima.astype(np.float32),
        "depths": np.asarray(ground.at(minima), np.float32),
    }
    if ground.dims > 1:
        relief = relief_of(heights)
        told["shade"] = np.rint(255 * relief.share(heights)).astype(np.uint8)
        told["contours"] = [_contour(heights, relief.level(share)) for share in shares()]
    return told


def _contour(heights: Any, level: float) -> dict[str, Any]:
    """The lines of one level as the path of an SVG, in steps of the grid."""
    lines = level_lines(heights, level)
    path = "".join("M" + " ".join(f"{x:.2f},{y:.2f}" for x, y in line) for line in lines)
    return {"level": level, "path": path}

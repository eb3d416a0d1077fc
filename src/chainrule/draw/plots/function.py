"""Plots of functions with their slopes, and of values step by step (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.draw.plots.numbers import Array, heights, interval, numbers
from chainrule.errors import DataError
from chainrule.picture import Svg, Tangent, line_chart, tangent_chart

__all__ = ["curves", "function", "sampled"]

_PLACES = 401
_NUDGE = float(np.cbrt(np.finfo(float).eps))  # where error of the formula and of rounding are even

Function = Callable[..., Any]


def function(
    f: Function | Mapping[str, Function],
    low: float,
    high: float,
    *,
    slopes: Sequence[float] = (),
    title: str = "",
    x_label: str = "x",
    y_label: str = "",
    y_range: tuple[float, float] | None = None,
) -> Svg:
    """Draw a function, and how steep it is at some places.

    Args:
        f: takes an array, a tensor or a number; or several functions by name.
        low: the least x.
        high: the greatest x.
        slopes: each x at which a tangent is drawn, with its slope in words. The slope is the
            central difference (f(x + h) - f(x - h)) / 2h with h = 6e-6 max(1, |x|): right to about
            ten digits on smooth functions, the mean of both sides at a kink. Of several functions
            it is that of the first.
        title: what the picture is; the name of the function if not given.
        x_label: what is measured across.
        y_label: what is measured upwards.
        y_range: the least and the greatest height shown; those of the function if not given.

    Returns:
        The picture, which a notebook shows and `save` writes.

    Raises:
        OptionError: `low`, `high` or `y_range` are no stretch of numbers.
        DataError: the function has no finite value there, or no slope at one of `slopes`.

    Examples:
        >>> function(lambda x: 3 * x**2 - 4 * x + 5, -5, 5, slopes=[2]).description
        'from 100 at x = −5 to 60 at x = 5, least 3.667, greatest 100; slope 8 at x = 2'
        >>> function({"tanh": np.tanh, "relu": lambda x: max(x, 0.0)}, -2, 2).title
        'tanh, relu'
    """
    low, high = interval(low, high)
    if y_range is not None:
        y_range = interval(*y_range, "y_range")
    several = dict(f) if isinstance(f, Mapping) else {"": f}
    if not several:
        raise DataError("function: expected a function, or several by name, got none")
    points = {name: sampled(each, low, high) for name, each in several.items()}
    first = next(iter(several.values()))
    tangents = [_tangent(first, float(x), high - low) for x in numbers(slopes, "slopes").tolist()]
    return tangent_chart(
        points,
        tangents,
        title=title or ", ".join(name or called(each) for name, each in several.items()),
        x_label=x_label,
        y_label=y_label,
        y_range=y_range,
    )


def curves(
    series: Mapping[str, Any] | Sequence[Any],
    *,
    x: Sequence[float] | None = None,
    title: str = "",
    x_label: str = "step",
    y_label: str = "",
    log_y: bool = False,
    percent: bool = False,
    marks: Mapping[float, str] | None = None,
) -> Svg:
    """Draw values step by step: learning curves.

    Args:
        series: numbers by name, each of shape `(N,)`, or `(N, 2)` for points x, y of its own; or
            one such series alone.
        x: where the values stand; 1, 2, 3, ... if not given.
        title: what the picture is.
        x_label: what is counted across.
        y_label: what is measured upwards.
        log_y: equal ratios equally far apart.
        percent: write 0.25 as 25 %.
        marks: upright lines by their x, each with its text.

    Returns:
        The picture.

    Raises:
        ShapeError: a series is of another shape, or not as long as `x`.
        DataError: a series is no series of numbers.

    Examples:
        >>> curves({"loss": [2.3, 0.9, 0.4]}, title="Learning").description
        'loss: from 2.3 to 0.4, least 0.4 at 3'
    """
    named = series if isinstance(series, Mapping) else {"": series}
    return line_chart(
        {name: numbers(values, f"series {name!r}") for name, values in named.items()},
        x=x,
        title=title or ", ".join(name for name in named if name),
        x_label=x_label,
        y_label=y_label,
        log_y=log_y,
        y_format="%" if percent else "number",
        marks=marks,
    )


def sampled(f: Function, low: float, high: float) -> Array:
    """Return points of the curve of `f`, shape `(401, 2)`."""
    x = np.linspace(low, high, _PLACES)
    return np.stack([x, heights(f, x)], axis=1)


def called(f: Function) -> str:
    """Return what a function is called in a title.

    Examples:
        >>> called(np.tanh), called(lambda x: x)
        ('tanh', 'f(x)')
    """
    name = getattr(f, "__name__", type(f).__name__)
    return "f(x)" if name == "<lambda>" else name


def _tangent(f: Function, x: float, across: float) -> Tangent:
    """The tangent at `x`, of a curve that is drawn `across` numbers wide."""
    h = _NUDGE * max(1.0, abs(x))
    before, y, after = heights(f, x + np.array([-h, 0.0, h])).tolist()
    slope = (after - before) / (2 * h)
    if not np.isfinite(slope):
        raise DataError(f"{called(f)} has no slope at x = {x:g}: it is not finite right beside it")
    slope = 0.0 if abs(slope) * across < 1e-6 * abs(y) + 1e-9 else slope  # a rounding error
    return Tangent(x, y, slope)

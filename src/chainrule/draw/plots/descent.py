"""Plots of gradient descent: on a curve, and across a surface seen from above (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.draw.plots.function import called, sampled
from chainrule.draw.plots.numbers import Array, heights, interval, numbers
from chainrule.errors import ShapeError
from chainrule.picture import Svg, contour_chart, descent_chart

__all__ = ["descent", "surface"]

_NODES = 141  # along each side of the grid on which a surface is measured


def descent(
    f: Callable[[Any], Any],
    path: Sequence[Any],
    low: float,
    high: float,
    *,
    title: str = "",
    x_label: str = "x",
    y_label: str = "",
    y_range: tuple[float, float] | None = None,
) -> Svg:
    """Draw a function and the points of a descent on it, numbered, from 0 at the start.

    Args:
        f: takes an array, a tensor or a number.
        path: x at the start and after each step, shape `(T,)`.
        low: the least x shown.
        high: the greatest x shown.
        title: what the picture is.
        x_label: what is measured across.
        y_label: what is measured upwards.
        y_range: the least and the greatest height shown; those of the function if not given.

    Returns:
        The picture. Steps that leave it are cut off at its edge, and it says how many did.

    Raises:
        OptionError: `low`, `high` or `y_range` are no stretch of numbers.
        DataError: the function has no finite value there.
        ShapeError: `path` is no sequence of numbers, or empty.

    Examples:
        >>> descent(lambda x: x**2, [2.0, 1.2, 0.72], -2.5, 2.5).description
        '2 steps from 4 at x = 2 to 0.5184 at x = 0.72'
    """
    low, high = interval(low, high)
    if y_range is not None:
        y_range = interval(*y_range, "y_range")
    x = numbers(path, "path")
    if x.ndim != 1 or not len(x):
        raise ShapeError(f"descent: expected a path of shape (T,), one x a step, got {x.shape}")
    y = np.full(x.shape, np.nan)
    finite = np.abs(x) < 1e300
    if finite.any():
        y[finite] = heights(f, x[finite])
    return descent_chart(
        sampled(f, low, high),
        np.stack([x, y], axis=1),
        title=title or f"descent on {called(f)}",
        x_label=x_label,
        y_label=y_label,
        y_range=y_range,
    )


def surface(
    f: Callable[[Any, Any], Any],
    paths: Mapping[str, Any] | Any = None,
    x_range: tuple[float, float] = (-1, 1),
    y_range: tuple[float, float] = (-1, 1),
    *,
    title: str = "",
    x_label: str = "x",
    y_label: str = "y",
) -> Svg:
    """Draw a function of two numbers from above, with the ways of one or several descents.

    Args:
        f: takes x and y, as arrays, tensors or numbers.
        paths: points of shape `(T, 2)`, the start first; or several such paths by name.
        x_range: the least and the greatest x.
        y_range: the least and the greatest y.
        title: what the picture is.
        x_label: what is measured across.
        y_label: what is measured upwards.

    Returns:
        The picture: lines of equal height, the shade the stronger the lower.

    Raises:
        OptionError: a range is no stretch of numbers.
        DataError: the function has no finite value there.
        ShapeError: a path is not of shape `(T, 2)`.

    Examples:
        >>> bowl = lambda x, y: x**2 + 10 * y**2
        >>> surface(bowl, {"plain": [(1, 0.5), (0.8, -0.4)]}).description
        'heights from 0 to 11; plain: from (1, 0.5) to (0.8, −0.4) in 1 step'
    """
    left, right = interval(*x_range, "x_range")
    low, high = interval(*y_range, "y_range")
    x, y = np.meshgrid(np.linspace(left, right, _NODES), np.linspace(low, high, _NODES))
    return contour_chart(
        heights(f, x, y),
        (left, right, low, high),
        {name: _way(name, path) for name, path in _named(paths).items()},
        title=title or called(f),
        x_label=x_label,
        y_label=y_label,
    )


def _named(paths: Any) -> Mapping[str, Any]:
    if paths is None:
        return {}
    return paths if isinstance(paths, Mapping) else {"": paths}


def _way(name: str, path: Any) -> Array:
    way = numbers(path, f"path {name!r}".replace(" ''", ""))
    if way.ndim != 2 or way.shape[1] != 2 or not len(way):
        raise ShapeError(f"surface: expected a path of points of shape (T, 2), got {way.shape}")
    return way

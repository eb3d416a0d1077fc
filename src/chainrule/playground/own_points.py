"""A person's own points for the plane (floor 5)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError, kind_of
from chainrule.playground.engine.plane.settings import SETTINGS
from chainrule.playground.engine.settings import Points

__all__ = ["own_points"]


def own_points(data: Any) -> dict[str, Any]:
    """Return settings of the plane that show given points.

    Args:
        data: x of shape (N, 2) and y of shape (N,). Whole numbers, booleans and strings in y are
            classes, other numbers are to be predicted as they are. A column of x that reaches
            beyond the plane is scaled to it.

    Raises:
        DataError: they are no such points, or too many.

    Examples:
        >>> own_points(([[0.0, 1.0], [0.5, -1.0]], [7, 9]))["drawn"]
        [[0.0, 1.0, 0.0], [0.5, -1.0, 1.0]]
    """
    drawn = SETTINGS["drawn"]
    assert isinstance(drawn, Points)
    x, y = _pair(data)
    if len(x) > drawn.most:
        raise DataError(f"data has {len(x):,} points, and the plane shows {drawn.most:,} at most")
    labels, kind = _labels(y)
    places = np.stack([_fitting(column, drawn.span) for column in x.T], axis=1)
    points = np.concatenate([places, labels[:, None]], axis=1)
    return {"data": "drawn", "drawn": points.tolist(), "drawn_as": kind}


def _pair(data: Any) -> tuple[NDArray[np.float64], NDArray[Any]]:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise DataError(f"data must be the name of some, or a pair x, y, got {kind_of(data)}")
    try:
        x, y = np.asarray(data[0], float), np.asarray(data[1])
    except (TypeError, ValueError):
        raise DataError(
            "data must be x of shape (N, 2), all numbers, and y of shape (N,)"
        ) from None
    if x.ndim != 2 or x.shape[1] != 2 or y.shape != x.shape[:1] or not len(x):
        raise DataError(
            f"data must be x of shape (N, 2) and y of shape (N,), got {x.shape} and {y.shape}"
        )
    if not np.isfinite(x).all():
        raise DataError("data has coordinates that are not finite; leave those points out")
    return x, y


def _labels(y: NDArray[Any]) -> tuple[NDArray[np.float64], str]:
    """Numbers of classes, or the numbers themselves."""
    if y.dtype.kind == "f":
        if not np.isfinite(y).all():
            raise DataError("data has numbers in y that are not finite; leave those points out")
        return y.astype(float), "number"
    if y.dtype.kind not in "iubUS":
        raise DataError(f"data must have numbers or names in y, got dtype {y.dtype}")
    return np.unique(y, return_inverse=True)[1].astype(float), "classes"


def _fitting(column: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    low, high = column.min(), column.max()
    if max(-low, high) <= span:
        return column
    return (column - (low + high) / 2) * (1.9 * span / (high - low or 1))

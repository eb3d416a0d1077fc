"""Numbers from whatever holds them, and the heights of a function of any kind (floor 4).

A function may be written for arrays, for tensors, or for one number at a time; it may give back
floats, tensors or scalars with a graph. What is drawn are arrays of float64.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.autograd import Tensor, no_grad, tensor
from chainrule.errors import DataError, OptionError

__all__ = ["heights", "interval", "numbers"]

Array = NDArray[Any]


def numbers(values: Any, what: str) -> Array:
    """Return numbers as an array of float64.

    Args:
        values: an array, a tensor, numbers or scalars with a graph in lists.
        what: what they are, for the sentence if they are no numbers.

    Raises:
        DataError: they are no numbers, or lists of different lengths.

    Examples:
        >>> numbers([[1, 2], [3, 4]], "points").shape
        (2, 2)
    """
    if isinstance(values, Tensor):
        return values.detach().numpy().astype(float)
    try:
        array = np.asarray(values)
        if array.dtype == object:
            return np.array([float(each) for each in array.ravel()]).reshape(array.shape)
        return array.astype(float)
    except (TypeError, ValueError, AttributeError):
        raise DataError(
            f"{what}: expected numbers in an array, a tensor or lists, "
            f"got {type(values).__name__} {values!r:.60}"
        ) from None


def heights(function: Callable[..., Any], *places: Array) -> Array:
    """Return the values of a function of one or several numbers at places of shape `(N,)` each.

    It is asked with arrays first, then with tensors, and if it understands neither, with one place
    after another.

    Args:
        function: takes as many arguments as there are `places`.
        *places: arrays of one shape.

    Returns:
        Values of that shape; NaN where the function has none.

    Raises:
        DataError: the function has no value at any of the places.

    Examples:
        >>> import math
        >>> heights(lambda x: x**2, np.array([1.0, 3.0])), heights(math.log, np.array([-1.0, 1.0]))
        (array([1., 9.]), array([nan,  0.]))
    """
    with np.errstate(all="ignore"), no_grad():
        found = _at_once(function, places)
        if found is None:
            found = _one_by_one(function, places)
    if not np.isfinite(found).any():
        ends = ", ".join(f"{place.min():g} to {place.max():g}" for place in places)
        raise DataError(
            f"{_name(function)} has no finite value at any of {places[0].size} places from {ends}"
        )
    return found


def interval(low: float, high: float, what: str = "low and high") -> tuple[float, float]:
    """Return both ends of a stretch of numbers as floats.

    Raises:
        OptionError: they are not finite, or not in order.

    Examples:
        >>> interval(-1, 1)
        (-1.0, 1.0)
    """
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise OptionError(
            f"{what}: expected two finite numbers, the lower first, got {low}, {high}"
        )
    return float(low), float(high)


def _at_once(function: Callable[..., Any], places: tuple[Array, ...]) -> Array | None:
    """What the function gives for arrays or tensors, if it gives a number for each place."""
    for kind in (np.array, tensor):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # NumPy warns where it takes an array for a number
                found = numbers(function(*(kind(place) for place in places)), "values")
        except Exception:
            continue  # it was written for something else; its own error comes one by one
        if found.shape == places[0].shape:
            return found
    return None


def _one_by_one(function: Callable[..., Any], places: tuple[Array, ...]) -> Array:
    flat = zip(*(place.ravel().tolist() for place in places), strict=True)
    return np.array([_value(function, *at) for at in flat]).reshape(places[0].shape)


def _value(function: Callable[..., Any], *at: float) -> float:
    try:
        return float(function(*at))
    except (ArithmeticError, ValueError):
        return float("nan")  # outside of what it is defined for


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)

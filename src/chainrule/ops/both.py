"""What bodies do on arrays of NumPy's and of a GPU, where the two differ (floor 1).

CuPy has no reductions and scans by `maximum`, adds to places only in some formats, and looks up no
sorted lines but one. Of NumPy's arrays each function here is NumPy's own; of a GPU's it is written
with what there is, so that the numbers stay on the device.

`AT_HOME` names the operations for which nothing of the kind is worth it: their arguments come home,
NumPy computes, and the result goes back.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from typing import Any

import numpy as np

from chainrule.backend.arrays import is_gpu, module_of, to_gpu, to_host, when_used
from chainrule.ops.core import REGISTRY, Array, Op

__all__ = [
    "AT_HOME",
    "accumulated",
    "add_at",
    "extreme_at",
    "multiply_at",
    "solvers_raise",
    "sought",
]

# The operations that a GPU's arrays come home for.
AT_HOME = (
    "gammainc",
    "gammaincc",
    "lgamma",
    "random_binomial",
    "random_gamma",
    "random_poisson",
)


def at_home(op: Op) -> None:
    """Let `op` compute with NumPy also where its arguments are on a GPU."""
    plain = op.forward

    @functools.wraps(plain)
    def forward(*args: Any, **attrs: Any) -> Any:
        if module_of(*args) is np:
            return plain(*args, **attrs)
        hosts = [to_host(a) if is_gpu(a) else a for a in args]
        y = plain(*hosts, **attrs)
        if op.kind == "random":  # which changes its state
            args[0][...] = to_gpu(hosts[0])
        return to_gpu(y)

    op.forward = forward


def _attach() -> None:
    for name in AT_HOME:
        at_home(REGISTRY[name])


when_used(_attach)


# --- adding to places ---------------------------------------------------------------------------

# What a GPU adds to a place that others add to at the same time, and what does for the rest.
_ADDED = {
    "bool": np.uint32,
    "int8": np.int32,
    "int16": np.int32,
    "int64": np.uint64,  # the same sums, bit by bit
    "uint8": np.uint32,
    "uint16": np.uint32,
}


def add_at(y: Array, key: Any, x: Array) -> None:
    """Add x to y at `key`; places that come several times get all of it.

    Examples:
        >>> y = np.zeros(2)
        >>> add_at(y, np.array([1, 1]), np.array([2.0, 3.0]))
        >>> y
        array([0., 5.])
    """
    wide = _ADDED.get(y.dtype.name) if is_gpu(y) else None
    if wide is None:
        np.add.at(y, key, x)
        return
    total = y.astype(wide)
    np.add.at(total, key, x.astype(wide))
    y[...] = total.astype(y.dtype)


def extreme_at(y: Array, key: Any, x: Array, largest: bool) -> None:
    """Put the larger (or smaller) of y and x at `key` into y; of repeated places, of all."""
    ufunc = np.maximum if largest else np.minimum
    if not is_gpu(y):
        ufunc.at(y, key, x)
        return
    _folded_at(ufunc, y, key, x)


def multiply_at(y: Array, key: Any, x: Array) -> None:
    """Multiply y at `key` by x; by all of them where a place comes several times."""
    if not is_gpu(y):
        np.multiply.at(y, key, x)
        return
    _folded_at(np.multiply, y, key, x)


def _folded_at(ufunc: np.ufunc, y: Array, key: Any, x: Array) -> None:
    """What `ufunc.at` does, without it: rounds, in each of which every place takes one of its x.

    Places are sorted; the k-th of equal ones is put in the k-th round. There are as many rounds as
    the place that comes most often has x's.
    """
    make = module_of(y)
    places = make.arange(y.size).reshape(y.shape)[key].ravel()
    if not places.size:
        return
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    count = make.arange(len(order))
    first = np.searchsorted(ordered, ordered, side="left")
    turn = count - first
    flat, values = y.reshape(-1), x.ravel()[order]
    for k in range(int(turn.max()) + 1):
        mine = turn == k
        at = ordered[mine]
        flat[at] = ufunc(flat[at], values[mine])
    y[...] = flat.reshape(y.shape)


# --- scans --------------------------------------------------------------------------------------


def accumulated(ufunc: np.ufunc, x: Array, axis: int) -> Array:
    """x_0, ufunc(x_0, x_1), ... along an axis, for an associative function.

    On a GPU in as many rounds as the length has binary digits: in each, every element takes in what
    so many places before it has come to (W. D. Hillis and G. L. Steele, "Data parallel algorithms",
    1986).

    Examples:
        >>> accumulated(np.maximum, np.array([1.0, 3.0, 2.0]), 0)
        array([1., 3., 3.])
    """
    if not is_gpu(x):
        return ufunc.accumulate(x, axis=axis)
    y, step = x.copy(), 1
    lines = np.moveaxis(y, axis, 0)
    while step < len(lines):
        lines[step:] = ufunc(lines[step:], lines[:-step])
        step *= 2
    return y


# --- looking up ---------------------------------------------------------------------------------


def sought(lines: Array, values: Array, *, right: bool) -> Array:
    """Where in its sorted line (..., n) each value (..., m) would be put in, on a GPU.

    By halving all stretches at once, as many times as n has binary digits.
    """
    make = module_of(values)
    n = lines.shape[-1]
    low, high = (make.full(values.shape, end, dtype=np.int64) for end in (0, n))
    for _ in range(n.bit_length()):
        middle = (low + high) // 2
        found = np.take_along_axis(lines, np.minimum(middle, n - 1), -1)
        before = _before(found, values) if not right else ~_before(values, found)
        before &= low < high
        low = np.where(before, middle + 1, low)
        high = np.where(before, high, np.where(low < high, middle, high))
    return low


def _before(a: Array, b: Array) -> Array:
    """Whether a comes before b in an order in which NaN is last."""
    if a.dtype.kind != "f":
        return a < b
    return (a < b) | (np.isnan(b) & ~np.isnan(a))


# --- linear algebra -----------------------------------------------------------------------------


def solvers_raise(*xs: Array) -> contextlib.AbstractContextManager[Any]:
    """A block in which a GPU's solvers raise where they fail, as NumPy's do: they wait for that."""
    module = module_of(*xs)
    if module is np:
        return contextlib.nullcontext()
    companion = importlib.import_module(f"{module.__name__}x")  # cupyx, to cupy
    block: contextlib.AbstractContextManager[Any] = companion.errstate(linalg="raise")
    return block

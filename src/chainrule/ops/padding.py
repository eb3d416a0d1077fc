"""Padding: what is put around an array, in PyTorch's four modes (floor 1, composites).

The borders of the three modes that repeat x are pieces of it, joined to it, so nothing here has a
derivative of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.errors import OptionError, ShapeError, did_you_mean
from chainrule.ops.core import Value, composite
from chainrule.ops.shape import broadcast_to, concatenate, flip, narrow, pad_constant

# A piece of x that goes before (or, being told the size, after) it: (x, dim, width, after).
Border = Callable[[Value, int, int, bool], Value]


def _reflected(x: Value, dim: int, width: int, after: bool) -> Value:
    n = x.shape[dim]
    if width >= n:
        raise ShapeError(
            f"padding by reflection of {width} needs more than {width} elements, and dimension "
            f"{dim} of shape {tuple(x.shape)} has {n}"
        )
    return flip(narrow(x, dim, n - 1 - width if after else 1, width), dim=dim)


def _replicated(x: Value, dim: int, width: int, after: bool) -> Value:
    n = x.shape[dim]
    if not n:
        raise ShapeError(f"shape {tuple(x.shape)} has no edge to repeat along dimension {dim}")
    edge = narrow(x, dim, n - 1 if after else 0, 1)
    return broadcast_to(edge, shape=(*x.shape[:dim], width, *x.shape[dim + 1 :]))


def _wrapped(x: Value, dim: int, width: int, after: bool) -> Value:
    n = x.shape[dim]
    if width > n:
        raise ShapeError(
            f"circular padding of {width} goes around more than once: dimension {dim} of shape "
            f"{tuple(x.shape)} has {n}"
        )
    return narrow(x, dim, 0 if after else n - width, width)


_BORDERS: dict[str, Border] = {
    "reflect": _reflected,
    "replicate": _replicated,
    "circular": _wrapped,
}


@composite
def pad(
    input: Value, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Value:
    """x with a border, by PyTorch's list: last dimension first, (before, after) pairs.

    Args:
        input: any shape.
        pad: how much before and after; less than 0 takes away.
        mode: "constant", "reflect" (around the edge, without it), "replicate" (the edge) or
            "circular" (the other end).
        value: of the constant; 0 if not given.

    Raises:
        OptionError: another mode.
        ShapeError: an odd number of widths, more pairs than dimensions, or more than there is to
            repeat.

    Examples:
        >>> pad(np.ones((1, 2)), (1, 0))
        array([[0., 1., 1.]])
        >>> pad(np.array([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect")
        array([[3., 2., 1., 2., 3., 2.]])
    """
    widths = _pairs(pad, tuple(input.shape))
    for d, (a, b) in enumerate(widths):
        if min(a, b) < 0:
            input = narrow(input, d, max(-a, 0), _left(input.shape[d], a, b))
    around = tuple((max(a, 0), max(b, 0)) for a, b in widths)
    if not any(map(any, around)):
        return input
    if mode == "constant":
        return pad_constant(input, widths=around, value=value or 0.0)
    if mode not in _BORDERS:
        raise OptionError(
            f"padding mode {mode!r} is not known{did_you_mean(mode, ('constant', *_BORDERS))}"
        )
    for d, (a, b) in enumerate(around):
        input = _bordered(input, d, a, b, _BORDERS[mode])
    return input


def _pairs(pad: Sequence[int], shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """A pair (before, after) for each dimension."""
    pairs = [(int(a), int(b)) for a, b in zip(pad[::2], pad[1::2])][::-1]
    if len(pad) % 2 or len(pairs) > len(shape):
        raise ShapeError(f"padding {tuple(pad)} does not fit shape {shape}")
    return [(0, 0)] * (len(shape) - len(pairs)) + pairs


def _left(n: int, before: int, after: int) -> int:
    """How many of n elements negative padding leaves."""
    left = n + min(before, 0) + min(after, 0)
    if left < 0:
        raise ShapeError(f"padding ({before}, {after}) takes away more than the {n} there are")
    return left


def _bordered(x: Value, dim: int, before: int, after: int, border: Border) -> Value:
    parts = [border(x, dim, before, False)] * (before > 0) + [x]
    parts += [border(x, dim, after, True)] if after > 0 else []
    return concatenate(*parts, dim=dim) if len(parts) > 1 else x

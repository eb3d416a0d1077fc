"""Images of one size made of images of another: interpolation and adaptive averages (floor 1).

All of it works along one dimension after another, and there each number of the output is a weighted
sum of a few of the input: a `Sampling` says which rule gives places and weights. The gradient is a
weighted sum by the same table read backwards, so one primitive is all there is.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.backend.arrays import near
from chainrule.errors import DataError, OptionError, ShapeError, did_you_mean
from chainrule.ops.core import Array, Shape, Value, composite, primitive
from chainrule.ops.window import Sizes, layout

# How much a neighbour at a distance up to 1, and from 1 to 2, counts in cubic interpolation: a
# polynomial's coefficients, highest first. R. G. Keys, "Cubic convolution interpolation for digital
# image processing", 1981, with a = -3/4.
NEAR = (1.25, -2.25, 0.0, 1.0)
FAR = (-0.75, 3.75, -6.0, 3.0)

# Which numbers of the input each number of the output is made of, and their shares: (new, terms).
Table: TypeAlias = tuple[Array, Array]


class Sampling(NamedTuple):
    """How `new` numbers are made of `old` ones.

    Attributes:
        rule: "nearest", "nearest-exact", "linear", "cubic" or "area".
        old: how many there are.
        new: how many there will be.
        scale: how many times as many, if it is not new / old.
        ends: whether the first and the last stay where they are (PyTorch's align_corners).
        back: whether the table is read backwards, from `new` to `old`.
    """

    rule: str
    old: int
    new: int
    scale: float | None = None
    ends: bool = False
    back: bool = False

    def sizes(self) -> tuple[int, int]:
        """Return how many numbers go in and how many come out."""
        return (self.new, self.old) if self.back else (self.old, self.new)


# --- tables -------------------------------------------------------------------------------------


def _step(s: Sampling, dtype: Any) -> Any:
    """How far apart in the input two neighbours of the output lie, rounded as PyTorch does."""
    if s.ends:
        return dtype((s.old - 1) / (s.new - 1)) if s.new > 1 else dtype(0)
    return dtype(1 / s.scale) if s.scale else dtype(s.old) / dtype(s.new)


def _nearest(s: Sampling, dtype: Any) -> Table:
    middle = np.float32(0.5 if s.rule == "nearest-exact" else 0)
    # In float32 whatever the numbers are, as PyTorch: at a tie rounding decides.
    places = np.floor((np.arange(s.new, dtype=np.float32) + middle) * _step(s, np.float32))
    places = np.minimum(places.astype(np.intp), s.old - 1)
    return places[:, None], np.ones((s.new, 1), dtype)


def _positions(s: Sampling, dtype: Any) -> Array:
    """Where in the input the numbers of the output lie."""
    i = np.arange(s.new, dtype=dtype)
    return i * _step(s, dtype) if s.ends else (i + dtype(0.5)) * _step(s, dtype) - dtype(0.5)


def _linear(s: Sampling, dtype: Any) -> Table:
    at = np.maximum(_positions(s, dtype), 0)
    left = np.minimum(at.astype(np.intp), s.old - 1)
    share = np.clip(at - left.astype(dtype), 0, 1)
    return np.stack([left, np.minimum(left + 1, s.old - 1)], 1), np.stack([1 - share, share], 1)


def _cubic(s: Sampling, dtype: Any) -> Table:
    at = _positions(s, dtype)
    left = np.floor(at)
    places = np.clip(left.astype(np.intp)[:, None] + np.arange(-1, 3), 0, s.old - 1)
    share = (at - left)[:, None]
    away = np.abs(share - np.arange(-1, 3, dtype=dtype))
    return places, np.where(away <= 1, np.polyval(NEAR, away), np.polyval(FAR, away))


def _area(s: Sampling, dtype: Any) -> Table:
    i = np.arange(s.new)
    first, end = i * s.old // s.new, -(-(i + 1) * s.old // s.new)
    count = end - first
    terms = np.arange(count.max(initial=1))
    places = np.minimum(first[:, None] + terms, end[:, None] - 1)
    return places, np.where(terms < count[:, None], dtype(1) / count[:, None].astype(dtype), 0)


_RULES: dict[str, Callable[[Sampling, Any], Table]] = {
    "nearest": _nearest,
    "nearest-exact": _nearest,
    "linear": _linear,
    "cubic": _cubic,
    "area": _area,
}


@functools.lru_cache(maxsize=256)
def table(sampling: Sampling, dtype: np.dtype[Any]) -> Table:
    """The table of a sampling, in the order in which `resample` reads it."""
    if sampling.back:
        return _backwards(table(sampling._replace(back=False), dtype), sampling.old)
    places, weights = _RULES[sampling.rule](sampling, dtype.type)
    return places, weights.astype(dtype)


def _backwards(table: Table, old: int) -> Table:
    """For each number of the input those of the output that it is in, and its shares there."""
    places, weights = table
    real = np.nonzero(weights)
    into, source, share = places[real], real[0], weights[real]
    order = np.argsort(into, kind="stable")
    count = np.bincount(into, minlength=old)
    slot = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    shape = (old, max(count.max(initial=0), 1))
    back, shares = np.zeros(shape, np.intp), np.zeros(shape, weights.dtype)
    back[into[order], slot] = source[order]
    shares[into[order], slot] = share[order]
    return back, shares


# --- the primitive ------------------------------------------------------------------------------


def _resampled(x: Shape, *, dims: Sequence[int], samplings: Sequence[Sampling]) -> Shape:
    sizes = list(x)
    for dim, sampling in zip(dims, samplings, strict=True):
        old, new = sampling.sizes()
        if sizes[dim] != old:
            raise ShapeError(f"expected size {old} in dimension {dim}, got shape {x}")
        sizes[dim] = new
    return tuple(sizes)


def _reversed(samplings: Sequence[Sampling]) -> tuple[Sampling, ...]:
    return tuple(s._replace(back=not s.back) for s in samplings)


@primitive(
    kind="gather",
    shape=_resampled,
    vjp=[
        lambda g, _y, _x, *, dims, samplings: resample(g, dims=dims, samplings=_reversed(samplings))
    ],
    arity=1,
)
def resample(x: Array, dims: Sequence[int], samplings: Sequence[Sampling]) -> Array:
    """y[i] = sum over k of weights[i, k] x[places[i, k]] along each of some dimensions in turn.

    Examples:
        >>> resample(np.array([0.0, 2.0]), dims=(0,), samplings=(Sampling("linear", 2, 4),))
        array([0. , 0.5, 1.5, 2. ])
    """
    for dim, sampling in zip(dims, samplings):
        x = _along(x, dim, sampling)
    return x


def _along(x: Array, dim: int, sampling: Sampling) -> Array:
    """x resampled along one dimension."""
    places, weights = table(sampling, x.dtype)
    along = (-1, *[1] * (x.ndim - dim - 1))
    y = None
    for place, weight in zip(places.T, weights.T):
        term = np.take(x, near(place, x), axis=dim)
        if (weight != 1).any():
            term *= near(weight.reshape(along), x)
        y = term if y is None else np.add(y, term, out=y)
    assert y is not None
    return y


# --- with PyTorch's arguments -------------------------------------------------------------------

_MODES = {
    "nearest": "nearest",
    "nearest-exact": "nearest-exact",
    "linear": "linear",
    "bilinear": "linear",
    "bicubic": "cubic",
    "trilinear": "linear",
    "area": "area",
}
_RANKS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


@composite
def interpolate(
    input: Value,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Value:
    """Images of another size, each pixel made of those nearest to its place.

    Args:
        input: images (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size: of the images to come, one number or one for each dimension.
        scale_factor: how many times as large they are, instead of `size`.
        mode: "nearest", "nearest-exact", "linear" (of sequences), "bilinear" and "bicubic" (of
            images), "trilinear" (of volumes), or "area" (means of the pixels within).
        align_corners: of the linear and cubic modes, whether the pixels at the corners stay where
            they are, rather than the corners of the image.
        recompute_scale_factor: whether distances go by the sizes, rounded, and not by the factor.
        antialias: PyTorch's; only `False`.

    Raises:
        OptionError: an unknown mode or a combination that has no meaning.
        DataError: integers, for a mode that computes.
        ShapeError: x of other dimensions, or sizes that are not as many.

    Examples:
        >>> interpolate(np.array([[[1.0, 3.0]]]), scale_factor=2)
        array([[[1., 1., 3., 3.]]])
        >>> interpolate(np.array([[[1.0, 3.0]]]), size=3, mode="linear", align_corners=True)
        array([[[1., 2., 3.]]])
    """
    _check(input, mode, align_corners, antialias)
    old = tuple(int(n) for n in input.shape[2:])
    new, scales = _sizes(old, size, scale_factor)
    if new == old:
        return input
    if recompute_scale_factor:
        scales = (None,) * len(old)
    each = {
        d: Sampling(_MODES[mode], n, m, scale, bool(align_corners))
        for d, (n, m, scale) in enumerate(zip(old, new, scales), start=2)
        if n != m or scale not in (None, 1.0)
    }
    return resample(input, dims=tuple(each), samplings=tuple(each.values()))


def _check(x: Value, mode: str, align_corners: bool | None, antialias: bool) -> None:
    rank = len(x.shape) - 2
    if mode not in _MODES:
        raise OptionError(
            f"mode {mode!r} of interpolation is not known{did_you_mean(mode, _MODES)}"
        )
    if antialias:
        raise OptionError(
            'interpolation without antialias only; make images smaller with mode="area", which '
            "takes means"
        )
    if align_corners is not None and mode not in _RANKS:
        raise OptionError(
            "align_corners is of the modes linear, bilinear, bicubic and trilinear; leave it out "
            f"for {mode!r}"
        )
    if np.dtype(x.dtype).kind != "f" and not mode.startswith("nearest"):
        raise DataError(
            f"mode {mode!r} takes floating-point images, got {x.dtype}; convert them, for example "
            "with x.float()"
        )
    if rank not in (1, 2, 3) or _RANKS.get(mode, rank) != rank:
        wanted = " or ".join(layout(r) for r in (1, 2, 3) if _RANKS.get(mode, r) == r)
        raise ShapeError(f"mode {mode!r} takes {wanted}, got shape {tuple(x.shape)}")


def _sizes(
    old: Sizes, size: int | Sequence[int] | None, scale: float | Sequence[float] | None
) -> tuple[Sizes, tuple[float | None, ...]]:
    """The new size, and the scale where one was given, of each dimension."""
    if (size is None) == (scale is None):
        raise OptionError("interpolation takes either size or scale_factor, and one of them")
    scales: tuple[float | None, ...] = (None,) * len(old)
    if scale is None:
        new = tuple(int(n) for n in _each(size, len(old)))
    else:
        factors = [float(f) for f in _each(scale, len(old))]
        new, scales = tuple(math.floor(n * f) for n, f in zip(old, factors)), tuple(factors)
    if min(*old, *new) < 1:
        raise ShapeError(f"images of size {old} cannot become {new}: every size is at least 1")
    return new, scales


def _each(given: Any, rank: int) -> tuple[Any, ...]:
    """What is given for all dimensions, or for each."""
    each = tuple(given) if isinstance(given, (tuple, list)) else (given,) * rank
    if len(each) != rank:
        raise ShapeError(
            f"expected one number or {rank}, one for each dimension of the images, got {given}"
        )
    return each

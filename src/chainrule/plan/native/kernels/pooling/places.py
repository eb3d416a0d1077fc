"""Where the largest pixel of windows lies that are cut to fit or placed by chance (floor 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from chainrule.plan.native.kernels.pooling.pooling import (
    Carried,
    Gather,
    better,
    gathered,
    lowest,
    pictures,
)
from chainrule.plan.native.kernels.pooling.windows import (
    Axis,
    Spot,
    Tap,
    Walk,
    index,
    row_major,
    walk,
)
from chainrule.plan.native.llvm.ir import INDEX, Register, Unsupported
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View

__all__ = ["PLACES"]


class Cut(NamedTuple):
    """An axis cut into windows: the i-th of m over n pixels is from i n / m to (i + 1) n / m."""

    size: int
    moves: int
    stride: int = 0
    dilation: int = 1

    @property
    def taps(self) -> int:
        """How many pixels a window has at most."""
        n, m = self.size, self.moves
        return max(-(-(i + 1) * n // m) - i * n // m for i in range(m))

    def begin(self, inside: Inside, place: Sequence[Register]) -> Register:
        """The first pixel of a window."""
        return place[-1] * self.size / self.moves

    def bounds(self, begin: Register, move: Register) -> tuple[Register, Register]:
        """No tap before, and how many there are."""
        end = ((move + 1) * self.size + (self.moves - 1)) / self.moves
        return index(begin.writer, 0), end - begin

    def sure(self) -> range:
        """Windows that have all taps: by what they begin with, none."""
        return range(0)

    def within(self, begin: Register, move: Register) -> Register:
        """Whether a window has all taps."""
        return self.bounds(begin, move)[1].eq(self.taps)


class Drawn(NamedTuple):
    """An axis on which windows stand where samples say; see `fractional_places`."""

    size: int
    moves: int
    taps: int
    samples: View
    dim: int
    stride: int = 0
    dilation: int = 1

    def begin(self, inside: Inside, place: Sequence[Register]) -> Register:
        """The first pixel of a window."""
        w, (image, channel, move) = inside.w, place
        dtype = self.samples.base.dtype
        last = self.size - self.taps
        if self.moves == 1:
            return index(w, last)
        by_image, by_channel, by_dim = self.samples.strides
        at = image * by_image + channel * by_channel + self.dim * by_dim
        u = w.load(w.at(inside.start(self.samples), dtype, at), dtype)
        step = float(dtype.type(last / (self.moves - 1)))
        first = ((move.to(dtype) + u) * step).to(INDEX) - (u * step).to(INDEX)
        # No sample, whatever it is, has a window reach beyond the image.
        first = first.lt(0).select(index(w, 0), first)
        return (first.gt(last) | move.eq(self.moves - 1)).select(index(w, last), first)

    def bounds(self, begin: Register, move: Register) -> tuple[Register, Register]:
        """All taps."""
        return index(begin.writer, 0), index(begin.writer, self.taps)

    def sure(self) -> range:
        """None side by side: each has a begin of its own."""
        return range(0)

    def within(self, begin: Register, move: Register) -> Register:
        """Always."""
        return index(begin.writer, 0).eq(0)


def _adaptive(site: Site) -> None:
    """Write `adaptive_places`."""
    x = pictures(site.operands[0])
    axes = [Cut(n, m) for n, m in zip(x.shape[2:], site.attrs["size"])]
    _found(site, x, walk(x, axes))


def _fractional(site: Site) -> None:
    """Write `fractional_places`."""
    x, samples = map(pictures, site.operands)
    if samples.base.dtype != x.base.dtype or x.base.dtype.kind != "f" or 0 in x.shape:
        raise Unsupported("samples of another dtype")
    sizes = zip(x.shape[2:], site.attrs["size"], site.attrs["window"])
    axes: tuple[Axis, ...] = tuple(Drawn(n, m, k, samples, d) for d, (n, m, k) in enumerate(sizes))
    _found(site, x, Walk(x.shape[0], x.shape[1], axes, len(axes) + 1))


def _found(site: Site, x: View, over: Walk) -> None:
    dtype, sizes = x.base.dtype, x.shape[2:]
    low = lowest(dtype)

    def take(
        spot: Spot, carried: Sequence[Register], x: Register, tap: Tap, given: Sequence[Register]
    ) -> list[Register]:
        return better(carried, x, row_major(tap.pixel, sizes))

    how = Gather(
        [Carried(dtype), Carried(INDEX, site.out)],
        lambda spot, tap: [spot.w.number(low, dtype), row_major(tap.pixel, sizes)],
        take,
    )
    gathered(site, over, x, how)


PLACES: dict[str, Callable[[Site], None]] = {
    "adaptive_places": _adaptive,
    "fractional_places": _fractional,
}

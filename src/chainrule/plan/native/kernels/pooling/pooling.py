"""Pooling and its gradients (floor 2).

What a window comes to is carried from tap to tap: the largest so far, which tap that was, the sum.
The gradients put something at the pixels of a window. Where windows overlap they add it, so that
one thread goes over an image whole; the rows of pixels are blank before the first window reaches
them and are in the nearest cache while windows still do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.ops.window import Window
from chainrule.plan.formulas.elementwise import maximum
from chainrule.plan.native.kernels.pooling.regions import region
from chainrule.plan.native.kernels.pooling.windows import (
    Even,
    Spot,
    Tap,
    Walk,
    along,
    index,
    step_to,
    unravelled,
    walk,
)
from chainrule.plan.native.llvm.ir import Number, Register, Unsupported, Writer
from chainrule.plan.native.llvm.vectors import when
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.passes.views import View

__all__ = [
    "POOLING",
    "Carried",
    "Gather",
    "Scatter",
    "better",
    "gathered",
    "lowest",
    "pictures",
    "scattered",
]


class Carried(NamedTuple):
    """A number that is carried from tap to tap.

    Attributes:
        dtype: of the number.
        out: where it goes in the end, if it is wanted.
    """

    dtype: np.dtype[Any]
    out: View | None = None


class Gather(NamedTuple):
    """What becomes of the pixels of a window.

    Attributes:
        carried: the numbers that are carried on.
        start: gives them, from the first tap that is inside.
        take: gives them after one more pixel, from those before, the pixel, its tap and what was
            read at the position.
        read: what is read at the position, of views of positions.
    """

    carried: Sequence[Carried]
    start: Callable[[Spot, Tap], Sequence[Register]]
    take: Callable[
        [Spot, Sequence[Register], Register, Tap, Sequence[Register]], Sequence[Register]
    ]
    read: Sequence[View] = ()


def gathered(site: Site, over: Walk, x: View, how: Gather) -> None:
    """Write what the windows over `x` come to."""
    over.each(
        site, lambda spot: spot.visit(lambda: _written(spot, x, how), lambda: _looped(spot, x, how))
    )


def _written(spot: Spot, x: View, how: Gather) -> None:
    """Write the taps one by one, all in registers."""
    w, dtype = spot.w, x.base.dtype
    taps = list(spot.taps())
    pixels = [spot.pixel(x, tap) for tap in taps]
    reads, outs = _starts(spot, how)
    with w.loop(spot.count, parallel=True) as v:
        given = [w.load(w.at(p, d, v * s), d) for p, d, s in reads]
        carried = how.start(spot, taps[0])
        for tap, pixel in zip(taps, pixels):
            number = w.load(w.at(pixel, dtype, v * spot.pixel_step(x)), dtype)
            carried = how.take(spot, carried, number, tap, given)
        for own, place, y in zip(how.carried, outs, carried):
            if own.out is not None:
                w.store(y, w.at(place[0], own.dtype, v * place[1]))


def _looped(spot: Spot, x: View, how: Gather) -> None:
    """Write a loop over the taps, the numbers that are carried being kept in memory."""
    w, dtype = spot.w, x.base.dtype
    reads, outs = _starts(spot, how)
    first = spot.first()

    def places(v: Register) -> list[str]:
        return [w.at(p, own.dtype, v * s) for own, (p, s) in zip(how.carried, outs)]

    with w.loop(spot.count, parallel=True) as v:
        for y, place in zip(how.start(spot, first), places(v)):
            w.store(y, place)

    def one(tap: Tap) -> None:
        pixel = spot.pixel(x, tap)
        with w.loop(spot.count, parallel=True) as v:
            given = [w.load(w.at(p, d, v * s), d) for p, d, s in reads]
            here = places(v)
            carried = [w.load(p, own.dtype) for p, own in zip(here, how.carried)]
            number = w.load(w.at(pixel, dtype, v * spot.pixel_step(x)), dtype)
            for y, place in zip(how.take(spot, carried, number, tap, given), here):
                w.store(y, place)

    spot.each_tap(one)


def _starts(
    spot: Spot, how: Gather
) -> tuple[list[tuple[str, np.dtype[Any], int]], list[tuple[str, int]]]:
    """Pointers, with steps, to what is read at the first position, and where it is put."""
    reads = [(spot.start(v), v.base.dtype, spot.step(v)) for v in how.read]
    outs = [
        (spot.start(own.out), spot.step(own.out))
        if own.out is not None
        else (spot.inside.reserve(own.dtype, spot.count), 1)
        for own in how.carried
    ]
    return reads, outs


# --- putting something at the pixels of a window ------------------------------------------------


class Scatter(NamedTuple):
    """What is put at the pixels of a window.

    Attributes:
        read: what is read at the position, of views of positions; with how many elements there are
            from one tap to the next.
        share: gives what is put at the pixel of a tap, from that.
    """

    read: Sequence[tuple[View, int]]
    share: Callable[[Spot, Sequence[Register], Tap], Register]


def scattered(site: Site, over: Walk, x: View, how: Scatter) -> None:
    """Write what windows put at the pixels of `x`, and 0 where there is none."""
    axes = [axis for axis in over.axes if isinstance(axis, Even)]
    apart = all(axis.stride >= axis.reach for axis in axes)
    covered = apart and all(_covers(axis) for axis in axes)

    def visit(spot: Spot) -> None:
        def looped() -> None:
            spot.each_tap(lambda tap: _put(spot, x, how, [tap], add=not apart))

        def written() -> None:
            _put(spot, x, how, list(spot.taps()), add=not apart)

        # Side by side along the image, two positions may meet at a pixel by different taps.
        if over.lane == 1 or apart:
            spot.visit(written, looped)
        else:
            looped()

    def ahead(inside: Inside, place: Sequence[Register], row: Register | None) -> None:
        _blank(inside, over, x, place, row)

    over.each(site, visit, None if covered else ahead)


def _covers(axis: Even) -> bool:
    """Whether every pixel is in a window."""
    touching = axis.dilation == 1 and axis.stride == axis.taps
    return touching and axis.moves * axis.stride - axis.padding >= axis.size


def _put(spot: Spot, x: View, how: Scatter, taps: Sequence[Tap], add: bool) -> None:
    """Write what comes to some taps of the windows of a spot."""
    w, dtype = spot.w, x.base.dtype
    pixels = [spot.pixel(x, tap) for tap in taps]
    each = any(step for _, step in how.read)  # something else is read for each tap
    starts = [
        [spot.start(v, spot.number(tap) * step if step else None) for v, step in how.read]
        for tap in (taps if each else taps[:1])
    ]
    with w.loop(spot.count, parallel=True) as v:
        given = [_read(spot, how, own, v) for own in starts]
        for k, (tap, pixel) in enumerate(zip(taps, pixels)):
            place = w.at(pixel, dtype, v * spot.pixel_step(x))
            y = how.share(spot, given[k if each else 0], tap)
            w.store(w.load(place, dtype) + y if add else y, place)


def _read(spot: Spot, how: Scatter, starts: Sequence[str], v: Register) -> list[Register]:
    w = spot.w
    return [
        w.load(w.at(start, view.base.dtype, v * spot.step(view)), view.base.dtype)
        for start, (view, _) in zip(starts, how.read)
    ]


def _blank(
    inside: Inside, over: Walk, x: View, place: Sequence[Register], row: Register | None
) -> None:
    """Write zeros to the rows of pixels that a row of windows is the first to reach."""
    w, dtype = inside.w, x.base.dtype
    size = x.shape[2]
    begin, end = index(w, 0), index(w, size)
    if row is not None:
        axis = over.axes[0]
        begin, end = (_reached(axis, row - 1, size), _reached(axis, row, size))
    start = step_to(w, (*place, begin), x.strides[:3])
    pointer = w.at(inside.start(x), dtype, start)
    channels = x.shape[1] if over.lane == 1 else 1
    zero = w.number(0, dtype)

    def write() -> None:
        region(
            w,
            [channels, end - begin, *x.shape[3:]],
            [x.strides[1:]],
            lambda at: w.store(zero, w.at(pointer, dtype, at)),
        )

    when(w, begin.lt(end), write)


def _reached(axis: Any, row: Register, size: int) -> Register:
    """How many rows of pixels are blank or more after a row of windows; all, after the last."""
    end = row * axis.stride + (axis.reach - axis.padding)
    end = end.lt(size).select(end, size)
    end = end.lt(0).select(index(row.writer, 0), end)
    end = row.lt(0).select(index(row.writer, 0), end)
    return row.eq(axis.moves - 1).select(index(row.writer, size), end)


# --- the operations -----------------------------------------------------------------------------


def pictures(view: Any) -> View:
    """An operand that is an array."""
    if not isinstance(view, View):
        raise Unsupported("a number instead of images")
    return view


def lowest(dtype: np.dtype[Any]) -> Number:
    """What no number is less than."""
    if dtype.kind not in "fiu":
        raise Unsupported(f"the largest of {dtype}")
    return -math.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


def _largest(site: Site) -> None:
    """Write `max_pooling`."""
    x, window = pictures(site.operands[0]), site.attrs["window"]
    dtype = x.base.dtype
    low = lowest(dtype)
    how = Gather(
        [Carried(dtype, site.out)],
        lambda spot, tap: [spot.w.number(low, dtype)],
        lambda spot, carried, x, tap, given: [maximum(carried[0], x)],
    )
    gathered(site, walk(x, along(window, x.shape[2:])), x, how)


def _winners(site: Site) -> None:
    """Write `max_pooling_winners`."""
    x, window = pictures(site.operands[0]), site.attrs["window"]
    dtype, small = x.base.dtype, site.out.base.dtype
    low = lowest(dtype)
    how = Gather(
        [Carried(dtype), Carried(small, site.out)],
        lambda spot, tap: [spot.w.number(low, dtype), spot.number(tap).to(small)],
        lambda spot, carried, x, tap, given: better(carried, x, spot.number(tap).to(small)),
    )
    gathered(site, walk(x, along(window, x.shape[2:])), x, how)


def better(carried: Sequence[Register], x: Register, name: Register) -> list[Register]:
    """The larger of the best so far and a pixel, and its name; the first NaN stays."""
    best, who = carried
    wins = x.compare("ugt", "{}gt", best)
    if x.dtype.kind == "f":
        wins = wins & best.eq(best)
    return [wins.select(x, best), wins.select(name, who)]


def _picked(site: Site) -> None:
    """Write `max_pooling_picked`."""
    x, winners = map(pictures, site.operands)
    dtype, small = x.base.dtype, winners.base.dtype

    def take(
        spot: Spot,
        carried: Sequence[Register],
        x: Register,
        tap: Tap,
        given: Sequence[Register],
    ) -> list[Register]:
        return [given[0].eq(spot.number(tap).to(small)).select(x, carried[0])]

    how = Gather(
        [Carried(dtype, site.out)], lambda spot, tap: [spot.w.number(0, dtype)], take, [winners]
    )
    gathered(site, walk(x, along(site.attrs["window"], x.shape[2:])), x, how)


def _sum(site: Site) -> None:
    """Write `sum_pooling`."""
    x, window = pictures(site.operands[0]), site.attrs["window"]
    dtype = x.base.dtype
    how = Gather(
        [Carried(dtype, site.out)],
        lambda spot, tap: [spot.w.number(0, dtype)],
        lambda spot, carried, x, tap, given: [carried[0] + x],
    )
    gathered(site, walk(x, along(window, x.shape[2:])), x, how)


def _spread(site: Site) -> None:
    """Write `max_pooling_spread`."""
    g, winners = map(pictures, site.operands)
    small = winners.base.dtype

    def share(spot: Spot, given: Sequence[Register], tap: Tap) -> Register:
        return given[1].eq(spot.number(tap).to(small)).select(given[0], 0)

    _put_back(site, Scatter([(g, 0), (winners, 0)], share), site.attrs["window"])


def _spread_evenly(site: Site) -> None:
    """Write `sum_pooling_spread`."""
    g = pictures(site.operands[0])
    _put_back(site, Scatter([(g, 0)], lambda spot, given, tap: given[0]), site.attrs["window"])


def _put_back(site: Site, how: Scatter, window: Window) -> None:
    x = site.out
    scattered(site, walk(x, along(window, x.shape[2:])), x, how)


def _places(site: Site) -> None:
    """Write `max_pooling_places`."""
    winners, window, size = pictures(site.operands[0]), site.attrs["window"], site.attrs["size"]
    axes = along(window, size)
    n, c, *moves = winners.shape
    dtype = winners.base.dtype

    def one(inside: Inside, image: Register) -> None:
        w = inside.w

        def at(place: Sequence[Register]) -> None:
            source = w.at(inside.start(winners), dtype, step_to(w, place, winners.strides))
            which = unravelled(w.load(source, dtype).to(np.int64), window.size)
            found = index(w, 0)
            for axis, move, t in zip(axes, place[2:], which):
                found = found * axis.size + (move * axis.stride - axis.padding) + t * axis.dilation
            target = w.at(inside.start(site.out), found.dtype, step_to(w, place, site.out.strides))
            w.store(found, target)

        _everywhere(w, [image], [c, *moves], at)

    if 0 in winners.shape:
        raise Unsupported("places of nothing")
    site.each(n, math.prod(winners.shape), one)


def _everywhere(
    w: Writer,
    place: list[Register],
    sizes: Sequence[int],
    write: Callable[[Sequence[Register]], None],
) -> None:
    """Write a nest of loops, in the order of the dimensions."""
    if not sizes:
        write(place)
        return
    with w.loop(sizes[0]) as i:
        _everywhere(w, [*place, i], sizes[1:], write)


POOLING: dict[str, Callable[[Site], None]] = {
    "max_pooling": _largest,
    "max_pooling_winners": _winners,
    "max_pooling_picked": _picked,
    "max_pooling_places": _places,
    "max_pooling_spread": _spread,
    "sum_pooling": _sum,
    "sum_pooling_spread": _spread_evenly,
}

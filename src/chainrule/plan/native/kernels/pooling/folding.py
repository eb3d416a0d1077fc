"""Windows of images laid out side by side, and put together again (floor 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chainrule.plan.native.kernels.pooling.pooling import Scatter, pictures, scattered
from chainrule.plan.native.kernels.pooling.windows import Spot, Tap, along, walk
from chainrule.plan.native.llvm.ir import Register
from chainrule.plan.native.site import Site
from chainrule.plan.passes.views import View

__all__ = ["FOLDING"]


def _unfold(site: Site) -> None:
    """Write `unfold_windows`."""
    x, y = pictures(site.operands[0]), site.out
    at_first, step = _positions(y)
    dtype = x.base.dtype

    def put(spot: Spot, taps: Sequence[Tap]) -> None:
        w = spot.w
        pixels = [spot.pixel(x, tap) for tap in taps]
        places = [spot.start(at_first, spot.number(tap) * step) for tap in taps]
        with w.loop(spot.count, parallel=True) as v:
            for pixel, place in zip(pixels, places):
                number = w.load(w.at(pixel, dtype, v * spot.pixel_step(x)), dtype)
                w.store(number, w.at(place, dtype, v * spot.step(at_first)))

    def blank(spot: Spot) -> None:
        w, zero = spot.w, spot.w.number(0, dtype)
        start = spot.start(at_first)
        with w.loop(y.shape[2]) as tap:
            place = w.at(start, dtype, tap * step)
            with w.loop(spot.count, parallel=True) as v:
                w.store(zero, w.at(place, dtype, v * spot.step(at_first)))

    def looped(spot: Spot) -> None:
        blank(spot)
        spot.each_tap(lambda tap: put(spot, [tap]))

    over = walk(at_first, along(site.attrs["window"], x.shape[2:]))
    over.each(
        site, lambda spot: spot.visit(lambda: put(spot, [*spot.taps()]), lambda: looped(spot))
    )


def _fold(site: Site) -> None:
    """Write `fold_windows`."""
    x, (g, step) = site.out, _positions(pictures(site.operands[0]))

    def share(spot: Spot, given: Sequence[Register], tap: Tap) -> Register:
        return given[0]

    axes = along(site.attrs["window"], x.shape[2:])
    scattered(site, walk(x, axes), x, Scatter([(g, step)], share))


def _positions(view: View) -> tuple[View, int]:
    """What (N, C, taps, ...) has at the first tap, and how far away the next one is."""
    shape, strides = view.shape, view.strides
    first = replace(view, shape=(*shape[:2], *shape[3:]), strides=(*strides[:2], *strides[3:]))
    return first, strides[2]


FOLDING: dict[str, Callable[[Site], None]] = {"unfold_windows": _unfold, "fold_windows": _fold}

"""What a convolution or one of its gradients asks for, in one form (floor 2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from chainrule.ops.window import Window, sizes
from chainrule.plan.native.llvm.ir import Unsupported
from chainrule.plan.native.site import Site
from chainrule.plan.passes.views import View

__all__ = ["Case", "bank_of", "case_of", "is_by_lane"]


class Case(NamedTuple):
    """An instruction, brought to two dimensions at least.

    Attributes:
        window: how the filters move.
        groups: how many.
        views: of the images, the filters and the output, or of the gradients there.
    """

    window: Window
    groups: int
    views: tuple[View, View, View]


def case_of(site: Site, images: Any, filters: Any, output: Any) -> Case:
    """What an instruction asks for; operands and result in the roles of a convolution's.

    Raises:
        Unsupported: not all are values of one floating-point dtype, or one is empty.
    """
    views = [v for v in (images, filters, output) if isinstance(v, View)]
    if len(views) < 3 or any(v.base.dtype != site.out.base.dtype for v in views):
        raise Unsupported("a convolution of numbers of several kinds")
    if site.out.base.dtype.kind != "f" or any(0 in v.shape for v in views):
        raise Unsupported("a convolution of nothing")
    size = views[1].shape[2:]
    numbers = {"stride": 1, "padding": 0, "dilation": 1, **site.attrs}
    moves = [sizes(numbers[name], len(size)) for name in ("stride", "padding", "dilation")]
    if len(size) == 1:
        size, moves = (1, *size), [(plain, *move) for plain, move in zip((1, 0, 1), moves)]
        views = [with_line(view) for view in views]
    return Case(Window(size, *moves), int(numbers.get("groups", 1)), tuple(views))  # type: ignore[arg-type]


def with_line(view: View) -> View:
    """Signals as images of one line."""
    shape, strides = view.shape, view.strides
    return replace(view, shape=(*shape[:2], 1, *shape[2:]), strides=(*strides[:2], 0, *strides[2:]))


def bank_of(case: Case, transposed: bool) -> View:
    """The filters as (groups, columns, channels, *taps), see `Bank`."""
    filters = case.views[1]
    size, by_tap = filters.shape[2:], filters.strides[2:]
    by_filter, by_channel = filters.strides[:2]
    each, channels = filters.shape[0] // case.groups, filters.shape[1]
    by_group = each * by_filter
    if is_by_lane(case):  # groups of one channel each are columns of one group
        shape, strides = (1, case.groups, 1, *size), (0, by_group, 0, *by_tap)
        return replace(filters, shape=shape, strides=strides)
    inner, steps = (each, channels), (by_filter, by_channel)
    if transposed:
        inner, steps = inner[::-1], steps[::-1]
    shape, strides = (case.groups, *inner, *size), (by_group, *steps, *by_tap)
    return replace(filters, shape=shape, strides=strides)


def is_by_lane(case: Case) -> bool:
    """Whether each channel is convolved with one filter of its own."""
    return case.groups == case.views[0].shape[1] == case.views[2].shape[1] > 1

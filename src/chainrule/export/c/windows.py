"""Windows over images in C: where their pixels lie, pooling, unfolding, other sizes (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from chainrule.export.c.nest import Nest, type_of
from chainrule.export.c.text import Index, ctype, literal
from chainrule.ops import Shape
from chainrule.ops.resample import table
from chainrule.ops.window import Window
from chainrule.plan.program import Instruction

__all__ = ["WINDOWS", "columns", "meeting", "met"]


# --- where pixels lie ---------------------------------------------------------------------------


def met(
    nest: Nest, window: Window, image: Shape, steps: Sequence[Index], taps: Sequence[Index]
) -> tuple[list[Index], list[str]]:
    """The pixel that a tap of a window meets, and what has to hold for it to lie inside."""
    at: list[Index] = []
    inside: list[str] = []
    counts = window.steps(tuple(image))
    for d, (step, tap) in enumerate(zip(steps, taps)):
        size, before = image[d], window.padding[d]
        reach = (counts[d] - 1) * window.stride[d] + window.dilation[d] * (window.size[d] - 1)
        text = _sum_of((step, window.stride[d]), (tap, window.dilation[d]))
        if not before and reach < size:
            at.append(text)
            continue
        name = nest.fresh("at")
        nest.line(f"const int {name} = {text}{f' - {before}' if before else ''};")
        at.append(name)
        inside.append(f"{name} >= 0 && {name} < {size}")
    return at, inside


@contextmanager
def columns(
    nest: Nest, window: Window, size: int, count: int, tap: Index
) -> Iterator[tuple[Index, Index]]:
    """A loop over those windows of a row whose tap meets a pixel; yields window and pixel."""
    (reach,), (stride,), (before,) = window.reach(), window.stride, window.padding
    shift = _sum_of((tap, window.dilation[0]))
    if not before and (count - 1) * stride + reach <= size:
        with nest.loop(count) as k:
            yield k, _sum_of((k, stride), (shift, 1))
        return
    lead, begin, end = nest.fresh("lead"), nest.fresh("begin"), nest.fresh("end")
    more = f" + {stride - 1}" if stride > 1 else ""
    down = f" / {stride}" if stride > 1 else ""
    nest.line(f"const int {lead} = {before}{f' - {shift}' if shift != 0 else ''};")
    first, last = f"({lead}{more}){down}", f"({size} + {lead}{more}){down}"
    nest.line(f"const int {begin} = {lead} > 0 ? {first if stride > 1 else lead} : 0;")
    last = last if stride > 1 else f"{size} + {lead}"
    nest.line(f"const int {end} = {last} < {count} ? {last} : {count};")
    k = nest.fresh("column")
    with nest.code.block(f"for (int {k} = {begin}; {k} < {end}; {k}++)"):
        yield k, f"{_sum_of((k, stride))} - {lead}"


def _sum_of(*terms: tuple[Index, int]) -> Index:
    words = [str(at) if factor == 1 else f"{factor}*{at}" for at, factor in terms if at != 0]
    return " + ".join(words) or 0


def meeting(
    nest: Nest, window: Window, counts: Shape, pixels: Sequence[Index], taps: Sequence[Index]
) -> tuple[list[Index], list[str]]:
    """Which window meets a pixel with a tap, and what has to hold for there to be one."""
    steps: list[Index] = []
    there: list[str] = []
    for d, (pixel, tap) in enumerate(zip(pixels, taps)):
        stride, before = window.stride[d], window.padding[d]
        name = nest.fresh("at")
        back = "" if tap == 0 else f" - {_sum_of((tap, window.dilation[d]))}"
        nest.line(f"const int {name} = {pixel}{back}{f' + {before}' if before else ''};")
        there.append(f"{name} >= 0 && {name} < {stride * counts[d]}")
        if stride > 1:
            there.append(f"{name} % {stride} == 0")
        steps.append(name if stride == 1 else f"{name} / {stride}")
    return steps, there


# --- pooling ------------------------------------------------------------------------------------


def _max_pooling(nest: Nest, instruction: Instruction) -> str:
    (x,) = instruction.values
    window: Window = instruction.attrs["window"]
    n, c, *steps = nest.index
    real = x.dtype.kind == "f"
    low = "-INFINITY" if real else literal(np.iinfo(x.dtype).min, x.dtype)
    nest.line(f"{ctype(x.dtype)} best = {low};")
    with nest.loops(window.size) as taps:
        at, inside = met(nest, window, x.shape[2:], steps, taps)
        with nest.given(inside) if inside else nest.scope(taps):
            nest.line(f"const {ctype(x.dtype)} pixel = {nest.read(x, (n, c, *at))};")
            odd = " || pixel != pixel" if real else ""
            nest.line(f"best = pixel > best{odd} ? pixel : best;")
    return "best"


def _sum_pooling(nest: Nest, instruction: Instruction) -> str | None:
    (x,) = instruction.values
    if x.dtype.kind != "f":
        return None
    window: Window = instruction.attrs["window"]
    n, c, *steps = nest.index
    total = nest.total()
    with nest.loops(window.size) as taps:
        at, inside = met(nest, window, x.shape[2:], steps, taps)
        with nest.given(inside):
            nest.line(f"{total} += {nest.read(x, (n, c, *at))};")
    return f"({type_of(instruction.out)}){total}"


def _adaptive_places(nest: Nest, instruction: Instruction) -> str:
    (x,) = instruction.values
    sizes, image = instruction.attrs["size"], x.shape[2:]
    n, c, *steps = nest.index
    first = [0 if i == 0 else f"{i} * {size} / {m}" for i, size, m in zip(steps, image, sizes)]
    names = []
    for d, (start, i) in enumerate(zip(first, steps)):
        begin, end = nest.fresh("begin"), nest.fresh("end")
        more = f"({i} + 1) * {image[d]}" if i != 0 else f"{image[d]}"
        nest.line(f"const int {begin} = {start};")
        nest.line(f"const int {end} = ({more} + {sizes[d] - 1}) / {sizes[d]};")
        names.append((begin, end))
    flat = _flat([begin for begin, _ in names], image)
    nest.line(f"int64_t place = {flat};")
    nest.line(f"{ctype(x.dtype)} best = {nest.read(x, (n, c, *[b for b, _ in names]))};")
    _search(nest, instruction, names, [])
    return "place"


def _search(
    nest: Nest, instruction: Instruction, names: Sequence[tuple[str, str]], at: list[Index]
) -> None:
    """Loops over the pixels of a window from begin to end, which keep the first largest."""
    (x,) = instruction.values
    if names:
        begin, end = names[0]
        variable = nest.fresh("at")
        head = f"for (int {variable} = {begin}; {variable} < {end}; {variable}++)"
        with nest.code.block(head):
            _search(nest, instruction, names[1:], [*at, variable])
        return
    nest.line(f"const {ctype(x.dtype)} pixel = {nest.read(x, (*nest.index[:2], *at))};")
    with nest.code.block("if (pixel > best || (pixel != pixel && best == best))"):
        nest.line("best = pixel;")
        nest.line(f"place = {_flat(at, x.shape[2:])};")


def _flat(at: Sequence[Index], image: Shape) -> str:
    return " + ".join(
        f"{i}" if math.prod(image[d + 1 :]) == 1 else f"{math.prod(image[d + 1 :])}*{i}"
        for d, i in enumerate(at)
    )


# --- windows laid out, and put together again ---------------------------------------------------


def _taps_of(k: Index, size: Sequence[int]) -> list[Index]:
    """The tap of a window that is number k, row by row."""
    taps: list[Index] = []
    for d, n in enumerate(size):
        inner = math.prod(size[d + 1 :])
        text = f"{k} / {inner}" if inner > 1 else f"{k}"
        taps.append(0 if n == 1 or k == 0 else f"({text}) % {n}" if d else text)
    return [f"({t})" if isinstance(t, str) and " " in t else t for t in taps]


def _unfold(nest: Nest, instruction: Instruction) -> str:
    (x,) = instruction.values
    window: Window = instruction.attrs["window"]
    n, c, k, *steps = nest.index
    at, inside = met(nest, window, x.shape[2:], steps, _taps_of(k, window.size))
    text = nest.read(x, (n, c, *at))
    return f"{' && '.join(inside)} ? {text} : 0" if inside else text


def _fold(nest: Nest, instruction: Instruction) -> str:
    (g,) = instruction.values
    window: Window = instruction.attrs["window"]
    n, c, *pixels = nest.index
    total = nest.total()
    with nest.loops(window.size) as taps:
        steps, there = meeting(nest, window, g.shape[3:], pixels, taps)
        number = [math.prod(window.size[d + 1 :]) for d in range(len(taps))]
        k = _sum_of(*zip(taps, number))
        with nest.given(there):
            nest.line(f"{total} += {nest.read(g, (n, c, k, *steps))};")
    return f"({type_of(instruction.out)}){total}"


# --- other sizes --------------------------------------------------------------------------------


def _resample(nest: Nest, instruction: Instruction) -> str | None:
    """A weighted sum of a few pixels, by tables of places and shares for each dimension."""
    (x,) = instruction.values
    if x.dtype.kind != "f":
        return None
    index = list(nest.index)
    tables = []
    for dim, sampling in zip(instruction.attrs["dims"], instruction.attrs["samplings"]):
        places, shares = table(sampling, x.dtype)
        tables.append((dim, places.astype(np.int32), shares))
    total = nest.total()
    with nest.loops([places.shape[1] for _, places, _ in tables]) as terms:
        factors = []
        for (dim, places, shares), term in zip(tables, terms):
            at = _entry(index[dim], term, places.shape[1])
            if (shares != 1).any():
                factors.append(f"{nest.scene.table(shares, 'shares')}[{at}]")
            index[dim] = f"{nest.scene.table(places, 'places')}[{at}]"
        text = " * ".join([f"({nest.scene.total}){nest.read(x, index)}", *factors])
        nest.line(f"{total} += {text};")
    return f"({type_of(instruction.out)}){total}"


def _entry(row: Index, column: Index, width: int) -> Index:
    return _sum_of((row, width), (column, 1))


WINDOWS: dict[str, Callable[[Nest, Instruction], str | None]] = {
    "max_pooling": _max_pooling,
    "sum_pooling": _sum_pooling,
    "adaptive_places": _adaptive_places,
    "unfold_windows": _unfold,
    "fold_windows": _fold,
    "resample": _resample,
}

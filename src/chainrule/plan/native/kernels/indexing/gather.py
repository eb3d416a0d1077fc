"""Reading and writing at places that arrays of integers name (floor 2).

Where several numbers go to one place, they go there in the order of their indices, as in the op's
own body: a unit of work has some of the columns, or of the lines along a dimension, and goes
through all indices. Before anything is read or written all indices are looked at; of one that is
outside the op's own body says what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from chainrule.plan.formulas.elementwise import apply
from chainrule.plan.native.kernels.indexing.copies import bits, copied, filled
from chainrule.plan.native.kernels.indexing.keys import Pick, Picked, broadcast, cut, picked, read
from chainrule.plan.native.kernels.indexing.lines import lines
from chainrule.plan.native.kernels.indexing.nests import Steps, place, simplest, spread, turns
from chainrule.plan.native.llvm.ir import INDEX, Number, Register, Unsupported, Writer
from chainrule.plan.native.site import Inside, Site
from chainrule.plan.native.team.threads import SMALL
from chainrule.plan.passes.views import View

__all__ = ["GATHER"]

# From what is there and what comes, what is put there.
Put: TypeAlias = Callable[[Register, Register], Register]

COLUMNS = 64  # that a unit has at least, where rows are added or put


# --- indices --------------------------------------------------------------------------------------


def looked_at(site: Site, picks: Sequence[Pick]) -> None:
    """Write a look at all indices; if one is outside, the group ends with nothing done."""
    for pick in picks:
        if 0 not in pick.array.shape:
            site.insist(_within(site, pick))


def _within(site: Site, pick: Pick) -> Register:
    """Write whether all indices of an array are inside."""
    w, start = site.w, site.start(pick.array)
    outside = w.variable(w.number(0, INDEX))
    shape, (steps,) = simplest(pick.array.shape, pick.array.strides)

    def look(index: list[Register]) -> None:
        number = _index(w, start, pick.array, place(index, steps))
        out = from_the_front(number, pick.size).compare("", "uge", pick.size)
        w.store(w.load(outside, INDEX) | out.to(INDEX), outside)

    turns(w, shape, look)
    return w.load(outside, INDEX).eq(0)


def _index(w: Writer, start: str, array: View, at: Number) -> Register:
    dtype = array.base.dtype
    return w.load(w.at(start, dtype, at), dtype).to(INDEX)


def from_the_front(index: Register, size: int) -> Register:
    """An index, of which a negative one counts from the end, counted from the beginning."""
    return index.lt(0).select(index + size, index)


# --- by a key -------------------------------------------------------------------------------------


def _reach(view: View, site: Site, arrays: Sequence[Any]) -> Picked:
    """Where the key of an instruction reaches to, its arrays looked at."""
    found = picked(view, site.attrs["key"], arrays)
    looked_at(site, found.picks)
    return found


def _entry(inside: Inside, picks: Sequence[Pick], index: Any, arrays: Sequence[Steps]) -> Number:
    """Write where the entries that the arrays name at an index lie."""
    found: Number = 0
    for (array, size, stride), steps in zip(picks, arrays):
        number = _index(inside.w, inside.start(array), array, place(index, steps))
        found = from_the_front(number, size) * stride + found
    return found


def index(site: Site) -> None:
    """Write what lies where a key with arrays reaches to."""
    x, *arrays = site.operands
    y, raw = site.out, bits(site.out.base.dtype)
    reach = _reach(_whole(x), site, arrays)
    basic, lead, begin = reach.basic, reach.lead, reach.lead + len(reach.shape)
    outer, (xs, ys, *names) = simplest(
        (*basic.shape[:lead], *reach.shape),
        (*basic.strides[:lead], *[0] * len(reach.shape)),
        y.strides[:begin],
        *((*[0] * lead, *pick.array.strides) for pick in reach.picks),
    )
    inner, (x_in, y_in) = simplest(basic.shape[lead:], basic.strides[lead:], y.strides[begin:])

    def entry(inside: Inside, index: list[Register]) -> None:
        w = inside.w
        source = w.at(inside.start(basic), raw, _entry(inside, reach.picks, index, names))
        source = w.at(source, raw, place(index, xs))
        target = w.at(inside.start(y), raw, place(index, ys))

        def one(rest: list[Register]) -> None:
            number = w.load(w.at(source, raw, place(rest, x_in)), raw)
            w.store(number, w.at(target, raw, place(rest, y_in)))

        turns(w, inner, one)

    spread(site, outer, entry, math.prod(inner), parallel=not inner)


def unindex(site: Site) -> None:
    """Write zeros, and an array added where a key with arrays reaches to."""
    x, *arrays = site.operands
    y = site.out
    reach = _reach(y, site, arrays)
    filled(site, y, 0)
    _put(site, reach, _whole(x), lambda old, new: old + new)


def index_put(site: Site) -> None:
    """Write a copy of an array, and another in it where a key reaches to."""
    x, v, *arrays = site.operands
    y, key = site.out, site.attrs["key"]
    source = _whole(v)
    reach = _reach(y, site, arrays) if arrays else Picked(cut(y, read(key, y.shape)), (), 0, ())
    copied(site, _whole(x), y)
    basic, lead = reach.basic.shape, reach.lead
    _put(site, reach, broadcast(source, (*basic[:lead], *reach.shape, *basic[lead:])), _last)


def _whole(x: Any) -> View:
    if not isinstance(x, View):
        raise Unsupported("entries of a number")
    return x


def _last(_old: Register, new: Register) -> Register:
    return new


def _put(site: Site, reach: Picked, x: View, put: Put) -> None:
    """Write an array into where a key reaches to: units have columns, and go through all rows."""
    y, lead, begin = reach.basic, reach.lead, reach.lead + len(reach.shape)
    columns, (ys, xs) = simplest(y.shape, y.strides, (*x.strides[:lead], *x.strides[begin:]))
    rows, (x_row, *names) = simplest(
        reach.shape, x.strides[lead:begin], *(pick.array.strides for pick in reach.picks)
    )
    width, many = columns[-1] if columns else 1, math.prod(reach.shape)
    block = max(COLUMNS, width // 8) if many * math.prod(columns) >= SMALL else width
    pieces, dtype = -(-width // block) if width else 0, y.base.dtype

    def unit(inside: Inside, index: list[Register]) -> None:
        w = inside.w
        *outer, which = index
        first = which * block
        left = w.number(width, INDEX) - first
        count: Number = left.lt(block).select(left, block) if pieces > 1 else width
        y_at, x_at = (place([*outer, first], s or (0,)) for s in (ys, xs))

        def row(at: list[Register]) -> None:
            target = w.at(inside.start(y), dtype, _entry(inside, reach.picks, at, names))
            target = w.at(target, dtype, y_at)
            source = w.at(w.at(inside.start(x), x.base.dtype, x_at), x.base.dtype, place(at, x_row))
            with w.loop(count, parallel=True) as c:
                here = w.at(target, dtype, place([c], ys[-1:]))
                new = w.load(w.at(source, x.base.dtype, place([c], xs[-1:])), x.base.dtype)
                w.store(put(w.load(here, dtype), new.to(dtype)), here)

        turns(w, rows, row, parallel=False)

    if 0 not in reach.shape:
        spread(site, (*columns[:-1], pieces), unit, many * block, parallel=False)


# --- along a dimension ----------------------------------------------------------------------------


def take_along(site: Site) -> None:
    """Write what lies at the places along a dimension that an array names."""
    x, index = map(_whole, site.operands)
    y, raw = site.out, bits(site.out.base.dtype)
    if not y.shape:
        copied(site, x, y)
        return
    dim = site.attrs["dim"] % len(y.shape)
    size, stride = x.shape[dim], x.strides[dim]
    looked_at(site, [Pick(index, size, stride)])
    others = (*x.strides[:dim], 0, *x.strides[dim + 1 :])
    shape, (ys, xs, names) = simplest(y.shape, y.strides, others, index.strides)

    def one(inside: Inside, at: list[Register]) -> None:
        w = inside.w
        entry = _entry(inside, [Pick(index, size, stride)], at, [names])
        source = w.at(w.at(inside.start(x), raw, entry), raw, place(at, xs))
        w.store(w.load(source, raw), w.at(inside.start(y), raw, place(at, ys)))

    spread(site, shape, one)


def _along(site: Site, index: View, source: View, put: Put) -> None:
    """Write an array into the places along a dimension that another names, in their order."""
    y, dtype = site.out, site.out.base.dtype
    if not y.shape:
        raise Unsupported("places along a dimension that is not there")
    dim = site.attrs["dim"] % len(y.shape)
    stride = y.strides[dim]

    def one(inside: Inside, at: Sequence[Number], _turn: Register) -> None:
        w = inside.w
        to, named, here = at
        entry = from_the_front(_index(w, inside.start(index), index, named), y.shape[dim])
        target = w.at(w.at(inside.start(y), dtype, to), dtype, entry * stride)
        new = w.load(w.at(inside.start(source), source.base.dtype, here), source.base.dtype)
        w.store(put(w.load(target, dtype), new.to(dtype)), target)

    still = (*y.strides[:dim], 0, *y.strides[dim + 1 :])
    lines(site, index.shape, dim, [still, index.strides, source.strides], one)


def add_along(site: Site) -> None:
    """Write zeros, and an array added at the places that another names."""
    x, index = map(_whole, site.operands)
    if not site.out.shape:
        copied(site, x, site.out)
        return
    _named(site, index)
    filled(site, site.out, 0)
    _along(site, index, x, lambda old, new: old + new)


def _changing(put: Callable[[Site], Put]) -> Callable[[Site], None]:
    """A kernel for an array that is copied, and another put in by `put`."""

    def kernel(site: Site) -> None:
        x, index, source = map(_whole, site.operands)
        _named(site, index)
        copied(site, x, site.out)
        _along(site, index, source, put(site))

    return kernel


def _named(site: Site, index: View) -> None:
    if not index.shape:
        raise Unsupported("places along a dimension that is not there")
    dim = site.attrs["dim"] % len(index.shape)
    looked_at(site, [Pick(index, site.out.shape[dim], 1)])


def _extreme(site: Site) -> Put:
    name, dtype = "maximum" if site.attrs["largest"] else "minimum", site.out.base.dtype
    return lambda old, new: apply(old.writer, name, [old, new], {}, dtype)


GATHER: dict[str, Callable[[Site], None]] = {
    "add_along": add_along,
    "extreme_along": _changing(_extreme),
    "index": index,
    "index_put": index_put,
    "multiply_along": _changing(lambda _site: lambda old, new: old * new),
    "put_along": _changing(lambda _site: _last),
    "take_along": take_along,
    "unindex": unindex,
}

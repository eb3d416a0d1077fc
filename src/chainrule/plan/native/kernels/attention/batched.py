"""Products of stacks of matrices, and sums of products by Einstein's rule (floor 2).

Each operand is read where it lies, whatever its steps. The dimensions of both and of the result
have labels: those of the sum, one for the rows and one for the columns of a tile are a product of
matrices; over the others it is repeated, each time a unit for the team. What cannot be read so is
copied into order first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import ExitStack
from itertools import permutations
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.plan.native.llvm.ir import Number, Register, Unsupported, Writer, llvm_type
from chainrule.plan.native.matrices.products import Product
from chainrule.plan.native.site import Inside, Room, Site
from chainrule.plan.passes.views import View

__all__ = ["BATCHED"]

Label: TypeAlias = Hashable
Sizes: TypeAlias = dict[Label, int]

# Units in which a product is shared where there are few of them.
SHARES = 16


class Operand(NamedTuple):
    """Numbers and how far they lie apart along each label.

    Attributes:
        lies: where.
        steps: elements from one to the next.
    """

    lies: View | Room
    steps: Mapping[Label, int]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the numbers."""
        return self.lies.dtype if isinstance(self.lies, Room) else self.lies.base.dtype

    def start(self, inside: Inside) -> str:
        """Return a pointer to the first number."""
        lies = self.lies
        return inside.room(lies) if isinstance(lies, Room) else inside.start(lies)


def matrix_product(site: Site) -> None:
    """Write products of matrices in the last two dimensions, broadcast over the others."""
    (a, b), dtype = factors(site)
    rank = len(site.out.shape) - 2
    sizes: Sizes = dict(enumerate(site.out.shape[:-2]))
    sizes |= {"m": site.out.shape[-2], "n": site.out.shape[-1], "k": a.shape[-1]}
    labels: list[Label] = [*range(rank)]
    multiply(
        site,
        sizes,
        labelled(a, [*labels[rank + 2 - len(a.shape) :], "m", "k"]),
        labelled(b, [*labels[rank + 2 - len(b.shape) :], "k", "n"]),
        labelled(site.out, [*labels, "m", "n"]),
        dtype,
    )


def contraction(site: Site) -> None:
    """Write the sum of products that an equation names, two operands at a time from the left."""
    left, out = site.attrs["equation"].split("->")
    terms, (views, dtype) = left.split(","), factors(site)
    sizes: Sizes = {k: n for t, v in zip(terms, views) for k, n in zip(t, v.shape)}
    result = labelled(site.out, out)
    rest = [labelled(v, t) for t, v in zip(terms, views)]
    found = rest.pop(0)
    while rest:
        other = rest.pop(0)
        wanted = {*out, *(k for x in rest for k in x.steps)}
        a, b = found, other
        a = summed(site, sizes, a, wanted | {*b.steps}, dtype)
        b = summed(site, sizes, b, wanted | {*a.steps}, dtype)
        kept = [k for k in sizes if k in wanted and (k in a.steps or k in b.steps)]
        found = ordered(site, sizes, kept, dtype) if rest else result
        multiply(site, sizes, a, b, found, dtype)
    if len(terms) == 1:
        add_up(site, sizes, found, result, dtype)


BATCHED: dict[str, Callable[[Site], None]] = {
    "matrix_product": matrix_product,
    "contraction": contraction,
}


def factors(site: Site) -> tuple[list[View], np.dtype[Any]]:
    """The operands, which must be of one floating-point type, as the result is; and that."""
    views = [v for v in site.operands if isinstance(v, View)]
    if len(views) < len(site.operands) or any(0 in v.shape for v in (*views, site.out)):
        raise Unsupported("a product of nothing")
    dtype = site.out.base.dtype
    if dtype.kind != "f" or any(v.base.dtype != dtype for v in views):
        raise Unsupported("a product of mixed or whole numbers")
    llvm_type(dtype)
    return views, dtype


def labelled(view: View, labels: Sequence[Label]) -> Operand:
    """A view with labels for its dimensions, but for those of size 1."""
    each = zip(labels, view.strides, view.shape)
    return Operand(view, {x: step for x, step, n in each if n > 1})


def ordered(site: Site, sizes: Sizes, labels: Sequence[Label], dtype: np.dtype[Any]) -> Operand:
    """Room for numbers along these labels, the last of which is fastest."""
    steps, count = {}, 1
    for label in reversed(labels):
        steps[label] = count
        count *= sizes[label]
    return Operand(site.take(count, dtype), steps)


# --- one product ----------------------------------------------------------------------------------


def multiply(
    site: Site, sizes: Sizes, a: Operand, b: Operand, c: Operand, dtype: np.dtype[Any]
) -> None:
    """Write c = a b, summed over what only the factors have.

    Args:
        site: where to.
        sizes: of all labels.
        a: one factor, without labels that neither of the others has.
        b: the other, likewise.
        c: the result.
        dtype: of all.
    """
    sizes, (a, b, c) = merged(sizes, (a, b, c))
    deep = [x for x in sizes if x in a.steps and x in b.steps and x not in c.steps]
    if len(deep) > 1:
        order = [*(x for x in sizes if x not in deep), *deep]
        a, b = (copied(site, sizes, [x for x in order if x in y.steps], y, dtype) for y in (a, b))
        multiply(site, sizes, a, b, c, dtype)
        return
    if not columns(b, a, c) and (columns(a, b, c) or not own(a, b, c)):
        a, b = b, a
    k, n = next(iter(deep), None), columns(b, a, c)
    m = max(own(a, b, c), key=lambda x: sizes[x], default=None)
    product = Product(
        m=sizes.get(m, 1),
        n=sizes.get(n, 1),
        k=sizes.get(k, 1),
        a=(a.steps.get(m, 1), a.steps.get(k, 1)),
        b=(b.steps.get(k, 1), b.steps.get(n, 1)),
        c=c.steps.get(m, 1),
        dtype=dtype,
    )
    repeated(site, {x: s for x, s in sizes.items() if x not in (m, n, k)}, product, (a, b, c))


def own(x: Operand, other: Operand, c: Operand) -> list[Label]:
    """The labels of the result that only one of the factors has."""
    return [label for label in c.steps if label in x.steps and label not in other.steps]


def columns(b: Operand, a: Operand, c: Operand) -> Label | None:
    """The label of the columns, along which the numbers of the result lie next to one another."""
    return next((x for x in own(b, a, c) if c.steps[x] == 1), None)


def repeated(
    site: Site, sizes: Sizes, product: Product, operands: tuple[Operand, Operand, Operand]
) -> None:
    """Write a product once for each index along some labels; few large ones are shared by parts."""
    count = math.prod(sizes.values())
    kernel = site.module.kernel(product)
    parts = min(-(-SHARES // count), kernel.units)

    def one(inside: Inside, unit: Register) -> None:
        w, index = inside.w, unit / parts
        a, b, c = (started(inside, x, sizes, index) for x in operands)
        part = unit - index * parts
        first, last = (p * kernel.units / parts for p in (part, part + 1))
        pointers = f"ptr {a}, ptr {b}, ptr {c}, ptr null"
        w.do(f"call void @{kernel.name}({pointers}, {first.typed}, {last.typed})")

    site.each(count * parts, count * product.m * product.n * product.k, one)


def started(inside: Inside, x: Operand, sizes: Sizes, number: Register) -> str:
    """Return a pointer to what an operand has at index `number` along some labels, in order."""
    at: Number = 0
    left = number
    for label, size in reversed(sizes.items()):
        whole = left / size
        at = (left - whole * size) * x.steps.get(label, 0) + at
        left = whole
    return inside.w.at(x.start(inside), x.dtype, at)


def merged(
    sizes: Sizes, operands: tuple[Operand, Operand, Operand]
) -> tuple[Sizes, tuple[Operand, ...]]:
    """Make one label of two where that is the same in every operand, and drop those of size 1."""
    left = {x: s for x, s in sizes.items() if s > 1 and any(x in y.steps for y in operands)}
    steps = [{x: s for x, s in y.steps.items() if x in left} for y in operands]
    for outer, inner in permutations([*left], 2):
        both = outer in left and inner in left
        if both and all(goes_on(y, outer, inner, left[inner]) for y in steps):
            left[inner] *= left.pop(outer)
            for y in steps:
                y.pop(outer, None)
    return left, tuple(Operand(y.lies, s) for y, s in zip(operands, steps))


def goes_on(steps: Mapping[Label, int], outer: Label, inner: Label, size: int) -> bool:
    """Whether an operand has neither label, or one goes on where the other ends."""
    if outer not in steps or inner not in steps:
        return outer not in steps and inner not in steps
    return steps[outer] == steps[inner] * size


# --- sums and copies ------------------------------------------------------------------------------


def summed(
    site: Site, sizes: Sizes, x: Operand, wanted: set[Label], dtype: np.dtype[Any]
) -> Operand:
    """An operand summed over the labels that are not wanted."""
    kept = [label for label in x.steps if label in wanted]
    return x if len(kept) == len(x.steps) else copied(site, sizes, kept, x, dtype)


def copied(
    site: Site, sizes: Sizes, labels: Sequence[Label], x: Operand, dtype: np.dtype[Any]
) -> Operand:
    """A copy of an operand in the order of the labels, summed over the others."""
    room = ordered(site, sizes, labels, dtype)
    add_up(site, sizes, x, room, dtype)
    return room


def add_up(
    site: Site, sizes: Sizes, source: Operand, target: Operand, dtype: np.dtype[Any]
) -> None:
    """Write a copy of an operand, summed over the labels that the target does not have."""
    kept = [*target.steps]
    gone = [x for x in source.steps if x not in kept]
    units = sizes[kept[0]] if kept else 1

    def one(inside: Inside, unit: Register) -> None:
        w = inside.w
        here, there = source.start(inside), target.start(inside)
        with ExitStack() as loops:
            turns = {x: loops.enter_context(w.loop(sizes[x])) for x in kept[1:]}
            turns.update(dict.fromkeys(kept[:1], unit))
            at, to = (moved(w, p, y, turns) for p, y in ((here, source), (there, target)))
            if not gone:
                w.store(w.load(at, dtype), to)
                return
            total = w.variable(w.number(0, dtype))
            with ExitStack() as inner:
                more = {x: inner.enter_context(w.loop(sizes[x])) for x in gone}
                w.store(w.load(total, dtype).plus(w.load(moved(w, at, source, more), dtype)), total)
            w.store(w.load(total, dtype), to)

    site.each(units, math.prod(sizes[x] for x in source.steps), one)


def moved(w: Writer, pointer: str, x: Operand, turns: Mapping[Label, Register]) -> str:
    """Return a pointer moved by so many steps along each label."""
    at: Number = 0
    for label, turn in turns.items():
        at = turn * x.steps[label] + at
    return w.at(pointer, x.dtype, at)

"""What only moves numbers to other places, as kernels of one thread per number (floor 2).

Shapes that are no view of the memory, holes that a slice leaves, margins, and several arrays as
one: each number of the result asks where it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.ops.shape import ARRAY
from chainrule.plan.cuda.dense import MOST, reach
from chainrule.plan.cuda.forms import split
from chainrule.plan.cuda.launches import THREADS, Kernel
from chainrule.plan.cuda.members import Sources
from chainrule.plan.cuda.text import Writer, c_type, literal
from chainrule.plan.formulas.registers import INDEX, Unsupported
from chainrule.plan.passes.views import View, seen_through
from chainrule.plan.program import Instruction

__all__ = ["copy_of"]

BLOCKS = 8192

# Writes what an element of the result is, given the names of its indices.
Rule = Callable[["_Copy"], str]


class _Copy:
    """One kernel while it is being written.

    Attributes:
        index: names of the indices of an element of the result, "0" where there is one.
    """

    def __init__(self, instruction: Instruction, operands: Sequence[Any], out: View) -> None:
        self.instruction, self.operands, self.out = instruction, operands, out
        self.w, self.sources = Writer(), Sources({out.base})
        self.index: list[str] = []
        c_type(out.base.dtype)

    def kernel(self, rule: Rule) -> Kernel:
        w, shape = self.w, self.out.shape
        total = math.prod(shape)
        if not 0 < total < MOST or any(reach(v) >= MOST for v in (self.out, *self.views)):
            raise Unsupported("a copy of nothing, or of very much")
        first = "(long long)blockIdx.x * blockDim.x + threadIdx.x"
        step = "(long long)gridDim.x * blockDim.x"
        with w.block(f"for (long long e = {first}; e < {total}; e += {step})"):
            w.do("const int k = (int)e;")
            names = split(w, "k", "int", range(len(shape)), shape)
            self.index = [names.get(d, "0") for d in range(len(shape))]
            found = rule(self)
            w.do(f"{self.at(self.out, self.index)} = {found};")
        parameters = ", ".join(self.sources.parameters())
        head = f'extern "C" __global__ void __launch_bounds__({THREADS}) @({parameters}) {{'
        text = "\n".join([head, *w.lines, "}", ""])
        return Kernel(text, list(self.sources.values), (max(1, min(-(-total // THREADS), BLOCKS)),))

    @property
    def views(self) -> list[View]:
        """The operands that are arrays."""
        return [v for v in self.operands if isinstance(v, View)]

    def at(self, view: View, index: Sequence[str]) -> str:
        """Where the element of a view at some indices lies."""
        steps = zip(index, view.strides, view.shape)
        terms = [f"({i}) * {s}" for i, s, n in steps if s and n != 1]
        return f"{self.sources.pointer(view.base)}[{' + '.join([str(view.offset), *terms])}]"

    def constant(self, number: float) -> str:
        """A number as the result has it."""
        return literal(number, self.out.base.dtype)


def copy_of(instruction: Instruction, operands: Sequence[Any], out: View) -> Kernel:
    """Return the kernel of an instruction that moves numbers.

    Args:
        instruction: the instruction.
        operands: views of its arguments, or numbers.
        out: where the result goes.

    Raises:
        Unsupported: it is none that is known here.
    """
    name = instruction.op.name
    rule = RULES.get(name, _seen if instruction.op.kind == "view" else None)
    if rule is None or not operands or not all(isinstance(v, View) for v in operands):
        raise Unsupported(name)
    if any(v.base.dtype != out.base.dtype for v in operands[: 1 if name == "index" else None]):
        raise Unsupported(f"{name} of several dtypes")
    return _Copy(instruction, operands, out).kernel(rule)


def _seen(c: _Copy) -> str:
    """What a view op shows, as a copy."""
    view = seen_through(c.instruction, c.operands[0])
    if view is None or view.shape != c.out.shape:
        raise Unsupported("a view that is none")
    return c.at(view, c.index)


def _reshaped(c: _Copy) -> str:
    x = c.operands[0]
    names = split(c.w, "k", "int", range(len(x.shape)), x.shape)
    return c.at(x, [names.get(d, "0") for d in range(len(x.shape))])


def _unsliced(c: _Copy) -> str:
    """What was sliced out, among zeros."""
    (x,) = c.operands
    inside: list[str] = []
    index: list[str] = []
    key = c.instruction.attrs["key"]
    if any(not isinstance(k, (slice, int)) or isinstance(k, bool) for k in key):
        raise Unsupported("a key that is more than slices")
    for d, (i, n) in enumerate(zip(c.index, c.out.shape)):
        k = key[d] if d < len(key) else slice(None)
        if isinstance(k, int):
            inside.append(f"{i} == {k % n}")
            continue
        first, end, step = k.indices(n)
        count = len(range(first, end, step))
        away = f"({i} - {first})" if step > 0 else f"({first} - {i})"
        size = abs(step)
        place = away if size == 1 else f"{away} / {size}"
        if (first, step, count) != (0, 1, n):
            inside.append(f"{away} >= 0 && {place} < {count}")
        if size != 1:
            inside.append(f"{away} % {size} == 0")
        index.append(place)
    if len(index) != len(x.shape):
        raise Unsupported("a slice of another rank")
    return _if(c, inside, c.at(x, index), 0)


def _padded(c: _Copy) -> str:
    (x,) = c.operands
    inside: list[str] = []
    index: list[str] = []
    for i, n, (before, after) in zip(c.index, x.shape, c.instruction.attrs["widths"], strict=True):
        index.append(f"{i} - {before}" if before else i)
        if before or after:
            inside.append(f"{i} >= {before} && {i} < {before + n}")
    return _if(c, inside, c.at(x, index), c.instruction.attrs.get("value", 0.0))


def _listed(c: _Copy) -> str:
    """The entries along one dimension that an array of integers names."""
    if len(c.operands) != 2:
        raise Unsupported("a key of several arrays")
    x, which = c.operands
    key = c.instruction.attrs["key"]
    at = [d for d, k in enumerate(key) if k is ARRAY]
    others = [k for k in key if k is not ARRAY]
    if len(at) != 1 or others != [slice(None)] * len(others) or which.base.dtype.kind not in "iu":
        raise Unsupported("a key of other than one array of integers")
    dim, size, rank = at[0], x.shape[at[0]], len(which.shape)
    if not size:
        raise Unsupported("entries of nothing")
    place = c.w.load(c.at(which, c.index[dim : dim + rank]), which.base.dtype).to(INDEX)
    place = place.lt(0).select(place + size, place)
    # Indices are looked at before they come here; this one only has to be safe.
    place = place.compare("", "ult", size).select(place, 0)
    return c.at(x, [*c.index[:dim], place.name, *c.index[dim + rank :]])


def _if(c: _Copy, inside: Sequence[str], place: str, other: float) -> str:
    return f"{' && '.join(inside)} ? {place} : {c.constant(other)}" if inside else place


def _chain(c: _Copy, dim: int) -> str:
    """The one of the operands in which an index along `dim` falls, and the place there."""
    begin, found = 0, []
    for x in c.operands:
        index = [*c.index]
        index[dim] = f"{c.index[dim]} - {begin}"
        begin += x.shape[dim]
        found.append((begin, c.at(x, index)))
    *most, (_, last) = found
    return "".join(f"{c.index[dim]} < {end} ? {place} : " for end, place in most) + last


RULES: dict[str, Rule] = {
    "index": _listed,
    "reshape": _reshaped,
    "unslice": _unsliced,
    "pad_constant": _padded,
    "concatenate": lambda c: _chain(c, c.instruction.attrs.get("dim", 0) % len(c.out.shape)),
}

"""One member of a group in CUDA C: what it reads, what it makes, where it puts it (floor 2).

The formulas are those of `plan.formulas`. A value that the kernel makes itself is a register where
it is at hand, and made again where it is not; everything else is read by index arithmetic from the
memory that its view names.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.plan.arrays import share
from chainrule.plan.cuda.text import Writer, c_type
from chainrule.plan.formulas.draws import kept, mixed, uniform
from chainrule.plan.formulas.elementwise import TABLE, apply
from chainrule.plan.formulas.reductions import REDUCTIONS, Reduction, reduction
from chainrule.plan.formulas.registers import INDEX, Dtype, Number, Register, Unsupported
from chainrule.plan.formulas.updates import STEPS, arguments
from chainrule.plan.passes.fuse import Member
from chainrule.plan.passes.views import View
from chainrule.plan.program import Instruction, Value

__all__ = ["Scope", "Sources", "draws", "is_known", "kept_dtype"]

UINT, DOUBLE = np.dtype(np.uint64), np.dtype(np.float64)
ALONG = ("take_along", "add_along")
DRAWN = ("random_mask", "random_uniform")
NAMES = frozenset({*TABLE, *REDUCTIONS, *STEPS, *ALONG, *DRAWN})


def is_known(instruction: Instruction) -> bool:
    """Whether an instruction may have a form here, by its op and its dtypes."""
    try:
        for value in (*instruction.values, instruction.out):
            c_type(value.dtype)
    except Unsupported:
        return False
    return instruction.op.name in NAMES


def draws(member: Member) -> int:
    """How many random numbers a member draws."""
    instruction = member.instruction
    if instruction.op.name not in DRAWN:
        return 0
    none = instruction.op.name == "random_mask" and instruction.attrs["p"] >= 1
    return 0 if none else math.prod(member.space)


def kept_dtype(member: Member) -> Dtype:
    """In what dtype a reduction is collected: sums of float32 in more digits.

    There is one such addition for each number read, which no GPU is too slow for.
    """
    dtype = member.instruction.out.dtype
    return DOUBLE if dtype.kind == "f" and how(member).sums else dtype


def how(member: Member) -> Reduction:
    """How a reduction goes."""
    return reduction(member.instruction.op.name, member.instruction.out.dtype)


class Sources:
    """The pointers that a kernel is given.

    Args:
        written: values whose memory it writes.

    Attributes:
        values: whose memory they point to, in order.
    """

    def __init__(self, written: Collection[Value]) -> None:
        self.values: list[Value] = []
        self._written = {*written}

    def pointer(self, value: Value, write: bool = False) -> str:
        """Return the name of the pointer to the memory of a value."""
        if value not in self.values:
            self.values.append(value)
        if write:
            self._written.add(value)
        return f"p{self.values.index(value)}"

    def parameters(self) -> list[str]:
        """Return the parameters of the kernel that are pointers."""
        # Memory that states share must not be taken for memory that nobody writes.
        states = any(v.origin == "state" for v in self._written)
        found = []
        for k, value in enumerate(self.values):
            own = value in self._written
            alone = not own and not (states and value.origin == "state")
            kind = ("" if own else "const ") + c_type(value.dtype)
            found.append(f"{kind}* {'__restrict__ ' if alone else ''}p{k}")
        return found


class Scope:
    """What is at hand at one point of a kernel: indices and registers.

    Args:
        w: of the kernel.
        sources: its pointers.
        members: all that the kernel makes, in order.
        kept: the values that have memory.
        space: of the group.
        places: for each dimension how many random numbers are drawn before the next index.
        outer: what is at hand for the whole row that this element is in.

    Attributes:
        index: the name of the index by dimension; those of one element have none.
        known: registers of what has been made here.
    """

    def __init__(
        self,
        w: Writer,
        sources: Sources,
        members: Sequence[Member],
        kept: Collection[Value],
        space: Sequence[int],
        places: Sequence[int],
        outer: Scope | None = None,
    ) -> None:
        self.w, self.sources, self.members, self.kept = w, sources, members, kept
        self.space, self.places, self.outer = tuple(space), tuple(places), outer
        self.index: dict[int, str] = {}
        self.known: dict[Value, Register] = {}
        self.rates: dict[Member, Mapping[str, Register]] = outer.rates if outer else {}
        self._loads: dict[Any, Register] = {}
        self._makers = {m.out.base: m for m in members}

    def inside(self, index: Mapping[int, str], outer: Scope | None) -> Scope:
        """Return the scope of an element at these indices beside the present ones.

        Args:
            index: names by dimension.
            outer: what is at hand there too.
        """
        found = Scope(self.w, self.sources, self.members, self.kept, self.space, self.places, outer)
        found.index = {**self.index, **index}
        return found

    # --- reading --------------------------------------------------------------------------------

    def operand(self, operand: Any) -> Number:
        """What an operand is at the present index."""
        if not isinstance(operand, View):
            return operand
        found = self._at_hand(operand.base)
        if found is not None:
            return found
        maker = self._makers.get(operand.base)
        if maker is None or maker.instruction.op.kind == "update":
            return self.read(operand)
        if maker.reduced:
            raise Unsupported("a reduction read before it is done")
        self.make(maker)
        return self.known[operand.base]

    def _at_hand(self, value: Value) -> Register | None:
        found = self.known.get(value)
        return self.outer._at_hand(value) if found is None and self.outer else found

    def read(self, view: View) -> Register:
        """Read the element of a view at the present index from memory."""
        place = self.place(view)
        if place not in self._loads:
            self._loads[place] = self.w.load(place, view.base.dtype)
        return self._loads[place]

    def place(self, view: View, write: bool = False) -> str:
        """Where the element of a view at the present index lies."""
        terms = [str(view.offset)] if view.offset else []
        for d, name in self.index.items():
            step = view.strides[d]
            if step:
                terms.append(name if step == 1 else f"{name} * {step}")
        return f"{self.sources.pointer(view.base, write)}[{' + '.join(terms) or '0'}]"

    def number(self, view: View, k: int = 0) -> Register:
        """Number `k` of a small array that holds for the whole kernel."""
        stride = view.strides[-1] if len(view.shape) == 1 else 1
        place = f"{self.sources.pointer(view.base)}[{view.offset + k * stride}]"
        return self.w.load(place, view.base.dtype)

    # --- making ---------------------------------------------------------------------------------

    def make(self, member: Member) -> None:
        """Write one member at the present index."""
        op, out = member.instruction.op, member.out.base
        if op.name in STEPS:
            self._update(member)
            return
        if op.name in DRAWN:
            y = self._random(member)
        elif op.name == "take_along":
            y = self._taken(member)
        elif op.name == "add_along":
            y = self._added(member)
        elif op.kind == "reduce":  # over dimensions of one element
            y = how(member).after(self.fold(member), 1)
        else:
            args = [self.operand(v) for v in member.operands]
            y = apply(self.w, op.name, args, member.instruction.attrs, member.instruction.out.dtype)
        self.known[out] = y

    def fold(self, member: Member) -> Register:
        """Write the number that a reduction takes in."""
        dtype = member.instruction.out.dtype
        x = self.w.number(self.operand(member.operands[0]), dtype)
        return how(member).before(x.to(dtype))

    def put(self, member: Member, conditions: Sequence[str]) -> None:
        """Write what has been made to memory, if it has any, where all conditions hold."""
        if member.out.base not in self.kept or member.instruction.op.kind == "update":
            return
        place = self.place(member.out, write=True)
        y = self.known[member.out.base]
        self.w.do((f"if ({' && '.join(conditions)}) " if conditions else "") + f"{place} = {y};")

    def corner(self, space: Sequence[int], dims: Collection[int] | None = None) -> list[str]:
        """Return what holds at one of the indices at which a smaller space has the same element."""
        found = []
        for d, name in self.index.items():
            if (dims is None or d in dims) and space[d] == 1 and self.space[d] != 1:
                found.append(f"{name} == 0")
        return found

    # --- along a row ----------------------------------------------------------------------------

    def _taken(self, member: Member) -> Register:
        """y = x[index], along the last dimension."""
        table, index = member.operands
        if not isinstance(table, View):
            raise Unsupported("a gather from a number")
        size, dtype = table.shape[-1], table.base.dtype
        place = self._from_the_front(index, size)
        within = place.compare("", "ult", size)
        safe = within.select(place, 0)
        last = len(self.space) - 1
        # What is known of this element is not known of the other; what is of the whole row, is.
        there = self.inside({last: safe.name}, self.outer if last in self.index else self)
        maker = self._makers.get(table.base)
        if maker is None:
            y = there.read(table)
        elif maker.reduced or maker.instruction.op.kind == "update":
            raise Unsupported("a gather from what is made otherwise")
        else:
            there.make(maker)
            y = there.known[table.base]
        # Indices are looked at before they come here; this one only has to be safe.
        nothing = math.nan if dtype.kind == "f" else 0
        return within.select(self.w.number(y, dtype), nothing)

    def _added(self, member: Member) -> Register:
        """Zeros, and x at index, along the last dimension: one number a row."""
        x, index = member.operands
        last, dtype = len(self.space) - 1, member.instruction.out.dtype
        size = self.space[last]
        if isinstance(index, View) and size != 1 and index.strides[-1]:
            raise Unsupported("a scatter of more than one number a row")
        place = self._from_the_front(index, size)
        here = place.eq(self.w.named(f"(long long){self.index[last]}", INDEX) if size != 1 else 0)
        return here.select(self.w.number(self.operand(x), dtype).to(dtype), 0)

    def _from_the_front(self, index: Any, size: int) -> Register:
        place = self.w.number(self.operand(index), INDEX).to(INDEX)
        return place.lt(0).select(place + size, place)

    # --- random numbers -------------------------------------------------------------------------

    def _random(self, member: Member) -> Register:
        """The random number of an element, by the formulas of `ops.random`."""
        attrs, dtype = member.instruction.attrs, member.instruction.out.dtype
        view = member.operands[0]
        if dtype.kind != "f" or not isinstance(view, View) or member.space != self.space:
            raise Unsupported("random numbers of another kind, or fewer than elements")
        key, count = self.number(view, 0), self.number(view, 1)
        terms = [f"(unsigned long long){i} * {self.places[d]}ULL" for d, i in self.index.items()]
        drawn = 0
        for other in self.members[: self.members.index(member)]:
            theirs = other.operands[0] if draws(other) else None
            drawn += draws(other) if isinstance(theirs, View) and theirs.base is view.base else 0
        place = self.w.line(" + ".join([f"{count}", f"{drawn}ULL", *terms]), UINT)
        bits = mixed(key, place)
        if member.instruction.op.name == "random_mask":
            return kept(bits, attrs["p"], dtype)
        return uniform(bits, dtype)

    # --- steps of optimisers --------------------------------------------------------------------

    def once(self) -> None:
        """Write what holds for the whole of each step: one thread of a block computes it."""
        steps = [m for m in self.members if m.instruction.op.name in STEPS]
        names: list[tuple[str, Register]] = []
        lines, self.w.lines = self.w.lines, []
        for member in steps:
            step, dtype = STEPS[member.instruction.op.name], member.out.base.dtype
            given = arguments(member.instruction, member.operands)
            numbers = {n: self._rate(v) for n, v in given.items() if n not in step.by_element}
            found: dict[str, Register] = {}
            for name, y in step.once(self.w, numbers).items():
                shared = self.w.fresh("rate")
                names.append((shared, y.to(dtype)))
                found[name] = self.w.named(shared, dtype)
            self.rates[member] = found
        written, self.w.lines = self.w.lines, lines
        if not names:
            return
        for shared, y in names:
            self.w.do(f"__shared__ {c_type(y.dtype)} {shared};")
        with self.w.block("if (threadIdx.x == 0)"):
            self.w.lines += ["    " + line for line in written]
            for shared, y in names:
                self.w.do(f"{shared} = {y};")
        self.w.do("__syncthreads();")

    def _rate(self, value: Any) -> Any:
        if isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            return self.w.number(value, DOUBLE)
        if isinstance(value, tuple):
            return tuple(self._rate(v) for v in value)
        if not isinstance(value, View):
            raise Unsupported(f"{value!r} as a number of an update")
        if math.prod(value.base.shape) == 2:
            return tuple(self.number(value, k).to(DOUBLE) for k in range(2))
        return self.number(value).to(DOUBLE)

    def _crosses(self, value: Any, out: View) -> bool:
        """Whether an operand lies in the memory that a step changes, but in another order."""
        if not isinstance(value, View) or value is out:
            return False
        if value.base is out.base:
            wide = [d for d, n in enumerate(self.space) if n != 1]
            same = all(value.strides[d] == out.strides[d] for d in wide)
            return value.offset != out.offset or not same
        here, there = value.base.array, out.base.array
        return here is not None and there is not None and share(here, there)

    def _update(self, member: Member) -> None:
        """Write a step for one element: read what it takes, put down what it gives."""
        step, dtype = STEPS[member.instruction.op.name], member.out.base.dtype
        given = arguments(member.instruction, member.operands)
        if any(self._crosses(given[name], member.out) for name in step.by_element):
            raise Unsupported("an update from memory that it changes, in another order")
        options = {name: value for name, value in given.items() if isinstance(value, bool)}
        element: dict[str, Register | None] = {}
        for name in step.by_element:
            value = given[name]
            unused = isinstance(value, View) and value.base.shape == (0,)
            number = None if unused else self.w.number(self.operand(value), dtype)
            element[name] = number.to(dtype) if number else None
        new = step.advance(self.w, {**options, **self.rates[member]}, element)
        for name, y in new.items():
            view = member.out if name == "x" else given[name]
            self.w.store(y, self.place(view, write=True))
            self.known[view.base] = y
        self._loads.clear()

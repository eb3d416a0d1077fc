"""Groups one after another as one function of the machine (floor 2).

Each group is a function of its own that takes a table of pointers, and LLVM puts those of a stretch
together. In the module's table stand the arena, room that each group may use and forget, and every
input, state and output; a group has its own, of the few that it uses in the order of their first
use. So groups that do the same with other values, as the layers of a deep network do, are one
function. A group that cannot be written raises `Unsupported` and leaves no trace.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from chainrule.plan.native import many
from chainrule.plan.native.kernels import KERNELS
from chainrule.plan.native.llvm.ir import BOOL, INDEX, Number, Register, Unsupported, Writer
from chainrule.plan.native.matrices import blas
from chainrule.plan.native.matrices.choice import CHUNK, choose, is_for_blas
from chainrule.plan.native.matrices.epilogue import PARAMETERS, Epilogue, parted
from chainrule.plan.native.matrices.factors import product_of
from chainrule.plan.native.matrices.products import AHEAD, Kernel, Product, write
from chainrule.plan.native.matrices.products import PARAMETERS as PRODUCT
from chainrule.plan.native.nests.access import Memory
from chainrule.plan.native.nests.loops import emit
from chainrule.plan.native.site import Site
from chainrule.plan.native.team import sharing
from chainrule.plan.native.team.sharing import MOST
from chainrule.plan.native.team.threads import EACH, SMALL, shares, told
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.memory import ALIGNMENT
from chainrule.plan.passes.views import View
from chainrule.plan.program import Value

__all__ = ["ARENA", "SCRATCH", "TEAM", "Call", "Module"]

# The first places of the table of pointers; inputs, states and outputs come after them.
ARENA, SCRATCH, TEAM = 0, 1, 2

# Bytes that stay in the second cache beside others, and that certainly do not.
NEAR, FAR = 2**18, 2**23

SLICE = 256  # rows, so that the sums of slices are seldom put down and taken up again


# Kinds of ops that do nothing beside making their result, and refuse no number.
WITHOUT_EFFECT = ("elementwise", "reduce", "contract", "view")


# A pointer in a group's own table: a place of the module's, or that of a value.
Link: TypeAlias = "int | Value"


class Call(NamedTuple):
    """A group's function and what its table has to be; `check` counts the checks from 1."""

    function: str
    links: Sequence[Link]
    check: int = 0


class GroupMemory:
    """Where a group finds its values: the pointers of its table, read when first asked for.

    Args:
        w: of the group's function, or of one that has its table.
        held: the values that have memory of their own.
        links: the group's table as it is so far.
        shared: whether several threads may be in the function, so that there is no scratch.
        taken: where in the scratch those values lie that have no memory else.

    Attributes:
        room: bytes of scratch that the group needs.
    """

    def __init__(
        self,
        w: Writer,
        held: Collection[Value],
        links: list[Link],
        shared: bool = False,
        taken: dict[Value, int] | None = None,
    ) -> None:
        self.w, self.held, self.shared = w, held, shared
        self.taken = {} if taken is None else taken
        self.links: list[Any] = links
        self.room = 0
        self._rooms: dict[int, str] = {}
        self._pointers: dict[Value, str] = {}
        self._linked: dict[Link, str] = {}

    def pointer(self, value: Value) -> str:
        """Return where the memory of a value begins; if it has none, give it some for a while."""
        if value not in self._pointers:
            if value in self.held:
                found = self.linked(value)
            else:
                if value not in self.taken:
                    self.taken[value] = self.take(math.prod(value.shape), value.dtype)
                found = self.scratch_at(self.taken[value])
            self._pointers[value] = found
        return self._pointers[value]

    def scratch(self, count: int, dtype: Any) -> str:
        """Return room for so many numbers until the group is done."""
        return self.scratch_at(self.take(count, dtype))

    def take(self, count: int, dtype: Any) -> int:
        """Take room for so many numbers until the group is done; return where it begins."""
        if self.shared:
            raise Unsupported("scratch among several threads")
        start = self.room
        size = max(count, 1) * dtype.itemsize
        self.room = -(-(start + size) // ALIGNMENT) * ALIGNMENT
        return start

    def scratch_at(self, start: int) -> str:
        """Return a pointer to what lies so many bytes from where the scratch begins."""
        if start not in self._rooms:
            base, name = self.linked(SCRATCH), f"%{self.w.fresh('m')}"
            self.w.head.append(f"  {name} = getelementptr inbounds i8, ptr {base}, i64 {start}")
            self._rooms[start] = name
        return self._rooms[start]

    def linked(self, link: Link) -> str:
        """Return a pointer of the table, which has it from now on."""
        if link not in self._linked:
            if link not in self.links:
                self.links.append(link)
            k = self.links.index(link)
            name = f"%link{k}"
            self.w.head.append(f"  {name}.at = getelementptr inbounds ptr, ptr %table, i64 {k}")
            self.w.head.append(f"  {name} = load ptr, ptr {name}.at")
            self._linked[link] = name
        return self._linked[link]


class Module:
    """The text of a module, as groups are added to it.

    Groups are written before anybody knows where values will lie; that is settled afterwards, and
    then groups are put together.

    Args:
        threads: how many may share a large product.
        going_on: inputs after whose rows in memory those of the next run lie.

    Attributes:
        room: bytes of scratch that the groups need.
        shared: whether a product is shared by a team of threads.
        checks: how many there are.
        work: of each product how much work it is and who does it, as lines.
    """

    def __init__(
        self,
        threads: int = 1,
        going_on: Collection[Value] = (),
    ) -> None:
        self.threads, self.going_on = threads, going_on
        self.room = 0
        self.shared = False
        self.functions: list[str] = []
        self.checks = 0
        self.work: list[str] = []
        self.declared: dict[str, str] = {}
        self.notes: list[str] = []
        self._kernels: dict[Product, Kernel] = {}
        self._known: dict[tuple[str, ...], str] = {}
        self._held: Collection[Value] = ()
        self._places: Mapping[Value, int] = {}
        self._offsets: Mapping[Value, int] = {}

    def group(self, group: Group) -> Call:
        """Write a group, unless there is one like it, and return how it is called.

        Raises:
            Unsupported: it has no form in LLVM's language.
        """
        before = copy(vars(self))
        for name in ("functions", "notes", "work", "_kernels", "_known"):
            before[name] = copy(before[name])
        try:
            return self._written(group)
        except Unsupported:
            vars(self).update(before)
            raise

    def _written(self, group: Group) -> Call:
        self._held = {*group.inputs, *group.outputs}
        w = self._writer()
        memory = GroupMemory(w, self._held, [])
        first, insists = group.members[0], False
        name = first.instruction.op.name
        if name in ("linear", "matrix_product") and _is_of_matrices(first):
            self._product(w, memory, group)
        elif group.kind == "loop":
            emit(Site(self, w, memory, first), group)
        elif 0 in first.out.shape and first.instruction.op.kind in WITHOUT_EFFECT:
            pass  # there is nothing to write
        elif name in KERNELS:
            site = Site(self, w, memory, first)
            KERNELS[name](site)
            insists = site.insists
        else:
            raise Unsupported(name)
        self.room = max(self.room, memory.room)
        self.checks += insists
        name = self._name("group")
        text = w.function(name, "ptr noalias %table", w.number(True, BOOL) if insists else None)
        return Call(self._add(w, name, text), memory.links, self.checks if insists else 0)

    def settle(self, places: Mapping[Value, int], offsets: Mapping[Value, int]) -> None:
        """Say where values lie.

        Args:
            places: of inputs, states and outputs in the table.
            offsets: of made values in the arena, in bytes.
        """
        self._places, self._offsets = places, offsets

    def stretch(self, calls: Sequence[Call]) -> str:
        """Write a function that runs groups and checks in order, and return its name.

        It gives 0, or, of the check that has ended it, the number, counted from 1.
        """
        name = self._name("stretch")
        w = Writer(self.declared, self.notes)
        for call in calls:
            table = self._table(w, call.links)
            if call.check:
                fine = w.line(f"call i1 @{call.function}(ptr {table})", BOOL)
                w.leave(fine ^ True, f"ret i64 {call.check}")
            else:
                w.do(f"call void @{call.function}(ptr {table})")
        text = w.function(name, "ptr %table", w.number(0, INDEX))
        self.functions.append(text.replace(" nounwind {", " noinline nounwind {", 1))
        return name

    def _table(self, w: Writer, links: Sequence[Link]) -> str:
        """Write a group's table from the module's."""
        table = f"%{w.fresh('links')}"
        w.head.append(f"  {table} = alloca [{max(len(links), 1)} x ptr]")
        for k, link in enumerate(links):
            place, offset = self._settled(link)
            found = w.line(f"load ptr, ptr {w.at('%table', INDEX, place)}", INDEX)
            beyond = w.line(f"getelementptr inbounds i8, ptr {found}, i64 {offset}", INDEX)
            w.do(f"store ptr {beyond}, ptr {w.at(table, INDEX, k)}")
        return table

    def _settled(self, link: Link) -> tuple[int, int]:
        """The place in the module's table, and so many bytes beyond what is there."""
        if not isinstance(link, Value):
            return link, 0
        return (self._places[link], 0) if link in self._places else (ARENA, self._offsets[link])

    def many(self, stretch: str, inputs: Sequence[Value]) -> str:
        """Write the function that takes many steps, each one call of `stretch`; return its name."""
        name = self._name("many")
        self.functions += many.write(
            lambda: Writer(self.declared, self.notes),
            name,
            stretch,
            TEAM + 1 + len(self._places),
            inputs,
        )
        return name

    @property
    def text(self) -> str:
        """The whole module."""
        w = Writer(self.declared, self.notes)
        together = [sharing.together(w)] if self.shared else []
        return w.module(*together, *self.functions)

    def _writer(self) -> Writer:
        """A writer of a function for `_add`: its metadata are numbered from 0."""
        return Writer(self.declared)

    def _name(self, stem: str) -> str:
        return f"{stem}{len(self.functions)}"

    def _add(self, w: Writer, name: str, text: str, inline: bool = False) -> str:
        """Add a function that only this module calls, and return the name of it or of its like.

        Nests of loops compile faster each by itself: what is not to be part of another stays out.
        """
        how = "alwaysinline" if inline else "noinline"
        private = text.replace("define ", "define internal ", 1)
        private = private.replace(" nounwind {", f" {how} nounwind {{", 1)
        like = (private.replace(f"@{name}(", "@(", 1), *w.notes)
        if like not in self._known:
            self._known[like] = name
            first = len(self.notes)
            self.notes += [renumbered(note, first) for note in w.notes]
            self.functions.append(renumbered(private, first))
        return self._known[like]

    # --- kernels --------------------------------------------------------------------------------

    def part(self, memory: Memory) -> tuple[Writer, Memory]:
        """Return a writer of a function that threads share, and where that finds values.

        The function is given the group's table as its context.
        """
        w = self._writer()
        w.head.append("  %table = getelementptr i8, ptr %context, i64 0")
        taken = memory.taken
        return w, GroupMemory(w, self._held, memory.links, True, taken)

    def shared_out(self, site: Site, part: Writer, units: int, work: float) -> None:
        """Add a part that has been written, and write the call of it: by one thread or by all."""
        name = self._name("part")
        name = self._add(part, name, part.function(name, PRODUCT))
        count = min(units, MOST, EACH * self.threads) if self.threads > 1 and work >= SMALL else 1
        arguments = "ptr null, ptr null, ptr null, ptr %table"
        if count == 1:
            site.w.do(f"call void @{name}({arguments}, i64 0, i64 {units})")
        else:
            self._announce(site.w, site.memory, name, arguments, units, count)

    def kernel(self, product: Product) -> Kernel:
        """The function of a product that nothing follows on."""
        return self._kernel(product, None, [])

    def helper(self, parameters: str, body: Callable[[Writer], None]) -> str:
        """Add a function that kernels call, compiled once for all of them; return its name."""
        w, name = self._writer(), self._name("helper")
        body(w)
        return self._add(w, name, w.function(name, parameters))

    # --- products -------------------------------------------------------------------------------

    def _product(self, w: Writer, memory: GroupMemory, group: Group) -> None:
        """Write a product and what follows on it: on each piece where that goes, else after it."""
        factors = product_of(group)
        near, rest = parted(group, together=not deep(factors.product))
        bias = factors.bias_over(near.space)
        epilogue = Epilogue(near, bias) if near.members[1:] or bias else None
        out = group.members[0].out.base
        product, large = factors.product, is_for_blas(factors.product)
        c = memory.pointer(out) if out in near.outputs or large else "null"
        if epilogue and not large:
            product = replace(product, c=None)  # the epilogue puts it down
        product = replace(product, goes_on=self._goes_on(factors.b))
        a, b = factors.pointers(w, memory)
        depth = deep(product)
        if depth and epilogue is None:
            self._in_slices(w, memory, product, depth, (a, b, c))
        else:
            context = epilogue.before(w, memory, c) if epilogue else "null"
            kernel = self._kernel(product, epilogue, memory.links)
            self._call(w, memory, product, kernel, f"ptr {a}, ptr {b}, ptr {c}, ptr {context}")
        if rest:
            emit(Site(self, w, memory, group.members[0]), rest)

    def _goes_on(self, b: View) -> bool:
        """Whether a factor's rows lie in order and go on after the last of them."""
        in_rows = b.strides[1] == 1 and b.strides[0] == b.shape[1]
        return b.base in self.going_on and in_rows and b.offset == 0

    def _in_slices(
        self, w: Writer, memory: GroupMemory, p: Product, depth: int, pointers: tuple[str, str, str]
    ) -> None:
        """Write a product as a sum of products of so many rows of B, each read from memory once."""
        a, b, c = pointers
        zeros = w.number(0, p.dtype)
        with w.loop(p.m * p.n, parallel=True) as i:
            w.store(zeros, w.at(c, p.dtype, i))

        def add(size: int, start: Number) -> None:
            product = replace(p, k=size, c=None, goes_on=True)
            adding = self._writer()
            add_piece(adding, p)
            name = self._name("adding")
            after = self._add(adding, name, adding.function(name, PARAMETERS), inline=True)
            inner = self._writer()
            kernel = write(inner, product, choose(product), self._name("product"), after)
            kernel = replace(kernel, name=self._add(inner, kernel.name, kernel.text))
            here = w.at(a, p.dtype, w.number(start, INDEX) * p.a[1])
            there = w.at(b, p.dtype, w.number(start, INDEX) * p.b[0])
            self._call(w, memory, product, kernel, f"ptr {here}, ptr {there}, ptr null, ptr {c}")

        with w.loop(p.k // depth) as turn:
            add(depth, turn * depth)
        if p.k % depth:
            add(p.k % depth, p.k - p.k % depth)

    def _kernel(self, product: Product, epilogue: Epilogue | None, links: list[Link]) -> Kernel:
        """The function of a product; those that nothing follows on are shared."""
        if epilogue is None and product in self._kernels:
            return self._kernels[product]
        after = ahead = None
        if epilogue:
            after = self._inlined("epilogue", PARAMETERS, epilogue.on_piece, links)
            ahead = self._inlined("ahead", AHEAD, epilogue.ahead, links)
        w, name = self._writer(), self._name("product")
        gemm = blas.find(product.dtype) if is_for_blas(product) else None
        if gemm:
            kernel = blas.write(w, product, gemm, name, after)
        else:
            # A thread that goes down all columns of some rows of a gradient changes those weights
            # that it reads in the forward product, where they are columns.
            bands = self.threads if epilogue and epilogue.updates else 1
            kernel = write(w, product, replace(choose(product), bands=bands), name, after, ahead)
        kernel = replace(kernel, name=self._add(w, kernel.name, kernel.text))
        if epilogue is None:
            self._kernels[product] = kernel
        return kernel

    def _inlined(
        self,
        stem: str,
        parameters: str,
        body: Callable[[Writer, GroupMemory], None],
        links: list[Link],
    ) -> str:
        """Write a function of a product's context, to be made part of the product's."""
        w = self._writer()
        w.head.append("  %table = load ptr, ptr %context")
        body(w, GroupMemory(w, self._held, links, shared=True))
        name = self._name(stem)
        return self._add(w, name, w.function(name, parameters), inline=True)

    def _call(
        self, w: Writer, memory: GroupMemory, product: Product, kernel: Kernel, arguments: str
    ) -> None:
        """Write the call of a product, by one thread or by all."""
        count = shares(product, kernel, self.threads)
        self.work.append(told(product, count, self.threads))
        if count == 1:
            w.do(f"call void @{kernel.name}({arguments}, i64 0, i64 {kernel.units})")
            return
        self._announce(w, memory, kernel.name, arguments, kernel.units, count)

    def _announce(
        self, w: Writer, memory: Memory, name: str, arguments: str, units: int, shares: int
    ) -> None:
        """Write the call of a function whose units the team does in so many shares."""
        self.shared = True
        who = f"ptr {memory.linked(TEAM)}, ptr @{name}"
        w.do(f"call void @together({who}, {arguments}, i64 {units}, i64 {shares})")


def _is_of_matrices(product: Member) -> bool:
    """Whether both factors of a product are matrices; that of `linear` may have many rows."""
    a, b = product.operands[:2]
    flat = product.instruction.op.name == "linear" or (isinstance(a, View) and len(a.shape) == 2)
    return flat and isinstance(b, View) and len(b.shape) == 2


def renumbered(text: str, first: int) -> str:
    """Text in which the metadata that it numbers from 0 are numbered from `first`."""
    return re.sub(r"!(\d+)", lambda found: f"!{int(found[1]) + first}", text)


def deep(p: Product) -> int:
    """How many rows of B to take at a time where both factors are long, else 0.

    A tile goes down all of B: many times, a few columns each, through memory that lies far apart.
    Where A lies transposed, as in the gradient of a weight, each chunk of columns reads all of it.
    """
    if p.b[1] != 1 or is_for_blas(p):
        return 0
    row, column = p.n * p.dtype.itemsize, p.m * p.dtype.itemsize
    if p.k * row > FAR and p.m * row <= NEAR // 4:
        return max(1, NEAR // row)
    read_often = p.a[0] == 1 and p.n > CHUNK and p.k * column >= 4 * NEAR
    return max(SLICE, 2 * NEAR // column) if read_often and p.m * row <= 4 * NEAR else 0


def add_piece(w: Writer, p: Product) -> None:
    """Write an epilogue that adds a piece to the matrix in the context."""
    row, column, rows, columns, step = (
        Register(name, INDEX, w) for name in ("%row", "%column", "%rows", "%columns", "%step")
    )
    with w.loop(rows) as i:
        here = w.at("%piece", p.dtype, i * step)
        there = w.at("%context", p.dtype, (row + i) * p.n + column)
        with w.loop(columns, parallel=True) as j:
            place = w.at(there, p.dtype, j)
            y = w.load(place, p.dtype) + w.load(w.at(here, p.dtype, j), p.dtype)
            w.store(y, place)

"""Groups one after another as one function of the machine (floor 2).

Each group is a function of its own that takes a table of pointers, and LLVM puts those of a stretch
together. In the table stand the arena, room that each group may use and forget, and every input and
state. A group that cannot be written raises `Unsupported` and leaves no trace.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.plan.native import blas
from chainrule.plan.native.choice import choose, is_for_blas
from chainrule.plan.native.ir import Unsupported, Writer, llvm_type
from chainrule.plan.native.loops import emit
from chainrule.plan.native.products import Kernel, Product, write
from chainrule.plan.native.sharing import together
from chainrule.plan.native.threads import shares
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.memory import ALIGNMENT
from chainrule.plan.passes.views import View
from chainrule.plan.program import Value

__all__ = ["ARENA", "SCRATCH", "TEAM", "GroupMemory", "Module"]

ARENA, SCRATCH, TEAM = 0, 1, 2  # the first places of the table


class GroupMemory:
    """Where a group finds its values: the pointers of the table, read when first asked for.

    Args:
        w: of the group's function.
        places: of inputs and states in the table.
        offsets: of made values in the arena, in bytes.

    Attributes:
        room: bytes of scratch that the group needs.
    """

    def __init__(self, w: Writer, places: Mapping[Value, int], offsets: Mapping[Value, int]):
        self.w, self.places, self.offsets = w, places, offsets
        self.room = 0
        self._pointers: dict[Value, str] = {}
        self._tables: dict[int, str] = {}
        self._heads: list[str] = []

    def pointer(self, value: Value) -> str:
        """Return where the memory of a value begins; if it has none, give it some for a while."""
        if value not in self._pointers:
            if value in self.places:
                found = self.table(self.places[value])
            elif value in self.offsets:
                found = self._beyond(ARENA, self.offsets[value])
            else:
                found = self.scratch(math.prod(value.shape), value.dtype)
            self._pointers[value] = found
        return self._pointers[value]

    def scratch(self, count: int, dtype: Any) -> str:
        """Return room for so many numbers until the group is done."""
        start = self.room
        size = max(count, 1) * dtype.itemsize
        self.room = -(-(start + size) // ALIGNMENT) * ALIGNMENT
        return self._beyond(SCRATCH, start)

    def table(self, place: int) -> str:
        """Return what stands at a place of the table."""
        if place not in self._tables:
            name = f"%table{place}"
            at = f"getelementptr inbounds ptr, ptr %table, i64 {place}"
            self.w.head.append(f"  {name}.at = {at}")
            self.w.head.append(f"  {name} = load ptr, ptr {name}.at, !invariant.load !{{}}")
            self._tables[place] = name
        return self._tables[place]

    def _beyond(self, place: int, offset: int) -> str:
        base, name = self.table(place), f"%{self.w.fresh('m')}"
        self.w.head.append(f"  {name} = getelementptr inbounds i8, ptr {base}, i64 {offset}")
        return name


class Module:
    """The text of a module, as groups are added to it.

    Args:
        places: of inputs and states in the table.
        offsets: of made values in the arena, in bytes.
        threads: how many share a large product; if more than one, their team is in the table.

    Attributes:
        room: bytes of scratch that the groups need.
    """

    def __init__(
        self, places: Mapping[Value, int], offsets: Mapping[Value, int], threads: int = 1
    ) -> None:
        self.places, self.offsets, self.threads = places, offsets, threads
        self.room = 0
        self.functions: list[str] = []
        self.declared: dict[str, str] = {}
        self.notes: list[str] = []
        self.kernels: dict[Any, Kernel] = {}

    def group(self, group: Group) -> str:
        """Write a group and return the name of its function.

        Raises:
            Unsupported: it has no form in LLVM's language.
        """
        w = Writer(self.declared, self.notes)
        memory = GroupMemory(w, self.places, self.offsets)
        if group.members[0].instruction.op.name in ("linear", "matrix_product"):
            self._product(w, memory, group)
        elif group.kind == "loop":
            emit(w, group, memory)
        else:
            raise Unsupported(group.members[0].instruction.op.name)
        name = f"group{len(self.functions)}"
        self.functions.append(
            w.function(name, "ptr noalias %table").replace("define", "define internal", 1)
        )
        self.room = max(self.room, memory.room)
        return name

    def stretch(self, names: Sequence[str]) -> str:
        """Write a function that runs groups in order, and return its name."""
        name = f"stretch{len(self.functions)}"
        calls = "".join(f"  call void @{n}(ptr %table)\n" for n in names)
        self.functions.append(
            f"define void @{name}(ptr %table) nounwind {{\n{calls}  ret void\n}}\n"
        )
        return name

    @property
    def text(self) -> str:
        """The whole module."""
        w = Writer(self.declared, self.notes)
        shared = [together(w)] if self.threads > 1 else []
        return w.module(
            *shared,
            *(k.text.replace("define", "define internal", 1) for k in self.kernels.values()),
            *self.functions,
        )

    # --- products -------------------------------------------------------------------------------

    def _product(self, w: Writer, memory: GroupMemory, group: Group) -> None:
        first, *rest = group.members
        a, b, bias = factors(first)
        out = first.out
        product = Product(
            *(math.prod(a.shape[:-1]), b.shape[1], b.shape[0]),
            a=(rows_step(a), a.strides[-1]),
            b=(b.strides[0], b.strides[1]),
            c=b.shape[1],
            dtype=common(out, a, b),
        )
        if 0 in (product.m, product.n, product.k):
            raise Unsupported("a product of nothing")
        made = self._kernel(product)
        pointers = [w.at(memory.pointer(v.base), v.base.dtype, v.offset) for v in (a, b)]
        c = memory.pointer(out.base)
        told = ", ".join(f"ptr {p}" for p in (*pointers, c, "null"))
        parts = shares(product, made, self.threads)
        if parts > 1:
            who = f"ptr {memory.table(TEAM)}, ptr @{made.name}"
            w.do(f"call void @together({who}, {told}, i64 {made.units}, i64 {parts})")
        else:
            w.do(f"call void @{made.name}({told}, i64 0, i64 {made.units})")
        if bias is not None:
            add_bias(w, memory, c, bias, product)
        if rest or group.finish:
            over = Group(
                "loop",
                group.space,
                tuple(rest),
                group.finish,
                (*group.inputs, out.base),
                group.outputs,
            )
            emit(w, over, memory)

    def _kernel(self, product: Product) -> Kernel:
        if product not in self.kernels:
            name = f"product{len(self.kernels)}"
            w = Writer(self.declared, self.notes)
            gemm = blas.find(product.dtype) if is_for_blas(product) else None
            self.kernels[product] = (
                blas.write(w, product, gemm, name)
                if gemm
                else write(w, product, choose(product), name)
            )
        return self.kernels[product]


def factors(member: Member) -> tuple[View, View, View | None]:
    """The two factors of a product, and what is added to every row."""
    op, operands = member.instruction.op.name, member.operands
    a, b = operands[0], operands[1]
    if not isinstance(a, View) or not isinstance(b, View) or len(b.shape) != 2:
        raise Unsupported("a product of other than matrices")
    if op == "linear":
        bias = operands[2] if len(operands) > 2 else None
        turned = View(b.base, b.offset, b.shape[::-1], b.strides[::-1])
        return a, turned, bias if isinstance(bias, View) else None
    if op != "matrix_product" or len(a.shape) != 2:
        raise Unsupported(op)
    return a, b, None


def rows_step(a: View) -> int:
    """Elements from one row of a factor to the next, its leading dimensions taken as one."""
    dims = [d for d in range(len(a.shape) - 1) if a.shape[d] != 1]
    if any(a.strides[d] != a.strides[e] * a.shape[e] for d, e in pairwise(dims)):
        raise Unsupported("a factor whose rows lie too oddly")
    return a.strides[dims[-1]] if dims else a.shape[-1]


def common(*views: View) -> np.dtype[Any]:
    """The dtype of the numbers, which must be of one floating-point type."""
    dtypes = {v.base.dtype for v in views}
    if len(dtypes) > 1 or views[0].base.dtype.kind != "f":
        raise Unsupported("a product of mixed or whole numbers")
    llvm_type(views[0].base.dtype)
    return views[0].base.dtype


def add_bias(w: Writer, memory: GroupMemory, c: str, bias: View, p: Product) -> None:
    """Write the loops that add a bias to every row of a product."""
    dtype = bias.base.dtype
    start = w.at(memory.pointer(bias.base), dtype, bias.offset)
    with w.loop(p.m) as i:
        row = w.at(c, dtype, i * p.n)
        with w.loop(p.n, parallel=True) as j:
            place = w.at(row, dtype, j)
            w.store(
                w.load(place, dtype) + w.load(w.at(start, dtype, j * bias.strides[0]), dtype), place
            )

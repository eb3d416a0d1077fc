"""A group of members as the text of one kernel, or of two (floor 2).

There are three forms. Without a reduction every thread takes element after element of the space.
With one, what is reduced is a row: if its elements lie side by side, a few threads or a whole block
go along it; if those of other rows do, each thread has a row of its own and several share it.
Either way a row is gone through as often as reductions hang on each other, and what was made on the
way is made again rather than kept. Rows that are few and long are shared by several blocks, whose
results a second kernel puts together. Every order of summation is fixed, so the same numbers give
the same sums.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from chainrule.plan.changes import changed
from chainrule.plan.cuda.cutting import summed
from chainrule.plan.cuda.dense import MOST, dense, reach, together
from chainrule.plan.cuda.forms import WARP, Columns, Rows, power_of_two, split
from chainrule.plan.cuda.launches import STOP, THREADS, Argument, Kernel
from chainrule.plan.cuda.members import Scope, Sources, draws, how, kept_dtype
from chainrule.plan.cuda.text import Writer, c_type
from chainrule.plan.formulas.registers import Register, Unsupported
from chainrule.plan.native.nests.order import ordered
from chainrule.plan.native.nests.space import operands
from chainrule.plan.passes.fuse import Group, Member
from chainrule.plan.passes.views import View
from chainrule.plan.program import Value

__all__ = ["Sweep"]

BLOCKS = 1024  # that keep a GPU busy
EACH = 2048  # elements of a row that are worth a block


class Sweep:
    """The kernels of one group.

    Args:
        group: of kind "loop", all reductions over the same dimensions.
        kept: values that have memory.
        guarded: whether a check may have ended the run before, which then changes nothing.

    Attributes:
        kernels: in order.
        parts: what blocks hand to the second kernel, to be given memory.
        dense: the same as a function, if all elements lie side by side.

    Raises:
        Unsupported: it has no form here.
    """

    def __init__(self, group: Group, kept: Collection[Value], guarded: bool = False) -> None:
        members = (*group.members, *group.finish)
        whole = Group("loop", group.space, members, (), group.inputs, group.outputs)
        self.group, self.places = ordered(whole)
        self.space, self.members = self.group.space, self.group.members
        self.over = summed(self.group)
        self.rest = tuple(d for d in range(len(self.space)) if d not in self.over)
        if any(m.reduced and m.reduced != self.over for m in self.members):
            raise Unsupported("reductions over different dimensions in one kernel")
        changing = any(m.instruction.op.kind == "update" for m in members)
        self.kept, self.guarded = {*kept}, guarded and (changing or any(map(draws, members)))
        self.row = math.prod(self.space[d] for d in self.over)
        self.count = math.prod(self.space[d] for d in self.rest)
        self.parts: list[Value] = []
        self.phases = self._phases()
        self.kind = self._index_type()
        self.dense = None if self.over else dense(self.members, self.kept, self.space, self.guarded)
        if self.dense:
            self.kernels = together([self.dense])
        else:
            self.kernels = self._reduced() if self.over else [self._flat()]
        self.kernels += self._moved_on()

    def _index_type(self) -> str:
        views = (v for m in self.members for v in (m.out, *operands(m)))
        return "int" if max(math.prod(self.space), *map(reach, views)) < MOST else "long long"

    def _begun(self) -> Scope:
        written = {m.out.base for m in self.members if m.instruction.op.kind == "update"}
        sources = Sources(written)
        return Scope(Writer(), sources, self.members, self.kept, self.space, self.places)

    def _kernel(self, scope: Scope, grid: tuple[int, ...], block: tuple[int, ...]) -> Kernel:
        parameters, arguments = scope.sources.parameters(), list[Argument](scope.sources.values)
        lines = list(scope.w.lines)
        if self.guarded and any(m.instruction.op.kind == "update" for m in self.members):
            parameters, arguments = [*parameters, "const int* stop"], [*arguments, STOP]
            lines.insert(0, "    if (*stop) return;")
        head = f'extern "C" __global__ void __launch_bounds__({math.prod(block)}) @'
        text = "\n".join([f"{head}({', '.join(parameters)}) {{", *lines, "}", ""])
        return Kernel(text, arguments, grid, block)

    # --- phases ---------------------------------------------------------------------------------

    def _phases(self) -> dict[Member, int]:
        """In which walk along the row each member can be made; a reduction, the one it needs."""
        makers = {m.out.base: m for m in self.members}
        found: dict[Member, int] = {}
        for member in self.members:
            before = [makers[v.base] for v in operands(member) if v.base in makers]
            done = [found[m] + bool(m.reduced) for m in before if m in found]
            found[member] = max(done, default=0)
        return found

    def _is_inner(self, member: Member) -> bool:
        """Whether a member has an element for each of the row, and is no reduction."""
        return not member.reduced and any(member.space[d] != 1 for d in self.over)

    # --- one element after another --------------------------------------------------------------

    def _flat(self) -> Kernel:
        scope = self._begun()
        w, total = scope.w, math.prod(self.space)
        scope.once()
        first = "(long long)blockIdx.x * blockDim.x + threadIdx.x"
        step = "(long long)gridDim.x * blockDim.x"
        kind = self.kind
        with w.block(f"for ({kind} e = {first}; e < {total}; e += {step})"):
            scope.index = split(w, "e", kind, range(len(self.space)), self.space)
            for member in self.members:
                if member.out.base not in scope.known or member.instruction.op.kind == "update":
                    scope.make(member)
                scope.put(member, scope.corner(member.space))
        blocks = max(1, min(-(-total // THREADS), 8 * BLOCKS))
        return self._kernel(scope, (blocks,), (THREADS,))

    # --- rows -----------------------------------------------------------------------------------

    def _reduced(self) -> list[Kernel]:
        if any(m.instruction.op.kind == "update" for m in self.members):
            raise Unsupported("a change of memory beside reductions")
        if self.count >= MOST:
            raise Unsupported("more rows than are counted with 32 bits")
        walked = [m for m in self.members if m.reduced or self._is_inner(m)]
        walks = 1 + max(self.phases[m] for m in walked)
        form: Rows | Columns
        if len(self.space) - 1 in self.over:
            form = Rows(self.row, self.count)
        else:
            form = Columns(self.row, self.count)
        shares = self._shares(form) if walks == 1 else 1
        scope = self._begun()
        form.begin(scope.w)
        scope.index = split(scope.w, form.number, self.kind, self.rest, self.space)
        self._outer(scope, 0, form.first if shares == 1 else "")
        for phase in range(walks):
            self._walk(scope, form, phase, shares)
            if shares == 1:
                self._outer(scope, phase + 1, form.first)
        first = self._kernel(scope, form.grid(shares), form.block)
        return [first] if shares == 1 else [first, self._second(shares)]

    def _shares(self, form: Rows | Columns) -> int:
        """How many blocks share a row."""
        wanted = BLOCKS // form.grid(1)[0]
        most = self.row // (EACH if isinstance(form, Rows) else 4 * form.high)
        return max(1, min(wanted, most, THREADS))

    def _outer(self, scope: Scope, phase: int, first: str) -> None:
        """Write what has one element for the row and can be made before the walk `phase`.

        Args:
            scope: of the row.
            phase: which walk.
            first: what holds for the thread that puts it down; nobody does if empty.
        """
        for member in self.members:
            if member.reduced or self._is_inner(member) or self.phases[member] != phase:
                continue
            if member.out.base not in scope.known:
                scope.make(member)
            if first:
                scope.put(member, [first, *scope.corner(member.space)])

    def _walk(self, scope: Scope, form: Rows | Columns, phase: int, shares: int) -> None:
        """Write one walk along the row, and what its reductions come to."""
        here = [m for m in self.members if self.phases[m] == phase]
        sums = {m: self._start(scope, m) for m in here if m.reduced}
        put = [m for m in here if self._is_inner(m) and m.out.base in self.kept]
        if not sums and not put:
            return
        w = scope.w
        with w.block(form.head(self.kind, shares)):
            within = scope.inside(split(w, "r", self.kind, self.over, self.space), scope)
            for member in (m for m in here if m in sums or m in put):
                if member in sums:
                    self._collect(scope, member, sums[member], within.fold(member))
                    continue
                if member.out.base not in within.known:
                    within.make(member)
                within.put(member, [*form.live, *within.corner(member.space)])
        for member, name in sums.items():
            total = form.total(w, name, how(member), kept_dtype(member))
            if shares == 1:
                self._finish(scope, member, total, form.first)
            else:
                part = self._part(member, shares)
                place = f"{scope.sources.pointer(part, write=True)}[blockIdx.y * {self.count} + at]"
                w.do(f"if ({form.first}) {place} = {total};")

    def _start(self, scope: Scope, member: Member) -> str:
        """Write the variable that a reduction begins with."""
        name, dtype = scope.w.fresh("sum"), kept_dtype(member)
        start = scope.w.number(how(member).start(member.instruction.out.dtype), dtype)
        scope.w.do(f"{c_type(dtype)} {name} = {start};")
        return name

    def _collect(self, scope: Scope, member: Member, name: str, x: Register) -> None:
        dtype = kept_dtype(member)
        new = how(member).combine(scope.w.named(name, dtype), x.to(dtype))
        scope.w.do(f"{name} = {new};")

    def _finish(self, scope: Scope, member: Member, total: Register, first: str) -> None:
        """Write what a reduction has come to in the end."""
        y = how(member).after(total.to(member.instruction.out.dtype), self.row)
        scope.known[member.out.base] = y
        space = tuple(1 if d in self.over else n for d, n in enumerate(member.space))
        scope.put(member, [first, *scope.corner(space)])

    # --- rows that several blocks share ---------------------------------------------------------

    def _part(self, member: Member, shares: int) -> Value:
        """Memory for what each block has come to."""
        name = f"{member.instruction.out.name}.parts"
        part = Value(name, (shares, self.count), kept_dtype(member), "made")
        self.parts.append(part)
        return part

    def _second(self, shares: int) -> Kernel:
        """Put together what the blocks have come to, and make what hangs on it."""
        scope = self._begun()
        form = Rows(shares, self.count, power_of_two(min(shares, WARP)))
        form.begin(scope.w)
        scope.index = split(scope.w, form.number, self.kind, self.rest, self.space)
        self._outer(scope, 0, form.first)
        folds = [m for m in self.members if m.reduced]
        for member, part in zip(folds, self.parts, strict=True):
            name = self._start(scope, member)
            with scope.w.block(form.head("int")):
                place = f"{scope.sources.pointer(part)}[r * {self.count} + at]"
                self._collect(scope, member, name, scope.w.load(place, part.dtype))
            total = form.total(scope.w, name, how(member), kept_dtype(member))
            self._finish(scope, member, total, form.first)
        self._outer(scope, 1, form.first)
        return self._kernel(scope, form.grid(1), form.block)

    # --- random numbers -------------------------------------------------------------------------

    def _moved_on(self) -> list[Kernel]:
        """A kernel that tells generators that the members have drawn."""
        counts: dict[View, int] = {}
        for member in self.members:
            view = member.operands[0] if draws(member) else None
            if isinstance(view, View) and changed(member.instruction):
                counts[view] = counts.get(view, 0) + draws(member)
        kernels = []
        for view, count in counts.items():
            at = view.offset + view.strides[-1]
            head = 'extern "C" __global__ void @(unsigned long long* p0'
            guard = ", const int* stop) {\n    if (*stop) return;" if self.guarded else ") {"
            text = f"{head}{guard}\n    p0[{at}] += {count}ULL;\n}}\n"
            arguments: Sequence[Argument] = [view.base, *([STOP] if self.guarded else [])]
            kernels.append(Kernel(text, arguments, (1,), (1,)))
        return kernels

"""Members over elements side by side: four at a time, many arrays in a launch (floor 2).

Such a kernel does not depend on how many elements there are. So what is done alike to many arrays,
as an optimiser's step is to every parameter, is one launch: a row of blocks for each.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from chainrule.plan.arrays import start
from chainrule.plan.cuda.launches import STOP, THREADS, Argument, Kernel
from chainrule.plan.cuda.members import Scope, Sources, draws
from chainrule.plan.cuda.text import Writer, c_type
from chainrule.plan.native.nests.space import operands
from chainrule.plan.passes.fuse import Member
from chainrule.plan.passes.views import View
from chainrule.plan.program import Value

__all__ = ["MOST", "Dense", "dense", "reach", "together"]

LANES = 4
MOST = 2**30  # elements up to which indices are int
BLOCKS = 1024
PARAMETERS = 3968  # bytes of a kernel's parameters, of 4096


def reach(view: View) -> int:
    """How many elements of its memory lie before the furthest of a view, at the most."""
    return view.offset + sum(abs(s) * n for n, s in zip(view.shape, view.strides))


class Dense(NamedTuple):
    """A function over elements side by side.

    Attributes:
        text: of a function for the device, its name being `@`.
        values: whose memory it is given, in order.
        size: how many elements.
        guarded: whether it does nothing once a check has refused.
    """

    text: str
    values: Sequence[Value]
    size: int
    guarded: bool


def dense(
    members: Sequence[Member], kept: Collection[Value], space: Sequence[int], guarded: bool
) -> Dense | None:
    """Return members as one function, or `None` if their elements do not lie side by side."""
    wide = [d for d, n in enumerate(space) if n != 1]
    if len(wide) > 1 or math.prod(space) >= MOST or not all(_fits(m, space, wide) for m in members):
        return None
    scope = _Lanes(members, kept, space)
    return Dense(scope.text(), scope.sources.values, math.prod(space), guarded)


def _fits(member: Member, space: Sequence[int], wide: Sequence[int]) -> bool:
    if member.reduced or draws(member) or "along" in member.instruction.op.name:
        return False
    if tuple(member.space) != tuple(space):
        return False
    views = [v for v in (member.out, *operands(member)) if len(v.shape) == len(space)]
    return all(_is_aligned(v, v.strides[wide[0]] if wide else 0) for v in views)


def _is_aligned(view: View, step: int) -> bool:
    """Whether vectors of a view's elements may be read, or it is the same number everywhere."""
    if step not in (0, 1):
        return False
    size = min(LANES * view.base.dtype.itemsize, 16)
    first = start(view.base.array) if view.base.array is not None else 0
    return step == 0 or (first + view.offset * view.base.dtype.itemsize) % size == 0


class _Lanes(Scope):
    """The scope of one of four elements, which have been read together."""

    def __init__(
        self, members: Sequence[Member], kept: Collection[Value], space: Sequence[int]
    ) -> None:
        changing = {m.out.base for m in members if m.instruction.op.kind == "update"}
        super().__init__(Writer(), Sources(changing), members, kept, space, [0] * len(space))
        self._wide = next((d for d, n in enumerate(space) if n != 1), None)
        self._vectors: dict[str, str] | None = None
        self._read: dict[str, str] = {}
        self._write: dict[str, str] = {}

    def place(self, view: View, write: bool = False) -> str:
        """Where the element lies: in memory, or in a vector that has been read."""
        pointer = self.sources.pointer(view.base, write)
        # A single element is written like many, so that all parameters are one kernel.
        step = 1 if self._wide is None else view.strides[self._wide]
        if not step:
            return f"{pointer}[{view.offset}]"
        start = f"{pointer} + {view.offset}" if view.offset else pointer
        if self._vectors is None:
            return f"{pointer}[{view.offset} + e]" if view.offset else f"{pointer}[e]"
        found = self._write if write else self._read
        name = found.setdefault(start, self.w.fresh("to" if write else "of"))
        self._vectors[name] = f"{start}|{c_type(view.base.dtype)}"
        return f"{name}.at[l]"

    def text(self) -> str:
        """The text of the function."""
        w = self.w
        self.once()
        once, w.lines = w.lines, []
        body = self._body({})
        vectors = self._vectors or {}
        alone = self._body(None)
        w.do("const long long first = (long long)blockIdx.x * blockDim.x + threadIdx.x;")
        w.do("const long long step = (long long)gridDim.x * blockDim.x;")
        if vectors:
            with w.block(f"for (long long q = first; {LANES} * q + {LANES - 1} < n; q += step)"):
                for name, told in vectors.items():
                    place, kind = told.split("|")
                    if name in self._read.values():
                        at = f"*(const Four<{kind}>*)({place} + {LANES} * q)"
                        w.do(f"const Four<{kind}> {name} = {at};")
                    else:
                        w.do(f"Four<{kind}> {name};")
                w.do("#pragma unroll")
                with w.block(f"for (int l = 0; l < {LANES}; ++l)"):
                    w.lines += ["        " + line for line in body]
                for name in self._write.values():
                    place, kind = vectors[name].split("|")
                    w.do(f"*(Four<{kind}>*)({place} + {LANES} * q) = {name};")
        begin = f"n / {LANES} * {LANES} + first" if vectors else "first"
        with w.block(f"for (long long e = {begin}; e < n; e += step)"):
            w.lines += ["    " + line for line in alone]
        parameters = ", ".join(["const long long n", *self.sources.parameters()])
        return "\n".join([f"static __device__ void @({parameters}) {{", *once, *w.lines, "}", ""])

    def _body(self, vectors: dict[str, str] | None) -> list[str]:
        """The lines for one element."""
        self._vectors, self.known, self._loads = vectors, {}, {}
        kept, self.w.lines = self.w.lines, []
        for member in self.members:
            self.make(member)
            self.put(member, [])
        found, self.w.lines = self.w.lines, kept
        return found


def together(these: Sequence[Dense]) -> list[Kernel]:
    """Return the launches of functions of one text."""
    one = these[0]
    most = max(1, PARAMETERS // (8 * (len(one.values) + 1)))
    return [_launch(these[k : k + most]) for k in range(0, len(these), most)]


def _launch(these: Sequence[Dense]) -> Kernel:
    one, width = these[0], len(these[0].values)
    head = one.text[: one.text.index(") {")]
    kinds = head[head.index("(") + 1 :].split(", ")[1:]
    kinds = [kind.rpartition(" ")[0] for kind in kinds]
    parameters: list[str] = []
    arguments: list[Argument] = []
    cases: list[str] = []
    for k, each in enumerate(these):
        names = [f"a{k}_{j}" for j in range(width)]
        parameters += [f"const long long n{k}", *(f"{t} {x}" for t, x in zip(kinds, names))]
        arguments += [np.int64(each.size), *each.values]
        cases.append(f"    if (blockIdx.y == {k}) @_one({', '.join([f'n{k}', *names])});")
    if one.guarded:
        parameters.append("const int* stop")
        arguments.append(STOP)
        cases.insert(0, "    if (*stop) return;")
    head = f'extern "C" __global__ void __launch_bounds__({THREADS}) @('
    text = one.text.replace("@", "@_one", 1)
    text += "\n".join([f"{head}{', '.join(parameters)}) {{", *cases, "}", ""])
    largest = max(each.size for each in these)
    blocks = max(1, min(-(-largest // (LANES * THREADS)), BLOCKS))
    return Kernel(text, arguments, (blocks, len(these)))

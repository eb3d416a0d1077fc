"""A program as machine code (floor 2): the executor that is quick.

The program's groups are written in LLVM's language and compiled, as many in a row as possible into
one function; what has no form there is carried out by its op's forward in between. Memory is taken
once, pointers are bound once, and a run of a program that is native throughout is one call.
"""

from __future__ import annotations

import ctypes
import operator
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import ShapeError
from chainrule.ops import Array, quiet
from chainrule.plan.changes import changed
from chainrule.plan.native.ir import Unsupported
from chainrule.plan.native.loops import is_known
from chainrule.plan.native.stretch import ARENA, SCRATCH, TEAM, Module
from chainrule.plan.native.threads import team
from chainrule.plan.native.toolchain import Code, compile_text
from chainrule.plan.passes.fuse import Group, Member, fuse
from chainrule.plan.passes.memory import ALIGNMENT, Allocation, Step, allocate
from chainrule.plan.passes.views import View, views
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["Native", "outside"]

Thunk: TypeAlias = Callable[[], Any]


class Native:
    """A program as a function of its inputs; states are changed in place.

    Every run has to be given arrays of the shapes and dtypes that the program names. An object of
    this class has one memory; two threads that call it take turns.

    Args:
        program: what to carry out.
        folder: where compiled code is kept; the user's cache by default.

    Attributes:
        bytes: size of the memory for what is made on the way.
        foreign: names of the ops that run through NumPy.
        code: what was compiled, with the time that took.

    Raises:
        MissingExtraError: llvmlite is not installed.

    Examples:
        >>> import numpy as np
        >>> from chainrule import ops
        >>> from chainrule.plan.program import Instruction
        >>> x = Value("x0", (2,), np.dtype(float), "input")
        >>> y = Value("v1", (2,), np.dtype(float), "made")
        >>> double = Native(Program([x], [], [Instruction(ops.add, (x, x), {}, y)], [y]))
        >>> double(np.array([1.0, 2.0]))
        (array([2., 4.]),)
    """

    def __init__(self, program: Program, folder: Path | None = None) -> None:
        self.program = program
        self._views = views(program)
        groups = [g for group in fuse(program, is_known) for g in self._split(group)]
        self._places = {
            v: k for k, v in enumerate((*program.inputs, *program.state), start=TEAM + 1)
        }
        steps = [self._step(group) for group in groups]
        kept = [v for v in self._bases(program.outputs) if v.origin == "made"]
        allocation = allocate(steps, kept)
        self._team = team()
        module = Module(self._places, allocation.offsets, self._team.count if self._team else 1)
        self._take_memory(allocation)
        runs = self._runs(groups, module)
        self._scratch = _aligned(module.room)
        self.bytes = allocation.size + module.room
        self.foreign = [
            m.instruction.op.name for run in runs if not isinstance(run, str) for m in run.members
        ]
        self.code: Code | None = None
        if module.functions:
            self.code = compile_text(module.text, folder)
        self._bind()
        self._steps = [self._thunk(run) for run in runs]
        self._results = [self._result(v) for v in program.outputs]
        self._lock = threading.Lock()
        self._last: list[Any] = [None] * len(program.inputs)
        self._held = list(self._last)

    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        """Carry the program out.

        Returns:
            The outputs: states and inputs themselves, of everything else the caller's own copy.
        """
        with self._lock:
            if len(inputs) != len(self._last) or not all(map(operator.is_, inputs, self._last)):
                self._take_inputs(inputs)
            for step in self._steps:
                step()
            return tuple(map(operator.call, self._results))

    # --- preparing ------------------------------------------------------------------------------

    def _split(self, group: Group) -> list[Group]:
        """The group, or, if it cannot be written, each of its members by itself."""
        if _can_be_written(group):
            return [replace(group, kind="product")] if group.kind == "alone" else [group]
        return [self._alone(m.instruction, m) for m in (*group.members, *group.finish)]

    def _alone(self, instruction: Instruction, member: Member) -> Group:
        made = self._bases([instruction.out, *changed(instruction)])
        return Group(
            "alone", (), (member,), (), tuple(self._bases(instruction.values)), tuple(made)
        )

    def _bases(self, values: Sequence[Value]) -> list[Value]:
        return list(dict.fromkeys(self._views[v].base for v in values))

    def _step(self, group: Group) -> Step:
        """What a group does to the arena."""
        read = [v for v in group.inputs if v.origin == "made"]
        made = [v for v in group.outputs if v.origin == "made" and v not in read]
        return Step(tuple(made), tuple(read))

    def _take_memory(self, allocation: Allocation) -> None:
        self._arena = _aligned(allocation.size)
        self._offsets = allocation.offsets

    def _runs(self, groups: Sequence[Group], module: Module) -> list[str | Group]:
        """Names of native functions, and in between the groups that run through NumPy."""
        runs: list[str | Group] = []
        names: list[str] = []
        for group in groups:
            if group.kind == "alone":
                runs += [module.stretch(names)] * bool(names)
                runs.append(group)
                names = []
            else:
                names.append(module.group(group))
        return [*runs, *([module.stretch(names)] if names else [])]

    def _bind(self) -> None:
        """Fill the table of pointers, but for the inputs."""
        self._table = np.zeros(len(self._places) + TEAM + 1, dtype=np.uint64)
        self._table[ARENA], self._table[SCRATCH] = address(self._arena), address(self._scratch)
        self._table[TEAM] = self._team.address if self._team else 0
        for value in self.program.state:
            if value.array is not None:
                self._table[self._places[value]] = address(value.array)

    def _take_inputs(self, inputs: Sequence[Array]) -> None:
        for k, (value, x) in enumerate(zip(self.program.inputs, inputs, strict=True)):
            if x is not self._last[k]:
                self._take_input(k, value, x)

    def _take_input(self, k: int, value: Value, x: Array) -> None:
        if x.shape != value.shape or x.dtype != value.dtype:
            raise ShapeError(
                f"this program was recorded for {value!r}, and was given {x.dtype}"
                f"{list(x.shape)}; record it again"
            )
        held = np.require(x, requirements=("C", "A"))
        self._held[k] = held
        self._last[k] = x if held is x else None  # a copy has to be made anew each time
        self._table[self._places[value]] = address(held)

    # --- running --------------------------------------------------------------------------------

    def _thunk(self, run: str | Group) -> Thunk:
        if isinstance(run, str):
            assert self.code is not None
            function = self.code.function(run, ctypes.c_void_p)
            return partial(function, address(self._table))
        return self._foreign(run)

    def _foreign(self, group: Group) -> Thunk:
        """A group of one instruction, carried out by its op's forward."""
        instruction = group.members[0].instruction
        arguments = [self._argument(a) for a in instruction.args]
        out = self._array(self._views[instruction.out])
        forward, attrs = quiet(instruction.op.forward), dict(instruction.attrs)

        def run() -> None:
            y, into = forward(*(a() for a in arguments), **attrs), out()
            if y is not into:
                np.copyto(into, y)

        return run

    def _argument(self, a: Any) -> Thunk:
        return self._array(self._views[a]) if isinstance(a, Value) else lambda: a

    def _array(self, view: View) -> Thunk:
        """How to get a view as an array; of inputs it is another at each run."""
        base = view.base
        if base.array is not None:
            same = (view.shape, view.strides) == (base.shape, _steps(base.array))
            array = base.array if same else _at(address(base.array), view, base.array)
            return lambda: array
        if base.origin == "input":
            k = self.program.inputs.index(base)
            return lambda: _at(address(self._held[k]), view, self._held[k])
        array = _at(address(self._arena) + self._offsets[base], view, self._arena)
        return lambda: array

    def _result(self, value: Value) -> Thunk:
        array = self._array(self._views[value])
        if value.origin == "input":
            k = self.program.inputs.index(value)
            return lambda: self._held[k]
        return array().copy if self._views[value].base.origin == "made" else array


class _Place:
    """Memory at an address, for NumPy, and its owner, who must live as long."""

    def __init__(self, start: int, view: View, owner: Array) -> None:
        self.owner = owner
        size = view.base.dtype.itemsize
        self.__array_interface__ = {
            "version": 3,
            "data": (start + view.offset * size, False),
            "typestr": view.base.dtype.str,
            "shape": view.shape,
            "strides": tuple(s * size for s in view.strides),
        }


def _at(start: int, view: View, owner: Array) -> Array:
    """A view as an array, its base beginning at the address `start`."""
    return np.asarray(_Place(start, view, owner))


def _steps(array: Array) -> tuple[int, ...]:
    return tuple(s // array.itemsize for s in array.strides)


def outside(program: Program) -> list[str]:
    """Return the names of the ops in a program that have no form in LLVM's language."""
    groups = [g for g in fuse(program, is_known) if not _can_be_written(g)]
    return [m.instruction.op.name for g in groups for m in (*g.members, *g.finish)]


def _can_be_written(group: Group) -> bool:
    """Whether a group has a form in LLVM's language: found out by writing it."""
    try:
        Module(dict.fromkeys((*group.inputs, *group.outputs), 0), {}).group(group)
    except Unsupported:
        return False
    return True


def _aligned(size: int) -> Array:
    """Bytes whose first has an address that is a multiple of `ALIGNMENT`."""
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]


def address(array: Array) -> int:
    """Return where an array begins."""
    return int(array.__array_interface__["data"][0])

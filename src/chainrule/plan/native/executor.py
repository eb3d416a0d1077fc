"""A program as machine code (floor 2): the executor that is quick.

The program's groups are written in LLVM's language and compiled, as many in a row as possible into
one function; what has no form there is carried out by its op's forward in between. Memory is taken
once, pointers are bound once, and a run of a program that is native throughout is one call; so are
many runs of it (`Native.many`).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from chainrule.ops import Array, quiet
from chainrule.plan.changes import roots
from chainrule.plan.costs import Part, laps
from chainrule.plan.many import Given, Table, Taken, one_by_one
from chainrule.plan.native.arrays import address, aligned, array_at, room_for, same_place
from chainrule.plan.native.course import Course, fitting
from chainrule.plan.native.llvm.toolchain import Code, compile_text
from chainrule.plan.native.pieces import Piece, pieces
from chainrule.plan.native.stretch import ARENA, SCRATCH, TEAM, Call, Module
from chainrule.plan.native.team.threads import team
from chainrule.plan.passes.expanded import with_sums_of_exponentials
from chainrule.plan.passes.factors import with_factors_outside
from chainrule.plan.passes.fuse import Group
from chainrule.plan.passes.layouts import with_orders
from chainrule.plan.passes.memory import Step, allocate, bytes_of
from chainrule.plan.passes.outputs import with_own_outputs
from chainrule.plan.passes.parts import with_parts_in_place
from chainrule.plan.passes.pooling import with_pooling_first
from chainrule.plan.passes.rewrite import changed_roots
from chainrule.plan.passes.views import View, views
from chainrule.plan.program import Program, Value

__all__ = ["Native", "outside"]

Thunk: TypeAlias = Callable[[], Any]

# Bytes of a result up to which it is copied; a larger one is given away with its memory.
SMALL = 2**14


class Native:
    """A program as a function of its inputs; states are changed in place.

    Every run has to be given arrays of the shapes and dtypes that the program names. An object of
    this class has one memory; two threads that call it take turns.

    Args:
        program: what to carry out.
        folder: where compiled code is kept; the user's cache by default.
        threads: how many may share a product; as many as are allowed by default.
        apart: make a function of each group, so that each can be timed.

    Attributes:
        bytes: size of the memory for what is made on the way.
        parts: what is carried out together, in order, and what it costs.
        foreign: names of the ops that run through NumPy.
        whole: whether a run is one call of machine code.
        code: what was compiled, with the time that took.
        work: of each product how much work it is and how many threads do it, as lines.

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

    def __init__(
        self,
        program: Program,
        folder: Path | None = None,
        threads: int | None = None,
        apart: bool = False,
    ) -> None:
        self._is_apart = apart
        self._taken_apart = partial(Native, program, folder, threads, apart=True)
        program = with_sums_of_exponentials(with_pooling_first(program))
        program = with_factors_outside(program)
        program = with_parts_in_place(with_orders(with_own_outputs(program)))
        self.program = program
        self._views = views(program)
        memory = roots(program)
        restless = changed_roots(program, memory)
        self._lasting = {v for v in program.state if memory[v] not in restless}
        self._team = team(threads)
        module = Module(self._team.count if self._team else 1, program.notes.get("going on", ()))
        found = pieces(program, module)
        self._given = [v for v in self._bases(program.outputs) if v.origin == "made"]
        in_table = (*program.inputs, *program.state, *self._given)
        self._places = {v: k for k, v in enumerate(in_table, start=TEAM + 1)}
        allocation = allocate([self._step(group) for group, _ in found])
        self._offsets = allocation.offsets
        module.settle(self._places, self._offsets)
        # The instructions that may end a run.
        self._checks = [g.members[0].instruction for g, call in found if call and call.check]
        runs = self._runs_of(found, module)
        self.work = module.work
        self._sizes = allocation.size, module.room
        self.bytes = allocation.size + module.room + sum(map(bytes_of, self._given))
        self.foreign = [
            m.instruction.op.name for run in runs if not isinstance(run, str) for m in run.members
        ]
        self.parts = [self._part(piece) for piece in found]
        many = "" if apart else self._of_many(runs, module)
        self.whole = bool(many)
        self.code: Code | None = None
        if module.functions:
            self.code = compile_text(module.text, folder)
        self._many = self._entry(many) if many else None
        self._settle(runs)

    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        """Carry the program out.

        Returns:
            The outputs: states and inputs themselves, of everything else the caller's own copy.
        """
        with self._lock:
            if [*map(id, inputs)] != self._last:
                self._take_inputs(inputs)
            for step in self._steps:
                step()
            return tuple([result() for result in self._results])

    def many(
        self,
        steps: int,
        inputs: Sequence[Given],
        tables: Sequence[Table] = (),
        stacked: int | None = None,
    ) -> Taken:
        """Carry the program out many times, in one call where that can be.

        Args:
            steps: how many times; at least 1.
            inputs: one for each of the program's: an array that stays, `Each` or `Rows`.
            tables: for states that change from step to step.
            stacked: of how many outputs, from the first, what every step gives is wanted; of all by
                default.

        Raises:
            ShapeError: an input is not what the program was recorded for.

        Examples:
            >>> from chainrule import ops
            >>> from chainrule.plan.many import Each
            >>> from chainrule.plan.record import record
            >>> total = np.zeros(2)
            >>> _, program = record(lambda x: ops.assign(total, x), [np.zeros(2)])
            >>> Native(program).many(3, [Each(np.arange(6.0).reshape(3, 2))]).steps
            3
            >>> total
            array([4., 5.])
        """
        moving = self._moving(tables)
        if self._many is None or moving is None:
            return one_by_one(self, steps, inputs, tables, stacked)
        kept = len(self._results) if stacked is None else stacked
        with self._lock:
            course = Course(self._table, self._places, steps)
            for k, (value, given) in enumerate(zip(self.program.inputs, inputs, strict=True)):
                course.give(k, value, given)
            for value, array in moving:
                course.each(value, array)
            outputs = [self._stack(course, k, k < kept) for k in range(len(self._results))]
            done, stopped = course.take(self._many)
            refuse = self._refusal(stopped, course.table) if stopped else None
        whole = [y[:done] if k < kept else y for k, y in enumerate(outputs)]
        return Taken(done, tuple(whole), refuse)

    def laps(self, inputs: Sequence[Array], runs: int) -> list[float]:
        """Carry the program out part by part, and return the least seconds of each of the parts.

        Args:
            inputs: as for a run.
            runs: how many times.

        Examples:
            >>> from chainrule import ops
            >>> from chainrule.plan.record import record
            >>> _, program = record(lambda x: ops.cumsum(ops.exp(x), dim=0), [np.ones(3)])
            >>> native = Native(program)
            >>> len(native.laps([np.ones(3)], runs=2)) == len(native.parts)
            True
        """
        apart = self._taken_apart()
        apart._take_inputs(inputs)
        return laps(apart._steps, runs)

    def _moving(self, tables: Sequence[Table]) -> list[tuple[Value, Array]] | None:
        """The states that tables are for, with these, or `None` where pointers do not suffice."""
        found: list[tuple[Value, Array]] = []
        for state, array in tables:
            for value in self.program.state:
                if value.array is None or not np.may_share_memory(value.array, state):
                    continue
                if value not in self._lasting or not same_place(value.array, state):
                    return None
                found.append((value, array))
        return found

    def _stack(self, course: Course, k: int, whole: bool) -> Array:
        """The array for output number `k` of every step, or of the last."""
        value = self.program.outputs[k]
        base = self._views[value].base
        if base.origin == "made":
            array = course.stack(base, whole)
            return array.reshape((course.steps, *value.shape) if whole else value.shape)
        array = self._results[k]()  # a state, as it is in the end
        return np.broadcast_to(array, (course.steps, *array.shape)) if whole else array

    def twin(self) -> Native:
        """Return the same with memory of its own, so that two threads need not take turns."""
        other = copy(self)
        other._settle(self._runs)
        return other

    # --- preparing ------------------------------------------------------------------------------

    def _bases(self, values: Sequence[Value]) -> list[Value]:
        return list(dict.fromkeys(self._views[v].base for v in values))

    def _step(self, group: Group) -> Step:
        """What a group does to the arena."""
        read = [v for v in group.inputs if v.origin == "made" and v not in self._given]
        made = [v for v in group.outputs if v.origin == "made" and v not in self._given]
        return Step(tuple(v for v in made if v not in read), tuple(read))

    def _runs_of(self, found: Sequence[Piece], module: Module) -> list[str | Group]:
        """Names of native functions, and in between the groups that run through NumPy."""
        runs: list[str | Group] = []
        calls: list[Call] = []
        for group, call in found:
            if call:
                calls.append(call)
            if calls and (call is None or self._is_apart):
                runs, calls = [*runs, module.stretch(calls)], []
            if call is None:
                runs.append(group)
        return [*runs, *([module.stretch(calls)] if calls else [])]

    def _part(self, piece: Piece) -> Part:
        """What a piece costs: it moves what it reads from others and leaves for them."""
        group = piece.group
        these = [m.instruction for m in (*group.members, *group.finish)]
        moved = sum(map(bytes_of, {*group.inputs, *group.outputs}))
        space = group.space if len(these) > 1 else these[0].out.shape
        return Part(these, space, moved, native=piece.call is not None)

    def _of_many(self, runs: Sequence[str | Group], module: Module) -> str:
        """The name of the function that takes many steps, if there can be one."""
        given = [self._views[v].base.origin == "input" for v in self.program.outputs]
        if len(runs) != 1 or not isinstance(runs[0], str) or any(given):
            return ""
        return module.many(runs[0], self.program.inputs)

    def _settle(self, runs: Sequence[str | Group]) -> None:
        """Take memory, and bind what is run to it."""
        self._arena, self._scratch = map(aligned, self._sizes)
        self._bind()
        self._runs = runs
        self._steps = [self._thunk(run) for run in runs]
        self._results = [self._result(v) for v in self.program.outputs]
        self._lock = threading.Lock()
        self._last = [0] * len(self.program.inputs)  # the identities of the inputs that are held

    def _bind(self) -> None:
        """Fill the table of pointers, but for the inputs."""
        self._table = np.zeros(len(self._places) + TEAM + 1, dtype=np.uint64)
        self._table[ARENA], self._table[SCRATCH] = address(self._arena), address(self._scratch)
        self._table[TEAM] = self._team.address if self._team else 0
        # What inputs and outputs point to.
        self._held: list[Any] = [None] * len(self._table)
        for value in self.program.state:
            if value.array is not None:
                self._table[self._places[value]] = address(value.array)
        for value in self._given:
            self._hold(value, room_for(value))

    def _hold(self, value: Value, array: Array) -> None:
        self._held[self._places[value]] = array
        self._table[self._places[value]] = address(array)

    def _take_inputs(self, inputs: Sequence[Array]) -> None:
        for k, (value, x) in enumerate(zip(self.program.inputs, inputs, strict=True)):
            if id(x) != self._last[k]:
                held = fitting(value, x, value.shape)
                self._hold(value, held)
                self._last[k] = id(held)  # where that is a copy, it has to be made anew each time

    # --- running --------------------------------------------------------------------------------

    def _thunk(self, run: str | Group) -> Thunk:
        if not isinstance(run, str):
            return self._foreign(run)
        assert self.code is not None
        function = self.code.function(run, ctypes.c_void_p, result=ctypes.c_int64)
        table = address(self._table)

        def stretch() -> None:
            stopped = function(table)
            if stopped:
                self._refusal(stopped, self._table)()

        return stretch if self._checks else partial(function, table)

    def _entry(self, many: str) -> Callable[..., int]:
        assert self.code is not None
        entry: Callable[..., int] = self.code.function(
            many, *[ctypes.c_void_p] * 4, ctypes.c_int64, result=ctypes.c_int64
        )
        return entry

    def _refusal(self, stopped: int, table: Array) -> Thunk:
        """The body of the op that has ended a run, on copies of what it has refused: it raises."""
        instruction = self._checks[stopped - 1]
        given = [self._copied(a, table) if isinstance(a, Value) else a for a in instruction.args]
        return partial(quiet(instruction.op.forward), *given, **instruction.attrs)

    def _copied(self, value: Value, table: Array) -> Array:
        view = self._views[value]
        return array_at(self._start(view.base, table), view, self).copy()

    def _start(self, value: Value, table: Array) -> int:
        """Where the memory of a value begins."""
        if value in self._places:
            return int(table[self._places[value]])
        return int(table[ARENA]) + self._offsets[value]

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
        """How to get a view as an array; of inputs and outputs it is another at each run."""
        base = view.base
        if base.array is not None:
            same = (view.shape, view.strides) == (base.shape, _steps(base.array))
            array = base.array if same else array_at(address(base.array), view, base.array)
            return lambda: array
        if base in self._places:
            place = self._places[base]
            return lambda: array_at(int(self._table[place]), view, self._held[place])
        array = array_at(self._start(base, self._table), view, self._arena)
        return lambda: array

    def _result(self, value: Value) -> Thunk:
        view = self._views[value]
        if value.origin == "input":
            place = self._places[value]
            return lambda: self._held[place]
        return self._array(view) if view.base.origin != "made" else self._own(value, view.base)

    def _own(self, value: Value, base: Value) -> Thunk:
        """How to get a result that is the caller's own: small ones are copied, others let go."""
        array = self._held[self._places[base]].reshape(value.shape)
        if array.nbytes <= SMALL:
            return array.copy

        def let_go() -> Array:
            found: Array = self._held[self._places[base]]
            self._hold(base, room_for(base))
            return found.reshape(value.shape)

        return let_go


def _steps(array: Array) -> tuple[int, ...]:
    return tuple(s // array.itemsize for s in array.strides)


def outside(program: Program) -> list[str]:
    """Return the names of the ops in a program that have no form in LLVM's language."""
    found = [piece.group.members[0] for piece in pieces(program, Module()) if not piece.call]
    return [member.instruction.op.name for member in found]

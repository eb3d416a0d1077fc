"""The program carried out by NumPy, into memory taken once (floor 2): the executor always there.

The first run carries every instruction out by its op's forward and looks at what comes: which
results are views, and how each lies in memory, which NumPy decides by the layout of the operands.
From then on a run is one flat list of calls with their arguments bound. Results go to an arena in
the very layout of the first run, so that every sum is taken in the same order and the results are
eager's to the last bit. Views are made once.

Arrays that are new at every run (the inputs, what can only be had from an op's forward, and views
of either) are handed on through `slots` and dropped at their last use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from chainrule.ops import Array, quiet
from chainrule.plan import bodies
from chainrule.plan.bodies import Missing
from chainrule.plan.costs import Part, laps, of_instruction
from chainrule.plan.passes.memory import ALIGNMENT, Step, allocate
from chainrule.plan.program import Instruction, Operand, Program, Value

__all__ = ["Replay"]

Thunk: TypeAlias = Callable[[], Any]


class Replay:
    """A program as a function of its inputs; states are changed in place.

    Every run has to be given arrays of the shapes and dtypes that the program names. An object of
    this class has one memory: it is for one thread at a time.

    Args:
        program: what to carry out.

    Attributes:
        bytes: size of the arena; 0 until the first run.
        parts: its instructions, but for views, each with what it costs.

    Examples:
        >>> import numpy as np
        >>> from chainrule import ops
        >>> x = Value("x0", (2,), np.dtype(float), "input")
        >>> y = Value("v1", (2,), np.dtype(float), "made")
        >>> double = Replay(Program([x], [], [Instruction(ops.add, (x, x), {}, y)], [y]))
        >>> double(np.array([1.0, 2.0]))
        (array([2., 4.]),)
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.bytes = 0
        self._slots: list[Any] = []
        self._calls: Sequence[Thunk] = ()
        self._starts: Sequence[int] = ()
        self._results: Sequence[Thunk] | None = None

    @property
    def parts(self) -> list[Part]:
        """The instructions that are work, each a part of its own."""
        return [of_instruction(i) for i in self.program if i.op.kind != "view"]

    @quiet
    def laps(self, inputs: Sequence[Array], runs: int) -> list[float]:
        """Carry the program out, and return the least seconds of each of the parts.

        Args:
            inputs: as for a run.
            runs: how many times, besides the first.
        """
        if self._results is None:
            self._first(inputs)
        rounds = []
        for _ in range(runs):
            self._slots[: len(inputs)] = inputs
            rounds.append(laps(self._calls, 1))
        so_far = np.cumsum([0.0, *np.min(rounds, axis=0)])
        spent = np.diff(so_far[self._starts])
        return [float(s) for s, i in zip(spent, self.program) if i.op.kind != "view"]

    @quiet
    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        """Carry the program out.

        Returns:
            The outputs: states and inputs themselves, of everything else the caller's own copy.
        """
        if self._results is None:
            return self._first(inputs)
        self._slots[: len(inputs)] = inputs
        for call in self._calls:
            call()
        return tuple([result() for result in self._results])

    def _first(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        found: dict[Value, Array] = {v: v.array for v in self.program.state if v.array is not None}
        found.update(zip(self.program.inputs, inputs))
        layout = _Layout(self.program)
        for k, instruction in enumerate(self.program):
            args = [found[a] if isinstance(a, Value) else a for a in instruction.args]
            y = np.asarray(instruction.op.forward(*args, **instruction.attrs))
            found[instruction.out] = y
            layout.see(instruction, args, y)
            for value in layout.over[k]:
                del found[value]
        results = tuple(found[v] for v in self.program.outputs)
        binding = _Binding(self.program, layout)
        self.bytes, self._slots = binding.bytes, binding.slots
        self._calls, self._results = binding.calls, binding.results()
        self._starts = binding.starts
        return results


# --- what the first run shows -------------------------------------------------------------------


class _Layout:
    """Which values are new arrays at every run, whose memory each is in, and in what steps.

    Attributes:
        slots: the place of each value that is a new array at every run.
        owner: of every other value the one whose memory it is in, itself or the base of a view.
        strides: how those lie that are written into the arena.
        over: the values that nothing needs after the instruction of that number.
    """

    def __init__(self, program: Program) -> None:
        self.slots = {v: k for k, v in enumerate(program.inputs)}
        self.owner = {v: v for v in program.state}
        self.strides: dict[Value, tuple[int, ...]] = {}
        self.over = _over(program)

    def see(self, instruction: Instruction, args: Sequence[Any], y: Array) -> None:
        """Look at the result of an instruction."""
        out = instruction.out
        if instruction.op.kind == "update":
            return
        base = _shared(instruction, args, y)
        if base is not None and base not in self.slots:
            self.owner[out] = self.owner[base]
        elif base is None and _is_dense(y) and self._can_be_written(instruction, args, y):
            self.owner[out] = out
            self.strides[out] = y.strides
        else:
            self.slots[out] = len(self.slots)

    def _can_be_written(self, instruction: Instruction, args: Sequence[Any], y: Array) -> bool:
        known = [
            Missing(self.slots[a], a) if isinstance(a, Value) and a in self.slots else array
            for a, array in zip(instruction.args, args)
        ]
        return bodies.writes(instruction.op, known, instruction.attrs, y) is not None

    def step(self, instruction: Instruction) -> Step:
        """What the instruction does to the arena."""
        used = [self.owner[v] for v in instruction.values if v in self.owner]
        read = tuple(v for v in used if v in self.strides)
        if instruction.out not in self.strides or instruction.op.kind == "update":
            return Step((), read)
        mine = self.strides[instruction.out]
        over = [v for v in instruction.values if v in self.strides and used.count(v) == 1]
        over = [v for v in over if self.strides[v] == mine and v.shape == instruction.out.shape]
        return Step(
            (instruction.out,), read, tuple(over) if bodies.overwrites(instruction.op) else ()
        )


def _over(program: Program) -> list[list[Value]]:
    """For each instruction the values that nothing reads after it and that are no outputs."""
    last = dict.fromkeys(program.inputs, 0)
    last |= {v: k for k, i in enumerate(program) for v in (*i.values, i.out)}
    over: list[list[Value]] = [[] for _ in program]
    for value, k in last.items():
        if value.origin != "state" and value not in program.outputs and over:
            over[k].append(value)
    return over


def _shared(instruction: Instruction, args: Sequence[Any], y: Array) -> Value | None:
    """The argument in whose memory the result lies, if there is one."""
    for a, array in zip(instruction.args, args):
        if isinstance(a, Value) and np.may_share_memory(y, array):
            return a
    return None


def _is_dense(y: Array) -> bool:
    """Whether the elements lie side by side, in whatever order of the dimensions."""
    order = np.argsort([-s for s in y.strides], kind="stable")
    return y.transpose(order).flags.c_contiguous


# --- binding ------------------------------------------------------------------------------------


class _Binding:
    """The calls of a run, bound to an arena and to slots."""

    def __init__(self, program: Program, layout: _Layout) -> None:
        self.program, self.layout = program, layout
        kept = [layout.owner[v] for v in program.outputs if v in layout.owner]
        kept = [v for v in kept if v in layout.strides]
        places = allocate([layout.step(i) for i in program], kept)
        self.bytes = places.size
        memory = _aligned(places.size)
        self.arrays: dict[Value, Array] = {v: v.array for v in program.state if v.array is not None}
        for value, strides in layout.strides.items():
            offset = places.offsets[value]
            self.arrays[value] = np.ndarray(value.shape, value.dtype, memory, offset, strides)
        self.slots: list[Any] = [None] * len(layout.slots)
        self.calls: list[Thunk] = []
        self.starts = [0]  # of each instruction the first of its calls, and the end
        for instruction, over in zip(program, layout.over):
            self._bind(instruction)
            gone = [layout.slots[v] for v in over if v in layout.slots]
            self.calls += [partial(self.slots.__setitem__, place, None) for place in gone]
            self.starts.append(len(self.calls))

    def _bind(self, instruction: Instruction) -> None:
        op, out, attrs = instruction.op, instruction.out, instruction.attrs
        args = [self._operand(a) for a in instruction.args]
        forward = partial(op.forward, **attrs) if attrs else op.forward
        if op.kind == "update":
            self.calls.append(self._thunk(forward, *args))
        elif out in self.layout.strides:
            calls = bodies.writes(op, args, attrs, self.arrays[out])
            assert calls is not None, instruction
            self.calls += [self._thunk(*call) for call in calls]
        elif out in self.layout.owner:
            self.arrays[out] = forward(*args)
        else:
            self.calls.append(self._kept(forward, args, self.layout.slots[out]))

    def _operand(self, a: Operand) -> Any:
        if not isinstance(a, Value):
            return a
        place = self.layout.slots.get(a)
        return self.arrays[a] if place is None else Missing(place, a)

    def _thunk(self, function: Callable[..., Any], *args: Any) -> Thunk:
        """The call as a function of nothing; what is missing is looked up when it is made."""
        if not any(isinstance(a, Missing) for a in args):
            return partial(function, *args)
        look_up = self._look_up(args)
        return lambda: function(*look_up())

    def _kept(self, function: Callable[..., Any], args: Sequence[Any], place: int) -> Thunk:
        slots, call = self.slots, self._thunk(function, *args)

        def keep() -> None:
            slots[place] = np.asarray(call())

        return keep

    def _look_up(self, args: Sequence[Any]) -> Thunk:
        slots = self.slots
        pairs = [(slots, a.place) if isinstance(a, Missing) else ((a,), 0) for a in args]
        return lambda: [held[place] for held, place in pairs]

    def results(self) -> list[Thunk]:
        """The calls that give the outputs."""
        return [self._result(v) for v in self.program.outputs]

    def _result(self, value: Value) -> Thunk:
        if value in self.layout.slots:
            return partial(self.slots.__getitem__, self.layout.slots[value])
        array = self.arrays[value]
        if self.layout.owner[value] in self.layout.strides:
            return partial(np.array, array)
        return lambda: array


def _aligned(size: int) -> Array:
    """Bytes whose first has an address that is a multiple of `ALIGNMENT`."""
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]

"""A program on the GPU (floor 2): fused kernels, one arena, and after the first run graphs.

The addresses of everything stay: inputs are copied into buffers, what is made lies in an arena, and
results are copied out. So the launches of a run are captured once and are one launch, or few, from
then on (`graphs`). What a check refuses sets a flag on the GPU: nothing changes memory after it,
and when all is done the check is called on what it has refused.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from chainrule.backend.arrays import index_of, is_gpu, require_gpu
from chainrule.errors import ShapeError
from chainrule.kernels.attach import KERNELS
from chainrule.ops import Array, quiet
from chainrule.ops.update import CHANGED
from chainrule.plan.arrays import share
from chainrule.plan.costs import Part
from chainrule.plan.cuda.graphs import Action, Stretch, captured
from chainrule.plan.cuda.halves import Halves
from chainrule.plan.cuda.launches import STOP, Argument, Kernel, module_text, numbered
from chainrule.plan.cuda.looks import Looks, looks
from chainrule.plan.cuda.products import Products
from chainrule.plan.cuda.steps import Step, steps_of
from chainrule.plan.cuda.text import OPTIONS
from chainrule.plan.passes import memory
from chainrule.plan.passes.bias import with_bias_apart
from chainrule.plan.passes.expanded import with_sums_of_exponentials
from chainrule.plan.passes.factors import with_factors_outside
from chainrule.plan.passes.layouts import with_orders
from chainrule.plan.passes.memory import ALIGNMENT, allocate, bytes_of
from chainrule.plan.passes.outputs import with_own_outputs
from chainrule.plan.passes.parts import with_parts_in_place
from chainrule.plan.passes.views import View, views
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["Cuda", "prepared"]

Thunk: TypeAlias = Callable[[], Any]


def prepared(program: Program) -> Program:
    """The program as kernels are made of it: products without biases, sums without factors."""
    program = with_factors_outside(with_sums_of_exponentials(with_bias_apart(program)))
    return with_parts_in_place(with_orders(with_own_outputs(program), images=False))


class Cuda:
    """A program as a function of its inputs; states on the GPU are changed in place.

    Every run has to be given arrays of the shapes and dtypes that the program names, on the GPU or
    not. An object of this class has one memory; two threads that call it take turns.

    Args:
        program: what to carry out.

    Attributes:
        bytes: size of the memory for what is made on the way.
        parts: what is carried out together, in order, and what it costs.
        foreign: names of the ops that run by their own bodies.
        kernels: how many are launched in a run.
        stretches: graphs, and what stands between them; once there are some.

    Raises:
        OptionError: there is no GPU, or the processor needs what the GPU makes on the way.

    Examples:
        >>> from chainrule.plan.cuda.steps import steps_of
        >>> from chainrule import ops
        >>> from chainrule.plan.record import record
        >>> _, program = record(lambda x: ops.sum(ops.exp(x), dim=1), [np.ones((4, 8))])
        >>> [len(step.kernels) for step in steps_of(prepared(program))]
        [1]
    """

    def __init__(self, program: Program) -> None:
        self._gpu = require_gpu()
        held = (v.array for v in program.state if v.array is not None)
        here = [index for index in map(index_of, held) if index is not None]
        self._index = here[0] if here else int(self._gpu.cuda.runtime.getDevice())
        with self._gpu.cuda.Device(self._index):
            self._prepare(program)

    def _prepare(self, program: Program) -> None:
        self._halves = Halves(program)
        self._device = prepared(self._halves.device)
        self._original = program
        self._views = views(self._device)
        self._steps = steps_of(self._device)
        self._checks = {s.check: s.instructions[0] for s in self._steps if s.check}
        launched = [k for step in self._steps for k in step.kernels]
        self.kernels = len(launched)
        self.text = module_text(launched)
        self.foreign = [
            s.instructions[0].op.name for s in self._steps if not (s.kernels or s.is_product)
        ]
        self.parts: list[Part] = [step.part for step in self._steps]
        self._lock = threading.Lock()
        self.stretches: list[Stretch] = []
        self._take_memory()
        module = self._gpu.RawModule(code=self.text, options=OPTIONS)
        self._functions = {name: module.get_function(name) for name in numbered(launched)}
        self._of_step = {step: self._actions_of(step) for step in self._steps}
        self._actions = [action for step in self._steps for action in self._of_step[step]]
        away = iter(self._device.outputs)
        self._results = [
            self._result(v, None if v in self._halves.outside else next(away))
            for v in program.outputs
        ]
        self._inputs: Sequence[Array] = ()
        self._found: dict[Value, Array] = {}
        self._put_back: Thunk = _nothing
        self._runs = 0

    @property
    def work(self) -> list[str]:
        """How a run is launched, as lines."""
        what = f"{self.kernels} kernels, {len(self._actions)} launches on the GPU"
        if self.foreign:
            what += f"; op by op: {', '.join(dict.fromkeys(self.foreign))}"
        return [what, *map(str, self.stretches)]

    # --- memory ---------------------------------------------------------------------------------

    def _take_memory(self) -> None:
        """Take the arena, and see in it the memory of each value."""
        gpu, staged, stop = self._gpu, *self._lay_out()
        arena = self._arena = gpu.empty((self.bytes,), np.uint8)
        orders = self._device.notes.get("orders", {})
        self._arrays = {
            v: _placed(arena, v, begin, orders.get(v)) for v, begin in self._starts.items()
        }
        for value in self._device.state:
            if value.array is not None:
                self._arrays[value] = value.array
        self._staged = arena[staged:stop]
        self._stop = arena[stop : stop + 4].view(np.int32)
        self._stop.fill(0)
        self._buffer = np.zeros(stop - staged, np.uint8)
        self._sent: bytes | None = None
        self._home = self._halves.runner(self._buffer)

    def _lay_out(self) -> tuple[int, int]:
        """Say where in the arena each value begins; return where staged numbers and the flag do.

        What is made comes first, each place taken by one value after another; then the inputs.
        """
        looked_at = [v for i in self._checks.values() for v in i.values]
        kept = [self._views[v].base for v in (*self._device.outputs, *looked_at)]
        steps = [memory.Step(_made(s.makes), _made(s.reads)) for s in self._steps]
        places = allocate(steps, _made(list(dict.fromkeys(kept))))
        self._starts, end = {**places.offsets}, places.size
        for value in self._original.inputs:
            self._starts[value] = end
            end += _rounded(bytes_of(value))
        staged = end
        for value, offset in self._halves.staged.items():
            self._starts[value] = staged + offset
        stop = staged + _rounded(self._halves.bytes)
        self.bytes = stop + ALIGNMENT
        return staged, stop

    def _array(self, view: View) -> Any:
        """A view as an array."""
        base = self._arrays[view.base]
        size = view.base.dtype.itemsize
        strides = tuple(s * size for s in view.strides)
        if view.offset == 0 and (view.shape, strides) == (base.shape, base.strides):
            return base
        begin = self._starts.get(view.base)
        place = base.data if begin is None else self._arena.data + begin
        place += view.offset * size
        return self._gpu.ndarray(view.shape, view.base.dtype, place, strides)

    def _given(self, a: Any) -> Any:
        return self._array(self._views[a]) if isinstance(a, Value) else a

    # --- what is done ---------------------------------------------------------------------------

    def _actions_of(self, step: Step) -> list[Action]:
        if step.kernels:
            return [self._launch(kernel) for kernel in step.kernels]
        (instruction,) = step.instructions
        if step.is_product:
            return [self._product(instruction)]
        return [self._body(instruction, step)]

    def _launch(self, kernel: Kernel) -> Action:
        arguments = tuple(self._argument(a) for a in kernel.arguments)
        run = partial(self._functions[kernel.name], kernel.grid, kernel.block, arguments)
        return Action(run, "kernel", run)

    def _argument(self, a: Argument) -> Any:
        if isinstance(a, Value):
            return self._arrays[a]
        return self._stop if a is STOP else a

    def _product(self, instruction: Instruction) -> Action:
        a, b = (self._given(x) for x in instruction.args)
        out = self._given(instruction.out)
        if b.ndim == 2 and a.ndim > 2 and a.flags.c_contiguous and out.flags.c_contiguous:
            # One product, not many.
            a, out = a.reshape(-1, a.shape[-1]), out.reshape(-1, out.shape[-1])
        by = self._products
        run, capture = (partial(f, a, b, out) for f in (by.multiply, by.capture))
        return Action(run, instruction.op.name, capture)

    @functools.cached_property
    def _products(self) -> Products:
        """What multiplies, once there is a product."""
        return Products(self._gpu)

    def _body(self, instruction: Instruction, step: Step) -> Action:
        """An instruction carried out by its op's body; in a graph by its kernel, if it has one."""
        args = [self._given(a) for a in instruction.args]
        op, attrs = instruction.op, dict(instruction.attrs)
        changes = op.kind == "update"
        out = None if changes else self._given(instruction.out)

        places = CHANGED.get(op.name, ())
        mine = [args[k] for k in places]
        # What is read from memory that the step changes is read before.
        apart = {
            k
            for k, a in enumerate(args)
            if k not in places and is_gpu(a) and any(share(a, b) for b in mine)
        }

        def run(forward: Callable[..., Any]) -> None:
            given = (a.copy() if k in apart else a for k, a in enumerate(args))
            y = forward(*given, **attrs)
            if out is not None:
                self._gpu.copyto(out, y)

        def guarded(forward: Callable[..., Any]) -> None:
            if step.changes and self._checks:
                self._insist()
            run(forward)

        kernel = KERNELS.get(op.name)
        by_stream = kernel is not None and not (step.changes and self._checks)
        capture = partial(run, kernel) if kernel is not None and by_stream else None
        return Action(partial(guarded, quiet(op.forward)), op.name, capture)

    def looks(
        self, checks: Sequence[tuple[Any, int | None, Any]], arrays: Sequence[Array]
    ) -> Looks | None:
        """Return what looks at arguments before a run, instead of checks that come home for it."""
        return looks(checks, arrays)

    # --- a run ----------------------------------------------------------------------------------

    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        """Carry the program out.

        Returns:
            The outputs: states and inputs themselves, of everything else the caller's own copy.
        """
        with self._lock, self._gpu.cuda.Device(self._index):
            self._begin(inputs)
            for run in self._whole():
                run()
            self._insist()
            self._runs += 1
            return tuple([result() for result in self._results])

    def laps(self, inputs: Sequence[Array], runs: int) -> list[float]:
        """Carry the program out part by part, and return the least seconds of each of the parts.

        Args:
            inputs: as for a run.
            runs: how many times.
        """
        with self._lock, self._gpu.cuda.Device(self._index):
            rounds = [self._lap(inputs) for _ in range(runs)]
        return [float(s) for s in np.min(rounds, axis=0)]

    def _lap(self, inputs: Sequence[Array]) -> list[float]:
        """The seconds of each part in one run, by events on the GPU."""
        event, elapsed = self._gpu.cuda.Event, self._gpu.cuda.get_elapsed_time
        self._begin(inputs)
        marks = [event()]
        marks[0].record()
        for step in self._steps:
            for action in self._of_step[step]:
                action.run()
            marks.append(event())
            marks[-1].record()
        marks[-1].synchronize()
        self._insist()
        return [elapsed(a, b) / 1e3 for a, b in pairwise(marks)]

    def _begin(self, inputs: Sequence[Array]) -> None:
        """Take the inputs in, and do the processor's half."""
        for value, x in zip(self._original.inputs, inputs, strict=True):
            self._take(value, x)
        self._inputs = inputs
        self._put_back = self._halves.kept() if self._checks else _nothing
        self._found = self._home(inputs, len(self._original))
        told = self._buffer.tobytes()
        if self._halves.staged and told != self._sent:
            self._staged.set(self._buffer)
            self._sent = told

    def _take(self, value: Value, x: Any) -> None:
        if x.shape != value.shape or x.dtype != value.dtype:
            raise ShapeError(
                f"this program was recorded for {value!r}, and was given {x.dtype}"
                f"{list(x.shape)}; record it again"
            )
        into = self._arrays[value]
        if is_gpu(x):
            self._gpu.copyto(into, x)
        else:
            into.set(np.asarray(x, order="C"))

    def _whole(self) -> Sequence[Thunk]:
        """What is done in a run: one by one at first, then as graphs."""
        if self._runs == 0:
            return [action.run for action in self._actions]
        if not self.stretches:
            self._pool = self._gpu.cuda.MemoryPool()
            self.stretches = captured(self._gpu, self._pool, self._actions)
        return [stretch.run for stretch in self.stretches]

    def _insist(self) -> None:
        """Raise what a check has to say, if one has refused."""
        number = int(self._stop.get()[0]) if self._checks else 0
        if not number:
            return
        self._stop.fill(0)
        refused = self._checks[number]
        check = refused.attrs["check"]
        # The processor had gone on; it goes as far as the check again.
        self._put_back()
        self._home(
            self._inputs,
            next(k for k, i in enumerate(self._original) if i.attrs.get("check") is check),
        )
        quiet(refused.op.forward)(*(self._given(a) for a in refused.args), **refused.attrs)

    def _result(self, value: Value, own: Value | None) -> Thunk:
        """How to get an output, which is `own` among those of the GPU."""
        if value.origin == "input":
            k = self._original.inputs.index(value)
            return lambda: self._inputs[k]
        if own is None:
            same = value.origin == "state"
            return lambda: self._found[value] if same else np.array(self._found[value])
        view = self._views[own]
        array = self._array(view)
        return (lambda: array) if view.base.origin == "state" else array.copy


def _nothing() -> None:
    """Put nothing back: no check can refuse."""


def _made(values: Sequence[Value]) -> tuple[Value, ...]:
    return tuple(v for v in values if v.origin == "made")


def _rounded(size: int) -> int:
    """A number of bytes so that what comes after them is aligned."""
    return -(-max(size, 1) // ALIGNMENT) * ALIGNMENT


def _placed(arena: Any, value: Value, offset: int, order: Sequence[int] | None) -> Any:
    """A value's memory in the arena, its dimensions from the slowest to the fastest in `order`."""
    memory = arena[offset : offset + bytes_of(value)].view(value.dtype)
    if order is None:
        return memory.reshape(value.shape)
    lying = memory.reshape(tuple(value.shape[d] for d in order))
    return lying.transpose(tuple(order.index(d) for d in range(len(order))))

"""A program's two halves: what the processor does before a run, and what the GPU does (floor 2).

Counters and rates of optimisers lie in the processor's memory wherever the parameters are. What is
computed of such numbers alone is done there first, in order; what the GPU reads of them is put into
one buffer, each at the moment at which it is read, and goes over in one copy, if it has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.backend.arrays import is_gpu, to_host
from chainrule.errors import OptionError
from chainrule.ops import Array, quiet
from chainrule.plan.changes import Versions, changed, root
from chainrule.plan.program import Instruction, Program, Value

__all__ = ["Halves"]

ALIGNMENT = 64  # bytes between numbers in the buffer


class Halves:
    """A program cut in two.

    Args:
        program: what to cut.
        at_home: the states in the processor's memory; by default those that are on no GPU.

    Attributes:
        device: what the GPU does; its inputs are those of the program, and the numbers of the
            processor that it reads.
        staged: the latter, with the place of each in the buffer.
        bytes: of the buffer.
        outside: outputs that the processor has.

    Raises:
        OptionError: the processor needs what the GPU makes.
    """

    def __init__(self, program: Program, at_home: Collection[Value] | None = None) -> None:
        self.program = program
        if at_home is None:
            at_home = [v for v in program.state if v.array is not None and not is_gpu(v.array)]
        self._at_home: set[Value] = {*at_home}
        self.staged: dict[Value, int] = {}
        self.bytes = 0
        self._steps: list[tuple[int, Instruction | tuple[Value, Value]]] = []
        self._known: dict[tuple[Value, Any], Value] = {}
        self._versions = Versions(program)
        device = [new for k, i in enumerate(program) for new in self._sorted(k, i)]
        self.outside = [v for v in program.outputs if v in self._at_home]
        outputs = [v for v in program.outputs if v not in self._at_home]
        state = [v for v in program.state if v not in self._at_home]
        self.device = replace(
            program,
            inputs=[*program.inputs, *self.staged],
            state=state,
            instructions=device,
            outputs=outputs,
        )
        self._changed = self._changes()

    def _sorted(self, k: int, instruction: Instruction) -> list[Instruction]:
        """The instruction as the GPU does it, if it does; else it is the processor's."""
        found = self._of(k, instruction)
        self._versions.after(instruction)
        return found

    def _of(self, k: int, instruction: Instruction) -> list[Instruction]:
        home = [v for v in instruction.values if v in self._at_home]
        away = [v for v in instruction.values if v not in self._at_home and v.origin != "input"]
        if instruction.op.name == "transfer":
            return self._transfer(k, instruction)
        if home and not away:
            self._steps.append((k, instruction))
            self._at_home.add(instruction.out)
            return []
        args = [
            self._stage(k, a) if isinstance(a, Value) and a in home else a for a in instruction.args
        ]
        return [replace(instruction, args=tuple(args)) if home else instruction]

    def _transfer(self, k: int, instruction: Instruction) -> list[Instruction]:
        (x,) = instruction.values
        if instruction.attrs["to"].type == "cpu":
            raise OptionError(
                "the step brings numbers from the GPU to the processor; return the tensor, and "
                "move it outside of the step"
            )
        given = self._stage(k, x) if x in self._at_home else x
        return [Instruction(ops.clone, (given,), {}, instruction.out, instruction.place)]

    def _stage(self, k: int, value: Value) -> Value:
        """What the GPU reads instead of a value of the processor, as it is at this point."""
        key = (value, self._versions[value])
        if key not in self._known:
            name = f"h{len(self.staged)}"
            there = Value(name, value.shape, value.dtype, "input")
            self._known[key] = there
            self.staged[there] = self.bytes
            size = int(np.prod(value.shape, dtype=np.int64)) * value.dtype.itemsize
            self.bytes += -(-max(size, 1) // ALIGNMENT) * ALIGNMENT
            self._steps.append((k, (value, there)))
        return self._known[key]

    def _changes(self) -> list[Array]:
        """The arrays of the processor that a run changes."""
        found = {root(v) for _, i in self._steps if isinstance(i, Instruction) for v in changed(i)}
        return [v.array for v in found if v.array is not None]

    # --- running --------------------------------------------------------------------------------

    def runner(self, buffer: Array) -> Callable[[Sequence[Array], int], dict[Value, Array]]:
        """Return what does the processor's half.

        It takes the inputs of the program, and a number: of the first instruction that is not done
        any more. It returns what each value of the processor is.

        Args:
            buffer: bytes to put into what the GPU reads.
        """
        places = {v: np.ndarray(v.shape, v.dtype, buffer.data, at) for v, at in self.staged.items()}
        states = {v: v.array for v in self.program.state if v in self._at_home}

        @quiet
        def run(inputs: Sequence[Array], end: int) -> dict[Value, Array]:
            found: dict[Value, Any] = dict(states)
            found.update(zip(self.program.inputs, inputs))
            for k, step in self._steps:
                if k >= end:
                    break
                if isinstance(step, Instruction):
                    found[step.out] = np.asarray(_forward(step, found))
                else:
                    np.copyto(places[step[1]], found[step[0]])
            return found

        return run

    def kept(self) -> Callable[[], None]:
        """Copy what a run changes in the processor's memory; return what puts it back."""
        copies = [a.copy() for a in self._changed]

        def put_back() -> None:
            for array, copy in zip(self._changed, copies):
                array[...] = copy

        return put_back


def _forward(instruction: Instruction, found: Mapping[Value, Any]) -> Any:
    args = [to_host(found[a]) if isinstance(a, Value) else a for a in instruction.args]
    return instruction.op.forward(*args, **instruction.attrs)

"""One run of a function as a program: what the door sees, put down in order (floor 2).

A `Recorder` watches the one door while a function runs on arrays, and knows every array by
identity: an argument, the result of an operation, or, where it is neither, *state* that outlives
the run. What is done beside the door cannot be replayed. A number read out of an array is refused
when it is read; an array made by other means looks like state, and is found out when two recordings
are held against each other (`compare`): it is another one in the second run.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.backend.arrays import is_gpu
from chainrule.errors import CaptureError, ChainruleError
from chainrule.ops import Array, Op
from chainrule.ops.core import Finite, Within, listen, same_shape
from chainrule.ops.scope import SCOPE, phase_of
from chainrule.plan.arrays import copied, is_array, owner, start
from chainrule.plan.changes import changed, root
from chainrule.plan.program import Instruction, Operand, Origin, Place, Program, Value, at

__all__ = ["CHECK", "Recorder", "record", "user_place"]

# Frames of these files are not a person's.
_OURS = (
    str(Path(__file__).parents[1]),
    str(Path(np.__file__).parent),  # where errstate calls what it decorates
    contextlib.__file__,
    functools.__file__,
)


def user_place() -> Place | None:
    """The line, nearest to where this is called from, that is outside of this library.

    With it goes the module whose operations are being performed.
    """
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_OURS):
        if frame.f_back is None:
            return None
        frame = frame.f_back
    entries, back = SCOPE.entries, SCOPE.back
    module, phase = entries[-1].path if entries else "", phase_of(entries, back)
    if str(frame.f_globals.get("__name__")).startswith("click."):  # it carries the commands out
        return Place("", 0, module, phase)
    return Place(frame.f_code.co_filename, frame.f_lineno, module, phase)


def _looked_at(x: Array, check: Callable[[Array], None]) -> Array:
    """x, which was made in the run, as it is, unless `check` raises because it dislikes it."""
    check(x)
    return copied(x)


def _located(check: Callable[[Array], None]) -> Callable[[Array], None]:
    """`check`, whose sentence begins with the path of the module that is being called."""
    path = SCOPE.entries[-1].path if SCOPE.entries else ""
    if not path:
        return check
    if isinstance(check, (Finite, Within)):
        return replace(check, refuse=partial(_refused_in, path, check.refuse))
    return partial(_refused_in, path, check)


def _refused_in(path: str, refuse: Callable[[Any], None], x: Any) -> None:
    try:
        refuse(x)
    except ChainruleError as error:
        error.where = path
        raise


# Not in the table of operations: a person never calls it.
CHECK = Op("check", _looked_at, kind="gather", shape=same_shape, arity=1)


class Recorder:
    """What is done on arrays inside `with recorder.running():`, as instructions.

    Args:
        inputs: the arguments of the run. The run is to be made on `recorder.inputs`, copies of
            them, so that no array of somebody else's is taken for one.
        is_wide: whether the run takes the ways that are for all numbers (`ops.core.any_such`).

    Attributes:
        inputs: the arrays to run on.
        is_wide: also whether it has met numbers for which it had to.
        refusal: the first thing that a replay could not do, if there was one.
    """

    def __init__(self, inputs: Sequence[Array], is_wide: bool = False) -> None:
        self.is_wide = is_wide
        self.inputs = [copied(a) for a in inputs]
        self.refusal: CaptureError | None = None
        self._values: dict[int, Value] = {}
        self._kept: list[Array] = []  # an array that is gone would lend its identity to another
        self._names: dict[str, int] = {}
        self._states: dict[Any, Value] = {}
        self._constants: dict[Value, Array] = {}
        self._changed: set[Value] = set()
        self._instructions: list[Instruction] = []
        self._checks: list[tuple[Callable[[Array], None], Value]] = []
        self._thread = threading.get_ident()
        self._arguments = [self._enter(a, "x", "input") for a in self.inputs]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record what this thread does inside the block."""
        with ops.watch(self._saw), listen(self._heard):
            yield

    def refuse(self, sentence: str) -> None:
        """Note that a replay would not do what the run does, and go on."""
        if self.refusal is None:
            self.refusal = CaptureError(sentence)

    def value(self, array: Array) -> Value | None:
        """The value that `array` is in the program, if it has come up."""
        return self._values.get(id(array))

    def is_changed(self, array: Array) -> bool:
        """Whether the run has changed `array` in place."""
        value = self.value(array)
        return value is not None and root(value) in self._changed

    def program(self, outputs: Sequence[Array]) -> Program:
        """Return what was recorded, with the values of `outputs` as its results.

        Its note "checks" is what has to hold of inputs and states before each run: pairs of a
        function that raises, and the value to call it with; "on gpu", whether an input was there.
        """
        results = [self._value(a) for a in outputs]
        copies = [self._settle(v, array) for v, array in self._constants.items()]
        instructions = [*(i for i in copies if i), *self._instructions]
        used = {v for i in instructions for v in (*i.values, i.out)} | {*results}
        used |= {v for _, v in self._checks} | {root(v) for v in used}
        taken = [*self._states.values(), *self._constants, *(i.args[0] for i in copies if i)]
        state = [v for v in taken if isinstance(v, Value) and v.origin == "state" and v in used]
        notes = {"checks": self._checks, "on gpu": any(map(is_gpu, self.inputs))}
        return Program(self._arguments, state, instructions, results, notes)

    def _settle(self, value: Value, array: Array) -> Instruction | None:
        """Make a constant state, or, if the run changes it, a copy that every run makes."""
        if value not in self._changed:
            value.origin, value.array = "state", array
            return None
        original = self._new("c", array, "state")
        original.array = array
        return Instruction(ops.clone, (original,), {}, value)

    def left(self, program: Program) -> CaptureError | None:
        """Say which array that the run made is held by somebody, other than as a result.

        The recorder lets go of everything; whoever calls must have done so too.
        """
        shared = {root(v) for v in program.outputs}
        arrays = {self._values[id(a)]: weakref.ref(a) for a in self._kept}
        made = [(i, arrays[i.out]) for i in program if i.out in arrays]
        made = [(i, a) for i, a in made if i.out.origin == "made" and root(i.out) not in shared]
        self._kept.clear()
        self._values.clear()
        if any(a() is not None for _, a in made):
            gc.collect()
        for instruction, a in made:
            if a() is not None:
                return CaptureError(
                    f"what {instruction.op.name}{at(instruction.place)} gives is kept by "
                    "something outside of the step, which a replay would leave as it is; return "
                    "it, or copy it (kept.copy_(...)) into a tensor that was made before"
                )
        return None

    # --- what is seen and heard -----------------------------------------------------------------

    def _saw(self, op: Op, args: Sequence[Any], attrs: Mapping[str, Any], y: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        if op.kind != "update" and any(y is a for a in args):
            return  # nothing was done
        operands = tuple(self._operand(a) for a in args)
        if not any(isinstance(a, Value) for a in operands):
            if is_array(y):
                self._constant(y)
            return
        if op.kind == "update":
            out = operands[0]
            assert isinstance(out, Value)
        else:
            out = self._enter(y, "v", "made")
            out.base = self._viewed(op, args, y)
        self._append(Instruction(op, operands, dict(attrs), out, user_place()))

    def _append(self, instruction: Instruction) -> None:
        self._instructions.append(instruction)
        for value in changed(instruction):
            self._changed.add(root(value))
            if root(value).origin == "input":
                self.refuse(
                    f"{instruction.op.name}{at(instruction.place)} changes an argument of the "
                    "step in place; work on a copy of it (x = x + 1 rather than x += 1)"
                )

    def _viewed(self, op: Op, args: Sequence[Any], y: Array) -> Value | None:
        if op.kind != "view" or not is_array(args[0]):
            return None
        return self._value(args[0]) if owner(y) is owner(args[0]) else None

    def _heard(self, what: str, *things: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        if what == "constant" and id(things[0]) not in self._values:
            self._constant(things[0])
        elif what == "check":
            self._check(*things)
        elif what == "any such":
            self.is_wide |= things[0][0]
            things[0][0] = self.is_wide
        elif what == "number":
            if self._is_constant(things[1]):
                return
            self.refuse(
                f"{things[0]}{at(user_place())} reads numbers out of a tensor while the step is "
                "recorded, and a replay would not; return the tensor from the step and look at it "
                "there"
            )
        elif what == "unrecorded":
            self.refuse(things[0])
        elif what == "option":
            self.refuse(
                f'the option "{things[0]}" of an optimizer is read or set{at(user_place())}, as a '
                "number that a replay would not follow; call a scheduler's step() outside of the "
                f'step, and use group.array("{things[0]}") inside'
            )

    def _is_constant(self, array: Array) -> bool:
        """Whether `array` holds the same numbers in every run, and still does at this point."""
        value = self._values.get(id(array))
        return value in self._constants and value not in self._changed

    def _check(self, array: Array, check: Callable[[Array], None]) -> None:
        value = self._value(array)
        whole = root(value)
        if whole is not value or whole.origin == "made" or whole in self._changed:
            out = self._new("v", array, "made")
            self._values[id(array)] = out  # who reads it from now on reads what was checked
            attrs = {"check": _located(check)}
            self._append(Instruction(CHECK, (value,), attrs, out, user_place()))
        else:
            self._checks.append((check, value))

    # --- arrays and their values ----------------------------------------------------------------

    def _operand(self, a: Any) -> Operand:
        if isinstance(a, np.generic):
            a = np.asarray(a)
            self._constant(a)
        return self._value(a) if is_array(a) else a

    def _value(self, array: Array) -> Value:
        known = self._values.get(id(array))
        if known is not None:
            return known
        whole = self._values.get(id(owner(array)))
        if whole is not None and whole.origin != "state":
            self.refuse(
                f"a part of {_described(whole)} was taken by NumPy and not by an operation on "
                f"tensors{at(user_place())}; index the tensor itself"
            )
        return self._state(array)

    def _state(self, array: Array) -> Value:
        """Memory that is there before and after: the same however often it is looked at anew."""
        key = (start(array), array.shape, array.strides, array.dtype)
        known = self._states.get(key)
        if known is None:
            known = self._states[key] = self._enter(array, "s", "state")
            known.array = array
        self._keep(array, known)
        return known

    def _constant(self, array: Array) -> None:
        held = copied(array)
        if isinstance(held, np.ndarray):
            held.flags.writeable = False
        self._constants[self._enter(array, "c", "made")] = held

    def _enter(self, array: Array, letter: str, origin: Origin) -> Value:
        value = self._new(letter, array, origin)
        self._keep(array, value)
        return value

    def _keep(self, array: Array, value: Value) -> None:
        self._values[id(array)] = value
        self._kept.append(array)

    def _new(self, letter: str, array: Array, origin: Origin) -> Value:
        number = self._names[letter] = self._names.get(letter, -1) + 1
        return Value(f"{letter}{number}", array.shape, array.dtype, origin)


def _described(value: Value) -> str:
    return f"an array of shape {value.shape}"


def record(
    function: Callable[..., Any], inputs: Sequence[Array]
) -> tuple[Sequence[Array], Program]:
    """Run `function` on `inputs` and return its results and the program of the run.

    Args:
        function: takes arrays, returns one array or several.
        inputs: the arrays.

    Raises:
        CaptureError: it does something that a replay could not.

    Examples:
        >>> _, program = record(lambda x: ops.mul(ops.add(x, 1.0), x), [np.zeros(2)])
        >>> [instruction.op.name for instruction in program]
        ['add', 'mul']
    """
    recorder = Recorder(inputs)
    with recorder.running():
        result = function(*recorder.inputs)
    outputs = list(result) if isinstance(result, (list, tuple)) else [result]
    program = recorder.program(outputs)
    if recorder.refusal:
        raise recorder.refusal
    return outputs, program

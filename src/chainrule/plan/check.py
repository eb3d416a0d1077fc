"""Whether a program or an allocation can be right (floor 2): asked after every pass in tests.

What is checked needs no run: every value is defined before it is used and defined once, every
shape is what the op's own rule says, every dtype what the op's body gives, only updates and draws
change memory, and never a constant's. Held against the program that a pass was given, every
instruction that is still there reads the same version of what it read. In an allocation no step
reads bytes that something else has been written to since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.ops import Op, quiet
from chainrule.plan.changes import Versions, changed, is_constant
from chainrule.plan.passes.memory import ALIGNMENT, Allocation, Step, bytes_of
from chainrule.plan.program import Instruction, Operand, Program, Value

__all__ = ["ProgramError", "check", "check_allocation"]


class ProgramError(Exception):
    """A program, or a plan made of one, that cannot be right: our own fault, not a person's."""


def check(program: Program, original: Program | None = None) -> Program:
    """Return the program if nothing is wrong with it.

    Args:
        program: what to check.
        original: what a pass was given; without it only the program itself is looked at.

    Raises:
        ProgramError: something is wrong; names the instruction.

    Examples:
        >>> from chainrule import ops
        >>> from chainrule.plan.record import record
        >>> _, program = record(lambda x: ops.exp(ops.neg(x)), [np.ones(2)])
        >>> check(program) is program
        True
        >>> backwards = Program(program.inputs, [], program.instructions[::-1], program.outputs)
        >>> try:
        ...     check(backwards)
        ... except ProgramError as error:
        ...     print(str(error)[:32])
        v0 is used before it is defined,
    """
    _check_names(program)
    defined = {*program.inputs, *program.state}
    for instruction in program:
        for value in instruction.values:
            _ask(value in defined, f"{value.name} is used before it is defined", instruction)
        _check_definition(instruction, defined)
        _check_shape(instruction)
        _check_dtype(instruction)
        defined.add(instruction.out)
    for value in program.outputs:
        _ask(value in defined, f"the output {value.name} is never defined")
    if original is not None:
        _check_versions(program, original)
    return program


def _ask(holds: bool, otherwise: str, instruction: Instruction | None = None) -> None:
    if not holds:
        raise ProgramError(f"{otherwise}, in {instruction}" if instruction else otherwise)


def _check_names(program: Program) -> None:
    made = dict.fromkeys(i.out for i in program)
    names = Counter(v.name for v in dict.fromkeys((*program.inputs, *program.state, *made)))
    twice = [name for name, count in names.items() if count > 1]
    _ask(not twice, f"two values have the name {', '.join(twice)}")


def _check_definition(instruction: Instruction, defined: set[Value]) -> None:
    out, op = instruction.out, instruction.op
    if op.kind == "update":
        first = instruction.args[0]
        _ask(out is first, f"an update gives what it changes, not {out.name}", instruction)
    else:
        _ask(out.origin == "made", f"{out.name} is of origin {out.origin!r}", instruction)
        _ask(out not in defined, f"{out.name} is defined a second time", instruction)
    for value in changed(instruction):
        _ask(not is_constant(value), f"the constant {value.name} is changed", instruction)


# --- shapes and dtypes --------------------------------------------------------------------------


def _check_shape(instruction: Instruction) -> None:
    shapes = [None if a is None else _shape(a) for a in instruction.args]
    try:
        shape = instruction.op.shape(*shapes, **instruction.attrs)
    except Exception as error:
        raise ProgramError(f"{error}, in {instruction}") from error
    own = instruction.out.shape
    _ask(own == tuple(shape), f"the op's rule gives the shape {shape}, not {own}", instruction)


def _shape(a: Operand) -> Any:
    return a.shape if isinstance(a, Value) else ()


def _check_dtype(instruction: Instruction) -> None:
    dtype = _dtype(instruction.op, instruction.args, instruction.attrs)
    own = instruction.out.dtype
    _ask(dtype in (None, own), f"the op gives {dtype}, not {own}", instruction)


@quiet
def _dtype(op: Op, args: Sequence[Operand], attrs: Mapping[str, Any]) -> np.dtype[Any] | None:
    """What dtype the op's body gives, where that can be seen without the numbers.

    Elementwise bodies are run on nothing and reductions on one number, others promote their
    operands or keep the first's.
    """
    dtypes = [a.dtype for a in args if isinstance(a, Value)]
    if op.kind == "elementwise":
        nothing = [np.empty(0, a.dtype) if isinstance(a, Value) else a for a in args]
        return np.asarray(op.forward(*nothing, **attrs)).dtype
    if op.kind == "contract" or op.name == "concatenate":
        return np.result_type(*dtypes)
    if op.kind == "random":
        return np.dtype(attrs["dtype"]) if "dtype" in attrs else None
    if op.kind in ("view", "update") or op.name in KEEPING:
        return dtypes[0] if dtypes else None
    if op.kind == "reduce" and isinstance(args[0], Value):
        one = np.ones((1,) * len(args[0].shape), args[0].dtype)
        to = {"shape": (1,) * len(attrs["shape"])} if "shape" in attrs else {}
        return np.asarray(op.forward(one, **{**attrs, **to})).dtype
    return None


# Of the other kinds those that give numbers of their first argument's dtype.
KEEPING = {
    *("amax", "amin", "peak", "max_pooling", "sum_pooling", "take_along", "add_along"),
    *("put_along", "pad_constant", "unslice", "index", "unindex", "index_put"),
}


# --- what a pass may not change -----------------------------------------------------------------


def _check_versions(program: Program, original: Program) -> None:
    """Every instruction that was there before reads what it read."""
    before = dict(_reads(original, original))
    for key, (instruction, reads) in _reads(program, original):
        if key not in before:
            continue
        for (a, now), (b, then) in zip(reads, before[key][1]):
            late = "after" if now > then else "before"
            _ask(a is not b or now == then, f"{a.name} is read {late} it is changed", instruction)
    _ask(
        _finals(program, original) == _finals(original, original),
        "the states are not changed as often as before",
    )


def _reads(program: Program, original: Program) -> Iterable[tuple[Any, Any]]:
    """For each instruction, by what it makes, the memory it reads and the version of it."""
    versions = Versions(original)
    for instruction in program:
        key = (instruction.out, versions[instruction.out] if changed(instruction) else None)
        yield key, (instruction, versions.of(instruction.values))
        versions.after(instruction)


def _finals(program: Program, original: Program) -> list[Any]:
    versions = Versions(original)
    for instruction in program:
        versions.after(instruction)
    return [versions[s][1] for s in (*original.state, *original.inputs)]


# --- allocations --------------------------------------------------------------------------------


def check_allocation(
    steps: Sequence[Step], allocation: Allocation, kept: Sequence[Value] = ()
) -> Allocation:
    """Return the allocation if every step finds what it reads where it was written.

    Args:
        steps: in the order in which they are carried out.
        allocation: where everything lies.
        kept: values that are needed after the last step.

    Raises:
        ProgramError: bytes are read that have been overwritten; names the step and both values.
    """
    alive: list[Value] = []
    for k, step in enumerate(steps):
        for value in step.read:
            _ask(value in alive, f"step {k} reads {value.name}, which has been overwritten")
        for value in step.made:
            hit = [v for v in alive if _meet(v, value, allocation)]
            torn = [v.name for v in hit if v in step.read and v not in step.over]
            _ask(not torn, f"step {k} writes {value.name} over {torn}, which it reads")
            alive = [v for v in alive if v not in hit] + [value]
    for value in kept:
        _ask(value in alive, f"the output {value.name} has been overwritten")
    for value, offset in allocation.offsets.items():
        inside = offset % ALIGNMENT == 0 and offset + bytes_of(value) <= allocation.size
        _ask(inside, f"{value.name} lies at {offset} of {allocation.size} bytes")
    return allocation


def _meet(a: Value, b: Value, allocation: Allocation) -> bool:
    """Whether two values have bytes in common."""
    (low, m), (high, n) = sorted((allocation.offsets[v], bytes_of(v)) for v in (a, b))
    return bool(m and n) and high < low + m

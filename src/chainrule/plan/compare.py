"""Two recordings of one step held against each other: are they the same program (floor 2)?

What differs between two runs would differ in a third, and a replay would not follow it. So a
difference is an error, that says what differs, where the person wrote it, and what to do.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from chainrule.errors import CaptureError
from chainrule.plan.arrays import content, is_array, start
from chainrule.plan.program import Instruction, Operand, Program, Value, at

__all__ = ["compare", "equal"]

_NUMBER = (
    "a number is recorded once and for all; keep it in a tensor that is changed in place "
    "(t.fill_(...)), or give it to the step as an argument"
)
_ARRAY = (
    "is made anew in each run, by other means than operations on tensors; make it once and outside "
    "of the step, give it to the step as an argument, or make it by operations on tensors"
)
_BRANCH = (
    "a branch or a loop that goes another way from run to run cannot be recorded; use where(), or "
    "compile each way as a step of its own"
)


def compare(first: Program, second: Program) -> None:
    """Raise unless two recordings of the same step are the same program.

    Raises:
        CaptureError: they differ; says where and in what.
    """
    for a, b in zip_longest(first, second):
        sentence = _difference(a, b)
        if sentence:
            raise CaptureError(sentence)
    for x, y in zip_longest(first.outputs, second.outputs):
        sentence = _between(x, y, "what the step returns")
        if sentence:
            raise CaptureError(sentence)


def _difference(a: Instruction | None, b: Instruction | None) -> str:
    if a is None or b is None or a.op is not b.op or len(a.args) != len(b.args):
        return f"the step did {_did(a)} in one run and {_did(b)} in the next; {_BRANCH}"
    what = _did(b)
    for x, y in zip(a.args, b.args):
        sentence = _between(x, y, what)
        if sentence:
            return sentence
    for name in {**a.attrs, **b.attrs}:
        one, other = a.attrs.get(name), b.attrs.get(name)
        if not equal(one, other):
            return (
                f"{what} had {name}={one!r} in one run and {name}={other!r} in the next; {_NUMBER}"
            )
    return _between(a.out, b.out, what)


def _did(instruction: Instruction | None) -> str:
    if instruction is None:
        return "nothing more"
    return f"{instruction.op.name}{at(instruction.place)}"


def _between(a: Operand | None, b: Operand | None, what: str) -> str:
    """What differs between two operands of `what`, or nothing."""
    if not (isinstance(a, Value) and isinstance(b, Value)):
        if isinstance(a, Value) or isinstance(b, Value):
            return f"{what} had an array in one run and a number in the next; {_BRANCH}"
        return (
            "" if equal(a, b) else f"{what} had {a!r} in one run and {b!r} in the next; {_NUMBER}"
        )
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return f"{what} had {_kind(a)} in one run and {_kind(b)} in the next; {_BRANCH}"
    if a.array is not None and b.array is not None and a.array is not b.array:
        return _between_arrays(a, b, what)
    if a.name != b.name:
        return f"{what} had other operands in one run than in the next; {_BRANCH}"
    return ""


def _between_arrays(a: Value, b: Value, what: str) -> str:
    if a.name[0] == b.name[0] == "c":
        if equal(a.array, b.array):
            return ""
        return f"{what} had other numbers in one run than in the next; {_NUMBER}"
    return "" if _same_memory(a, b) else f"{_kind(b)}, used in {what}, {_ARRAY}"


def _same_memory(a: Value, b: Value) -> bool:
    assert a.array is not None
    assert b.array is not None
    return start(a.array) == start(b.array) and a.array.strides == b.array.strides


def _kind(v: Value) -> str:
    return f"an array of {v.dtype}[{', '.join(map(str, v.shape))}]"


def equal(a: Any, b: Any) -> bool:
    """Whether two attributes are the same: of one type, NaN equal to itself, arrays by content.

    Examples:
        >>> equal(float("nan"), float("nan")), equal(1, 1.0), equal((1, [2]), (1, [2]))
        (True, False, True)
    """
    if type(a) is not type(b):
        return False
    if is_array(a):
        return a.shape == b.shape and a.dtype == b.dtype and content(a) == content(b)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b))
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, functools.partial):
        return equal((a.func, a.args, a.keywords), (b.func, b.args, b.keywords))
    if dataclasses.is_dataclass(a):
        return equal(vars(a), vars(b))
    if isinstance(a, float) and math.isnan(a):
        return math.isnan(b)
    return bool(a == b)

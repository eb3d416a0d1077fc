"""What an instruction can be in a group, found once for each (floor 2).

An instruction has a shape of its own over which it runs: of what it makes, or, if it reduces, of
what it reads. Each operand is read in steps along the dimensions of that shape, or stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from chainrule.ops import REGISTRY, Shape
from chainrule.ops.core import normal_dims
from chainrule.ops.update import CHANGED
from chainrule.plan.changes import changed
from chainrule.plan.passes.views import View
from chainrule.plan.program import Instruction, Value

__all__ = ["Form", "Number", "Reading", "form", "role"]

Role: TypeAlias = Literal["element", "fold", "pick", "spread", "draw", "update", "product"]
Number: TypeAlias = float | int | bool

FOLDS = frozenset(
    {"sum", "sum_to", "mean", "prod", "amax", "amin", "peak", "logsumexp", "euclidean_norm"}
)
DRAWS = frozenset({"random_mask", "random_uniform"})


class Reading(NamedTuple):
    """How an operand is read.

    Attributes:
        value: the operand.
        view: where it lies.
        how: "index": at the index at which the instruction runs; "row": anywhere in the row of that
            index; "whole": anywhere.
        steps: elements from one to the next along dimensions of the instruction's shape.
    """

    value: Value
    view: View
    how: Literal["index", "row", "whole"]
    steps: Mapping[int, int]


@dataclass(frozen=True, eq=False)
class Form:
    """An instruction as it can be in a group.

    Attributes:
        instruction: the instruction.
        role: what it is there.
        shape: what it runs over by itself.
        operands: how each argument is read, or the number that it is.
        out: where the result lies.
        out_steps: elements from one to the next along dimensions of `shape`, without those that
            are reduced.
        changed: what it changes in place.
    """

    instruction: Instruction
    role: Role
    shape: Shape
    operands: tuple[Reading | Number, ...]
    out: View
    out_steps: Mapping[int, int]
    changed: tuple[Value, ...]


def form(instruction: Instruction, views: Mapping[Value, View]) -> Form | None:
    """Return an instruction's form, or `None` for one that has to stand alone."""
    what = role(instruction)
    if what is None:
        return None
    first = what in ("fold", "update")
    shape = instruction.values[0].shape if first else instruction.out.shape
    out = views[instruction.out]
    kept = _kept_dims(instruction, shape) if what == "fold" else _aligned(shape, out.shape)
    return Form(
        instruction,
        what,
        shape,
        # A product may have no bias.
        tuple(
            _reading(what, k, a, views[a], shape) if isinstance(a, Value) else a
            for k, a in enumerate(instruction.args)
            if a is not None
        ),
        out,
        {d: out.strides[k] for d, k in kept.items()},
        changed(instruction),
    )


def role(instruction: Instruction) -> Role | None:
    """What an instruction can be in a group, or `None` for one that stands alone."""
    op, out = instruction.op, instruction.out
    if 0 in out.shape:
        return None
    if op.kind == "elementwise":
        return "element"
    if op.name in FOLDS:
        return "fold" if instruction.values and 0 not in instruction.values[0].shape else None
    if op.name in ("take_along", "add_along"):
        return _along_rows(instruction)
    if op.name in DRAWS:
        return "draw"
    if op.name in CHANGED:  # what goes between ranks stands alone, and not in the registry
        return "update" if op.name in REGISTRY else None
    flat = len(out.shape) == 2 and all(0 not in v.shape for v in instruction.values)
    return "product" if flat and op.name in ("linear", "matrix_product") else None


def _along_rows(instruction: Instruction) -> Role | None:
    """Reading or writing one element of each row, at the place that an index names."""
    x, index = instruction.values
    table = x.shape if instruction.op.name == "take_along" else instruction.out.shape
    last = len(table) - 1
    if last < 0 or instruction.attrs["dim"] % len(table) != last:
        return None
    if index.shape != (*table[:-1], 1):
        return None
    return "pick" if instruction.op.name == "take_along" else "spread"


def _kept_dims(instruction: Instruction, shape: Shape) -> dict[int, int]:
    """For each dimension of what is reduced that of the result, where there is one."""
    out = instruction.out.shape
    if instruction.op.name == "sum_to":
        return {d: k for d, k in _aligned(shape, out).items() if shape[d] == out[k]}
    gone = normal_dims(instruction.attrs.get("dim"), len(shape))
    kept = [d for d in range(len(shape)) if d not in gone]
    return {d: d if len(out) == len(shape) else k for k, d in enumerate(kept)}


def _aligned(shape: Shape, inner: Shape) -> dict[int, int]:
    """For dimensions of a shape those of another that is broadcast to it."""
    lead = len(shape) - len(inner)
    return {lead + k: k for k in range(len(inner))}


def _reading(what: Role, place: int, value: Value, view: View, shape: Shape) -> Reading:
    if what in ("product", "draw") or (what == "update" and not _by_element(value, place, shape)):
        return Reading(value, view, "whole", {})
    if what == "pick" and place == 0:
        return Reading(value, view, "row", dict(enumerate(view.strides[:-1])))
    steps = _aligned(shape, view.shape)
    strides = {d: view.strides[k] for d, k in steps.items() if view.shape[k] != 1}
    return Reading(value, view, "index", strides)


def _by_element(value: Value, place: int, shape: Shape) -> bool:
    """Whether an update reads this at each index; what is assigned may be broadcast."""
    return value.shape == shape or place == 1

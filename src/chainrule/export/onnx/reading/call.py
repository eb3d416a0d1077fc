"""What an operator of a file is given, and the table of operators (floor 4).

A value is a tensor, or an array where it depends on nothing but the file and shapes: sizes and
places are worked out on arrays, with the same operations as everything else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.errors import DataError
from chainrule.export.onnx.reading.files import NodeRecord
from chainrule.ops import Array
from chainrule.ops.core import constant

__all__ = ["MOST_ELEMENTS", "READERS", "Call", "Operator", "known", "reads", "shape_of"]

# How many elements an operator may make of a few numbers of a file, and how many times as many as
# its largest operand has.
MOST_ELEMENTS = 2**26
GROWTH = 64

Operator: TypeAlias = Callable[..., Any]

# By the name of ONNX's operator what computes it.
READERS: dict[str, Operator] = {}


def reads(*names: str) -> Callable[[Operator], Operator]:
    """Enter what computes these operators into the table."""

    def enter(operator: Operator) -> Operator:
        READERS.update(dict.fromkeys(names, operator))
        return operator

    return enter


@dataclass(frozen=True)
class Call:
    """A node that is being carried out.

    Attributes:
        node: its record.
        opset: the version of the operators.
        count: how many results are read.
    """

    node: NodeRecord
    opset: int
    count: int = 1

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.node.attrs.get(name, default)

    def of_input(self, name: str, x: Any, default: Any = None) -> Any:
        """Return whole numbers that are an input in new versions and an attribute in old ones."""
        if x is not None:
            return known(x, name).reshape(-1).tolist()
        found = self.get(name, default)
        return [found] if isinstance(found, (int, float)) else found

    def refuse(self, what: str) -> DataError:
        """Return the error of something that is not supported."""
        return DataError(f"{what}, which is not supported")


def known(x: Any, what: str) -> Array:
    """Return the numbers of what decides shapes and places, such as sizes.

    Where they are among what a network is given they are read, which a recorded step refuses.
    """
    if isinstance(x, Tensor) and x.requires_grad:
        raise DataError(f"its {what} is computed from weights")
    return np.asarray(x)


def whole(x: Any, what: str) -> list[int]:
    """Return known whole numbers."""
    return [int(n) for n in known(x, what).reshape(-1)]


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of a value."""
    return tuple(int(n) for n in x.shape)


def rank_of(x: Any) -> int:
    """Return how many dimensions a value has."""
    return len(x.shape)


def bounded(shape: Sequence[int], *xs: Any) -> tuple[int, ...]:
    """Return a shape that a file asks for, if memory may be taken for it.

    That is so up to `MOST_ELEMENTS`, and where an operand is not much smaller.
    """
    found = tuple(int(n) for n in shape)
    most = max(MOST_ELEMENTS, *(GROWTH * math.prod(x.shape) for x in xs), 0)
    if min(found, default=0) < 0 or math.prod(found) > most:
        raise DataError(f"it asks for an array of shape {found}")
    return found


def broadcast(*xs: Any) -> None:
    """Hold the shape that operands have together against the memory that may be taken."""
    bounded(np.broadcast_shapes(*(shape_of(x) for x in xs)), *xs)


def fixed(array: Any, dtype: Any = None) -> Array:
    """Return an array that is the same whenever shapes are."""
    return constant(np.asarray(array, dtype))


def cast(x: Any, dtype: Any) -> Any:
    """Return a value in another format."""
    return x if np.dtype(x.dtype) == np.dtype(dtype) else ops.cast(x, dtype=np.dtype(dtype))


def axis_of(axis: int, rank: int) -> int:
    """Return a dimension counted from the front."""
    if not -max(rank, 1) <= axis < max(rank, 1):
        raise DataError(f"there is no axis {axis} of {rank} dimensions")
    return axis % max(rank, 1)

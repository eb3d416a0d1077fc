"""Views: which memory a value is read from, and in what steps (floor 2).

Every value that owns memory lies there in row-major order; a state lies as its array does. What
reshapes, permutes, broadcasts, slices or flips such a value is the same memory read in other steps,
and needs no work of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.ops import Shape
from chainrule.plan.program import Value

__all__ = ["View"]


@dataclass(frozen=True)
class View:
    """Elements of a value: index (i, j, ...) is element offset + i strides[0] + j strides[1] + ...

    Attributes:
        base: the value that owns the memory.
        offset: of the first element, in elements.
        shape: how many elements in each dimension.
        strides: elements from one to the next in each dimension; 0 where it is the same again.
    """

    base: Value
    offset: int
    shape: Shape
    strides: tuple[int, ...]

    def __str__(self) -> str:
        start = f"+{self.offset}" if self.offset else ""
        return f"{self.base.name}{start}{list(self.strides)}"

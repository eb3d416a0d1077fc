"""Padding as modules: `functional.pad` in each of its modes and dimensions (floor 3).

Each takes `padding` as one number for all sides or as pairs (before, after), the last dimension
first: (left, right, top, bottom) for images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from chainrule.autograd import Tensor
from chainrule.errors import ShapeError
from chainrule.nn import functional as F
from chainrule.nn.module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    """A border around images of as many dimensions as the class says.

    Args:
        padding: one number for all sides, or (before, after) pairs, the last dimension first.
    """

    _rank: ClassVar[int]
    _mode: ClassVar[str] = "constant"

    def __init__(self, padding: int | Sequence[int]) -> None:
        self.padding = self._sides(padding)

    def _sides(self, padding: int | Sequence[int]) -> tuple[int, ...]:
        sides = 2 * self._rank
        if not isinstance(padding, (tuple, list)):
            return (int(padding),) * sides  # type: ignore[arg-type]
        if len(padding) != sides:
            raise ShapeError(f"expected one number or {sides}, one for each side, got {padding}")
        return tuple(int(n) for n in padding)

    def forward(self, x: Tensor) -> Any:
        """Map images (N, C, ...), or one, to larger ones."""
        if x.ndim not in (self._rank + 1, self._rank + 2):
            raise ShapeError(
                f"expected {self._rank + 1} or {self._rank + 2} dimensions, got shape "
                f"{tuple(x.shape)}"
            )
        return F.pad(x, self.padding, self._mode)

    def extra_repr(self) -> str:
        """Return the padding."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """A border of a number.

    Args:
        padding: one number for all sides, or (before, after) pairs, the last dimension first.
        value: the number.
    """

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, x: Tensor) -> Any:
        """Map x to a larger one."""
        return F.pad(x, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """Return padding and value."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    """A border of zeros."""

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """Return the padding."""
        return f"{self.padding}"


class _ReflectionPad(_Pad):
    _mode = "reflect"


class _ReplicationPad(_Pad):
    _mode = "replicate"


class _CircularPad(_Pad):
    _mode = "circular"


class ConstantPad1d(_ConstantPad):
    """A border of a number around sequences.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ConstantPad1d(1, 5.0)(ones(1, 1, 3)).shape
        (1, 1, 5)
    """

    _rank = 1


class ConstantPad2d(_ConstantPad):
    """A border of a number around images.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ConstantPad2d(1, 5.0)(ones(1, 1, 3, 3)).shape
        (1, 1, 5, 5)
    """

    _rank = 2


class ConstantPad3d(_ConstantPad):
    """A border of a number around volumes.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ConstantPad3d(1, 5.0)(ones(1, 1, 3, 3, 3)).shape
        (1, 1, 5, 5, 5)
    """

    _rank = 3


class ZeroPad1d(_ZeroPad):
    """A border of zeros around sequences.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ZeroPad1d(1)(ones(1, 1, 3)).shape
        (1, 1, 5)
    """

    _rank = 1


class ZeroPad2d(_ZeroPad):
    """A border of zeros around images.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ZeroPad2d(1)(ones(1, 1, 3, 3)).shape
        (1, 1, 5, 5)
    """

    _rank = 2


class ZeroPad3d(_ZeroPad):
    """A border of zeros around volumes.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ZeroPad3d(1)(ones(1, 1, 3, 3, 3)).shape
        (1, 1, 5, 5, 5)
    """

    _rank = 3


class ReflectionPad1d(_ReflectionPad):
    """A border that mirrors what is inside, around sequences.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ReflectionPad1d(1)(ones(1, 1, 3)).shape
        (1, 1, 5)
    """

    _rank = 1


class ReflectionPad2d(_ReflectionPad):
    """A border that mirrors what is inside, around images.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ReflectionPad2d(1)(ones(1, 1, 3, 3)).shape
        (1, 1, 5, 5)
    """

    _rank = 2


class ReflectionPad3d(_ReflectionPad):
    """A border that mirrors what is inside, around volumes.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ReflectionPad3d(1)(ones(1, 1, 3, 3, 3)).shape
        (1, 1, 5, 5, 5)
    """

    _rank = 3


class ReplicationPad1d(_ReplicationPad):
    """A border that repeats the edge, around sequences.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ReplicationPad1d(1)(ones(1, 1, 3)).shape
        (1, 1, 5)
    """

    _rank = 1


class ReplicationPad2d(_ReplicationPad):
    """A border that repeats the edge, around images.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ReplicationPad2d(1)(ones(1, 1, 3, 3)).shape
        (1, 1, 5, 5)
    """

    _rank = 2


class ReplicationPad3d(_ReplicationPad):
    """A border that repeats the edge, around volumes.

    Examples:
        >>> from chainrule.autograd import ones
        >>> ReplicationPad3d(1)(ones(1, 1, 3, 3, 3)).shape
        (1, 1, 5, 5, 5)
    """

    _rank = 3


class CircularPad1d(_CircularPad):
    """A border that goes on at the other end, around sequences.

    Examples:
        >>> from chainrule.autograd import ones
        >>> CircularPad1d(1)(ones(1, 1, 3)).shape
        (1, 1, 5)
    """

    _rank = 1


class CircularPad2d(_CircularPad):
    """A border that goes on at the other end, around images.

    Examples:
        >>> from chainrule.autograd import ones
        >>> CircularPad2d(1)(ones(1, 1, 3, 3)).shape
        (1, 1, 5, 5)
    """

    _rank = 2


class CircularPad3d(_CircularPad):
    """A border that goes on at the other end, around volumes.

    Examples:
        >>> from chainrule.autograd import ones
        >>> CircularPad3d(1)(ones(1, 1, 3, 3, 3)).shape
        (1, 1, 5, 5, 5)
    """

    _rank = 3

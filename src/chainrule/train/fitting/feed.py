"""What each of many steps is given: rows of all examples, or the same again (floor 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, is_grad_enabled
from chainrule.autograd.tape import wrap
from chainrule.errors import CaptureError, OptionError, ShapeError
from chainrule.ops import Array
from chainrule.plan.arrays import copied, is_array
from chainrule.plan.many import Given, Rows
from chainrule.train.compiling.recording import Many, Plan
from chainrule.train.compiling.structure import mapped, put_together, take_apart, wants_gradient

__all__ = ["Feed", "single"]


class Feed:
    """The arguments of many steps.

    Args:
        args: of all steps,
        kwargs: those by name.
        rows: which rows each step is given, (steps, rows a step); all if `None`.
        steps: how many there are, if all are given the same.

    Attributes:
        arrays: in the arguments, contiguous.
        steps: how many there are.

    Raises:
        OptionError: not one of `rows` and `steps` was given, or there are none.
        ShapeError: there is no such row.
        CaptureError: an argument wants a gradient.
    """

    def __init__(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], rows: Any, steps: int | None
    ) -> None:
        sentence = wants_gradient((args, kwargs)) if is_grad_enabled() else ""
        if sentence:
            raise CaptureError(sentence)
        if (rows is None) is (steps is None):
            raise OptionError("many takes either rows, of each step, or steps, how many there are")
        self._args = (args, kwargs)
        self._last: tuple[int, Any] = -1, None  # what was asked for last, and a step's arguments
        self.arrays = take_apart(args, kwargs, [])
        self._allowed: dict[Plan, bool] = {}
        self._rows = None if rows is None else _numbers(rows, self.arrays)
        self.steps = len(self._rows) if self._rows is not None else int(steps or 0)
        if self.steps < 1:
            raise OptionError(f"many takes at least 1 step, got {self.steps}")

    def at(self, step: int) -> Any:
        """Return the arguments of a step, and those by name."""
        if self._rows is None:
            return self._args
        if self._last[0] != step:
            rows = self._rows[step]
            found = put_together(self._args, [x[rows] if x.ndim else x for x in self.arrays])
            self._last = step, found
        return self._last[1]

    def is_allowed(self, plan: Plan) -> bool:
        """Whether all the arrays are such as a plan was recorded for; looked at once."""
        if plan not in self._allowed:
            self._allowed[plan] = plan.allows(self.arrays)
        return self._allowed[plan]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of what a step is given."""
        if self._rows is None:
            return tuple(x.shape for x in self.arrays)
        batch = self._rows.shape[1:]
        return tuple((*batch, *x.shape[1:]) if x.ndim else () for x in self.arrays)

    def between(self, first: int, last: int) -> list[Given]:
        """Return, of each array, what a plan is given in some of the steps."""
        if self._rows is None:
            return [*self.arrays]
        rows = self._rows[first:last]
        return [Rows(x, rows) if x.ndim else x for x in self.arrays]


def _numbers(rows: Any, arrays: list[Array]) -> Array:
    """The numbers of rows, counted from the front."""
    numbers = np.asarray(rows.array if isinstance(rows, Tensor) else rows)
    if numbers.ndim != 2 or numbers.dtype.kind not in "iu":
        raise OptionError(
            "rows must be whole numbers of shape (steps, rows a step), got "
            f"{numbers.dtype} of shape {numbers.shape}"
        )
    lengths = {len(x) for x in arrays if x.ndim}
    if len(lengths) != 1:
        told = " and ".join(map(str, sorted(lengths))) or "none"
        raise ShapeError(f"rows are taken of tensors of one length, the lengths here are {told}")
    n = lengths.pop()
    wrong = numbers[(numbers < -n) | (numbers >= n)]
    if wrong.size:
        raise ShapeError(f"row {wrong[0]} was asked for of tensors of {n} rows")
    return np.where(numbers < 0, numbers + n, numbers).astype(np.int64)


def single(result: Any) -> Many:
    """One step as many: what it returned with a first dimension of 1."""

    def lifted(r: Any) -> Any:
        if isinstance(r, Tensor):
            return wrap(copied(r.array)[None])
        return copied(r)[None] if is_array(r) else r

    return Many(1, mapped(result, lifted), None)

"""Why a loss is no number: the first operation that was to blame, and the example (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.backend.arrays import to_host
from chainrule.explain.doctor.origin import Origin, nan_origin
from chainrule.ops import Array
from chainrule.train.fitting.run import NotFiniteError, Run

__all__ = ["origin_named"]

# The learning rate has had no say yet.
_AT_ONCE = "keep what {op} is given where it is finite, or bring the data to scale"

# A gradient was not finite although its loss was, and the weights that it was taken at are gone.
_LOOK_BACK = (
    "use a lower learning rate, or find the gradient that is not finite by training inside of "
    "`with autograd.detect_anomaly():`"
)


@contextmanager
def origin_named(
    run: Run, batch: Callable[[], tuple[Tensor, Tensor]], rows: Array | None = None
) -> Iterator[None]:
    """Let an error about a loss that is not finite say where that comes from.

    Args:
        run: whose step is being taken. Nothing of it is changed, and the step that failed has
            changed no weight, so that it can be gone through again.
        batch: gives x and y of the step; called only if it fails.
        rows: the numbers of their examples, if they are known.
    """
    try:
        yield
    except NotFiniteError as error:
        x, y = batch()
        spoiled = _spoiled("x", x, rows) or _spoiled("y", y, rows)
        if spoiled:
            raise error.because(spoiled, "take what is not finite out of the data") from None
        if _spoiled_weight(run):
            raise error.because(_spoiled_weight(run), _LOOK_BACK) from None
        origin = _origin(run, x, y)
        if origin is None:
            raise
        advice = "" if run.step else _AT_ONCE.format(op=origin.op)
        raise error.because(str(origin), advice) from None


def _spoiled(name: str, batch: Any, rows: Array | None) -> str:
    """Where a batch is not finite, in words; if it is not."""
    index = _first_bad(to_host(batch.array)) if isinstance(batch, Tensor) else None
    if index is None:
        return ""
    example = "" if rows is None else f", example {rows[index[0]]} of the data"
    return f"{name} is {batch.array[index]} at index {index} of the batch{example}"


def _spoiled_weight(run: Run) -> str:
    """Which weight is not finite since a step before, in words; if one is."""
    for name, p in run.model.named_parameters():
        index = _first_bad(to_host(p.array))
        if index is not None:
            return f"{name} is {p.array[index]} at index {index}, since the step before"
    return ""


def _first_bad(array: Array) -> tuple[int, ...] | None:
    """The index of the first number that is not finite."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return None
    return tuple(np.argwhere(~np.isfinite(array))[0].tolist())


def _origin(run: Run, x: Tensor, y: Tensor) -> Origin | None:
    """The first operation from the batch to the loss whose result is not finite."""
    try:
        return nan_origin(lambda x, y: run.loss(run.model(x), y), x, y)
    except Exception:  # a person's own step may give the model more than x
        return None

"""Why a loss is no number: the first operation that was to blame, and the example (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.errors import ChainruleError
from chainrule.explain.doctor.origin import Origin, nan_origin
from chainrule.ops import Array
from chainrule.train.run import NotFiniteError, Run

__all__ = ["origin_named"]


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
        origin = _origin(run, x, y)
        if origin is None:
            raise
        raise error.because(str(origin)) from None


def _spoiled(name: str, batch: Any, rows: Array | None) -> str:
    """Where a batch is not finite, in words; if it is not."""
    array = np.asarray(batch.array) if isinstance(batch, Tensor) else np.zeros(0)
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return ""
    index = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
    example = "" if rows is None else f", example {rows[index[0]]} of the data"
    return f"{name} is {array[index]} at index {index} of the batch{example}"


def _origin(run: Run, x: Tensor, y: Tensor) -> Origin | None:
    """The first operation from the batch to the loss whose result is not finite."""
    try:
        return nan_origin(lambda x, y: run.loss(run.model(x), y), x, y)
    except ChainruleError:  # a person's own step may take what the model by itself does not
        return None

"""Why a loss is no number: the first operation that was to blame, and the example (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
        origin = _origin(run, *batch())
        if origin is None:
            raise
        raise error.because(*_told(origin, rows)) from None


def _origin(run: Run, x: Tensor, y: Tensor) -> Origin | None:
    """The first operation from the batch to the loss whose result is not finite."""
    try:
        return nan_origin(lambda x, y: run.loss(run.model(x), y), x, y)
    except ChainruleError:  # a person's own step may take what the model by itself does not
        return None


def _told(origin: Origin, rows: Array | None) -> tuple[str, str]:
    """The reason, and what to do about it or nothing in particular."""
    argument = {"argument 0 of the step": "x", "argument 1 of the step": "y"}.get(origin.given)
    if argument is None:
        return str(origin), ""
    place = f"index {origin.index} of the batch"
    if rows is not None and origin.index:
        place += f", example {rows[origin.index[0]]} of the data"
    layer = f", met by {origin.op} in {origin.layer}" if origin.layer else ""
    return (
        f"{argument} is {origin.value} at {place}{layer}",
        "take what is not finite out of the data",
    )

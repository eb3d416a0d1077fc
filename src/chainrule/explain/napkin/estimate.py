"""`napkin`: what a step, an epoch and a job will take, before they are run (floor 4)."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.autograd import Tensor, from_numpy, no_grad
from chainrule.errors import OptionError
from chainrule.explain.napkin.machine import Machine
from chainrule.explain.napkin.memory import Memory, watched
from chainrule.explain.napkin.report import Napkin
from chainrule.explain.napkin.work import works_of
from chainrule.explain.trace import Trace, trace
from chainrule.explain.undo import undone
from chainrule.nn.module import Module

__all__ = ["napkin"]


def napkin(
    step: Any,
    *args: Any,
    epochs: int = 1,
    steps: int | None = None,
    rows: int | None = None,
    batch: int | None = None,
    measure: bool = False,
    machine: Machine | None = None,
) -> Napkin:
    """Say what a step, an epoch and the whole job will take, and show the arithmetic.

    Seconds are three terms: calls x overhead + the larger of operations / peak and bytes /
    bandwidth, which overlap. What there is to do is read off one step, which is really taken and
    then undone: weights, buffers, optimisers, gradients and generators are as before. What an
    operation costs stands in its record; what the machine can do is measured once, in about two
    seconds, and kept on disk.

    Args:
        step: a function that takes a training step; a module, of which a call without gradients is
            looked at; or a step that `compile` has made.
        args: its arguments; arrays and tensors of one batch.
        epochs: how often the data are gone through.
        steps: in an epoch.
        rows: of the data, in place of `steps`: as many as the first argument has rows make a step.
        batch: predict for another number of rows in a step: those in `args` repeated, or fewer.
        measure: take steps and put the clock beside the prediction, also by layer.
        machine: another than this one.

    Returns:
        `Napkin`: `seconds`, `memory`, `bound`, and all of it as text and as a table.

    Raises:
        OptionError: `steps` and `rows` are both given, a number is below 1, or `step` cannot be
            called.

    Examples:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> here = Machine(overhead=5e-6, flops=1e11, bandwidth=1e10)
        >>> found = napkin(nn.Linear(784, 128), cr.zeros(64, 784), machine=here, steps=100)
        >>> found.bound, round(1e6 * found.seconds)
        ('arithmetic', 134)
    """
    if not callable(step):
        raise OptionError(f"napkin takes a function or a module, got {type(step).__name__}")
    if steps is not None and rows is not None:
        raise OptionError("steps and rows both say how long an epoch is; give one of them")
    for name, number in (("epochs", epochs), ("steps", steps), ("rows", rows), ("batch", batch)):
        if number is not None and number < 1:
            raise OptionError(f"{name} must be at least 1, got {number}")
    if batch is not None:
        args = tuple(_with_rows(a, batch, _rows_of(args)) for a in args)
    here = machine or Machine.here()
    forward = _plain(step)
    with undone():
        seen, memory = _looked_at(forward, args)
    per_epoch = steps or (-(-rows // (_rows_of(args) or 1)) if rows else 1)
    return Napkin(here, works_of(seen, here), memory, per_epoch, epochs)


def _plain(step: Any) -> Callable[..., Any]:
    """The step as it runs without a plan; of a module a call without gradients."""
    if not isinstance(step, Module):
        return step

    def forward(*args: Any) -> Any:
        with no_grad():
            return step(*args)

    return forward


def _looked_at(step: Callable[..., Any], args: Sequence[Any]) -> tuple[Trace, Memory]:
    """One run of a step, the second, in which everything is there that comes to be in the first."""
    step(*args)
    gc.collect()
    with watched() as held:
        seen = trace(step, *args)
        seen.result = None
        memory = held.memory(args)
    return seen, memory


def _rows_of(args: Sequence[Any]) -> int | None:
    """How many rows the first argument that has rows has."""
    shapes = (np.shape(getattr(a, "array", a)) for a in args)
    return next((shape[0] for shape in shapes if shape), None)


def _with_rows(a: Any, count: int, before: int | None) -> Any:
    """An argument with another number of rows; what does not go by rows stays."""
    array = getattr(a, "array", a)
    if not isinstance(array, np.ndarray) or not array.ndim or len(array) != before:
        return a
    found = array[np.arange(count) % len(array)]
    return from_numpy(found) if isinstance(a, Tensor) else found

"""`napkin`: what a step, an epoch and a job will take, before they are run (floor 4)."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from chainrule.autograd import Tensor, from_numpy, no_grad
from chainrule.errors import OptionError
from chainrule.explain.napkin.clock import by_calls, least, peak
from chainrule.explain.napkin.compiled import is_compiled, recorded, works_of_plan
from chainrule.explain.napkin.machine import Machine
from chainrule.explain.napkin.memory import Memory, watched
from chainrule.explain.napkin.pages import Counter
from chainrule.explain.napkin.report import Job, Measured, Napkin
from chainrule.explain.napkin.work import Work, works_of
from chainrule.explain.runs.trace import trace
from chainrule.explain.runs.undo import undone
from chainrule.explain.telling.waiting import shown
from chainrule.nn.module import Module
from chainrule.ops import watch

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

    Seconds are three terms: calls x overhead + operations / peak and bytes / bandwidth, of which
    the longer counts in a call of NumPy's, and both in a part of machine code. What there is to do
    is read off one step, which is really taken and then undone: weights, buffers, optimisers,
    gradients and generators are as before; what else its Python code changes, such as a list of
    losses, is changed. What an operation costs stands in its record; what the machine can do is
    measured once, in some seconds, and kept on disk.

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
    count = _rows_of(args)
    per_epoch = steps or (math.ceil(rows / (count or 1)) if rows else 1)
    found = (_of_compiled if is_compiled(step) else _of_eager)(step, args, machine, measure)
    return Napkin(*found[:3], Job(count, per_epoch, epochs, is_compiled(step)), found[3])


Found: TypeAlias = tuple[Machine, Sequence[Work], Memory, Measured | None]


def _of_eager(step: Any, args: Sequence[Any], machine: Machine | None, measure: bool) -> Found:
    """What an eager step does, by a trace of it."""
    here = machine or Machine.here()
    forward = _without_gradients(step) if isinstance(step, Module) else step
    with undone() as before:
        forward(*args)  # whatever comes to be at the first step is there then
        gc.collect()
        with watched() as held:
            seen = trace(forward, *args)
            seen.result = None
            memory = held.memory(args)
        before.rest()
        with watch(pages := Counter()):
            forward(*args)
        works = works_of(seen, here, pages.pages)
        if not measure:
            return here, works, memory, None
        seconds = least(partial(forward, *args))
        works = by_calls(forward, args, works, seconds)
        held.forget_gradients()
        taken = peak(partial(forward, *args))
    return here, works, memory, Measured(seconds, memory.lasting + taken)


def _of_compiled(step: Any, args: Sequence[Any], machine: Machine | None, measure: bool) -> Found:
    """What a compiled step does, by the parts of its plan."""
    forward = _without_gradients(step) if isinstance(step.function, Module) else step
    with undone() as before:
        with watched() as held, shown("recording the step"):
            twin = recorded(step, args)
        here = machine or Machine.here()
        memory = held.memory(args, workspace=twin.bytes)
        works = works_of_plan(twin, here)
        if not measure:
            return here, works, memory, None
        before.rest()
        run = partial(_without_gradients(twin) if forward is not step else twin, *args)
        seconds = least(run)
        with no_grad() if forward is not step else nullcontext():
            clocks = twin.profile(*args).seconds
        taken = peak(run)
    calls = [max(0.0, seconds - sum(clocks)), *clocks]
    works = [replace(work, measured=clock) for work, clock in zip(works, calls)]
    return here, works, memory, Measured(seconds, memory.total + taken)


def _without_gradients(step: Any) -> Callable[..., Any]:
    def forward(*args: Any) -> Any:
        with no_grad():
            return step(*args)

    return forward


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

"""Where a network is: the device that batches are brought to, and home for a look (floor 4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chainrule import nn
from chainrule.backend.devices import CPU, device

__all__ = ["at_home", "place_of", "placed"]


def place_of(model: nn.Module) -> device:
    """Return the device of the first of a model's parameters and buffers.

    Args:
        model: any; one that has neither is on the processor.

    Examples:
        >>> place_of(nn.Linear(2, 1))
        device(type='cpu')
    """
    found: device = next((t.device for t in (*model.parameters(), *model.buffers())), CPU)
    return found


@contextmanager
def at_home(model: nn.Module) -> Iterator[None]:
    """Inside the block the model is on the processor, for those who look at its numbers.

    Args:
        model: as `placed` takes it.

    Examples:
        >>> with at_home(nn.Linear(2, 1)) as nothing:
        ...     print(nothing)
        None
    """
    with placed(model, CPU):
        yield


@contextmanager
def placed(model: nn.Module, where: device) -> Iterator[None]:
    """Inside the block the model is on a device.

    Args:
        model: afterwards it has the very arrays that it had, for whose sake others may hold them.
        where: a device that is there.

    Examples:
        >>> with placed(nn.Linear(2, 1), CPU) as nothing:
        ...     print(nothing)
        None
    """
    if place_of(model) is where:
        yield
        return
    kept = [(t, t.array, t.grad) for t in (*model.parameters(), *model.buffers())]
    model.to(where)
    try:
        yield
    finally:
        for t, array, grad in kept:
            t.array, t.grad = array, grad

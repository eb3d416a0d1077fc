"""Where a network is, and home to the processor for those who look at its numbers (floor 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, TypeVar

from chainrule.autograd import Tensor
from chainrule.backend.devices import CPU, device
from chainrule.nn.module import Module

__all__ = ["at_home", "looks", "place_of", "placed"]

Look = TypeVar("Look", bound=Callable[..., Any])


def place_of(model: Module) -> device:
    """Return the device of the first of a model's parameters and buffers.

    Args:
        model: any; one that has neither is on the processor.

    Examples:
        >>> from chainrule import nn
        >>> place_of(nn.Linear(2, 1))
        device(type='cpu')
    """
    found: device = next((t.device for t in (*model.parameters(), *model.buffers())), CPU)
    return found


@contextmanager
def at_home(model: Module) -> Iterator[None]:
    """Inside the block the model is on the processor, for those who look at its numbers.

    Args:
        model: as `placed` takes it.

    Examples:
        >>> from chainrule import nn
        >>> with at_home(nn.Linear(2, 1)) as nothing:
        ...     print(nothing)
        None
    """
    with placed(model, CPU):
        yield


@contextmanager
def placed(model: Module, where: device) -> Iterator[None]:
    """Inside the block the model is on a device.

    Args:
        model: afterwards it has the very arrays that it had, for whose sake others may hold them.
        where: a device that is there.

    Examples:
        >>> from chainrule import nn
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


def looks(look: Look) -> Look:
    """Decorate what looks at networks, with NumPy: those on a GPU are on the processor meanwhile.

    So are tensors that are given beside them, also within tuples, lists and dictionaries.

    Args:
        look: may change nothing of a network.

    Examples:
        >>> from chainrule import nn
        >>> looks(lambda model: model.weight.shape)(nn.Linear(2, 1))
        (1, 2)
    """

    @wraps(look)
    def at_home_or_brought(*args: Any, **kwargs: Any) -> Any:
        given = (*args, *kwargs.values())
        away = [m for m in given if isinstance(m, Module) and place_of(m) is not CPU]
        if not away and not any(isinstance(t, Tensor) and t.is_cuda for t in given):
            return look(*args, **kwargs)
        with ExitStack() as stack:
            for model in away:
                stack.enter_context(at_home(model))
            return look(*map(_home, args), **{name: _home(v) for name, v in kwargs.items()})

    return at_home_or_brought  # type: ignore[return-value]


def _home(value: Any) -> Any:
    """A value with the tensors in it on the processor."""
    if isinstance(value, Tensor):
        return value.cpu()
    if isinstance(value, Mapping):
        return {key: _home(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return type(value)(map(_home, value))
    return value

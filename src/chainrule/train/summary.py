"""A network at a glance: a row for each layer with shape, parameters and work (floor 4).

One example goes through the model while a watcher at the one door adds up what every operation
costs; each layer's share is what was done between its start and its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import nn, ops
from chainrule.autograd import from_numpy, no_grad
from chainrule.ops import Array, Op

__all__ = ["Layer", "summarise", "total_parameters"]


class Layer(NamedTuple):
    """One row of a summary.

    Attributes:
        name: the path of the module, and its class.
        shape: of the output for one example.
        parameters: numbers that are learned.
        flops: floating-point operations for one example.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    flops: int


class _Counter:
    """A watcher that adds up the floating-point operations of all calls."""

    def __init__(self) -> None:
        self.flops = 0

    def __call__(self, op: Op, args: Sequence[Any], attrs: Mapping[str, Any], y: Any) -> None:
        # What was left out, such as a bias, has no shape.
        shapes: list[Any] = [None if a is None else np.shape(a) for a in args]
        self.flops += op.cost(*shapes, **attrs).flops


def total_parameters(model: nn.Module) -> int:
    """Return how many numbers the model learns.

    Examples:
        >>> total_parameters(nn.Linear(64, 10))
        650
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def summarise(model: nn.Module, x: Array) -> list[Layer]:
    """Return a row for each layer, in the order in which they work.

    Args:
        model: any module.
        x: one example with its batch dimension, (1, ...).

    Examples:
        >>> [row.parameters for row in summarise(nn.Linear(4, 2), np.zeros((1, 4), np.float32))]
        [10]
    """
    rows: list[Layer] = []
    counter = _Counter()
    starts: list[int] = []
    handles = []
    for name, module in model.named_modules():
        if any(True for _ in module.children()):
            continue
        title = f"{name} {type(module).__name__}".strip()

        def after(module: nn.Module, _args: Any, y: Any, title: str = title) -> None:
            work = counter.flops - starts.pop()
            own = total_parameters(module)
            rows.append(Layer(title, tuple(np.shape(y)[1:]), own, work))

        handles.append(module.register_forward_pre_hook(lambda *_: starts.append(counter.flops)))
        handles.append(module.register_forward_hook(after))
    training = model.training
    try:
        with no_grad(), ops.watch(counter):
            model.eval()(from_numpy(x))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    return rows


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as people write it.

    Examples:
        >>> shape_text((1, 8, 8))
        '1 x 8 x 8'
    """
    return " x ".join(str(n) for n in shape) or "1"

"""Is this backward right? Gradients compared with finite differences, entry by entry (floor 2)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import OptionError
from chainrule.layers.function import Function, Layer, Loss
from chainrule.layers.net import Net
from chainrule.ops import Array
from chainrule.ops.differences import Fault, central_differences, unequal, worst_fault

__all__ = ["Check", "check"]


@dataclass(frozen=True)
class Check:
    """What a check has found; printed, it names the wrong entry. True if nothing is wrong.

    Attributes:
        kind: of the function.
        errors: the largest difference for each variable.
        faults: for each variable that is wrong, where it is wrong the most.
    """

    kind: str
    errors: dict[str, float]
    faults: dict[str, Fault]

    @property
    def ok(self) -> bool:
        """Whether every gradient agrees with the differences."""
        return not self.faults

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        width = max(len(name) for name in self.errors)
        lines = [f"{self.kind}: backward {'agrees' if self.ok else 'DISAGREES'} with differences"]
        for name, error in self.errors.items():
            verdict = str(self.faults.get(name, f"right, to {error:.1e}"))
            lines.append(f"  {name:<{width}}  {verdict}")
        return "\n".join(lines)


def check(
    function: Function,
    X: Any,
    *targets: Any,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-4,
) -> Check:
    """Compare the gradients that `function` states with central differences, entry by entry.

    (f(x + eps) - f(x - eps)) / (2 eps) for every entry x of the input and of every weight, all in
    float64, the outputs weighted by fixed, unequal numbers so that errors cannot cancel. The
    function itself is not changed: copies of it are called, each with the same random numbers. At a
    kink, such as 0 of `ReLU`, differences say nothing; choose X elsewhere.

    Args:
        function: a function, layer, loss or net.
        X: an input.
        targets: for a loss, the targets; for a net with a loss, too, to include it.
        eps: half the difference.
        atol: what an entry may differ by, plus
        rtol: times its size.

    Raises:
        OptionError: something that is no function, or whose gradient has not the shape of X.

    Examples:
        >>> from chainrule.layers import Linear
        >>> check(Linear(2, 3, rng=0), np.ones((4, 2))).ok
        True
        >>> class Square(Function):
        ...     def forward(self, X):
        ...         return X**2
        ...
        ...     def backward(self, dY):
        ...         return dY * self.cache["X"]
        >>> fault = check(Square(), np.array([0.0, 3.0])).faults["X"]
        >>> fault.at, round(fault.stated / fault.measured, 6)
        ((1,), 0.5)
    """
    if not isinstance(function, Function):
        raise OptionError(f"check takes a Function, got {type(function).__name__}")
    x = np.array(X, dtype=np.float64)
    twin = copy.deepcopy(function).astype(np.float64)
    stated = _stated(copy.deepcopy(twin), x, targets)
    errors, faults = {}, {}
    for name, array in {twin.variables[0]: x, **_weights(twin)}.items():
        measured = central_differences(_varied(twin, x, targets, array), array, eps)
        if np.shape(stated[name]) != array.shape:
            raise OptionError(
                f"{type(function).__name__} states a gradient of shape {np.shape(stated[name])} "
                f"for {name}, which has shape {array.shape}; they must be equal"
            )
        errors[name] = float(np.max(np.abs(stated[name] - measured), initial=0))
        fault = worst_fault(stated[name], measured, atol, rtol)
        if fault is not None:
            faults[name] = fault
    return Check(type(function).__name__, errors, faults)


def _weights(function: Function) -> dict[str, Array]:
    return function.weight if isinstance(function, Layer | Net) else {}


def _stated(twin: Function, x: Array, targets: tuple[Any, ...]) -> dict[str, Array]:
    """The gradients that the function itself gives, by variable."""
    output = _output(twin, x, targets)
    if isinstance(twin, Loss) or targets:
        dX = twin.backward()
    else:
        dX = twin.backward(unequal(np.shape(output)))
    updates = twin.weight_update if isinstance(twin, Layer | Net) else {}
    return {twin.variables[0]: dX, **updates}


def _output(twin: Function, x: Array, targets: tuple[Any, ...]) -> Any:
    if isinstance(twin, Net) and targets:
        return twin.loss(twin(x), *targets)
    return twin(x, *targets)


def _number(twin: Function, x: Array, targets: tuple[Any, ...]) -> float:
    """The loss, or the outputs weighted as `_stated` has it."""
    # Of a copy: the same random numbers every time, and no trace of the last call.
    output = _output(copy.deepcopy(twin), x, targets)
    if isinstance(twin, Loss) or targets:
        return float(output)
    return float(np.sum(unequal(np.shape(output)) * output))


def _varied(
    twin: Function, x: Array, targets: tuple[Any, ...], array: Array
) -> Callable[[Array], float]:
    """That number as a function of the values of one array, the input or a weight of the twin."""
    original = array.copy()

    def number(values: Array) -> float:
        array[...] = values
        result = _number(twin, x, targets)
        array[...] = original
        return result

    return number

"""Gradients checked by finite differences, element by element (floor 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.autograd.gradients import grad, listed
from chainrule.autograd.tape import enable_grad, no_grad, wrap
from chainrule.autograd.tensor import Tensor
from chainrule.backend.arrays import to_host
from chainrule.backend.devices import beside
from chainrule.errors import GradientError
from chainrule.ops import Array
from chainrule.ops.differences import central_differences, unequal, worst_fault

__all__ = ["gradcheck", "gradgradcheck"]


def _numeric(
    function: Callable[..., Any], inputs: Sequence[Tensor], x: Tensor, weights: Array, eps: float
) -> Array:
    """Central differences of sum(weights function(inputs)) by every element of x."""
    original = x.array

    def number(values: Array) -> float:
        x.array = beside(values, original)
        return float(np.sum(weights * to_host(function(*inputs).detach().array)))

    try:
        return central_differences(number, to_host(original), eps)
    finally:
        x.array = original


def gradcheck(
    function: Callable[..., Any],
    inputs: Sequence[Tensor] | Tensor,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of `function` with central differences, element by element.

    (f(x + eps) - f(x - eps)) / (2 eps) for every element of every float64 input that wants a
    gradient. The outputs are weighted by fixed, unequal numbers, so that errors cannot cancel.

    Args:
        function: takes the inputs, returns a tensor.
        inputs: tensors in float64.
        eps: half the difference.
        atol: what an element may differ by, plus
        rtol: times its size.
        raise_exception: raise rather than return `False`.

    Returns:
        Whether all agree.

    Raises:
        GradientError: one does not; says which element of which input, both values and by how much
            they differ. Also if an input is not float64.

    Examples:
        >>> x = Tensor([0.5, 2.0], dtype=np.float64, requires_grad=True)
        >>> gradcheck(lambda x: (x * x).sin(), x)
        True
    """
    xs = listed(inputs)
    wanted = [(n, x) for n, x in enumerate(xs) if isinstance(x, Tensor) and x.needs_grad]
    for n, x in wanted:
        if x.dtype != np.float64:
            raise GradientError(
                f"gradcheck needs float64, input {n} is {x.dtype}; differences in fewer digits "
                "say nothing; use .double()"
            )
    y = function(*xs)
    weights = unequal(y.shape)
    analytic = grad(y, [x for _, x in wanted], wrap(beside(weights, y.array)), allow_unused=True)
    for (n, x), g in zip(wanted, analytic):
        with no_grad():
            numeric = _numeric(function, xs, x, weights, eps)
        found = np.zeros(x.shape) if g is None else to_host(g.array)
        fault = worst_fault(found, numeric, atol, rtol)
        if fault is not None and raise_exception:
            raise GradientError(f"the gradient of input {n} is {fault}")
        if fault is not None:
            return False
    return True


def gradgradcheck(
    function: Callable[..., Any], inputs: Sequence[Tensor] | Tensor, **options: Any
) -> bool:
    """Compare second derivatives of `function` with differences of its first, as `gradcheck` does.

    Args:
        function: takes the inputs, returns a tensor.
        inputs: tensors in float64.
        options: those of `gradcheck`.

    Examples:
        >>> x = Tensor([0.5, 2.0], dtype=np.float64, requires_grad=True)
        >>> gradgradcheck(lambda x: x**3, x)
        True
    """
    xs = listed(inputs)

    def first(*values: Tensor) -> Any:
        with enable_grad():
            y = function(*values)
            wanted = [v for v in values if isinstance(v, Tensor) and v.needs_grad]
            found = grad(
                y,
                wanted,
                wrap(beside(unequal(y.shape, -1), y.array)),
                create_graph=True,
                allow_unused=True,
            )
        # Also those that came without a graph: differences will tell if one was lost on the way.
        return _summed([g for g in found if g is not None], wanted[0])

    return gradcheck(first, xs, **options)


def _summed(gradients: Sequence[Tensor], like: Tensor) -> Any:
    """One number that depends on every element of every gradient, by fixed, unequal weights."""
    total: Any = (like * 0).sum()
    for k, g in enumerate(gradients):
        total = total + (g * wrap(beside(unequal(g.shape, k), g.array))).sum()
    return total

"""Gradients checked by finite differences, element by element (floor 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.autograd.gradients import grad, listed
from chainrule.autograd.tape import enable_grad, no_grad, wrap
from chainrule.autograd.tensor import Tensor
from chainrule.errors import GradientError
from chainrule.ops import Array

__all__ = ["gradcheck", "gradgradcheck"]


def _numeric(
    function: Callable[..., Any], inputs: Sequence[Tensor], x: Tensor, weights: Array, eps: float
) -> Array:
    """Central differences of sum(weights function(inputs)) by every element of x."""
    out = np.zeros(x.array.shape)
    original = x.array
    for i in np.ndindex(*x.array.shape):
        ends = []
        for sign in (1, -1):
            x.array = original.copy()
            x.array[i] += sign * eps
            ends.append(float(np.sum(weights * function(*inputs).detach().array)))
        out[i] = (ends[0] - ends[1]) / (2 * eps)
    x.array = original
    return out


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
    weights = np.cos(np.arange(y.numel(), dtype=np.float64)).reshape(y.shape) + 1.5
    analytic = grad(y, [x for _, x in wanted], wrap(weights), allow_unused=True)
    for (n, x), g in zip(wanted, analytic):
        with no_grad():
            numeric = _numeric(function, xs, x, weights, eps)
        found = np.zeros(x.shape) if g is None else g.array
        fault = _first_fault(n, found, numeric, atol, rtol)
        if fault and raise_exception:
            raise GradientError(fault)
        if fault:
            return False
    return True


def _first_fault(n: int, analytic: Array, numeric: Array, atol: float, rtol: float) -> str:
    error = np.abs(analytic - numeric)
    wrong = ~(error <= atol + rtol * np.abs(numeric))
    if not wrong.any():
        return ""
    worst = np.unravel_index(int(np.argmax(np.where(wrong, error, -1))), error.shape)
    at = tuple(int(i) for i in worst)
    return (
        f"the gradient of input {n} is wrong in {int(wrong.sum())} of {wrong.size} elements, most "
        f"at element {list(at)}: the rules give {analytic[at]:.10g}, differences give "
        f"{numeric[at]:.10g}, which differ by {error[at]:.3g}"
    )


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
            weights = np.sin(np.arange(y.numel(), dtype=np.float64)).reshape(y.shape) + 1.5
            wanted = [v for v in values if isinstance(v, Tensor) and v.needs_grad]
            found = grad(y, wanted, wrap(weights), create_graph=True, allow_unused=True)
        # Also those that came without a graph: differences will tell if one was lost on the way.
        return _summed([g for g in found if g is not None], wanted[0])

    return gradcheck(first, xs, **options)


def _summed(gradients: Sequence[Tensor], like: Tensor) -> Any:
    """One number that depends on every element of every gradient, by fixed, unequal weights."""
    total: Any = (like * 0).sum()
    for k, g in enumerate(gradients):
        weights = np.cos(np.arange(g.numel(), dtype=np.float64) + k).reshape(g.shape) + 1.5
        total = total + (g * wrap(weights)).sum()
    return total

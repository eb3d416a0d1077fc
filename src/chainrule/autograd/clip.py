"""Keeping gradients from growing too large, before a step is taken with them (floor 2).

Written with operations on tensors and without looking at a number, so that it can be recorded as
part of a training step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainrule import ops
from chainrule.autograd.creation import zeros
from chainrule.autograd.tape import no_grad
from chainrule.autograd.tensor import Tensor
from chainrule.errors import GradientError, OptionError

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _listed(parameters: Any) -> list[Any]:
    """The parameters, which may come one by one from a generator, once and for all."""
    if isinstance(parameters, Tensor):
        return [parameters]
    if not isinstance(parameters, Iterable):
        raise OptionError(
            f"parameters must be tensors, got {type(parameters).__name__}; "
            "did you mean model.parameters()?"
        )
    return list(parameters)


def _gradients(parameters: Any) -> list[Any]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def _number(name: str, value: float) -> float:
    """A limit or an order, which must be at least 0."""
    found = float(value)
    if not found >= 0:
        raise OptionError(f"{name} must be a number of at least 0, got {found}")
    return found


@no_grad()
@ops.quiet
def get_total_norm(
    tensors: Any,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Return the joint norm of tensors: (sum of |x|^p over all their elements)^(1/p).

    Args:
        tensors: one or several.
        norm_type: p; `float("inf")` for the largest element.
        error_if_nonfinite: raise if the norm is NaN or infinite.
        foreach: PyTorch's, and taken so that its scripts run.

    Raises:
        OptionError: `norm_type` is negative or NaN.
        GradientError: the norm is not finite and `error_if_nonfinite` is set.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> get_total_norm([tensor([3.0]), tensor([4.0])])
        tensor(5.)
    """
    order = _number("norm_type", norm_type)
    found = [tensors] if isinstance(tensors, Tensor) else tensors
    norms = [ops.norm(x, p=order) for x in found if x.numel()]
    total = ops.norm(ops.stack(norms), p=order) if norms else zeros(())
    if error_if_nonfinite and not ops.isfinite(total).item():
        raise GradientError(
            f"the norm of the gradients is {total.item()}, so they cannot be clipped; look for the "
            "first NaN or infinity, or pass error_if_nonfinite=False"
        )
    return total


@no_grad()
@ops.quiet
def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None
) -> None:
    """Scale all gradients down together, in place, by min(1, max_norm / (total_norm + 1e-6)).

    Args:
        parameters: a tensor or several; those without a gradient are passed over.
        max_norm: the largest norm that is left alone, at least 0.
        total_norm: what `get_total_norm` gave.
        foreach: PyTorch's, and taken so that its scripts run.

    Raises:
        OptionError: `max_norm` is negative or NaN.
    """
    limit = _number("max_norm", max_norm)
    # The small number is PyTorch's; it keeps a norm of 0 from dividing.
    share = ops.clip(limit / (total_norm + 1e-6), max=1.0)
    for g in _gradients(parameters):
        ops.assign(g, g * share)


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Scale all gradients down together, in place, until their joint norm is at most `max_norm`.

    g *= min(1, max_norm / (n + 1e-6)), n = (sum of |g|^p over all gradients)^(1/p). R. Pascanu,
    T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.

    Args:
        parameters: a tensor or several; those without a gradient are passed over.
        max_norm: the largest norm that is left alone, at least 0.
        norm_type: p; `float("inf")` for the largest element.
        error_if_nonfinite: raise if the norm is NaN or infinite, instead of scaling by it.
        foreach: PyTorch's, and taken so that its scripts run.

    Returns:
        The norm n before, a tensor without dimensions.

    Raises:
        OptionError: `max_norm` is negative or NaN, or `norm_type` is.
        GradientError: the norm is not finite and `error_if_nonfinite` is set.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> p = tensor([0.0, 0.0], requires_grad=True)
        >>> p.grad = tensor([3.0, 4.0])
        >>> clip_grad_norm_(p, 1.0)
        tensor(5.)
        >>> p.grad
        tensor([0.6000, 0.8000])
    """
    parameters = _listed(parameters)
    _number("max_norm", max_norm)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


@no_grad()
@ops.quiet
def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Clip every element of every gradient to [-clip_value, clip_value], in place.

    Args:
        parameters: a tensor or several; those without a gradient are passed over.
        clip_value: the largest size that is left alone, at least 0.
        foreach: PyTorch's, and taken so that its scripts run.

    Raises:
        OptionError: `clip_value` is negative or NaN.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> p = tensor([0.0, 0.0], requires_grad=True)
        >>> p.grad = tensor([-3.0, 0.5])
        >>> clip_grad_value_(p, 1.0)
        >>> p.grad
        tensor([-1.0000,  0.5000])
    """
    limit = float(clip_value)
    if not limit >= 0:
        raise OptionError(f"clip_value must be a number of at least 0, got {clip_value}")
    for g in _gradients(parameters):
        ops.assign(g, ops.clip(g, -limit, limit))

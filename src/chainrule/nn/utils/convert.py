"""All parameters as one vector, and back (floor 3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.errors import ShapeError

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Any:
    """Return the elements of all parameters one after another.

    Examples:
        >>> from chainrule.autograd import ones, zeros
        >>> parameters_to_vector([ones(2), zeros(1, 1)])
        tensor([1., 1., 0.])
    """
    return ops.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let the parameters take over the elements of a vector, in order; they share its memory.

    Raises:
        ShapeError: it has fewer or more elements than they.

    Examples:
        >>> from chainrule.autograd import tensor, zeros
        >>> p = zeros(1, 2)
        >>> vector_to_parameters(tensor([1.0, 2.0]), [p])
        >>> p
        tensor([[1., 2.]])
    """
    found = list(parameters)
    count = sum(p.numel() for p in found)
    if vec.numel() != count:
        raise ShapeError(f"{count} elements in all make up the parameters, got {vec.numel()}")
    start = 0
    for p in found:
        p.data = vec.detach()[start : start + p.numel()].view(*p.shape)
        start += p.numel()

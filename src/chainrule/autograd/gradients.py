"""Gradients asked for by name (floor 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.autograd.tape import backpropagate, leave_gradients, wrap, zeros_for
from chainrule.autograd.tensor import Tensor, seed
from chainrule.backend.arrays import as_array
from chainrule.errors import GradientError, OptionError
from chainrule.ops import clone

__all__ = ["backward", "grad"]


def listed(values: Any) -> list[Any]:
    """Return one tensor, or several, as a list."""
    return [values] if isinstance(values, Tensor) else list(values)


def _seeds(outputs: Sequence[Tensor], weights: Any, create_graph: bool) -> list[Any]:
    given = [None] * len(outputs) if weights is None else listed(weights)
    return [seed(y, w, create_graph) for y, w in zip(outputs, given)]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add to the `.grad` of the leaves the derivatives of several tensors together.

    Args:
        tensors: one or several.
        grad_tensors: the weight of each, as in `Tensor.backward`.
        retain_graph: keep what was saved, for another walk.
        create_graph: let the gradients be differentiated in turn.
        inputs: one tensor or several, to which alone to add; all leaves if `None`.

    Examples:
        >>> x = Tensor(3.0, requires_grad=True)
        >>> backward([x * 2, x * x])
        >>> x.grad
        tensor(8.)
    """
    roots = listed(tensors)
    leave_gradients(
        roots,
        _seeds(roots, grad_tensors, create_graph),
        None if inputs is None else listed(inputs),
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
    )


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Return the derivative of `outputs` by each of `inputs`, leaving every `.grad` alone.

    Args:
        outputs: one tensor or several.
        inputs: one tensor or several, leaves or not.
        grad_outputs: the weight of each output, as in `Tensor.backward`.
        retain_graph: keep what was saved, for another walk; as `create_graph` if `None`.
        create_graph: let the results be differentiated in turn.
        only_inputs: accepted for its name: no other `.grad` is ever touched.
        allow_unused: give `None` for an input that the outputs do not depend on.
        is_grads_batched: refused; `func.jacrev` and `func.vmap` take many gradients.
        materialize_grads: give zeros rather than `None`.

    Raises:
        OptionError: `is_grads_batched`.
        GradientError: an input needs no gradient, or the outputs do not depend on it.

    Examples:
        >>> x = Tensor(3.0, requires_grad=True)
        >>> (first,) = grad(x**3, x, create_graph=True)
        >>> (second,) = grad(first, x)
        >>> first.item(), second.item()
        (27.0, 18.0)
    """
    if is_grads_batched:
        raise OptionError("grad() takes one gradient at a time; use func.jacrev or func.vmap")
    roots, targets = listed(outputs), listed(inputs)
    for i, x in enumerate(targets):
        if not x.needs_grad:
            raise GradientError(
                f"input {i} needs no gradient; give it requires_grad=True before it is used"
            )
    found = backpropagate(
        roots,
        _seeds(roots, grad_outputs, create_graph),
        targets=targets,
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
    )
    missing = [i for i, g in enumerate(found) if g is None]
    if materialize_grads:
        found = [_zeros(x, create_graph) if g is None else g for x, g in zip(targets, found)]
    elif missing and not allow_unused:
        raise GradientError(
            f"the outputs do not depend on input {missing[0]}; pass allow_unused=True to get None"
        )
    return tuple(_owned(g, create_graph) for g in found)


def _zeros(x: Tensor, create_graph: bool) -> Any:
    zeros = zeros_for(x)
    return wrap(zeros) if create_graph else zeros


def _owned(g: Any, create_graph: bool) -> Any:
    if g is None or create_graph:
        return g
    return wrap(as_array(clone(g)))

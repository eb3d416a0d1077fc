"""Derivatives of a function at a point, as in `torch.autograd.functional` (floor 2).

`inputs` is a tensor or a tuple of them; where it is a tuple, so are the results. They have a
history only with `create_graph`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd.gradients import grad, listed
from chainrule.autograd.tape import enable_grad, wrap, zeros_for
from chainrule.autograd.tensor import Tensor
from chainrule.autograd.transforms import rows, variable
from chainrule.errors import GradientError, ShapeError
from chainrule.ops.core import constant

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Function = Callable[..., Any]


def _inputs(inputs: Any, create_graph: bool) -> list[Any]:
    """What to differentiate by: the inputs, whose own history goes on with `create_graph`."""
    with enable_grad():
        return [variable(x if create_graph else x.detach()) for x in listed(inputs)]


def _outputs(func: Function, xs: list[Any], strict: bool) -> tuple[Any, list[Any]]:
    with enable_grad():
        found = func(*xs)
    ys = listed(found)
    if not all(isinstance(y, Tensor) for y in ys):
        raise GradientError("the function must give a tensor or a tuple of tensors")
    if strict and not all(y.needs_grad for y in ys):
        raise GradientError("strict: an output does not depend on the inputs")
    return found, ys


def _like(values: list[Any], pattern: Any) -> Any:
    """One value, or a tuple if the pattern is one."""
    return values[0] if isinstance(pattern, Tensor) else tuple(values)


def _free(values: list[Any], create_graph: bool) -> list[Any]:
    return values if create_graph else [v.detach() for v in values]


def _pulled(ys: Any, xs: Any, weights: Any, create_graph: bool) -> list[Any]:
    """v^T J for the outputs that depend on the inputs."""
    pairs = [(y, w) for y, w in zip(ys, weights) if y.needs_grad]
    if not pairs:
        return [wrap(zeros_for(x)) for x in xs]
    outputs, seeds = zip(*pairs)
    with enable_grad():
        return list(grad(outputs, xs, seeds, True, create_graph, materialize_grads=True))


def _weights(v: Any, like: list[Any], what: str) -> list[Any]:
    """The vector v, checked, or ones where one number can be meant."""
    if v is None:
        if len(like) != 1 or like[0].array.size != 1:
            raise GradientError(f"v may be left out only where the {what} is one number")
        return [wrap(constant(np.ones(like[0].array.shape, like[0].array.dtype), like[0]))]
    found = listed(v)
    if [w.array.shape for w in found] != [y.array.shape for y in like]:
        raise ShapeError(
            f"v must have the shapes of the {what}, {[tuple(y.shape) for y in like]}, "
            f"got {[tuple(w.shape) for w in found]}"
        )
    return found


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return the derivative of each output by each input: (*output.shape, *input.shape).

    Args:
        func: gives a tensor or a tuple of them.
        inputs: its arguments.
        create_graph: let the results be differentiated in turn.
        strict: refuse an output that depends on no input.
        vectorize: accepted for its name, as is
        strategy: rows are taken one by one.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> jacobian(lambda x: x * x, tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    xs = _inputs(inputs, create_graph)
    found, ys = _outputs(func, xs, strict)
    with enable_grad():
        each = [_like(_free(rows(y, xs, create_graph), create_graph), inputs) for y in ys]
    return _like(each, found)


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the second derivatives of a function that gives one number.

    Raises:
        ShapeError: it gives more than one.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> hessian(lambda x: (x**3).sum(), tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """

    def first(*xs: Any) -> Any:
        found = jacobian(lambda *zs: _one(func(*zs)), xs, create_graph=True, strict=strict)
        return found[0] if isinstance(inputs, Tensor) else found

    return jacobian(first, inputs, create_graph)


def _one(y: Any) -> Any:
    if y.array.size != 1:
        raise ShapeError(f"the function must give one number, got shape {tuple(y.shape)}")
    return ops.reshape(y, shape=())


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return what `func` gives, and v^T J.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> vjp(lambda x: x * x, tensor([1.0, 2.0]), tensor([1.0, 10.0]))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    xs = _inputs(inputs, create_graph)
    found, ys = _outputs(func, xs, strict)
    pulled = _pulled(ys, xs, _weights(v, ys, "output"), create_graph)
    return _like(_free(ys, create_graph), found), _like(_free(pulled, create_graph), inputs)


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return what `func` gives, and J v.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> jvp(lambda x: x * x, tensor([1.0, 2.0]), tensor([1.0, 10.0]))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    xs = _inputs(inputs, create_graph)
    found, ys = _outputs(func, xs, strict)
    vs = _weights(v, xs, "input")
    dummies = [variable(wrap(zeros_for(y))) for y in ys]
    pulled = _pulled(ys, xs, dummies, create_graph=True)
    pushed = _pulled(pulled, dummies, vs, create_graph)
    return _like(_free(ys, create_graph), found), _like(_free(pushed, create_graph), found)


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return what `func`, which gives one number, gives, and v^T H.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> vhp(lambda x: (x**3).sum(), tensor([1.0, 2.0]), tensor([1.0, 1.0]))
        (tensor(9.), tensor([ 6., 12.]))
    """
    xs = _inputs(inputs, create_graph)
    found, ys = _outputs(func, xs, strict)
    y = _one(ys[0])
    first = _pulled([y], xs, _weights(None, [y], "output"), create_graph=True)
    second = _pulled(first, xs, _weights(v, xs, "input"), create_graph)
    return _like(_free(ys, create_graph), found), _like(_free(second, create_graph), inputs)


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """Return what `func`, which gives one number, gives, and H v: as H is symmetric, `vhp`.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> hvp(lambda x: (x**3).sum(), tensor([1.0, 2.0]), tensor([1.0, 1.0]))
        (tensor(9.), tensor([ 6., 12.]))
    """
    return vhp(func, inputs, v, create_graph, strict)

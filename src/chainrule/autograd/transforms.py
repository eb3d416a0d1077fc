"""Derivatives of functions as functions: `grad`, `vjp`, `jvp`, Jacobians (floor 2).

A function's arguments may hold tensors in lists, tuples and dictionaries. Those that it is
differentiated by become variables of its own; so these can be put into one another. A forward
derivative is taken back to front twice: J^T v is linear in v, and its derivative by v is J t.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd.gradients import grad as gradients
from chainrule.autograd.tape import Traced, enable_grad, is_grad_enabled, reachable, wrap, zeros_for
from chainrule.autograd.tensor import Tensor
from chainrule.errors import GradientError, OptionError, ShapeError
from chainrule.ops.core import constant

__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "mapped", "vjp"]

Function = Callable[..., Any]


# --- trees --------------------------------------------------------------------------------------


def mapped(function: Function, tree: Any, *others: Any) -> Any:
    """Return `tree` with `function` of each tensor, and of what is there in `others`, in its place.

    Examples:
        >>> mapped(lambda x, y: x + y, {"a": 1, "b": (2, 3)}, {"a": 10, "b": (20, 30)})
        {'a': 11, 'b': (22, 33)}
    """
    if isinstance(tree, dict):
        return type(tree)(
            (k, mapped(function, v, *(o[k] for o in others))) for k, v in tree.items()
        )
    if isinstance(tree, (list, tuple)):
        found = [mapped(function, *vs) for vs in zip(tree, *others, strict=True)]
        return type(tree)(*found) if hasattr(tree, "_fields") else type(tree)(found)
    return function(tree, *others)


def listed(tree: Any) -> list[Any]:
    """Return what is in a tree, in order."""
    found: list[Any] = []
    mapped(found.append, tree)
    return found


def _refilled(tree: Any, values: Iterable[Any]) -> Any:
    """The tree with other values in its places."""
    rest = iter(values)
    return mapped(lambda _: next(rest), tree)


# --- variables ----------------------------------------------------------------------------------


def variable(x: Any) -> Any:
    """Return x as something to differentiate by; if it has a history itself, that goes on."""
    if not isinstance(x, Traced) or x.array.dtype.kind != "f":
        raise GradientError(
            f"only floating-point tensors can be differentiated by, got "
            f"{x.array.dtype if isinstance(x, Traced) else type(x).__name__}"
        )
    if x.needs_grad and is_grad_enabled():
        return ops.clone(x)
    leaf = wrap(x.array)
    leaf.needs_grad = True
    return leaf


def leaves_of(outputs: Sequence[Any]) -> list[Any]:
    """Return the leaves that want a gradient and that the outputs depend on."""
    found = {id(y): y for y in outputs if y.node is None and y.needs_grad}
    for node in reachable([y.node for y in outputs if y.node is not None]):
        found.update((id(p), p) for p in node.parents if isinstance(p, Traced))
    return list(found.values())


def depends_on_others(outputs: Sequence[Any], variables: Sequence[Any]) -> bool:
    """Return whether the outputs depend on a leaf that is none of the variables."""
    own = {id(v) for v in variables}
    return any(id(leaf) not in own for leaf in leaves_of(outputs))


class _Opened:
    """A call of a function whose chosen arguments are variables.

    Attributes:
        chosen: the argument, or those, that it is differentiated by.
        variables: the tensors in them.
        output: what the function gave, and `aux`, what it gave besides.
        nested: whether derivatives are to be differentiated in turn.
    """

    def __init__(
        self, func: Function, argnums: Any, has_aux: bool, args: Sequence[Any], kwargs: Any
    ) -> None:
        places = [argnums] if isinstance(argnums, int) else list(argnums)
        if any(not -len(args) <= i < len(args) for i in places):
            raise OptionError(f"argnums {argnums} names an argument that is not among {len(args)}")
        given = list(args)
        for i in places:
            given[i] = mapped(variable, given[i])
        one = isinstance(argnums, int)
        self.chosen = given[places[0]] if one else tuple(given[i] for i in places)
        self.variables = listed(self.chosen)
        with enable_grad():
            found = func(*given, **kwargs)
        self.output: Any
        self.aux: Any
        self.output, self.aux = found if has_aux else (found, None)
        tensors = [y for y in listed(self.output) if isinstance(y, Tensor)]
        self.nested = depends_on_others(tensors, self.variables)

    def gradients(self, y: Any, weight: Any = None) -> list[Any]:
        """The gradient of y by each variable: zeros where y does not depend on it."""
        if not y.needs_grad:
            return [wrap(zeros_for(v)) for v in self.variables]
        with enable_grad():
            return list(
                gradients(y, self.variables, weight, True, self.nested, materialize_grads=True)
            )

    def filled(self, values: Iterable[Any]) -> Any:
        """The chosen arguments with these values in place of the variables."""
        return _refilled(self.chosen, values)

    def result(self, tree: Any) -> Any:
        """What the function gave, without the history that is only about the variables."""
        return tree if self.nested else mapped(_plain, tree)


def _plain(y: Any) -> Any:
    return y.detach() if isinstance(y, Tensor) else y


# --- gradients ----------------------------------------------------------------------------------


def grad_and_value(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """Return a function that gives the gradient of `func`, and its value.

    Args:
        func: gives a tensor of one element; with `has_aux` that and anything else.
        argnums: which argument, or which several, to differentiate by.
        has_aux: return what else `func` gives beside the value.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> grad_and_value(lambda x: x**2)(tensor(3.0))
        (tensor(6.), tensor(9.))
    """

    @functools.wraps(func, updated=())
    def derivative(*args: Any, **kwargs: Any) -> Any:
        call = _Opened(func, argnums, has_aux, args, kwargs)
        if not isinstance(call.output, Tensor) or call.output.array.size != 1:
            shape = getattr(call.output, "shape", type(call.output).__name__)
            raise ShapeError(f"grad takes a function that gives one number, this gave {shape}")
        found = call.filled(call.gradients(call.output))
        value = call.result(call.output)
        return found, (value, call.result(call.aux)) if has_aux else value

    return derivative


def grad(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """Return a function that gives the gradient of `func`; the arguments as of `grad_and_value`.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> grad(grad(lambda x: x**3))(tensor(2.0))
        tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func, updated=())
    def derivative(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return derivative


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Return what `func` gives, and the function v -> v^T J.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> value, pull = vjp(lambda x: x * x, tensor([1.0, 2.0]))
        >>> pull(tensor([1.0, 10.0]))
        (tensor([ 2., 40.]),)
    """
    call = _Opened(func, range(len(primals)), has_aux, primals, {})

    def pull(*cotangents: Any) -> Any:
        weights = listed(cotangents[0] if len(cotangents) == 1 else cotangents)
        pairs = [(y, w) for y, w in zip(listed(call.output), weights, strict=True) if y.needs_grad]
        if not pairs:
            return call.filled(call.gradients(wrap(np.zeros(()))))
        ys, ws = zip(*pairs)
        with enable_grad():
            nested = call.nested or any(w.needs_grad for w in ws)
            found = gradients(ys, call.variables, ws, True, nested, materialize_grads=True)
        return call.filled(found)

    value = call.result(call.output)
    return (value, pull, call.result(call.aux)) if has_aux else (value, pull)


def jvp(
    func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> Any:
    """Return what `func` gives at `primals`, a tuple, and J t for the tuple `tangents`.

    Args:
        func: the function.
        primals: its arguments.
        tangents: a direction of the same structure.
        strict: accepted for its name.
        has_aux: whether `func` gives something besides, which is returned last.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> jvp(lambda x: x * x, (tensor([1.0, 2.0]),), (tensor([1.0, 10.0]),))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    call = _Opened(func, range(len(primals)), has_aux, primals, {})
    directions = listed(tangents)
    if [t.array.shape for t in directions] != [v.array.shape for v in call.variables]:
        raise ShapeError(
            f"jvp needs a tangent of the shape of each primal, got "
            f"{[tuple(t.shape) for t in directions]} for "
            f"{[tuple(v.shape) for v in call.variables]}"
        )
    nested = call.nested or any(t.needs_grad for t in directions)
    found = mapped(lambda y: _forward(y, call.variables, directions, nested), call.output)
    value = call.result(call.output)
    return (value, found, call.result(call.aux)) if has_aux else (value, found)


def _forward(y: Any, variables: Sequence[Any], directions: Sequence[Any], nested: bool) -> Any:
    """The derivative of y along the directions of the variables."""
    zeros = zeros_for(y)
    if not y.needs_grad:
        return wrap(zeros)
    weight = variable(wrap(zeros))
    with enable_grad():
        pulled = gradients(y, variables, weight, True, True, allow_unused=True)
        pairs = [(g, t) for g, t in zip(pulled, directions) if g is not None and g.needs_grad]
        if not pairs:
            return wrap(zeros)
        total: Any = sum((g * t).sum() for g, t in pairs)
        found = gradients(total, weight, None, True, nested, materialize_grads=True)
    return found[0]


# --- Jacobians ----------------------------------------------------------------------------------


def rows(y: Any, variables: Sequence[Any], nested: bool) -> list[Any]:
    """The derivative of each element of y by each variable: (*y.shape, *variable.shape)."""
    count, shape = y.array.size, y.array.shape
    found: list[list[Any]] = [[] for _ in variables]
    for row in np.eye(count, dtype=y.array.dtype).reshape(count, *shape) if y.needs_grad else ():
        weight = wrap(constant(np.array(row), y))
        each = gradients(y, variables, weight, True, nested, materialize_grads=True)
        for one, g in zip(found, each):
            one.append(g)
    return [
        ops.reshape(ops.stack(gs), shape=(*shape, *v.array.shape))
        if gs
        else wrap(constant(np.zeros((*shape, *v.array.shape), v.array.dtype), v))
        for gs, v in zip(found, variables)
    ]


def jacrev(
    func: Function,
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Function:
    """Return a function that gives the Jacobian of `func`: (*output.shape, *input.shape).

    It is taken a row at a time.

    Args:
        func: gives a tensor, or a tree of them; with `has_aux` that and anything else.
        argnums: which argument, or which several, to differentiate by.
        has_aux: return what else `func` gives beside the Jacobian.
        chunk_size: accepted for its name.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> jacrev(lambda x: x * x)(tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """

    @functools.wraps(func, updated=())
    def derivative(*args: Any, **kwargs: Any) -> Any:
        call = _Opened(func, argnums, has_aux, args, kwargs)
        with enable_grad():
            found = mapped(lambda y: call.filled(rows(y, call.variables, call.nested)), call.output)
        return (found, call.result(call.aux)) if has_aux else found

    return derivative


def jacfwd(
    func: Function,
    argnums: Any = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    randomness: str = "error",
) -> Function:
    """Return a function that gives the Jacobian of `func`, which is that of `jacrev`.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> jacfwd(lambda x: x.sum())(tensor([1.0, 2.0]))
        tensor([1., 1.])
    """
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Function, argnums: Any = 0) -> Function:
    """Return a function that gives the second derivative of `func`: a Jacobian's Jacobian.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> hessian(lambda x: (x**3).sum())(tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)

"""Nested arguments and results of a step, taken apart into arrays and put together (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.autograd.tape import Node, wrap
from chainrule.backend.arrays import is_gpu
from chainrule.ops import Array
from chainrule.plan.arrays import copied, is_array

__all__ = [
    "Slot",
    "joined",
    "mapped",
    "put_together",
    "take_apart",
    "wants_gradient",
    "with_history",
    "without_history",
]


def joined(pieces: Sequence[Any]) -> Any:
    """Nested results of one form as one, their tensors and arrays joined along the first dimension.

    Of what is neither the last is taken.
    """
    first, last = pieces[0], pieces[-1]
    if isinstance(first, Mapping):
        return {k: joined([piece[k] for piece in pieces]) for k in first}
    if isinstance(first, (tuple, list)):
        columns = [joined(column) for column in zip(*pieces, strict=True)]
        return type(first)(*columns) if hasattr(first, "_fields") else type(first)(columns)
    if isinstance(first, Tensor):
        return wrap(np.concatenate([piece.array for piece in pieces]))
    return np.concatenate(pieces) if is_array(first) else last


class Slot:
    """Stands for the array of a number, as a tensor or as it is."""

    def __init__(self, number: int, tensor: bool) -> None:
        self.number = number
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slot) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """`value` with `change` made to whatever its lists, tuples and dictionaries hold."""
    if isinstance(value, Mapping):
        return {k: mapped(v, change) for k, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(v, change) for v in value))
    if isinstance(value, (tuple, list)):
        return type(value)(mapped(v, change) for v in value)
    return change(value)


def take_apart(args: tuple[Any, ...], kwargs: Mapping[str, Any], key: list[Any]) -> list[Array]:
    """Return the arrays in the arguments, contiguous, and add all else that tells them to `key`."""
    arrays: list[Array] = []
    for a in args:
        if type(a) is Tensor and a.array.flags.c_contiguous:  # the usual, without another call
            array = a.array
            key += (a.needs_grad, array.shape, array.dtype)
            if is_gpu(array):
                key.append("gpu")
            arrays.append(array)
        else:
            _enter(a, key, arrays)
    for name, a in kwargs.items():
        key.append(name)
        _enter(a, key, arrays)
    return arrays


def _enter(a: Any, key: list[Any], arrays: list[Array]) -> None:
    if isinstance(a, Tensor):
        key.append(bool(a.needs_grad))
        a = a.array
    elif a is None or isinstance(a, (bool, int, float, str)):
        key += (type(a), a)
        return
    if is_array(a):
        key += (a.shape, a.dtype)
        if is_gpu(a):
            key.append("gpu")
        arrays.append(a if a.flags.c_contiguous else copied(a))
    elif isinstance(a, (tuple, list)):
        key += (type(a), len(a))
        for v in a:
            _enter(v, key, arrays)
    elif isinstance(a, dict):
        key += (dict, len(a))
        for name, v in a.items():
            key.append(name)
            _enter(v, key, arrays)
    else:
        key += ("object", id(a))


def put_together(args: Any, arrays: Sequence[Array]) -> Any:
    """The nested arguments with `arrays` in place of theirs."""
    following = iter(arrays)

    def filled(a: Any) -> Any:
        if isinstance(a, Tensor):
            return wrap(next(following))
        return next(following) if is_array(a) else a

    return mapped(args, filled)


def wants_gradient(args: Any) -> str:
    """Say what is wrong with an argument that wants a gradient, if there is one."""
    found: list[Any] = []
    mapped(args, lambda a: found.append(a) if isinstance(a, Tensor) and a.needs_grad else None)
    if not found:
        return ""
    return (
        f"an argument of the step, a tensor of shape {tuple(found[0].shape)}, wants a gradient, "
        "which a replay could not leave there; use the tensor without passing it, or pass "
        "x.detach() and call requires_grad_() inside of the step"
    )


def with_history(result: Any) -> str:
    """Say what is wrong with a result through which one could still go back, if there is one."""
    found: list[Any] = []
    mapped(result, lambda t: found.append(t) if isinstance(t, Tensor) and _is_live(t.node) else 0)
    if not found:
        return ""
    return (
        f"the step returns a tensor of shape {tuple(found[0].shape)} whose gradient could not be "
        "taken after a replay; call backward() inside of the step, return x.detach(), or call the "
        "step within no_grad()"
    )


def _is_live(node: Node | None) -> bool:
    """Whether everything that a walk back from `node` would need is still there."""
    if node is None:
        return False
    seen, waiting = {node}, [node]
    while waiting:
        node = waiting.pop()
        if node.released:
            return False
        parents = [p for p in node.parents if isinstance(p, Node) and p not in seen]
        seen.update(parents)
        waiting += parents
    return True


def without_history(result: Any) -> Any:
    """The nested result with tensors that remember nothing."""
    return mapped(result, lambda t: t.detach() if isinstance(t, Tensor) and t.node else t)

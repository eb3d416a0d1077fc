"""Calls of modules that cannot be meant, told in a sentence (floor 3).

Looked at only after Python has refused: what a layer was given in place of a tensor, or how many
arguments its `forward` does not take.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.errors import CallError

__all__ = ["misuse"]


def misuse(module: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> CallError | None:
    """Return what is wrong with the arguments that `module` was called with, if that can be told.

    Of layers of this library it is known that they take tensors; of others, how many arguments.
    """
    try:
        inspect.signature(module.forward).bind(*args, **kwargs)
    except TypeError:
        return CallError(_numbers(module, args, kwargs))
    if not type(module).__module__.startswith(f"{__name__.partition('.')[0]}."):
        return None
    for place, given in enumerate(args[:2] if _is_loss(module) else args[:1]):
        if not isinstance(given, Tensor):
            what = ("the prediction", "the target")[place] if _is_loss(module) else "the input"
            return CallError(f"{what} must be a tensor, got {_described(given)}")
    return None


def _is_loss(module: Any) -> bool:
    return type(module).__name__.endswith("Loss")


def _numbers(module: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    parameters = inspect.signature(module.forward).parameters.values()
    wanted = [p.name for p in parameters if p.default is p.empty and p.kind < p.KEYWORD_ONLY]
    also = [f"{p.name}=" for p in parameters if p.default is not p.empty]
    given = [_in_short(a) for a in args] + [f"{name}=" for name in kwargs]
    return f"its forward takes ({', '.join(wanted + also)}), got ({', '.join(given)})"


def _in_short(given: Any) -> str:
    name = type(given).__name__
    return f"{name} {tuple(given.shape)}" if isinstance(given, Tensor) else name


def _described(given: Any) -> str:
    """A value that is no tensor, and what to do about it."""
    name = type(given).__name__
    if given is None:
        return "None; does the forward() before it end with return?"
    if isinstance(given, tuple) and given and isinstance(given[0], Tensor):
        return (
            f"a tuple of {len(given)}; of a layer that returns its state too, as LSTM does, take "
            "the first: out, _ = lstm(x)"
        )
    if isinstance(given, np.ndarray):
        return "a NumPy array; use from_numpy(x)"
    named = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    return f"{named}; use tensor(x)" if isinstance(given, (list, tuple, int, float)) else named

"""PyTorch's compiler of Python, as far as a program runs without it (floor 3).

What is scripted or traced is returned as it is, and so computes the same. What would be written to
a file or read from one is refused. `chainrule.compile` makes a step quicker.

Examples:
    >>> from chainrule import jit
    >>> @jit.script
    ... def twice(x):
    ...     return 2 * x
    >>> twice(3)
    6
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.absent import missing, refuse

__all__ = [
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "load",
    "save",
    "script",
    "script_method",
    "trace",
    "unused",
]


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Return a function, class or module as it is."""
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Return a function or module as it is."""
    return func


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Decorate a function without any effect; with or without arguments."""
    return drop if callable(drop) else _as_it_is


def _as_it_is(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as it is."""
    return fn


def is_scripting() -> bool:
    """Whether this is being compiled: no, it is Python that runs."""
    return False


def is_tracing() -> bool:
    """Whether this is being traced: no."""
    return False


export = unused = script_method = _as_it_is
_instead = "save weights with chainrule.save(model.state_dict(), path)"
save, load = refuse("jit.save", _instead), refuse("jit.load", _instead)
__getattr__ = missing("jit", "modules run as they are; chainrule.compile makes a step quicker")

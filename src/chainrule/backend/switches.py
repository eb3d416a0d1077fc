"""Switches that PyTorch's programs set, and that change nothing here (floor 0).

Everything computes the same from the same seed on every run, in the precision of its numbers, one
operation after another. A switch that asks for that is granted; one that allows less is accepted.
"""

from __future__ import annotations

from typing import Any

from chainrule.errors import OptionError

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_num_interop_threads",
    "typename",
    "use_deterministic_algorithms",
]

_PRECISIONS = ("highest", "high", "medium")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accept either: every algorithm gives the same numbers on every run."""


def are_deterministic_algorithms_enabled() -> bool:
    """Whether algorithms give the same numbers on every run: always.

    Examples:
        >>> are_deterministic_algorithms_enabled()
        True
    """
    return True


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether others would only warn: there are no others."""
    return False


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Accept any mode: there is nothing to warn of."""


def get_deterministic_debug_mode() -> int:
    """Return PyTorch's number for "raise where it would not be deterministic"."""
    return 2


def set_float32_matmul_precision(precision: str) -> None:
    """Accept how exact products must be at least; they are as exact as can be.

    Raises:
        OptionError: neither "highest" nor "high" nor "medium".
    """
    if precision not in _PRECISIONS:
        raise OptionError(f"precision is one of {', '.join(_PRECISIONS)}, got {precision!r}")


def get_float32_matmul_precision() -> str:
    """Return how exact products are.

    Examples:
        >>> get_float32_matmul_precision()
        'highest'
    """
    return "highest"


def set_num_interop_threads(num: int) -> None:
    """Accept how many operations may run beside one another; one does."""


def get_num_interop_threads() -> int:
    """Return how many operations run beside one another: 1."""
    return 1


def typename(obj: Any) -> str:
    """Return the full name of a thing's type, as "package.module.Class".

    Examples:
        >>> typename(3.0)
        'builtins.float'
    """
    kind = type(obj)
    return f"{kind.__module__}.{kind.__qualname__}"

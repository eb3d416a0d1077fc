"""Switches that PyTorch's programs set, and that change nothing here (floor 0).

Everything computes the same from the same seed on every run, one operation after another. A switch
that asks for that is granted; one that allows less is accepted.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_deterministic_debug_mode",
    "get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_deterministic_debug_mode",
    "set_num_interop_threads",
    "typename",
    "use_deterministic_algorithms",
]


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

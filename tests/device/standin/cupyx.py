"""What the stand-in has of `cupyx`: whether solvers raise where they fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["errstate", "solvers_raise"]

_STATES = ["ignore"]


def solvers_raise() -> bool:
    """Whether they do now; as CuPy has it, not unless asked to."""
    return _STATES[-1] == "raise"


@contextmanager
def errstate(
    *,
    divide: str | None = None,
    over: str | None = None,
    under: str | None = None,
    invalid: str | None = None,
    linalg: str | None = None,
    fallback_mode: str | None = None,
) -> Iterator[None]:
    """Let solvers raise (`linalg="raise"`) or give anything ("ignore") inside the block."""
    if linalg not in (None, "raise", "ignore"):
        raise ValueError(f"invalid error state {linalg!r}")
    _STATES.append(linalg or _STATES[-1])
    try:
        yield
    finally:
        _STATES.pop()

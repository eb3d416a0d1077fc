"""Graphics cards, as in `torch.cuda`, to programs that ask: there are none (floor 3).

What has an answer or nothing to do without a card is here; the rest says so in a sentence.

Examples:
    >>> import chainrule as cr
    >>> cr.device("cuda" if cr.cuda.is_available() else "cpu")
    device(type='cpu')
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "device_count",
    "empty_cache",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
]


def is_available() -> bool:
    """Return whether there is a card: no."""
    return False


def is_initialized() -> bool:
    """Return whether one is in use: no."""
    return False


def is_bf16_supported() -> bool:
    """Return whether one has the format bfloat16: no."""
    return False


def device_count() -> int:
    """Return how many there are: none."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the card's random numbers: there is nothing to do."""


def manual_seed_all(seed: int) -> None:
    """Seed the random numbers of all cards: there is nothing to do."""


def empty_cache() -> None:
    """Give back memory of the card: there is nothing to do."""


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"chainrule.cuda has no {name!r}, for there is no graphics card to use it on; ask "
        "cuda.is_available() first"
    )

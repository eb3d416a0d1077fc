"""What numbers an option of an optimiser may be (floor 3; knows the errors and nothing else)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from chainrule.errors import OptionError

__all__ = ["ANY", "AT_LEAST_0", "PAIR", "PAIR_BELOW_1", "SHARE", "Allowed", "as_numbers"]


class Allowed(NamedTuple):
    """The numbers that an option may be: from `low` up to but not including `high`.

    Attributes:
        low: the least.
        high: what it stays below.
        words: the same for a person, as in "lr must be ...".
        length: how many numbers the option has; `None` for one that is no tuple.
    """

    low: float
    high: float
    words: str
    length: int | None = None

    def check(self, name: str, value: Any) -> None:
        """Let `value` pass.

        Raises:
            OptionError: it is not allowed; says what was expected and what came.
        """
        found = as_numbers(name, value)
        several = found if isinstance(found, tuple) else (found,)
        length = len(found) if isinstance(found, tuple) else None
        if length != self.length or not all(self.low <= v < self.high for v in several):
            raise OptionError(f"{name} must be {self.words}, got {value}")


ANY = Allowed(-math.inf, math.inf, "a finite number")
AT_LEAST_0 = Allowed(0, math.inf, "a number of at least 0")
SHARE = Allowed(0, math.nextafter(1, 2), "a number from 0 to 1")
PAIR = Allowed(0, math.inf, "two numbers of at least 0", 2)
PAIR_BELOW_1 = Allowed(0, 1, "two numbers from 0 up to but not including 1", 2)


def as_numbers(name: str, value: Any) -> float | tuple[float, ...]:
    """Return a number, or a sequence of numbers, as Python's floats.

    Raises:
        OptionError: it is neither.

    Examples:
        >>> as_numbers("lr", 1), as_numbers("betas", [0, 0.5])
        (1.0, (0.0, 0.5))
    """
    several = isinstance(value, (tuple, list)) or getattr(value, "ndim", 0) == 1
    try:
        return tuple(_float(v) for v in value) if several else _float(value)
    except (TypeError, ValueError, RuntimeError):
        kind = "numbers" if several else "a number"
        raise OptionError(f"{name} must be {kind}, got {value!r:.60}") from None


def _float(value: Any) -> float:
    # float() would read text too, and a truth value is surely in the wrong place.
    if isinstance(value, (str, bytes, bool)):
        raise TypeError
    return float(value)

"""Amounts, bytes, times and shapes as a person writes them (floor 4).

Knows numbers alone.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["amount", "seconds_text", "shape_text", "size_text"]

_THOUSANDS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def amount(number: float) -> str:
    """Return a number of things in three digits, by thousands.

    Examples:
        >>> amount(25), amount(99_960), amount(12_845_056), amount(0.5), amount(0)
        ('25', '100 k', '12.8 M', '0.5', '0')
    """
    return _scaled(number, _THOUSANDS, "").rstrip()


def size_text(count: float) -> str:
    """Return a number of bytes in three digits.

    Examples:
        >>> size_text(96), size_text(5 * 2**20), size_text(1048575)
        ('96 B', '5 MiB', '1 MiB')
    """
    return _scaled(count, _BYTES, "B")


def seconds_text(seconds: float) -> str:
    """Return a time in three digits, from nanoseconds to hours.

    Examples:
        >>> seconds_text(3.2e-6), seconds_text(0.25), seconds_text(41.3), seconds_text(7260)
        ('3.2 us', '250 ms', '41.3 s', '2 h 1 min')
        >>> seconds_text(2.71e-10), seconds_text(0)
        ('0.271 ns', '0 s')
    """
    if seconds >= 59.95:
        minutes, rest = divmod(round(seconds), 60)
        if minutes < 60:
            return f"{minutes} min {rest} s"
        return f"{minutes // 60} h {minutes % 60} min"
    if 0 < seconds < 1e-9:
        return f"{1e9 * seconds:.3g} ns"
    return _scaled(seconds, _SECONDS, "s")


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as people write it.

    Examples:
        >>> shape_text((1, 8, 8)), shape_text(())
        ('1 x 8 x 8', '1')
    """
    return " x ".join(str(n) for n in shape) or "1"


def _scaled(number: float, units: tuple[tuple[float, str], ...], rest: str) -> str:
    """`number` in the largest unit that it reaches once it has been rounded."""
    for unit, name in units:
        if _three(number / unit) >= 1:
            return f"{_three(number / unit):g} {name}"
    return f"{_three(number):g} {rest}"


def _three(number: float) -> float:
    """Three significant digits, but whole numbers in full."""
    return float(f"{number:.3g}") if number < 1000 else float(round(number))

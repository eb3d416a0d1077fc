"""Dates in a table: how they are written, and the numbers that are made of them (floor 3).

A date counts as days since 1970-01-01, with fractions, in the time zone it names or in none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np

from chainrule.ops import Array

__all__ = ["CYCLES", "FORMS", "PARTS", "form_of", "part_of", "read_date"]

_EPOCH = datetime(1970, 1, 1)
_DAY = 86_400.0
_TIMES = ("", " %H:%M", " %H:%M:%S")
# Ways of writing a date; the month stands first where an American and a European way both fit.
FORMS = MappingProxyType(
    {
        "year-month-day": "",  # ISO 8601, which the standard library reads
        "year/month/day": "%Y/%m/%d",
        "day.month.year": "%d.%m.%Y",
        "month/day/year": "%m/%d/%Y",
        "day/month/year": "%d/%m/%Y",
        "day-month-year": "%d-%m-%Y",
    }
)
CYCLES = MappingProxyType({"month": 12, "weekday": 7})  # the parts that are categories
PARTS = ("days", "month", "day", "weekday", "hour")


def read_date(text: str, form: str) -> float:
    """Return days since 1970-01-01; NaN for what is no date.

    Args:
        text: a date, with or without a time of day.
        form: one of `FORMS`.

    Examples:
        >>> read_date("1970-01-02 12:00", "year-month-day"), read_date("1.2.1970", "day.month.year")
        (1.5, 31.0)
    """
    try:
        moment = datetime.fromisoformat(text) if not FORMS[form] else _by_pattern(text, FORMS[form])
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return math.nan
    return (moment - _EPOCH).total_seconds() / _DAY


def _by_pattern(text: str, pattern: str) -> datetime:
    return datetime.strptime(text, pattern + _TIMES[text.count(":") if text.count(":") < 3 else 0])


def form_of(texts: Sequence[str]) -> str | None:
    """Return the first of `FORMS` in which all texts are dates, or `None`.

    Examples:
        >>> form_of(["1/2/2020", "1/13/2020"]), form_of(["1/2/2020", "13/1/2020"]), form_of(["x"])
        ('month/day/year', 'day/month/year', None)
    """
    for form in FORMS:
        if texts and not any(math.isnan(read_date(text, form)) for text in texts):
            return form
    return None


def part_of(part: str, days: Array, start: float) -> Array:
    """Return one number of each date.

    Args:
        part: one of `PARTS`: "days" since the start; "month", 1 to 12, and "weekday", 1 (Monday)
            to 7, which are 0 where the date is missing; the "day" of the month; the "hour".
        days: since 1970-01-01, float64 (N,), NaN where the date is missing.
        start: the same of the first date known.

    Examples:
        >>> days = np.array([0.25, 31.0, np.nan])
        >>> [part_of(part, days, 0.0).tolist() for part in ("month", "weekday", "hour")]
        [[1.0, 2.0, 0.0], [4.0, 7.0, 0.0], [6.0, 0.0, nan]]
    """
    values = _READERS[part](days, start)
    return np.where(np.isnan(days), 0.0 if part in CYCLES else np.nan, values)


def _calendar(days: Array) -> Array:
    return np.floor(np.nan_to_num(days)).astype("datetime64[D]")


def _month(days: Array, _: float) -> Array:
    return _calendar(days).astype("datetime64[M]").astype(np.int64) % 12 + 1.0


def _day(days: Array, _: float) -> Array:
    date = _calendar(days)
    return (date - date.astype("datetime64[M]")).astype(np.float64) + 1


_READERS: dict[str, Callable[[Array, float], Array]] = {
    "days": lambda days, start: days - start,
    "month": _month,
    "day": _day,
    "weekday": lambda days, _: (np.floor(days) + 3) % 7 + 1,  # 1970 began on a Thursday
    "hour": lambda days, _: (days - np.floor(days)) * 24,
}

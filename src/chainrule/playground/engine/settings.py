"""Settings: what each is called, what it may be, and whether training goes on under it (floor 5).

One table for every reader: the session checks what it is given against it, the page makes its
controls of it, the address leaves out what is as usual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.errors import OptionError, did_you_mean, kind_of

__all__ = ["Amount", "Choice", "Count", "Flag", "Points", "Setting", "Several", "Sizes", "settle"]

_LABEL = 1000  # how far from 0 the label of a point may be


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One thing that can be set.

    Args:
        label: what a person calls it.
        usual: its value where none is given.
        group: the heading it stands under.
        help: a sentence about it; or "".
        live: training goes on under a new value; otherwise it begins anew.
        unit: of a number; or "".
    """

    label: str
    usual: Any
    group: str = ""
    help: str = ""
    live: bool = False
    unit: str = ""

    @property
    def kind(self) -> str:
        """What sort of control it needs."""
        return type(self).__name__.lower()

    def check(self, name: str, value: Any) -> Any:
        """Return a value as it is kept.

        Args:
            name: of the setting.
            value: what came, plain JSON.

        Raises:
            OptionError: it cannot be that.
        """
        raise NotImplementedError

    def plain(self) -> dict[str, Any]:
        """Return what a page needs to know, plain JSON."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {"kind": self.kind, **told}


@dataclass(frozen=True, kw_only=True)
class Choice(Setting):
    """One of several.

    Args:
        options: names, each with what a person calls it.

    Examples:
        >>> Choice(label="activation", usual="tanh", options={"tanh": "tanh"}).check("a", "tanh")
        'tanh'
    """

    options: Mapping[str, str]

    def check(self, name: str, value: Any) -> str:
        """Return the name of an option."""
        if not isinstance(value, str) or value not in self.options:
            meant = did_you_mean(value[:40], self.options) if isinstance(value, str) else ""
            raise OptionError(
                f"{name} must be one of {', '.join(self.options)}, got {_short(value)}{meant}"
            )
        return value


@dataclass(frozen=True, kw_only=True)
class Several(Choice):
    """Some of several, in the order of the options."""

    def check(self, name: str, value: Any) -> list[str]:  # type: ignore[override]
        """Return the names of those that are meant, at least one."""
        if not isinstance(value, list) or not value or len(value) > len(self.options):
            raise OptionError(f"{name} must be a list of at least one of {', '.join(self.options)}")
        meant = {super(Several, self).check(name, one) for one in value}
        return [option for option in self.options if option in meant]


@dataclass(frozen=True, kw_only=True)
class Flag(Setting):
    """Yes or no."""

    def check(self, name: str, value: Any) -> bool:
        """Return `True` or `False`."""
        if not isinstance(value, bool):
            raise OptionError(f"{name} must be true or false, got {_short(value)}")
        return value


@dataclass(frozen=True, kw_only=True)
class Amount(Setting):
    """A number.

    Args:
        low: the least it may be.
        high: the most it may be.
        steps: values that a slider has stops at; none for an even scale.

    Examples:
        >>> Amount(label="rate", usual=0.1, low=0, high=1).check("rate", 2)
        Traceback (most recent call last):
        ...
        chainrule.errors.OptionError: rate must be from 0 to 1, got 2
    """

    low: float
    high: float
    steps: Sequence[float] = ()

    def check(self, name: str, value: Any) -> float:
        """Return the number."""
        self._in_range(name, value, (int, float))
        return float(value)

    def _in_range(self, name: str, value: Any, types: tuple[type, ...]) -> None:
        number = isinstance(value, types) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high:  # nor if it is no number at all
            whole = "a whole number " if types == (int,) else ""
            raise OptionError(
                f"{name} must be {whole}from {self.low:,g} to {self.high:,g}, got {_short(value)}"
            )


@dataclass(frozen=True, kw_only=True)
class Count(Amount):
    """A whole number."""

    def check(self, name: str, value: Any) -> int:
        """Return the number."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        self._in_range(name, value, (int,))
        return int(value)


@dataclass(frozen=True, kw_only=True)
class Sizes(Setting):
    """Whole numbers in a row, such as the units of each layer; there may be none.

    Args:
        most: how many numbers at most.
        high: the most that each may be; the least is 1.
    """

    most: int
    high: int

    def check(self, name: str, value: Any) -> list[int]:
        """Return the numbers."""
        if not isinstance(value, list) or len(value) > self.most:
            raise OptionError(f"{name} must be a list of at most {self.most:,} whole numbers")
        one = Count(label=self.label, usual=1, low=1, high=self.high)
        return [one.check(f"{name}[{i}]", size) for i, size in enumerate(value)]


@dataclass(frozen=True, kw_only=True)
class Points(Setting):
    """Points of a plane, [x, y, label] each; a label is any number of usual size.

    Args:
        most: how many at most.
        span: coordinates run from -span to span.
    """

    most: int
    span: float

    def check(self, name: str, value: Any) -> list[list[float]]:
        """Return the points."""
        if not isinstance(value, list) or len(value) > self.most:
            raise OptionError(f"{name} must be a list of at most {self.most:,} points")
        return [self._point(name, i, point) for i, point in enumerate(value)]

    def _point(self, name: str, i: int, point: Any) -> list[float]:
        numbers = isinstance(point, list) and [
            one for one in point if isinstance(one, (int, float)) and not isinstance(one, bool)
        ]
        if not numbers or len(numbers) != 3 or len(point) != 3:
            raise OptionError(f"{name}[{i}] must be [x, y, label], got {_short(point)}")
        if not all(abs(one) <= self.span for one in numbers[:2]):
            raise OptionError(f"{name}[{i}] must be within {self.span:g} of 0, got {_short(point)}")
        if not abs(numbers[2]) <= _LABEL:
            raise OptionError(f"{name}[{i}] must have a label within {_LABEL:,} of 0")
        return [float(one) for one in numbers]


def settle(
    table: Mapping[str, Setting], given: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the value of every setting.

    Args:
        table: what can be set, by name.
        given: new values.
        before: those so far; the usual ones if `None`.

    Raises:
        OptionError: there is no such setting, or it cannot be that.

    Examples:
        >>> settle({"seed": Count(label="seed", usual=0, low=0, high=9)}, {"seed": 4})
        {'seed': 4}
    """
    for name in given:
        if name not in table:
            raise OptionError(f"there is no setting {_short(name)}{did_you_mean(name[:40], table)}")
    so_far = before or {name: setting.usual for name, setting in table.items()}
    return {
        name: setting.check(name, given[name]) if name in given else so_far[name]
        for name, setting in table.items()
    }


def _short(value: Any) -> str:
    """What came, in few letters, of whatever size it was."""
    if isinstance(value, (str, int, float)) or value is None:
        said = repr(value[:40] if isinstance(value, str) else value)
        return said if len(said) <= 60 else said[:57] + "..."
    return kind_of(value)

"""The space that a search draws from: for each setting a range or a choice (floor 4).

A trial's values hang on the seed of the study and the number of the trial alone, each setting drawn
by itself, so that a trial is the same in whatever order, process or study of that seed it runs.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import OptionError, did_you_mean
from chainrule.optim.names import OPTIMIZERS
from chainrule.train.fitting.loop import SCHEDULES
from chainrule.train.job.models import ACTIVATIONS
from chainrule.train.job.outcome import Settings

__all__ = ["Choice", "Range", "Space", "Value", "described", "drawn", "read_space", "usual_space"]

Value: TypeAlias = float | int | str | tuple[int, ...]
_DIGITS = 4  # of a number drawn from a range: so it can be typed again as it is told
_MOST_CHOICES = 1000


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: the least.
        high: the greatest.
        log: equal ratios, rather than equal differences, are equally likely.
        whole: whole numbers only.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def at(self, share: float) -> Value:
        """Return the number at a share of the way, 0 to 1.

        Examples:
            >>> Range(1e-4, 1e-2, log=True).at(0.5), Range(1, 3, whole=True).at(0.99)
            (0.001, 3)
        """
        if self.whole:
            return min(int(self.low + share * (self.high - self.low + 1)), int(self.high))
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return _short(math.exp(low + share * (high - low)))
        return _short(self.low + share * (self.high - self.low))

    def holds(self, value: Any) -> bool:
        """Whether a value lies in it."""
        return isinstance(value, (int, float)) and self.low <= value <= self.high

    def points(self, most: int) -> list[Value]:
        """Return at most so many numbers, evenly from end to end."""
        count = min(most, int(self.high - self.low) + 1) if self.whole else most
        shares = np.linspace(0, 1, count).tolist()
        if self.whole:
            return [round(self.low + share * (self.high - self.low)) for share in shares]
        return [self.at(share) for share in shares]


@dataclass(frozen=True)
class Choice:
    """A few values, each as likely as the next.

    Attributes:
        values: in the order in which they were given.
    """

    values: tuple[Value, ...]

    def at(self, share: float) -> Value:
        """Return the value at a share of the way, 0 to 1."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def holds(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return value in self.values

    def points(self, most: int) -> list[Value]:
        """Return all of them."""
        return list(self.values)


Space: TypeAlias = Mapping[str, Range | Choice]


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def drawn(space: Space, seed: int, trial: int) -> dict[str, Value]:
    """Return the values of a trial.

    Args:
        space: what to draw from.
        seed: of the study.
        trial: its number, from 0.

    Examples:
        >>> space = {"lr": Range(1e-4, 1e-1, log=True), "hidden": Choice((32, 64))}
        >>> drawn(space, 0, 3) == drawn(space, 0, 3)
        True
        >>> drawn({"lr": space["lr"]}, 0, 3)["lr"] == drawn(space, 0, 3)["lr"]
        True
    """
    return {name: among.at(_share(seed, trial, name)) for name, among in space.items()}


def _share(seed: int, trial: int, name: str) -> float:
    """A number from 0 to below 1 that hangs on these alone."""
    return float(np.random.default_rng([seed, trial, zlib.crc32(name.encode())]).random())


# --- the space that suits a network -------------------------------------------------------------


def usual_space(settings: Settings, classes: bool) -> dict[str, Range | Choice]:
    """Return what is searched where nobody says otherwise.

    Args:
        settings: of which the model counts, "mlp", "cnn" or "linear".
        classes: whether classes are to be told apart.
    """
    space: dict[str, Range | Choice] = {
        "lr": Range(3e-4, 1e-2 if settings.model == "cnn" else 3e-2, log=True),
        "batch_size": Choice((32, 64, 128)),
        "weight_decay": Choice((0.0, 1e-5, 1e-4, 1e-3, 1e-2)),
        "optimizer": Choice(("adam", "adamw")),
        "schedule": Choice(("cosine", "onecycle")),
    }
    if settings.model != "linear":
        space |= {
            "hidden": Choice((32, 64, 128, 256)),
            "depth": Range(1, 2 if settings.model == "cnn" else 3, whole=True),
            "dropout": Range(0, 0.5),
            "activation": Choice(("relu", "gelu", "silu", "tanh")),
        }
    if classes:
        space["label_smoothing"] = Choice((0.0, 0.05, 0.1))
    return space


# --- the space that a person writes -------------------------------------------------------------


@dataclass(frozen=True)
class _Setting:
    """What values a setting may have: its least and greatest, or its names."""

    low: float = 0.0
    high: float = math.inf
    log: bool = False
    whole: bool = False
    names: tuple[str, ...] = ()
    open: bool = False  # whether the ends are left out


_SETTINGS: Mapping[str, _Setting] = MappingProxyType(
    {
        "lr": _Setting(0, 1e6, log=True, open=True),
        "hidden": _Setting(1, 1e6, whole=True),
        "depth": _Setting(1, 100, whole=True),
        "dropout": _Setting(0, 1),
        "weight_decay": _Setting(0, 1e6, log=True),
        "batch_size": _Setting(1, 1e7, whole=True),
        "activation": _Setting(names=tuple(ACTIVATIONS)),
        "optimizer": _Setting(names=tuple(OPTIMIZERS)),
        "schedule": _Setting(names=tuple(SCHEDULES)),
        "label_smoothing": _Setting(0, 1),
    }
)
SEARCHED = tuple(_SETTINGS)


def read_space(given: Any) -> dict[str, Range | Choice]:
    """Return the space that a person, or a file, describes.

    Args:
        given: by the name of a setting (`lr`, `hidden`, `depth`, `dropout`, `weight_decay`,
            `batch_size`, `activation`, `optimizer`, `schedule`, `label_smoothing`) a text such as
            "1e-4..1e-1" or "32,64,128", a list of values, one value, or a range as
            `{"low": 0.1, "high": 1, "log": true}`. For `hidden`, "128x64" or `[128, 64]` in a list
            means two layers.

    Raises:
        OptionError: a name or value that cannot be.

    Examples:
        >>> read_space({"lr": "1e-4..1e-1", "hidden": "64,128x64"})["hidden"]
        Choice(values=(64, (128, 64)))
        >>> read_space({"dropout": "0..2"})
        Traceback (most recent call last):
        ...
        chainrule.errors.OptionError: the space says dropout = 2, which must be from 0 to below 1
    """
    if not isinstance(given, Mapping):
        raise OptionError(
            'the space must say for each setting what to try, as {"lr": "1e-4..1e-1"}, '
            f"got {given!r:.60}"
        )
    return {_known(name): _among(name, what) for name, what in given.items()}


def _known(name: Any) -> str:
    if name not in _SETTINGS:
        raise OptionError(
            f"the space names {name!r:.40}, which is not searched; use {', '.join(_SETTINGS)}"
            + did_you_mean(str(name), _SETTINGS)
        )
    return str(name)


def _among(name: str, what: Any) -> Range | Choice:
    if isinstance(what, Mapping):
        return _range(name, what.get("low"), what.get("high"), what.get("log"))
    if isinstance(what, str) and ".." in what:
        low, _, high = what.partition("..")
        return _range(name, _typed(low), _typed(high), None)
    values = what.split(",") if isinstance(what, str) else what
    if not isinstance(values, Sequence) or isinstance(values, str):
        values = [values]
    if not 0 < len(values) <= _MOST_CHOICES:
        raise OptionError(f"the space gives {name} {len(values):,} values; give 1 to 1,000")
    kept = dict.fromkeys(_checked(name, _typed(v) if isinstance(v, str) else v) for v in values)
    return Choice(tuple(kept))


def _range(name: str, low: Any, high: Any, log: Any) -> Range:
    setting = _SETTINGS[name]
    if setting.names:
        raise OptionError(f"{name} is chosen by name: give a list, such as {setting.names[0]}")
    low, high = (_checked(name, end) for end in (low, high))
    if isinstance(low, tuple) or isinstance(high, tuple) or not low < high:
        raise OptionError(f"the space gives {name} from {low} to {high}; the first must be less")
    log = (setting.log and low > 0) if log is None else log
    if not isinstance(log, bool) or (log and low <= 0):
        raise OptionError(f"the space gives {name} from {low}; by ratios it must begin above 0")
    return Range(low, high, log, setting.whole)


def _typed(text: str) -> Any:
    """A number, layers as 128x64, or the text as it stands."""
    text = text.strip()
    if text.replace("x", "").isdecimal() and "x" in text.strip("x"):
        return [int(part) for part in text.split("x") if part]
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if math.isfinite(number) and number.is_integer() else number


def _checked(name: str, value: Any) -> Any:
    """A value of a setting, or a sentence on why it is none."""
    setting = _SETTINGS[name]
    if setting.names:
        if value not in setting.names:
            raise OptionError(
                f"the space says {name} = {value!r:.40}; use {', '.join(setting.names)}"
                + did_you_mean(str(value), setting.names)
            )
        return value
    if name == "hidden" and isinstance(value, (list, tuple)) and value:
        return tuple(_checked(name, size) for size in value)
    number = type(value) is int or (type(value) is float and not setting.whole)
    below = setting.high == 1
    if not number or not setting.low <= value <= setting.high or (below and value == 1):
        raise OptionError(
            f"the space says {name} = {value!r:.40}, which must be "
            + _allowed(setting, "from {:g} to below 1" if below else "a number from {:g} on")
        )
    if setting.open and value == setting.low:
        raise OptionError(f"the space says {name} = {value}, which must be above {setting.low:g}")
    return value


def _allowed(setting: _Setting, words: str) -> str:
    return ("a whole number from {:g} on" if setting.whole else words).format(setting.low)


def described(space: Space) -> dict[str, Any]:
    """Return a space as plain data, which `read_space` takes.

    Examples:
        >>> described({"dropout": Range(0, 0.5), "hidden": Choice((8, (8, 4)))})
        {'dropout': {'low': 0, 'high': 0.5, 'log': False}, 'hidden': [8, [8, 4]]}
    """
    return {
        name: [list(v) if isinstance(v, tuple) else v for v in among.values]
        if isinstance(among, Choice)
        else {"low": among.low, "high": among.high, "log": among.log}
        for name, among in space.items()
    }

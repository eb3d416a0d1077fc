"""A parameter group: the options of some parameters, the numbers among them in arrays (floor 3).

A compiler records one step and replays it, so a learning rate that was read as a Python number
while recording would stay that number for ever. Hence an option that is a number is read and
written like one, `group["lr"] *= 0.1`, while the steps are given the array behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from chainrule.errors import OptionError, did_you_mean
from chainrule.ops import Array
from chainrule.ops.core import LISTENERS, SETTINGS, tell
from chainrule.optim.number import as_numbers
from chainrule.optim.told import ToldList

__all__ = ["ParamGroup"]


class ParamGroup(MutableMapping[str, Any]):
    """A dictionary of options in which numbers live in arrays that never change their identity.

    Args:
        options: names and values, `"params"` among them.
        numbers: the names of those that are numbers, or tuples of numbers; other options are kept
            as they are.

    Raises:
        OptionError: an option that is in `numbers` is no number.

    Examples:
        >>> group = ParamGroup({"params": [], "lr": 0.5, "nesterov": False}, ["lr"])
        >>> rate = group.array("lr")
        >>> group["lr"] /= 2
        >>> group["lr"], rate
        (0.25, array(0.25))
    """

    def __init__(self, options: Mapping[str, Any], numbers: Iterable[str]) -> None:
        self._numbers = frozenset(numbers)
        self._values: dict[str, Any] = {}
        self.update(options)

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        if name not in self._numbers:
            return value
        if LISTENERS:
            tell("option", name)
        found = value.tolist()
        return tuple(found) if value.ndim else found

    def __setitem__(self, name: str, value: Any) -> None:
        if LISTENERS:
            tell("option", name)
        if name not in self._numbers:
            self._values[name] = ToldList(value) if name == "params" else value
            SETTINGS.changes += 1
            return
        fresh = np.array(as_numbers(name, value), dtype=np.float64)
        kept = self._values.setdefault(name, fresh)
        if kept.shape != fresh.shape:
            raise OptionError(f"{name} is {self[name]}, so it cannot become {value!r:.60}")
        if kept.any() != fresh.any():  # what is 0 is switched off
            SETTINGS.changes += 1
        np.copyto(kept, fresh)

    def __delitem__(self, name: str) -> None:
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(dict(self))

    def array(self, name: str) -> Array:
        """Return the float64 array that option `name` lives in: 0-d, or 1-d for a tuple.

        Raises:
            OptionError: there is no such option, or it is not a number.
        """
        if name not in self._numbers or name not in self._values:
            here = [n for n in self._values if n in self._numbers]
            raise OptionError(
                f"{name!r} is not a number among the options of this group"
                f"{did_you_mean(name, here)}; there are: {', '.join(here)}"
            )
        found: Array = self._values[name]
        return found

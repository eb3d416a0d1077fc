"""The lists and dictionaries of an optimiser, which tell when they are changed (floor 3).

They are lists and dictionaries like any other. A person may take a parameter out of a group or
empty the state, and a recorded step has to hear of it: each change counts in `SETTINGS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from chainrule.ops.core import SETTINGS

__all__ = ["States", "ToldDict", "ToldList"]


class ToldList(list[Any]):
    """A list whose changes are counted.

    Examples:
        >>> before = SETTINGS.changes
        >>> ToldList([1, 2]).pop(), SETTINGS.changes - before
        (2, 1)
    """


class ToldDict(dict[str, Any]):
    """A dictionary whose changes are counted."""


class States(defaultdict[Any, ToldDict]):
    """What is remembered of each parameter, a `ToldDict` each, empty where none was there."""

    def __init__(self, *given: Any) -> None:
        super().__init__(ToldDict)
        self.update(*(g for g in given if isinstance(g, Mapping)))

    def __setitem__(self, key: Any, value: Mapping[str, Any]) -> None:
        SETTINGS.changes += 1
        super().__setitem__(key, value if isinstance(value, ToldDict) else ToldDict(value))

    def update(self, *given: Any) -> None:  # type: ignore[override]
        """Take over what is remembered in a dictionary."""
        for key, value in dict(*given).items():
            self[key] = value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return what is remembered under `key`, `default` from now on if nothing was."""
        if key not in self:
            self[key] = default or {}
        return self[key]


def _told(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        SETTINGS.changes += 1
        return method(self, *args, **kwargs)

    return counted


_OF_LISTS = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]
_OF_LISTS += ["__delitem__", "__iadd__", "__imul__", "__setitem__"]
_OF_DICTS = ("__delitem__", "__setitem__", "__ior__", "clear", "pop", "popitem", "setdefault")

for _name in _OF_LISTS:
    setattr(ToldList, _name, _told(getattr(list, _name)))
for _name in (*_OF_DICTS, "update"):
    setattr(ToldDict, _name, _told(getattr(dict, _name)))
for _name in ("__delitem__", "clear", "pop", "popitem"):
    setattr(States, _name, _told(getattr(defaultdict, _name)))

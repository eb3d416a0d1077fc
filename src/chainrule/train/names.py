"""The names from outside that a function reads: its closure, and globals (floor 4)."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter, is_
from types import CodeType, FunctionType, MethodType
from typing import Any

__all__ = ["Names"]

_PLAIN = (bool, int, float, str, type(None))
_content = attrgetter("cell_contents")


class Names:
    """What a function finds under the names that it reads from outside of itself.

    Names that functions called by it read are not looked at, nor what objects have as attributes.

    Args:
        function: a function or method, with some arguments given or not; of anything else nothing
            is known.

    Examples:
        >>> scale = 2.0
        >>> def step(x):
        ...     return scale * x
        >>> names = Names(step)
        >>> before = names.now()
        >>> names.changed(before)
        ''
        >>> scale = 3.0
        >>> names.changed(before)
        'scale'
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        while isinstance(function, (partial, MethodType)):
            function = function.func if isinstance(function, partial) else function.__func__
        self._cells: tuple[Any, ...] = ()
        self._globals: dict[str, Any] = {}
        self._names: list[str] = []
        if isinstance(function, FunctionType):
            self._cells = function.__closure__ or ()
            self._globals = function.__globals__
            self._names = sorted(set(_globals(function.__code__)) & self._globals.keys())
            self._told = (*function.__code__.co_freevars, *self._names)

    def now(self) -> list[Any]:
        """Return what the names stand for."""
        try:
            cells = [*map(_content, self._cells)]
        except ValueError:  # a name that is given something later
            cells = [None] * len(self._cells)
        return [*cells, *map(self._globals.get, self._names)]

    def same(self, before: list[Any]) -> bool:
        """Return whether the names stand for the very same things as before, at a glance."""
        things = iter(before)
        try:
            for cell in self._cells:
                if cell.cell_contents is not next(things):
                    return False
        except ValueError:
            return False
        return all(map(is_, map(self._globals.get, self._names), things))

    def changed(self, before: list[Any]) -> str:
        """Return the first name that stands for something else than before, or nothing."""
        for i, (a, b) in enumerate(zip(before, self.now())):
            if a is not b and not (type(a) is type(b) and isinstance(a, _PLAIN) and a == b):
                return self._told[i]
        return ""


def _globals(code: CodeType) -> Iterator[str]:
    """The globals that `code`, and the functions defined in it, read."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals(constant)

"""What a function reads from outside of itself: closures, globals, and what is in those (floor 4).

The code of the function says which names it reads, and which attributes of them. It is followed
into other functions of a person's and into methods of a person's objects; lists and dictionaries
under such names are looked into. What comes as an argument of a call inside is not followed.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import is_
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from chainrule.autograd import Tensor
from chainrule.nn import Module
from chainrule.optim import Optimizer

__all__ = ["Names"]

_PLAIN = (bool, int, float, str, type(None))
_LIBRARIES = ("chainrule", "numpy", "builtins")

# What can be told to have changed by other means, or is no object of a person's.
_KNOWN = (Tensor, Module, Optimizer, ModuleType, type)

# Longer lists and dictionaries hold data.
_LONGEST = 64

# A name and the attributes of it that are read, one of the other.
_Path = tuple[str, ...]


class Names:
    """What a function finds under the names that it reads from outside of itself.

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
        while isinstance(function, partial):
            function = function.func
        self._function = function

    def now(self) -> Found:
        """Return what the names stand for."""
        return Found(self._function)

    def same(self, before: Found) -> bool:
        """Return whether the names stand for the very same things as before, at a glance."""
        return before.holds()

    def changed(self, before: Found) -> str:
        """Return the first name that stands for something else than before, or nothing."""
        return before.differing()


class Found:
    """What a function was found to read, and what it read there.

    Args:
        function: a function or method.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._told: list[str] = []
        self._looks: list[Callable[[], Any]] = []
        self._things: list[Any] = []
        self._within: list[tuple[str, Any, list[Any]]] = []  # lists and dictionaries
        self._seen: set[tuple[int, int]] = set()
        self._follow(function, always=True)

    # --- finding out what is read ---------------------------------------------------------------

    def _follow(self, function: Any, always: bool = False) -> None:
        """Note what a function or method reads; one of a library only if it is the step itself."""
        owner = None
        if isinstance(function, MethodType):
            function, owner = function.__func__, function.__self__
        if not isinstance(function, FunctionType):
            return
        key = (id(function), id(owner))
        if key in self._seen or not (always or _is_persons(function)):
            return
        self._seen.add(key)
        code = function.__code__
        cells = dict(zip(code.co_freevars, function.__closure__ or ()))
        own = code.co_varnames[0] if owner is not None and code.co_argcount else None
        for name, *attributes in sorted(set(_paths(code, own))):
            if name in cells:
                value = self._place(name, partial(_content, cells[name]))
            elif name == own:
                value = owner
            elif name in function.__globals__:
                value = self._place(name, partial(function.__globals__.get, name))
            else:
                continue
            self._read(name, value, attributes)

    def _read(self, told: str, value: Any, attributes: Sequence[str]) -> None:
        for attribute in attributes:
            if isinstance(value, _KNOWN) or not _is_persons(type(value)):
                break
            told = f"{told}.{attribute}"
            if attribute in getattr(value, "__dict__", ()):
                value = self._place(told, partial(vars(value).get, attribute))
            else:
                method = vars(type(value)).get(attribute)
                value = MethodType(method, value) if isinstance(method, FunctionType) else None
        if type(value) in (list, dict) and len(value) <= _LONGEST:
            self._within.append((f"what is in {told}", value, _contents(value)))
        self._follow(value)

    def _place(self, told: str, look: Callable[[], Any]) -> Any:
        self._told.append(told)
        self._looks.append(look)
        self._things.append(look())
        return self._things[-1]

    # --- what is there now ----------------------------------------------------------------------

    def holds(self) -> bool:
        """Return whether everything is the very thing that it was."""
        for look, thing in zip(self._looks, self._things):
            if look() is not thing:
                return False
        return all(_are(_contents(value), things) for _, value, things in self._within)

    def differing(self) -> str:
        """Return the first name of something that is not as it was, or nothing."""
        for told, look, thing in zip(self._told, self._looks, self._things):
            if not _alike(thing, look()):
                return told
        for told, value, things in self._within:
            if not _alike(things, _contents(value)):
                return told
        return ""


def _is_persons(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).partition(".")[0] not in _LIBRARIES


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that is given something later
        return None


def _contents(value: Any) -> list[Any]:
    return [*value, *value.values()] if isinstance(value, dict) else [*value]


def _are(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(map(is_, a, b))


def _alike(a: Any, b: Any) -> bool:
    if type(a) is list and type(b) is list:
        return a is b or (len(a) == len(b) and all(map(_alike, a, b)))
    return a is b or (type(a) is type(b) and isinstance(a, _PLAIN) and a == b)


def _paths(code: CodeType, own: str | None = None) -> Iterator[_Path]:
    """The names that `code`, and the functions defined in it, read, each with attributes.

    Args:
        code: of the function.
        own: the name of a local variable that counts as well.
    """
    path: list[str] = []
    for instruction in dis.get_instructions(code):
        if path and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path.append(instruction.argval)
            continue
        if path:
            yield tuple(path)
        reads = instruction.opname in ("LOAD_GLOBAL", "LOAD_DEREF")
        is_own = instruction.opname == "LOAD_FAST" and instruction.argval == own
        path = [instruction.argval] if reads or is_own else []
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _paths(constant)

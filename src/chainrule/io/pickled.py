"""An interpreter of pickles that makes plain values only, and executes nothing (floor 4).

A pickle is a program for a small stack machine. Python's own reader imports whatever the program
names and calls it; this one looks each name up in a table that it was given and refuses every
other. What it can make by itself is numbers, texts, lists, tuples, dictionaries and sets.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from typing import Any

from chainrule.errors import DataError, one_line

__all__ = ["Builder", "unpickled"]

_MARK = object()
# Instructions that put their argument on the stack.
_PUSHED = frozenset(
    """
    BININT BININT1 BININT2 INT LONG LONG1 LONG4 BINFLOAT FLOAT BINUNICODE SHORT_BINUNICODE
    BINUNICODE8 UNICODE BINBYTES SHORT_BINBYTES BINBYTES8 BINSTRING SHORT_BINSTRING STRING
    """.split()  # noqa: SIM905
)
_SINGLE: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set,
    "MARK": lambda: _MARK,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = ("PROTO", "FRAME", "STOP")


class Builder:
    """What stands for a class or a function that a pickle may name.

    Args:
        make: called with the arguments that the pickle gives.
        fill: called with what was made and the state that the pickle sets; ignored if `None`.
    """

    def __init__(
        self, make: Callable[..., Any], fill: Callable[[Any, Any], None] | None = None
    ) -> None:
        self.make, self.fill = make, fill


def unpickled(content: bytes, known: Mapping[str, Any], persistent: Callable[[Any], Any]) -> Any:
    """Read a pickle.

    Args:
        content: the pickle.
        known: what a name `module.name` in it stands for: a `Builder`, or a value.
        persistent: what a reference to something outside the pickle stands for.

    Raises:
        DataError: it names something else, or is no whole pickle.

    Examples:
        >>> import pickle
        >>> unpickled(pickle.dumps({"a": [1, (2.5, None)]}), {}, None)
        {'a': [1, (2.5, None)]}
        >>> unpickled(pickle.dumps(print), {}, None)
        Traceback (most recent call last):
        chainrule.errors.DataError: it names builtins.print, which is not among what is read: \
tensors, numbers, texts, and dictionaries, lists and tuples of them
    """
    machine = _Machine(known, persistent)
    try:
        for opcode, argument, _ in pickletools.genops(content):
            machine.take(opcode.name, argument)
        (result,) = machine.stack
    except DataError:
        raise
    except Exception as error:
        # Whatever a damaged program makes the machine stumble over, it is damaged.
        raise DataError(f"it is no whole pickle ({one_line(str(error))[:80]})") from None
    return result


class _Machine:
    """The stack, and what was set aside."""

    def __init__(self, known: Mapping[str, Any], persistent: Callable[[Any], Any]) -> None:
        self.known, self.persistent = known, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.fills: dict[int, tuple[Any, Callable[[Any, Any], None]]] = {}

    def take(self, name: str, argument: Any) -> None:
        """Carry out one instruction."""
        stack = self.stack
        if name in _PUSHED:
            stack.append(argument)
        elif name in _SINGLE:
            stack.append(_SINGLE[name]())
        elif name in _TUPLES:
            count = _TUPLES[name]
            parts = tuple(stack.pop() for _ in range(count))
            stack.append(parts[::-1])
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[argument])
        elif name not in _IGNORED:
            method = getattr(self, f"_{name.lower()}", None)
            if method is None:
                raise DataError(f"it has the instruction {name}, which no plain value needs")
            method(*(() if argument is None else (argument,)))

    def _marked(self) -> list[Any]:
        """Take off what lies above the last mark, and the mark."""
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise DataError("it is no whole pickle (a mark is missing)")
        parts = self.stack[place + 1 :]
        del self.stack[place:]
        return parts

    def _tuple(self) -> None:
        self.stack.append(tuple(self._marked()))

    def _list(self) -> None:
        self.stack.append(self._marked())

    def _dict(self) -> None:
        parts = self._marked()
        self.stack.append(dict(zip(parts[::2], parts[1::2], strict=True)))

    def _pop(self) -> None:
        self.stack.pop()

    def _pop_mark(self) -> None:
        self._marked()

    def _dup(self) -> None:
        self.stack.append(self.stack[-1])

    def _append(self) -> None:
        value = self.stack.pop()
        _of_kind(self.stack[-1], list).append(value)

    def _appends(self) -> None:
        values = self._marked()
        _of_kind(self.stack[-1], list).extend(values)

    def _additems(self) -> None:
        values = self._marked()
        _of_kind(self.stack[-1], set).update(values)

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _of_kind(self.stack[-1], dict)[key] = value

    def _setitems(self) -> None:
        parts = self._marked()
        _of_kind(self.stack[-1], dict).update(zip(parts[::2], parts[1::2], strict=True))

    def _global(self, name: str) -> None:
        self._named(name.replace(" ", "."))

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._named(f"{module}.{name}")

    def _named(self, name: str) -> None:
        if name not in self.known:
            raise DataError(
                f"it names {one_line(name)[:80]}, which is not among what is read: tensors, "
                "numbers, texts, and dictionaries, lists and tuples of them"
            )
        self.stack.append(self.known[name])

    def _reduce(self) -> None:
        arguments, builder = self.stack.pop(), self.stack.pop()
        builder = _of_kind(builder, Builder)
        made = builder.make(*_of_kind(arguments, tuple))
        if builder.fill is not None:
            self.fills[id(made)] = made, builder.fill
        self.stack.append(made)

    _newobj = _reduce

    def _build(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        _, fill = self.fills.get(id(made), (made, None))
        if fill is not None:
            fill(made, state)

    def _binpersid(self) -> None:
        self.stack.append(self.persistent(self.stack.pop()))


def _of_kind(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise DataError(
            f"it is no whole pickle (a {kind.__name__.lower()} was due, there is a "
            f"{type(value).__name__})"
        )
    return value

"""Which names, attributes and items the code of a function reads and sets, and where (floor 4).

A chain is a name and what is asked of it one after the other, as in `world.options["scale"]`. It is
read off the instructions, each Python version's own. What is asked of the result of a call or of a
calculation belongs to no chain: such attributes are *adrift*, known by their names alone.
"""

from __future__ import annotations

import dis
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

__all__ = ["Chain", "Reading", "reading"]

_QUIET = ("CACHE", "PUSH_NULL", "NOP", "PRECALL", "RESUME", "COPY", "COPY_FREE_VARS", "MAKE_CELL")
_GETS, _SETS = ("LOAD_ATTR", "LOAD_METHOD"), ("STORE_ATTR", "DELETE_ATTR")
_ITEMS = ("BINARY_SUBSCR", "STORE_SUBSCR", "DELETE_SUBSCR")

# Functions that ask for attributes by other means.
_ASKING = {"getattr", "hasattr", "setattr", "vars", "asdict", "astuple"}


class Chain:
    """A name, and what is asked of it.

    Attributes:
        kind: "local", "free" (of a function around this one), "global" or "constant".
        name: the name, or the constant.
        steps: each the name of an attribute, or the chain that gives the key of an item.
    """

    def __init__(self, kind: str, name: Any, at: int) -> None:
        self.kind = kind
        self.name = name
        self.at = at
        self.steps: list[str | Chain] = []


class Reading(NamedTuple):
    """What the code of a function reads.

    Attributes:
        chains: by the offset of the instruction that begins them.
        adrift: names of attributes that are asked of the results of calls and calculations.
        asks: whether it asks for attributes by names that no instruction shows.
    """

    chains: dict[int, list[Chain]]
    adrift: frozenset[str]
    asks: bool


@lru_cache(maxsize=1024)
def reading(code: CodeType) -> Reading:
    """Return what `code` reads.

    Examples:
        >>> def step(x):
        ...     return x * world.options["scale"] + make().flag
        >>> found = reading(step.__code__)
        >>> [(c.name, len(c.steps)) for cs in found.chains.values() for c in cs]
        [('x', 0), ('world', 2), ('make', 0)]
        >>> sorted(found.adrift)
        ['flag']
    """
    reader = _Reader()
    for instruction in dis.get_instructions(code):
        reader.take(instruction)
    reader.close()
    chains: dict[int, list[Chain]] = {}
    for chain in reader.found:
        chains.setdefault(chain.at, []).append(chain)
    return Reading(chains, frozenset(reader.adrift), not _ASKING.isdisjoint(code.co_names))


class _Reader:
    """Goes through instructions, with at most two chains in hand: one, and what may be its key."""

    def __init__(self) -> None:
        self.found: list[Chain] = []
        self.adrift: set[str] = set()
        self._open: list[Chain] = []
        self._extended: int | None = None
        self._following: list[tuple[str, Any]] = []  # loaded where the next instruction is

    def take(self, i: dis.Instruction) -> None:
        """Take the next instruction in."""
        if i.opname in _QUIET:
            return
        if i.opname == "EXTENDED_ARG":
            self._extended = i.offset if self._extended is None else self._extended
            return
        at = i.offset if self._extended is None else self._extended
        self._extended = None
        for kind, name in self._following:
            self._load(kind, name, at)
        self._following.clear()
        if i.is_jump_target:  # what is on the stack may be another thing, from elsewhere
            self.close()
        if i.opname in _GETS:
            self._attribute(i.argval)
        elif i.opname in _SETS:
            self._attribute(i.argval)
            self.close()
        elif i.opname in _ITEMS or (i.opname == "BINARY_OP" and i.argrepr == "[]"):
            self._item(at_end=i.opname.startswith(("STORE", "DELETE")))
        else:
            self._other(i, at)

    def _other(self, i: dis.Instruction, at: int) -> None:
        name = i.opname
        if name == "STORE_FAST_LOAD_FAST":
            self.close()
            self._following.append(("local", i.argval[1]))
        elif name.startswith("LOAD_FAST"):
            for each in i.argval if isinstance(i.argval, tuple) else (i.argval,):
                self._load("local", each, at)
        elif name == "LOAD_CONST":
            self._load("constant", i.argval, at)
        elif name.endswith(("_DEREF", "_CLASSDEREF")):
            self._load("free", i.argval, at)
        elif name.endswith(("_GLOBAL", "_NAME")) and name != "IMPORT_NAME":
            self._load("global", i.argval, at)
        else:
            if name == "MATCH_CLASS" and self._open:
                self.adrift.update(self._open[-1].name)  # a constant: the names of attributes
            self.close()

    def _load(self, kind: str, name: Any, at: int) -> None:
        if len(self._open) == 2:
            self.found.append(self._open.pop(0))
        self._open.append(Chain(kind, name, at))

    def _attribute(self, name: str) -> None:
        if self._open:
            self._open[-1].steps.append(name)
        else:
            self.adrift.add(name)

    def _item(self, at_end: bool) -> None:
        if len(self._open) < 2:
            self.close()
            return
        whole, key = self._open
        if key.kind != "constant":
            self.found.append(key)
        whole.steps.append(key)
        self._open = [whole]
        if at_end:
            self.close()

    def close(self) -> None:
        """Let go of the chains in hand: they are done."""
        self.found += [c for c in self._open if c.kind != "constant"]
        self._open = []

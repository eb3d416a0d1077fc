"""What a run of a step finds outside of its arguments, in a person's own code (floor 4).

While a step is recorded, the functions of a person's that it enters are traced, and each name,
attribute and item that they read or set is noted with the value that was there first: in closures,
globals, classes, and objects however they came by. Lists, dictionaries and small arrays are noted
with what is in them. What nothing else holds after the run was made inside and is forgotten. The
rest has to be as it was before each replay, and what cannot be compared (iterators, clocks, other
random numbers) is refused.
"""

from __future__ import annotations

import builtins
import gc
import os
import sys
import weakref
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from operator import attrgetter, is_
from pathlib import Path
from types import (
    BuiltinFunctionType,
    CellType,
    ClassMethodDescriptorType,
    CodeType,
    FrameType,
    FunctionType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, NamedTuple

import numpy as np

from chainrule.autograd import Tensor
from chainrule.backend.arrays import folders
from chainrule.plan.compare import equal
from chainrule.plan.program import Place
from chainrule.train.compiling.chains import Chain, reading

__all__ = ["Found", "Reads"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
_HOLDERS = (list, dict, set, deque)
_BYTES = (np.ndarray, bytearray, memoryview, array)
_ARRAYS = ("chainrule", "numpy", "cupy")
_LIBRARIES = (*_ARRAYS, "builtins", *sys.stdlib_module_names)

# Functions of these, and methods of their objects, give another thing each time or act on the world
# outside, and no replay calls them.
_LIVELY: tuple[str, ...] = (
    "random",
    "_random",
    "numpy.random",
    "time",
    "uuid",
    "secrets",
    "os",
    "posix",
    "nt",
)
_LIVELY += ("io", "_io", "queue", "_queue", "multiprocessing", "contextvars", "_contextvars")
_LIVELY += ("logging",)
_BUILTINS = (print, input, globals)
_CLOCKS = ("now", "today", "utcnow")
_SEEDED = ("default_rng",)

# Of an array nothing but this is read without its numbers.
_OUTSIDE = ("shape", "dtype", "ndim", "size", "nbytes", "itemsize")

# What a tensor has of its own, and the recorder knows.
_OF_TENSORS = {*dir(Tensor), *vars(Tensor(0.0))}

# Numbers in an array that Python reads are compared up to so many bytes.
_SMALL = 1 << 14


_ABSENT: Any = object()

# What of a class can be asked for without running a person's code.
_READY: tuple[type, ...] = (
    FunctionType,
    classmethod,
    staticmethod,
    MethodDescriptorType,
    BuiltinFunctionType,
)
_READY += (MemberDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType)

_OURS = str(Path(__file__).parents[2])
_NUMPY = str(Path(np.__file__).parent)
_STANDARD = str(Path(os.__file__).parent)


class _Note(NamedTuple):
    """Something read: what it is called and where that was, and what was there first.

    Attributes:
        form: how to look again: an "entry" of a mapping or of a "class", a "cell", an "element" of
            a list, a "slot"; "within" a list or the like, or the "numbers" of an array.
        owner: the identity of what it was found in,
        key: and under what.
    """

    told: str
    where: Place
    form: str
    owner: int
    key: Any
    value: Any


class Reads:
    """Notes what is read while a function runs.

    Args:
        function: a function, a method or anything else that is called.

    Examples:
        >>> scale = 2.0
        >>> def step(x):
        ...     return scale * x
        >>> reads = Reads(step)
        >>> with reads.watching():
        ...     y = step(3.0)
        >>> found = reads.close()
        >>> found.holds()
        True
        >>> scale = 5.0
        >>> found.differing().partition(",")[0]
        'scale'
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._notes: dict[Any, _Note] = {}
        self._held: dict[int, Any] = {}  # so that no identity is taken twice
        self._objects: dict[int, tuple[str, Place]] = {}
        self._moving: dict[int, tuple[str, Place]] = {}
        self._functions: dict[CodeType, FunctionType] = {}
        self._adrift: set[str] = set()
        self._entered: set[CodeType] = set()
        self.refusals: list[str] = []
        self._come_by(function, "the step", _place(function))

    # --- while it runs --------------------------------------------------------------------------

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what this thread reads inside the block; other tracers rest meanwhile."""
        before = sys.gettrace()
        # From Python 3.12 on, opcodes are traced only if a frame has asked beforehand.
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        file, name = frame.f_code.co_filename, frame.f_globals.get("__name__")
        if not _is_traced(file, name, folders()):
            return None
        if any(getattr(heard, "__code__", None) is frame.f_code for heard in gc.callbacks):
            return None  # the collector's affair, and no part of the step
        frame.f_trace_opcodes = True
        if frame.f_code not in self._entered:
            self._entered.add(frame.f_code)
            self._enter_first(frame)
        found = reading(frame.f_code)
        self._adrift |= found.adrift
        chains = found.chains

        def follow(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "line":
                frame.f_trace_opcodes = True  # Python 3.13 forgets it where a function begins
            elif event == "opcode" and frame.f_lasti in chains:
                for chain in chains[frame.f_lasti]:
                    self._follow(frame, chain, found.asks)
            return follow

        return follow

    def _enter_first(self, frame: FrameType) -> None:
        """Note where a function that runs was found: in a class, or by a name that was followed."""
        code = frame.f_code
        where = Place(code.co_filename, code.co_firstlineno)
        function = self._functions.get(code)
        if code.co_argcount and function is None:
            owner = frame.f_locals.get(code.co_varnames[0])
            for kind in type(owner).__mro__:
                for name, found in vars(kind).items():
                    if isinstance(found, FunctionType) and found.__code__ is code:
                        self._in_class(kind, name, f"{kind.__name__}.{name}", where)
                        self._meet(found)
                        function = found
        if function is not None:
            for name in ("__code__", "__defaults__")[: 2 if function.__defaults__ else 1]:
                value = getattr(function, name)
                self._note(f"{name} of {code.co_name}", where, "slot", function, name, value)

    def _follow(self, frame: FrameType, chain: Chain, asks: bool) -> None:
        where = Place(frame.f_code.co_filename, frame.f_lineno)
        value, told = self._root(frame, chain, where), str(chain.name)
        for step in chain.steps:
            if value is _ABSENT:
                return
            if isinstance(step, str):
                told = f"{told}.{step}"
                value = self._attribute(value, step, told, where)
            else:
                key = self._key(frame, step, where)
                told = f"{told}[{key!r:.20}]" if isinstance(key, _PLAIN) else f"{told}[...]"
                value = self._item(value, key, told, where)
        self._come_by(value, told, where, asks)

    def _key(self, frame: FrameType, chain: Chain, where: Place) -> Any:
        value = self._root(frame, chain, where)
        for step in chain.steps:
            if value is not _ABSENT and isinstance(step, str):
                value = self._attribute(value, step, step, where)
            else:
                return _ABSENT
        return value

    def _root(self, frame: FrameType, chain: Chain, where: Place) -> Any:
        name = chain.name
        if chain.kind == "constant":
            return name
        if chain.kind == "global":
            if name not in frame.f_globals and hasattr(builtins, name):
                return getattr(builtins, name)
            return self._entry(frame.f_globals, name, name, where)
        value = frame.f_locals.get(name, _ABSENT)
        if name in frame.f_code.co_freevars and name != "__class__":
            for cell in self._cells(frame.f_code, name, value):
                self._note(name, where, "cell", cell, None, value)
        return value

    def _cells(self, code: CodeType, name: str, value: Any) -> Sequence[CellType]:
        """The cells that a function of this code, running, may find `name` in."""
        function = self._functions.get(code)
        if function is not None:
            functions = [function]
        elif any(code in outer.co_consts and name in outer.co_cellvars for outer in self._entered):
            return ()  # of a function that runs now
        else:
            functions = [f for f in gc.get_referrers(code) if isinstance(f, FunctionType)]
            if len(functions) == 1:
                self._meet(functions[0])
        place = code.co_freevars.index(name)
        cells = [(f.__closure__ or ())[place] for f in functions]
        return [cell for cell in cells if _content(cell) is value]

    # --- attributes and items -------------------------------------------------------------------

    def _attribute(self, value: Any, name: str, told: str, where: Place) -> Any:
        if isinstance(value, ModuleType):
            if _is_library(value.__name__):
                return getattr(value, name, _ABSENT)
            return self._entry(vars(value), name, told, where)
        own = getattr(value, "__dict__", None)
        if name == "__dict__":
            return own
        if isinstance(value, Tensor) and (name in _OF_TENSORS or name not in vars(value)):
            return _ABSENT
        if isinstance(value, _BYTES) and name not in _OUTSIDE:
            self._look_at(value, told, where)
        if isinstance(value, np.ndarray):
            return _ABSENT
        if isinstance(value, _HOLDERS):
            self._look_within(value, told.rpartition(".")[0], where)
        if type(own) is dict and name in own:
            return self._entry(own, name, told, where)
        return self._of_class(value, own, name, told, where)

    def _of_class(self, value: Any, own: Any, name: str, told: str, where: Place) -> Any:
        """What is found in a class, of an object or of the class itself."""
        is_class = isinstance(value, type)
        classes = (*(value.__mro__ if is_class else ()), *type(value).__mro__)
        found_in = next((i for i, kind in enumerate(classes) if name in vars(kind)), len(classes))
        raw = vars(classes[found_in])[name] if found_in < len(classes) else _ABSENT
        if raw is _ABSENT or not hasattr(type(raw), "__get__"):
            if type(own) is dict:
                self._entry(own, name, told, where)  # what would hide it
            for kind in classes[: found_in + 1]:
                self._in_class(kind, name, told, where)
            return raw
        kind = classes[found_in]
        self._in_class(kind, name, told, where)
        ready = is_class or isinstance(raw, _READY) or _is_library(kind.__module__)
        if isinstance(raw, (property, cached_property)) or not ready:
            return _ABSENT  # its function, if it is a person's, is traced
        found = getattr(value, name, _ABSENT)
        if not is_class and isinstance(found, _PLAIN):  # a slot, or a field of something in C
            self._note(told, where, "slot", value, name, found)
        return found

    def _in_class(self, kind: type, name: str, told: str, where: Place) -> None:
        if not _is_library(kind.__module__):
            self._note(told, where, "class", kind, name, vars(kind).get(name, _ABSENT))

    def _item(self, value: Any, key: Any, told: str, where: Place) -> Any:
        if isinstance(key, (*_PLAIN, tuple)):
            if type(value).__getitem__ is dict.__getitem__:
                return self._entry(value, key, told, where)
            if isinstance(value, (list, tuple)) and isinstance(key, int):
                return self._element(value, key, told, where)
        self._come_by(value, told.rpartition("[")[0], where)
        return _ABSENT

    def _element(self, value: Any, key: int, told: str, where: Place) -> Any:
        found = value[key] if -len(value) <= key < len(value) else _ABSENT
        if isinstance(value, list):
            self._note(told, where, "element", value, key, found)
        return found

    def _entry(self, mapping: Any, name: Any, told: str, where: Place) -> Any:
        found = mapping.get(name, _ABSENT)
        self._note(told, where, "entry", mapping, name, found)
        return found

    def _note(self, told: str, where: Place, form: str, owner: Any, key: Any, value: Any) -> bool:
        """Keep what was there first; say whether this is the first time."""
        place = (form, id(owner), type(key), key)
        if place in self._notes:
            return False
        self._held[id(owner)] = owner
        self._notes[place] = _Note(told, where, form, id(owner), key, value)
        return True

    # --- what has been come by ------------------------------------------------------------------

    def _come_by(self, value: Any, told: str, where: Place, asks: bool = False) -> None:
        """Note what is inside of something that is about to be used in a way that is not seen."""
        if value is _ABSENT or isinstance(value, (*_PLAIN, Tensor)):
            return
        own = getattr(value, "__dict__", None)
        if asks and type(own) is dict and not _is_library(_module(value)):
            self._look_within(own, told, where)
        if isinstance(value, ModuleType):
            return
        if isinstance(value, weakref.ref):
            value = value()
        elif isinstance(value, attrgetter):
            self._adrift.update(value.__reduce__()[1])
        elif isinstance(value, _BYTES):
            self._look_at(value, told, where)
        elif callable(value):
            self._meet(value)
        self._refuse_moving(value, told, where)
        self._look_inside(value, told, where)

    def _refuse_moving(self, value: Any, told: str, where: Place) -> None:
        owner = getattr(value, "__self__", None)
        lively = _is_lively(value)
        if lively and not _has_state(owner):
            self.refusals.append(_refusal(value, told, where))
        for thing in (value, owner):
            if _gives_another(thing) or (lively and _has_state(thing)):
                self._held[id(thing)] = thing
                self._moving.setdefault(id(thing), (told, where))

    def _look_inside(self, value: Any, told: str, where: Place) -> None:
        """Note what lists and the like hold, and remember objects for attributes adrift."""
        if isinstance(value, _HOLDERS):
            self._look_within(value, told, where)
        elif isinstance(value, tuple):
            for thing in value:
                if not isinstance(thing, _PLAIN):
                    self._look_inside(thing, told, where)
        elif isinstance(value, partial):
            self._look_within(value.keywords, told, where)
            self._look_inside(value.args, told, where)
        else:
            self._remember(value, told, where)

    def _remember(self, value: Any, told: str, where: Place) -> None:
        own = getattr(value, "__dict__", None)
        module = type(value).__module__.partition(".")[0]
        if type(own) is not dict or module in (*_ARRAYS, "builtins"):
            return
        self._held[id(own)] = own
        self._objects.setdefault(id(own), (told, where))
        if module in sys.stdlib_module_names:
            self._look_within(own, told, where)  # its methods are not traced

    def _look_within(self, value: Any, told: str, where: Place) -> None:
        things = _contents(value)
        if self._note(f"what is in {told}", where, "within", value, None, things):
            for thing in things:
                if not isinstance(thing, _PLAIN):
                    self._look_inside(thing, told, where)

    def _look_at(self, value: Any, told: str, where: Place) -> None:
        if id(value) not in self._held:
            self._note(told, where, "numbers", value, None, _numbers(value))

    def _meet(self, function: Any) -> None:
        """Remember the functions in `function`, so that their closures are known when they run."""
        waiting = [function]
        while waiting:
            thing = waiting.pop()
            if isinstance(thing, partial):
                waiting += [thing.func]
            elif isinstance(thing, MethodType):
                waiting.append(thing.__func__)
            elif isinstance(thing, FunctionType) and thing.__code__ not in self._functions:
                self._functions[thing.__code__] = thing
                waiting += [c for c in map(_content, thing.__closure__ or ()) if callable(c)]

    # --- afterwards -----------------------------------------------------------------------------

    def close(self, known: Callable[[Any], bool] = lambda owner: False) -> Found:
        """Return what is there outside of the run, which is over.

        Args:
            known: says of what something was found in, or of an array, whether it is looked after
                by other means.
        """
        for name in self._adrift:
            for key, (told, where) in self._objects.items():
                if name in self._held[key]:
                    self._entry(self._held[key], name, f"{told}.{name}", where)
        self._let_go()
        notes = [(note, self._held[note.owner]) for note in self._notes.values()]
        notes = [(n, owner) for n, owner in notes if not (known(owner) and _is_as_noted(n, owner))]
        for note, _ in notes:
            if note.form == "numbers" and note.value is None:
                self._moving[note.owner] = note.told, note.where
        for key, (told, where) in self._moving.items():
            if key in self._held:
                self.refusals.append(_refusal(self._held[key], told, where))
        self._notes.clear()
        self._held.clear()
        return Found(notes)

    def _let_go(self) -> None:
        """Forget what nothing else holds: it was made inside of the run."""
        while True:
            held = self._held
            alone = {key for key in held if sys.getrefcount(held[key]) <= _ALONE}
            if not alone:
                return
            for place in [p for p, note in self._notes.items() if note.owner in alone]:
                del self._notes[place]
            for key in alone:
                del held[key]


class Found:
    """What is outside of a run, as it was before it; made by `Reads.close`."""

    def __init__(self, notes: Sequence[tuple[_Note, Any]]) -> None:
        self._notes = notes
        self._arrange()

    def _arrange(self) -> None:
        """Put what has to be looked at before each replay where that is quick."""
        self._cells: list[tuple[Any, Any]] = []
        self._entries: list[tuple[Callable[..., Any], Any, Any]] = []
        self._rest: list[tuple[str, Any, Any, Any]] = []
        for note, owner in self._notes:
            if note.form == "cell" and note.value is not _ABSENT:
                self._cells.append((owner, note.value))
            elif note.form in ("entry", "class"):
                get = (owner if note.form == "entry" else vars(owner)).get
                self._entries.append((get, note.key, note.value))
            elif note.form == "slot":
                self._entries.append((partial(getattr, owner), note.key, note.value))
            else:
                self._rest.append((note.form, owner, note.key, note.value))

    def holds(self) -> bool:
        """Return whether everything is the very thing that it was."""
        try:
            for cell, value in self._cells:
                if cell.cell_contents is not value:
                    return False
        except ValueError:  # nothing in it any more
            return False
        absent = _ABSENT
        for get, key, value in self._entries:
            if get(key, absent) is not value:
                return False
        return all(_is_still(*rest) for rest in self._rest) if self._rest else True

    def differing(self) -> str:
        """Return the first thing that is not as it was, and where it was read; or nothing."""
        for note, owner in self._notes:
            if not _alike(note.value, _now(note.form, owner, note.key)):
                return f"{note.told}, read at {note.where},"
        # Equal, but not the same: what is there now is as good.
        self._notes = [
            (note._replace(value=_now(note.form, owner, note.key)), owner)
            for note, owner in self._notes
        ]
        self._arrange()
        return ""


def _is_as_noted(note: _Note, owner: Any) -> bool:
    return note.form == "numbers" or _alike(note.value, _now(note.form, owner, note.key))


def _now(form: str, owner: Any, key: Any) -> Any:
    """What is where something was noted."""
    if form == "entry":
        return owner.get(key, _ABSENT)
    if form == "class":
        return vars(owner).get(key, _ABSENT)
    if form == "cell":
        return _content(owner)
    if form == "slot":
        return getattr(owner, key, _ABSENT)
    if form == "element":
        return owner[key] if -len(owner) <= key < len(owner) else _ABSENT
    return _contents(owner) if form == "within" else _numbers(owner)


def _is_still(form: str, owner: Any, key: Any, value: Any) -> bool:
    if form == "within":
        return len(owner) * (2 if isinstance(owner, dict) else 1) == len(value) and all(
            map(is_, _contents(owner) if isinstance(owner, dict) else owner, value)
        )
    now = _now(form, owner, key)
    return now == value if form == "numbers" else now is value


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that is given something later
        return _ABSENT


def _contents(value: Any) -> list[Any]:
    return [*value, *value.values()] if isinstance(value, dict) else [*value]


def _numbers(value: Any) -> Any:
    """What is in an array or in bytes, unless it is large."""
    array = np.asarray(value)
    return (array.shape, array.dtype, array.tobytes()) if array.nbytes <= _SMALL else None


def _alike(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_alike, a, b))
    return isinstance(a, (*_PLAIN, np.dtype)) and equal(a, b)


# --- whose it is, and what it does ----------------------------------------------------------------


def _place(function: Any) -> Place:
    """Where a function was written."""
    while isinstance(function, (partial, MethodType)):
        function = function.func if isinstance(function, partial) else function.__func__
    code = getattr(function, "__code__", None)
    return Place(code.co_filename, code.co_firstlineno) if code else Place("<step>", 1)


def _module(value: Any) -> str:
    """The name of a module, or of that which an object is of."""
    return value.__name__ if isinstance(value, ModuleType) else type(value).__module__


def _is_library(module: Any) -> bool:
    return str(module).partition(".")[0] in _LIBRARIES


@lru_cache(maxsize=1024)
def _is_traced(file: str, module: str | None, beside: tuple[str, ...] = ()) -> bool:
    """Whether the functions of a file, or those that a module made of text, are a person's."""
    if file.startswith((_OURS, _NUMPY, "<frozen", *beside)) or (
        file == "<string>" and _is_library(module)
    ):
        return False
    return not file.startswith(_STANDARD) or "-packages" in file


def _gives_another(value: Any) -> bool:
    """Whether it is an iterator whose code is not a person's, which would be traced."""
    return hasattr(type(value), "__next__") and _is_library(type(value).__module__)


def _has_state(owner: Any) -> bool:
    return owner is not None and not isinstance(owner, (ModuleType, type))


def _is_lively(value: Any) -> bool:
    """Whether a call of it is another thing each time, or does something that is seen outside."""
    if isinstance(value, type) or not (callable(value) or value is os.environ):
        return False
    owner, name = getattr(value, "__self__", None), getattr(value, "__name__", "")
    if isinstance(owner, type):
        return owner.__module__ == "datetime" and name in _CLOCKS
    holder = owner if _has_state(owner) else value
    module = str(getattr(type(holder) if holder is owner else holder, "__module__", ""))
    lively = module.partition(".")[0] in _LIVELY or module.startswith("numpy.random")
    return any(value is f for f in _BUILTINS) or (lively and name not in _SEEDED)


def _refusal(thing: Any, told: str, where: Place) -> str:
    if _gives_another(thing):
        return (
            f"{told}, read at {where}, is an iterator, which the step moves on and a replay would "
            "not; call next() outside of the step, and give the step what comes as an argument"
        )
    if isinstance(thing, np.ndarray):
        return (
            f"{told}, read at {where}, is a large array of NumPy whose numbers Python reads, which "
            "a replay would not; make a tensor of it outside of the step"
        )
    return (
        f"{told}, read at {where}, gives another thing each time or acts on the world outside, and "
        "a replay would not call it; do that outside of the step, and give the step what comes as "
        "an argument, or draw random numbers by chainrule"
    )


# How often something is referred to that only a dictionary of ours holds, as `_let_go` counts.
_HELD = {0: object()}
_ALONE = sys.getrefcount(_HELD[0])

"""Where numbers stopped being finite: the first operation, its layer and the index (floor 4).

Every operation of a run is looked at, at the one door or, of a compiled step, instruction by
instruction as NumPy carries them out. Of an array with NaN or infinity in it one knows where these
came from, so what is bad in the end leads to the first that went wrong, not to what followed.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor, tape
from chainrule.autograd.following import following
from chainrule.autograd.tape import Node, owner
from chainrule.backend.arrays import as_array, to_host
from chainrule.errors import ChainruleError
from chainrule.explain.runs.undo import undone
from chainrule.nn import Module
from chainrule.ops import Array, Op
from chainrule.ops.core import listen
from chainrule.ops.scope import SCOPE, Phase, phase_of
from chainrule.plan.arrays import is_array
from chainrule.plan.costs import kept
from chainrule.plan.program import Place, Program, Value
from chainrule.plan.record import user_place

__all__ = ["Origin", "nan_origin"]

_WAYS: dict[Phase, str] = {
    "forward": "on the way forward",
    "backward": "on the way back",
    "update": "in the update",
}


@dataclass(frozen=True)
class Origin:
    """The first number that was not finite.

    Attributes:
        op: the operation that made it, or that was given it.
        layer: the path of the module that the operation belongs to, or "".
        phase: "forward", "backward" or "update".
        through: on the way back the operation whose gradient it is, or "".
        index: where it stands in its array.
        value: NaN or an infinity.
        given: "" if the operation made it; else what had it already: "argument 0 of the step", or
            the name of the operation's argument.
        source: what it was made of: "log(0)".
        place: the person's line, or "".
    """

    op: str
    layer: str
    phase: Phase
    through: str
    index: tuple[int, ...]
    value: float
    given: str
    source: str
    place: str

    def __str__(self) -> str:
        layer = f" in {self.layer}" if self.layer else ""
        line = f" ({self.place})" if self.place else ""
        if self.given:
            met = f"met by {self.op}{layer}"
            return f"{self.given} is {self.value} at index {self.index}, {met}{line}"
        made = f"{self.source} is {self.value} at index {self.index}"
        through = f" through {self.through}" if self.through else ""
        return f"{made}: {self.op}{layer}, {_WAYS[self.phase]}{through}{line}"


@ops.quiet
def nan_origin(step: Callable[..., Any], *args: Any, **kwargs: Any) -> Origin | None:
    """Find the first operation that makes NaN or infinity in what `step` returns or changes.

    The step is taken once and taken back. Of a module a copy is run, forward, and back from the sum
    of what it returns.

    Args:
        step: a module, a function of tensors, a whole training step, or a step that is compiled,
            whose program is then carried out by NumPy.
        args: its arguments.
        kwargs: further ones.

    Returns:
        The origin, or `None` if every result, gradient and weight is finite.

    Examples:
        >>> import chainrule as cr
        >>> print(nan_origin(lambda x: (x.log() * x).sum(), cr.tensor([2.0, 0.0])))
        ... # doctest: +ELLIPSIS
        log(0) is -inf at index (1,): log, on the way forward (...)
        >>> nan_origin(lambda x: x.log().sum(), cr.tensor([2.0, 1.0])) is None
        True
    """
    recorded = getattr(step, "recorded", None)
    found = recorded(*args, **kwargs) if recorded is not None else None
    if found is not None:
        return _in_program(*found)
    if recorded is not None:
        step = step.function  # type: ignore[attr-defined]
    if isinstance(step, Module):
        step = _forward_and_back(copy.deepcopy(step))
    return _in_run(step, args, kwargs)


def _forward_and_back(model: Module) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        y = model(*args, **kwargs)
        wanted = [t for t in _tensors(y) if t.requires_grad]
        for number, t in enumerate(wanted, 1):
            t.sum().backward(retain_graph=number < len(wanted))
        return y

    return run


def _in_run(step: Callable[..., Any], args: Any, kwargs: Any) -> Origin | None:
    search = _Search([t.array for t in _tensors((args, kwargs))])
    leaves: list[Any] = []

    def watch(op: Op, xs: Sequence[Any], attrs: Mapping[str, Any], y: Any) -> None:
        search.see(op, xs, y)

    def hear(what: str, *things: Any) -> None:
        if what == "gradient":
            leaves.append(things[0])

    with undone(), _following(search), listen(hear), ops.watch(watch):
        try:
            results = [t.array for t in _tensors(step(*args, **kwargs))]
        except ChainruleError:  # a loss that is not finite may be refused
            if search.latest is None:
                raise
            return search.latest.origin
        results += [leaf.grad.array for leaf in leaves if leaf.grad is not None]
        return search.origin_of([*results, *search.updated])


@contextmanager
def _following(search: _Search) -> Iterator[None]:
    """Let the way back say whose operations it goes through, and through which operation."""
    with following():
        walk = tape.walks.kind

        class Naming(walk):  # type: ignore[misc, valid-type]  # what following() has set
            def through(self, node: Node, g: Any, wanted: set[int] | None) -> None:
                search.through = node.op.name
                super().through(node, g, wanted)
                search.through = ""

        tape.walks.kind = Naming
        yield  # following() puts back the walk that was usual


def _in_program(program: Program, inputs: Sequence[Array]) -> Origin | None:
    put_back = kept(program)
    search = _Search(inputs)
    found: dict[Value, Any] = {v: v.array for v in program.state}
    found.update(zip(program.inputs, inputs))
    try:
        for i in program:
            xs = [found[a] if isinstance(a, Value) else a for a in i.args]
            found[i.out] = as_array(i.op.forward(*xs, **i.attrs))
            search.see(i.op, xs, found[i.out], i.place)
        return search.origin_of([*(found[v] for v in program.outputs), *search.updated])
    except ChainruleError:
        if search.latest is None:
            raise
        return search.latest.origin
    finally:
        put_back()


@dataclass(frozen=True)
class _Source:
    """Where what is not finite came from.

    Attributes:
        number: how many sources were known before.
        origin: in words.
        meant: it is negative infinity that somebody gave, as masks do, and that may do no harm.
    """

    number: int
    origin: Origin
    meant: bool


class _Search:
    """What was not finite so far, and its sources.

    Attributes:
        latest: the source of the latest such result.
        updated: the arrays that were changed in place.
        through: the operation that a walk back is at, or "".
    """

    def __init__(self, inputs: Sequence[Array]) -> None:
        self._inputs = [owner(a) for a in inputs]
        self._bad: dict[int, tuple[Array, _Source]] = {}  # arrays stay, so identities stay taken
        self._sources = 0
        self.latest: _Source | None = None
        self.through = ""
        self.updated: list[Array] = []

    def see(self, op: Op, args: Sequence[Any], y: Any, place: Place | None = None) -> None:
        """Look at an operation that was performed."""
        y = as_array(y)
        if op.kind == "update":
            self.updated.append(y)
        if y.dtype.kind != "f" or np.isfinite(y).all():
            return
        source = self._inherited(op, args, y, place) or self._new(op, args, y, place)
        self._bad[id(owner(y))] = y, source
        self.latest = source

    def origin_of(self, arrays: Sequence[Any]) -> Origin | None:
        """The first source of what is not finite in `arrays`."""
        bad = [a for a in arrays if a.dtype.kind == "f" and not np.isfinite(a).all()]
        sources = [self._bad[id(owner(a))][1] for a in bad if id(owner(a)) in self._bad]
        if bad and not sources:
            sources = [self.latest] if self.latest is not None else []
        return min(sources, key=lambda s: s.number).origin if sources else None

    def _inherited(
        self, op: Op, args: Sequence[Any], y: Array, place: Place | None
    ) -> _Source | None:
        """The first source of those of the arguments, if it is to blame."""
        before = [
            self._source_of(op, number, a, place)
            for number, a in enumerate(args)
            if not (op.kind == "update" and number == 0) and not _is_finite(a)
        ]
        if op.kind == "update" and id(owner(y)) in self._bad:
            before.append(self._bad[id(owner(y))][1])
        if not before:
            return None
        first = min(before, key=lambda s: s.number)
        makes_nan = np.isnan(y).any() and not any(np.isnan(a).any() for a in args if _is_float(a))
        return None if first.meant and makes_nan else first

    def _source_of(self, op: Op, number: int, a: Any, place: Place | None) -> _Source:
        """The source of an argument that is not finite."""
        a = as_array(a)
        known = self._bad.get(id(owner(a)))
        if known is not None:
            return known[1]
        name = _parameter(op, number)
        if any(owner(a) is x for x in self._inputs):
            place_of_it = next(i for i, x in enumerate(self._inputs) if owner(a) is x)
            name = f"argument {place_of_it} of the step"
        source = self._made(op, a, place, given=name, meant=not (np.isnan(a) | (a == np.inf)).any())
        self._bad[id(owner(a))] = a, source
        return source

    def _new(self, op: Op, args: Sequence[Any], y: Array, place: Place | None) -> _Source:
        return self._made(op, y, place, args=args)

    def _made(
        self,
        op: Op,
        bad: Array,
        place: Place | None,
        args: Sequence[Any] = (),
        given: str = "",
        meant: bool = False,
    ) -> _Source:
        place = place or user_place()
        bad = to_host(bad)
        nans = np.isnan(bad)
        wrong = nans if nans.any() else ~np.isfinite(bad)
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        origin = Origin(
            op.name,
            place.module if place else "",
            place.phase if place else phase_of(SCOPE.entries, SCOPE.back),
            self.through,
            index,
            float(bad[index]),
            given,
            _call(op, args, index, bad.shape),
            str(place) if place else "",
        )
        self._sources += 1
        return _Source(self._sources, origin, meant)


# --- what is said of it -------------------------------------------------------------------------


def _call(op: Op, args: Sequence[Any], index: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """What the operation was given: of elementwise ones the numbers, of others the largest size."""
    if op.kind == "elementwise":
        numbers = [np.broadcast_to(to_host(a), shape)[index] for a in args if a is not None]
        return f"{op.name}({', '.join(f'{float(n):.4g}' for n in numbers)})"
    read = args[1:] if op.kind == "update" else args  # the first has been changed already
    sizes = [np.abs(to_host(a)).max(initial=0) for a in read if _is_float(a)]
    if not sizes:
        return op.name
    return f"{op.name} of numbers up to {float(np.max(sizes)):.2g}"


def _parameter(op: Op, number: int) -> str:
    """What the operation calls its argument of that number."""
    names = list(inspect.signature(op.forward).parameters)
    return f"the {names[min(number, len(names) - 1)]} of {op.name}"


def _is_float(a: Any) -> bool:
    return isinstance(a, (float, np.floating)) or (is_array(a) and a.dtype.kind == "f")


def _is_finite(a: Any) -> bool:
    return not _is_float(a) or bool(np.isfinite(a).all())


def _tensors(thing: Any) -> Iterator[Any]:
    """The tensors in a nested thing."""
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, Mapping):
        for part in thing.values():
            yield from _tensors(part)
    elif isinstance(thing, (tuple, list)):
        for part in thing:
            yield from _tensors(part)

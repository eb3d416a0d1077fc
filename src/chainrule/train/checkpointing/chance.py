"""Where the chance of a run comes from: its generators, wherever they are held (floor 4).

A run that is resumed has to draw what it would have drawn. Its generators may be anywhere: in a
dropout, a sampler, a transform of the data, a callback. So all that takes part in a run is looked
through for them, always in the same order, and their states are a list in that order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.autograd import Generator, Tensor, default_generator
from chainrule.autograd.generator import default_states, set_default_states
from chainrule.errors import DataError

__all__ = ["Chance"]

# How deep things within things are looked through, and how many of each.
_DEEPEST, _MOST = 8, 64

_OURS = __name__.partition(".")[0]

_SOURCES = (Generator, np.random.Generator, np.random.RandomState, random.Random)
_CLOSED = (str, bytes, int, float, complex, np.ndarray, np.generic, Tensor, type, ModuleType)


class Chance:
    """The generators in some things, the default one, and those of NumPy and Python themselves.

    Args:
        things: modules, loaders, functions, callbacks, or whatever else has a part in a run.

    Examples:
        >>> from chainrule.autograd import rand
        >>> ours, theirs = Generator(0), np.random.default_rng(0)
        >>> chance = Chance(ours, {"for noise": theirs})
        >>> before = chance.state()
        >>> drawn = rand(1, generator=ours).item(), theirs.random()
        >>> chance.go_on(before)
        >>> drawn == (rand(1, generator=ours).item(), theirs.random())
        True
    """

    def __init__(self, *things: Any) -> None:
        self._seen: dict[int, Any] = {}  # with what is seen, whose identity stays taken by that
        self._sources: list[Any] = [default_generator, np.random, random]
        self._seen[id(default_generator)] = default_generator
        for thing in things:
            self._look(thing, 0)

    def _look(self, thing: Any, depth: int) -> None:
        if depth > _DEEPEST or isinstance(thing, _CLOSED) or id(thing) in self._seen:
            return
        self._seen[id(thing)] = thing
        if isinstance(thing, _SOURCES):
            self._sources.append(thing)
            return
        for part in _parts(thing):
            self._look(part, depth + 1)

    @property
    def generators(self) -> list[Generator]:
        """Those of this library."""
        return [source for source in self._sources if isinstance(source, Generator)]

    def state(self) -> list[Any]:
        """Return how far each has come."""
        return [_state(source) for source in self._sources]

    def go_on(self, states: Sequence[Any]) -> None:
        """Let each go on from where it was.

        Args:
            states: what `state` returned.

        Raises:
            DataError: they are not states of such generators.
        """
        if len(states) != len(self._sources):
            raise DataError(
                f"there are {len(self._sources)} random generators here and the states of "
                f"{len(states)}"
            )
        for source, state in zip(self._sources, states):
            try:
                _set(source, state)
            except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
                raise DataError(f"this is not the state of a random generator: {error}") from None


def _parts(thing: Any) -> Iterator[Any]:
    """What a thing holds, as far as that is to be seen."""
    if isinstance(thing, nn.Module):
        for module in thing.modules():
            yield from vars(module).values()
    elif isinstance(thing, Mapping):
        yield from islice(thing.values(), _MOST)
    elif isinstance(thing, (list, tuple)):  # not sets, whose order is another in every process
        yield from islice(thing, _MOST)
    elif isinstance(thing, partial):
        yield from (thing.func, thing.args, thing.keywords)
    elif isinstance(thing, MethodType):
        yield thing.__self__
    elif isinstance(thing, FunctionType):
        yield from (thing.__defaults__, thing.__kwdefaults__, getattr(thing, "__wrapped__", None))
        yield from (cell.cell_contents for cell in thing.__closure__ or () if _is_full(cell))
        if not thing.__module__.startswith(f"{_OURS}."):  # where nothing is kept in globals
            used = (thing.__globals__.get(name) for name in thing.__code__.co_names)
            yield from islice(used, _MOST)
    else:
        yield from list(getattr(thing, "__dict__", {}).values())


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # of a name that has no value yet
        return False


def _state(source: Any) -> Any:
    if source is default_generator:
        return default_states()
    if isinstance(source, Generator):
        return source.get_state()
    if isinstance(source, np.random.Generator):
        return source.bit_generator.state
    if source is np.random or isinstance(source, np.random.RandomState):
        return source.get_state(legacy=False)
    return source.getstate()


def _set(source: Any, state: Any) -> None:
    if source is default_generator:
        set_default_states(state)
    elif isinstance(source, Generator):
        if not isinstance(state, np.ndarray) or state.shape != source.state.shape:
            raise ValueError(f"{type(state).__name__}")
        source.set_state(state)
    elif isinstance(source, np.random.Generator):
        source.bit_generator.state = state
    elif source is np.random or isinstance(source, np.random.RandomState):
        source.set_state(state)
    else:
        source.setstate(state)

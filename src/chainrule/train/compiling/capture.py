"""What a recorded step depends on besides its arguments, and what it leaves behind (floor 4).

The recorder of `plan` sees arrays. A person's step is about more: tensors whose array may be
exchanged, gradients that are there or not, modules that are in training or not, options of
optimisers. `Surroundings` hears of them while the step is recorded, and says before each replay
whether they are still what they were.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter, is_
from typing import Any

from chainrule import nn, optim
from chainrule.autograd import Tensor
from chainrule.autograd.tape import Traced, use, wrap
from chainrule.ops import Array, assign
from chainrule.ops.core import SETTINGS
from chainrule.plan.arrays import is_array
from chainrule.plan.record import Recorder
from chainrule.train.compiling.reads import Reads

__all__ = ["Gradients", "Leaves", "Surroundings"]

_array, _wants = attrgetter("array"), attrgetter("needs_grad")

# A leaf, and the array that its gradient is in, if there is one.
Held = tuple[Traced, Array | None]


def gradient(leaf: Traced) -> Array | None:
    """Return the array that the gradient of `leaf` is in, if there is one."""
    return None if leaf.grad is None else leaf.grad.array


class Leaves:
    """What all recordings of a step show of the leaves whose gradients it has to do with.

    A gradient that is added up over steps has a home: an array that a plan can be bound to.
    """

    def __init__(self) -> None:
        self.known: dict[int, Traced] = {}
        self.by_hand: set[int] = set()  # those whose gradient the step sets to None itself
        self._homes: dict[int, tuple[Traced, Array]] = {}

    def now(self) -> dict[int, Array | None]:
        """The gradients as they are."""
        return {key: gradient(leaf) for key, leaf in self.known.items()}

    def settle(self, leaf: Traced, array: Array) -> None:
        """Make `array` the home of the gradient of `leaf`."""
        self._homes[id(leaf)] = leaf, array

    def bring_home(self) -> None:
        """Put gradients that are elsewhere into the arrays that plans are bound to."""
        for leaf, home in self._homes.values():
            array = gradient(leaf)
            if array is not None and array is not home and _alike(array, home):
                assign(home, array)
                leaf.grad = wrap(home)


def _alike(a: Array, b: Array) -> bool:
    return (a.shape, a.dtype) == (b.shape, b.dtype)


class Surroundings:
    """The tensors, modules and optimisers that a step was seen to use.

    Args:
        known: from earlier recordings.
        function: the step.
    """

    def __init__(self, known: Leaves, function: Callable[..., Any]) -> None:
        self.tensors: list[Tensor] = []
        self._arrays: list[Array] = []
        self._wanted: list[bool] = []
        self.leaves: dict[int, Held] = {}  # as the step first met them
        self.forgotten: set[int] = set()  # leaves whose gradient it forgot before it was read
        self._known = known
        self.reads = Reads(function)
        self._before = known.now()
        self._heard: dict[int, tuple[weakref.ref[Tensor], Array, bool]] = {}
        self._called: dict[int, weakref.ref[nn.Module]] = {}
        self._optimizers: dict[int, optim.Optimizer] = {}
        self._thread = threading.get_ident()

    def listen(self, what: str, *things: Any) -> None:
        """Hear what the library tells while a step is recorded."""
        if threading.get_ident() != self._thread:
            return
        if what == "tensors":
            self._use(things[0])
        elif what == "module":
            self._called[id(things[0])] = weakref.ref(things[0])
        elif what == "gradient":
            self._meet(things[0])
        elif what == "forgotten":
            self._meet(things[0], forgotten=True)
        elif what == "optimizer":
            self._optimizers[id(things[0])] = things[0]
            for group in things[0].param_groups:
                for p in group["params"]:
                    self._meet(p)

    def _use(self, args: Sequence[Any]) -> None:
        for a in args:
            if isinstance(a, Tensor) and a.node is None and id(a) not in self._heard:
                self._heard[id(a)] = (weakref.ref(a), a.array, bool(a.needs_grad))

    def _meet(self, leaf: Traced, forgotten: bool = False) -> None:
        key = id(leaf)
        if key in self.leaves:
            return
        array = gradient(leaf)
        if self._before.get(key, array) is not array:
            self._known.by_hand.add(key)
        # Set to None by hand is as good as by zero_grad().
        if forgotten or (array is None and key in self._known.by_hand):
            self.forgotten.add(key)
        self.leaves[key] = leaf, array
        self._known.known[key] = leaf

    def drop_passing(self, recorder: Recorder) -> None:
        """Forget the leaves that the step has made itself, whose gradients are its own affair."""
        for key, (leaf, _) in list(self.leaves.items()):
            value = recorder.value(leaf.array)
            if value is not None and value.origin != "state":
                del self.leaves[key], self._known.known[key]

    def close(self, recorder: Recorder) -> None:
        """Keep, of all that was heard of, what outlives the step."""
        for found, array, wanted in self._heard.values():
            t, value = found(), recorder.value(array)
            if t is not None and value is not None and value.origin == "state":
                self.tensors.append(t)
                self._arrays.append(array)
                self._wanted.append(wanted)
        self.moved = [t for t in self.tensors if recorder.is_changed(t.array)]
        self._heard.clear()
        called = [module() for module in self._called.values()]
        self._modules = [m for m in called if m is not None]
        self.found = self.reads.close(self._looked_after(recorder))
        for sentence in self.reads.refusals:
            recorder.refuse(sentence)
        self.changes = SETTINGS.changes
        self.settings = list(self._settings())
        self._glance = [*zip(self.tensors, self._arrays, self._wanted, strict=True)]

    def _looked_after(self, recorder: Recorder) -> Callable[[Any], bool]:
        """Tell of what is read in Python whether it is in the settings or in the program."""
        modules = {id(vars(m)) for top in self._modules for m in top.modules()}

        def known(owner: Any) -> bool:
            return id(owner) in modules or (is_array(owner) and recorder.value(owner) is not None)

        return known

    def _settings(self) -> Iterator[tuple[str, Any]]:
        """Everything but numbers in arrays that decides what the step does, each with its name."""
        modules = {id(m): m for top in self._modules for m in top.modules()}
        for module in modules.values():
            kind = type(module).__name__
            for name, value in vars(module).items():
                yield f"{name} of {kind}", _settled(value)
            yield f"training of {kind}", module.training
        for t in self.tensors:
            yield "a hook on a gradient", tuple(map(id, t.hooks or ()))
        for optimizer in self._optimizers.values():
            kind = type(optimizer).__name__
            for group in optimizer.param_groups:
                yield f"the parameters of {kind}", tuple(map(id, group["params"]))
                yield f"the state of {kind}", tuple(map(_kept(optimizer), group["params"]))
                for name in group:
                    number = name in optimizer.numbers
                    value = group.array(name).any() if number else _settled(group[name])
                    yield f"{name} of {kind}", value

    def same(self) -> bool:
        """Whether, at a glance, everything is as it was: what is asked before each replay."""
        if self.changes != SETTINGS.changes:
            return False
        # Loops, for they are quicker here than all(map(...)).
        for t, array, wanted in self._glance:
            if t.array is not array or t.needs_grad is not wanted:
                return False
        return self.found.holds()

    def replaced(self) -> bool:
        """Whether a tensor has another array, or wants a gradient where it did not."""
        kept = all(map(is_, map(_array, self.tensors), self._arrays))
        return not (kept and all(map(is_, map(_wants, self.tensors), self._wanted)))

    def changed(self) -> str:
        """The name of something that is not as it was when the step was recorded, or nothing."""
        if self.replaced():
            return "the array of a tensor"
        other = self.found.differing()
        if other or self.changes == SETTINGS.changes:
            return other
        differing = _differing(self.settings, list(self._settings()))
        if not differing:
            self.changes = SETTINGS.changes
        return differing

    def differs(self, other: Surroundings) -> str:
        """The name of something that is not the same in two runs, or nothing."""
        if self._required() != other._required():
            return "whether there are gradients"
        other_way = self.found.differing() or other.found.differing()
        return other_way or _differing(self.settings, other.settings)

    def _required(self) -> list[tuple[int, int]]:
        return [(k, id(array)) for k, (_, array) in self.leaves.items() if k not in self.forgotten]


def _settled(value: Any) -> Any:
    """What can be compared: a plain value as it is, anything else by identity."""
    plain = value is None or isinstance(value, (bool, int, float, str, tuple))
    return value if plain else ("object", id(value))


def _kept(optimizer: optim.Optimizer) -> Any:
    return lambda p: tuple((name, id(v)) for name, v in optimizer.state.get(p, {}).items())


def _differing(a: Sequence[tuple[str, Any]], b: Sequence[tuple[str, Any]]) -> str:
    if len(a) != len(b):
        return "which modules there are"
    return next((x[0] for x, y in zip(a, b) if x != y), "")


class Gradients:
    """What a step does to the `.grad` of the leaves, and what it needs to find there.

    A gradient that the step forgets at its beginning (`zero_grad`) and that has been used up, its
    parameter changed, is dropped: `.grad` is `None` afterwards. Others are left as eager does.

    Args:
        found: by the recording.
        recorder: of the same run; it is still running.
        known: from earlier recordings.
        keep: leave every gradient.
    """

    def __init__(self, found: Surroundings, recorder: Recorder, known: Leaves, keep: bool) -> None:
        self.required: list[Held] = []
        self.dropped: list[Traced] = []
        self.given: list[Traced] = []
        self.arrays: list[Array] = []
        self._used: list[tuple[int, int] | None] = []  # by which optimisers, inside of the step
        found.drop_passing(recorder)
        for key, (leaf, before) in found.leaves.items():
            if key not in found.forgotten:
                self.required.append((leaf, before))
                if before is not None:
                    known.settle(leaf, before)
            self._after(leaf, before, key in found.forgotten, recorder, keep)

    def _after(
        self, leaf: Traced, before: Array | None, forgotten: bool, recorder: Recorder, keep: bool
    ) -> None:
        after = gradient(leaf)
        if after is None:
            if before is not None or forgotten:
                self.dropped.append(leaf)
        elif before is not None and not forgotten:
            if after is not before:  # added up: in the same memory from now on
                assign(before, after)
                rest = leaf.grad.rest
                leaf.grad = wrap(before)
                leaf.grad.rest = rest
        elif forgotten and not keep and recorder.is_changed(leaf.array):
            leaf.grad = None
            self.dropped.append(leaf)
        else:
            self.given.append(leaf)
            self.arrays.append(after)
            self._used.append(leaf.grad.used)

    def fit(self) -> bool:
        """Whether the gradients are such that a replay would do what the step does."""
        for leaf, array in self.required:
            grad = leaf.grad
            if (grad.array if grad is not None else None) is not array:
                return False
        return True

    def repeat(self) -> bool:
        """Whether a step leaves the gradients as the next has to find them."""
        given, dropped = ({id(leaf) for leaf in these} for these in (self.given, self.dropped))
        return all(
            id(leaf) not in given and not (array is not None and id(leaf) in dropped)
            for leaf, array in self.required
        )

    def leave(self, arrays: Sequence[Array]) -> None:
        """Do to the leaves what the step does, `arrays` being the gradients that it gives."""
        for leaf in self.dropped:
            leaf.grad = None
        if self.given:
            for leaf, array, used in zip(self.given, arrays, self._used):
                leaf.grad = wrap(array)
                if used is not None:
                    use([leaf.grad], used[0])

"""Taking a step really, and leaving no trace of it (floor 4).

Every operation that changes an array in place stands in the table as such, so inside of `undone()`
what one is about to change is copied first, and put back in the end, also when something raises.
With it go back the attributes of modules and optimisers that were called, what optimisers remember,
and gradients. What a person's own Python code changes beside that is not seen.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from chainrule.backend.arrays import is_gpu
from chainrule.ops import REGISTRY, Array, Op
from chainrule.ops.core import SETTINGS, listen
from chainrule.ops.update import CHANGED
from chainrule.plan.arrays import is_array, owner

__all__ = ["Undone", "undone"]


@contextmanager
def undone() -> Iterator[Undone]:
    """Whatever is done inside with operations, modules and optimisers is put back afterwards.

    Examples:
        >>> from chainrule import nn, optim
        >>> from chainrule.autograd import ones
        >>> layer = nn.Linear(2, 1)
        >>> optimizer = optim.Adam(layer.parameters())
        >>> before = layer.weight.detach().clone()
        >>> with undone():
        ...     layer(ones(3, 2)).sum().backward()
        ...     optimizer.step()
        ...     changed = bool((layer.weight != before).any())
        >>> changed, bool((layer.weight == before).all()), layer.weight.grad, len(optimizer.state)
        (True, True, None, 0)
    """
    kept = Undone()
    try:
        kept.watch()
        yield kept
    finally:
        kept.rest()
        kept.put_back()


class Undone:
    """What was there before, in the order in which it was first met."""

    def __init__(self) -> None:
        self._arrays: dict[int, tuple[weakref.ref[Array], Array]] = {}
        self._back: dict[int, Callable[[], None]] = {}
        self._leaves: dict[int, tuple[weakref.ref[Any], Any, Any]] = {}
        self._watching = ExitStack()

    def watch(self) -> None:
        """See from now on what is about to change."""
        self._watching.enter_context(listen(self._hear))
        for op in REGISTRY.values():
            places = CHANGED.get(op.name, (0,) if op.kind == "random" else ())
            if places:
                self._watching.enter_context(_announced(op, places, self._about_to_change))

    def rest(self) -> None:
        """Watch no more, which takes time; what has been seen so far is put back all the same."""
        self._watching.close()

    def put_back(self) -> None:
        """Make everything as it was."""
        for found, copy in self._arrays.values():
            array = found()
            if array is not None:
                array[...] = copy
        for of_leaf, grad, used in self._leaves.values():
            leaf = of_leaf()
            if leaf is not None:
                leaf.grad = grad
            if grad is not None:
                grad.used = used
        for back in reversed(self._back.values()):
            back()

    # --- what is met ----------------------------------------------------------------------------

    def _about_to_change(self, a: Any) -> None:
        if is_array(a):
            whole = owner(a)
            known = self._arrays.get(id(whole))
            # What is made inside and goes again is not kept: a recording would find it held.
            if (known is None or known[0]() is not whole) and (
                is_gpu(whole) or whole.flags.writeable
            ):
                self._arrays[id(whole)] = weakref.ref(whole), whole.copy()

    def _hear(self, what: str, *things: Any) -> None:
        if what == "tensors":
            for leaf in things[0]:
                if getattr(leaf, "needs_grad", False) and leaf.node is None:
                    self._gradient(leaf)
        elif what in ("gradient", "forgotten"):
            self._gradient(things[0])
        elif what == "module":
            self._attributes(things[0])
        elif what == "optimizer":
            self._optimizer(things[0])

    def _gradient(self, leaf: Any) -> None:
        # Leaves that are made inside and go again are not kept.
        known = self._leaves.get(id(leaf))
        if known is None or known[0]() is not leaf:
            grad = leaf.grad
            self._leaves[id(leaf)] = weakref.ref(leaf), grad, None if grad is None else grad.used

    def _attributes(self, who: Any) -> None:
        if id(who) in self._back:
            return
        before = dict(vars(who))

        def back() -> None:
            now = vars(who)
            if now.keys() != before.keys() or any(now[k] is not before[k] for k in before):
                now.clear()
                now.update(before)
                SETTINGS.changes += 1

        self._back[id(who)] = back

    def _optimizer(self, who: Any) -> None:
        if id(who) in self._back:
            return
        self._attributes(who)
        attributes, state = self._back[id(who)], who.state
        remembered = {p: dict(named) for p, named in state.items()}
        for group in who.param_groups:
            for p in group["params"]:
                self._gradient(p)
            for name in who.numbers.keys() & group.keys():
                self._about_to_change(group.array(name))

        def back() -> None:
            attributes()
            if not _same(state, remembered):
                state.clear()
                state.update(remembered)

        self._back[id(who)] = back


@contextmanager
def _announced(
    op: Op, places: tuple[int, ...], about_to_change: Callable[[Any], None]
) -> Iterator[None]:
    """Say beforehand which arrays `op` changes."""
    forward = op.forward

    @wraps(forward)
    def announcing(*args: Any, **attrs: Any) -> Any:
        for i in places:
            if i < len(args):
                about_to_change(args[i])
        return forward(*args, **attrs)

    op.forward = announcing
    try:
        yield
    finally:
        op.forward = forward


def _same(now: Mapping[Any, Mapping[str, Any]], before: Mapping[Any, Mapping[str, Any]]) -> bool:
    """Whether the same is remembered of the same parameters."""
    return now.keys() == before.keys() and all(
        now[p].keys() == before[p].keys() and all(now[p][k] is before[p][k] for k in now[p])
        for p in before
    )

"""The tape: what was computed from what, and the walk back over it (floor 2).

`record` is the reader that the one door calls for tensors: it performs the op on the arrays inside
and, where a gradient may be asked for, notes a `Node`: the op, the arrays its rules will read, and
the nodes or leaves it came from. `backpropagate` walks the nodes from last to first and applies the
rules: to arrays, which is quick, or, if the gradients are themselves to be differentiated, to
tensors, which records a new tape.

Nodes refer to their parents and never to tensors above them, so a tape is freed, without a cycle to
collect, when the last tensor on it goes.

Several tensors may see one memory, a view and its base. So it is memory that is stamped with the
time when it was changed in place, and a rule that would read it as it no longer is says so.
"""

from __future__ import annotations

import itertools
import operator
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ContextDecorator
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy import ndarray

from chainrule.backend.arrays import as_array, is_gpu, module_of
from chainrule.backend.devices import CPU, MixedDevicesError
from chainrule.backend.dtypes import get_default_dtype, promoted
from chainrule.errors import GradientError, ShapeError
from chainrule.ops import Array, Ghost, Op, add, assign, cast, clone, perform, run, where
from chainrule.ops.core import LISTENERS, READERS, Reads, constant, tell
from chainrule.ops.scope import Entry
from chainrule.ops.transfer import transfer

__all__ = ["Node", "Traced", "backpropagate", "is_grad_enabled", "no_grad", "set_grad_enabled"]

Value: TypeAlias = Any
Hook: TypeAlias = Callable[[Any], Any]

# What happens on a tape, operations and changes in place, happens at 1, 2, 3, ...
_clock = itertools.count(1)
_by_time = operator.attrgetter("made")
_blank = object.__new__


class _Changes(dict[int, int]):
    """When memory was last changed in place, by the id of the array that owns it.

    An id may be taken again by a new array; what was noted of the old one is then older than
    whatever has read the new one. So there are no more entries than arrays that lived together.
    """

    last = 0


_changes = _Changes()


class _Mode(threading.local):
    enabled = True
    inference = False


_mode = _Mode()


def is_grad_enabled() -> bool:
    """Say whether operations on tensors are being recorded in this thread."""
    return _mode.enabled


class no_grad(ContextDecorator):  # noqa: N801  # PyTorch's name
    """Do not record inside the block or the decorated function: nothing there gets a gradient.

    Examples:
        >>> with no_grad():
        ...     is_grad_enabled()
        False
    """

    mode = False

    def __new__(cls, function: Any = None, **_options: Any) -> Any:
        """Also a decorator by itself: `@no_grad` is `@no_grad()`."""
        return cls()(function) if callable(function) else super().__new__(cls)

    def __init__(self) -> None:
        self.before: list[bool] = []  # one for each block that the object is in

    def __enter__(self) -> None:
        self.before.append(_mode.enabled)
        _mode.enabled = self.mode

    def __exit__(self, *_: object) -> None:
        _mode.enabled = self.before.pop()

    def _recreate_cm(self) -> no_grad:
        # One for each call, so that a decorated function may call itself.
        return type(self)()


class enable_grad(no_grad):  # noqa: N801  # PyTorch's name
    """Record inside the block, also within `no_grad`.

    Examples:
        >>> with no_grad(), enable_grad():
        ...     is_grad_enabled()
        True
    """

    mode = True


class set_grad_enabled(no_grad):  # noqa: N801  # PyTorch's name
    """Record operations or not: from now on as a statement, inside as a `with` block.

    Examples:
        >>> with set_grad_enabled(False):
        ...     is_grad_enabled()
        False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = bool(mode)
        # What to go back to if it turns out to be no statement, but a block or a decorator.
        self.found: bool | None = _mode.enabled
        _mode.enabled = self.mode

    def __enter__(self) -> None:
        self._undo()
        super().__enter__()

    def __call__(self, function: Any) -> Any:
        self._undo()
        return super().__call__(function)

    def _undo(self) -> None:
        if self.found is not None:
            _mode.enabled, self.found = self.found, None

    def _recreate_cm(self) -> set_grad_enabled:
        return type(self)(self.mode)


class inference_mode(no_grad):  # noqa: N801  # PyTorch's name
    """Do not record inside the block or the decorated function, as `no_grad`; `False` records.

    Args:
        mode: whether to.

    Examples:
        >>> with inference_mode():
        ...     is_grad_enabled(), is_inference_mode_enabled()
        (False, True)
    """

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.mode = not mode
        self.inside: list[bool] = []

    def __enter__(self) -> None:
        super().__enter__()
        self.inside.append(_mode.inference)
        _mode.inference = not self.mode

    def __exit__(self, *_: object) -> None:
        _mode.inference = self.inside.pop()
        super().__exit__()

    def _recreate_cm(self) -> inference_mode:
        made: inference_mode = type(self)(not self.mode)
        return made


def is_inference_mode_enabled() -> bool:
    """Say whether this thread is in a block of `inference_mode`."""
    return _mode.inference


class Node:
    """One recorded operation.

    Attributes:
        op: what was done.
        attrs: its attributes.
        parents: for each argument the node that made it, or the leaf it is, or `None` for what
            needs no gradient.
        xs: its arguments as its rules will read them: arrays, numbers, or `Ghost`s.
        y: its result, if a rule will read it.
        made: when it was made, by the tape's clock.
        hooks: called with the gradient when it is complete.
        keeper: a reference to the tensor that asked to keep its gradient.
        released: whether a walk back has been here and let what was saved go.
        entries: the calls of modules that it was made in, where the tape is followed.
    """

    __slots__ = (
        "__weakref__", "attrs", "entries", "hooks", "keeper", "made", "op", "parents", "released",
        "xs", "y",
    )  # fmt: skip

    entries: tuple[Entry, ...]

    def __init__(
        self,
        op: Op,
        attrs: Mapping[str, Any],
        parents: list[Node | Traced | None],
        arrays: list[Value],
        y: Array,
        reads: Reads,
    ) -> None:
        for i in reads.unread:
            if type(x := arrays[i]) is ndarray or is_gpu(x):
                arrays[i] = Ghost(x.shape, x.dtype)
        self.op = op
        self.attrs = attrs
        self.parents = parents
        self.xs: list[Value] | None = arrays
        self.y = y if reads.y else None
        self.made = next(_clock)
        self.hooks: list[Hook] | None = None
        self.keeper: weakref.ref[Traced] | None = None
        self.released = False

    def __repr__(self) -> str:
        return f"<{self.op.name}>"

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self.op.name

    @property
    def next_functions(self) -> tuple[Node | Traced | None, ...]:
        """The nodes and leaves that it was computed from, in the order of the arguments."""
        return tuple(self.parents)

    def saved(self) -> list[Value]:
        """Return the arguments, if they and the result are there and still what they were."""
        if self.xs is None:
            raise GradientError(
                f"the values saved by {self.op.name} were freed by an earlier backward(); to go "
                "through the same graph twice, call the first with retain_graph=True"
            )
        if _changes.last > self.made and self._is_stale():
            raise GradientError(
                f"a value that the gradient of {self.op.name} needs was changed in place after it "
                "was used; change a copy (x = x + 1 rather than x += 1), or do it, as an optimizer "
                "does in step(), after backward()"
            )
        return self.xs

    def _is_stale(self) -> bool:
        kept = [x for x in (*(self.xs or ()), self.y) if type(x) is ndarray or is_gpu(x)]
        return any(_changes.get(id(owner(x)), 0) > self.made for x in kept)

    def through(self, walk: Walk, g: Value, wanted: set[int] | None) -> None:
        """Hand gradients to the parents, for a kind of node that has no rules."""
        raise NotImplementedError

    def release(self) -> None:
        """Let the saved arrays go; a node that saved none can be walked through again."""
        self.released = True
        if self.y is None and self.xs is not None:
            for x in self.xs:
                if type(x) is ndarray or is_gpu(x):
                    break
            else:
                return
        self.xs = None
        self.y = None


class Traced:
    """A value on the tape: an array, whether its gradient is wanted, and where it came from.

    Attributes:
        array: the numbers.
        grad: what `backward` has added up here, or `None`.
        used: of a gradient by which an optimiser has taken a step: the number of that, and when.
        rest: of a gradient that was added to such a one: what that had in `used`.
        node: the operation that made it; `None` for a leaf.
        needs_grad: whether it is, or depends on, a leaf whose gradient is wanted.
        lost: what the history of one that does not has ended at: an operation without derivative,
            "no_grad()" or "detach()".
        base: the tensor that this one is a view of: itself no view.
        way: the operations, with their attributes, from the base to this one.
        seen: the node of the base when they were last performed.
        shared: whether others may see the same memory, as views or without its history.
        watched: whether changes of it in place are noted.
        hooks: called with the gradient when it is complete.
        after: called with a leaf when `backward` has added to its gradient.
    """

    plain: ClassVar[type[Traced]]
    array: Array
    grad: Any = None
    used: tuple[int, int] | None = None
    rest: tuple[int, int] | None = None
    node: Node | None = None
    needs_grad = False
    lost = ""
    base: Traced | None = None
    way: tuple[tuple[Op, Mapping[str, Any]], ...] = ()
    seen: Node | None = None
    shared = False
    watched = True
    hooks: list[Hook] | None = None
    after: list[Hook] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        READERS[cls] = record

    def view_of(self, base: Traced, op: Op, attrs: Mapping[str, Any]) -> None:
        """Note that `op` of `base` is this, in the same memory."""
        self.base = base if base.base is None else base.base
        self.way = (*base.way, (op, attrs))
        self.seen = self.base.node
        self.base.shared = True

    def catch_up(self) -> None:
        """Take over the history that the base of this view has got by a change in place."""
        base: Any = self.base
        if base.node is self.seen or (self.needs_grad and self.node is None):
            return
        now = base
        with enable_grad():
            for op, attrs in self.way:
                now = run(op, (now,), attrs)
        self.array, self.node, self.needs_grad = now.array, now.node, now.needs_grad
        self.seen = base.node


def wrap(array: Array, node: Node | None = None) -> Any:
    """Return a tensor around `array`, made by `node`."""
    out = _blank(Traced.plain)
    out.array = array
    if node is not None:
        out.node = node
        out.needs_grad = True
    return out


def zeros_for(x: Traced) -> Array:
    """Zeros of the shape and dtype of x, where it is."""
    return constant(module_of(x).zeros(x.array.shape, x.array.dtype))


def record(op: Op, args: Sequence[Value], attrs: Mapping[str, Any]) -> Any:
    """Perform `op` on the arrays inside `args` and note it on the tape."""
    if LISTENERS:
        tell("tensors", args)
    arrays: list[Value] = []
    parents: list[Node | Traced | None] = []
    wanted, bit = 0, 1  # a bit for each argument whose gradient may be asked for
    lost = ""
    for a in args:
        parent: Node | Traced | None = None
        if isinstance(a, Traced):
            if a.base is not None:
                a.catch_up()
            if a.needs_grad:
                parent = a.node or a
                wanted += bit
            elif a.lost:
                lost = a.lost
            a = a.array
        arrays.append(a)
        parents.append(parent)
        bit += bit
    try:
        y = perform(op, arrays, attrs)
    except MixedDevicesError as error:
        return run(op, _together(op, args, error), attrs)
    kind = op.kind
    if kind == "update":
        mark_changed(args[0])
        return args[0]
    if type(y) is not ndarray:
        y = as_array(y)
    dtype = y.dtype
    if kind == "elementwise" or kind == "reduce":  # noqa: PLR1714  # `in` takes twice as long
        whole = type(y)  # ndarray, or that of arrays on a GPU
        for x in arrays:
            if type(x) is whole and x.dtype is not dtype:
                wished = _promoted_otherwise(op, arrays, dtype)
                if wished is not None:
                    return run(op, _in_dtype(op, args, wished), attrs)
                break
    if wanted and _mode.enabled and op.differentiable and dtype.kind in "fc":
        out = wrap(y, Node(op, attrs, parents, arrays, y, op.reads[bit + wanted]))
    else:
        out = wrap(y)
        if wanted:
            out.lost = op.name if _mode.enabled else "no_grad()"
        elif lost:
            out.lost = lost
    # A view that was taken of a tensor with history, but without its own, is on its own.
    if kind == "view" and out.needs_grad == bool(wanted) and _in_one_memory(y, args[0].array):
        out.view_of(args[0], op, attrs)
    return out


def owner(array: Array) -> Array:
    """Return the array whose memory `array` lies in: itself, if it is no view."""
    base = array.base
    while type(base) is ndarray or (base is not None and is_gpu(base)):
        array, base = base, base.base
    return array


def _in_one_memory(a: Array, b: Array) -> bool:
    return a.base is not None and (a.base is b or a.base is b.base)


def mark_changed(*tensors: Traced) -> None:
    """Note that the arrays of `tensors` have been changed in place."""
    now = next(_clock)
    for t in tensors:
        if t.watched:
            _changes[id(owner(t.array))] = _changes.last = now


def _promoted_otherwise(
    op: Op, arrays: Sequence[Value], result: np.dtype[Any]
) -> np.dtype[Any] | None:
    """The format in which PyTorch's rules have these meet, if it is not NumPy's `result`."""
    if op is cast or result.kind == "b":
        return None
    meeting = arrays[1:] if op is where else arrays
    known = {a.dtype for a in meeting if isinstance(a, (np.ndarray, np.generic)) or is_gpu(a)}
    if known == {result}:
        return None
    dtype = promoted(meeting)
    if dtype.kind not in "fc" and result.kind in "fc":
        dtype = get_default_dtype()
    return None if dtype == result or known == {dtype} else dtype


def _in_dtype(op: Op, args: Sequence[Value], dtype: np.dtype[Any]) -> list[Value]:
    """The arguments in one format; numbers stay as they are unless there is nothing else."""
    first = 1 if op is where else 0
    formats = (Traced, np.ndarray, np.generic)
    has_format = [isinstance(a, formats) or is_gpu(a) for a in args[first:]]
    wanted = has_format if any(has_format) else [True] * len(has_format)
    rest = [cast(a, dtype=dtype) if w else a for a, w in zip(args[first:], wanted)]
    return [*args[:first], *rest]


def _together(op: Op, args: Sequence[Value], error: MixedDevicesError) -> list[Value]:
    """The arguments on one GPU, where what is not is a single number or no tensor.

    Raises:
        MixedDevicesError: `error`, for a tensor of more numbers; or a step that may be half taken.
    """
    places = [d for d in error.devices if d is not CPU]
    stays = [a for a in args if isinstance(a, Traced) and a.array.ndim and _is_home(a.array)]
    if len(places) > 1 or stays or (op.kind == "update" and op is not assign):
        raise error
    return [transfer(a, to=places[0]) if _is_home(_array(a)) else a for a in args]


def _is_home(array: Value) -> bool:
    return isinstance(array, np.ndarray)


def _array(a: Value) -> Array:
    found: Array = a.array if isinstance(a, Traced) else a
    return found


# --- walking back -------------------------------------------------------------------------------


def reachable(roots: Sequence[Node]) -> list[Node]:
    """Every node that the roots came from, first to last."""
    seen = set(roots)
    waiting = list(seen)
    while waiting:
        for parent in waiting.pop().parents:
            if isinstance(parent, Node) and parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return sorted(seen, key=_by_time)


def _leading_to(nodes: Sequence[Node], targets: set[int]) -> set[int]:
    """The ids of those nodes (given first to last) from which a target can be reached."""
    leading: set[int] = set()
    for node in nodes:
        if id(node) in targets or any(
            id(p) in targets or id(p) in leading for p in node.parents if p is not None
        ):
            leading.add(id(node))
    return leading


class Walk:
    """One pass back over the tape: gradients wait here until all who use a value have spoken."""

    def __init__(self, create_graph: bool) -> None:
        self.create_graph = create_graph
        self.waiting: dict[int, Value] = {}
        self.leaves: dict[int, Traced] = {}
        self.shared: set[int] = set()

    def __enter__(self) -> None:
        """Set out."""

    def __exit__(self, *_: object) -> None:
        """Arrive, or give up."""

    def give(self, to: Node | Traced, g: Value, shared: bool) -> None:
        """Add `g`, which others may hold too if `shared`, to the gradient waiting for `to`."""
        key = id(to)
        before = self.waiting.get(key)
        if before is None:
            self.waiting[key] = g
            if shared:
                self.shared.add(key)
        else:
            self.waiting[key] = add(before, g)
            self.shared.discard(key)
        if not isinstance(to, Node):
            self.leaves[key] = to

    def through(self, node: Node, g: Value, wanted: set[int] | None) -> None:
        """Apply the rules of `node` to `g` and hand the results to those parents `wanted`."""
        if type(node) is not Node:  # a node that has a way of its own
            node.through(self, g, wanted)
            return
        xs, y = node.saved(), node.y
        if y is None:
            y = g  # which has its shape and dtype; no rule asks for more
        elif self.create_graph:
            y = wrap(y, node)
        if self.create_graph:
            xs = [_boxed(x, parent) for x, parent in zip(xs, node.parents)]
        op, attrs = node.op, node.attrs
        common = g if op.shared is None else op.shared(g, y, *xs, **attrs)
        for i, parent in enumerate(node.parents):
            if parent is None or (wanted is not None and id(parent) not in wanted):
                continue
            rule = op.rule(i)
            if rule is None:
                continue
            gradient = rule(common, y, *xs, **attrs) if attrs else rule(common, y, *xs)
            if gradient is None:
                continue
            if gradient.dtype is not xs[i].dtype:  # where two formats met
                gradient = cast(gradient, dtype=xs[i].dtype)
            self.give(parent, gradient, shared=gradient is g)


class _Walks:
    kind = Walk


walks = _Walks()


def _boxed(x: Value, parent: Node | Traced | None) -> Value:
    """A saved argument as the tensor it was."""
    if isinstance(x, Ghost) or parent is None:
        return x
    return wrap(x, parent) if isinstance(parent, Node) else parent


def _hooked(hooks: Sequence[Hook] | None, g: Value, create_graph: bool) -> Value:
    for hook in hooks or ():
        # A copy: what a hook does to it changes no other gradient.
        changed = hook(g if create_graph else wrap(clone(g)))
        if changed is None:
            continue
        if np.shape(_array(changed)) != g.shape:
            raise ShapeError(
                f"a hook made a gradient of shape {np.shape(_array(changed))} of one of shape "
                f"{tuple(g.shape)}; it must keep the shape"
            )
        g = changed if create_graph else _array(changed)
    return g


def backpropagate(
    roots: Sequence[Traced],
    gradients: Sequence[Value],
    *,
    targets: Sequence[Traced] | None = None,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> list[Value]:
    """Walk back from `roots` and return, or leave in `.grad`, the gradients.

    Args:
        roots: values that need gradients.
        gradients: of whatever is differentiated, by each root; arrays, or tensors with
            `create_graph`.
        targets: whose gradients to return; `None` adds them into `.grad` of the leaves instead.
        retain_graph: keep the saved values for another walk.
        create_graph: record the walk itself, so that its results can be differentiated.

    Returns:
        For each target its gradient, or `None` if the roots do not depend on it.
    """
    walk = walks.kind(create_graph)
    nodes = reachable([r.node for r in roots if r.node is not None])
    keys = {id(t.node or t) for t in targets or ()}
    wanted = None if targets is None else keys | _leading_to(nodes, keys)
    found: dict[int, Value] = {}
    for root, g in zip(roots, gradients):
        walk.give(root.node or root, g, shared=True)
    uses = _uses(nodes) if _Walking.heard and targets is None else {}
    quietly = np.errstate(all="ignore")
    with _walking, walk, enable_grad() if create_graph else no_grad(), quietly:
        for node in reversed(nodes):
            g = walk.waiting.pop(id(node), None)
            if g is not None and (wanted is None or id(node) in wanted):
                if node.hooks:
                    g = _hooked(node.hooks, g, create_graph)
                if node.keeper is not None:
                    _keep(node, g)
                if id(node) in keys:
                    found[id(node)] = g
                walk.through(node, g, wanted)
            if not retain_graph:
                node.release()
            for leaf in _complete(node, uses, walk) if uses else ():
                _leave(walk, leaf)
        for key, leaf in walk.leaves.items():
            if targets is None:
                _leave(walk, leaf)
            else:
                found[key] = _hooked(leaf.hooks, walk.waiting[key], create_graph)
    return [] if targets is None else [found.get(id(t.node or t)) for t in targets]


class _Walking(threading.local):
    """The walks that a thread is on, one inside the other where operations are performed again.

    Attributes:
        heard: whether anybody has ever listened to what is left in leaves.
        endings: what is to be called at the end of the outermost.
    """

    heard = False

    def __init__(self) -> None:
        self.depth = 0
        self.endings: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.depth -= 1
        if self.endings and not self.depth:
            endings, self.endings = self.endings, []
            for ending in endings if kind is None else ():
                ending()


_walking = _Walking()


def hear_leaves() -> None:
    """Let leaves to which somebody listens have their gradients as soon as they are complete."""
    _Walking.heard = True


def at_the_end(ending: Callable[[], None]) -> None:
    """Call `ending` when the walk back that this thread is on has left all gradients."""
    _walking.endings.append(ending)


def _uses(nodes: Sequence[Node]) -> dict[int, int]:
    """How often each leaf that somebody listens to is used."""
    found: dict[int, int] = {}
    for node in nodes:
        for p in node.parents:
            if isinstance(p, Traced) and p.after:
                found[id(p)] = found.get(id(p), 0) + 1
    return found


def _complete(node: Node, uses: dict[int, int], walk: Walk) -> list[Traced]:
    """The leaves of which `node` was the last use that the walk had not come to."""
    over: list[Traced] = []
    for p in node.parents:
        if id(p) in uses:
            uses[id(p)] -= 1
            if not uses[id(p)] and id(p) in walk.leaves:
                over.append(walk.leaves.pop(id(p)))
    return over


def _leave(walk: Walk, leaf: Traced) -> None:
    """Add to `.grad` of a leaf what has come together for it."""
    key = id(leaf)
    g = _hooked(leaf.hooks, walk.waiting[key], walk.create_graph)
    _accumulate(leaf, g, shared=key in walk.shared or bool(leaf.hooks))


def leave_gradients(
    roots: Sequence[Traced],
    gradients: Sequence[Value],
    inputs: Sequence[Traced] | None,
    **options: bool,
) -> None:
    """Walk back from `roots` and add to `.grad`: of all leaves, or of `inputs` alone."""
    with _walking:  # until all is left: whoever hears of it may wait for the end
        found = backpropagate(roots, gradients, targets=inputs, **options)
        for t, g in zip(inputs or (), found):
            if g is not None:
                _accumulate(t, g, shared=True)


def _keep(node: Node, g: Value) -> None:
    keeper = node.keeper() if node.keeper is not None else None
    if keeper is not None:
        _accumulate(keeper, g, shared=True)


def use(gradients: Sequence[Traced], by: int) -> None:
    """Note that the optimiser of this number takes a step by these gradients."""
    used = by, next(_clock)
    for g in gradients:
        g.used = used


def _rest(g: Traced) -> tuple[int, int] | None:
    """By whom a gradient that is added to was used, unless it was changed in place since then.

    Whoever has set it to zero, or made it smaller, knows what is there.
    """
    used = g.used
    if used is None or _changes.get(id(owner(g.array)), 0) > used[1] or not g.array.any():
        return None
    return used


def _accumulate(leaf: Traced, g: Value, shared: bool) -> None:
    if LISTENERS:
        tell("gradient", leaf)
    before = leaf.grad
    if before is not None:
        leaf.grad = add(before, g)
        if before.used is not None:
            leaf.grad.rest = _rest(before)
    elif isinstance(g, Traced):
        leaf.grad = g
    else:
        # Its own memory, not what another gradient or a view shares: it may be changed in place.
        own = not shared and g.base is None and (type(g) is ndarray or is_gpu(g))
        leaf.grad = wrap(g if own else as_array(clone(g)))
    for hook in leaf.after or ():
        hook(leaf)

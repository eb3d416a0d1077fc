"""The operation record, the registry and the one door (floor 1; knows NumPy and nothing above).

An `Op` is a record of facts about one primitive: how to compute it on plain arrays, its derivative
rules, the shape it gives, what it costs. Calling an op goes through `run`, and only there:

- an argument that is not a plain array (a tape's tensor, a symbol) belongs to a *reader*, which
  registered its type in `READERS` and decides what the call means;
- a *watcher* (counter of work, profiler, tracer of NaN) sees every call on plain arrays;
- otherwise the forward body runs, and an error from inside NumPy becomes a sentence about shapes.

Derivative rules are written with ops themselves, so every reader gets every order of derivative.

What a rule reads is in its signature: a parameter whose name begins with an underscore is only
asked for its shape and dtype, and a reader that keeps values for later may keep a `Ghost` instead.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy import ndarray  # by itself: looking it up in `np` takes a tenth of an operation's time

from chainrule.backend.arrays import as_array, is_gpu, near, to_host
from chainrule.backend.devices import mixed
from chainrule.errors import ChainruleError, ShapeError

__all__ = [
    "COMPOSITES",
    "REGISTRY",
    "Array",
    "Cost",
    "Ghost",
    "Op",
    "Shape",
    "composite",
    "perform",
    "primitive",
    "quiet",
    "run",
    "watch",
]

Array: TypeAlias = np.ndarray[Any, Any]
Shape: TypeAlias = tuple[int, ...]
Kind: TypeAlias = Literal["elementwise", "reduce", "contract", "view", "gather", "update", "random"]
# A rule sees arrays, tensors or symbols, whichever reader runs it.
Value: TypeAlias = Any
Rule: TypeAlias = Callable[..., Value]
Reader: TypeAlias = Callable[["Op", Sequence[Value], Mapping[str, Any]], Value]
Watcher: TypeAlias = Callable[["Op", Sequence[Value], Mapping[str, Any], Value], None]
Listener: TypeAlias = Callable[..., None]

REGISTRY: dict[str, Op] = {}
COMPOSITES: dict[str, Callable[..., Value]] = {}
READERS: dict[type, Reader] = {}
WATCHERS: list[Watcher] = []
LISTENERS: list[Listener] = []

# Division by zero, overflow and the like give IEEE's infinities and NaN without a warning, as in
# PyTorch. Used as a decorator on the forward bodies that can meet them.
quiet = np.errstate(all="ignore")


class Cost(NamedTuple):
    """Work of one call: floating-point operations, and elements read and written."""

    flops: int
    moved: int


class Reads(NamedTuple):
    """Which values the rules read that give the gradients wanted.

    Attributes:
        y: whether the output is read.
        unread: the arguments that are not.
    """

    y: bool
    unread: tuple[int, ...]


class Ghost:
    """The shape and dtype of a value that no rule will read: what is kept in its place."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Shape, dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


class Op:
    """One primitive operation.

    Args:
        name: unique in the registry; the word used in graphs, programs and errors.
        forward: `(*arrays, **attrs) -> array`, the specification, in plain NumPy.
        kind: what compilers and predictors look at: elementwise, reduce, contract, view, gather,
            update or random.
        shape: `(*shapes, **attrs) -> shape`, or a `ShapeError` that a person can act on.
        vjp: a rule per array argument, `(g, y, *xs, **attrs)` giving the gradient of that argument
            (`None`: not differentiable in it); or, for any number of arguments, one function
            `(i, g, y, *xs, **attrs)`; or `None` where nothing is differentiable.
        shared: where the rules have most of their work in common, that: from `(g, y, *xs, **attrs)`
            it makes what the rules are given in place of g.
        local: for elementwise ops, the formulas dy/dx per argument that `vjp` was derived from.
        cost: `(*shapes, **attrs) -> Cost`; derived from `kind`, `flops` and `shape` if not given.
        flops: operations per element for elementwise and reduce kinds.
        arity: how many leading parameters are arrays; further positional arguments are attributes.

    Attributes:
        rule: gives the vector-Jacobian product for an array argument, by its number.
        reads: what the rules read, by a mask with a bit for each argument whose gradient is wanted
            and one above those of all arguments: of two, the second alone is 0b110.
    """

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        *,
        kind: Kind,
        shape: Callable[..., Shape],
        vjp: Sequence[Rule | None] | Rule | None = None,
        shared: Rule | None = None,
        local: Sequence[Rule | float | None] = (),
        cost: Callable[..., Cost] | None = None,
        flops: float = 1,
        arity: int | None = None,
    ) -> None:
        self.name = name
        self.forward = forward
        self.kind = kind
        self.shape = shape
        self.vjp = tuple(vjp) if isinstance(vjp, Sequence) else vjp
        self.shared = shared
        self.local = tuple(local)
        self.flops = flops
        self.cost = cost or self._cost_by_kind
        self.differentiable = vjp is not None
        parameters = list(inspect.signature(forward).parameters.values())
        variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        if arity is None:
            arity = sum(p.default is p.empty for p in parameters)
        self.arity = 1 << 30 if variadic else arity
        self.attributes = tuple(p.name for p in parameters[arity:])
        self.rule = _rules(self.vjp)
        self.reads = _ReadsByMask(self.rule, shared)
        self.__name__ = self.__qualname__ = name
        self.__module__ = forward.__module__
        self.__doc__ = forward.__doc__
        self.__wrapped__ = forward

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __call__(self, *args: Value, **attrs: Any) -> Value:
        if len(args) > self.arity:
            attrs = {**dict(zip(self.attributes, args[self.arity :])), **attrs}
            args = args[: self.arity]
        return run(self, args, attrs)

    def _cost_by_kind(self, *shapes: Shape, **attrs: Any) -> Cost:
        if self.kind == "view":
            return Cost(0, 0)
        sizes = [math.prod(s) for s in shapes]
        out = math.prod(self.shape(*shapes, **attrs))
        work = {"elementwise": out, "reduce": sum(sizes), "random": out, "update": sum(sizes)}
        return Cost(round(self.flops * work.get(self.kind, 0)), sum(sizes) + out)


def _rules(vjp: tuple[Rule | None, ...] | Rule | None) -> Callable[[int], Rule | None]:
    if vjp is None:
        return lambda _i: None
    return vjp.__getitem__ if isinstance(vjp, tuple) else functools.partial(functools.partial, vjp)


class _ReadsByMask(dict[int, Reads]):
    """What rules read, found out from their signatures when it is first asked for."""

    def __init__(self, rule: Callable[[int], Rule | None], shared: Rule | None) -> None:
        self.rule, self.shared = rule, shared

    def __missing__(self, mask: int) -> Reads:
        count = mask.bit_length() - 1
        wanted = [i for i in range(count) if mask >> i & 1]
        rules = [rule for rule in (self.shared, *map(self.rule, wanted)) if rule is not None]
        each = [_reads_of(rule, count) for rule in rules]
        read = [any(args[i] for _, args in each) for i in range(count)]
        found = Reads(
            any(y for y, _ in each),
            tuple(i for i in range(count) if not read[i]),
        )
        if count < 64:
            self[mask] = found
        return found


def _reads_of(rule: Rule, count: int) -> tuple[bool, list[bool]]:
    """Read a rule's signature, in which the output and the arguments follow the gradient.

    A rule derived from a local formula reads what the formula reads.
    """
    formula = getattr(rule, "formula", None)
    parameters = inspect.signature(formula or rule).parameters.values()
    positional = [p for p in parameters if p.kind <= p.VAR_POSITIONAL]
    names: list[str] = []
    for p in positional if formula else positional[1:]:
        repeats = count + 1 - len(names) if p.kind == p.VAR_POSITIONAL else 1
        names.extend([p.name] * repeats)
    y, *args = [not name.startswith("_") for name in names[: count + 1]]
    return y, args


def run(op: Op, args: Sequence[Value], attrs: Mapping[str, Any]) -> Value:
    """Perform one operation: the one door that every call of every op goes through."""
    for a in args:
        if type(a) in READERS:
            return READERS[type(a)](op, args, attrs)
    return perform(op, args, attrs)


def perform(op: Op, args: Sequence[Value], attrs: Mapping[str, Any]) -> Value:
    """The inner half of the door, for a reader that has taken its values apart: on arrays alone."""
    try:
        y = op.forward(*args, **attrs) if attrs else op.forward(*args)
    except (ValueError, IndexError, TypeError) as error:
        raise _explained(op, args, attrs, error) from None
    if type(y) is not ndarray:
        y = _as_number(args, y)
    if WATCHERS:
        if isinstance(y, np.generic):  # an object of its own: all that are true are one np.True_
            y = np.asarray(y)
        for watcher in WATCHERS:
            watcher(op, args, attrs, y)
    return y


def _as_number(args: Sequence[Value], y: Value) -> Value:
    # A Python number takes part in any dtype and a NumPy scalar imposes its own, so what is
    # computed from Python numbers alone has to stay one.
    if isinstance(y, np.generic) and all(type(a) in (float, int, bool) for a in args):
        return y.item()
    return y


def _explained(
    op: Op, args: Sequence[Value], attrs: Mapping[str, Any], error: Exception
) -> Exception:
    """Turn an error from inside NumPy into what the op's shape rule says about it."""
    if isinstance(error, ChainruleError):
        return error
    apart = mixed(op.name, args)
    if apart is not None:
        return apart
    try:
        op.shape(*(np.shape(a) for a in args), **attrs)
    except ChainruleError as better:
        return better
    except Exception:  # the shape rule has no better word for it
        return error
    return error


@contextmanager
def watch(watcher: Watcher) -> Iterator[None]:
    """Let `watcher(op, args, attrs, y)` see every operation on plain arrays inside the block.

    Examples:
        >>> import numpy as np
        >>> from chainrule import ops
        >>> seen = []
        >>> with ops.watch(lambda op, args, attrs, y: seen.append(op.name)):
        ...     _ = ops.add(np.ones(2), np.ones(2))
        >>> seen
        ['add']
    """
    WATCHERS.append(watcher)
    try:
        yield
    finally:
        WATCHERS.remove(watcher)


# --- beside the door ----------------------------------------------------------------------------


class Settings:
    """How often anything that is no array, but decides what is computed, has been set.

    Attributes:
        changes: a count; equal counts mean that nothing has been set in between.
    """

    changes = 0


SETTINGS = Settings()


def tell(what: str, *things: Any) -> None:
    """Tell whoever records a step of something that no operation shows.

    Callers ask `if LISTENERS` first, which is all that it costs where nobody records.
    """
    for listener in LISTENERS:
        listener(what, *things)


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Let `listener(what, *things)` hear what is told inside the block."""
    LISTENERS.append(listener)
    try:
        yield
    finally:
        LISTENERS.remove(listener)


def constant(array: Array, beside: Value = None) -> Array:
    """Say that `array`, which no operation made, holds the same numbers in every run.

    It is made on the processor, and sent to where `beside` is.
    """
    array = near(array, beside)
    if LISTENERS:
        tell("constant", array)
    return array


def peek(x: Value) -> Array:
    """The numbers in x, for a look that a `checked` repeats in every run."""
    return as_array(getattr(x, "array", x))


def numbers(x: Value) -> Array:
    """The numbers in x, where they are, for a look that decides what is computed."""
    array: Any = getattr(x, "array", x)
    if not is_gpu(array):
        return np.asarray(x)  # a tensor tells by itself that it was read
    if LISTENERS:
        tell("number", "NumPy", array)
    return array


def read(x: Value) -> Array:
    """What `numbers` gives, on the processor."""
    return to_host(numbers(x))


def checked(check: Callable[[Array], None], x: Value) -> None:
    """Let `check` raise if it dislikes the numbers in x, now and in every run that is recorded."""
    array = peek(x)
    check(array)
    if LISTENERS:
        tell("check", array, check)


def any_such(found: bool) -> bool:
    """Whether to take the way for numbers of some kind, which are there (`found`) or may be.

    Without them a shorter way gives the same. A recorded step that has met them once takes the
    longer one from then on, so that what is recorded is for all numbers.
    """
    if not LISTENERS:
        return found
    asked = [found]
    tell("any such", asked)
    return asked[0]


@dataclass(frozen=True)
class Finite:
    """A check that a number is finite, which executors may make in a way of their own.

    Args:
        refuse: called with a number that is not, to raise.
    """

    refuse: Callable[[float], Any]

    def __call__(self, x: Array) -> None:
        if not np.isfinite(x).all():
            self.refuse(x.item())


@dataclass(frozen=True)
class Within:
    """A check that numbers lie between bounds, which executors may make in a way of their own.

    NaN lies nowhere, and passes.

    Args:
        low: the least number allowed,
        high: and the largest.
        refuse: called with the array if a number lies outside, to raise.
        besides: one more number that is allowed.
    """

    low: float
    high: float
    refuse: Callable[[Array], Any]
    besides: float | None = None

    def __call__(self, x: Array) -> None:
        if not x.size or (x.min() >= self.low and x.max() <= self.high):
            return
        outside = (x < self.low) | (x > self.high)
        if self.besides is not None:
            outside &= x != self.besides
        if outside.any():
            self.refuse(x)


# --- the registry -------------------------------------------------------------------------------


def register(op: Op) -> Op:
    """Enter `op` into the registry under its name."""
    if op.name in REGISTRY:
        raise ValueError(f"an op named {op.name!r} is registered already")
    REGISTRY[op.name] = op
    return op


def primitive(
    *,
    kind: Kind,
    shape: Callable[..., Shape],
    vjp: Sequence[Rule | None] | Rule | None = None,
    shared: Rule | None = None,
    cost: Callable[..., Cost] | None = None,
    flops: float = 1,
    arity: int | None = None,
) -> Callable[[Callable[..., Any]], Op]:
    """Decorate a forward body to make it a registered `Op`. The arguments are those of `Op`."""

    def made(forward: Callable[..., Any]) -> Op:
        return register(
            Op(
                forward.__name__,
                forward,
                kind=kind,
                shape=shape,
                vjp=vjp,
                shared=shared,
                cost=cost,
                flops=flops,
                arity=arity,
            )
        )

    return made


def composite(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register a function that is written with ops and has no derivative rule of its own."""
    name = function.__name__
    if name in COMPOSITES or name in REGISTRY:
        raise ValueError(f"an operation named {name!r} is registered already")
    COMPOSITES[name] = function
    return function


def same_shape(*shapes: Shape, **_attrs: Any) -> Shape:
    """Shape rule of ops that keep the shape of their first argument."""
    return shapes[0]


def broadcast_shape(*shapes: Shape, **_attrs: Any) -> Shape:
    """Shape rule of broadcasting: sizes agree from the right, or one of them is 1.

    Raises:
        ShapeError: they do not; names both shapes and the dimension.

    Examples:
        >>> broadcast_shape((3, 1), (4,))
        (3, 4)
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        shown = " and ".join(str(tuple(s)) for s in shapes)
        where = _first_clash(shapes)
        raise ShapeError(
            f"shapes {shown} do not broadcast: {where}; "
            "sizes must be equal, or one of them 1, counted from the right" + _as_column(shapes)
        ) from None


def _as_column(shapes: Sequence[Shape]) -> str:
    """Whether the shorter of two goes with the other once it has a last dimension of 1."""
    if len(shapes) != 2 or len(shapes[0]) == len(shapes[1]):
        return ""
    short, long = sorted(shapes, key=len)
    if tuple(long[len(long) - len(short) - 1 : -1]) != tuple(short):
        return ""
    return f"; .unsqueeze(-1) makes {tuple(short)} a column, {(*short, 1)}"


def _first_clash(shapes: Sequence[Shape]) -> str:
    deepest = max(len(s) for s in shapes)
    for back in range(1, deepest + 1):
        sizes = {s[-back] for s in shapes if len(s) >= back and s[-back] != 1}
        if len(sizes) > 1:
            return f"dimension -{back} is " + " against ".join(str(n) for n in sorted(sizes))
    return "their sizes differ"


def normal_dim(dim: int, ndim: int, extra: int = 0) -> int:
    """Return `dim` counted from the front.

    Args:
        dim: dimension, negative counts from the end.
        ndim: how many there are.
        extra: 1 where the dimension after the last may be named too, as in `stack`.

    Raises:
        ShapeError: there is no such dimension.
    """
    count = ndim + extra
    if not -max(count, 1) <= dim < max(count, 1):
        raise ShapeError(
            f"dim {dim} is out of range for {ndim} dimensions; "
            f"use {-max(count, 1)} to {max(count, 1) - 1}"
        )
    return dim % count if count else 0


def normal_dims(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return the dimensions named by `dim` (`None`: all) counted from the front, in order.

    A number without dimensions may be asked for 0 or -1, as in PyTorch; there are none of them.
    """
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, (int, np.integer)):
        dim = (int(dim),)
    dims = tuple(normal_dim(int(d), ndim) for d in dim)
    if not ndim:
        return ()
    if len(set(dims)) != len(dims):
        raise ShapeError(f"dim {tuple(dim)} names a dimension twice")
    return dims

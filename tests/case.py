"""What a row of the table of cases is, its inputs, and the ways to call an operation.

A row names an operation, describes its inputs and attributes, and says what should come out: by a
reference written apart from the library, and by PyTorch's function of the same meaning. All three
are called alike, `f(*inputs, **attributes)`; where an operation is called in another way (a list, a
keyword, a number between) the row's `form` turns all three.

Inputs are drawn when a test asks, from a generator seeded by the row's name, so rows can be added
and moved without changing others. `kink` is a row at kinks, ties, poles or infinities, where no
finite difference is taken: its `slopes` are the gradient of the output's sum to be found there.

The rows are in `rows`, a file a subject; `cases` gathers them.
"""

from __future__ import annotations

import importlib
import operator
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import references as ref
from chainrule import ops
from chainrule.ops import Window


class Lazily:
    """PyTorch's functions by name, looked up when called: the table reads without PyTorch too."""

    def __init__(self, path: str = "") -> None:
        self.path = path

    def __getattr__(self, name: str) -> Lazily:
        return Lazily(f"{self.path}.{name}".lstrip("."))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return operator.attrgetter(self.path)(importlib.import_module("torch"))(*args, **kwargs)


torch: Any = Lazily()
F = torch.nn.functional


# --- what a row is ------------------------------------------------------------------------------


def plainly(f):
    """`f(*inputs, **attributes)`: how most operations are called."""
    return f


@dataclass(frozen=True)
class Case:
    """A row: an operation on certain inputs, and what is to come of it.

    Attributes:
        op: its name in `ops.REGISTRY` or `ops.COMPOSITES`.
        inputs: descriptions of arrays, or Python numbers.
        reference: the answer in NumPy or plain Python, in float64.
        torch: PyTorch's function, if there is one.
        note: what sets the row apart from the others of its operation.
        form: how all three are called.
        wrt: which inputs have a gradient; all floating-point arrays if not given.
        smooth: whether finite differences can be taken here.
        slopes: the gradient of the sum of the output, by each input in `wrt`.
        attrs: the attributes.
    """

    op: str
    inputs: Sequence[Any]
    reference: Callable[..., Any]
    torch: Callable[..., Any] | None = None
    note: str = ""
    form: Callable[..., Any] = plainly
    wrt: Sequence[int] | None = None
    smooth: bool = True
    slopes: Sequence[Any] | None = None
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The row's name in reports."""
        return f"{self.op}-{self.note}" if self.note else self.op

    @property
    def function(self) -> Callable[..., Any]:
        """The operation itself."""
        return ops.REGISTRY.get(self.op) or ops.COMPOSITES[self.op]

    @property
    def kind(self) -> str:
        """The kind of a primitive; of the others "composite"."""
        return ops.REGISTRY[self.op].kind if self.op in ops.REGISTRY else "composite"

    def arrays(self, dtype: Any = np.float64) -> list[Any]:
        """Return the inputs, made anew, the floating-point ones in `dtype`."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        made = [draw(rng) if callable(draw) else draw for draw in self.inputs]
        return [a.astype(dtype) if is_real(a) else a for a in made]

    def wanted(self) -> list[int]:
        """Return which inputs have a gradient."""
        if self.op in ops.REGISTRY and not ops.REGISTRY[self.op].differentiable:
            return []
        if self.wrt is not None:
            return list(self.wrt)
        return [i for i, a in enumerate(self.arrays()) if is_real(a)]

    def ours(self, *inputs: Any) -> list[Any]:
        """Run the operation; return its outputs, however many."""
        return outputs(self.form(self.function)(*inputs, **self.attrs))

    def expected(self, *inputs: Any) -> list[Any]:
        """Run the reference."""
        return outputs(self.form(self.reference)(*inputs, **self.attrs))

    def theirs(self, *inputs: Any) -> list[Any]:
        """Run PyTorch's."""
        assert self.torch is not None
        return outputs(self.form(self.torch)(*inputs, **self.attrs))


def is_real(a: Any) -> bool:
    """Say whether `a` is an array of floating-point numbers."""
    return isinstance(a, (np.ndarray, np.generic)) and a.dtype.kind == "f"


def outputs(y: Any) -> list[Any]:
    """One output or several, as a list."""
    return list(y) if isinstance(y, (tuple, list)) else [y]


def case(op: str, inputs: Sequence[Any], reference: Any, torch: Any = None, **rest: Any) -> Case:
    """A row; keywords that are no field of `Case` are attributes of the operation."""
    own = {k: rest.pop(k) for k in ("note", "form", "wrt", "smooth", "slopes") if k in rest}
    return Case(op, inputs, reference, torch, attrs=rest, **own)


def kink(op: str, *args: Any, slopes: Any = None, note: str = "kink", **rest: Any) -> Case:
    """A row at kinks, ties or poles, with the gradient to be found there."""
    return case(op, *args, note=note, smooth=False, slopes=slopes, **rest)


def verdict(op: str, *args: Any, **rest: Any) -> Case:
    """A row of what gives truth values, counts or places: without a gradient."""
    return case(op, *args, wrt=[], **rest)


# --- inputs -------------------------------------------------------------------------------------


def real(*shape: int):
    """Any numbers, on both sides of 0."""
    return lambda rng: np.asarray(rng.standard_normal(shape))


def between(low: float, high: float, *shape: int):
    """Numbers from `low` to `high`."""
    return lambda rng: np.asarray(rng.uniform(low, high, shape))


def positive(*shape: int):
    """Numbers well above 0."""
    return between(0.3, 3.0, *shape)


def whole(low: int, high: int, *shape: int, dtype: Any = np.int64):
    """Integers from `low` to `high` - 1."""
    return lambda rng: np.asarray(rng.integers(low, high, shape), dtype=dtype)


def truth(*shape: int):
    """True and False."""
    return lambda rng: np.asarray(rng.random(shape) < 0.5)


def signs(*shape: int):
    """1.0 and -1.0."""
    return lambda rng: np.where(rng.random(shape) < 0.5, 1.0, -1.0)


def chances(*shape: int):
    """Probabilities, adding up to 1 along the last dimension."""
    return lambda rng: rng.dirichlet(np.full(shape[-1], 2.0), shape[:-1])


def at(*values: Any):
    """Exactly these floating-point numbers."""
    return lambda rng: np.array(values, dtype=np.float64)


def just(value: Any):
    """Exactly this: a number without dimensions, integers, truth values."""
    return lambda rng: np.array(value)


def winning(size: tuple[int, int], window: Window):
    """Taps that won max pooling on images (1, 2, *size)."""
    return lambda rng: ref.winners(rng.standard_normal((1, 2, *size)), window).astype(np.int64)


def state(seed: int):
    """The state of a random generator."""
    return lambda rng: ops.new_state(seed)


# --- ways to call -------------------------------------------------------------------------------


def listed(f):
    """`f([x, ...])`."""
    return lambda *xs, **attrs: f(list(xs), **attrs)


def dim_second(f):
    """`f(x, dim, index, ...)`."""
    return lambda x, *rest, dim, **attrs: f(x, dim, *rest, **attrs)


def equation_first(f):
    """`f(equation, x, ...)`."""
    return lambda *xs, equation: f(equation, *xs)


def in_a_row(*names: str):
    """`f(*inputs, *attributes)`: these attributes by position."""
    return lambda f: lambda *xs, **attrs: f(*xs, *(attrs[name] for name in names))


def shape_second(f):
    """`f(x, normalized_shape, weight, bias)`."""
    return lambda x, *xs, normalized_shape, **attrs: f(x, normalized_shape, *xs, **attrs)


def own_state(f):
    """`f(x, state=state)`, on a copy: so each call draws the same."""
    return lambda x, state, **attrs: f(x, state=state.copy(), **attrs)


def last_as(*names: str):
    """`f(x, ..., name=last)`: the last inputs by keyword."""

    def form(f):
        def call(*xs, **attrs):
            first = len(xs) - len(names)
            return f(*xs[:first], **dict(zip(names, xs[first:])), **attrs)

        return call

    return form


def changing(*which: int):
    """In place: what is compared is the inputs that it changes, as they are afterwards."""

    def form(f):
        def call(*xs, **attrs):
            y = f(*xs, **attrs)
            return y[: len(which)] if isinstance(y, tuple) else [xs[i] for i in which]

        return call

    return form

"""The table of cases: a row or more for every operation, for the tests that are asked of all.

A row names an operation, describes its inputs and attributes, and says what should come out: by a
reference written apart from the library, and by PyTorch's function of the same meaning. All three
are called alike, `f(*inputs, **attributes)`; where an operation is called in another way (a list, a
keyword, a number between) the row's `form` turns all three.

Inputs are drawn when a test asks, from a generator seeded by the row's name, so rows can be added
and moved without changing others. `kink` is a row at kinks, ties, poles or infinities, where no
finite difference is taken: its `slopes` are the gradient of the output's sum to be found there.

A new operation needs a row here; `test_cases.py` fails, and says so, until it has one.
"""

from __future__ import annotations

import importlib
import math
import operator
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import references as ref
from chainrule import ops
from chainrule.ops import Window
from references import alone, along, each

inf, nan = math.inf, math.nan


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


# --- elementwise --------------------------------------------------------------------------------
# A row is a line, or little more.
# fmt: off

ARITHMETIC = [
    case("add", [real(2, 3), real(2, 3)], operator.add, torch.add),
    case("add", [real(2, 3), real(3)], operator.add, torch.add, note="row"),
    case("add", [real(2, 1), real(1, 3)], operator.add, torch.add, note="outer"),
    case("add", [real(2, 3), 1.5], operator.add, torch.add, note="number"),
    case("add", [whole(-9, 9, 3), whole(-9, 9, 3)], operator.add, torch.add, note="integers"),
    case("sub", [real(2, 3), real(2, 3)], operator.sub, torch.sub),
    case("sub", [real(3), real(2, 3)], operator.sub, torch.sub, note="row"),
    case("sub", [1.5, real(2, 3)], operator.sub, operator.sub, note="number"),
    case("mul", [real(2, 3), real(2, 3)], operator.mul, torch.mul),
    case("mul", [real(2, 3), real(2, 1)], operator.mul, torch.mul, note="column"),
    case("mul", [real(), real(2, 3)], operator.mul, torch.mul, note="scalar"),
    case("mul", [whole(-9, 9, 3), real(3)], operator.mul, torch.mul, note="integers"),
    case("div", [real(2, 3), positive(2, 3)], operator.truediv, torch.div),
    case("div", [real(4, 2, 3), positive(2, 1)], operator.truediv, torch.div, note="broadcast"),
    case("div", [2.0, positive(3)], operator.truediv, operator.truediv, note="number"),
    kink("div", [at(1, -1, 0), at(0, 0, 0)], np.divide, torch.div, note="by-zero"),
    case("neg", [real(2, 3)], operator.neg, torch.neg),
    case("neg", [whole(-9, 9, 3)], operator.neg, torch.neg, note="integers"),
    case("floor_divide", [real(2, 3), positive(2, 3)], operator.floordiv, torch.floor_divide),
    case("floor_divide", [whole(-9, 9, 6), whole(1, 4, 6)], np.floor_divide, torch.floor_divide,
         note="integers"),
    case("remainder", [real(2, 3), positive(2, 3)], operator.mod, torch.remainder),
    case("remainder", [real(2, 3), between(-2, -1, 3)], operator.mod, torch.remainder,
         note="negative-divisor"),
    case("remainder", [whole(-9, 9, 6), 4], operator.mod, torch.remainder, note="integers"),
]

POWERS = [
    case("pow", [positive(2, 3), real(2, 3)], np.power, torch.pow),
    case("pow", [positive(2, 1), real(3)], np.power, torch.pow, note="broadcast"),
    case("pow", [real(2, 3), 2], np.power, torch.pow, note="square"),
    case("pow", [real(2, 3), 3.0], np.power, torch.pow, note="cube"),
    case("pow", [positive(2, 3), -1.5], np.power, torch.pow, note="negative-exponent"),
    case("pow", [real(2, 3), 0], np.power, torch.pow, note="zeroth"),
    case("pow", [2.0, real(2, 3)], np.power, torch.pow, note="number"),
    case("pow", [whole(-9, 9, 6), 3], np.power, torch.pow, note="integers"),
    kink("pow", [at(0, 0, 2, -2), 1.0], np.power, torch.pow, slopes=[[1, 1, 1, 1]], note="first"),
    kink("pow", [at(0, -1, 2), 2], np.power, torch.pow, slopes=[[0, -2, 4]], note="two"),
    kink("pow", [at(0, 4), 0.5], np.power, torch.pow, slopes=[[inf, 0.25]], note="root-at-zero"),
    kink("pow", [at(0, 0, 0, 2), at(0, 2, 1, 0)], np.power, torch.pow, note="zeros",
         slopes=[[0, 0, 1, 0], [0, 0, 0, math.log(2)]]),
    kink("pow", [at(-8), at(1 / 3)], np.power, torch.pow, slopes=[[nan], [nan]], note="complex"),
    case("square", [real(2, 3)], np.square, torch.square),
    case("sqrt", [positive(2, 3)], np.sqrt, torch.sqrt),
    case("sqrt", [whole(0, 9, 6)], np.sqrt, torch.sqrt, note="integers"),
    kink("sqrt", [at(0, 4, -1)], np.sqrt, torch.sqrt, slopes=[[inf, 0.25, nan]]),
    case("rsqrt", [positive(2, 3)], each(lambda x: x**-0.5), torch.rsqrt),
    case("rsqrt", [whole(1, 9, 6)], each(lambda x: x**-0.5), torch.rsqrt, note="integers"),
    kink("rsqrt", [at(0, 4, inf)], each(lambda x: x**-0.5 if x else inf), torch.rsqrt,
         slopes=[[-inf, -1 / 16, 0]]),
    case("reciprocal", [positive(2, 3)], each(lambda x: 1 / x), torch.reciprocal),
    case("reciprocal", [whole(1, 9, 6)], each(lambda x: 1 / x), torch.reciprocal, note="integers"),
    kink("reciprocal", [at(0, -2)], each(lambda x: 1 / x if x else inf), torch.reciprocal,
         slopes=[[-inf, -0.25]]),
]

EXPONENTIALS = [
    case("exp", [real(2, 3)], each(math.exp), torch.exp),
    case("exp", [whole(-5, 5, 6, dtype=np.int32)], np.exp, torch.exp, note="integers"),
    kink("exp", [at(-inf, inf, nan, 800)], np.exp, torch.exp, slopes=[[0, inf, nan, inf]]),
    case("expm1", [real(2, 3)], each(math.expm1), torch.expm1),
    case("exp2", [real(2, 3)], each(lambda x: 2.0**x), torch.exp2),
    case("log", [positive(2, 3)], each(math.log), torch.log),
    case("log", [whole(1, 9, 6)], each(math.log), torch.log, note="integers"),
    kink("log", [at(0, inf, -1)], np.log, torch.log, slopes=[[inf, 0, -1]]),
    case("log1p", [positive(2, 3)], each(math.log1p), torch.log1p),
    case("log2", [positive(2, 3)], each(math.log2), torch.log2),
    case("log10", [positive(2, 3)], each(math.log10), torch.log10),
    case("logaddexp", [real(2, 3), real(2, 3)],
         each(lambda a, b: math.log(math.exp(a) + math.exp(b))), torch.logaddexp),
    case("logaddexp", [real(2, 1), real(3)], np.logaddexp, torch.logaddexp, note="broadcast"),
    kink("logaddexp", [at(-inf, 0, -inf, 900), at(0, 0, -inf, 0)], np.logaddexp, torch.logaddexp),
]

TRIGONOMETRY = [
    case("sin", [real(2, 3)], each(math.sin), torch.sin),
    case("cos", [real(2, 3)], each(math.cos), torch.cos),
    case("tan", [between(-1.2, 1.2, 2, 3)], each(math.tan), torch.tan),
    case("asin", [between(-0.9, 0.9, 2, 3)], each(math.asin), torch.asin),
    kink("asin", [at(-1, 1, 2)], np.arcsin, torch.asin, slopes=[[inf, inf, nan]]),
    case("acos", [between(-0.9, 0.9, 2, 3)], each(math.acos), torch.acos),
    kink("acos", [at(-1, 1, 2)], np.arccos, torch.acos, slopes=[[-inf, -inf, nan]]),
    case("atan", [real(2, 3)], each(math.atan), torch.atan),
    case("atan2", [real(2, 3), real(2, 3)], each(math.atan2), torch.atan2),
    case("atan2", [real(2, 1), real(3)], each(math.atan2), torch.atan2, note="broadcast"),
    kink("atan2", [at(0, 0, 1), at(0, -1, 0)], np.arctan2, torch.atan2),
    case("sinh", [real(2, 3)], each(math.sinh), torch.sinh),
    case("cosh", [real(2, 3)], each(math.cosh), torch.cosh),
    case("tanh", [real(2, 3)], each(math.tanh), torch.tanh),
    kink("tanh", [at(-inf, -99, 99, inf)], np.tanh, torch.tanh, slopes=[[0, 0, 0, 0]]),
    case("asinh", [real(2, 3)], each(math.asinh), torch.asinh),
    case("acosh", [between(1.2, 4, 2, 3)], each(math.acosh), torch.acosh),
    kink("acosh", [at(1, 0)], np.arccosh, torch.acosh, slopes=[[inf, nan]]),
    case("atanh", [between(-0.9, 0.9, 2, 3)], each(math.atanh), torch.atanh),
    kink("atanh", [at(-1, 1, 2)], np.arctanh, torch.atanh, slopes=[[inf, inf, -1 / 3]]),
]

KINKED = [
    case("erf", [real(2, 3)], each(math.erf), torch.erf),
    case("erf", [between(-7, 7, 40)], each(math.erf), torch.erf, note="far"),
    case("erf", [whole(-3, 4, 6)], each(math.erf), torch.erf, note="integers"),
    kink("erf", [at(-inf, 0, inf, nan)], each(math.erf), torch.erf,
         slopes=[[0, 2 / math.sqrt(math.pi), 0, nan]]),
    case("sigmoid", [real(2, 3)], each(lambda x: 1 / (1 + math.exp(-x))), torch.sigmoid),
    case("sigmoid", [whole(-3, 4, 6)], each(lambda x: 1 / (1 + math.exp(-x))), torch.sigmoid,
         note="integers"),
    kink("sigmoid", [at(-inf, -900, 900, inf)], lambda x: np.float64(x > 0), torch.sigmoid,
         slopes=[[0, 0, 0, 0]]),
    case("relu", [real(2, 3)], each(lambda x: max(x, 0)), torch.relu),
    case("relu", [whole(-9, 9, 6)], lambda x: np.maximum(x, 0), torch.relu, note="integers"),
    kink("relu", [at(-1, -0.0, 0, 2, inf, -inf)], lambda x: np.maximum(x, 0), torch.relu,
         slopes=[[0, 0, 0, 1, 1, 0]]),
    case("abs", [real(2, 3)], each(abs), torch.abs),
    case("abs", [whole(-9, 9, 6)], np.abs, torch.abs, note="integers"),
    kink("abs", [at(-1, 0, 2, -inf)], np.abs, torch.abs, slopes=[[-1, 0, 1, -1]]),
    case("sign", [real(2, 3)], np.sign, torch.sign),
    kink("sign", [at(-1, 0, 2)], np.sign, torch.sign, slopes=[[0, 0, 0]]),
    case("maximum", [real(2, 3), real(2, 3)], each(max), torch.maximum),
    case("maximum", [real(2, 1), real(3)], each(max), torch.maximum, note="broadcast"),
    case("maximum", [real(2, 3), 0.25], each(max), note="number"),
    kink("maximum", [at(1, 1, 2, nan), at(1, 2, 1, 1)], np.maximum, torch.maximum, note="tie",
         slopes=[[0.5, 0, 1, 1], [0.5, 1, 0, 1]]),
    case("minimum", [real(2, 3), real(2, 3)], each(min), torch.minimum),
    case("minimum", [real(2, 1), real(3)], each(min), torch.minimum, note="broadcast"),
    kink("minimum", [at(1, 1, 2, 1), at(1, 2, 1, nan)], np.minimum, torch.minimum, note="tie",
         slopes=[[0.5, 1, 0, 1], [0.5, 0, 1, 1]]),
    case("clip", [real(2, 3)], ref.clip, torch.clamp, min=-0.5, max=0.5),
    case("clip", [real(2, 3)], ref.clip, torch.clamp, note="below", min=0.1),
    case("clip", [real(2, 3)], ref.clip, torch.clamp, note="above", max=0.1),
    case("clip", [whole(-9, 9, 6)], ref.clip, torch.clamp, note="integers", min=-3, max=3),
    kink("clip", [at(-2, -1, 0, 1, 2, nan)], ref.clip, torch.clamp, slopes=[[0, 1, 1, 1, 0, 0]],
         min=-1.0, max=1.0),
    case("floor", [real(2, 3)], each(math.floor), torch.floor),
    case("floor", [whole(-9, 9, 6)], np.floor, torch.floor, note="integers"),
    case("ceil", [real(2, 3)], each(math.ceil), torch.ceil),
    case("round", [real(2, 3)], each(round), torch.round),
    kink("round", [at(-1.5, -0.5, 0.5, 1.5)], each(round), torch.round, slopes=[[0, 0, 0, 0]]),
    case("trunc", [real(2, 3)], each(math.trunc), torch.trunc),
]

CHOICES = [
    case("where", [truth(2, 3), real(2, 3), real(2, 3)], np.where, torch.where),
    case("where", [truth(2, 1), real(3), real()], np.where, torch.where, note="broadcast"),
    case("where", [truth(2, 3), real(2, 3), 0.0], np.where, torch.where, note="number"),
    case("eq", [whole(0, 3, 9), whole(0, 3, 9)], operator.eq, torch.eq),
    case("ne", [whole(0, 3, 9), whole(0, 3, 9)], operator.ne, torch.ne),
    case("lt", [whole(0, 3, 9), whole(0, 3, 9)], operator.lt, torch.lt),
    case("le", [whole(0, 3, 9), whole(0, 3, 9)], operator.le, torch.le),
    case("gt", [real(2, 1), real(3)], operator.gt, torch.gt),
    case("ge", [real(2, 3), 0.0], operator.ge, torch.ge),
    case("logical_and", [truth(9), truth(9)], np.logical_and, torch.logical_and),
    case("logical_or", [truth(9), truth(9)], np.logical_or, torch.logical_or),
    case("logical_xor", [truth(9), truth(9)], np.logical_xor, torch.logical_xor),
    case("logical_xor", [whole(0, 2, 9), real(9)], np.logical_xor, torch.logical_xor,
         note="numbers"),
    case("logical_not", [truth(9)], np.logical_not, torch.logical_not),
    case("isnan", [at(0, nan, inf, -inf)], np.isnan, torch.isnan),
    case("isfinite", [at(0, nan, inf, -inf)], np.isfinite, torch.isfinite),
    case("clone", [real(2, 3)], np.array, torch.clone),
    case("cast", [real(2, 3)], np.asarray, note="to-double", dtype=np.float64),
    case("cast", [real(2, 3)], lambda x, dtype: np.trunc(x), note="to-integers", wrt=[],
         dtype=np.int64),
]

# --- reductions ---------------------------------------------------------------------------------

SUMS = [
    case("sum", [real(2, 3)], along(np.sum), torch.sum),
    case("sum", [real(2, 3, 4)], along(np.sum), torch.sum, note="middle", dim=1),
    case("sum", [real(2, 3, 4)], along(np.sum), torch.sum, note="kept", dim=(0, -1), keepdim=True),
    case("sum", [real(2, 3, 4)], along(np.sum), note="all-kept", keepdim=True),
    case("sum", [real()], along(np.sum), torch.sum, note="scalar", dim=0),
    case("sum", [whole(0, 99, 2, 3, dtype=np.uint8)], along(np.sum), torch.sum, note="bytes",
         dim=1),
    case("sum", [whole(0, 9, 2, 3, dtype=np.int32)], along(np.sum), torch.sum, note="integers"),
    case("sum", [truth(2, 3)], along(np.sum), torch.sum, note="truth", dim=0),
    case("mean", [real(2, 3)], along(np.mean), torch.mean),
    case("mean", [real(2, 3, 4)], along(np.mean), torch.mean, note="last", dim=-1),
    case("mean", [real(2, 3, 4)], along(np.mean), torch.mean, note="kept", dim=[0, 2],
         keepdim=True),
    case("mean", [real()], along(np.mean), torch.mean, note="scalar", dim=-1),
    case("prod", [real(2, 3)], along(np.prod), torch.prod),
    case("prod", [real(2, 3, 4)], along(np.prod), torch.prod, note="dim", dim=1),
    case("prod", [real(2, 3)], along(np.prod), note="dims", dim=(0, 1), keepdim=True),
    case("prod", [whole(1, 5, 2, 3, dtype=np.int32)], along(np.prod), torch.prod, note="integers"),
    kink("prod", [at([0, 2, 3], [0, 0, 5], [1, 2, 3])], along(np.prod), torch.prod, note="zeros",
         slopes=[[[6, 0, 0], [0, 0, 0], [6, 3, 2]]], dim=1),
    case("cumsum", [real(2, 3)], ref.cumsum, torch.cumsum, dim=1),
    case("cumsum", [real(2, 3, 4)], ref.cumsum, torch.cumsum, note="negative", dim=-2),
    case("cumsum", [truth(5)], ref.cumsum, torch.cumsum, note="truth", dim=0),
    case("cumsum", [real()], ref.cumsum, torch.cumsum, note="scalar", dim=0),
    case("euclidean_norm", [real(2, 3)], along(np.linalg.norm), torch.linalg.vector_norm, dim=1),
    case("euclidean_norm", [real(4)], along(np.linalg.norm), torch.linalg.vector_norm, note="all"),
    case("euclidean_norm", [real(2, 3, 4)], along(np.linalg.norm), torch.linalg.vector_norm,
         note="kept", dim=(0, 2), keepdim=True),
    kink("euclidean_norm", [at([3, 4], [0, 0])], along(np.linalg.norm), torch.linalg.vector_norm,
         slopes=[[[0.6, 0.8], [0, 0]]], dim=1),
    case("logsumexp", [real(2, 3)], along(ref.log_of_sum), torch.logsumexp, dim=1),
    case("logsumexp", [real(2, 3, 4)], along(ref.log_of_sum), torch.logsumexp, note="kept",
         dim=(0, -1), keepdim=True),
    kink("logsumexp", [at([-inf, 1], [800, 800])], along(np.logaddexp.reduce), torch.logsumexp,
         slopes=[[[0, 1], [0.5, 0.5]]], dim=1),
    # PyTorch's slopes are NaN here: nothing of a row that is masked altogether should be learnt.
    kink("logsumexp", [at([-inf, -inf])], along(np.logaddexp.reduce), note="masked",
         slopes=[[[0, 0]]], dim=1),
    kink("logsumexp", [at([inf, 0], [nan, 0])], along(np.logaddexp.reduce), torch.logsumexp,
         note="infinity", dim=1),
    case("var", [real(2, 5)], along(ref.var), torch.var),
    case("var", [real(2, 5)], along(ref.var), torch.var, note="population", dim=1, correction=0),
    case("var", [real(2, 5, 3)], along(ref.var), torch.var, note="kept", dim=(0, 1), keepdim=True),
    case("std", [real(2, 5)], along(ref.std), torch.std, dim=-1),
    case("std", [real(5)], along(ref.std), torch.std, note="all", correction=0),
    case("norm", [real(2, 3)], ref.vector_norm, torch.norm),
    *(
        case("norm", [real(2, 3)], ref.vector_norm, torch.norm, note=f"{p}", p=p, dim=1)
        for p in (1, 1.5, 3, inf, -inf)
    ),
    case("norm", [real(2, 3)], ref.vector_norm, torch.norm, note="count", wrt=[], p=0, dim=1),
    kink("norm", [at([0, 0], [3, -4])], ref.vector_norm, torch.norm, slopes=[[[0, 0], [0.6, -0.8]]],
         dim=1),
    kink("norm", [at(0, -2)], ref.vector_norm, torch.norm, note="one-at-zero", slopes=[[0, -1]],
         p=1),
    kink("norm", [at([0, 0], [3, 4])], ref.vector_norm, torch.norm, note="three-at-zero", p=3,
         dim=1),
]

by_max, by_min = ref.extreme(np.max, np.argmax), ref.extreme(np.min, np.argmin)

EXTREMES = [
    case("amax", [real(2, 3)], along(np.max), torch.amax),
    case("amax", [real(2, 3, 4)], along(np.max), torch.amax, note="kept", dim=(0, -1),
         keepdim=True),
    case("amax", [whole(-9, 9, 2, 3)], along(np.max), torch.amax, note="integers", dim=1),
    case("amax", [real()], along(np.max), torch.amax, note="scalar", dim=0),
    kink("amax", [at([1, 2, 2], [3, 3, 3], [nan, 1, 2])], along(np.max), torch.amax, note="tie",
         slopes=[[[0, 0.5, 0.5], [1 / 3] * 3, [nan] * 3]], dim=1),
    case("amin", [real(2, 3)], along(np.min), torch.amin),
    case("amin", [real(2, 3, 4)], along(np.min), torch.amin, note="dim", dim=-2),
    kink("amin", [at([1, 1, 2], [3, 3, 3])], along(np.min), torch.amin, note="tie",
         slopes=[[[0.5, 0.5, 0], [1 / 3] * 3]], dim=1),
    case("peak", [real(2, 3)], along(np.max), torch.amax, dim=1),
    case("peak", [real(2, 3, 4)], along(np.max), torch.amax, note="kept", dim=(0, -1),
         keepdim=True),
    case("peak", [at([inf, 0], [-inf, -inf], [nan, 1], [1, 2])], lambda x,
         dim: np.array([0, 0, 0, 2]), note="infinity", dim=1),
    case("argmax", [real(2, 3)], along(np.argmax), torch.argmax),
    case("argmax", [real(2, 3, 4)], along(np.argmax), torch.argmax, note="kept", dim=1,
         keepdim=True),
    case("argmax", [at([1, 3, 3], [2, 2, 1])], along(np.argmax), torch.argmax, note="tie", dim=-1),
    case("argmin", [real(2, 3)], along(np.argmin), torch.argmin),
    case("argmin", [real(2, 3, 4)], along(np.argmin), torch.argmin, note="kept", dim=-2,
         keepdim=True),
    case("argsort", [real(3, 5)], ref.argsort, torch.argsort),
    case("argsort", [real(5, 3)], ref.argsort, torch.argsort, note="down", dim=0, descending=True),
    case("argsort", [whole(0, 3, 9)], ref.argsort, note="tie"),
    case("argsort", [whole(0, 3, 9)], ref.argsort, note="tie-down", descending=True),
    case("max", [real(2, 3)], by_max, torch.max),
    case("max", [real(2, 3)], by_max, torch.max, note="dim", dim=1),
    case("max", [real(2, 3)], by_max, torch.max, note="kept", dim=-2, keepdim=True),
    case("max", [real(2, 3), real(2, 3)], np.maximum, torch.max, note="of-two"),
    kink("max", [at([1, 2, 2], [3, 3, 3])], by_max, torch.max, note="tie-dim",
         slopes=[[[0, 1, 0], [1, 0, 0]]], dim=1),
    kink("max", [at(1, 2, 2)], by_max, torch.max, note="tie", slopes=[[0, 0.5, 0.5]]),
    case("min", [real(2, 3)], by_min, torch.min),
    case("min", [real(2, 3)], by_min, torch.min, note="dim", dim=0),
    case("min", [real(2, 3), real(3)], np.minimum, torch.min, note="of-two"),
    kink("min", [at([1, 1, 2])], by_min, torch.min, note="tie-dim", slopes=[[[1, 0, 0]]], dim=1),
    case("sort", [real(3, 5)], ref.in_order, torch.sort),
    case("sort", [real(3, 5)], ref.in_order, torch.sort, note="down", dim=0, descending=True),
    case("topk", [real(3, 5)], ref.foremost, torch.topk, k=2),
    case("topk", [real(3, 5)], ref.foremost, torch.topk, note="least", k=2, dim=0, largest=False),
]

# --- moving elements ----------------------------------------------------------------------------

VIEWS = [
    case("reshape", [real(2, 6)], np.reshape, torch.reshape, shape=(3, 4)),
    case("reshape", [real(2, 6)], np.reshape, torch.reshape, note="free", shape=(-1, 2, 2)),
    case("reshape", [real(1, 1)], np.reshape, torch.reshape, note="to-scalar", shape=()),
    case("permute", [real(2, 3, 4)], np.transpose, torch.permute, form=in_a_row("dims"),
         dims=(2, 0, 1)),
    case("permute", [real(2, 3, 4)], np.transpose, torch.permute, note="negative",
         form=in_a_row("dims"), dims=(-1, 0, -2)),
    case("broadcast_to", [real(2, 1)], np.broadcast_to, torch.broadcast_to, form=in_a_row("shape"),
         shape=(3, 2, 4)),
    case("broadcast_to", [real()], np.broadcast_to, torch.broadcast_to, note="scalar",
         form=in_a_row("shape"), shape=(2,)),
    case("sum_to", [real(3, 2, 4)], ref.sum_to, lambda x, shape: x.sum_to_size(shape),
         shape=(2, 1)),
    case("sum_to", [real(3, 2)], ref.sum_to, lambda x, shape: x.sum_to_size(shape), note="scalar",
         shape=()),
    case("flip", [real(2, 3)], np.flip, note="one", form=dim_second, dim=1),
    case("flip", [real(2, 3, 4)], np.flip, torch.flip, note="several", form=dim_second,
         dim=(0, -1)),
    case("transpose", [real(2, 3)], np.swapaxes, torch.transpose, form=in_a_row("dim0", "dim1"),
         dim0=0, dim1=1),
    case("transpose", [real(2, 3, 4)], np.swapaxes, torch.transpose, note="negative",
         form=in_a_row("dim0", "dim1"), dim0=0, dim1=-1),
    case("unsqueeze", [real(2, 3)], np.expand_dims, torch.unsqueeze, form=dim_second, dim=0),
    case("unsqueeze", [real(2, 3)], np.expand_dims, torch.unsqueeze, note="last", form=dim_second,
         dim=-1),
    case("unsqueeze", [real()], np.expand_dims, torch.unsqueeze, note="scalar", form=dim_second,
         dim=0),
    case("squeeze", [real(1, 3, 1)], np.squeeze, torch.squeeze),
    case("squeeze", [real(1, 3, 1)], np.squeeze, torch.squeeze, note="dim", form=dim_second,
         dim=-1),
    case("squeeze", [real(1, 3, 1)], alone(np.array), torch.squeeze, note="not-one", dim=1),
    case("squeeze", [real(1, 3, 1, 1)], np.squeeze, torch.squeeze, note="dims", form=dim_second,
         dim=(0, -1)),
    case("flatten", [real(2, 3, 4)], np.ravel, torch.flatten),
    case("flatten", [real(2, 3, 4)], lambda x, **_: x.reshape(2, 12), torch.flatten, note="from",
         start_dim=1),
    case("flatten", [real(2, 3, 4)], lambda x, **_: x.reshape(6, 4), torch.flatten, note="to",
         start_dim=0, end_dim=-2),
    case("flatten", [real()], np.ravel, torch.flatten, note="scalar"),
]

around = ((0, 0), (1, 2))

JOINS = [
    case("concatenate", [real(2, 3), real(1, 3), real(2, 3)], lambda *xs: np.concatenate(xs),
         lambda *xs: torch.cat(xs)),
    case("concatenate", [real(2, 3), real(2, 1)], lambda *xs, dim: np.concatenate(xs, dim),
         lambda *xs, dim: torch.cat(xs, dim), note="last", dim=-1),
    case("cat", [real(2, 3), real(1, 3)], np.concatenate, torch.cat, form=listed),
    case("cat", [real(2, 3), real(2, 2)], lambda xs, dim: np.concatenate(xs, dim), torch.cat,
         note="negative", form=listed, dim=-1),
    case("stack", [real(2, 3), real(2, 3)], np.stack, torch.stack, form=listed),
    case("stack", [real(2, 3), real(2, 3)], lambda xs, dim: np.stack(xs, dim), torch.stack,
         note="last", form=listed, dim=-1),
    case("split", [real(5, 2)], ref.split, torch.split, form=in_a_row("size", "dim"), size=2,
         dim=0),
    case("split", [real(2, 5)], ref.split, torch.split, note="sizes", form=in_a_row("size", "dim"),
         size=(1, 0, 4), dim=-1),
    case("chunk", [real(5, 2)], ref.chunk, torch.chunk, form=in_a_row("size", "dim"), size=2,
         dim=0),
    case("chunk", [real(2, 7)], ref.chunk, torch.chunk, note="uneven", form=in_a_row("size", "dim"),
         size=5, dim=1),
    case("pad_constant", [real(2, 3)], ref.padded, widths=around),
    case("pad_constant", [real(2, 3)], ref.padded, note="value", widths=around, value=7.0),
    case("pad", [real(2, 3)], lambda x, pad: np.pad(x, [(0, 0), (1, 2)]), F.pad, pad=(1, 2)),
    case("pad", [real(2, 3)], lambda x, pad,
         value: np.pad(x, [(2, 0), (1, 2)], constant_values=value), F.pad, note="value",
         pad=(1, 2, 2, 0), value=7.0),
]

s_ = np.s_
A = "array"

INDEXING = [
    case("slice", [real(4, 5)], operator.getitem, operator.getitem, form=in_a_row("key"),
         key=s_[1:3, ::2]),
    case("slice", [real(4, 5)], operator.getitem, note="backwards", form=in_a_row("key"),
         key=s_[::-1, 3]),
    case("slice", [real(4, 5)], operator.getitem, operator.getitem, note="forms",
         form=in_a_row("key"), key=s_[..., None, -1]),
    case("slice", [real(4, 5)], operator.getitem, operator.getitem, note="scalar",
         form=in_a_row("key"), key=(1, -2)),
    case("unslice", [real(2, 3)], ref.added_at, key=s_[1:3, ::2], shape=(4, 5)),
    case("unslice", [real(4)], ref.added_at, note="backwards", key=s_[::-1, 3], shape=(4, 5)),
    case("index", [real(4, 5), whole(0, 4, 3)], ref.index, ref.index, key=(A,)),
    case("index", [real(4, 5), whole(-4, 4, 2, 3)], ref.index, ref.index, note="negative",
         key=(A,)),
    case("index", [real(4, 5), whole(0, 4, 3), whole(0, 5, 3)], ref.index, ref.index, note="pairs",
         key=(A, A)),
    case("index", [real(4, 5, 2), whole(0, 4, 3, 1), whole(0, 2, 2)], ref.index, ref.index,
         note="apart", key=(A, s_[1:3], A)),
    case("index", [real(4, 5), whole(0, 5, 3)], ref.index, ref.index, note="last", key=(..., A)),
    case("unindex", [real(3, 5), just([2, 0, 2])], ref.added_at, key=(A,), shape=(4, 5)),
    case("unindex", [real(3, 4), whole(0, 5, 3, 1), whole(0, 2, 4)], ref.added_at, note="pairs",
         key=(A, A), shape=(5, 2)),
    case("index_put", [real(4, 5), real(5), just([2, 0])], ref.put_at, key=(A,)),
    case("index_put", [real(4, 5), real(), just([2, 0]), just([1, 4])], ref.put_at, note="pairs",
         key=(A, A)),
    case("index_put", [real(4, 5), real(2, 1)], ref.put_at, note="slice", key=(s_[1:3],)),
    case("take_along", [real(3, 4), whole(0, 4, 3, 2)], ref.taken_along, torch.take_along_dim,
         dim=1),
    case("take_along", [real(3, 4), whole(0, 3, 5, 4)], ref.taken_along, torch.take_along_dim,
         note="repeated", dim=-2),
    case("take_along", [real(3, 4), whole(0, 4, 2, 5)], ref.taken_along, note="corner", dim=1),
    case("add_along", [real(3, 2), whole(0, 4, 3, 2)], ref.added_along, dim=1, shape=(3, 4)),
    case("add_along", [real(2, 5), whole(0, 4, 2, 5)], ref.added_along, note="corner", dim=1,
         shape=(3, 4)),
    case("put_along", [real(3, 4), just([[0, 3], [1, 2], [3, 0]]), real(3, 2)], ref.written_along,
         dim=1),
    case("put_along", [real(3, 4), just([[2, 0]]), real(1, 2)], ref.written_along, note="corner",
         dim=0),
    case("gather", [real(3, 4), whole(0, 4, 2, 5)], ref.gather, torch.gather, form=dim_second,
         dim=1),
    case("gather", [real(3, 4, 2), whole(0, 3, 5, 4, 2)], ref.gather, torch.gather, note="negative",
         form=dim_second, dim=-3),
    case("gather", [real(), just(0)], ref.gather, torch.gather, note="scalar", form=dim_second,
         dim=0),
    case("scatter", [real(3, 4), just([[0, 3], [1, 2], [3, 0]]), real(3, 2)], ref.scatter,
         torch.scatter, form=dim_second, dim=1),
    case("scatter", [real(3, 4), just([[0, 3], [1, 2]]), 7.0], ref.scatter, torch.scatter,
         note="number", form=dim_second, dim=1),
    case("scatter_add", [real(3, 4), whole(0, 3, 5, 4), real(5, 4)], ref.scatter_add,
         torch.scatter_add, form=dim_second, dim=0),
    case("scatter_add", [real(3, 4), whole(0, 4, 2, 3), real(2, 3)], ref.scatter_add,
         torch.scatter_add, note="corner", form=dim_second, dim=-1),
    case("index_select", [real(3, 4), whole(0, 4, 6)], ref.index_select, torch.index_select,
         form=dim_second, dim=1),
    case("index_select", [real(3, 4), whole(0, 3, 2)], ref.index_select, torch.index_select,
         note="negative", form=dim_second, dim=-2),
    case("one_hot", [whole(0, 4, 2, 3)], lambda x, num_classes: np.eye(num_classes, dtype=int)[x],
         F.one_hot, num_classes=4),
]

# --- products -----------------------------------------------------------------------------------

PRODUCTS = [
    case("matrix_product", [real(2, 3), real(3, 4)], ref.products, torch.matmul),
    case("matrix_product", [real(5, 2, 3), real(5, 3, 4)], ref.products, torch.matmul,
         note="stack"),
    case("matrix_product", [real(2, 1, 2, 3), real(5, 3, 1)], ref.products, torch.matmul,
         note="broadcast"),
    case("matmul", [real(3), real(3)], ref.products, torch.matmul, note="vectors"),
    case("matmul", [real(2, 3), real(3)], ref.products, torch.matmul, note="matrix-vector"),
    case("matmul", [real(3), real(3, 2)], ref.products, torch.matmul, note="vector-matrix"),
    case("matmul", [real(2, 3), real(3, 4)], ref.products, torch.matmul, note="matrices"),
    case("matmul", [real(5, 2, 3), real(3, 4)], ref.products, torch.matmul, note="stack-matrix"),
    case("matmul", [real(2, 3), real(5, 3, 4)], ref.products, torch.matmul, note="matrix-stack"),
    case("matmul", [real(5, 2, 3), real(3)], ref.products, torch.matmul, note="stack-vector"),
    case("matmul", [real(3), real(5, 3, 2)], ref.products, torch.matmul, note="vector-stack"),
    case("matmul", [whole(-9, 9, 2, 3), whole(-9, 9, 3, 2)], np.matmul, torch.matmul,
         note="integers"),
    case("linear", [real(4, 3), real(2, 3), real(2)], ref.linear, F.linear),
    case("linear", [real(4, 3), real(2, 3)], ref.linear, F.linear, note="without-bias"),
    case("linear", [real(3), real(2, 3), real(2)], ref.linear, F.linear, note="vector"),
    case("linear", [real(2, 4, 3), real(2, 3), real(2)], ref.linear, F.linear, note="stack"),
    case("outer", [real(3), real(4)], np.outer, torch.outer),
]


def einsum(*xs: Any, equation: str) -> Any:
    """PyTorch's einsum, called as `contraction` is."""
    return torch.einsum(equation, *xs)


EINSUMS = [
    case("contraction", [real(2, 3), real(3, 4)], ref.einsum, einsum, equation="ij,jk->ik"),
    case("contraction", [real(2, 3), real(3), real(2, 4)], ref.einsum, einsum, note="three",
         equation="ij,j,ik->k"),
    case("contraction", [real(2, 3)], ref.einsum, einsum, note="summed", equation="ij->j"),
    *(
        case("einsum", [real(*shape) for shape in shapes], np.einsum, torch.einsum, note=equation,
             form=equation_first, equation=equation)
        for equation, *shapes in [
            ("ij,jk->ik", (2, 3), (3, 4)),
            ("ij,kj", (2, 3), (4, 3)),
            ("ij->ji", (2, 3)),
            ("ij->", (2, 3)),
            ("ii", (3, 3)),
            ("ii->i", (3, 3)),
            ("iij->j", (3, 3, 2)),
            ("i,j->ij", (2,), (3,)),
            ("bi,bi->b", (4, 3), (4, 3)),
            ("ij,k->i", (2, 3), (4,)),
            ("...ij,...jk->...ik", (5, 2, 3), (5, 3, 4)),
            ("...ij,jk", (5, 2, 3), (3, 4)),
            ("i...,i...->...", (2, 3), (2, 3)),
            ("b i d, b j d -> b i j", (2, 3, 4), (2, 5, 4)),
            ("ab,bc,cd->ad", (2, 3), (3, 4), (4, 2)),
            ("...i,...i->...", (1, 3), (4, 3)),
        ]
    ),
]

plain = Window((3, 2), (1, 1), (0, 0), (1, 1))
odd = Window((2, 3), (2, 1), (1, 2), (2, 1))


def moved(window):
    """The attributes of a convolution with this window."""
    return {"stride": window.stride, "padding": window.padding, "dilation": window.dilation}


CONVOLUTIONS = [
    case("convolution", [real(2, 2, 5, 4), real(3, 2, 3, 2), real(3)], ref.convolved, F.conv2d),
    case("convolution", [real(1, 2, 5, 4), real(3, 2, 2, 3)], ref.convolved, F.conv2d, note="moved",
         **moved(odd)),
    case("convolution", [real(2, 4, 3, 3), real(6, 2, 2, 2), real(6)], ref.convolved, F.conv2d,
         note="groups", groups=2),
    case("convolution", [real(2, 3, 4, 4), real(6, 1, 3, 3)], ref.convolved, F.conv2d,
         note="depthwise", groups=3, padding=(1, 1)),
    case("convolution_input", [real(2, 3, 3, 3), real(3, 2, 3, 2)], ref.convolved_to_input,
         size=(5, 4)),
    case("convolution_input", [real(1, 4, 3, 6), real(4, 1, 2, 3)], ref.convolved_to_input,
         note="moved", size=(5, 4), groups=2, **moved(odd)),
    case("convolution_input", [real(1, 2, 2, 2), real(2, 1, 2, 2)], ref.convolved_to_input,
         note="unmet-edge", size=(5, 5), stride=(2, 2)),
    case("convolution_weight", [real(2, 3, 3, 3), real(2, 2, 5, 4)], ref.convolved_to_weight,
         size=(3, 2)),
    case("convolution_weight", [real(1, 4, 3, 6), real(1, 2, 5, 4)], ref.convolved_to_weight,
         note="moved", size=(2, 3), groups=2, **moved(odd)),
    case("conv2d", [real(2, 2, 5, 4), real(3, 2, 3, 3), real(3)], ref.conv2d, F.conv2d),
    case("conv2d", [real(1, 2, 5, 4), real(4, 1, 3, 2)], ref.conv2d, F.conv2d, note="options",
         stride=2, padding=1, dilation=(1, 2), groups=2),
    case("conv2d", [real(1, 2, 5, 4), real(2, 2, 3, 1)], ref.conv2d, F.conv2d, note="same",
         padding="same", dilation=2),
    case("conv2d", [real(1, 2, 5, 4), real(2, 2, 3, 1)], ref.conv2d, F.conv2d, note="valid",
         padding="valid"),
]

halves = Window((2, 2), (2, 2), (0, 0), (1, 1))
overlap = Window((3, 2), (2, 1), (1, 1), (1, 1))
dilated = Window((2, 2), (1, 1), (0, 0), (2, 1))

POOLING = [
    case("max_pooling", [real(2, 2, 4, 4)], ref.pooled_max, window=halves),
    case("max_pooling", [real(1, 2, 5, 4)], ref.pooled_max, note="overlap", window=overlap),
    case("max_pooling", [real(1, 2, 5, 4)], ref.pooled_max, note="dilated", window=dilated),
    case("max_pooling_winners", [real(1, 2, 5, 4)], ref.winners, window=overlap),
    case("max_pooling_winners", [whole(0, 3, 1, 2, 5, 4)], ref.winners, note="tie", window=overlap),
    case("max_pooling_spread", [real(1, 2, 3, 5), winning((5, 4), overlap)], ref.spread_to_winners,
         window=overlap, size=(5, 4)),
    case("max_pooling_picked", [real(1, 2, 5, 4), winning((5, 4), overlap)], ref.picked_winners,
         window=overlap),
    case("average_pooling", [real(2, 2, 4, 4)], ref.pooled_mean, window=halves, count_padding=True),
    case("average_pooling", [real(1, 2, 5, 4)], ref.pooled_mean, note="padded", window=overlap,
         count_padding=True),
    case("average_pooling", [real(1, 2, 5, 4)], ref.pooled_mean, note="uncounted", window=overlap,
         count_padding=False),
    case("average_pooling_spread", [real(1, 2, 3, 5)], ref.spread_evenly, window=overlap,
         count_padding=True, size=(5, 4)),
    case("average_pooling_spread", [real(1, 2, 3, 5)], ref.spread_evenly, note="uncounted",
         window=overlap, count_padding=False, size=(5, 4)),
    case("max_pool2d", [real(2, 2, 4, 4)], ref.max_pool2d, F.max_pool2d, kernel_size=2),
    case("max_pool2d", [real(1, 2, 5, 6)], ref.max_pool2d, F.max_pool2d, note="options",
         kernel_size=(2, 3), stride=(1, 2), padding=1, dilation=(2, 1)),
    kink("max_pool2d", [at([[[1, 1, nan], [1, 1, 0]]])], ref.max_pool2d, F.max_pool2d, note="tie",
         slopes=[[[[[1, 0, 1], [0, 0, 0]]]]], kernel_size=2, stride=1),
    case("avg_pool2d", [real(2, 2, 4, 4)], ref.avg_pool2d, F.avg_pool2d, kernel_size=2),
    case("avg_pool2d", [real(1, 2, 5, 6)], ref.avg_pool2d, F.avg_pool2d, note="options",
         kernel_size=(2, 3), stride=(1, 2), padding=1, count_include_pad=False),
]

# --- networks -----------------------------------------------------------------------------------

ACTIVATIONS = [
    case("leaky_relu", [real(2, 3)], each(lambda x: x if x > 0 else 0.01 * x), F.leaky_relu),
    case("leaky_relu", [real(2, 3)], lambda x, negative_slope: np.maximum(x, negative_slope * x),
         F.leaky_relu, note="steep", negative_slope=0.3),
    kink("leaky_relu", [at(-1, 0, 1)], lambda x: np.maximum(x, 0.01 * x), F.leaky_relu,
         slopes=[[0.01, 0.01, 1]]),
    case("elu", [real(2, 3)], each(lambda x, alpha=1: x if x > 0 else alpha * math.expm1(x)),
         F.elu),
    case("elu", [real(2, 3)], each(lambda x, alpha: x if x > 0 else alpha * math.expm1(x)), F.elu,
         note="alpha", alpha=0.5),
    kink("elu", [at(-900, 0, 900)], lambda x: np.maximum(x, -1), F.elu, slopes=[[0, 1, 1]]),
    case("gelu", [real(2, 3)], each(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2), F.gelu),
    case("gelu", [real(2, 3)], ref.gelu_tanh, F.gelu, note="tanh", approximate="tanh"),
    kink("gelu", [at(-99, 0, 99)], lambda x: np.maximum(x, 0), F.gelu, slopes=[[0, 0.5, 1]]),
    case("silu", [real(2, 3)], each(lambda x: x / (1 + math.exp(-x))), F.silu),
    kink("silu", [at(-900, 0, 900)], lambda x: np.maximum(x, 0), F.silu, slopes=[[0, 0.5, 1]]),
    case("softplus", [real(2, 3)], each(lambda x: math.log(1 + math.exp(x))), F.softplus),
    case("softplus", [between(-2, 3, 9)], ref.softplus, F.softplus, note="options", beta=2.0,
         threshold=3.0),
    kink("softplus", [at(-900, 0, 900)], lambda x: np.logaddexp(x, 0), F.softplus,
         slopes=[[0, 0.5, 1]]),
    case("log_sigmoid", [real(2, 3)], each(lambda x: -math.log(1 + math.exp(-x))), F.logsigmoid),
    kink("log_sigmoid", [at(-900, 0, 900)], lambda x: -np.logaddexp(-x, 0), F.logsigmoid,
         slopes=[[1, 0.5, 0]]),
    case("hardtanh", [real(2, 3)], each(lambda x: min(max(x, -1), 1)), F.hardtanh),
    case("hardtanh", [real(2, 3)], lambda x, min_val, max_val: ref.clip(x, min_val, max_val),
         F.hardtanh, note="options", min_val=-0.2, max_val=0.3),
    kink("hardtanh", [at(-2, -1, 0, 1, 2)], lambda x: ref.clip(x, -1, 1), F.hardtanh,
         slopes=[[0, 0, 1, 0, 0]]),
    case("softmax", [real(2, 3)], ref.softmax, F.softmax, dim=-1),
    case("softmax", [real(2, 3, 4)], ref.softmax, F.softmax, note="middle", dim=1),
    kink("softmax", [at([0, 100, 100], [-inf, 0, 0])], lambda x, dim: [[[0, 0.5, 0.5]] * 2],
         F.softmax, note="extremes", slopes=[np.zeros((2, 3))], dim=1),
    case("log_softmax", [real(2, 3)], ref.log_softmax, F.log_softmax, dim=-1),
    case("log_softmax", [real(2, 3, 4)], ref.log_softmax, F.log_softmax, note="first", dim=0),
]


def torch_batch_norm(x, *affine, eps=1e-5):
    """PyTorch's, with the mean and variance that it keeps to itself."""
    dims = [d for d in range(x.ndim) if d != 1]
    y = F.batch_norm(x, None, None, *affine, training=True, eps=eps)
    return y, x.mean(dims, keepdim=True), x.var(dims, correction=0, keepdim=True)


NORMS = [
    case("batch_norm_train", [real(4, 3)], ref.batch_norm_train, torch_batch_norm),
    case("batch_norm_train", [real(2, 3, 2, 2), real(3), real(3)], ref.batch_norm_train,
         torch_batch_norm, note="images", eps=0.1),
    case("batch_norm_eval", [real(4, 3), real(3), positive(3)], ref.batch_norm_eval, F.batch_norm,
         wrt=[0]),
    case("batch_norm_eval", [real(2, 3, 2, 2), real(3), positive(3), real(3), real(3)],
         ref.batch_norm_eval, F.batch_norm, note="images", wrt=[0, 3, 4], eps=0.1),
    case("batch_norm_eval", [real(4, 3), real(3), positive(3)], ref.batch_norm_eval,
         note="by-statistics"),
    case("layer_norm", [real(4, 3)], ref.layer_norm, F.layer_norm, form=shape_second,
         normalized_shape=(3,)),
    case("layer_norm", [real(2, 3, 4), real(3, 4), real(3, 4)], ref.layer_norm, F.layer_norm,
         note="affine", form=shape_second, normalized_shape=(3, 4), eps=0.1),
]

labels = just([2, 0, 1, 2])
some_ignored = just([2, 1, -100, 1])
on_pixels = whole(0, 3, 2, 2, 2)
weighted = last_as("weight")

LOSSES = [
    case("mse_loss", [real(2, 3), real(2, 3)], ref.reduced(lambda x, t: (x - t) ** 2), F.mse_loss),
    case("mse_loss", [real(2, 3), real(2, 3)], ref.reduced(lambda x, t: (x - t) ** 2), F.mse_loss,
         note="none", reduction="none"),
    case("l1_loss", [real(2, 3), real(2, 3)], ref.reduced(lambda x, t: abs(x - t)), F.l1_loss),
    case("l1_loss", [real(2, 3), real(2, 3)], ref.reduced(lambda x, t: abs(x - t)), F.l1_loss,
         note="sum", reduction="sum"),
    case("huber_loss", [real(2, 3), real(2, 3)], ref.huber, F.huber_loss),
    case("huber_loss", [real(9), real(9)], ref.huber, F.huber_loss, note="delta", delta=0.5,
         reduction="none"),
    kink("huber_loss", [at(-1, 0, 1, 3), at(0, 0, 0, 0)], ref.huber, F.huber_loss,
         slopes=[[-1, 0, 1, 1], [1, 0, -1, -1]], reduction="sum"),
    case("smooth_l1_loss", [real(2, 3), real(2, 3)], ref.smooth_l1, F.smooth_l1_loss),
    case("smooth_l1_loss", [real(9), real(9)], ref.smooth_l1, F.smooth_l1_loss, note="beta",
         beta=0.5),
    case("smooth_l1_loss", [real(9), real(9)], ref.smooth_l1, F.smooth_l1_loss, note="zero",
         beta=0),
    case("nll_loss", [real(4, 3), labels], ref.nll, F.nll_loss),
    case("nll_loss", [real(4, 3), labels], ref.nll, F.nll_loss, note="none", reduction="none"),
    case("nll_loss", [real(3), just(1)], ref.nll, F.nll_loss, note="single"),
    case("nll_loss", [real(4, 3), some_ignored, positive(3)], ref.nll, F.nll_loss, note="weights",
         form=weighted, wrt=[0]),
    case("nll_loss", [real(2, 3, 2, 2), on_pixels], ref.nll, F.nll_loss, note="images",
         reduction="sum"),
    case("cross_entropy", [real(4, 3), labels], ref.cross_entropy, F.cross_entropy),
    case("cross_entropy", [real(4, 3), labels], ref.cross_entropy, F.cross_entropy, note="sum",
         reduction="sum"),
    case("cross_entropy", [real(3), just(1)], ref.cross_entropy, F.cross_entropy, note="single"),
    case("cross_entropy", [real(2, 3, 2, 2), on_pixels], ref.cross_entropy, F.cross_entropy,
         note="images", reduction="none"),
    case("cross_entropy", [real(4, 3), some_ignored], ref.cross_entropy, F.cross_entropy,
         note="ignored"),
    case("cross_entropy", [real(4, 3), labels], ref.cross_entropy, F.cross_entropy,
         note="own-ignored", ignore_index=2),
    case("cross_entropy", [real(4, 3), labels, positive(3)], ref.cross_entropy, F.cross_entropy,
         note="weights", form=weighted, wrt=[0], reduction="none"),
    case("cross_entropy", [real(4, 3), labels], ref.cross_entropy, F.cross_entropy, note="smoothed",
         label_smoothing=0.2),
    case("cross_entropy", [real(4, 3), some_ignored, positive(3)], ref.cross_entropy,
         F.cross_entropy, note="everything", form=weighted, wrt=[0], label_smoothing=0.2),
    case("cross_entropy", [real(4, 3), chances(4, 3)], ref.soft_cross_entropy, F.cross_entropy,
         note="chances"),
    case("cross_entropy", [real(4, 3), chances(4, 3), positive(3)], ref.soft_cross_entropy,
         F.cross_entropy, note="weighted-chances", form=weighted, wrt=[0, 1], label_smoothing=0.2,
         reduction="sum"),
    kink("cross_entropy", [at([0, 900], [900, 0]), just([0, 0])], lambda x, t: np.float64(450),
         F.cross_entropy, note="extremes", slopes=[[[-0.5, 0.5], [0, 0]]]),
    case("multi_margin_loss", [real(4, 3), labels], ref.multi_margin, F.multi_margin_loss),
    case("multi_margin_loss", [real(4, 3), labels, positive(3)], ref.multi_margin,
         F.multi_margin_loss, note="options", form=weighted, wrt=[0], p=2, margin=0.7,
         reduction="sum"),
    case("hinge_embedding_loss", [real(9), signs(9)], ref.hinge_embedding, F.hinge_embedding_loss,
         wrt=[0]),
    case("hinge_embedding_loss", [real(9), signs(9)], ref.hinge_embedding, F.hinge_embedding_loss,
         note="margin", wrt=[0], margin=0.3, reduction="none"),
    case("soft_margin_loss", [real(9), signs(9)],
         ref.reduced(each(lambda x, t: math.log(1 + math.exp(-x * t)))), F.soft_margin_loss,
         wrt=[0]),
    case("binary_cross_entropy", [between(0.1, 0.9, 2, 3), between(0, 1, 2, 3)],
         ref.binary_cross_entropy, F.binary_cross_entropy),
    case("binary_cross_entropy",
         [between(0.1, 0.9, 2, 3), just([[1.0, 0.0, 0.3]] * 2), positive(3)],
         ref.binary_cross_entropy, F.binary_cross_entropy, note="weights", form=weighted, wrt=[0],
         reduction="none"),
    # At 0 and 1 PyTorch's slope is that of a formula kept finite by 1e-12: 0, and -1e12.
    kink("binary_cross_entropy", [at(0, 1, 0, 1), at(0, 1, 1, 0)], ref.binary_cross_entropy,
         wrt=[0], slopes=[[1, -1, 0, 0]], reduction="sum"),
    case("binary_cross_entropy_with_logits", [real(2, 3), between(0, 1, 2, 3)],
         ref.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits),
    case("binary_cross_entropy_with_logits",
         [real(2, 3), between(0, 1, 2, 3), positive(3), positive(3)],
         ref.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits, note="weights",
         form=last_as("weight", "pos_weight"), wrt=[0], reduction="sum"),
    kink("binary_cross_entropy_with_logits", [at(-900, 0, 900), at(0, 1, 0)],
         alone(lambda x, t: math.log(2) + 900), F.binary_cross_entropy_with_logits,
         note="extremes", wrt=[0], slopes=[[0, -0.5, 1]], reduction="sum"),
    case("kl_div", [real(4, 3), chances(4, 3)], ref.kl_div, F.kl_div),
    case("kl_div", [real(4, 3), chances(4, 3)], ref.kl_div, F.kl_div, note="batchmean",
         reduction="batchmean"),
    case("kl_div", [real(4, 3), real(4, 3)], ref.kl_div, F.kl_div, note="log-target",
         log_target=True, reduction="sum"),
    kink("kl_div", [at(-1, -2), at(0, 1)], ref.kl_div, F.kl_div, note="impossible", wrt=[0],
         slopes=[[0, -1]], reduction="sum"),
]

# --- steps and random numbers -------------------------------------------------------------------

x, g, buffer, square = real(2, 3), real(2, 3), real(2, 3), positive(2, 3)
rate, third = just(0.1), just(3.0)

STEPS = [
    case("assign", [x, real(3)], lambda x, v: (x * 0 + v,), form=changing(0)),
    case("assign", [x, 2.0], lambda x, v: (x * 0 + v,), note="number", form=changing(0)),
    case("increment", [third], lambda x: (x + 1,), form=changing(0)),
    case("increment", [x], lambda x, amount: (x + amount,), note="amount", form=changing(0),
         amount=2.5),
    *(
        case("sgd_step", [x, g, buffer, rate, *numbers], ref.sgd, note=note, form=changing(0, 2),
             **attrs)
        for note, numbers, attrs in [
            ("", [], {}),
            ("decay", [], {"weight_decay": 0.1}),
            ("momentum", [0.9, 0.5], {"maximize": True}),
            ("nesterov", [just(0.9), just(0.0), just(0.1)], {"nesterov": True}),
        ]
    ),
    *(
        case("adam_step", [x, g, buffer, square, square, rate, third], ref.adam, note=note,
             form=changing(0, 2, 3, 4), **attrs)
        for note, attrs in [
            ("", {}),
            ("decay", {"weight_decay": 0.1, "maximize": True}),
            ("decoupled", {"weight_decay": 0.1, "decoupled": True, "maximize": True}),
            ("amsgrad", {"amsgrad": True, "betas": (0.5, 0.6), "eps": 1e-3}),
        ]
    ),
    *(
        case("rmsprop_step", [x, g, between(2, 3, 2, 3), buffer, between(0, 1, 2, 3), rate],
             ref.rmsprop, note=note, form=changing(0, 2, 3, 4), **attrs)
        for note, attrs in [
            ("", {}),
            ("options", {"alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
            ("momentum", {"momentum": 0.9}),
            ("centered", {"centered": True, "momentum": 0.5}),
        ]
    ),
    *(
        case("adagrad_step", [x, g, square, rate, third], ref.adagrad, note=note,
             form=changing(0, 2), **attrs)
        for note, attrs in [
            ("", {}),
            ("options", {"lr_decay": 0.1, "weight_decay": 0.1, "eps": 1e-3, "maximize": True}),
        ]
    ),
]

RANDOM = [
    case("random_uniform", [state(1)], ref.uniform, shape=(3, 4)),
    case("random_uniform", [state(1)], ref.uniform, note="double", shape=(7,), dtype=np.float64),
    case("random_normal", [state(2)], ref.normal, shape=(3, 4)),
    case("random_normal", [state(2)], ref.normal, note="odd", shape=(5,), dtype=np.float64),
    case("random_mask", [state(3)], ref.mask, shape=(4, 5), p=0.3),
    case("random_mask", [state(3)], ref.mask, note="none", shape=(9,), p=0.0),
    case("random_mask", [state(3)], ref.mask, note="all", shape=(9,), p=1.0, dtype=np.float64),
    case("random_permutation", [state(4)], ref.permutation, shape=(9,)),
    case("dropout", [real(4, 5), state(5)], ref.dropout, form=own_state, wrt=[0], p=0.3),
    case("dropout", [real(4, 5), state(5)], ref.dropout, note="all", form=own_state, wrt=[0],
         p=1.0),
    case("dropout", [real(4, 5), state(5)], lambda x, **_: x, note="evaluation", form=own_state,
         wrt=[0], training=False),
]

LISTS = [
    ARITHMETIC, POWERS, EXPONENTIALS, TRIGONOMETRY, KINKED, CHOICES, SUMS, EXTREMES, VIEWS, JOINS,
    INDEXING, PRODUCTS, EINSUMS, CONVOLUTIONS, POOLING, ACTIVATIONS, NORMS, LOSSES, STEPS, RANDOM,
]

# fmt: on

CASES: dict[str, Case] = {row.name: row for rows in LISTS for row in rows}

"""Which sizes of a program grow with its inputs: several recordings held together (floor 4).

A program is recorded for a few sizes of the dimensions that are to stay open. What is the same in
all recordings is fixed. A whole number that differs becomes a `Size`, a sum of products of open
dimensions, if that is what it is in every recording; an array that differs becomes a rule by which
it is made. All else depends on the size in a way that a straight line of operations cannot say.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import DataError
from chainrule.export.forward import Forward, forward_of
from chainrule.ops import Array
from chainrule.plan.program import Instruction, Value

__all__ = [
    "Axis",
    "Computed",
    "Counted",
    "Dim",
    "Filled",
    "Outline",
    "Rule",
    "Size",
    "Step",
    "Triangle",
    "outline_of",
]


@dataclass(frozen=True)
class Axis:
    """A dimension of an input that stays open.

    Attributes:
        symbol: its name; axes with one name have one size.
        input: which input.
        dim: which of its dimensions.
    """

    symbol: str
    input: int
    dim: int


@dataclass(frozen=True)
class Size:
    """A whole number that depends on open dimensions.

    Attributes:
        terms: pairs of a factor and the symbols whose product it multiplies.
    """

    terms: tuple[tuple[int, tuple[str, ...]], ...]

    def at(self, sizes: Mapping[str, int]) -> int:
        """Return the number where the open dimensions have these sizes."""
        return sum(c * math.prod(sizes[s] for s in symbols) for c, symbols in self.terms)

    def __str__(self) -> str:
        return " + ".join("*".join([str(c), *symbols]) for c, symbols in self.terms)


Dim: TypeAlias = int | Size


@dataclass(frozen=True)
class Filled:
    """An array of one number, of a shape that is open."""

    value: Any
    shape: tuple[Dim, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Counted:
    """Whole numbers per n + step j + rest, where j counts along an open dimension of size n.

    Attributes:
        per: without that dimension, like the next two.
        step: what j is multiplied by.
        rest: what is added.
        symbol: the open dimension.
        dim: where it stands before the array takes its shape.
        shape: of the array.
    """

    per: Array
    step: Array
    rest: Array
    symbol: str
    dim: int
    shape: tuple[Dim, ...]


@dataclass(frozen=True)
class Triangle:
    """One number on and below the diagonal of a matrix, and another above."""

    below: Any
    above: Any
    shape: tuple[Dim, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Computed:
    """A few whole numbers, some of which grow with open sizes."""

    numbers: tuple[Dim, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


Rule: TypeAlias = Filled | Counted | Triangle | Computed


@dataclass(frozen=True)
class Step:
    """An instruction whose attributes and plain operands may hold a `Size`."""

    instruction: Instruction
    args: tuple[Any, ...]
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Outline:
    """A program some of whose sizes are open.

    Attributes:
        forward: one of the recordings.
        axes: the open dimensions.
        steps: its instructions.
        shapes: of all values.
        made: the constants that differ from size to size; those that follow no rule as the error
            of whoever reads them.
    """

    forward: Forward
    axes: tuple[Axis, ...]
    steps: tuple[Step, ...]
    shapes: Mapping[Value, tuple[Dim, ...]]
    made: Mapping[Value, Rule | DataError]


# --- recording ----------------------------------------------------------------------------------


def outline_of(model: Any, examples: Sequence[Array], axes: Sequence[Axis]) -> Outline:
    """Record a network for several sizes of some dimensions, and find what grows with them.

    Args:
        model: a module or a function of tensors.
        examples: an input each.
        axes: the dimensions that stay open; none makes every size fixed.

    Raises:
        DataError: the network does something else for another size.
    """
    symbols = list(dict.fromkeys(axis.symbol for axis in axes))
    usual = {s: _usual(examples, [a for a in axes if a.symbol == s]) for s in symbols}
    corners = [
        dict(zip(symbols, n)) for n in itertools.product(*((v, v + 1) for v in usual.values()))
    ]
    tried = [*corners, {s: v + 3 for s, v in usual.items()}] if symbols else [{}]
    found = [forward_of(model, *_sized(examples, axes, sizes)) for sizes in tried]
    return _Together(symbols, tried, found).outline(tuple(axes))


def _usual(examples: Sequence[Array], axes: Sequence[Axis]) -> int:
    """The least size to try: small for a batch, no smaller than what was shown for all else."""
    if all(axis.dim == 0 for axis in axes):
        return 2
    return max(2, *(examples[a.input].shape[a.dim] for a in axes))


def _sized(
    examples: Sequence[Array], axes: Sequence[Axis], sizes: Mapping[str, int]
) -> list[Array]:
    """The examples, cut or repeated to these sizes."""
    found = list(examples)
    for axis in axes:
        x = found[axis.input]
        if not x.shape[axis.dim]:
            raise DataError("an example to export a network with needs at least one row, got none")
        places = np.arange(sizes[axis.symbol]) % x.shape[axis.dim]
        found[axis.input] = np.take(x, places, axis=axis.dim)
    return found


# --- holding together ---------------------------------------------------------------------------


class _Together:
    """Recordings of one network for several sizes."""

    def __init__(
        self, symbols: Sequence[str], tried: Sequence[Mapping[str, int]], found: Sequence[Forward]
    ) -> None:
        self.symbols, self.tried, self.found = symbols, tried, found
        products = [p for k in range(len(symbols) + 1) for p in itertools.combinations(symbols, k)]
        self.products = products
        self.matrix = np.array(
            [[math.prod(n[s] for s in p) for p in products] for n in tried], float
        )

    def outline(self, axes: tuple[Axis, ...]) -> Outline:
        programs = [f.program for f in self.found]
        if len({(len(p), len(p.state), len(p.outputs)) for p in programs}) > 1:
            raise self._differs("takes other steps")
        shapes: dict[Value, tuple[Dim, ...]] = {}
        for values in zip(*(p.inputs for p in programs)):
            shapes[values[0]] = self._shape(values)
        made: dict[Value, Rule | DataError] = {}
        for values in zip(*(p.state for p in programs)):
            shapes[values[0]] = self._shape(values)
            rule = self._constant([np.asarray(v.array) for v in values], shapes[values[0]])
            if rule is not None:
                made[values[0]] = rule
        steps = tuple(self._step(each, shapes) for each in zip(*programs))
        return Outline(self.found[0], axes, steps, shapes, made)

    def _differs(self, how: str) -> DataError:
        names = ", ".join(self.symbols)
        return DataError(
            f"the network {how} for another size of {names}, so the file cannot leave it open; "
            "export it with dynamic_batch=False for the size of the example alone"
        )

    def _step(self, each: Sequence[Instruction], shapes: dict[Value, Any]) -> Step:
        first = each[0]
        if len({i.op.name for i in each}) > 1:
            raise self._differs("takes other steps")
        shapes.setdefault(first.out, self._shape([i.out for i in each]))
        args = tuple(
            a[0] if isinstance(a[0], Value) else self._merged(a)
            for a in zip(*(i.args for i in each), strict=True)
        )
        attrs = {name: self._merged([i.attrs[name] for i in each]) for name in first.attrs}
        return Step(first, args, attrs)

    def _shape(self, values: Sequence[Value]) -> tuple[Dim, ...]:
        if len({len(v.shape) for v in values}) > 1:
            raise self._differs("has arrays of other dimensions")
        return tuple(self._size(n) for n in zip(*(v.shape for v in values)))

    def _merged(self, things: Sequence[Any]) -> Any:
        """One attribute for all recordings."""
        first = things[0]
        if isinstance(first, (bool, np.bool_)) or first is None or callable(first):
            return self._same(things)
        if isinstance(first, (int, np.integer)) and all(
            isinstance(t, (int, np.integer)) for t in things
        ):
            return self._size([int(t) for t in things])
        if isinstance(first, slice):
            ends = [
                self._merged([getattr(t, e) for t in things]) for e in ("start", "stop", "step")
            ]
            return slice(*ends)
        if isinstance(first, (tuple, list)):
            if len({len(t) for t in things}) > 1:
                raise self._differs("takes another number of steps")
            parts = [self._merged(each) for each in zip(*things)]
            return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
        return self._same(things)

    def _same(self, things: Sequence[Any]) -> Any:
        if callable(things[0]) and not isinstance(things[0], type):
            return things[0]  # a check, which is not exported
        if any(repr(t) != repr(things[0]) for t in things):
            raise self._differs(f"computes with {things[0]} in place of {things[1]}")
        return things[0]

    def _size(self, numbers: Sequence[int]) -> Dim:
        if len(set(numbers)) == 1:
            return numbers[0]
        corners = len(self.products)
        factors = np.rint(np.linalg.solve(self.matrix[:corners], numbers[:corners])).astype(int)
        terms = tuple((int(c), p) for c, p in zip(factors, self.products) if c)
        size = Size(terms)
        if any(size.at(n) != number for n, number in zip(self.tried, numbers)):
            raise self._differs(f"has sizes such as {', '.join(map(str, numbers))}")
        return size

    # --- constants ------------------------------------------------------------------------------

    def _constant(self, arrays: Sequence[Array], shape: tuple[Dim, ...]) -> Rule | DataError | None:
        """The rule of arrays that differ, or `None` where they are the same."""
        first = arrays[0]
        if all(
            a is first or np.array_equal(a, first, equal_nan=first.dtype.kind == "f")
            for a in arrays
        ):
            return None
        fills = {a.flat[0].item() for a in arrays if a.size}
        if len(fills) == 1 and all((a == a.flat[0]).all() for a in arrays if a.size):
            return Filled(fills.pop(), shape, first.dtype)
        rules = self._computed(arrays), _triangle(arrays, shape), *self._counted(arrays, shape)
        return next((r for r in rules if r), self._differs("computes with other numbers"))

    def _computed(self, arrays: Sequence[Array]) -> Computed | None:
        first = arrays[0]
        if first.dtype.kind not in "iu" or len({a.shape for a in arrays}) > 1 or first.size > 64:
            return None
        columns = zip(*(a.ravel().tolist() for a in arrays))
        try:
            return Computed(tuple(map(self._size, columns)), first.shape, first.dtype)
        except DataError:
            return None

    def _counted(self, arrays: Sequence[Array], shape: tuple[Dim, ...]) -> Iterator[Counted | None]:
        open_dims = [d for d, n in enumerate(shape) if isinstance(n, Size)]
        if arrays[0].dtype.kind not in "iu" or len(open_dims) != 1:
            return
        d = open_dims[0]
        size = shape[d]
        assert isinstance(size, Size)
        if len(size.terms) != 1 or len(size.terms[0][1]) != 1:
            return
        factor, (symbol,) = size.terms[0]
        sizes = [n[symbol] for n in self.tried]
        for cut, axis in (((factor, -1), d + 1), ((-1, factor), d)):
            apart = [a.reshape(*a.shape[:d], *cut, *a.shape[d + 1 :]) for a in arrays]
            yield _linear([np.moveaxis(a, axis, -1) for a in apart], sizes, symbol, axis, shape)


def _linear(
    arrays: Sequence[Array], sizes: Sequence[int], symbol: str, dim: int, shape: tuple[Dim, ...]
) -> Counted | None:
    """The rule of arrays whose last dimension is the open one, if they have one."""
    if any(a.shape[-1] != n for a, n in zip(arrays, sizes)):
        return None
    starts = [a[..., 0].astype(np.int64) for a in arrays]
    other = next(k for k, n in enumerate(sizes) if n != sizes[0])
    step = arrays[other][..., 1].astype(np.int64) - starts[other]
    per = (starts[other] - starts[0]) // (sizes[other] - sizes[0])
    rest = starts[0] - per * sizes[0]
    for a, n in zip(arrays, sizes):
        if not np.array_equal(a, (per * n + rest)[..., None] + step[..., None] * np.arange(n)):
            return None
    return Counted(per, step, rest, symbol, dim, shape)


def _triangle(arrays: Sequence[Array], shape: tuple[Dim, ...]) -> Triangle | None:
    if len(shape) != 2 or min(arrays[0].shape) < 2:
        return None
    below, above = arrays[0][1, 0], arrays[0][0, 1]
    for a in arrays:
        if not np.array_equal(a, np.where(np.tri(*a.shape) > 0, below, above)):
            return None
    return Triangle(below.item(), above.item(), shape, arrays[0].dtype)

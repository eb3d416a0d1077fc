"""A graph of ONNX nodes while it is being written (floor 4; knows ONNX's names, not its library).

A writer of an operation asks the graph for the names of its arguments, in the format it needs them
in, and adds nodes, each of which gives the name of its result. Sizes that are open are computed
from the shapes of the inputs where they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import DataError
from chainrule.export.onnx.sizes import (
    Axis,
    Computed,
    Counted,
    Dim,
    Filled,
    Outline,
    Rule,
    Size,
    Step,
    Triangle,
)
from chainrule.ops import Array
from chainrule.plan.program import Value

__all__ = ["BOOL", "CODES", "INT64", "UNWRITTEN", "WRITERS", "Graph", "Node", "Writer", "writes"]

# The numbers of ONNX's TensorProto.DataType.
CODES = {
    np.dtype(name): code
    for name, code in {
        "float32": 1,
        "uint8": 2,
        "int8": 3,
        "uint16": 4,
        "int16": 5,
        "int32": 6,
        "int64": 7,
        "bool": 9,
        "float16": 10,
        "float64": 11,
        "uint32": 12,
        "uint64": 13,
    }.items()
}
INT64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)


@dataclass(frozen=True)
class Node:
    """One node.

    Attributes:
        kind: an operator of ONNX.
        inputs: the names that it reads.
        outputs: the names that it gives.
        attrs: its attributes.
        path: of the module that it is a part of.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any]
    path: str = ""


Writer: TypeAlias = Callable[["Graph", Step], str]

# By the name of our operation what writes it.
WRITERS: dict[str, Writer] = {}


# Why the other operations are not written.
UNWRITTEN: dict[str, str] = {
    name: reason
    for reason, names in {
        "draws random numbers, which ONNX's operators do in their own way": (
            "random_uniform random_normal random_mask random_place random_permutation "
            "random_gamma random_poisson random_binomial"
        ),
        "changes an array in place": ("increment sgd_step adam_step rmsprop_step adagrad_step"),
        "belongs to the way back, and files hold the way forward": (
            "attention_back convolution_weight rnn_steps_back lstm_steps lstm_steps_back "
            "gru_steps gru_steps_back max_pooling_spread sum_pooling_spread gamma_drift"
        ),
        "takes a matrix apart, for which ONNX has no operator": (
            "inverse solution pseudoinverse cofactors cholesky_factor orthonormal complement "
            "eigen_packed singular_packed svdvals matrix_exp"
        ),
        "is a function for which ONNX has no operator": (
            "erfcx erfinv ndtri lgamma digamma zeta gammainc gammaincc i0 i1 i0e i1e"
        ),
        "works on the digits of numbers, for which ONNX has no operator": (
            "bit_exponent nextafter gcd lcm"
        ),
        "chooses its windows by chance": "fractional_places",
    }.items()
    for name in names.split()
}


def writes(*names: str) -> Callable[[Writer], Writer]:
    """Enter what writes these operations into the table."""

    def enter(writer: Writer) -> Writer:
        WRITERS.update(dict.fromkeys(names, writer))
        return writer

    return enter


@dataclass
class Graph:
    """Nodes and constants of a file that is being written.

    Attributes:
        outline: the program, some of whose sizes may be open.
        inputs: the names of the inputs.
        nodes: in the order in which they are computed.
        arrays: constants and weights, by name.
    """

    outline: Outline
    inputs: Sequence[str]
    nodes: list[Node] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        forward = self.outline.forward
        self._names: dict[Value, str] = dict(zip(forward.program.inputs, self.inputs))
        self._delivered: set[str] = set()
        self._taken = {*self.inputs, *forward.names.values()}
        self._constants: dict[Any, str] = {}
        self._sizes: dict[Any, str] = {}
        self._done: dict[Value, str] = {}
        self._makers = {s.instruction.out: s for s in self.outline.steps}
        self._users = self._find_users()
        self._count = 0
        self._path = ""

    # --- the program ----------------------------------------------------------------------------

    def _find_users(self) -> dict[Value, list[Step]]:
        """Who reads each value, of the steps whose results are needed."""
        needed = set(self.outline.forward.program.outputs)
        users: dict[Value, list[Step]] = {}
        for step in reversed(self.outline.steps):
            out = step.instruction.out
            if out not in needed and out.origin == "made":
                continue
            for v in step.instruction.values:
                needed.add(v)
                users.setdefault(v, []).insert(0, step)
        self._needed = needed
        return users

    def users(self, v: Value) -> list[Step] | None:
        """Return who reads a value, or `None` for a result of the whole program."""
        return None if v in self.outline.forward.program.outputs else self._users.get(v, [])

    def maker(self, v: Value) -> Step | None:
        """Return what makes a value."""
        return self._makers.get(v)

    def finish(self, step: Step, name: str) -> None:
        """Let the result of a step that comes later be what has that name."""
        self._done[step.instruction.out] = name

    def write(self) -> None:
        """Add the nodes of all steps whose results are needed."""
        for step in self.outline.steps:
            out, op = step.instruction.out, step.instruction.op
            if out.origin == "made" and out not in self._needed:
                continue
            if out in self._done:
                self.rename(out, self._done[out])
                continue
            if op.name not in WRITERS:
                raise DataError(_unwritten(op.name))
            place = step.instruction.place
            self._path = place.module.partition(" ")[0] if place else ""
            self.rename(out, WRITERS[op.name](self, step))
        self._path = ""

    def deliver(self, inner: str, name: str) -> None:
        """Let an output have its name: that of the node which makes it, if nobody else needs it."""
        makers = [k for k, node in enumerate(self.nodes) if inner in node.outputs]
        if not makers or inner in self._delivered:
            self.nodes.append(Node("Identity", (inner,), (name,), {}))
            return
        self._delivered.add(name)
        new = {inner: name}
        for k, node in enumerate(self.nodes[makers[0] :], start=makers[0]):
            inputs = tuple(new.get(n, n) for n in node.inputs)
            outputs = tuple(new.get(n, n) for n in node.outputs)
            self.nodes[k] = replace(node, inputs=inputs, outputs=outputs)
        self._names = {v: new.get(n, n) for v, n in self._names.items()}

    # --- nodes ----------------------------------------------------------------------------------

    def reserve(self, names: Iterable[str]) -> None:
        """Keep names for what is to have them."""
        self._taken.update(names)

    def fresh(self, stem: str) -> str:
        """Return a name that nothing has yet."""
        self._count += 1
        name = f"{stem}_{self._count}"
        while name in self._taken:
            self._count += 1
            name = f"{stem}_{self._count}"
        self._taken.add(name)
        return name

    def add(self, kind: str, *inputs: str, **attrs: Any) -> str:
        """Add a node with one result; return its name."""
        return self.several(kind, inputs, 1, **attrs)[0]

    def several(
        self, kind: str, inputs: Iterable[str], count: int, **attrs: Any
    ) -> tuple[str, ...]:
        """Add a node with so many results; return their names."""
        outputs = tuple(self.fresh(kind.lower()) for _ in range(count))
        given = {name: value for name, value in attrs.items() if value is not None}
        self.nodes.append(Node(kind, tuple(inputs), outputs, given, self._path))
        return outputs

    # --- constants ------------------------------------------------------------------------------

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Return the name of an array of numbers; the same numbers have one name."""
        array = np.ascontiguousarray(value, dtype=dtype).reshape(np.shape(value))
        key = array.tobytes(), array.shape, array.dtype
        if key not in self._constants:
            name = self._constants[key] = self.fresh("constant")
            self.arrays[name] = array
        return self._constants[key]

    def ints(self, *values: int) -> str:
        """Return the name of a vector of whole numbers."""
        return self.constant(np.array(values, np.int64).reshape(len(values)))

    def number(self, value: Any, dtype: Any) -> str:
        """Return the name of a number without dimensions."""
        with np.errstate(over="ignore"):
            return self.constant(np.array(value).astype(dtype))

    # --- sizes ----------------------------------------------------------------------------------

    def size(self, n: Dim) -> str:
        """Return the name of a vector with one size, int64."""
        if isinstance(n, int):
            return self.ints(n)
        if n not in self._sizes:
            terms = [self._term(factor, symbols) for factor, symbols in n.terms]
            total = terms[0]
            for term in terms[1:]:
                total = self.add("Add", total, term)
            self._sizes[n] = total
        return self._sizes[n]

    def _term(self, factor: int, symbols: Sequence[str]) -> str:
        found = self.ints(factor) if factor != 1 or not symbols else ""
        for symbol in symbols:
            one = self._symbol(symbol)
            found = self.add("Mul", found, one) if found else one
        return found

    def _symbol(self, symbol: str) -> str:
        if symbol not in self._sizes:
            axis = next(a for a in self.outline.axes if a.symbol == symbol)
            self._sizes[symbol] = self._measured(axis)
        return self._sizes[symbol]

    def _measured(self, axis: Axis) -> str:
        return self.add("Shape", self.inputs[axis.input], start=axis.dim, end=axis.dim + 1)

    def sizes(self, shape: Sequence[Dim]) -> str:
        """Return the name of a shape as a vector, int64."""
        if all(isinstance(n, int) for n in shape):
            return self.ints(*(n for n in shape if isinstance(n, int)))
        return self.add("Concat", *(self.size(n) for n in shape), axis=0)

    def shape(self, v: Any) -> tuple[Dim, ...]:
        """Return the shape of a value; of a number that of a scalar."""
        return self.outline.shapes[v] if isinstance(v, Value) else ()

    def fixed(self, value: Any, what: str) -> Any:
        """Return an attribute in which nothing may be open."""
        for n in _leaves(value):
            if isinstance(n, Size):
                raise DataError(
                    f"{what} of size {n} cannot be left open in an ONNX file; export the network "
                    "with dynamic_batch=False, or name fewer dynamic axes"
                )
        return value

    # --- values ---------------------------------------------------------------------------------

    def name(self, v: Any, dtype: Any = None) -> str:
        """Return the name of an argument, converted if it has another dtype."""
        if isinstance(v, Size):
            number = self.add("Squeeze", self.size(v), self.ints(0))
            return self.cast(number, INT64, dtype if dtype is not None else INT64)
        if not isinstance(v, Value):
            return self.number(v, dtype if dtype is not None else np.asarray(v).dtype)
        if v not in self._names:
            self._names[v] = self._state(v)
        name = self._names[v]
        return name if dtype is None else self.cast(name, v.dtype, dtype)

    def cast(self, name: str, old: Any, new: Any) -> str:
        """Return what has that name in another format."""
        if np.dtype(old) == np.dtype(new):
            return name
        return self.add("Cast", name, to=CODES[np.dtype(new)])

    def rename(self, v: Value, name: str) -> None:
        """Let a value be known by that name from now on."""
        self._names[v] = name

    def _state(self, v: Value) -> str:
        rule = self.outline.made.get(v)
        if isinstance(rule, DataError):
            raise rule
        if rule is not None:
            return self._made(rule)
        assert v.array is not None
        name = self.outline.forward.names.get(v)
        if name is None:
            return self.constant(v.array)
        self.arrays[name] = v.array
        return name

    def _made(self, rule: Rule) -> str:
        if isinstance(rule, Computed):
            listed = self.reshape(self.sizes(rule.numbers), rule.shape)
            return self.cast(listed, INT64, rule.dtype)
        if isinstance(rule, Filled):
            return self.filled(rule.value, rule.shape, rule.dtype)
        if isinstance(rule, Triangle):
            below = self.lower(*rule.shape)
            numbers = (self.number(n, rule.dtype) for n in (rule.below, rule.above))
            return (
                below if rule.dtype == BOOL and rule.below else self.add("Where", below, *numbers)
            )
        return self._counted(rule)

    def _counted(self, rule: Counted) -> str:
        n = self._symbol(rule.symbol)
        count = self.range(Size(((1, (rule.symbol,)),)))
        steps = self.add("Mul", count, self.constant(rule.step[..., None]))
        first = self.add("Mul", n, self.constant(rule.per[..., None]))
        first = self.add("Add", first, self.constant(rule.rest[..., None]))
        whole = self.add("Add", steps, first)
        rank = rule.step.ndim + 1
        order = list(range(rank - 1))
        order.insert(rule.dim, rank - 1)
        return self.add(
            "Reshape", self.add("Transpose", whole, perm=order), self.sizes(rule.shape), allowzero=1
        )

    # --- what many writers need -----------------------------------------------------------------

    def range(self, n: Dim) -> str:
        """Return 0, 1, ..., n - 1."""
        if isinstance(n, int):
            return self.constant(np.arange(n))
        end = self.add("Squeeze", self.size(n), self.ints(0))
        return self.add("Range", self.number(0, INT64), end, self.number(1, INT64))

    def lower(self, rows: Dim, columns: Dim) -> str:
        """Return the truth values of a matrix that hold on and below its diagonal."""
        if isinstance(rows, int) and isinstance(columns, int):
            return self.constant(np.tri(rows, columns, dtype=bool))
        across = self.add("Unsqueeze", self.range(columns), self.ints(0))
        down = self.add("Unsqueeze", self.range(rows), self.ints(1))
        return self.add("LessOrEqual", across, down)

    def filled(self, value: Any, shape: Sequence[Dim], dtype: Any) -> str:
        """Return an array of one number."""
        if all(isinstance(n, int) for n in shape):
            return self.constant(np.full(self.fixed(tuple(shape), "an array"), value, dtype))
        number = np.array([value], dtype)
        return self.add("ConstantOfShape", self.sizes(shape), value=number)

    def reshape(self, x: str, new: Sequence[Dim]) -> str:
        """Return x in another shape, which has as many elements."""
        return self.add("Reshape", x, self.sizes(new), allowzero=1)

    def expand(self, x: str, old: Sequence[Dim], new: Sequence[Dim]) -> str:
        """Return x broadcast to a shape."""
        return x if tuple(old) == tuple(new) else self.add("Expand", x, self.sizes(new))

    def slice(
        self, x: str, starts: Sequence[Dim], ends: Sequence[Dim], axes: Sequence[int],
        steps: Sequence[int],
    ) -> str:  # fmt: skip
        """Return a part of x along some dimensions."""
        parts = [self.sizes(starts), self.sizes(ends), self.ints(*axes), self.ints(*steps)]
        return self.add("Slice", x, *parts)


def _unwritten(name: str) -> str:
    reason = UNWRITTEN.get(name, "has no counterpart in ONNX")
    return f"the operation {name} {reason}, so what uses it cannot be exported"


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, (tuple, list)):
        for one in value:
            yield from _leaves(one)
    else:
        yield value

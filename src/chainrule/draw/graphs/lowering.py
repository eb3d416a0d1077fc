"""Lowering: what a module did with arrays, done again with scalars (floor 4).

Every parameter and input becomes an array of `Value`s, and the operations of a run are repeated on
them through the forward bodies that they have for any array. Numbers, and after `backward` their
gradients, are those of the tensors; the graph is the one a person would have written by hand.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.draw.graphs.trace import Call, Trace, traced
from chainrule.errors import OptionError
from chainrule.nn import Module
from chainrule.ops import Array, Op
from chainrule.scalar import Value

__all__ = ["lower", "scalar_count"]


def lower(model: Module, *inputs: Any, limit: int = 3000) -> list[Array]:
    """Return what `model` makes of `inputs`, as arrays of scalars with all that they came from.

    A weight is labelled by its name's first letter and its index, `w01`, with the path of its layer
    in front where several have weights, `2.w01`; an input by the name that `forward` has for it,
    and of a single example by the index within that.

    Args:
        model: any module; it is run once, in `eval` mode.
        inputs: what it is called with.
        limit: how many numbers the graph may have.

    Returns:
        For each tensor that the module returns an array of its shape, of `Value`s.

    Raises:
        OptionError: more than `limit` numbers, told before any of them is made; or an operation
            that scalars do not know.

    Examples:
        >>> from chainrule import nn
        >>> model = nn.Linear(2, 1).double()
        >>> (y,) = lower(model, np.array([[1.0, 2.0]]))
        >>> sorted(v.label for v in y[0, 0].graph() if v.label)
        ['b0', 'w00', 'w01', 'x0', 'x1']
        >>> bool(abs(y[0, 0].data - model(np.array([[1.0, 2.0]])).item()) < 1e-12)
        True
    """
    trace = traced(model, *inputs)
    count = scalar_count(trace)
    if count > limit:
        raise OptionError(
            f"{type(model).__name__} on this input comes to about {count:,} scalars, and more than "
            f"{limit:,} make no picture; give it one small example, or fewer units, or draw it "
            "without scalars=True"
        )
    return _Lowering(trace).outputs()


def scalar_count(trace: Trace) -> int:
    """Return about how many scalars a run comes to: leaves, and a result for each operation.

    Examples:
        >>> from chainrule import nn
        >>> scalar_count(traced(nn.Linear(2, 1), np.zeros((1, 2), np.float32)))
        10
    """
    leaves = {id(x): x.size for call in trace.calls for x in call.args if _is_leaf(trace, x)}
    return sum(leaves.values()) + sum(_work(call) for call in trace.calls if call.op is not None)


def _work(call: Call) -> int:
    assert call.op is not None
    shapes: list[Any] = [None if x is None else np.shape(x) for x in call.args]
    if not call.op.differentiable or call.op.kind in ("view", "gather"):
        return 0
    if call.op.kind == "elementwise":
        return math.prod(np.shape(call.y))
    if call.op.kind == "reduce":
        return math.prod(np.shape(call.args[0]))
    return int(call.op.cost(*shapes, **call.attrs).flops)


def _is_leaf(trace: Trace, x: Any) -> bool:
    given = any(x is array for array in trace.inputs)
    return (given or id(x) in trace.names) and x.dtype.kind == "f"


# --- the run, repeated ----------------------------------------------------------------------------


class _Lowering:
    """The values of a run, as arrays of scalars where they depend on a parameter or an input."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.leaves: dict[int, Array] = {}
        self.made: dict[int, Any] = {}
        self.labels = _labels(trace)
        for call in trace.calls:
            self.made[id(call)] = self._repeated(call)

    def outputs(self) -> list[Array]:
        ends = zip(self.trace.ends, self.trace.outputs)
        return [self._leaf(y) if end is None else self.made[id(end)] for end, y in ends]

    def _repeated(self, call: Call) -> Any:
        args = [
            self._leaf(x) if source is None else self.made[id(source)]
            for x, source in zip(call.args, call.sources)
        ]
        if call.op is None:
            return args[0]
        if not call.op.differentiable or not any(_has_scalars(x) for x in args):
            return call.y  # where there is no slope, the numbers will do
        return _performed(call.op, args, call.attrs)

    def _leaf(self, x: Any) -> Any:
        if not isinstance(x, np.ndarray) or not _is_leaf(self.trace, x):
            return x
        if id(x) not in self.leaves:
            scalars = np.empty(x.shape, object)
            for at in np.ndindex(x.shape):
                scalars[at] = Value(float(x[at]), label=self._label(x, at))
            self.leaves[id(x)] = scalars
        return self.leaves[id(x)]

    def _label(self, x: Array, at: tuple[int, ...]) -> str:
        skip = int(id(x) not in self.trace.names and x.ndim > 1 and len(x) == 1)
        return _indexed(self.labels[id(x)], at[skip:], x.shape[skip:])


def _indexed(name: str, at: Sequence[int], shape: Sequence[int]) -> str:
    if max(shape, default=1) <= 10:
        return name + "".join(str(i) for i in at)
    return f"{name}[{','.join(str(i) for i in at)}]"


def _has_scalars(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == object


def _labels(trace: Trace) -> dict[int, str]:
    """What the numbers of each parameter, buffer and input are called, before their index."""
    owners = {name.rpartition(".")[0] for name, _ in trace.model.named_parameters()}
    labels = {}
    for key, path in trace.names.items():
        layer, _, name = path.rpartition(".")
        short = {"weight": "w", "bias": "b"}.get(name, name)
        labels[key] = f"{layer}.{short}" if layer and len(owners) > 1 else short
    names = list(inspect.signature(trace.model.forward).parameters)
    for i, array in enumerate(trace.inputs):
        labels[id(array)] = names[i] if i < len(names) else f"x{i}"
    return labels


# --- operations on scalars ------------------------------------------------------------------------


def _performed(op: Op, args: Sequence[Any], attrs: Mapping[str, Any]) -> Array:
    body = _OTHERWISE.get(op.name, op.forward)
    if op.kind == "elementwise" and len(args) == 1 and hasattr(Value, op.name):
        body = _each(op.name)
    try:
        y = body(*args, **attrs)
    except (TypeError, AttributeError, ValueError) as error:
        raise _unknown(op) from error
    if isinstance(y, Value):
        y = np.array(y, dtype=object)
    if not _has_scalars(y):  # a body that asks for plain numbers has lost where they came from
        raise _unknown(op)
    return y


def _unknown(op: Op) -> OptionError:
    return OptionError(
        f"{op.name} cannot be drawn as scalars, for a Value knows no such operation; draw the "
        "module without scalars=True"
    )


def _each(name: str) -> Any:
    """The method of that name of every scalar in an array."""
    return np.frompyfunc(getattr(Value, name), 1, 1)


def _numbers(x: Array) -> Array:
    return np.vectorize(float, otypes=[float])(x)


def _same(x: Array, dtype: Any) -> Array:  # scalars have one format
    return x


def _logsumexp(x: Array, dim: Any = None, keepdim: bool = False) -> Any:
    """The body asks for what is finite, which scalars cannot be asked; the largest is a number."""
    top = ops.peak(_numbers(x), dim=dim, keepdim=True)
    total = ops.sum.forward(_each("exp")(x - top), dim=dim, keepdim=True)
    y = _each("log")(total) + top
    return y if keepdim else y.reshape(ops.logsumexp.shape(x.shape, dim=dim))


def _max_pooling(x: Array, window: Any) -> Any:
    """Which pixel wins is a matter of numbers; the scalar that wins is picked."""
    winners = ops.max_pooling_winners(_numbers(x), window=window)
    return ops.max_pooling_picked.forward(x, winners, window=window)


_OTHERWISE: dict[str, Callable[..., Any]] = {
    "cast": _same,
    "logsumexp": _logsumexp,
    "max_pooling": _max_pooling,
}

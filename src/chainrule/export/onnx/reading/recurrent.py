"""ONNX's recurrent layers, with our operations (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.errors import DataError
from chainrule.export.onnx.reading.call import Call, fixed, rank_of, reads, shape_of, whole
from chainrule.export.onnx.reading.shapes import flipped, turned

__all__: list[str] = []

# A direction's rows of all steps from (x, weights, states), and its states after the last.
Layer = Callable[..., tuple[Any, Sequence[Any]]]

USUAL = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


def _checked(call: Call, x: Any, lengths: Any, kinds: Sequence[Sequence[str]]) -> int:
    """Refuse what is not supported; return how many directions there are."""
    kind = call.node.kind
    count = 2 if call.get("direction", "forward") == "bidirectional" else 1
    named = list(call.get("activations", USUAL[kind] * count))
    if named not in [[*k] * count for k in kinds]:
        raise call.refuse(f"it has the activations {', '.join(named)}")
    if call.get("clip") or call.get("input_forget", 0):
        raise call.refuse("it clips its sums or couples its gates")
    time = 1 if call.get("layout", 0) else 0
    if lengths is not None and any(n != x.shape[time] for n in whole(lengths, "lengths")):
        raise call.refuse("its sequences are of unequal length")
    return count


def _parts(v: Any, order: Sequence[int], direction: int) -> Any:
    """The gates of a direction's weights or biases, in our order."""
    own = ops.slice(v, key=(direction,))
    hidden = own.shape[0] // len(order)
    pieces = [ops.slice(own, key=(slice(k * hidden, (k + 1) * hidden),)) for k in order]
    return ops.concatenate(*pieces) if len(pieces) > 1 else pieces[0]


def _walked(
    call: Call,
    x: Any,
    w: Any,
    r: Any,
    b: Any,
    states: Sequence[Any],
    order: Sequence[int],
    layer: Layer,
) -> tuple[Any, ...]:
    """All directions of a layer: Y and the states after the last step."""
    batched = bool(call.get("layout", 0))
    x = turned(x, 0, 1) if batched else x
    steps, n, _ = shape_of(x)
    if not steps:
        raise DataError("its sequences have no steps")
    hidden = shape_of(r)[2]
    found: list[tuple[Any, Sequence[Any]]] = []
    for k in range(w.shape[0]):
        back = call.get("direction", "forward") == "reverse" or k == 1
        source = flipped(x, 0) if back else x
        rows = ops.reshape(source, shape=(steps * n, x.shape[2]))
        biases = _biases(b, order, k)
        weights = [_parts(v, order, k) for v in (w, r)]
        first = [_first(s, k, n, hidden, batched, x.dtype) for s in states]
        y, last = layer(rows, first, *weights, *biases, sizes=(n,) * steps)
        y = ops.reshape(y, shape=(steps, 1, n, hidden))
        found.append((flipped(y, 0) if back else y, last))
    y = ops.concatenate(*(y for y, _ in found), dim=1)
    ends = [
        ops.concatenate(*(ops.reshape(s, shape=(1, n, hidden)) for s in each))
        for each in zip(*(last for _, last in found))
    ]
    if batched:
        y, ends = ops.permute(y, dims=(2, 0, 1, 3)), [turned(e, 0, 1) for e in ends]
    return (y, *ends)


def _biases(b: Any, order: Sequence[int], direction: int) -> list[Any]:
    """Of the inputs and of the states."""
    if b is None:
        return [None, None]
    half = b.shape[1] // 2
    parts = (ops.slice(b, key=(slice(None), s)) for s in (slice(0, half), slice(half, 2 * half)))
    return [_parts(p, order, direction) for p in parts]


def _first(s: Any, direction: int, n: int, hidden: int, batched: bool, dtype: Any) -> Any:
    """A state before the first step."""
    if s is None:
        return fixed(np.zeros((n, hidden), dtype))
    return ops.slice(turned(s, 0, 1) if batched and rank_of(s) == 3 else s, key=(direction,))


@reads("RNN")
def _rnn(
    call: Call, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None
) -> Any:
    count = _checked(call, x, lengths, [["Tanh"], ["Relu"]])
    kind = call.get("activations", ["Tanh"] * count)[0].lower()

    def layer(rows: Any, first: Any, *given: Any, sizes: Any) -> Any:
        y, last = ops.rnn_layer(rows, first[0], *given, sizes=sizes, nonlinearity=kind)
        return y, [last]

    return _walked(call, x, w, r, b, [h], [0], layer)


@reads("LSTM")
def _lstm(
    call: Call, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None,
    c: Any = None, p: Any = None,
) -> Any:  # fmt: skip
    _checked(call, x, lengths, [USUAL["LSTM"]])
    if p is not None:
        raise call.refuse("its gates look at the cells")

    def layer(rows: Any, first: Any, *given: Any, sizes: Any) -> Any:
        return ops.lstm_layer(rows, tuple(first), *given, sizes=sizes)

    return _walked(call, x, w, r, b, [h, c], [0, 2, 3, 1], layer)


@reads("GRU")
def _gru(
    call: Call, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None
) -> Any:
    _checked(call, x, lengths, [USUAL["GRU"]])
    walk = _gru_after if call.get("linear_before_reset", 0) else _gru_before
    return _walked(call, x, w, r, b, [h], [1, 0, 2], walk)


def _gru_after(rows: Any, first: Any, *given: Any, sizes: Any) -> Any:
    """The state is reset in the sum, as here and in PyTorch."""
    y, last = ops.gru_layer(rows, first[0], *given, sizes=sizes)
    return y, [last]


def _gru_before(rows: Any, first: Any, w: Any, r: Any, own: Any, other: Any, *, sizes: Any) -> Any:
    """The state is reset before it is multiplied (K. Cho and others, 2014)."""
    (h,), n = first, sizes[0]
    hidden = h.shape[1]
    own = fixed(np.zeros(3 * hidden, rows.dtype)) if own is None else own
    given = ops.linear(rows, w, own if other is None else ops.add(own, other))
    gates, new = (ops.slice(r, key=(s,)) for s in (slice(0, 2 * hidden), slice(2 * hidden, None)))
    found = []
    for t in range(len(sizes)):
        here = ops.slice(given, key=(slice(t * n, (t + 1) * n),))
        opened = ops.sigmoid(
            ops.add(ops.slice(here, key=(slice(None), slice(0, 2 * hidden))), ops.linear(h, gates))
        )
        reset, update = ops.split(opened, hidden, 1)
        tried = ops.add(
            ops.slice(here, key=(slice(None), slice(2 * hidden, None))),
            ops.linear(ops.mul(reset, h), new),
        )
        tried = ops.tanh(tried)
        h = ops.add(tried, ops.mul(update, ops.sub(h, tried)))
        found.append(h)
    return ops.concatenate(*found), [h]

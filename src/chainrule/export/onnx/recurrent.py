"""Recurrent layers as ONNX nodes (floor 4).

Where sequences are of one length, and nothing but states is read, a layer is one node of ONNX. The
gates stand there in another order. Otherwise its steps are written one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.export.onnx.graph import Graph, writes
from chainrule.export.onnx.sizes import Dim, Size, Step
from chainrule.plan.program import Value

# Steps that are written one after another at most.
MOST_STEPS = 1000


# --- one node -----------------------------------------------------------------------------------


def _even(g: Graph, step: Step) -> bool:
    """Whether onnxruntime has a node for this: float32, sequences of one length, and some."""
    sizes = step.attrs["sizes"]
    return step.instruction.out.dtype == np.float32 and len(set(sizes)) == 1 and sizes[0] != 0


def _arguments(
    g: Graph, step: Step, gates: int, order: Sequence[int], own_bias: Value | None = None
) -> list[str]:
    """X, W, R, B, no lengths and the first h of a node of ONNX.

    Args:
        g: the graph.
        step: an operation on `a`, what the inputs give to the gates, h and so on.
        gates: how many.
        order: where ONNX's gates stand among ours.
        own_bias: what is added to R h, beside what is added to W x.
    """
    a, h = step.args[:2]
    w = step.args[-2] if own_bias is not None else step.args[-1]
    hidden = g.fixed(g.shape(w)[1], "a recurrent layer")
    places = np.concatenate([np.arange(k * hidden, (k + 1) * hidden) for k in order])
    steps, n = len(step.attrs["sizes"]), step.attrs["sizes"][0]
    source, weight, bias = _given(g, a, gates * hidden)
    x = g.reshape(source[0], (steps, n, source[1]))

    def ordered(name: str) -> str:
        return g.add("Gather", name, g.constant(places), axis=0)

    nothing = g.constant(np.zeros(gates * hidden, np.float32))
    other = nothing if own_bias is None else g.name(own_bias)
    biases = g.add("Concat", ordered(bias or nothing), ordered(other), axis=0)
    first = g.ints(0)
    weights = [g.add("Unsqueeze", ordered(name), first) for name in (weight, g.name(w))]
    return [
        x,
        *weights,
        g.add("Unsqueeze", biases, first),
        "",
        g.add("Unsqueeze", g.name(h), first),
    ]


def _given(g: Graph, a: Value, width: int) -> tuple[tuple[str, Dim], str, str]:
    """The inputs of a layer, its weights and biases; of sums of another origin the sums."""
    made = g.maker(a)
    if made is None or made.instruction.op.name != "linear" or len(g.shape(made.args[0])) != 2:
        return (g.name(a), width), g.constant(np.eye(width, dtype=np.float32)), ""
    x, w, *bias = made.args
    some = bias and bias[0] is not None
    return (g.name(x), g.shape(x)[1]), g.name(w), g.name(bias[0]) if some else ""


def _rows(g: Graph, y: str, step: Step) -> str:
    """(steps, 1, N, hidden) as the rows of all steps."""
    *_, rows, hidden = g.shape(step.instruction.out)
    return g.reshape(y, (rows, hidden))


@writes("rnn_steps")
def _rnn(g: Graph, step: Step) -> str:
    rectified = step.attrs.get("rectified", False)
    if not _even(g, step):
        return _rnn_by_steps(g, step, "Relu" if rectified else "Tanh")
    given = _arguments(g, step, 1, [0])
    hidden = g.shape(step.args[2])[1]
    kind = ["Relu" if rectified else "Tanh"]
    return _rows(g, g.add("RNN", *given, hidden_size=hidden, activations=kind), step)


@writes("lstm_walk")
def _lstm(g: Graph, step: Step) -> str:
    states = _states_read(g, step) if _even(g, step) else None
    if states is None:
        return _lstm_by_steps(g, step)
    given = _arguments(g, step, 4, [0, 3, 1, 2])
    given.append(g.add("Unsqueeze", g.name(step.args[2]), g.ints(0)))
    hidden = g.shape(step.args[3])[1]
    y, _, c = g.several("LSTM", given, 3, hidden_size=hidden)
    _told(g, states[0], _rows(g, y, step))
    _told(g, states[1], g.add("Squeeze", c, g.ints(0)))
    return y


@writes("gru_walk")
def _gru(g: Graph, step: Step) -> str:
    states = _state_read(g, step) if _even(g, step) else None
    if states is None:
        return _gru_by_steps(g, step)
    given = _arguments(g, step, 3, [1, 0, 2], step.args[3])
    hidden = g.shape(step.args[2])[1]
    y = g.add("GRU", *given, hidden_size=hidden, linear_before_reset=1)
    _told(g, states, _rows(g, y, step))
    return y


def _told(g: Graph, steps: Sequence[Step], name: str) -> None:
    for step in steps:
        g.finish(step, name)


# --- what is read of a walk ---------------------------------------------------------------------


def _read_at(g: Graph, v: Value, wanted: Callable[[Any], bool]) -> list[Step] | None:
    """Who reads v, if all of them do it by such keys."""
    users = g.users(v)
    if users is None or not all(
        s.instruction.op.name == "slice" and wanted(s.attrs["key"]) for s in users
    ):
        return None
    return users


def _states_read(g: Graph, step: Step) -> tuple[list[Step], list[Step]] | None:
    """Who reads h of all steps, and who c of the last; `None` if anything else is read."""
    rows, n = g.shape(step.instruction.out)[1], step.attrs["sizes"][-1]
    pairs = _read_at(g, step.instruction.out, lambda key: key == (slice(0, 2, None),))
    hidden: list[Step] = []
    cells: list[Step] = []
    between = [*(pairs or ())]
    for pair in pairs or ():
        parts = _read_at(g, pair.instruction.out, lambda key: key in ((0,), (1,)))
        if parts is None:
            return None
        hidden += [part for part in parts if part.attrs["key"] == (0,)]
        between += [part for part in parts if part.attrs["key"] == (1,)]
    for part in between[len(pairs or ()) :]:
        lasts = _read_at(g, part.instruction.out, lambda key: _is_last(key, rows, n))
        if lasts is None:
            return None
        cells += lasts
    if pairs is None:
        return None
    _told(g, between, "")
    return hidden, cells


def _is_last(key: Any, rows: Dim, n: Dim) -> bool:
    (part,) = key if isinstance(key, tuple) and len(key) == 1 else (None,)
    return isinstance(part, slice) and part.stop == rows and _less(rows, n) == part.start


def _less(a: Dim, b: Dim) -> Dim | None:
    """a - b, of sizes with the same symbols."""
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    if isinstance(a, Size) and isinstance(b, Size) and len(a.terms) == len(b.terms) == 1:
        factor = a.terms[0][0] - b.terms[0][0]
        if a.terms[0][1] == b.terms[0][1]:
            return Size(((factor, a.terms[0][1]),)) if factor else 0
    return None


def _state_read(g: Graph, step: Step) -> list[Step] | None:
    """Who reads h of gated units, if nothing else is read."""
    return _read_at(g, step.instruction.out, lambda key: key == (0,))


# --- one step after another ---------------------------------------------------------------------


def _each(g: Graph, step: Step) -> list[tuple[Dim, Dim]]:
    """Where the rows of each step begin, and how many there are."""
    sizes = step.attrs["sizes"]
    if len(sizes) > MOST_STEPS:
        raise DataError(
            f"a recurrent layer of {len(sizes)} steps would be written one after another, which "
            f"is done up to {MOST_STEPS}; export it as float32, with sequences of one length"
        )
    if all(isinstance(n, int) for n in sizes):
        return list(zip([0, *accumulate(sizes)], sizes))
    if len(set(sizes)) > 1:
        raise DataError("packed sequences of an open size cannot be written to an ONNX file")
    factor, symbols = sizes[0].terms[0]
    return [(Size(((k * factor, symbols),)) if k else 0, n) for k, n in enumerate(sizes)]


def _plus(a: Dim, b: Dim) -> Dim:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if a == 0:
        return b
    assert isinstance(a, Size)
    assert isinstance(b, Size)
    return Size(((a.terms[0][0] + b.terms[0][0], b.terms[0][1]),))


def _cut(g: Graph, x: str, start: Dim, count: Dim) -> str:
    return g.slice(x, [start], [_plus(start, count)], [0], [1])


def _split(g: Graph, x: str, gates: int) -> tuple[str, ...]:
    return g.several("Split", [x], gates, axis=1, num_outputs=gates)


def _sums(g: Graph, step: Step, start: Dim, n: Dim, h: str, across: str) -> str:
    product = g.add("MatMul", h, across)
    return g.add("Add", product, _cut(g, g.name(step.args[0]), start, n))


def _first(g: Graph, h: str, n: Dim, before: Dim) -> str:
    """The sequences that have not ended."""
    return h if n == before else _cut(g, h, 0, n)


def _rnn_by_steps(g: Graph, step: Step, kind: str) -> str:
    h, across = g.name(step.args[1]), g.add("Transpose", g.name(step.args[2]), perm=[1, 0])
    found, before = [], step.attrs["sizes"][0]
    for start, n in _each(g, step):
        h = g.add(kind, _sums(g, step, start, n, _first(g, h, n, before), across))
        found.append(h)
        before = n
    return g.add("Concat", *found, axis=0)


def _lstm_by_steps(g: Graph, step: Step) -> str:
    _, h, c, w = (g.name(a) for a in step.args)
    across = g.add("Transpose", w, perm=[1, 0])
    found, before = [], step.attrs["sizes"][0]
    for start, n in _each(g, step):
        h, c = _first(g, h, n, before), _first(g, c, n, before)
        parts = _split(g, _sums(g, step, start, n, h, across), 4)
        i, f, o = (g.add("Sigmoid", parts[k]) for k in (0, 1, 3))
        z = g.add("Tanh", parts[2])
        c = g.add("Add", g.add("Mul", f, c), g.add("Mul", i, z))
        h = g.add("Mul", o, g.add("Tanh", c))
        found.append([h, c, i, f, z, o])
        before = n
    return _all_seen(g, found)


def _gru_by_steps(g: Graph, step: Step) -> str:
    a, h, w, b = (g.name(v) for v in step.args)
    across = g.add("Transpose", w, perm=[1, 0])
    found, before = [], step.attrs["sizes"][0]
    for start, n in _each(g, step):
        h = _first(g, h, n, before)
        own = _split(g, g.add("Add", g.add("MatMul", h, across), b), 3)
        given = _split(g, _cut(g, a, start, n), 3)
        r, z = (g.add("Sigmoid", g.add("Add", own[k], given[k])) for k in (0, 1))
        new = g.add("Tanh", g.add("Add", g.add("Mul", r, own[2]), given[2]))
        h = g.add("Add", g.add("Mul", g.add("Sub", h, new), z), new)
        found.append([h, r, z, new, own[2]])
        before = n
    return _all_seen(g, found)


def _all_seen(g: Graph, found: Sequence[Sequence[str]]) -> str:
    """States and gates of all steps, (parts, rows, hidden)."""
    parts = [g.add("Concat", *each, axis=0) for each in zip(*found)]
    return g.add("Concat", *(g.add("Unsqueeze", p, g.ints(0)) for p in parts), axis=0)

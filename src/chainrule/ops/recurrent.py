"""Recurrent cells, and a whole sequence of their steps as one operation (floor 1).

A cell is a composite: one step, written with ops, for who steps by hand. `rnn_steps`, `lstm_steps`
and `gru_steps` take all steps of a layer at once, because a step is small: noting a dozen
operations for each of a hundred steps costs more than computing them. Their formulas are those of
the cells, which are their oracles in the tests.

Rows of all steps lie one after another, those of step t before those of step t + 1; `sizes` says
how many rows each step has, never more than the one before. So sequences of unequal length, the
longest first, need no padding. All that a gradient is wanted of comes in one vector, `parts`, so
that one walk back through the steps gives all gradients together. Only states are kept: on the way
back the gates of all steps are computed again, in one product.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from chainrule.backend import threads
from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Cost, Shape, Value, composite, constant, primitive
from chainrule.ops.elementwise import add, cast, gt, mul, relu, sigmoid, square, sub, tanh
from chainrule.ops.linalg import linear, matrix_product
from chainrule.ops.reduce import sum
from chainrule.ops.shape import (
    ARRAY,
    concatenate,
    index,
    matrix_transpose,
    narrow,
    pad_constant,
    reshape,
    split,
)

Sizes = tuple[int, ...]


def _affine(x: Value, w: Value, b: Value) -> Value:
    return linear(x, w) if b is None else linear(x, w, b)


# --- one step -----------------------------------------------------------------------------------


@composite
def rnn_tanh_cell(
    x: Value, h: Value, w_ih: Value, w_hh: Value, b_ih: Value = None, b_hh: Value = None
) -> Value:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), one step of J. L. Elman's network (1990).

    Args:
        x: (N, in) or (in,).
        h: (N, hidden) or (hidden,).
        w_ih: (hidden, in).
        w_hh: (hidden, hidden).
        b_ih: (hidden,), or left out.
        b_hh: likewise.

    Examples:
        >>> one = np.ones((1, 1))
        >>> rnn_tanh_cell(one, 0 * one, one, one).round(4)
        array([[0.7616]])
    """
    return tanh(add(_affine(x, w_ih, b_ih), _affine(h, w_hh, b_hh)))


@composite
def rnn_relu_cell(
    x: Value, h: Value, w_ih: Value, w_hh: Value, b_ih: Value = None, b_hh: Value = None
) -> Value:
    """h' = max(0, W_ih x + b_ih + W_hh h + b_hh); the arguments are those of `rnn_tanh_cell`.

    Examples:
        >>> one = np.ones((1, 1))
        >>> rnn_relu_cell(one, -3 * one, one, one)
        array([[0.]])
    """
    return relu(add(_affine(x, w_ih, b_ih), _affine(h, w_hh, b_hh)))


@composite
def lstm_cell(
    x: Value,
    hx: tuple[Value, Value],
    w_ih: Value,
    w_hh: Value,
    b_ih: Value = None,
    b_hh: Value = None,
    w_hr: Value = None,
) -> tuple[Value, Value]:
    """One step of long short-term memory: a memory c that gates write to, forget and read.

    With (i, f, z, o) = W_ih x + b_ih + W_hh h + b_hh in four parts,
    c' = sigmoid(f) c + sigmoid(i) tanh(z) and h' = sigmoid(o) tanh(c'). S. Hochreiter and
    J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997; F. Gers and others, 2000.

    Args:
        x: (N, in) or (in,).
        hx: h and c, each (N, hidden) or (hidden,).
        w_ih: (4 hidden, in).
        w_hh: (4 hidden, hidden).
        b_ih: (4 hidden,), or left out.
        b_hh: likewise.
        w_hr: (proj, hidden), by which h' is multiplied if given; h and w_hh then have size proj.

    Returns:
        h' and c'.

    Examples:
        >>> one, zero = np.ones((1, 1)), np.zeros((1, 1))
        >>> h, c = lstm_cell(one, (zero, one), np.zeros((4, 1)), np.zeros((4, 1)))
        >>> c
        array([[0.5]])
    """
    h, c = hx
    gates = add(_affine(x, w_ih, b_ih), _affine(h, w_hh, b_hh))
    i, f, z, o = split(gates, [c.shape[-1]] * 4, -1)
    c = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(z)))
    h = mul(sigmoid(o), tanh(c))
    return (h if w_hr is None else linear(h, w_hr)), c


@composite
def gru_cell(
    x: Value, h: Value, w_ih: Value, w_hh: Value, b_ih: Value = None, b_hh: Value = None
) -> Value:
    """One step of a gated recurrent unit: h' = (1 - z) n + z h.

    With (r, z, n) = W_ih x + b_ih and (r', z', n') = W_hh h + b_hh, r = sigmoid(r + r'),
    z = sigmoid(z + z') and n = tanh(n + r n'). K. Cho and others, "Learning phrase representations
    using RNN encoder-decoder for statistical machine translation", EMNLP 2014; n as in PyTorch.

    Args:
        x: (N, in) or (in,).
        h: (N, hidden) or (hidden,).
        w_ih: (3 hidden, in).
        w_hh: (3 hidden, hidden).
        b_ih: (3 hidden,), or left out.
        b_hh: likewise.

    Examples:
        >>> one = np.ones((1, 1))
        >>> gru_cell(one, one, np.zeros((3, 1)), np.zeros((3, 1)))
        array([[0.5]])
    """
    hidden = h.shape[-1]
    xr, xz, xn = split(_affine(x, w_ih, b_ih), [hidden] * 3, -1)
    hr, hz, hn = split(_affine(h, w_hh, b_hh), [hidden] * 3, -1)
    z = sigmoid(add(xz, hz))
    n = tanh(add(xn, mul(sigmoid(add(xr, hr)), hn)))
    return add(n, mul(z, sub(h, n)))


# --- rows of all steps --------------------------------------------------------------------------


def _starts(sizes: Sizes) -> list[int]:
    """Where the rows of each step begin."""
    return [0, *accumulate(sizes)][:-1]


def _cut(parts: Value, *shapes: Shape) -> list[Value]:
    """A vector taken apart into arrays of these shapes."""
    pieces = split(parts, [math.prod(s) for s in shapes])
    return [reshape(v, shape=s) for v, s in zip(pieces, shapes)]


def _joined(*parts: Value) -> Value:
    """Arrays as one vector: the reverse of `_cut`."""
    return concatenate(*(reshape(v, shape=(-1,)) for v in parts))


def _before(first: Value, rows: Value, sizes: Sizes) -> Value:
    """For each row of each step that of the step before; of the first step, `first`."""
    if sizes[0] == sizes[-1]:
        return concatenate(first, narrow(rows, 0, 0, rows.shape[0] - sizes[0]))
    blocks = [narrow(rows, 0, start, n) for start, n in zip(_starts(sizes), sizes[1:])]
    return concatenate(first, *blocks)


def _grown(v: Value, count: int) -> Value:
    """v with rows of zeros after it: sequences that end here get nothing from later steps."""
    more = count - v.shape[0]
    return pad_constant(v, widths=((0, more), (0, 0))) if more else v


def _steps_back(sizes: Sizes, carried: Sequence[Value], step: Callable[..., Any]) -> Any:
    """Call `step(start, count, *carried)`, which gives (slopes, carried), from the last step back.

    Returns:
        The slopes of all steps, in order, and what the first step passes on to the initial state.
    """
    found = []
    for start, n in zip(reversed(_starts(sizes)), reversed(sizes)):
        slopes, carried = step(start, n, *(_grown(v, n) for v in carried))
        found.append(slopes)
    return concatenate(*reversed(found)), carried


def _nothing(g: Value, sizes: Sizes, hidden: int) -> Value:
    """What comes from after the last step."""
    return constant(np.zeros((sizes[-1], hidden), dtype=g.dtype))


def _weight_slope(slopes: Value, before: Value) -> Value:
    return matrix_product(matrix_transpose(slopes), before)


def _described(
    states: int, gates: int, *, bias: bool = False
) -> tuple[Callable[..., Shape], Callable[..., Cost]]:
    """The shape rule and the cost of steps of a unit with so many states and gates."""

    def shape(parts: Shape, *, sizes: Sizes, hidden: int, **_attrs: Any) -> Shape:
        rows = builtins.sum(sizes)
        weights = gates * hidden * (hidden + bias)
        wanted = (rows * gates + sizes[0] * states) * hidden + weights
        if parts != (wanted,) or list(sizes) != sorted(sizes, reverse=True):
            raise ShapeError(
                f"steps of {list(sizes)} rows with {hidden} units take a vector of {wanted} "
                f"numbers, and sizes that never grow; got shape {parts}"
            )
        return rows, states * hidden

    def cost(parts: Shape, *, sizes: Sizes, hidden: int, **attrs: Any) -> Cost:
        rows, width = shape(parts, sizes=sizes, hidden=hidden, **attrs)
        flops = 2 * rows * gates * hidden * hidden + 10 * rows * gates * hidden
        return Cost(flops, parts[0] + rows * width)

    return shape, cost


# --- Elman's network ----------------------------------------------------------------------------


def _rnn_cut(parts: Value, sizes: Sizes, hidden: int) -> list[Value]:
    rows = builtins.sum(sizes)
    return _cut(parts, (rows, hidden), (sizes[0], hidden), (hidden, hidden))


def _rnn_vjp(
    g: Value, y: Value, parts: Value, *, sizes: Sizes, hidden: int, rectified: bool = False
) -> Value:
    _, h0, w = _rnn_cut(parts, sizes, hidden)
    local = cast(gt(y, 0), dtype=y.dtype) if rectified else sub(1.0, square(y))

    def step(start: int, n: int, dh: Value) -> tuple[Value, list[Value]]:
        slopes = mul(add(narrow(g, 0, start, n), dh), narrow(local, 0, start, n))
        return slopes, [matrix_product(slopes, w)]

    slopes, (dh,) = _steps_back(sizes, [_nothing(g, sizes, hidden)], step)
    return _joined(slopes, dh, _weight_slope(slopes, _before(h0, y, sizes)))


_shape, _cost = _described(states=1, gates=1)


@primitive(kind="contract", shape=_shape, vjp=[_rnn_vjp], cost=_cost, arity=1)
def rnn_steps(parts: Array, sizes: Sizes, hidden: int, rectified: bool = False) -> Array:
    """h of every step of Elman's network: h' = tanh(a + W h), or max(0, a + W h) if `rectified`.

    Args:
        parts: in one vector a of all steps (rows, hidden), what the inputs give; h before the first
            step (sizes[0], hidden); and W (hidden, hidden).
        sizes: rows of each step, never growing.
        hidden: how many units.
        rectified: which of the two.

    Returns:
        (rows, hidden).

    Examples:
        >>> rnn_steps(np.array([1.0, 1.0, 0.0, 1.0]), sizes=(1, 1), hidden=1).round(4)
        array([[0.7616],
               [0.9427]])
    """
    a, h, w = _rnn_cut(parts, sizes, hidden)
    y = np.empty_like(a)
    for start, n in zip(_starts(sizes), sizes):
        sums = np.add(threads.matmul(h[:n], w.T), a[start : start + n])
        act = np.maximum(sums, 0) if rectified else np.tanh(sums)
        h = y[start : start + n] = act
    return y


# --- long short-term memory ---------------------------------------------------------------------


def _lstm_cut(parts: Value, sizes: Sizes, hidden: int) -> list[Value]:
    state = (sizes[0], hidden)
    return _cut(parts, (builtins.sum(sizes), 4 * hidden), state, state, (4 * hidden, hidden))


def _lstm_vjp(g: Value, y: Value, parts: Value, *, sizes: Sizes, hidden: int) -> Value:
    a, h0, c0, w = _lstm_cut(parts, sizes, hidden)
    c, h = split(y, hidden, 1)
    h_before, c_before = _before(h0, h, sizes), _before(c0, c, sizes)
    i, f, z, o = split(add(a, linear(h_before, w)), hidden, 1)
    i, f, z, o = sigmoid(i), sigmoid(f), tanh(z), sigmoid(o)
    held = tanh(c)
    # What the sums of i, f and z do to c, and that of o to h.
    local = concatenate(
        mul(mul(z, i), sub(1.0, i)),
        mul(mul(c_before, f), sub(1.0, f)),
        mul(i, sub(1.0, square(z))),
        mul(mul(held, o), sub(1.0, o)),
        dim=1,
    )
    read = mul(o, sub(1.0, square(held)))
    of_c, of_h = split(g, hidden, 1)

    def step(start: int, n: int, dc: Value, dh: Value) -> tuple[Value, list[Value]]:
        dh = add(dh, narrow(of_h, 0, start, n))
        dc = add(add(dc, narrow(of_c, 0, start, n)), mul(dh, narrow(read, 0, start, n)))
        slopes = mul(concatenate(dc, dc, dc, dh, dim=1), narrow(local, 0, start, n))
        return slopes, [mul(dc, narrow(f, 0, start, n)), matrix_product(slopes, w)]

    nothing = _nothing(g, sizes, hidden)
    slopes, (dc, dh) = _steps_back(sizes, [nothing, nothing], step)
    return _joined(slopes, dh, dc, _weight_slope(slopes, h_before))


_shape, _cost = _described(states=2, gates=4)


@primitive(kind="contract", shape=_shape, vjp=[_lstm_vjp], cost=_cost, arity=1)
def lstm_steps(parts: Array, sizes: Sizes, hidden: int) -> Array:
    """c and h of every step of long short-term memory; see `lstm_cell`.

    Args:
        parts: in one vector what the inputs give to the gates (rows, 4 hidden); h and c before the
            first step, each (sizes[0], hidden); and W_hh (4 hidden, hidden).
        sizes: rows of each step, never growing.
        hidden: how many units.

    Returns:
        (rows, 2 hidden): c and h side by side.

    Examples:
        >>> lstm_steps(np.array([0.0] * 5 + [1.0] + [0.0] * 4), sizes=(1,), hidden=1).round(4)
        array([[0.5   , 0.2311]])
    """
    a, h, c, w = _lstm_cut(parts, sizes, hidden)
    y = np.empty((len(a), 2 * hidden), dtype=a.dtype)
    for start, n in zip(_starts(sizes), sizes):
        sums = np.add(threads.matmul(h[:n], w.T), a[start : start + n])
        opened = sigmoid.forward(sums[:, : 2 * hidden])
        i, f = opened[:, :hidden], opened[:, hidden:]
        z = np.tanh(sums[:, 2 * hidden : 3 * hidden])
        o = sigmoid.forward(sums[:, 3 * hidden :])
        rows = y[start : start + n]
        c = np.add(f * c[:n], i * z, out=rows[:, :hidden])
        h = np.multiply(o, np.tanh(c), out=rows[:, hidden:])
    return y


# --- gated recurrent unit -----------------------------------------------------------------------


def _gru_cut(parts: Value, sizes: Sizes, hidden: int) -> list[Value]:
    rows, gates = builtins.sum(sizes), 3 * hidden
    return _cut(parts, (rows, gates), (sizes[0], hidden), (gates, hidden), (gates,))


def _gru_vjp(g: Value, y: Value, parts: Value, *, sizes: Sizes, hidden: int) -> Value:
    a, h0, w, b = _gru_cut(parts, sizes, hidden)
    before = _before(h0, y, sizes)
    ar, az, an = split(a, hidden, 1)
    hr, hz, hn = split(linear(before, w, b), hidden, 1)
    r, z = sigmoid(add(ar, hr)), sigmoid(add(az, hz))
    n = tanh(add(an, mul(r, hn)))
    new = mul(sub(1.0, z), sub(1.0, square(n)))
    # What they do to h': the sum of n, those of r and z, and the part of n's sum that r multiplies.
    local = concatenate(
        new,
        mul(mul(new, hn), mul(r, sub(1.0, r))),
        mul(sub(before, n), mul(z, sub(1.0, z))),
        mul(new, r),
        dim=1,
    )

    def step(start: int, count: int, dh: Value) -> tuple[Value, list[Value]]:
        dh = add(dh, narrow(g, 0, start, count))
        slopes = mul(concatenate(dh, dh, dh, dh, dim=1), narrow(local, 0, start, count))
        passed = matrix_product(narrow(slopes, 1, hidden, 3 * hidden), w)
        return slopes, [add(passed, mul(dh, narrow(z, 0, start, count)))]

    slopes, (dh,) = _steps_back(sizes, [_nothing(g, sizes, hidden)], step)
    of_n, of_r_and_z, _ = split(slopes, [hidden, 2 * hidden, hidden], 1)
    of_h = narrow(slopes, 1, hidden, 3 * hidden)
    of_a = concatenate(of_r_and_z, of_n, dim=1)
    return _joined(of_a, dh, _weight_slope(of_h, before), sum(of_h, dim=0))


_shape, _cost = _described(states=1, gates=3, bias=True)


@primitive(kind="contract", shape=_shape, vjp=[_gru_vjp], cost=_cost, arity=1)
def gru_steps(parts: Array, sizes: Sizes, hidden: int) -> Array:
    """h of every step of gated recurrent units; see `gru_cell`.

    Args:
        parts: in one vector what the inputs give to the gates (rows, 3 hidden); h before the first
            step (sizes[0], hidden); W_hh (3 hidden, hidden); and b_hh (3 hidden,).
        sizes: rows of each step, never growing.
        hidden: how many units.

    Returns:
        (rows, hidden).

    Examples:
        >>> gru_steps(np.array([0.0] * 3 + [1.0] + [0.0] * 6), sizes=(1,), hidden=1)
        array([[0.5]])
    """
    a, h, w, b = _gru_cut(parts, sizes, hidden)
    y = np.empty((len(a), hidden), dtype=a.dtype)
    both = 2 * hidden
    for start, count in zip(_starts(sizes), sizes):
        h = h[:count]
        given, own = a[start : start + count], threads.matmul(h, w.T) + b
        opened = sigmoid.forward(given[:, :both] + own[:, :both])
        r, z = opened[:, :hidden], opened[:, hidden:]
        n = np.tanh(given[:, both:] + r * own[:, both:])
        h = np.add(n, z * (h - n), out=y[start : start + count])
    return y


# --- a layer ------------------------------------------------------------------------------------


def _last(rows: Value, sizes: Sizes) -> Value:
    """The row of each sequence at its own last step."""
    ends = [] if sizes[0] else [rows]  # of no sequences there are no rows
    later = 0  # how many sequences go on
    for start, n in zip(reversed(_starts(sizes)), reversed(sizes)):
        if n > later:
            ends.append(narrow(rows, 0, start + later, n - later))
            later = n
    return ends[0] if len(ends) == 1 else concatenate(*ends)


def reversed_rows(rows: Value, sizes: Sizes) -> Value:
    """The rows of each sequence from its last step to its first; twice gives the rows again."""
    starts = np.array(_starts(sizes))
    order = np.empty(builtins.sum(sizes), dtype=np.intp)
    for n in range(sizes[0]):
        own = starts[: builtins.sum(size > n for size in sizes)] + n
        order[own] = own[::-1]
    return index(rows, constant(order), key=(ARRAY,))


def _biases(b_ih: Value, b_hh: Value) -> Value:
    return b_ih if b_hh is None else add(b_ih, b_hh)


@composite
def rnn_layer(
    x: Value,
    h: Value,
    w_ih: Value,
    w_hh: Value,
    b_ih: Value = None,
    b_hh: Value = None,
    *,
    sizes: Sizes,
    nonlinearity: str = "tanh",
) -> tuple[Value, Value]:
    """All steps of `rnn_tanh_cell`, or of `rnn_relu_cell`, on the rows of all steps.

    Args:
        x: (rows, in).
        h: (sizes[0], hidden), before the first step.
        w_ih: (hidden, in).
        w_hh: (hidden, hidden).
        b_ih: (hidden,), or left out.
        b_hh: likewise.
        sizes: rows of each step, never growing.
        nonlinearity: "tanh" or "relu".

    Returns:
        h of every step (rows, hidden), and of each sequence after its last (sizes[0], hidden).

    Examples:
        >>> one = np.ones((1, 1))
        >>> y, h = rnn_layer(np.ones((2, 1)), one, one, one, sizes=(1, 1), nonlinearity="relu")
        >>> y.tolist(), h
        ([[2.0], [3.0]], array([[3.]]))
    """
    parts = _joined(_affine(x, w_ih, _biases(b_ih, b_hh)), h, w_hh)
    y = rnn_steps(parts, sizes=sizes, hidden=w_hh.shape[1], rectified=nonlinearity == "relu")
    return y, _last(y, sizes)


@composite
def lstm_layer(
    x: Value,
    hx: tuple[Value, Value],
    w_ih: Value,
    w_hh: Value,
    b_ih: Value = None,
    b_hh: Value = None,
    w_hr: Value = None,
    *,
    sizes: Sizes,
) -> tuple[Value, tuple[Value, Value]]:
    """All steps of `lstm_cell` on the rows of all steps.

    Args:
        x: (rows, in).
        hx: h and c before the first step, each (sizes[0], hidden).
        w_ih: (4 hidden, in).
        w_hh: (4 hidden, hidden).
        b_ih: (4 hidden,), or left out.
        b_hh: likewise.
        w_hr: (proj, hidden), or left out; as in `lstm_cell`.
        sizes: rows of each step, never growing.

    Returns:
        h of every step (rows, hidden), and h and c of each sequence after its last.

    Examples:
        >>> one, zero = np.ones((1, 1)), np.zeros((4, 1))
        >>> y, (h, c) = lstm_layer(np.ones((2, 1)), (one, one), zero, zero, sizes=(1, 1))
        >>> c
        array([[0.25]])
    """
    if w_hr is not None:
        return _lstm_by_steps(x, hx, w_ih, w_hh, b_ih, b_hh, w_hr, sizes)
    hidden = w_hh.shape[1]
    parts = _joined(_affine(x, w_ih, _biases(b_ih, b_hh)), *hx, w_hh)
    y = lstm_steps(parts, sizes=sizes, hidden=hidden)
    c, h = split(_last(y, sizes), hidden, 1)
    return narrow(y, 1, hidden, hidden), (h, c)


def _lstm_by_steps(
    x: Value, hx: tuple[Value, Value], w_ih: Value, w_hh: Value, b_ih: Value, b_hh: Value,
    w_hr: Value, sizes: Sizes,
) -> tuple[Value, tuple[Value, Value]]:  # fmt: skip
    """Step by step: projections are rare, and have no operation of their own."""
    outputs, memories = [], []
    h, c = hx
    for start, n in zip(_starts(sizes), sizes):
        state = narrow(h, 0, 0, n), narrow(c, 0, 0, n)
        h, c = lstm_cell(narrow(x, 0, start, n), state, w_ih, w_hh, b_ih, b_hh, w_hr)
        outputs.append(h)
        memories.append(c)
    y = concatenate(*outputs)
    return y, (_last(y, sizes), _last(concatenate(*memories), sizes))


@composite
def gru_layer(
    x: Value,
    h: Value,
    w_ih: Value,
    w_hh: Value,
    b_ih: Value = None,
    b_hh: Value = None,
    *,
    sizes: Sizes,
) -> tuple[Value, Value]:
    """All steps of `gru_cell` on the rows of all steps.

    Args:
        x: (rows, in).
        h: (sizes[0], hidden), before the first step.
        w_ih: (3 hidden, in).
        w_hh: (3 hidden, hidden).
        b_ih: (3 hidden,), or left out.
        b_hh: likewise.
        sizes: rows of each step, never growing.

    Returns:
        h of every step (rows, hidden), and of each sequence after its last (sizes[0], hidden).

    Examples:
        >>> one, zero = np.ones((1, 1)), np.zeros((3, 1))
        >>> y, h = gru_layer(np.ones((2, 1)), one, zero, zero, sizes=(1, 1))
        >>> y.tolist(), h
        ([[0.5], [0.25]], array([[0.25]]))
    """
    hidden = w_hh.shape[1]
    own = constant(np.zeros(3 * hidden, dtype=x.dtype)) if b_hh is None else b_hh
    parts = _joined(_affine(x, w_ih, b_ih), h, w_hh, own)
    y = gru_steps(parts, sizes=sizes, hidden=hidden)
    return y, _last(y, sizes)

"""Recurrent cells, and layers: all steps of a cell on the rows of all steps (floor 1, composites).

A cell is one step, written with ops, for who steps by hand. A layer has `steps` go through all of
them at once; the cells are its oracles in the tests.
"""

from __future__ import annotations

import builtins

import numpy as np

from chainrule.backend.arrays import module_of
from chainrule.ops.core import Value, composite, constant
from chainrule.ops.elementwise import add, mul, relu, sigmoid, sub, tanh
from chainrule.ops.linalg import linear, matrix_product
from chainrule.ops.shape import ARRAY, concatenate, index, narrow, slice, split
from chainrule.ops.steps import (
    Sizes,
    gru_steps,
    gru_walk,
    lstm_steps,
    lstm_walk,
    rnn_steps,
    starts_of,
)


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


# --- a layer ------------------------------------------------------------------------------------


def _last(rows: Value, sizes: Sizes) -> Value:
    """The row of each sequence at its own last step."""
    ends = [] if sizes[0] else [rows]  # of no sequences there are no rows
    later = 0  # how many sequences go on
    for start, n in zip(reversed(starts_of(sizes)), reversed(sizes)):
        if n > later:
            ends.append(narrow(rows, 0, start + later, n - later))
            later = n
    return ends[0] if len(ends) == 1 else concatenate(*ends)


def reversed_rows(rows: Value, sizes: Sizes) -> Value:
    """The rows of each sequence from its last step to its first; twice gives the rows again."""
    starts = np.array(starts_of(sizes))
    order = np.empty(builtins.sum(sizes), dtype=np.intp)
    for n in range(sizes[0]):
        own = starts[: builtins.sum(size > n for size in sizes)] + n
        order[own] = own[::-1]
    return index(rows, constant(order, rows), key=(ARRAY,))


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
    a = _affine(x, w_ih, _biases(b_ih, b_hh))
    y = rnn_steps(a, h, w_hh, sizes=sizes, rectified=nonlinearity == "relu")
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
    given = _affine(x, w_ih, _biases(b_ih, b_hh)), *hx, w_hh
    if w_hr is not None:
        given = _before_projection(*given, w_hr)
    seen = lstm_walk(*given, sizes=sizes)
    y = lstm_steps(narrow(seen, 0, 0, 2), narrow(seen, 0, 2, 4), *given, sizes=sizes)
    h, c = slice(y, key=(0,)), slice(y, key=(1,))
    h = h if w_hr is None else linear(h, w_hr)
    return h, (_last(h, sizes), _last(c, sizes))


def _before_projection(a: Value, h: Value, c: Value, w_hh: Value, w_hr: Value) -> tuple[Value, ...]:
    """Steps on what is projected: W_hh W_hr takes it back; only the first step has h as it is."""
    n = h.shape[0]
    first = add(narrow(a, 0, 0, n), linear(h, w_hh))
    a = concatenate(first, narrow(a, 0, n, a.shape[0] - n))
    nothing = constant(module_of(c).zeros(c.shape, dtype=c.dtype))
    return a, nothing, c, matrix_product(w_hh, w_hr)


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
    own = constant(np.zeros(w_hh.shape[0], dtype=x.dtype), x) if b_hh is None else b_hh
    given = _affine(x, w_ih, b_ih), h, w_hh, own
    seen = gru_walk(*given, sizes=sizes)
    y = gru_steps(slice(seen, key=(0,)), narrow(seen, 0, 1, 4), *given, sizes=sizes)
    return y, _last(y, sizes)

"""What recurrent cells and layers should compute, a row and a step at a time, in plain NumPy."""

from __future__ import annotations

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sums(v, w, b):
    return v @ w.T + (0 if b is None else b)


def rnn(x, h, w_ih, w_hh, b_ih=None, b_hh=None, nonlinearity="tanh"):
    """Elman's step."""
    total = sums(x, w_ih, b_ih) + sums(h, w_hh, b_hh)
    return np.tanh(total) if nonlinearity == "tanh" else np.maximum(total, 0)


def rnn_relu(*args):
    """Elman's step, rectified."""
    return rnn(*args, nonlinearity="relu")


def lstm(x, hx, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None):
    """A step of long short-term memory."""
    h, c = hx
    i, f, z, o = np.split(sums(x, w_ih, b_ih) + sums(h, w_hh, b_hh), 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
    h = sigmoid(o) * np.tanh(c)
    return (h if w_hr is None else h @ w_hr.T), c


def gru(x, h, w_ih, w_hh, b_ih=None, b_hh=None):
    """A step of a gated recurrent unit."""
    xr, xz, xn = np.split(sums(x, w_ih, b_ih), 3, -1)
    hr, hz, hn = np.split(sums(h, w_hh, b_hh), 3, -1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    return (1 - z) * np.tanh(xn + r * hn) + z * h


def by_rows(step, x, states, sizes):
    """`step(row, states)` for every sequence by itself; states are what it gives, in a tuple.

    Returns:
        The states of every step, in rows, and those of each sequence after its last step.
    """
    starts = np.cumsum([0, *sizes])
    rows = [np.zeros((len(x), s.shape[1])) for s in states]
    last = [np.array(s) for s in states]
    for n in range(sizes[0]):
        own = [s[n] for s in states]
        for t in range(sum(size > n for size in sizes)):
            own = step(x[starts[t] + n], own)
            for held, v in zip(rows, own):
                held[starts[t] + n] = v
        for held, v in zip(last, own):
            held[n] = v
    return rows, last


def single_layer(cell):
    """A layer of a cell with one state."""

    def layer(x, h, *weights, sizes, **attrs):
        (y,), (last,) = by_rows(lambda r, s: [cell(r, s[0], *weights, **attrs)], x, [h], sizes)
        return y, last

    return layer


def lstm_layer(x, h, c, *weights, sizes):
    """A layer of long short-term memory, its state flat."""
    (y, _), last = by_rows(lambda r, s: lstm(r, s, *weights), x, [h, c], sizes)
    return y, *last


def cut(parts, *shapes):
    """A vector taken apart."""
    ends = np.cumsum([np.prod(s) for s in shapes])[:-1]
    return [v.reshape(s) for v, s in zip(np.split(parts, ends), shapes)]


def rnn_steps(parts, sizes, hidden, rectified=False):
    """Steps of Elman's network, given what the inputs give."""
    a, h, w = cut(parts, (sum(sizes), hidden), (sizes[0], hidden), (hidden, hidden))
    kind = "relu" if rectified else "tanh"
    return by_rows(
        lambda r, s: [rnn(r, s[0], np.eye(hidden), w, nonlinearity=kind)], a, [h], sizes
    )[0][0]


def lstm_steps(parts, sizes, hidden):
    """Steps of long short-term memory, given what the inputs give."""
    state, gates = (sizes[0], hidden), 4 * hidden
    a, h, c, w = cut(parts, (sum(sizes), gates), state, state, (gates, hidden))
    (y, memory), _ = by_rows(lambda r, s: lstm(r, s, np.eye(gates), w), a, [h, c], sizes)
    return np.concatenate([memory, y], axis=1)


def gru_steps(parts, sizes, hidden):
    """Steps of gated recurrent units, given what the inputs give."""
    gates = 3 * hidden
    a, h, w, b = cut(parts, (sum(sizes), gates), (sizes[0], hidden), (gates, hidden), (gates,))
    eye = np.eye(gates)
    return by_rows(lambda r, s: [gru(r, s[0], eye, w, None, b)], a, [h], sizes)[0][0]

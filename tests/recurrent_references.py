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


def rnn_steps(a, h, w, sizes, rectified=False):
    """Steps of Elman's network, given what the inputs give."""
    kind = "relu" if rectified else "tanh"
    eye = np.eye(len(w))
    return by_rows(lambda r, s: [rnn(r, s[0], eye, w, nonlinearity=kind)], a, [h], sizes)[0][0]


def lstm_steps(a, h, c, w, sizes):
    """Steps of long short-term memory, given what the inputs give."""
    eye = np.eye(len(w))
    return np.stack(by_rows(lambda r, s: lstm(r, s, eye, w), a, [h, c], sizes)[0])


def gru_steps(a, h, w, b, sizes):
    """Steps of gated recurrent units, given what the inputs give."""
    eye = np.eye(len(w))
    return by_rows(lambda r, s: [gru(r, s[0], eye, w, None, b)], a, [h], sizes)[0][0]


def before(first, rows, sizes):
    """The row of the step before, of each row."""
    starts = np.cumsum([0, *sizes])
    later = [rows[start : start + n] for start, n in zip(starts, sizes[1:])]
    return np.concatenate([first, *later])


def lstm_walk(a, h, c, w, sizes):
    """The states of all steps, and the gates that these give."""
    states = lstm_steps(a, h, c, w, sizes)
    i, f, z, o = np.split(a + before(h, states[0], sizes) @ w.T, 4, -1)
    return np.stack([*states, sigmoid(i), sigmoid(f), np.tanh(z), sigmoid(o)])


def gru_walk(a, h, w, b, sizes):
    """The state of all steps, the gates that it gives, and what the first of them multiplies."""
    y = gru_steps(a, h, w, b, sizes)
    (ar, az, an), own = np.split(a, 3, -1), before(h, y, sizes) @ w.T + b
    hr, hz, hn = np.split(own, 3, -1)
    r, z = sigmoid(ar + hr), sigmoid(az + hz)
    return np.stack([y, r, z, np.tanh(an + r * hn), hn])


# --- walks back, one sequence after another -----------------------------------------------------


def back_by_rows(step, count, sizes, width, states):
    """`step(here, before, carried)` for every sequence by itself, from its last step back.

    Args:
        step: given the row of a step, that of the step before (in the first step the number of the
            sequence, and `None` for the row) and what the step after passes on, gives slopes and
            what it passes on itself.
        count: how many rows there are.
        sizes: rows of each step.
        width: of the slopes.
        states: shapes of what is passed on.
    """
    starts = np.cumsum([0, *sizes])
    back = np.zeros((count + sizes[0], width))
    for n in range(sizes[0]):
        rows = [starts[t] + n for t in range(sum(size > n for size in sizes))]
        carried = [np.zeros(states[1]) for _ in range(states[0])]
        for here, before in zip(reversed(rows), [*reversed(rows[:-1]), None]):
            back[here], carried = step(here, before, n, carried)
        together = np.concatenate(carried)
        back[count + n, : len(together)] = together
    return back


def rnn_steps_back(g, y, w, sizes, rectified=False):
    """Slopes of the sums of Elman's network, and of its state before."""

    def step(here, _before, _n, carried):
        slope = (g[here] + carried[0]) * ((y[here] > 0) if rectified else 1 - y[here] ** 2)
        return slope, [slope @ w]

    return back_by_rows(step, len(y), sizes, len(w), (1, len(w)))


def lstm_steps_back(g, states, gates, c0, w, sizes):
    """Slopes of the sums of long short-term memory, and of its states before."""

    def step(here, before, n, carried):
        c = c0[n] if before is None else states[1, before]
        (i, f, z, o), held = gates[:, here], np.tanh(states[1, here])
        dh = carried[0] + g[0, here]
        dc = carried[1] + g[1, here] + dh * o * (1 - held**2)
        sums = dc * z * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - z**2)
        slopes = np.concatenate([*sums, dh * held * o * (1 - o)])
        return slopes, [slopes @ w, dc * f]

    return back_by_rows(step, sum(sizes), sizes, len(w), (2, w.shape[1]))


def gru_steps_back(g, y, gates, h0, w, sizes):
    """Slopes of the sums of gated recurrent units, and of their state before."""

    def step(here, before, n, carried):
        h = h0[n] if before is None else y[before]
        r, z, new, hn = gates[:, here]
        dh = carried[0] + g[here]
        of_new = dh * (1 - z) * (1 - new**2)
        of_r, of_z = of_new * hn * r * (1 - r), dh * (h - new) * z * (1 - z)
        passed = np.concatenate([of_r, of_z, of_new * r]) @ w + dh * z
        return np.concatenate([of_r, of_z, of_new, of_new * r]), [passed]

    hidden = w.shape[1]
    return back_by_rows(step, len(y), sizes, 4 * hidden, (1, hidden))

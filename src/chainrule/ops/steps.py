"""All steps of a recurrent unit as one operation, and the walk back through them (floor 1).

A step is small: noting a dozen operations for each of a hundred steps costs more than computing
them. So `rnn_steps`, `lstm_steps` and `gru_steps` take all steps at once, by the formulas of the
cells in `recurrent`. Rows of all steps lie one after another, those of step t before those of step
t + 1; `sizes` says how many rows each step has, never more than the one before. So sequences of
unequal length, the longest first, need no padding.

The gradients share one walk back through the steps, which finds the slopes of the sums inside the
gates. Of arrays it is an operation of its own, such as `lstm_steps_back`; to be differentiated
again, it is written with operations, which is also what the other is tested against.

What the walk back reads of each step, states and gates, is kept: `lstm_walk` finds it, and cannot
be differentiated; `lstm_steps` is handed that and gives the states, with their derivatives.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from chainrule.backend import threads
from chainrule.backend.arrays import is_gpu, module_of
from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Cost, Shape, Value, constant, primitive, quiet
from chainrule.ops.elementwise import add, cast, gt, mul, sigmoid, square, sub, tanh
from chainrule.ops.linalg import linear, matrix_product
from chainrule.ops.reduce import sum
from chainrule.ops.shape import (
    ARRAY,
    concatenate,
    index,
    matrix_transpose,
    narrow,
    pad_constant,
    slice,
    split,
)

Sizes = tuple[int, ...]


# --- rows of all steps --------------------------------------------------------------------------


def starts_of(sizes: Sizes) -> list[int]:
    """Where the rows of each step begin."""
    return [0, *accumulate(sizes)][:-1]


def _previous(rows: Value, sizes: Sizes) -> Value:
    """For each row of each step but the first that of the step before."""
    if sizes[0] == sizes[-1]:
        return narrow(rows, 0, 0, rows.shape[0] - sizes[0])
    places = [np.arange(start, start + n) for start, n in zip(starts_of(sizes), sizes[1:])]
    return index(rows, constant(np.concatenate(places), rows), key=(ARRAY,))


def _before(first: Value, rows: Value, sizes: Sizes) -> Value:
    """For each row of each step that of the step before; of the first step, `first`."""
    return concatenate(first, _previous(rows, sizes)) if len(sizes) > 1 else first


def _weight_slope(slopes: Value, first: Value, rows: Value, sizes: Sizes) -> Value:
    """What the slopes of all sums, transposed, times the states before come to."""
    n = sizes[0]
    slope = matrix_product(matrix_transpose(narrow(slopes, 0, 0, n)), first)
    if len(sizes) == 1:
        return slope
    later = narrow(slopes, 0, n, slopes.shape[0] - n)
    return add(matrix_product(matrix_transpose(later), _previous(rows, sizes)), slope)


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
    for start, n in zip(reversed(starts_of(sizes)), reversed(sizes)):
        slopes, carried = step(start, n, *(_grown(v, n) for v in carried))
        found.append(slopes)
    return concatenate(*reversed(found)), carried


def _nothing(g: Value, sizes: Sizes) -> Value:
    """What comes from after the last step."""
    return constant(module_of(g).zeros((sizes[-1], g.shape[-1]), dtype=g.dtype))


def _taken_apart(back: Array, sizes: Sizes, hidden: int, states: int) -> tuple[Value, ...]:
    """What a walk back gives: the slopes of the sums, and those of the states before all steps."""
    rows = builtins.sum(sizes)
    below = narrow(back, 0, rows, sizes[0])
    states_before = (narrow(below, 1, k * hidden, hidden) for k in range(states))
    return narrow(back, 0, 0, rows), *states_before


def _there(
    states: int, gates: int, *, bias: bool = False
) -> tuple[Callable[..., Shape], Callable[..., Cost]]:
    """Shape rule and cost of steps of a unit with so many states and gates."""

    def shape(a: Shape, *rest: Shape, sizes: Sizes, **_attrs: Any) -> Shape:
        rows, hidden = builtins.sum(sizes), rest[0][-1] if rest[0] else 0
        state, width = (sizes[0], hidden), gates * hidden
        wanted = [(rows, width), *[state] * states, (width, hidden), *[(width,)] * bias]
        if [a, *rest] != wanted or list(sizes) != sorted(sizes, reverse=True):
            raise ShapeError(
                f"steps of {list(sizes)} rows with {hidden} units take arrays of shapes "
                f"{', '.join(map(str, wanted))}, and sizes that never grow; got shapes "
                f"{', '.join(map(str, [a, *rest]))}"
            )
        return (states + gates + bias, rows, hidden) if gates > 1 else (rows, hidden)

    def cost(*shapes: Shape, sizes: Sizes, **attrs: Any) -> Cost:
        y = shape(*shapes, sizes=sizes, **attrs)
        moved = math.prod(y) + builtins.sum(math.prod(s) for s in shapes)
        return Cost((2 * y[-1] + 10) * y[-2] * gates * y[-1], moved)

    return shape, cost


def _seen(walk: Callable[..., Shape], states: int) -> Callable[..., Shape]:
    """Shape rule of steps, which are handed what their walk has seen: states, then gates."""

    def shape(own: Shape, gates: Shape, *given: Shape, sizes: Sizes) -> Shape:
        count, *row = walk(*given, sizes=sizes)
        wanted = (states, *row) if states > 1 else tuple(row), (count - states, *row)
        if (own, gates) != wanted:
            raise ShapeError(
                f"steps take the states and gates of a walk, of shapes {wanted[0]} and "
                f"{wanted[1]}; got {own} and {gates}"
            )
        return own

    return shape


def _back(states: int, gates: int, sums: int) -> tuple[Callable[..., Shape], Callable[..., Cost]]:
    """Shape rule and cost of the walk back, which gives slopes of so many sums for each unit."""

    def shape(g: Shape, own: Shape, *rest: Shape, sizes: Sizes, **_attrs: Any) -> Shape:
        rows, hidden = builtins.sum(sizes), rest[-1][-1] if rest[-1] else 0
        row, weight = (rows, hidden), (gates * hidden, hidden)
        wanted = [(states, *row) if states > 1 else row] * 2
        wanted += [(sums, *row), (sizes[0], hidden), weight] if gates > 1 else [weight]
        if [g, own, *rest] != wanted:
            raise ShapeError(
                f"a walk back takes the gradient of the states and what the steps have seen, of "
                f"shapes {', '.join(map(str, wanted))}; got {', '.join(map(str, [g, own, *rest]))}"
            )
        return rows + sizes[0], sums * hidden

    def cost(*shapes: Shape, sizes: Sizes, **_attrs: Any) -> Cost:
        back = shape(*shapes, sizes=sizes)
        rows, hidden = shapes[0][-2:]
        moved = math.prod(back) + builtins.sum(math.prod(s) for s in shapes)
        return Cost((2 * hidden * gates + 15 * sums) * rows * hidden, moved)

    return shape, cost


def _nothing_done(*_shapes: Shape, **_attrs: Any) -> Cost:
    return Cost(0, 0)


# --- Elman's network ----------------------------------------------------------------------------


def _rnn_back(
    g: Value, y: Value, _a: Value, _h: Value, w: Value, *, sizes: Sizes, rectified: bool = False
) -> tuple[Value, ...]:
    if isinstance(g, np.ndarray) or is_gpu(g):
        back = rnn_steps_back(g, y, w, sizes=sizes, rectified=rectified)
        return _taken_apart(back, sizes, w.shape[1], 1)
    local = cast(gt(y, 0), dtype=y.dtype) if rectified else sub(1.0, square(y))

    def step(start: int, n: int, dh: Value) -> tuple[Value, list[Value]]:
        slopes = mul(add(narrow(g, 0, start, n), dh), narrow(local, 0, start, n))
        return slopes, [matrix_product(slopes, w)]

    slopes, (dh,) = _steps_back(sizes, [_nothing(g, sizes)], step)
    return slopes, dh


_shape, _cost = _there(states=1, gates=1)


@primitive(
    kind="contract",
    shape=_shape,
    shared=_rnn_back,
    vjp=[
        lambda back, _y, *_xs, **_attrs: back[0],
        lambda back, _y, *_xs, **_attrs: back[1],
        lambda back, y, _a, h, _w, *, sizes, **_attrs: _weight_slope(back[0], h, y, sizes),
    ],
    cost=_cost,
    arity=3,
)
def rnn_steps(a: Array, h: Array, w: Array, sizes: Sizes, rectified: bool = False) -> Array:
    """h of every step of Elman's network: h' = tanh(a + W h), or max(0, a + W h) if `rectified`.

    Args:
        a: what the inputs give, of all steps, (rows, hidden).
        h: before the first step, (sizes[0], hidden).
        w: W, (hidden, hidden).
        sizes: rows of each step, never growing.
        rectified: which of the two.

    Returns:
        (rows, hidden).

    Raises:
        ShapeError: the shapes do not go together, or the sizes grow.

    Examples:
        >>> one = np.ones((1, 1))
        >>> rnn_steps(np.array([[1.0], [1.0]]), 0 * one, one, sizes=(1, 1)).round(4)
        array([[0.7616],
               [0.9427]])
    """
    make = module_of(a)
    y = make.empty(a.shape, np.result_type(a, h, w))
    across = make.ascontiguousarray(w.T)
    with threads.fitted(2 * sizes[0] * w.size):
        for start, n in zip(starts_of(sizes), sizes):
            rows = y[start : start + n]
            np.add(np.matmul(h[:n], across), a[start : start + n], out=rows)
            h = np.maximum(rows, 0, out=rows) if rectified else np.tanh(rows, out=rows)
    return y


_shape, _cost = _back(states=1, gates=1, sums=1)


@primitive(kind="contract", shape=_shape, cost=_cost, arity=3)
def rnn_steps_back(g: Array, y: Array, w: Array, sizes: Sizes, rectified: bool = False) -> Array:
    """Slopes of all sums in `rnn_steps`, and below them those of h before the first step.

    With dh what comes to h of a step, from g and from the step after: of the sum s = dh (1 - h^2),
    or dh where h > 0; of h before the step s W. P. Werbos, "Backpropagation through time",
    Proceedings of the IEEE 78, 1990.

    Args:
        g: the gradient of y, (rows, hidden).
        y: what `rnn_steps` gives.
        w: as there.
        sizes: as there.
        rectified: as there.

    Returns:
        (rows + sizes[0], hidden).

    Examples:
        >>> one = np.ones((1, 1))
        >>> rnn_steps_back(one, one, 2 * one, sizes=(1,), rectified=True)
        array([[1.],
               [2.]])
    """
    rows = len(y)
    back = module_of(g).empty((rows + sizes[0], y.shape[1]), np.result_type(g, y, w))
    dh = back[rows:]
    dh[:] = 0
    with threads.fitted(2 * sizes[0] * w.size):
        for start, n in zip(reversed(starts_of(sizes)), reversed(sizes)):
            here, slopes = np.s_[start : start + n], back[start : start + n]
            if rectified:
                np.multiply(g[here] + dh[:n], y[here] > 0, out=slopes)
            else:
                np.multiply(g[here] + dh[:n], 1 - np.square(y[here]), out=slopes)
            np.matmul(slopes, w, out=dh[:n])
    return back


# --- long short-term memory ---------------------------------------------------------------------


_walk, _cost = _there(states=2, gates=4)


@primitive(kind="contract", shape=_walk, cost=_cost, arity=4)
@quiet
def lstm_walk(a: Array, h: Array, c: Array, w: Array, sizes: Sizes) -> Array:
    """States and gates of every step of long short-term memory; see `lstm_cell`.

    Args:
        a: what the inputs give to the gates, of all steps, (rows, 4 hidden).
        h: before the first step, (sizes[0], hidden).
        c: likewise.
        w: W_hh, (4 hidden, hidden).
        sizes: rows of each step, never growing.

    Returns:
        (6, rows, hidden): h, c, i, f, z and o.

    Raises:
        ShapeError: the shapes do not go together, or the sizes grow.

    Examples:
        >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
        >>> lstm_walk(np.zeros((1, 4)), zero, one, np.zeros((4, 1)), sizes=(1,)).ravel().round(4)
        array([0.2311, 0.5   , 0.5   , 0.5   , 0.    , 0.5   ])
    """
    hidden = w.shape[1]
    make = module_of(a)
    seen = make.empty((6, len(a), hidden), np.result_type(a, h, c, w))
    across = make.ascontiguousarray(w.T)
    with threads.fitted(2 * sizes[0] * w.size):
        for start, n in zip(starts_of(sizes), sizes):
            new_h, new_c, i, f, z, o = rows = seen[:, start : start + n]
            sums = np.matmul(h[:n], across)
            sums += a[start : start + n]
            np.tanh(sums[:, 2 * hidden : 3 * hidden], out=z)
            _open(sums)
            rows[2:4] = _apart(sums[:, : 2 * hidden], 2)
            o[:] = sums[:, 3 * hidden :]
            np.multiply(f, c[:n], out=new_c)
            new_c += np.multiply(i, z, out=new_h)
            np.multiply(o, np.tanh(new_c, out=new_h), out=new_h)
            h, c = new_h, new_c
    return seen


def _open(sums: Array) -> None:
    """Put the sigmoid of all sums in their place."""
    np.negative(sums, out=sums)
    np.exp(sums, out=sums)
    sums += 1
    np.true_divide(1, sums, out=sums)


def _apart(rows: Array, count: int) -> Array:
    """What stands side by side in rows, one after another: (count, rows, ...)."""
    return rows.reshape(len(rows), count, rows.shape[1] // count).transpose(1, 0, 2)


def _lstm_back(
    g: Value, y: Value, states: Value, gates: Value, a: Value, h: Value, c: Value, w: Value, *,
    sizes: Sizes,
) -> tuple[Value, ...]:  # fmt: skip
    if isinstance(g, np.ndarray) or is_gpu(g):
        back = lstm_steps_back(g, states, gates, c, w, sizes=sizes)
        return _taken_apart(back, sizes, w.shape[1], 2)
    h_after, c_after, of_h, of_c = (slice(v, key=(k,)) for v in (y, g) for k in (0, 1))
    h_before, c_before = _before(h, h_after, sizes), _before(c, c_after, sizes)
    i, f, z, o = split(add(a, linear(h_before, w)), w.shape[1], 1)
    i, f, z, o = sigmoid(i), sigmoid(f), tanh(z), sigmoid(o)
    held = tanh(c_after)
    # What the sums of i, f and z do to c, and that of o to h.
    local = concatenate(
        mul(mul(z, i), sub(1.0, i)),
        mul(mul(c_before, f), sub(1.0, f)),
        mul(i, sub(1.0, square(z))),
        mul(mul(held, o), sub(1.0, o)),
        dim=1,
    )
    read = mul(o, sub(1.0, square(held)))

    def step(start: int, n: int, dh: Value, dc: Value) -> tuple[Value, list[Value]]:
        dh = add(dh, narrow(of_h, 0, start, n))
        dc = add(add(dc, narrow(of_c, 0, start, n)), mul(dh, narrow(read, 0, start, n)))
        slopes = mul(concatenate(dc, dc, dc, dh, dim=1), narrow(local, 0, start, n))
        return slopes, [matrix_product(slopes, w), mul(dc, narrow(f, 0, start, n))]

    slopes, (dh, dc) = _steps_back(sizes, [_nothing(g, sizes)] * 2, step)
    return slopes, dh, dc


@primitive(
    kind="contract",
    shape=_seen(_walk, 2),
    shared=_lstm_back,
    vjp=[
        None,
        None,
        lambda back, _y, *_xs, **_attrs: back[0],
        lambda back, _y, *_xs, **_attrs: back[1],
        lambda back, _y, *_xs, **_attrs: back[2],
        lambda back, y, _states, _gates, _a, h, _c, _w, *, sizes: _weight_slope(
            back[0], h, slice(y, key=(0,)), sizes
        ),
    ],
    cost=_nothing_done,
    arity=6,
)
def lstm_steps(
    states: Array, _gates: Array, _a: Array, _h: Array, _c: Array, _w: Array, sizes: Sizes
) -> Array:
    """h and c of every step of long short-term memory, which its walk has found.

    Args:
        states: of `lstm_walk`: h and c, (2, rows, hidden).
        gates: of `lstm_walk`: i, f, z and o, (4, rows, hidden).
        a: what the walk was given, as all that follows.
        h: before the first step.
        c: likewise.
        w: W_hh.
        sizes: rows of each step.

    Returns:
        (2, rows, hidden): the states.

    Raises:
        ShapeError: the states and gates are not those of such a walk.

    Examples:
        >>> given = np.zeros((1, 4)), np.zeros((1, 1)), np.ones((1, 1)), np.zeros((4, 1))
        >>> seen = lstm_walk(*given, sizes=(1,))
        >>> lstm_steps(seen[:2], seen[2:], *given, sizes=(1,)).ravel().round(4)
        array([0.2311, 0.5   ])
    """
    return states


_shape, _cost = _back(states=2, gates=4, sums=4)


@primitive(kind="contract", shape=_shape, cost=_cost, arity=5)
def lstm_steps_back(
    g: Array, states: Array, gates: Array, c: Array, w: Array, sizes: Sizes
) -> Array:
    """Slopes of all sums in `lstm_walk`, and below them those of h and c before the first step.

    With dh and dc what comes to h and c of a step, from g and from the step after, dc also from h:
    of the sums z i (1 - i) dc, c f (1 - f) dc with c before the step, i (1 - z^2) dc and
    tanh(c') o (1 - o) dh; of c before the step f dc; of h before the step the slopes times W.
    P. J. Werbos, "Backpropagation through time", Proceedings of the IEEE 78, 1990.

    Args:
        g: the gradient of the states, (2, rows, hidden).
        states: as `lstm_steps` takes them.
        gates: as there.
        c: as there.
        w: as there.
        sizes: as there.

    Returns:
        (rows + sizes[0], 4 hidden): the last rows have h's, then c's, then zeros.

    Raises:
        ShapeError: the shapes do not go together.

    Examples:
        >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
        >>> seen = lstm_walk(np.zeros((1, 4)), zero, one, np.zeros((4, 1)), sizes=(1,))
        >>> g, w = np.ones((2, 1, 1)), np.zeros((4, 1))
        >>> lstm_steps_back(g, seen[:2], seen[2:], one, w, sizes=(1,)).round(2)
        array([[0.  , 0.35, 0.7 , 0.12],
               [0.  , 0.7 , 0.  , 0.  ]])
    """
    rows, hidden = states.shape[1:]
    back = module_of(g).empty((rows + sizes[0], 4 * hidden), np.result_type(g, states, gates, c, w))
    back[rows:] = 0
    dh, dc = back[rows:, :hidden], back[rows:, hidden : 2 * hidden]
    starts = starts_of(sizes)
    with threads.fitted(2 * sizes[0] * w.size):
        for k in reversed(range(len(sizes))):
            n = sizes[k]
            here = np.s_[starts[k] : starts[k] + n]
            c_before = states[1, starts[k - 1] : starts[k - 1] + n] if k else c
            i, f, z, o = opened = gates[:, here]
            held, local = np.tanh(states[1, here]), 1 - opened
            local *= opened
            to_h, to_c = g[0, here] + dh[:n], g[1, here] + dc[:n]
            to_c += to_h * o * (1 - np.square(held))
            local[0] *= z
            local[1] *= c_before
            np.multiply(1 - np.square(z), i, out=local[2])
            local[:3] *= to_c
            to_h *= held
            local[3] *= to_h
            slopes = back[here]
            slopes.reshape(n, 4, hidden).transpose(1, 0, 2)[:] = local
            np.multiply(to_c, f, out=dc[:n])
            dh[:n] = np.matmul(slopes, w)
    return back


# --- gated recurrent unit -----------------------------------------------------------------------


_walk, _cost = _there(states=1, gates=3, bias=True)


@primitive(kind="contract", shape=_walk, cost=_cost, arity=4)
@quiet
def gru_walk(a: Array, h: Array, w: Array, b: Array, sizes: Sizes) -> Array:
    """State and gates of every step of gated recurrent units; see `gru_cell`.

    Args:
        a: what the inputs give to the gates, of all steps, (rows, 3 hidden).
        h: before the first step, (sizes[0], hidden).
        w: W_hh, (3 hidden, hidden).
        b: b_hh, (3 hidden,).
        sizes: rows of each step, never growing.

    Returns:
        (5, rows, hidden): h, r, z, n, and the part of n's sum that r multiplies.

    Raises:
        ShapeError: the shapes do not go together, or the sizes grow.

    Examples:
        >>> given = np.zeros((1, 3)), np.ones((1, 1)), np.zeros((3, 1)), np.ones(3)
        >>> gru_walk(*given, sizes=(1,)).ravel().round(4)
        array([0.8988, 0.7311, 0.7311, 0.6237, 1.    ])
    """
    hidden = w.shape[1]
    make = module_of(a)
    seen = make.empty((5, len(a), hidden), np.result_type(a, h, w, b))
    across = make.ascontiguousarray(w.T)
    with threads.fitted(2 * sizes[0] * w.size):
        for start, count in zip(starts_of(sizes), sizes):
            here, h = np.s_[start : start + count], h[:count]
            new, r, _, n, last = rows = seen[:, here]
            own = np.matmul(h, across)
            own += b
            last[:] = own[:, 2 * hidden :]
            opened = own[:, : 2 * hidden] + a[here, : 2 * hidden]
            _open(opened)
            rows[1:3] = _apart(opened, 2)
            np.multiply(r, last, out=n)
            n += a[here, 2 * hidden :]
            np.tanh(n, out=n)
            np.subtract(h, n, out=new)
            new *= rows[2]
            new += n
            h = new
    return seen


def _gru_back(
    g: Value, y: Value, state: Value, gates: Value, a: Value, h: Value, w: Value, b: Value, *,
    sizes: Sizes,
) -> tuple[Value, ...]:  # fmt: skip
    hidden = w.shape[1]
    if isinstance(g, np.ndarray) or is_gpu(g):
        back = gru_steps_back(g, state, gates, h, w, sizes=sizes)
        return _taken_apart(back, sizes, hidden, 1)
    before = _before(h, y, sizes)
    ar, az, an = split(a, hidden, 1)
    hr, hz, hn = split(linear(before, w, b), hidden, 1)
    r, z = sigmoid(add(ar, hr)), sigmoid(add(az, hz))
    n = tanh(add(an, mul(r, hn)))
    new = mul(sub(1.0, z), sub(1.0, square(n)))
    # What they do to h': the sums of r, z and n, and the part of n's sum that r multiplies.
    local = concatenate(
        mul(mul(new, hn), mul(r, sub(1.0, r))),
        mul(sub(before, n), mul(z, sub(1.0, z))),
        new,
        mul(new, r),
        dim=1,
    )

    def step(start: int, count: int, dh: Value) -> tuple[Value, list[Value]]:
        dh = add(dh, narrow(g, 0, start, count))
        slopes = mul(concatenate(dh, dh, dh, dh, dim=1), narrow(local, 0, start, count))
        passed = matrix_product(concatenate(*_own(slopes, hidden), dim=1), w)
        return slopes, [add(passed, mul(dh, narrow(z, 0, start, count)))]

    slopes, (dh,) = _steps_back(sizes, [_nothing(g, sizes)], step)
    return slopes, dh


def _own(slopes: Value, hidden: int) -> tuple[Value, Value]:
    """The slopes of the sums that h before the step gives: of r and z, and what r multiplies."""
    return narrow(slopes, 1, 0, 2 * hidden), narrow(slopes, 1, 3 * hidden, hidden)


def _gru_weight_slope(back: Any, y: Value, h: Value, sizes: Sizes) -> Value:
    parts = _own(back[0], y.shape[1])
    return concatenate(*(_weight_slope(part, h, y, sizes) for part in parts))


@primitive(
    kind="contract",
    shape=_seen(_walk, 1),
    shared=_gru_back,
    vjp=[
        None,
        None,
        lambda back, _y, _state, _gates, _a, *_xs, **_attrs: narrow(back[0], 1, 0, _a.shape[1]),
        lambda back, _y, *_xs, **_attrs: back[1],
        lambda back, y, _state, _gates, _a, h, _w, _b, *, sizes: _gru_weight_slope(
            back, y, h, sizes
        ),
        lambda back, _y, _state, _gates, _a, _h, _w, _b, **_attrs: concatenate(
            *(sum(part, dim=0) for part in _own(back[0], _w.shape[1]))
        ),
    ],
    cost=_nothing_done,
    arity=6,
)
def gru_steps(
    state: Array, _gates: Array, _a: Array, _h: Array, _w: Array, _b: Array, sizes: Sizes
) -> Array:
    """h of every step of gated recurrent units, which its walk has found.

    Args:
        state: of `gru_walk`: h, (rows, hidden).
        gates: of `gru_walk`: what comes after h, (4, rows, hidden).
        a: what the walk was given, as all that follows.
        h: before the first step.
        w: W_hh.
        b: b_hh.
        sizes: rows of each step.

    Returns:
        (rows, hidden): the state.

    Raises:
        ShapeError: state and gates are not those of such a walk.

    Examples:
        >>> given = np.zeros((1, 3)), np.ones((1, 1)), np.zeros((3, 1)), np.zeros(3)
        >>> seen = gru_walk(*given, sizes=(1,))
        >>> gru_steps(seen[0], seen[1:], *given, sizes=(1,))
        array([[0.5]])
    """
    return state


_shape, _cost = _back(states=1, gates=3, sums=4)


@primitive(kind="contract", shape=_shape, cost=_cost, arity=5)
def gru_steps_back(g: Array, state: Array, gates: Array, h: Array, w: Array, sizes: Sizes) -> Array:
    """Slopes of all sums in `gru_walk`, and below them those of h before the first step.

    With dh what comes to h of a step, from g and from the step after, and s the part of n's sum
    that r multiplies: of the sum of n (1 - z) (1 - n^2) dh, of that of r s r (1 - r) as much, of
    that of z (h - n) z (1 - z) dh with h before the step, and of s r times the slope of n; of h
    before the step z dh and the slopes of r, z and s times W.

    Args:
        g: the gradient of the state, (rows, hidden).
        state: as `gru_steps` takes it.
        gates: as there.
        h: as there.
        w: as there.
        sizes: as there.

    Returns:
        (rows + sizes[0], 4 hidden): the slopes of the sums of r, z and n, and of s; the last rows
        have h's, then zeros.

    Raises:
        ShapeError: the shapes do not go together.

    Examples:
        >>> one, w = np.ones((1, 1)), np.zeros((3, 1))
        >>> seen = gru_walk(np.zeros((1, 3)), one, w, np.zeros(3), sizes=(1,))
        >>> gru_steps_back(one, seen[0], seen[1:], one, w, sizes=(1,))
        array([[0.  , 0.25, 0.5 , 0.25],
               [0.5 , 0.  , 0.  , 0.  ]])
    """
    rows, hidden = state.shape
    back = module_of(g).empty((rows + sizes[0], 4 * hidden), np.result_type(g, state, gates, h, w))
    back[rows:] = 0
    dh = back[rows:, :hidden]
    starts = starts_of(sizes)
    with threads.fitted(2 * sizes[0] * w.size):
        for k in reversed(range(len(sizes))):
            count = sizes[k]
            here = np.s_[starts[k] : starts[k] + count]
            before = state[starts[k - 1] : starts[k - 1] + count] if k else h
            r, z, n, last = gates[:, here]
            slopes, to_h = back[here], g[here] + dh[:count]
            of_r, of_z, of_n, of_last = np.split(slopes, 4, axis=1)
            left = 1 - z
            np.multiply(to_h * left, 1 - np.square(n), out=of_n)
            np.multiply(of_n, r, out=of_last)
            np.multiply(of_last * last, 1 - r, out=of_r)
            to_h *= z
            np.multiply(to_h * left, before - n, out=of_z)
            to_h += np.matmul(slopes[:, : 2 * hidden], w[: 2 * hidden])
            to_h += np.matmul(of_last, w[2 * hidden :])
            dh[:count] = to_h
    return back

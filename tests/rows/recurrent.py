"""Rows of recurrent cells, of their steps, and of layers of them."""

from __future__ import annotations

import recurrent_references as ref
from case import case, outputs, real, torch
from chainrule import ops

# A row is a line, or little more.
# fmt: off


def weights(gates: int, given: int, hidden: int):
    """W_ih, W_hh, b_ih and b_hh of a unit."""
    rows = gates * hidden
    return [real(rows, given), real(rows, hidden), real(rows), real(rows)]


def state_in_pair(f):
    """`f(x, (h, c), ...)`, and its result flat."""

    def call(x, h, c, *rest, **attrs):
        y, last = f(x, (h, c), *rest, **attrs)
        return [y, *outputs(last)]

    return call


def only_ours_in_pair(f):
    """`state_in_pair`, but for the reference, which takes and gives its state flat."""
    return f if f.__module__ == ref.__name__ else state_in_pair(f)


def plain_pair(f):
    """`f(x, (h, c), ...)` of one step."""
    return lambda x, h, c, *rest: f(x, (h, c), *rest)


def walked(f):
    """Steps of what their walk is given, after that walk; the reference is called so already."""
    if f.__module__ == ref.__name__:
        return f
    walk, states = (ops.lstm_walk, slice(2)) if f is ops.lstm_steps else (ops.gru_walk, 0)

    def call(*given, sizes):
        seen = walk(*given, sizes=sizes)
        state, gates = ops.slice(seen, key=states), ops.slice(seen, key=slice(-4, None))
        return f(state, gates, *given, sizes=sizes)

    return call


CELLS = [
    case("rnn_tanh_cell", [real(3, 2), real(3, 4), *weights(1, 2, 4)], ref.rnn,
         torch.rnn_tanh_cell),
    case("rnn_tanh_cell", [real(2), real(4), *weights(1, 2, 4)], ref.rnn, note="a vector"),
    case("rnn_tanh_cell", [real(3, 2), real(3, 4), *weights(1, 2, 4)[:2]], ref.rnn,
         torch.rnn_tanh_cell, note="no bias"),
    case("rnn_relu_cell", [real(3, 2), real(3, 4), *weights(1, 2, 4)], ref.rnn_relu,
         torch.rnn_relu_cell),
    case("lstm_cell", [real(3, 2), real(3, 4), real(3, 4), *weights(4, 2, 4)], ref.lstm,
         torch.lstm_cell, form=plain_pair),
    case("lstm_cell", [real(3, 2), real(3, 2), real(3, 4), real(16, 2), real(16, 2), real(16),
         real(16), real(2, 4)], ref.lstm, note="projected", form=plain_pair),
    case("gru_cell", [real(3, 2), real(3, 4), *weights(3, 2, 4)], ref.gru, torch.gru_cell),
    case("gru_cell", [real(3, 2), real(3, 4), *weights(3, 2, 4)[:2]], ref.gru, torch.gru_cell,
         note="no bias"),
]

EVEN, UNEVEN = (2, 2, 2), (3, 3, 1)

STEPS = [
    case("rnn_steps", [real(6, 2), real(2, 2), real(2, 2)], ref.rnn_steps, sizes=EVEN),
    case("rnn_steps", [real(7, 2), real(3, 2), real(2, 2)], ref.rnn_steps, note="uneven",
         sizes=UNEVEN),
    case("rnn_steps", [real(6, 2), real(2, 2), real(2, 2)], ref.rnn_steps, note="rectified",
         sizes=EVEN, rectified=True),
    case("rnn_steps", [real(3, 2), real(3, 2), real(2, 2)], ref.rnn_steps, note="one step",
         sizes=(3,)),
    case("lstm_steps", [real(6, 8), real(2, 2), real(2, 2), real(8, 2)], ref.lstm_steps,
         form=walked, sizes=EVEN),
    case("lstm_steps", [real(7, 8), real(3, 2), real(3, 2), real(8, 2)], ref.lstm_steps,
         note="uneven", form=walked, sizes=UNEVEN),
    case("gru_steps", [real(6, 6), real(2, 2), real(6, 2), real(6)], ref.gru_steps, form=walked,
         sizes=EVEN),
    case("gru_steps", [real(7, 6), real(3, 2), real(6, 2), real(6)], ref.gru_steps,
         note="uneven", form=walked, sizes=UNEVEN),
]

WALKS = [
    case("lstm_walk", [real(7, 8), real(3, 2), real(3, 2), real(8, 2)], ref.lstm_walk, wrt=[],
         sizes=UNEVEN),
    case("gru_walk", [real(7, 6), real(3, 2), real(6, 2), real(6)], ref.gru_walk, wrt=[],
         sizes=UNEVEN),
]

# What the steps have seen, and its gradient, are drawn as the other inputs are.
STEPS_BACK = [
    case("rnn_steps_back", [real(7, 2), real(7, 2), real(2, 2)], ref.rnn_steps_back,
         wrt=[], sizes=UNEVEN),
    case("rnn_steps_back", [real(6, 2), real(6, 2), real(2, 2)], ref.rnn_steps_back,
         note="rectified", wrt=[], sizes=EVEN, rectified=True),
    case("lstm_steps_back", [real(2, 6, 2), real(2, 6, 2), real(4, 6, 2), real(2, 2), real(8, 2)],
         ref.lstm_steps_back, wrt=[], sizes=EVEN),
    case("lstm_steps_back", [real(2, 7, 2), real(2, 7, 2), real(4, 7, 2), real(3, 2), real(8, 2)],
         ref.lstm_steps_back, note="uneven", wrt=[], sizes=UNEVEN),
    case("gru_steps_back", [real(6, 2), real(6, 2), real(4, 6, 2), real(2, 2), real(6, 2)],
         ref.gru_steps_back, wrt=[], sizes=EVEN),
    case("gru_steps_back", [real(7, 2), real(7, 2), real(4, 7, 2), real(3, 2), real(6, 2)],
         ref.gru_steps_back, note="uneven", wrt=[], sizes=UNEVEN),
]

LAYERS = [
    case("rnn_layer", [real(6, 3), real(2, 2), *weights(1, 3, 2)], ref.single_layer(ref.rnn),
         sizes=EVEN),
    case("rnn_layer", [real(7, 3), real(3, 2), *weights(1, 3, 2)], ref.single_layer(ref.rnn),
         note="uneven", sizes=UNEVEN, nonlinearity="relu"),
    case("lstm_layer", [real(6, 3), real(2, 2), real(2, 2), *weights(4, 3, 2)], ref.lstm_layer,
         form=only_ours_in_pair, sizes=EVEN),
    case("lstm_layer", [real(7, 3), real(3, 2), real(3, 2), *weights(4, 3, 2)], ref.lstm_layer,
         note="uneven", form=only_ours_in_pair, sizes=UNEVEN),
    case("lstm_layer", [real(7, 3), real(3, 1), real(3, 2), real(8, 3), real(8, 1), real(8),
         real(8), real(1, 2)], ref.lstm_layer, note="projected", form=only_ours_in_pair,
         sizes=UNEVEN),
    case("gru_layer", [real(6, 3), real(2, 2), *weights(3, 3, 2)], ref.single_layer(ref.gru),
         sizes=EVEN),
    case("gru_layer", [real(7, 3), real(3, 2), *weights(3, 3, 2)[:2]], ref.single_layer(ref.gru),
         note="uneven", sizes=UNEVEN),
]

"""Recurrent steps: one walk back for all gradients, the same as by operations; what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.autograd import Tensor, grad
from chainrule.errors import ShapeError

SIZES = (4, 4, 3, 1)


def arrays(gates, states, bias=False, hidden=3):
    """What a walk is given."""
    rng = np.random.default_rng(0)
    shapes = [(sum(SIZES), gates * hidden), *[(SIZES[0], hidden)] * states]
    shapes += [(gates * hidden, hidden), *[(gates * hidden,)] * bias]
    return [rng.standard_normal(s) for s in shapes]


def rnn(*given):
    return ops.rnn_steps(*given, sizes=SIZES)


def rectified(*given):
    return ops.rnn_steps(*given, sizes=SIZES, rectified=True)


def lstm(*given):
    seen = ops.lstm_walk(*given, sizes=SIZES)
    return ops.lstm_steps(seen[:2], seen[2:], *given, sizes=SIZES)


def gru(*given):
    seen = ops.gru_walk(*given, sizes=SIZES)
    return ops.gru_steps(seen[0], seen[1:], *given, sizes=SIZES)


UNITS = {
    "rnn": (rnn, arrays(1, 1)),
    "rectified": (rectified, arrays(1, 1)),
    "lstm": (lstm, arrays(4, 2)),
    "gru": (gru, arrays(3, 1, bias=True)),
}


@pytest.mark.parametrize("name", UNITS)
def test_the_walk_back_gives_what_its_operations_give(name):
    steps, given = UNITS[name]
    xs = [Tensor(x, requires_grad=True) for x in given]
    y = steps(*xs)
    g = Tensor(np.cos(np.arange(y.numel())).reshape(y.shape))
    quick = grad([y], xs, [g], retain_graph=True)
    by_operations = grad([y], xs, [g], create_graph=True)
    for a, b in zip(quick, by_operations, strict=True):
        np.testing.assert_allclose(a.array, b.array, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", UNITS)
def test_there_is_one_walk_back_however_many_gradients_are_wanted(name):
    steps, given = UNITS[name]
    y = steps(*(Tensor(x, requires_grad=True) for x in given)).sum()
    seen = []
    with ops.watch(lambda op, *_rest: seen.append(op.name)):
        y.backward()
    assert sum(op.endswith("_steps_back") for op in seen) == 1


def test_what_does_not_fit_is_said():
    a, h, w = arrays(1, 1)
    with pytest.raises(ShapeError, match=r"take arrays of shapes .*\(3, 3\).* got .*\(2, 3\)"):
        ops.rnn_steps(a, h, w[:2], sizes=SIZES)
    with pytest.raises(ShapeError, match="sizes that never grow"):
        ops.rnn_steps(a, h, w, sizes=(4, 3, 4, 1))
    given = arrays(4, 2)
    seen = ops.lstm_walk(*given, sizes=SIZES)
    with pytest.raises(ShapeError, match="states and gates of a walk"):
        ops.lstm_steps.shape(seen[:1].shape, seen[2:].shape, *(x.shape for x in given), sizes=SIZES)
    with pytest.raises(ShapeError, match="a walk back takes the gradient of the states"):
        ops.lstm_steps_back(seen[:2], seen[:2], seen[3:], *given[2:], sizes=SIZES)

"""Recurrent steps in machine code against the ops' own bodies, in many sizes and layouts."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite, which is not installed")

import chainrule as cr
from chainrule import nn, ops
from chainrule.backend import threads
from chainrule.nn.utils.rnn import pack_padded_sequence
from chainrule.ops.core import constant
from chainrule.plan.native.executor import Native
from chainrule.plan.native.kernels.recurrence import sequences
from chainrule.plan.native.kernels.recurrence.sequences import shares
from chainrule.plan.native.matrices.choice import Core
from chainrule.plan.native.matrices.products import Product
from chainrule.plan.native.stretch import deep
from chainrule.plan.passes import simplified
from chainrule.plan.record import record

FORMATS = [np.float32, np.float64]
NAMES = ["rnn", "lstm", "gru"]

# Batches of one unit, of several alike, with a shorter last one; lengths that differ within units
# and between them, down to steps that nobody has.
SIZES = [(1, 1, 1), (5, 5), (19, 19, 19), (33, 33), (40,), (20, 17, 17, 9, 8, 1), (35, 20, 3, 0)]


def made(name, sizes, hidden, dtype=np.float32):
    """A gradient of the states, and the arguments of the walk."""
    rng = np.random.default_rng(0)
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[name]
    row, state, weight = (sum(sizes), hidden), (sizes[0], hidden), (gates * hidden, hidden)
    given = [(sum(sizes), gates * hidden), *[state] * (1 + (name == "lstm")), weight]
    given += [(gates * hidden,)] if name == "gru" else []
    shapes = [(2, *row) if name == "lstm" else row, *given]
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


def there_and_back(name, sizes, **attrs):
    """The walk there and the walk back, as a function of g and the arguments."""
    walk = ops.REGISTRY["rnn_steps" if name == "rnn" else f"{name}_walk"]
    back = ops.REGISTRY[f"{name}_steps_back"]

    def function(g, *given):
        seen = walk(*given, sizes=sizes, **attrs)
        if name == "rnn":
            return seen, back(g, seen, given[-1], sizes=sizes, **attrs)
        key, (first, w) = (slice(2), given[2:]) if name == "lstm" else (0, given[1:3])
        states, gates = (ops.slice(seen, key=(k,)) for k in (key, slice(-4, None)))
        return seen, back(g, states, gates, first, w, sizes=sizes)

    return function


def compared(function, arrays, folder):
    """Two runs of machine code throughout give what NumPy gives, to rounding."""
    expected, program = record(function, arrays)
    native = Native(simplified(program), folder)
    assert not native.foreign
    for _ in range(2):
        for found, wanted in zip(native(*arrays), expected, strict=True):
            near = 1000 * np.finfo(wanted.dtype).eps
            np.testing.assert_allclose(found, wanted, rtol=near, atol=near * np.abs(wanted).max())


@pytest.mark.parametrize("dtype", FORMATS, ids=["float", "double"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "-".join(map(str, sizes)))
def test_batches_of_every_kind(name, sizes, dtype, folder):
    compared(there_and_back(name, sizes), made(name, sizes, 6, dtype), folder)


@pytest.mark.parametrize("hidden", [1, 16, 37])
@pytest.mark.parametrize("name", NAMES)
def test_units_that_fill_vectors_and_that_do_not(name, hidden, folder):
    compared(there_and_back(name, (13, 13, 4)), made(name, (13, 13, 4), hidden), folder)


def test_elmans_network_rectified(folder):
    sizes = (9, 9, 2)
    compared(there_and_back("rnn", sizes, rectified=True), made("rnn", sizes, 5), folder)


@pytest.mark.parametrize("core", [Core(16, 16), Core(32, 16)], ids=["narrow", "middling"])
def test_other_cores(core, folder, monkeypatch):
    monkeypatch.setattr(sequences, "core", lambda: core)
    compared(there_and_back("gru", (17, 17, 3)), made("gru", (17, 17, 3), 21), folder)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_that_lie_in_any_way(name, folder):
    sizes = (10, 10, 7)
    arrays = made(name, sizes, 5)
    inner = there_and_back(name, sizes)

    def function(*turned):
        g, a, *rest = (ops.permute(t, dims=tuple(reversed(range(t.ndim)))) for t in turned)
        wide = ops.concatenate(a, a, dim=1)
        return inner(g, ops.narrow(wide, 1, 0, a.shape[1]), *rest)

    compared(function, [np.ascontiguousarray(x.T) for x in arrays], folder)


@pytest.mark.parametrize("name", NAMES)
def test_states_that_begin_at_zero_and_no_gradient(name, folder):
    sizes, arrays = (6, 6), made(name, (6, 6), 4)
    inner = there_and_back(name, sizes)

    def function(a, w, *bias):
        zeros = [constant(np.zeros_like(x)) for x in arrays[2 : 3 + (name == "lstm")]]
        g = constant(np.zeros_like(arrays[0]))
        return inner(g, a, *zeros, w, *bias)

    given = [x for k, x in enumerate(arrays) if k == 1 or k > 2 + (name == "lstm")]
    compared(function, given, folder)


@pytest.mark.parametrize("name", NAMES)
def test_the_bits_are_those_of_one_thread(name, folder):
    sizes = (70,) * 12
    function, arrays = there_and_back(name, sizes), made(name, sizes, 40)
    _, program = record(function, arrays)
    before, found = threads.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            threads.set_num_threads(n)
            native = Native(simplified(program), folder)
            found += [[y.tobytes() for y in native(*arrays)] for _ in range(3)]
    finally:
        threads.set_num_threads(before)
    assert all(bits == found[0] for bits in found)


def test_how_sequences_fall_into_units_depends_on_their_number_alone():
    assert [(s.units, s.rows) for s in (shares((n, 1)) for n in (1, 8, 9, 31, 32, 33, 128))] == [
        (1, 1), (1, 8), (2, 5), (4, 8), (2, 16), (3, 11), (8, 16),
    ]  # fmt: skip
    for n in range(1, 100):
        shared = shares((n,))
        assert sum(shared.tiles) == shared.rows
        assert (shared.units - 1) * shared.rows < n <= shared.units * shared.rows


# --- layers ---------------------------------------------------------------------------------------


def losses(layer, x, packed, how):
    """The losses of a few steps of training, by eager or compiled."""
    cr.manual_seed(0)
    model = layer()
    optimizer = cr.optim.SGD(model.parameters(), 0.5)

    def step(x):
        optimizer.zero_grad()
        if packed:
            y, state = model(
                pack_padded_sequence(x, [4, 4, 3, 1, 1], batch_first=model.batch_first)
            )
            y = y.data
        else:
            y, state = model(x)
        loss = (y * y).sum() + sum((s * s).sum() for s in flat(state))
        loss.backward()
        optimizer.step()
        return loss

    run = cr.compile(step) if how == "compiled" else step
    return [float(run(x)) for _ in range(4)]


def flat(state):
    return state if isinstance(state, tuple) else (state,)


LAYERS = {
    "batch first": lambda: nn.LSTM(3, 4, batch_first=True),
    "layers, both ways": lambda: nn.GRU(3, 4, num_layers=2, bidirectional=True),
    "rectified": lambda: nn.RNN(3, 4, nonlinearity="relu", bidirectional=True),
    "no bias": lambda: nn.GRU(3, 4, bias=False),
    "projected": lambda: nn.LSTM(3, 4, proj_size=2),
}


@pytest.mark.parametrize("packed", [False, True], ids=["tensor", "packed"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_train_as_they_do_by_eager(name, packed):
    layer, rng = LAYERS[name], np.random.default_rng(1)
    x = cr.tensor(rng.standard_normal((5, 4, 3) if layer().batch_first else (4, 5, 3)))
    expected = losses(layer, x, packed, "eager")
    np.testing.assert_allclose(losses(layer, x, packed, "compiled"), expected, rtol=1e-9)


# --- the products around them ---------------------------------------------------------------------


def test_rows_that_changed_places_are_multiplied_as_they_are_wanted(folder):
    def function(x, w, b):
        return [ops.relu(ops.linear(ops.permute(x, dims=(1, 0, 2)), w, b))]

    rng = np.random.default_rng(0)
    compared(function, [rng.standard_normal(s) for s in ((5, 3, 7), (4, 7), (4,))], folder)


def test_gradients_of_weights_over_many_rows_are_summed_up_in_slices(folder):
    rng = np.random.default_rng(0)
    slopes, x = (rng.standard_normal((700, n)).astype(np.float32) for n in (512, 70))
    assert deep(Product(512, 70, 700, (1, 512), (70, 1), 70, x.dtype)) == 256

    def function(slopes, x, w):
        return [ops.sub(w, ops.matrix_product(ops.matrix_transpose(slopes), x))]

    compared(function, [slopes, x, np.ones((512, 70), np.float32)], folder)

"""Random numbers: the published sequence, the right distributions, counted and not chained."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import ops
from chainrule.errors import DataError, OptionError
from chainrule.ops import new_state

MANY = 100_000
DRAWS = {
    "uniform": lambda state, shape: ops.random_uniform(state, shape=shape),
    "double": lambda state, shape: ops.random_uniform(state, shape=shape, dtype=np.float64),
    "normal": lambda state, shape: ops.random_normal(state, shape=shape),
    "mask": lambda state, shape: ops.random_mask(state, shape=shape, p=0.4),
    "permutation": lambda state, shape: ops.random_permutation(state, shape=shape),
    "bernoulli": lambda state, shape: ops.bernoulli(np.full(shape, 0.4), state=state),
    "multinomial": lambda state, shape: ops.multinomial(np.ones(9), *shape, True, state=state),
    "dropout": lambda state, shape: ops.dropout(np.ones(shape), 0.4, state=state),
}
each_draw = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)


def test_the_numbers_are_those_of_splitmix64():
    # The first three for seed 0, as published with the algorithm; its key is 0 as well.
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    found = ops.random_uniform(new_state(0), shape=(3,), dtype=np.float64)
    assert found.tolist() == [(z >> 11) / 2**53 for z in published]


@each_draw
def test_the_same_state_gives_the_same_bits(draw):
    first, again = draw(new_state(5), (1000,)), draw(new_state(5), (1000,))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != draw(new_state(6), (1000,)).tobytes()


@each_draw
def test_a_draw_moves_the_state_on(draw):
    state = new_state(5)
    key = state[0]
    first = draw(state, (1000,))
    assert state[0] == key
    assert draw(state, (1000,)).tobytes() != first.tobytes()


@pytest.mark.parametrize(
    ("name", "count"), [("uniform", 6), ("double", 6), ("mask", 6), ("dropout", 6), ("normal", 6)]
)
def test_the_counter_counts_numbers(name, count):
    state = new_state(5)
    DRAWS[name](state, (2, 3))
    assert state[1] == count
    DRAWS[name](state, (2, 0))
    assert state[1] == count


@pytest.mark.parametrize("name", ["uniform", "double", "mask", "dropout"])
def test_one_block_or_several_make_no_difference(name):
    state = new_state(7)
    pieces = [DRAWS[name](state, (n,)) for n in (1, 0, 17, 82)]
    np.testing.assert_array_equal(np.concatenate(pieces), DRAWS[name](new_state(7), (100,)))


@pytest.mark.parametrize("name", ["uniform", "double", "mask", "dropout", "normal"])
def test_the_shape_makes_no_difference(name):
    flat = DRAWS[name](new_state(7), (24,))
    np.testing.assert_array_equal(DRAWS[name](new_state(7), (2, 3, 4)).ravel(), flat)


def test_a_block_from_the_middle():
    """What an executor needs: any place of the sequence, without what comes before."""
    whole = ops.random_uniform(new_state(7), shape=(100,))
    state = new_state(7)
    state[1] = 60
    np.testing.assert_array_equal(ops.random_uniform(state, shape=(40,)), whole[60:])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_uniform(dtype):
    x = ops.random_uniform(new_state(1), shape=(MANY,), dtype=dtype)
    assert x.dtype == dtype
    assert x.min() >= 0
    assert x.max() < 1
    moments = [np.mean(x.astype(np.float64) ** k) for k in (1, 2, 3)]
    np.testing.assert_allclose(moments, [1 / 2, 1 / 3, 1 / 4], atol=0.004)
    counts = np.histogram(x, bins=10, range=(0, 1))[0]
    np.testing.assert_allclose(counts, MANY / 10, rtol=0.04)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_normal(dtype):
    x = ops.random_normal(new_state(1), shape=(MANY,), dtype=dtype)
    assert x.dtype == dtype
    assert np.isfinite(x).all()
    moments = [np.mean(x.astype(np.float64) ** k) for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.06)
    assert np.mean(np.abs(x) < 1.959964) == pytest.approx(0.95, abs=0.003)
    pairs = np.corrcoef(x[: MANY // 2].astype(float), x[MANY // 2 :].astype(float))
    assert abs(pairs[0, 1]) < 0.01


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_mask(p):
    x = ops.random_mask(new_state(1), shape=(MANY,), p=p)
    assert set(np.unique(x).tolist()) <= {0.0, float(np.float32(1 / (1 - p))) if p < 1 else 0.0}
    assert np.mean(x == 0) == pytest.approx(p, abs=0.005)


def test_permutation():
    x = ops.random_permutation(new_state(1), shape=(1000,))
    assert sorted(x.tolist()) == list(range(1000))
    assert np.mean(x == np.arange(1000)) < 0.01


def test_streams_of_neighbouring_seeds_have_nothing_in_common():
    a, b = (ops.random_uniform(new_state(s), shape=(MANY,), dtype=np.float64) for s in (1, 2))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.01
    assert not set(a.tolist()) & set(b.tolist())


@pytest.mark.parametrize("seed", [-1, 2**64, 2**70 + 3])
def test_any_integer_is_a_seed(seed):
    assert new_state(seed).tolist() == new_state(seed % 2**64).tolist()


def test_dropout_keeps_the_mean_and_passes_the_gradient_of_what_it_keeps():
    x = np.full(MANY, 3.0)
    y = ops.dropout(x, 0.25, state=new_state(2))
    assert y.mean() == pytest.approx(3.0, abs=0.03)
    assert set(np.unique(y).tolist()) == {0.0, 4.0}
    assert ops.dropout(x, 0.0, state=new_state(2)) is x
    with pytest.raises(OptionError, match=r"between 0 and 1, got 1\.5"):
        ops.dropout(x, 1.5, state=new_state(2))


# --- choices -----------------------------------------------------------------------------------


def test_entries_are_drawn_in_proportion():
    p = np.array([0.1, 0.2, 0.0, 0.7])
    found = np.bincount(ops.multinomial(p, MANY, True, state=new_state(2)), minlength=4) / MANY
    np.testing.assert_allclose(found, p, atol=5 / np.sqrt(MANY))
    pairs = ops.multinomial(np.tile(p, (MANY, 1)), 2, state=new_state(3))
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert (pairs != 2).all()
    after_the_last = np.bincount(pairs[pairs[:, 0] == 3, 1], minlength=4)
    np.testing.assert_allclose(after_the_last[:2] / after_the_last.sum(), [1 / 3, 2 / 3], atol=0.01)


@pytest.mark.parametrize(
    ("p", "count", "sentence"),
    [
        ([0.5, -0.1], 1, "must be 0 or more"),
        ([0.5, np.inf], 1, "and finite"),
        ([0.5, 0.0], 2, "draws 2 different entries, but a row has 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(p, count, sentence):
    with pytest.raises(DataError, match=sentence):
        ops.multinomial(np.array(p), count, state=new_state(0))

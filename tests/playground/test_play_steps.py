"""What trains all pages: curves that stay short, rows in a fixed order, steps that round alike."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import nn, optim
from chainrule.autograd import Generator, tensor
from chainrule.errors import DataError
from chainrule.playground.engine.training.curve import Curve
from chainrule.playground.engine.training.held import Held
from chainrule.playground.engine.training.recorded import Recorded
from chainrule.playground.engine.training.stepping import Stepping, order_of

X = np.random.default_rng(0).normal(size=(23, 3)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 2, 23)

# --- curves -------------------------------------------------------------------------------------


@given(
    st.lists(st.floats(0, 50), min_size=1, max_size=300).map(sorted),
    st.integers(4, 40),
)
def test_a_curve_stays_short_and_keeps_its_ends(epochs, most):
    curve = Curve(["loss"], most)
    for number, epoch in enumerate(epochs):
        curve.add(epoch, loss=number)
    found = curve.plain()
    assert 1 <= len(found["epoch"]) <= most + 1
    assert found["epoch"][0] == np.float32(epochs[0])
    assert found["epoch"][-1] == np.float32(epochs[-1])
    assert found["loss"][-1] == len(epochs) - 1
    assert (np.diff(found["epoch"]) >= 0).all()


def test_a_long_curve_is_thinned_evenly():
    curve = Curve(["loss"], 100)
    for epoch in range(10_000):
        curve.add(epoch, loss=epoch / 2)
    found = curve.plain()
    gaps = np.diff(found["epoch"])[:-1]
    assert 40 <= len(found["epoch"]) <= 100
    assert gaps.max() <= 2 * gaps.min()
    np.testing.assert_array_equal(found["loss"], found["epoch"] / 2)


def test_figures_of_the_same_moment_take_the_place_of_the_last():
    curve = Curve(["loss"])
    curve.add(0, loss=1)
    curve.add(0, loss=2)
    assert curve.plain()["loss"].tolist() == [2]


def test_a_curve_comes_back():
    curve = Curve(["loss"], 10)
    for epoch in range(30):
        curve.add(epoch, loss=epoch)
    before, state = curve.plain(), curve.state()
    for epoch in range(30, 90):
        curve.add(epoch, loss=epoch)
    curve.restore(state)
    for name, values in before.items():
        np.testing.assert_array_equal(curve.plain()[name], values)


def test_a_curve_of_nothing_is_empty():
    assert [len(column) for column in Curve(["loss"]).plain().values()] == [0, 0]


# --- rows ---------------------------------------------------------------------------------------


class Seen:
    """Stands for a step; notes the rows that it is given."""

    def __init__(self, bad=None):
        self.rows, self.calls, self.bad = [], [], bad

    def many(self, x, *others, rows):
        self.calls.append(len(rows))
        self.rows += [x.array[numbers].ravel().tolist() for numbers in rows]
        losses = [
            np.nan if len(self.rows) - len(rows) + i == self.bad else 1.0 for i in range(len(rows))
        ]
        return tensor(losses)


def numbered(n=23):
    return np.arange(n, dtype=np.float32)[:, None]


def take(stepping, steps):
    assert stepping.advance(time.perf_counter() + 60, steps) == steps


def test_an_epoch_takes_each_row_once_in_an_order_of_its_own():
    seen = Seen()
    stepping = Stepping(seen, [numbered(24)], 4, seed=3)
    take(stepping, 12)
    first, second = np.ravel(seen.rows[:6]), np.ravel(seen.rows[6:])
    assert sorted(first) == sorted(second) == list(range(24))
    np.testing.assert_array_equal(first, order_of(24, 3, 0))
    np.testing.assert_array_equal(second, order_of(24, 3, 1))
    assert stepping.epoch == 2


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_the_cut_into_calls_changes_no_row(cuts):
    whole, cut = Seen(), Seen()
    take(Stepping(whole, [numbered()], 5, seed=1), sum(cuts))
    stepping = Stepping(cut, [numbered()], 5, seed=1)
    for steps in cuts:
        take(stepping, steps)
    assert cut.rows == whole.rows


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_prepared_rows_know_their_place_in_the_epoch(cuts):
    order = [order_of(23, 1, epoch) for epoch in range(20)]

    def prepare(rows, first, epoch):
        (x,) = rows
        expected = order[epoch][first : first + len(x)]
        np.testing.assert_array_equal(x[:, 0], expected)
        return [x + 100]

    seen, plain = Seen(), Seen()
    stepping = Stepping(seen, [numbered()], 5, seed=1, prepare=prepare)
    for steps in cuts:
        take(stepping, steps)
    take(Stepping(plain, [numbered()], 5, seed=1), sum(cuts))
    assert seen.rows == [[value + 100 for value in row] for row in plain.rows]


def test_a_batch_is_no_larger_than_what_there_is():
    seen = Seen()
    take(Stepping(seen, [numbered(3)], 100, seed=0), 2)
    assert [sorted(row) for row in seen.rows] == [[0, 1, 2]] * 2


def test_a_moment_that_is_past_takes_one_step():
    stepping = Stepping(Seen(), [numbered()], 5, seed=0)
    assert stepping.advance(time.perf_counter() - 1) == 1


def test_a_loss_that_is_no_number_ends_it_with_its_step():
    told = []
    stepping = Stepping(Seen(bad=6), [numbered()], 5, seed=0)
    stepping.tell = lambda losses: told.extend(losses.tolist())
    with pytest.raises(DataError, match="the loss became nan in step 7"):
        stepping.advance(time.perf_counter() + 60, 50)
    assert np.isnan(told[6])
    assert told[:6] == [1.0] * 6


# --- steps --------------------------------------------------------------------------------------


def made(generator=None, rate=0.0):
    model = nn.Sequential(
        nn.Linear(3, 8, generator=Generator(0)),
        nn.Tanh(),
        nn.Dropout(rate, generator=generator or Generator(1)),
        nn.Linear(8, 2, generator=Generator(2)),
    )
    return model, optim.Adam(model.parameters(), lr=0.05)


def step_of(model, optimizer):
    loss_of = nn.CrossEntropyLoss()

    def step(x, y):
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def rows_of(steps):
    return np.random.default_rng(4).integers(0, len(X), (steps, 6))


def test_recorded_steps_are_those_of_the_function_up_to_rounding():
    (model, optimizer), (other, its) = made(), made()
    recorded = Recorded(step_of(model, optimizer), lambda: Held(model, optimizer))
    plain, rows = step_of(other, its), rows_of(40)
    losses = recorded.many(tensor(X), tensor(Y), rows=rows)
    expected = [plain(tensor(X[numbers]), tensor(Y[numbers])).item() for numbers in rows]
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-4)
    assert losses.numpy()[:3].tolist() == expected[:3]
    assert recorded.steps == 40


@pytest.mark.parametrize("cuts", [[40], [1] * 10 + [30], [2, 2, 36], [3, 37]], ids=str)
def test_recorded_steps_round_alike_however_they_are_called(cuts):
    def run(cuts):
        chance = Generator(7)
        model, optimizer = made(chance, 0.3)
        recorded = Recorded(step_of(model, optimizer), lambda: Held(model, optimizer, [chance]))
        parts = np.split(rows_of(40), np.cumsum(cuts)[:-1])
        return np.concatenate(
            [recorded.many(tensor(X), tensor(Y), rows=part).numpy() for part in parts]
        )

    np.testing.assert_array_equal(run(cuts), run([5, 35]))


def test_what_cannot_be_recorded_is_taken_all_the_same():
    model, optimizer = made()
    plain, count = step_of(model, optimizer), [0]

    def step(x, y):
        count[0] += 1
        return plain(x, y) * count[0] / count[0]

    recorded = Recorded(step, lambda: Held(model, optimizer))
    losses = recorded.many(tensor(X), tensor(Y), rows=rows_of(12)).numpy()
    assert np.isfinite(losses).all()
    assert len(losses) == 12


def test_held_brings_back_weights_memory_and_chance_in_place():
    chance = Generator(7)
    model, optimizer = made(chance, 0.3)
    step = step_of(model, optimizer)
    arrays = [p.array for p in model.parameters()]
    for _ in range(3):
        step(tensor(X), tensor(Y))
    held, before = Held(model, optimizer, [chance]), [a.copy() for a in arrays]
    after = [step(tensor(X), tensor(Y)).item() for _ in range(3)]
    held.put_back()
    for array, expected, p in zip(arrays, before, model.parameters(), strict=True):
        assert p.array is array
        np.testing.assert_array_equal(array, expected)
    assert [step(tensor(X), tensor(Y)).item() for _ in range(3)] == after
    assert held.nbytes > 3 * sum(a.nbytes for a in arrays)

"""Recorded functions: the same numbers as without, whatever replays them, and what cannot be."""

import copy
import math
import random
import sys

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import GradientError, MissingExtraError, OptionError, ShapeError
from chainrule.scalar import MLP, Value, compile

# --- the same as without ------------------------------------------------------------------------


def test_a_replay_is_forward_and_backward(backend):
    w, x, y = Value(0.5), Value(2), Value(1)
    step = compile(lambda x, y: ((w * x).tanh() - y) ** 2, x, y, backend=backend)
    w.data = 0.25
    loss = step(3.0, -1.0)
    grads = [w.grad, x.grad, y.grad]
    for leaf in (w, x, y):
        leaf.grad = 0.0
    eager = ((w * x).tanh() - y) ** 2
    eager.backward()
    assert (x.data, y.data) == (3.0, -1.0)
    assert loss == pytest.approx(eager.data, rel=1e-15)
    assert grads == pytest.approx([w.grad, x.grad, y.grad], rel=1e-15)


def test_gradients_add_up_until_they_are_cleared(backend):
    x = Value(3)
    step = compile(lambda x: x * x, x, backend=backend)
    assert x.grad == 0.0
    assert [step(), step(5.0), step()] == [9.0, 25.0, 25.0]
    assert x.grad == 6.0 + 10.0 + 10.0


def test_inputs_in_lists_of_lists(backend):
    points = [[Value(1), Value(2)], [Value(3), Value(4)]]
    scale = Value(10)

    def f(points, scale):
        return sum(scale * x + y for x, y in points)

    step = compile(f, points, scale, backend=backend)
    assert step() == 46.0
    assert step(np.array([[5, 6], [7, 8]]), 100.0) == 1214.0
    assert points[1][0].data == 7.0
    assert scale.grad == 4.0 + 12.0


EDGES = [-math.inf, -2.0, -0.5, 0.0, 0.5, 2.0, 1e3, math.inf, math.nan]
OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "**n": lambda a, _: a**3,
    "**0": lambda a, _: a**0,
    "neg": lambda a, _: -a,
    "abs": lambda a, _: abs(a),
    "exp": lambda a, _: a.exp(),
    "log": lambda a, _: a.log(),
    "sqrt": lambda a, _: a.sqrt(),
    "tanh": lambda a, _: a.tanh(),
    "sigmoid": lambda a, _: a.sigmoid(),
    "relu": lambda a, _: a.relu(),
}


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_operation_at_the_edges(backend, op):
    a, b = Value(1), Value(1)
    step = compile(OPERATIONS[op], a, b, backend=backend)
    for x in EDGES:
        for y in EDGES:
            eager = Value(x), Value(y)
            expected = OPERATIONS[op](*eager)
            expected.backward()
            a.grad = b.grad = 0.0
            replayed = [step(x, y), a.grad, b.grad]
            assert replayed == pytest.approx(
                [expected.data, *(leaf.grad for leaf in eager)], rel=1e-14, nan_ok=True
            ), (x, y)


def test_what_computes_nothing(backend):
    x = Value(3)
    step = compile(lambda x: x, x, backend=backend)
    assert (step(4.0), x.grad) == (4.0, 1.0)
    step = compile(lambda: Value(7), backend=backend)
    assert step() == 7.0


def test_an_input_that_is_not_used_takes_its_number(backend):
    x, unused = Value(3), Value(1)
    step = compile(lambda x, _: 2 * x, x, unused, backend=backend)
    assert step(4.0, 5.0) == 8.0
    assert (unused.data, unused.grad) == (5.0, 0.0)


def test_a_copy_has_memory_of_its_own(backend):
    x = Value(3)
    step = compile(lambda x: x * x, x, backend=backend)
    other = copy.deepcopy(step)
    assert (other(5.0), other.captured[0].grad) == (25.0, 10.0)
    assert (step(), x.grad) == (9.0, 6.0)


def test_a_long_chain(backend):
    def chain(x):
        for _ in range(2_000):
            x = x + 1
        return x

    x = Value(0)
    assert compile(chain, x, backend=backend)(5.0) == 2005.0
    assert x.grad == 1.0


def test_recording_leaves_no_trace():
    a, x = Value(2), Value(3)
    x.grad = 7.0
    compile(lambda x: a * x, x, backend="numpy")
    assert (a.data, a.grad, x.data, x.grad) == (2.0, 0.0, 3.0, 7.0)
    assert a < x


# --- a network learns ---------------------------------------------------------------------------


def moons():
    """One hundred points, and the network and loss that tell the two moons apart."""
    examples = data.moons(n=100, noise=0.1, seed=0)
    points, targets = examples.x.tolist(), np.where(examples.y == 1, 1, -1).tolist()
    mlp = MLP(2, [16, 16, 1], activation="relu", output="linear")

    def loss():
        hinge = sum((1 - target * mlp(x)).relu() for x, target in zip(points, targets))
        return hinge / len(points) + 1e-4 * sum(p * p for p in mlp.parameters())

    def accuracy():
        return np.mean([(mlp(x) > 0) == (target > 0) for x, target in zip(points, targets)])

    return mlp, loss, accuracy


def eager(mlp, loss):
    y = loss()
    y.backward()
    return y.data


def descend(mlp, step, steps):
    """Train for some steps, the learning rate falling from 1 to 0.1 over 100; yield the losses."""
    for k in range(steps):
        mlp.zero_grad()
        yield step()
        for p in mlp.parameters():
            p.data -= (1 - 0.9 * k / 100) * p.grad


def test_a_replayed_loss_curve_is_the_eager_one(backend):
    mlp, loss, _ = moons()
    expected = list(descend(mlp, lambda: eager(mlp, loss), 3))
    weights = [p.data for p in mlp.parameters()]
    mlp, loss, _ = moons()
    step = compile(loss, backend=backend)
    assert list(descend(mlp, step, 3)) == pytest.approx(expected, rel=1e-12)
    assert [p.data for p in mlp.parameters()] == pytest.approx(weights, rel=1e-12, abs=1e-12)


def test_gradients_of_the_moons_are_equal(backend):
    mlp, loss, _ = moons()
    eager(mlp, loss)
    expected = [p.grad for p in mlp.parameters()]
    mlp.zero_grad()
    compile(loss, backend=backend)()
    assert [p.grad for p in mlp.parameters()] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_the_moons_are_told_apart_within_100_steps(backend):
    mlp, loss, accuracy = moons()
    losses = list(descend(mlp, compile(loss, backend=backend), 100))
    assert losses[-1] < 0.02 < losses[0]
    assert accuracy() == 1.0


# --- what cannot be recorded --------------------------------------------------------------------


def refused(f, *values):
    with pytest.raises(GradientError) as caught:
        compile(f, *values)
    return str(caught.value)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x > 0 else -x,
        lambda x: x if x else -x,
        lambda x: x * float(x),
        lambda x: max(x, 2 * x),
        lambda x: x if x == 1 else -x,
    ],
)
def test_what_depends_on_a_number_is_refused(f):
    x = Value(1)
    assert "cannot compare Values" in refused(f, x)
    assert x > 0  # comparisons are allowed again


def test_a_hidden_branch_is_found():
    x = Value(0.1)
    assert "did others" in refused(lambda x: -x if x.data > 0.11 else x * 2, x)


def test_a_number_that_was_read_is_found():
    x = Value(3)
    assert "used 3 and then 2.65625" in refused(lambda x: x * x.data, x)


def test_a_random_number_is_found():
    rng = random.Random(0)
    assert "the same plain numbers" in refused(lambda x: x * rng.random(), Value(3))


def test_a_result_from_outside_is_found():
    a = Value(2)
    outside = a * 3
    assert "Value(6, grad=0) was computed before" in refused(lambda x: outside * x, Value(1))


def test_an_update_inside_is_found():
    w = Value(2)

    def step(x):
        loss = w * x
        w.data -= 0.1
        return loss

    assert "leaves Values alone" in refused(step, Value(3))


def test_a_backward_inside_is_found_and_undone():
    w = Value(2)

    def step(x):
        loss = w * x
        loss.backward()
        return loss

    assert "leaves Values alone" in refused(step, Value(3))


def test_an_error_in_the_function_comes_through_and_numbers_are_put_back():
    x, calls = Value(3), []

    def f(x):
        calls.append(x)
        if len(calls) == 2:
            raise KeyError("mine")
        return x * 2

    with pytest.raises(KeyError, match="mine"):
        compile(f, x)
    assert x.data == 3.0
    assert x > 2


def test_what_is_no_value_is_refused():
    assert "returns one Value, got 3.0" in refused(lambda: 3.0)
    assert "returns one Value, got [Value(1" in refused(lambda x: [x], Value(1))
    with pytest.raises(OptionError, match=r"takes Values, got 3\.0; write Value\(3\.0\)"):
        compile(lambda x: x, 3.0)
    with pytest.raises(OptionError, match="a backend is auto, native or numpy, got 'gpu'"):
        compile(lambda: Value(1), backend="gpu")


def test_a_wrong_count_of_numbers_is_refused():
    step = compile(lambda x, y: x * y, Value(1), Value(2), backend="numpy")
    with pytest.raises(ShapeError, match="takes 2 numbers, got 3"):
        step(1.0, 2.0, 3.0)


# --- with and without llvmlite ------------------------------------------------------------------


def test_native_is_taken_where_it_can_be():
    pytest.importorskip("llvmlite")
    assert "machine code" in repr(compile(lambda x: 2 * x, Value(1)))


def test_without_llvmlite_numpy_stands_in(monkeypatch):
    from chainrule.scalar import native

    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    native.compiled.cache_clear()
    step = compile(lambda x: 2 * x, Value(1))
    assert repr(step) == "Recorded(operations=1, runs=1, replay='NumPy')"
    assert step(4.0) == 8.0
    with pytest.raises(MissingExtraError, match=r"chainrule\[native\]"):
        compile(lambda x: 2 * x, Value(1), backend="native")

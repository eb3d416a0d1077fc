"""A Value alone: its arithmetic, its edges held against PyTorch, its gradients and its manners."""

import copy
import gc
import itertools
import math
import operator
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule.scalar import Value
from chainrule.scalar import value as source

EDGES = [
    -math.inf,
    -1e200,
    -2.5,
    -2.0,
    -1.0,
    -0.0,
    0.0,
    0.5,
    1.0,
    2.0,
    3.0,
    1e200,
    math.inf,
    math.nan,
]


# --- operations at the edges, as PyTorch has them -------------------------------------------------

BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}


@pytest.fixture
def agrees(torch):
    """Whether PyTorch gives the same value and gradients for a function of some numbers."""

    def check(f, *data):
        leaves = [Value(x) for x in data]
        y = f(*leaves)
        y.backward()
        judges = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in data]
        expected = f(*judges)
        expected.backward()
        ours = [y.data, *(x.grad for x in leaves)]
        theirs = [expected.item(), *(x.grad.item() for x in judges)]
        return ours == pytest.approx(theirs, rel=1e-14, nan_ok=True)

    return check


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "tanh", "sigmoid", "relu"])
def test_a_function_at_the_edges(agrees, name):
    assert [x for x in EDGES if not agrees(lambda x: getattr(x, name)(), x)] == []


@pytest.mark.parametrize("f", [lambda x: -x, abs])
def test_negation_and_absolute_value_at_the_edges(agrees, f):
    assert [x for x in EDGES if not agrees(f, x)] == []


@pytest.mark.parametrize("op", BINARY)
def test_an_operator_at_the_edges(agrees, op):
    pairs = itertools.product(EDGES, EDGES)
    assert [pair for pair in pairs if not agrees(BINARY[op], *pair)] == []


@pytest.mark.parametrize("exponent", [-2, -1, -0.5, 0, 0.5, 1, 2, 3])
def test_a_power_with_a_number_for_exponent(agrees, exponent):
    # For 0.5 PyTorch takes a square root, which is no power at -0 and minus infinity.
    edges = [x for x in EDGES if x not in (0.0, -math.inf)] if exponent % 1 else EDGES
    assert [x for x in edges if not agrees(lambda x: x**exponent, x)] == []


def test_an_exponent_that_is_a_number_has_no_slope():
    y = Value(-2) ** 3
    y.backward()
    assert (y.slopes, y.operands[1].grad) == ((12.0, 0.0), 0.0)


# --- what is written is what is kept --------------------------------------------------------------


def test_one_operator_is_one_node_with_operands_in_order():
    a, b = Value(5), Value(3)
    y = a - b
    assert (y.op, y.operands, y.slopes) == ("-", (a, b), (1.0, -1.0))
    assert y.graph() == [a, b, y]
    y = 7 / a
    assert [x.data for x in y.operands] == [7.0, 5.0]
    assert (a.operands, a.slopes, a.op) == ((), (), "")


@pytest.mark.parametrize(
    ("in_place", "op"),
    [
        (operator.iadd, "+"),
        (operator.isub, "-"),
        (operator.imul, "*"),
        (operator.itruediv, "/"),
        (operator.ipow, "**"),
    ],
)
def test_an_in_place_operator_makes_a_new_value_under_the_old_name(in_place, op):
    a, b = Value(3), Value(2)
    new = in_place(a, b)
    assert (a.data, new.op, new.operands) == (3.0, op, (a, b))


def test_graph_has_leaves_first_and_operands_before_results():
    a, b = Value(2, "a"), Value(3, "b")
    c = a * b
    y = c + c.tanh()
    graph = y.graph()
    assert [x.label or x.op for x in graph] == ["a", "b", "*", "tanh", "+"]
    place = {x: i for i, x in enumerate(graph)}
    assert all(place[operand] < place[x] for x in graph for operand in x.operands)


def test_repr_is_short():
    assert repr(Value(1 / 3)) == "Value(0.333333, grad=0)"
    assert repr(Value(2, label="w")) == "Value(2, grad=0, label='w')"


# --- backward -------------------------------------------------------------------------------------


def test_backward_twice_adds_up_in_leaves_as_in_pytorch(torch):
    def grad(number, **again):
        x = number(0.7)
        y = (x * x).tanh() * x
        y.backward(**again)
        y.backward()
        return float(x.grad)

    expected = grad(
        lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True), retain_graph=True
    )
    assert grad(Value) == pytest.approx(expected, rel=1e-15)


def test_what_lies_between_keeps_the_latest_slopes():
    a = Value(3)
    square = a * a
    (2 * square).backward()
    (5 * square).backward()
    assert (square.grad, a.grad) == (5.0, (2 + 5) * 6.0)


def test_backward_from_a_leaf_adds_one():
    a = Value(3)
    a.backward()
    a.backward()
    assert a.grad == 2.0


def test_zero_grad_clears_the_whole_graph():
    a, b = Value(3), Value(4)
    y = (a * b).tanh() + a
    y.backward()
    assert all(x.grad for x in (a, y))
    y.zero_grad()
    assert [x.grad for x in y.graph()] == [0.0] * 5


def test_a_value_used_a_thousand_times():
    x = Value(1.5)
    y = x * 0
    for i in range(1000):
        y += x * x if i % 2 else x
    y.backward()
    assert x.grad == 500 + 500 * 2 * 1.5


def test_a_ladder_of_shared_steps_is_walked_once():
    x = Value(1)
    y = x
    for _ in range(200):  # 2^200 paths
        y = (y + y) / 2
    y.backward()
    assert x.grad == 1.0


def test_a_leaf_changed_after_forward_leaves_the_gradient_as_it_was():
    a, b = Value(2), Value(5)
    y = a * b
    b.data = 100.0
    y.backward()
    assert a.grad == 5.0


# --- memory ---------------------------------------------------------------------------------------


def values_alive():
    return sum(type(thing) is Value for thing in gc.get_objects())


def test_memory_returns_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        before = values_alive()
        x = Value(0.5)
        y = x
        for _ in range(1000):
            y = (y * x + 1).tanh()
        y.backward()
        assert values_alive() - before == 4001
        del y
        assert values_alive() - before == 1
    finally:
        gc.enable()


def test_a_chain_of_300_000_is_freed():
    x = Value(1)
    y = x
    for _ in range(300_000):
        y = y + x
    y.backward()
    assert x.grad == 300_001
    gc.disable()
    before = values_alive()
    del y
    assert before - values_alive() == 300_000
    gc.enable()


# --- a number like others -------------------------------------------------------------------------


def test_comparisons_are_by_number_and_plain():
    a, b = Value(2), Value(3)
    answers = [a < b, a <= b, a > b, a >= b, a == b, a != b, a == 2, a < 3, a == "a"]
    assert answers == [True, True, False, False, False, True, True, True, False]
    assert {type(answer) for answer in answers} == {bool}
    assert max([a, b, Value(1)]) is b


def test_equal_numbers_are_two_keys():
    a, b = Value(2), Value(2)
    assert a == b
    assert len({a, b, a}) == 2
    assert {a: "a", b: "b"}[b] == "b"


def test_float_and_truth():
    assert float(Value(2.5)) == 2.5
    assert math.floor(float(Value(2.5))) == 2
    assert (bool(Value(0)), bool(Value(-1))) == (False, True)


@pytest.mark.parametrize("number", [2, 2.0, True, np.float32(2), np.float64(2), np.int64(2)])
def test_numbers_of_any_kind_on_either_side(number):
    x = Value(3)
    for y in (x * number, number * x):
        assert type(y) is Value
        assert (type(y.data), y.data) == (float, 3.0 * number)


def test_what_is_no_number_is_refused():
    with pytest.raises(TypeError, match="unsupported operand"):
        Value(1) + "one"
    with pytest.raises(TypeError, match="list"):
        Value([1.0, 2.0])


def test_a_subclass_is_a_value():
    class Weight(Value):
        pass

    w = Weight(3)
    for y in (w * Value(2), Value(2) * w, w**w, 2 * w):
        y.backward()
    assert w.grad == pytest.approx(2 + 2 + 27 * (1 + math.log(3)) + 2)


def test_arrays_of_values():
    x = np.array([[Value(1), Value(2)], [Value(3), Value(4)]])
    total = (np.tanh(x @ x) + np.exp(-x) * np.log(x) + np.sqrt(abs(x)) - np.array([1.0, 2.0])).sum()
    total.backward()
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    expected = (np.tanh(a @ a) + np.exp(-a) * np.log(a) + np.sqrt(a) - np.array([1.0, 2.0])).sum()
    assert total.data == pytest.approx(expected)
    assert x[0, 0].grad == pytest.approx(1 / math.e + 0.5, abs=1e-4)  # tanh is flat by then


def test_arrays_of_values_compare_and_choose():
    x = np.array([Value(-1), Value(2)])
    assert np.maximum(x, 0).tolist() == [0, x[1]]
    assert np.where(x > 0, x, 0).tolist() == [0, x[1]]
    assert x.max() is x[1]
    y = Value(3) * np.array([1.0, 2.0])
    assert [each.data for each in y] == [3.0, 6.0]


def test_values_are_copied_and_pickled():
    a = Value(3, "a")
    y = a * a
    for other in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        other.backward()
        assert other.operands[0] is other.operands[1]
        assert other.operands[0].grad == 6.0
    assert a.grad == 0.0


def test_the_file_runs_alone(tmp_path):
    (tmp_path / "value.py").write_text(Path(source.__file__).read_text())
    program = "from value import Value; x = Value(3); (x * x).backward(); print(x.grad)"
    run = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "6.0\n"

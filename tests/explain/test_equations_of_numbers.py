"""The derivation of a single number: its lines, its slopes, the chain, and the checks."""

from __future__ import annotations

import math

import pytest

from chainrule.errors import OptionError
from chainrule.explain.equations.scalars import of_scalar
from chainrule.explain.equations.terms.term import Term
from chainrule.scalar import MLP, Value


def lines(equations) -> list[str]:
    """What is printed, without its indents."""
    return [line.strip() for line in str(equations).splitlines()]


@pytest.fixture
def product():
    a, b, c, f = Value(2), Value(-3), Value(10), Value(-2)
    e = a * b
    d = e + c
    L = d * f
    return of_scalar(L, locals())


def test_a_product_of_a_sum_reads_as_one_would_write_it(product):
    found = lines(product)
    for line in (
        "e = a b = 2 · (−3) = −6",
        "d = e + c = −6 + 10 = 4",
        "L = d f = 4 · (−2) = −8",
        "∂e/∂a = b = −3",
        "∂d/∂e = 1",
        "dL/de = dL/dd · ∂d/∂e = −2 · 1 = −2",
        "dL/da = ∂L/∂d · ∂d/∂e · ∂e/∂a = −2 · 1 · (−3) = 6",
        "dL/db = ∂L/∂d · ∂d/∂e · ∂e/∂b = −2 · 1 · 2 = −4",
        "dL/dc = ∂L/∂d · ∂d/∂c = −2 · 1 = −2",
        "dL/df = ∂L/∂f = 4",
        "All 6 slopes agree with backward() and with differences of ±0.00001.",
    ):
        assert line in found


def test_a_tanh_neuron():
    x1, x2, w1, w2 = Value(2), Value(0), Value(-3), Value(1)
    b = Value(6.8813735870195432)
    derivation = of_scalar((x1 * w1 + x2 * w2 + b).tanh(), locals())
    slopes = {check.what.label: check.derived for check in derivation.checks}
    assert slopes["dL/dw1"] == pytest.approx(1)
    assert slopes["dL/dw2"] == 0
    assert slopes["dL/dx1"] == pytest.approx(-1.5)
    assert slopes["dL/dx2"] == pytest.approx(0.5)
    assert "∂L/∂v₄ = 1 − L² = 1 − 0.70711² = 0.5" in lines(derivation)
    assert {check.verdict for check in derivation.checks} == {"agrees"}


def test_what_is_used_twice_gets_the_sum_over_its_paths():
    x = Value(3, "x")
    derivation = of_scalar((x * x + x).sqrt().log())
    line = derivation["dL/dx"]
    assert line.right.called == "add"
    assert line.note == "2 paths"
    assert line.steps[-1] == pytest.approx(7 / 24)
    assert derivation["∂v1/∂x"].steps[-1] == 6
    assert "∂v₁/∂x = 2 x = 2 · 3 = 6" in lines(derivation)


OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "**3": lambda a, b: a**3 * b,
    "**-1": lambda a, b: a**-1 * b,
    "neg": lambda a, b: -a * b,
    "abs": lambda a, b: abs(a - 2 * b),
    "exp": lambda a, b: (a * b).exp(),
    "log": lambda a, b: (a * b).log(),
    "sqrt": lambda a, b: (a * b).sqrt(),
    "tanh": lambda a, b: (a * b).tanh(),
    "sigmoid": lambda a, b: (a * b).sigmoid(),
    "relu": lambda a, b: (a - b).relu() + (b - a).relu(),
    "a number": lambda a, b: 2 / (a - 1) + b - 0.5,
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_every_operation_agrees_with_its_own_slopes(operation):
    a, b = Value(1.7, "a"), Value(0.6, "b")
    result = operation(a, b)
    derivation = of_scalar(result)
    assert derivation.values["L"] == pytest.approx(result.data, rel=1e-12)
    assert len(derivation.checks) >= 2
    assert {check.verdict for check in derivation.checks} == {"agrees"}
    kept = [
        sum(slope for x, slope in zip(y.operands, y.slopes) if x is operand)
        for y in reversed(result.graph())
        for operand in dict.fromkeys(y.operands)
        if operand.op or operand.label
    ]
    stated = [line for line in derivation.lines if line.left.mark == "∂"]
    assert [derivation.values[line.left.label] for line in stated] == pytest.approx(kept)


def test_a_network_of_numbers_agrees_throughout():
    mlp = MLP(2, [3, 1])
    derivation = of_scalar((mlp([0.5, -1.0]) - 1) ** 2)
    parameters = [c for c in derivation.checks if c.what.by.name in ("w", "b")]
    assert len(parameters) == len(mlp.parameters())
    assert len({c.what.label for c in derivation.checks}) == len(derivation.checks)
    assert {c.verdict for c in derivation.checks} <= {"agrees", "kink"}


# --- where no slope is ---------------------------------------------------------------------------


def test_a_kink_is_called_one():
    x = Value(0.0, "x")
    derivation = of_scalar(x.relu() + abs(x))
    (check,) = (c for c in derivation.checks if c.what.label == "dL/dx")
    assert (check.derived, check.automatic, check.verdict) == (0, 0, "kink")
    assert check.measured.central == 0.5
    assert (check.measured.below, check.measured.above) == (-1, 2)
    assert "a kink" in str(derivation)


def test_an_infinite_slope_is_called_infinite():
    x = Value(0.0, "x")
    (check, *_) = of_scalar(x.sqrt() * 2).checks
    assert (check.derived, check.verdict) == (math.inf, "infinite")


def test_a_wrong_slope_is_loud():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    result = a * b
    result._slope_a = 4.0  # by a it is 3
    derivation = of_scalar(result)
    assert [check.verdict for check in derivation.checks] == ["differs", "agrees"]
    assert "DIFFERS" in str(derivation)
    assert "1 OF 2 SLOPES DOES NOT AGREE" in str(derivation)
    assert 'class="differs"' in derivation.html()


# --- names ---------------------------------------------------------------------------------------


def test_numbers_without_a_label_are_numbers_among_those_that_have_one():
    derivation = of_scalar(2 * Value(3, "x") + 1)
    assert [line.left.label for line in derivation.lines if line.left.mark == "d"] == [
        "dL/dL",
        "dL/dv1",
        "dL/dx",
    ]


def test_numbers_are_numbered_where_none_has_a_name():
    derivation = of_scalar(Value(2) * Value(3) + Value(4))
    assert [check.what.by.label for check in derivation.checks] == ["x1", "x2", "x3", "v1"]


def test_names_that_are_alike_are_told_apart():
    derivation = of_scalar(Value(2, "w") * Value(3, "w") * Value(4, "w2") * Value(5, "w2"))
    leaves = [check.what.by.label for check in derivation.checks][:4]
    assert leaves == ["w", "w2", "w2,2", "w2,3"]
    assert {check.verdict for check in derivation.checks} == {"agrees"}


def test_a_label_that_is_no_name_stands_beside_the_line():
    inner = Value(2, "x") * 3
    inner.label = "x times <three>"
    derivation = of_scalar(inner + 1)
    assert derivation["v1"].note == "x times <three>"
    assert "x times &lt;three&gt;" in derivation.html()


def test_a_path_that_is_long_is_taken_step_by_step():
    x = Value(1.1, "x")
    y = x
    for _ in range(20):
        y = y.tanh()
    derivation = of_scalar(y)
    assert derivation["dL/dx"].right.args[0].label == "dL/dv1"
    assert {check.verdict for check in derivation.checks} == {"agrees"}


def test_many_paths_are_not_written_out():
    x = Value(1.1, "x")
    y = x
    for _ in range(30):  # 2^30 paths
        y = y * 0.5 + y * 0.6
    derivation = of_scalar(y)
    assert {check.verdict for check in derivation.checks} == {"agrees"}
    assert all(isinstance(line.right, Term) for line in derivation.lines)


# --- what is refused, and what is left alone ----------------------------------------------------


def test_a_graph_too_long_to_read_is_refused():
    x = Value(1.0, "x")
    y = x
    for _ in range(100_000):
        y = y + x
    with pytest.raises(OptionError, match=r"at most 200 operations, got one that took 100,000"):
        of_scalar(y)


def test_a_number_that_was_not_computed_is_refused():
    with pytest.raises(OptionError, match="give the result of an operation"):
        of_scalar(Value(3))


def test_gradients_stay_as_they_are():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    y = a * b
    y.backward()
    y.grad = 7.0
    of_scalar(y)
    assert (a.grad, b.grad, y.grad) == (3.0, 2.0, 7.0)

"""`equations` as a person calls it: of what, with what, and what it refuses."""

from __future__ import annotations

import cProfile
import sys

import numpy as np
import pytest

from chainrule import explain, manual_seed, nn
from chainrule.autograd import tensor
from chainrule.errors import OptionError
from chainrule.explain import Equations, equations
from chainrule.nn import functional as F
from chainrule.scalar import Value


def network():
    manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    return model, tensor(rng.standard_normal((4, 6))).float(), tensor(np.array([0, 2, 1, 1]))


def test_a_network_has_its_equations_forward_and_backward():
    derivation = equations(*network(), nn.CrossEntropyLoss())
    assert isinstance(derivation, Equations)
    assert {section.way for section in derivation.sections} == {"forward", "backward"}
    assert not derivation.checks


def test_numbers_bring_checks():
    derivation = equations(*network(), nn.CrossEntropyLoss(), numbers=True)
    assert [check.verdict for check in derivation.checks] == ["agrees"] * 3


def test_a_weight_that_is_named_is_followed_without_more_words():
    derivation = equations(*network(), F.cross_entropy, weight="2.bias[1]")
    assert derivation["db2"].left.options["places"] == (1,)
    assert {check.verdict for check in derivation.checks} == {"agrees"}


def test_a_number_has_equations_too():
    a, b = Value(2.0), Value(-3.0)
    assert equations(a * b, names=locals())["dL/da"].steps[-1] == -3


def test_the_same_run_is_written_the_same():
    first, second = (str(equations(*network(), F.cross_entropy, numbers=True)) for _ in range(2))
    assert first == second


def test_what_is_missing_or_too_much_is_refused():
    with pytest.raises(OptionError, match="need x, one batch of inputs"):
        equations(nn.Linear(2, 1))
    with pytest.raises(OptionError, match="leave out x, y and loss"):
        equations(Value(2) * 3, 1.0)


def test_a_line_that_is_not_there_is_named_among_those_that_are():
    derivation = equations(*network(), F.cross_entropy)
    with pytest.raises(KeyError, match="no line says what dW9 is; there are Z1, A1"):
        derivation["dW9"]


def test_the_function_stays_what_its_name_means():
    import chainrule.explain.equations.writing.text  # noqa: F401 - a package of that name

    assert explain.equations is equations
    assert callable(explain.equations)


def test_a_profiler_that_is_at_work_goes_on():
    profile = cProfile.Profile()
    profile.enable()
    try:
        equations(*network(), F.cross_entropy)
        at_work = sys.getprofile()
    finally:
        profile.disable()
    assert at_work is profile


def test_a_line_can_be_computed_from_its_names():
    derivation = equations(*network(), F.cross_entropy)
    for line in derivation.lines:
        assert np.allclose(line.right.evaluate(derivation.values), line.value, atol=1e-6)

"""Of how many kinds of arguments a compiled step keeps plans, and what it says of too many."""

from __future__ import annotations

import re
import warnings

import pytest

import chainrule as cr
from chainrule.train.compiling import executor
from chainrule.train.compiling.kinds import KEPT


@pytest.fixture
def made(monkeypatch):
    """The programs that executors have been made of."""
    programs, make = [], executor.EXECUTORS["numpy"]

    def noted(program):
        programs.append(program)
        return make(program)

    monkeypatch.setitem(executor.EXECUTORS, "numpy", noted)
    return programs


def often(step, length, times=3):
    """Calls with a sequence of a length, each of which has to give that."""
    assert [step(cr.ones(length)).item() for _ in range(times)] == [length] * times


def lengths_of(programs):
    return [program.inputs[0].shape[0] for program in programs]


def step():
    return cr.compile(lambda x: x.sum(), executor="numpy")


def test_a_plan_for_each_of_a_few_shapes(made):
    quick = step()
    for _ in range(5):
        for length in range(1, KEPT + 1):
            often(quick, length, times=2)
    assert sorted(lengths_of(made)) == [*range(1, KEPT + 1)]


def test_the_plan_that_was_not_used_for_longest_goes(made):
    quick = step()
    for length in range(1, KEPT + 1):
        often(quick, length)
    often(quick, 1)
    often(quick, 100)  # the 2 goes, for the 1 has come since
    made.clear()
    for length in (1, 3, 100, 2):
        often(quick, length)
    assert lengths_of(made) == [2]


def test_ever_other_shapes_are_warned_of_once_and_go_on():
    quick = step()
    with warnings.catch_warnings(action="always", record=True) as caught:
        for length in range(1, 5 * KEPT):
            often(quick, length)
    (warning,) = caught
    assert re.search(f"32 so far.*for {KEPT}.*pad sequences", str(warning.message))
    assert warning.filename == __file__


def test_a_few_shapes_are_not_warned_of():
    quick = step()
    with warnings.catch_warnings(action="error"):
        for length in range(1, 2 * KEPT):
            often(quick, length)
    assert f"x0: float32[{2 * KEPT - 1}]" in repr(quick)

"""Parts of plans: what they should cost, what they took, and how both are told."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from cases import LISTS
from chainrule import ops
from chainrule.plan.costs import Part, kept, laps, of_instruction, table
from chainrule.plan.passes import simplified
from chainrule.plan.record import record
from chainrule.plan.replay import Replay
from plan.test_every_op import REFUSED, is_asked, there_and_back
from plan.workloads import WORKLOADS, begun


def product(x, w):
    return ops.sum(ops.exp(ops.matmul(x, w)))


def recorded(function=product, *shapes):
    arrays = [np.ones(shape) for shape in shapes or ((3, 4), (4, 5))]
    return simplified(record(function, arrays)[1]), arrays


@pytest.mark.parametrize("rows", LISTS, ids=lambda rows: rows[0].op)
def test_every_op_costs_something_in_every_case(rows):
    for case in rows:
        if not is_asked(case) or case.name in REFUSED:
            continue
        function, arrays = there_and_back(case, case.arrays(np.float64))
        for part in Replay(record(function, arrays)[1]).parts:
            assert 0 <= part.predicted < math.inf, (case.name, str(part))


def test_a_part_works_and_moves_what_its_instructions_do():
    program, _ = recorded()
    parts = [of_instruction(i) for i in program]
    assert [part.flops for part in parts] == [2 * 3 * 4 * 5, 15 * ops.exp.flops, 15]
    assert [part.moved for part in parts] == [8 * (12 + 20 + 15), 8 * 30, 8 * 16]
    both = Part(parts[0].instructions + parts[1].instructions, (3, 5), 8 * 47, native=True)
    assert both.flops == parts[0].flops + parts[1].flops
    assert 0 < both.predicted < 1.001 * sum(part.predicted for part in parts[:2])
    assert both._replace(moved=2**26).predicted > 100 * both.predicted
    assert both._replace(times=3).predicted == pytest.approx(3 * both.predicted)


def test_more_work_is_predicted_to_take_longer():
    small, large = (recorded(product, (n, n), (n, n))[0] for n in (8, 64))
    times = [of_instruction(program.instructions[0]).predicted for program in (small, large)]
    assert times[0] < times[1]


def test_a_table_tells_the_slowest_first():
    program, _ = recorded()
    parts = [of_instruction(i) for i in program]
    lines = table(parts, [1e-6, 3e-6, 0.0]).splitlines()
    assert lines[0].split() == ["predicted", "measured", "share"]
    assert "4.0 us" in lines[1]
    assert "100.0%  3 parts" in lines[1]
    assert ["exp" in lines[2], "matrix_product" in lines[3], "sum" in lines[4]] == [True] * 3
    assert "75.0%  NumPy: exp (3, 5)" in lines[2]
    assert all("# test_costs.py:" in line for line in lines[2:])
    assert "measured" not in table(parts)


def test_of_several_runs_the_least_counts():
    waits = iter([0.0, 0.02, 0.02, 0.0])

    def wait():
        time.sleep(next(waits))

    assert max(laps([wait, wait], runs=2)) < 0.02


@pytest.mark.parametrize("name", WORKLOADS)
def test_numpys_executor_has_a_time_for_each_part(name):
    step = begun(name)
    arrays = step.batch
    program = simplified(record(step.run, arrays)[1])
    replay = Replay(program)
    put_back = kept(program)
    before = [v.array.copy() for v in program.state]
    seconds = replay.laps(arrays, runs=2)
    assert len(seconds) == len(replay.parts)
    assert all(s >= 0 for s in seconds)
    assert sum(seconds) > 0
    put_back()
    for value, array in zip(program.state, before):
        np.testing.assert_array_equal(value.array, array)

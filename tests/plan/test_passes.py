"""What each pass leaves out or finds, that nothing else changes, and what groups and memory mean."""

from __future__ import annotations

import numpy as np
import pytest

from cases import CASES
from chainrule import ops
from chainrule.plan.changes import is_constant
from chainrule.plan.check import check, check_allocation
from chainrule.plan.passes import PASSES, simplified
from chainrule.plan.passes.common import without_repetition
from chainrule.plan.passes.constants import with_constants_folded
from chainrule.plan.passes.dead import without_dead_code
from chainrule.plan.passes.fuse import fuse, steps
from chainrule.plan.passes.identities import without_identities
from chainrule.plan.passes.memory import Step, allocate, most_alive
from chainrule.plan.passes.views import View, views
from chainrule.plan.program import Value
from chainrule.plan.record import record
from chainrule.plan.replay import Replay
from plan.groups import Literally, each_in_one_group
from plan.test_replay import ROWS, bits, by_name, on_arrays
from plan.workloads import WORKLOADS, begun

every_workload = pytest.mark.parametrize("name", WORKLOADS)


def program_of(function, *arrays):
    return record(function, [np.asarray(a) for a in arrays])[1]


def names(program):
    return [instruction.op.name for instruction in program]


X = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]])


# --- every pass, on everything ------------------------------------------------------------------


@every_workload
def test_no_pass_changes_a_bit(name):
    eager = begun(name)
    eager.run(*eager.batch)
    expected = [bits([eager.run(*eager.batch)]) for _ in range(3)]
    for count in range(len(PASSES) + 1):
        step = begun(name)
        program = check(record(step.run, step.batch)[1])
        for improve in PASSES[:count]:
            program = check(improve(program), program)
        replay = Replay(program)
        assert [bits(replay(*step.batch)) for _ in range(3)] == expected


@by_name(ROWS)
def test_passes_and_groups_keep_every_op(case):
    function, arrays = on_arrays(case, np.float64)
    original = check(record(function, arrays)[1])
    program = check(simplified(original), original)
    assert each_in_one_group(program, fuse(program))
    for found, expected in zip(Literally(program)(*arrays), function(*arrays)):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@every_workload
def test_groups_do_what_the_program_does(name):
    eager = begun(name)
    eager.run(*eager.batch)
    expected = [eager.run(*eager.batch) for _ in range(3)]
    step = begun(name)
    program = simplified(record(step.run, step.batch)[1])
    literally = Literally(program)
    assert each_in_one_group(program, literally.groups)
    found = [literally(*step.batch)[0] for _ in range(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for a, b in zip(step.memory(), eager.memory()):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)

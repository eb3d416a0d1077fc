"""A composite that was recorded gives on other numbers what it gives when run on them.

A composite that looked at a number on its way, to choose what to do, would give what the recorded
numbers had it choose.
"""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from case import Case, own_state
from cases import CASES
from chainrule.autograd.tape import wrap
from chainrule.errors import CaptureError, ChainruleError
from chainrule.ops import COMPOSITES
from chainrule.plan.record import record
from chainrule.plan.replay import Replay


def is_drawn(case: Case) -> bool:
    """Whether its arrays come from a generator, so that there are others like them."""
    rng = np.random.default_rng(0)
    return any(not np.array_equal(draw(rng), draw(rng)) for draw in case.inputs if callable(draw))


ROWS = [c for c in CASES.values() if c.op in COMPOSITES and c.form is not own_state and is_drawn(c)]


def drawn(case: Case, shift: int):
    rng = np.random.default_rng(zlib.crc32(case.name.encode()) + shift)
    return [draw(rng) if callable(draw) else draw for draw in case.inputs]


@pytest.mark.parametrize("case", ROWS, ids=[c.name for c in ROWS])
def test_a_recording_holds_for_other_numbers(case):
    first, second = drawn(case, 0), drawn(case, 1)
    places = [i for i, a in enumerate(first) if isinstance(a, np.ndarray)]

    def run(*arrays):
        full = list(first)
        for i, a in zip(places, arrays):
            full[i] = wrap(a)  # what a row's form computes is recorded too
        return [np.asarray(getattr(y, "array", y)) for y in case.ours(*full)]

    try:
        _, program = record(run, [first[i] for i in places])
    except CaptureError:
        pytest.skip("refused in a sentence")
    others = [second[i] for i in places]
    try:
        expected = run(*others)
    except ChainruleError:
        pytest.skip("the other numbers are outside of what it takes")
    for a, b in zip(Replay(program)(*others), expected, strict=True):
        np.testing.assert_array_equal(a, b)

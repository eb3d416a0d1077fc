"""Every planted fault is found, first of all, and is gone when the advice is followed."""

from __future__ import annotations

import pytest

from chainrule.explain.doctor.examine import CHECKS
from explain.planted_faults import FAULTS, examined, mended

ROWS = [(check, plant) for check, plants in FAULTS.items() for plant in plants]
each_row = pytest.mark.parametrize(
    ("check", "plant"), ROWS, ids=[plant.__name__ for _, plant in ROWS]
)


@each_row
def test_found_and_mended(check, plant):
    planting = plant()
    names = next(planting)
    found = examined(names)
    assert found.names[:1] == [check], found.text(most=None)
    after = examined(mended(planting, names, found))
    assert not after, after.text(most=None)


def test_every_check_has_a_planted_fault():
    assert {each.name for each in CHECKS} == FAULTS.keys()

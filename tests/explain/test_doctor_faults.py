"""Every planted fault is found, first of all, and is gone when the advice is followed."""

from __future__ import annotations

import contextlib

import pytest

from chainrule.explain.doctor.examine import CHECKS, doctor
from explain.planted_faults import FAULTS, followed

ROWS = [(check, plant) for check, plants in FAULTS.items() for plant in plants]
each_row = pytest.mark.parametrize(
    ("check", "plant"), ROWS, ids=[plant.__name__ for _, plant in ROWS]
)


def examined(names):
    options = ("loss", "optimizer", "validation", "step")
    data = names["data"] if "data" in names else (names["x"], names["y"])
    given = {name: names[name] for name in options if name in names}
    return doctor(names["model"], data, **given)


@each_row
def test_found_and_mended(check, plant):
    planting = plant()
    names = next(planting)
    found = examined(names)
    assert found.names[:1] == [check], found.text(most=None)
    names = followed(found[0].advice, names) if ": " in found[0].advice else names
    with contextlib.suppress(StopIteration):  # the code in the advice may be all there is to do
        names = planting.send(names)
    assert not examined(names), examined(names).text(most=None)


def test_every_check_has_a_planted_fault():
    assert {each.name for each in CHECKS} == FAULTS.keys()

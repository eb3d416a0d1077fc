"""The bench of predictions: its steps, and how its findings are told."""

from __future__ import annotations

import numpy as np
import pytest
from bench import napkin as bench
from bench.workloads import WORKLOADS

from chainrule.backend.threads import get_num_threads, set_num_threads
from chainrule.explain import Machine, napkin

GIVEN = Machine(overhead=1e-6, flops=1e9, bandwidth=1e9)
FOUND = {"predicted": 1.2e-3, "measured": 1e-3, "memory": 2e6, "held": 1.9e6}


@pytest.mark.parametrize(("measured", "marked"), [(1e-3, False), (0.9e-3, True), (1.6e-3, True)])
def test_what_is_further_off_is_marked(measured, marked):
    cells = bench._cells({**FOUND, "measured": measured})
    assert cells[0] == "1.20 ms"
    assert cells[2].endswith("(!)") is marked


def test_the_page_has_a_table_for_each_number_of_threads():
    page = bench.page({1: ["| a |"], 2: ["| b |"]}, rounds=3, before=0.5)
    assert page.index("## One thread") < page.index("| a |") < page.index("## 2 threads")
    assert "Of 3 rounds" in page


@pytest.mark.parametrize("way", ["eager", "compiled"])
def test_a_step_of_a_workload_can_be_predicted(way):
    before = get_num_threads()
    step, args = bench._step(WORKLOADS["moons"], way, threads=1)
    set_num_threads(before)
    assert [np.shape(a.array) for a in args] == [(100, 2), (100, 1)]
    found = napkin(step, *args, machine=GIVEN)
    assert found.job.rows == 100
    assert found.job.compiled is (way == "compiled")

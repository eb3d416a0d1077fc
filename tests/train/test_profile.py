"""Where the time of a compiled step goes: as `print` tells it, and as it was measured."""

from __future__ import annotations

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import OptionError
from chainrule.plan.native import blocked


@pytest.fixture(params=["numpy", "native"])
def executor(request, tmp_path_factory, monkeypatch):
    """The name of each executor in turn."""
    if request.param == "native":
        pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp()))
    return request.param


class Job:
    """A network with state of every kind, and its step, recorded."""

    def __init__(self, executor, rows=16):
        cr.manual_seed(0)
        self.model = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)
        )
        self.optimizer = optim.Adam(self.model.parameters())
        self.batch = cr.randn(rows, 4), cr.randint(0, 3, (rows,))
        self.quick = cr.compile(self.step, executor=executor)
        self.losses = [self.quick(*self.batch).item() for _ in range(4)]

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def state(self):
        held = [v for values in self.optimizer.state.values() for v in values.values()]
        found = [*self.model.state_dict().values(), *held, cr.get_rng_state()]
        return [np.array(t.detach().numpy()) for t in found]


def test_what_is_measured_leaves_no_trace(executor):
    job, other = Job(executor), Job(executor)
    before = job.state()
    job.quick.profile(*job.batch)
    for a, b in zip(job.state(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    generator = cr.get_rng_state()
    expected = [other.quick(*other.batch).item() for _ in range(3)]
    cr.set_rng_state(generator)
    assert [job.quick(*job.batch).item() for _ in range(3)] == expected


def test_every_part_has_its_time_and_its_line(executor):
    job = Job(executor)
    profile = job.quick.profile(*job.batch, runs=2)
    assert len(profile.parts) == len(profile.seconds)
    assert profile.total == sum(profile.seconds) > 0
    names = {i.op.name for part in profile.parts for i in part.instructions}
    assert {"linear", "adam_step", "relu"} <= names
    assert all(part.place.file == __file__ for part in profile.parts if part.place)
    lines = repr(profile).splitlines()
    assert len(lines) == 2 + len(profile.parts)
    shares = [float(re.search(r"([\d.]+)%", line)[1]) for line in lines[1:]]
    assert shares == sorted(shares, reverse=True)


def test_what_runs_by_numpy_is_marked():
    profile = Job("numpy").quick.profile(*Job("numpy").batch)
    assert all("NumPy: " in line for line in repr(profile).splitlines()[2:])
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
    job = Job("native")
    parts = job.quick.profile(*job.batch).parts
    assert all(part.native is ("NumPy: " not in str(part)) for part in parts)
    assert sum(part.native for part in parts) > len(parts) / 2


def test_print_tells_what_is_predicted(executor):
    lines = repr(Job(executor).quick).splitlines()
    start = next(k for k, line in enumerate(lines) if line.split() == ["predicted", "share"])
    assert re.fullmatch(r" *[\d.]+ us +100.0%  \d+ parts", lines[start + 1])
    assert len(lines) == start + 2 + int(lines[start + 1].split()[-2])


def test_rows_in_blocks(monkeypatch):
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
    for name, size in (("LARGE", 0), ("NEAR", 2**13), ("FEWEST", 1)):
        monkeypatch.setattr(blocked, name, size)
    w = cr.ones(3, requires_grad=True)
    quick = cr.compile(lambda x: ((x @ w).tanh() ** 2).mean().detach(), executor="native")
    x = cr.randn(1000, 3)
    for _ in range(4):
        expected = quick(x).item()
    profile = quick.profile(x)
    assert {part.times for part in profile.parts} > {1}
    assert len(profile.seconds) == len(profile.parts)
    assert quick(x).item() == expected


def test_a_step_that_is_not_replayed_cannot_be_profiled(executor):
    quick = cr.compile(lambda x: x * 2, executor=executor)
    with pytest.raises(OptionError, match="call it with them three times before"):
        quick.profile(cr.ones(2))

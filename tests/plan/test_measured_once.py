"""Figures of the machine: measured once, kept on disk, measured anew where the file is no good."""

from __future__ import annotations

import json

import pytest

from chainrule.plan import machine
from chainrule.plan.costs import limits
from chainrule.plan.machine import measured, processor


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "chainrule" / "machine"


class Asked:
    """Measures, and counts how often."""

    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        return {"speed": 10.0 + self.times}


def read(found):
    speed = float(found["speed"])
    if speed <= 0:
        raise ValueError("no speed")
    return speed


def test_it_is_measured_once(cache):
    asked = Asked()
    assert [measured("speed", asked, read) for _ in range(3)] == [11.0] * 3
    assert asked.times == 1
    assert [file.name.partition("-")[0] for file in cache.iterdir()] == ["speed"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"speed": null}', '{"speed": -1}', '{"other": 1}', "\x00\xff"]
)
def test_a_damaged_file_is_as_good_as_none(cache, text):
    asked = Asked()
    measured("speed", asked, read)
    (file,) = cache.iterdir()
    file.write_bytes(text.encode("latin-1"))
    assert measured("speed", asked, read) == 12.0
    assert measured("speed", asked, read) == 12.0


def test_where_nothing_can_be_kept_it_is_measured_each_time(tmp_path, monkeypatch):
    (tmp_path / "chainrule").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = Asked()
    assert [measured("speed", asked, read) for _ in range(2)] == [11.0, 12.0]


@pytest.mark.parametrize(
    ("what", "other"),
    [("get_num_threads", lambda: 64), ("processor", lambda: "another"), ("__version__", "0")],
)
def test_another_machine_has_other_figures(cache, monkeypatch, what, other):
    asked = Asked()
    measured("speed", asked, read)
    monkeypatch.setattr(machine, what, other)
    assert measured("speed", asked, read) == 12.0
    assert len(list(cache.iterdir())) == 2


def test_what_was_measured_on_a_busy_machine_is_measured_anew(cache):
    limits(anew=True)
    (file,) = cache.glob("limits-*")
    other = file.with_name(file.name.replace("limits", "eager"))
    other.write_text("{}")
    right = json.loads(file.read_text())
    file.write_text(json.dumps({**right, "flops": right["flops"] / 10}))
    assert limits(anew=True).flops > right["flops"] / 5
    assert not other.exists()
    assert json.loads(file.read_text())["flops"] > right["flops"] / 5


def test_a_processor_has_a_name():
    assert processor().strip()

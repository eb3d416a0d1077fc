"""What a job's page shows of its network: what makes sense of it, and nothing else."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.data import Examples, digits, moons
from chainrule.errors import DataError
from chainrule.train.job.outcome import Settings
from chainrule.train.reporting import looks
from chainrule.train.reporting.looks import looks_of
from train.short_jobs import jobs_in


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Outcomes of short jobs by name, each made when first asked for."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3)).astype("f4")
    number = Examples("sum", x, x @ np.array([2, 0, -1], "f4"), None, "made", ("a", "b", "c"))
    jobs = {
        "digits": (digits().take(range(300)), Settings(model="cnn", epochs=2)),
        "moons": (moons(200, seed=0), Settings(epochs=2)),
        "straight": (moons(200, seed=0), Settings(model="linear", epochs=2)),
        "number": (number, Settings(epochs=20, lr=0.05)),
    }
    return jobs_in(tmp_path_factory.mktemp("jobs"), jobs)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("digits", ["layers", "gradients", "looks-at", "plane", "surface"]),
        ("moons", ["layers", "gradients", "columns", "plane", "surface"]),
        ("straight", ["layers", "gradients", "columns", "surface"]),
        ("number", ["layers", "gradients", "columns", "surface"]),
    ],
)
def test_what_makes_sense_is_shown(outcome, name, shown):
    assert [look.name for look in looks_of(outcome(name))] == shown
    page = (outcome(name).folder / "report.html").read_text(encoding="utf-8")
    ids = re.findall(r'<section id="([\w-]+)"', page)
    assert [at for at in ids if at in shown] == shown


def test_the_looks_are_the_same_again(outcome):
    one, other = (looks_of(outcome("digits")) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        assert [str(p) for p in a.pictures] == [str(p) for p in b.pictures]


def test_a_large_network_has_no_surface(outcome, monkeypatch):
    monkeypatch.setattr(looks, "_WORK", 1e6)
    assert "surface" not in [look.name for look in looks_of(outcome("digits"))]


def test_a_network_of_large_layers_is_shown_few_rows(outcome, monkeypatch):
    of = outcome("digits")
    monkeypatch.setattr(looks, "_MEMORY", 10 * of.summary.kept)
    (layers,) = (look for look in looks_of(of) if look.name == "layers")
    assert "What each layer gives for 10 inputs" in str(layers.pictures[0])


def test_a_look_that_fails_is_left_out(outcome, monkeypatch):
    def fails(*_):
        raise DataError("the loss is no number")
        yield

    monkeypatch.setattr(looks, "_surface", fails)
    monkeypatch.setattr(looks, "_gradients", fails)
    shown = [look.name for look in looks_of(outcome("digits"))]
    assert shown == ["layers", "looks-at", "plane"]


def test_right_examples_come_first_and_the_surest_mistakes_after_them(outcome):
    of = outcome("digits")
    rows = looks._right_and_wrong(of)
    wrong = of.outputs.argmax(axis=1) != of.test.y
    assert wrong.any()
    told = [bool(wrong[row]) for row in rows]
    assert told == sorted(told)
    assert len(set(of.test.y[[row for row in rows if not wrong[row]]])) >= 3


def test_the_plane_is_of_what_the_last_layer_reads(outcome):
    of = outcome("moons")
    (look,) = (look for look in looks_of(of) if look.name == "plane")
    assert look.pictures[0].description.startswith(f"{len(of.test)} points: ")
    hidden = of.model[:-1](nn.Parameter(of.test.x).detach()).array
    spread = np.linalg.svd(hidden - hidden.mean(axis=0), compute_uv=False) ** 2
    share = 100 * spread[0] / spread.sum()
    assert f"first axis, {share:.0f} % of the variance" in str(look.pictures[0])


def test_the_column_that_does_nothing_is_told_so(outcome):
    (look,) = (look for look in looks_of(outcome("number")) if look.name == "columns")
    told = dict(re.findall(r"(\w) ([\d.]+)", look.pictures[0].description))
    assert float(told["b"]) < 0.4 * min(float(told["a"]), float(told["c"]))
    assert cr.is_grad_enabled()

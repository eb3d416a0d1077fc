"""What a page says of a network's worth, its answers, its data and its cost."""

import re

import numpy as np
import pytest

from chainrule.data import Examples, digits, moons
from chainrule.explain import Machine
from chainrule.picture import bar_chart
from chainrule.train.fitting.run import History
from chainrule.train.job.foresee import beside, foresee
from chainrule.train.job.outcome import Settings
from chainrule.train.job.prepare import prepare
from chainrule.train.reporting import judged
from chainrule.train.reporting.contents import ColumnSeen, Look, Report
from chainrule.train.reporting.report import render
from chainrule.train.reporting.summaries import class_means, columns_of
from train.short_jobs import jobs_in


def sections(page):
    return re.findall(r'<section id="([\w-]+)"', page)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Outcomes of short jobs by name, each made when first asked for."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3)).astype("f4")
    sums = Examples("sums", x, x @ np.array([2, 0, -1], "f4"), None, "made", ("a", "b", "c"))
    jobs = {
        "digits": (digits().take(range(300)), Settings(model="mlp", epochs=3)),
        "moons": (moons(300, seed=0), Settings(epochs=8, lr=0.01)),
        "sums": (sums, Settings(epochs=20, lr=0.05)),
    }
    return jobs_in(tmp_path_factory.mktemp("judged"), jobs)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("digits", ["calibration"]),
        ("moons", ["calibration", "roc", "importance"]),
        ("sums", ["residuals", "importance"]),
    ],
)
def test_what_makes_sense_is_judged(outcome, name, shown):
    assert [look.name for look in judged.judged(outcome(name))] == shown
    page = (outcome(name).folder / "report.html").read_text(encoding="utf-8")
    assert [at for at in sections(page) if at in shown] == shown
    assert {"worth", "data", "repeat", "use"} <= set(sections(page))
    assert str(outcome(name).folder) in page


def test_a_column_that_does_nothing_is_worth_nothing(outcome):
    (look,) = (look for look in judged.judged(outcome("sums")) if look.name == "importance")
    worth = dict(re.findall(r"(\w) (−?[\d.]+) ±", look.pictures[0].description))
    assert abs(float(worth["b"].replace("−", "-"))) < 0.2 * float(worth["c"]) < float(worth["a"])


def test_a_network_too_large_to_shuffle_is_not(outcome, monkeypatch):
    monkeypatch.setattr(judged, "_WORK", 10)
    assert [look.name for look in judged.judged(outcome("sums"))] == ["residuals"]


def test_a_test_set_of_one_class_has_no_curve(outcome):
    of = outcome("moons")
    rows = np.flatnonzero(of.test.y == 0)
    of = type(of)(**{**vars(of), "test": of.test.take(rows), "outputs": of.outputs[rows]})
    assert "roc" not in [look.name for look in judged.judged(of)]


# --- what it is worth ---------------------------------------------------------------------------


def test_the_network_stands_beside_the_simple():
    simple = [("the mean", {"mae": 3.0, "r2": 0.0}), ("a linear model", {"mae": 1.0, "r2": 0.8})]
    page = render(Report("a run", figures={"mae": 0.5, "r2": 0.95}, baselines=simple))
    assert "the mean 3; a linear model 1; this network 0.5" in page
    assert "(less is better)" in page
    assert "the mean 0; a linear model 0.8; this network 0.95" in page


@pytest.mark.parametrize(
    ("figures", "baselines"),
    [
        ({"accuracy": 0.9}, []),
        ({"accuracy": float("nan")}, [("the commonest class", {"accuracy": 0.5})]),
        ({"accuracy": 0.9}, [("the mean", {"mae": 3.0})]),
    ],
)
def test_nothing_to_compare_with(figures, baselines):
    assert "worth" not in sections(render(Report("a run", figures=figures, baselines=baselines)))


# --- what it learned from -----------------------------------------------------------------------


def test_columns_are_shown_by_their_kind():
    columns = [
        ColumnSeen("age", "number", np.array([1.0, np.nan, 3.0, 4.0])),
        ColumnSeen("<b>", "category", counts={"red": 30, "blue & green": 2}),
        ColumnSeen("nothing", "number", np.array([np.nan, np.nan])),
    ]
    page = render(Report("a run", data=[("rows", "4")], columns=columns))
    assert "age: 3 numbers from 1 to 4, mean 2.67, deviation 1.25, missing 25.0 %" in page
    assert "red 30; blue &amp; green 2" in page
    assert "<b>" not in page.partition("<main>")[2].replace("<b>Do", "")
    assert "nothing: 0 numbers" in page


def test_many_columns_are_cut_short():
    columns = [ColumnSeen(f"c{i}", "number", np.arange(3.0)) for i in range(60)]
    page = render(Report("a run", data=[("rows", "3")], columns=columns))
    assert "and 20 more columns" in page


def test_columns_of_a_table_and_means_of_images(outcome):
    found = columns_of(outcome("sums").examples)
    assert [one.name for one in found] == ["a", "b", "c"]
    assert columns_of(outcome("digits").examples) == []
    means = class_means(digits())
    assert means.shape == (10, 1, 8, 8)
    zero = digits().x[digits().y == 0].mean(axis=0) / 16
    np.testing.assert_allclose(means[0], zero, rtol=1e-5)
    assert class_means(outcome("moons").examples) is None


def test_categories_are_counted_by_name(tmp_path):
    from chainrule.data import load

    rows = ["red,1,no", "blue,2,yes", "red,3,no", "green,4,yes"] * 10
    (tmp_path / "t.csv").write_text("colour,size,bought\n" + "\n".join(rows) + "\n")
    found = {one.name: one for one in columns_of(load(tmp_path / "t.csv", target="bought"))}
    assert found["colour"].counts == {"red": 20, "blue": 10, "green": 10}
    assert found["size"].counts == {}


# --- what it took -------------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch):
    here = Machine(overhead=5e-6, flops=1e11, bandwidth=1e10)
    monkeypatch.setattr(Machine, "here", lambda: here)
    return here


def test_what_was_predicted_stands_beside_what_was_measured(machine):
    foreseen = foresee(prepare(moons(100), Settings(epochs=3)))
    history = History()
    history.rows += [{"epoch": i, "seconds": s} for i, s in ((1, 9.0), (2, 2.0), (3, 4.0))]
    found = beside(foreseen, history)
    assert [name for name, _, _ in found[:3]] == [
        "a step",
        "an epoch of training",
        "all, with measuring",
    ]
    assert found[1][2] == "3 s"  # the first epoch, in which it is compiled, does not count
    steps = foreseen.training.job.steps
    assert found[0][2] == (f"{3 / steps:.3g} s" if steps < 3 else f"{3000 / steps:.0f} ms")
    page = render(Report("a run", foreseen=found))
    assert sections(page) == ["foreseen"]
    assert "3 s" in page


def test_no_prediction_nothing_beside_it(machine):
    foreseen = foresee(prepare(moons(100), Settings(epochs=3)))
    assert beside(None, History()) == []
    assert beside(foreseen, History()) == []


def test_a_machine_is_known_once_it_was_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    from chainrule.plan.machine import is_kept, measured

    assert not is_kept("speed")
    assert not Machine.is_known()
    measured("speed", lambda: 1.0, float)
    assert is_kept("speed")
    assert is_kept("sp")
    assert not Machine.is_known()
    for name in ("limits", "eager", "compiled-native"):
        measured(name, lambda: 1.0, float)
    assert Machine.is_known()


def test_judgements_and_uses_have_their_places():
    look = Look("roc", "A title", "How to read it, in a sentence.", [bar_chart({"a": 1.0})])
    report = Report(
        "a run",
        confusion=np.eye(2, dtype=int),
        classes=("a", "b"),
        judged=[look],
        command="x",
        uses=[("Predict", "chainrule predict 'a b' <new.csv>")],
    )
    page = render(report)
    assert sections(page) == ["confusion", "roc", "repeat", "use"]
    assert "chainrule predict &#x27;a b&#x27; &lt;new.csv&gt;" in page


def test_f1_is_the_harmonic_mean():
    page = render(Report("a run", confusion=np.array([[8, 2], [4, 6]]), classes=("a", "b")))
    recall, precision = 8 / 10, 8 / 12
    assert f"{200 * recall * precision / (recall + precision):.1f} %" in page

"""`chainrule compare`: runs side by side, and whether their difference is more than luck."""

import json
import re
import shutil
from math import comb

import numpy as np
import pytest

from chainrule.train.comparing.comparison import by_chance, compare
from chainrule.train.comparing.page import page_of


@pytest.fixture
def twins(trained, tmp_path, chainrule):
    """Two runs on the same digits with other settings."""
    other = tmp_path / "other"
    ended = chainrule("train digits --model linear --epochs 2 --seed 1 --out", other)
    assert ended.code == 0
    return trained("digits"), other


def test_figures_settings_and_luck_are_told(twins, chainrule, tmp_path):
    one, other = twins
    ended = chainrule("compare", one, other)
    assert ended.code == 0, ended.err
    differing = ended.out.partition("settings that differ")[2]
    assert re.search(r"^model +mlp +linear", differing, re.MULTILINE)
    assert not re.search(r"^batch size", differing, re.MULTILINE)
    assert re.search(r"^parameters +2,410 +650", ended.out, re.MULTILINE)
    assert re.search(r"of 359 test examples only .* is right on \d+, only", ended.out)
    page = (tmp_path / "compare.html").read_text()
    assert re.findall(r'<section id="(\w+)"', page) == [
        "figures",
        "settings",
        "curves",
        "apart",
        "confusion",
        "divided",
    ]
    assert page.count("<title>Validation accuracy</title>") == 1


def test_the_counts_are_those_of_the_outputs(twins):
    compared = compare([str(path) for path in twins])
    right = [run.outcome.outputs.argmax(axis=1) == run.outcome.test.y for run in compared.runs]
    (pair,) = compared.pairs
    assert pair.only_first == (right[0] & ~right[1]).sum()
    assert pair.only_second == (right[1] & ~right[0]).sum()
    assert set(compared.divided) == set(np.flatnonzero(right[0] != right[1]))
    assert len(compared.divided) > 0


def test_a_run_and_itself_do_not_differ(trained, chainrule):
    folder = trained("prices")
    ended = chainrule("compare", folder, folder)
    assert ended.code == 0
    assert "the settings are alike" in ended.out
    assert "in 100.0 % of cases" in ended.out


def test_runs_on_other_data_are_shown_and_not_judged(trained, chainrule):
    ended = chainrule("compare", trained("digits"), trained("prices"))
    assert ended.code == 0
    assert "not held against one another" in ended.out
    assert "different examples" in ended.out


def test_runs_whose_data_are_gone_are_shown(trained, tmp_path, chainrule):
    for name in ("a", "b"):
        shutil.copytree(trained("pets"), tmp_path / name)
        path = tmp_path / name / "model.json"
        path.write_text(path.read_text().replace("pets.csv", "gone.csv"))
    ended = chainrule("compare", tmp_path / "a", tmp_path / "b")
    assert ended.code == 0
    assert "are not there" in ended.out
    assert "test accuracy" in ended.out


def test_a_damaged_run_is_one_sentence(trained, tmp_path, chainrule):
    bad = tmp_path / "bad"
    shutil.copytree(trained("digits"), bad)
    for name, text in (
        ("metrics.jsonl", "{"),
        ("model.json", "[]"),
        ("model.json", json.dumps({"format": 1})),
    ):
        (bad / name).write_text(text)
        ended = chainrule("compare", trained("digits"), bad)
        assert ended.code == 2
        assert ended.err.count("\n") == 1
        assert "bad" in ended.err
    assert not (tmp_path / "compare.html").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nowhere", "nowhere"], "nowhere"),
        ([""], "2 to 12 runs"),
        (["a"] * 13, "2 to 12 runs"),
    ],
)
def test_what_cannot_be_is_one_sentence(chainrule, given, said):
    ended = chainrule("compare", *given)
    assert ended.code == 2
    assert said in ended.err


@pytest.mark.parametrize("out", [".", "nowhere/page.html"])
def test_no_place_for_the_page(trained, chainrule, out):
    ended = chainrule("compare --out", out, trained("digits"), trained("digits"))
    assert ended.code == 2
    assert "--out" in ended.err


def test_names_in_a_page_are_only_text(trained, tmp_path):
    folder = tmp_path / "<script>x"
    shutil.copytree(trained("digits"), folder)
    compared = compare([str(folder), str(trained("digits"))])
    report = page_of(compared)
    assert all("<script" not in passage.content for passage in report.passages)


@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 1), (3, 9), (50, 70), (400, 900)])
def test_chance_is_that_of_a_coin(one, other):
    n = one + other
    meant = sum(comb(n, k) for k in range(n + 1) if abs(k - n / 2) >= abs(one - n / 2)) / 2**n
    assert by_chance(one, other) == pytest.approx(meant, rel=1e-12)
    assert by_chance(one, other) == by_chance(other, one)


def test_chance_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats", reason="needs SciPy")
    assert by_chance(8, 21) == pytest.approx(stats.binomtest(8, 29).pvalue)

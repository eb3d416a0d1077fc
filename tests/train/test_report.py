"""The page of a run: whole, harmless, sound, and never stopped by what is missing."""

import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest

from chainrule.errors import ShapeError
from chainrule.explain.doctor.finding import Finding, Severity
from chainrule.explain.look.mistakes import Mistake
from chainrule.picture import bar_chart
from chainrule.train.reporting.contents import Boundary, Look, Report
from chainrule.train.reporting.report import render, write

VOID = {"meta", "link", "img", "br"}
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\udcff\x00'


class Page(HTMLParser):
    """Collects the elements, and that each is closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def values(self, name):
        return [value for key, value in self.attributes if key == name]


def history(epochs=5, **more):
    return [
        {"epoch": i, "loss": 2 / i, "validation_loss": 2.2 / i, "accuracy": 1 - 0.5 / i, **more}
        for i in range(1, epochs + 1)
    ]


def mistakes(n, picture=True):
    rng = np.random.default_rng(0)
    return [
        Mistake(rng.random((1, 8, 8)) if picture else None, "age 3 · sex 1", "1", "7", 0.98, i)
        for i in range(n)
    ]


def look(word="age"):
    reading = "A bar for each of the columns, as long as it matters."
    return Look("columns", "Which columns matter", reading, [bar_chart({word: 0.5})])


def full(classes=("0", "1", "7"), **changes):
    rng = np.random.default_rng(0)
    k = len(classes)
    facts = {
        "title": "chainrule train digits",
        "headline": [("test accuracy", "98.1 %"), ("parameters", "9,610"), ("time", "3.2 s")],
        "data": [("rows", "1,797"), ("licence", "CC BY 4.0")],
        "network": [
            {"layer": "Linear", "output shape": "10", "parameters": "650", "multiply-adds": "640"},
            {"layer": "ReLU", "output shape": "10", "parameters": "0", "multiply-adds": "0"},
        ],
        "history": history(learning_rate=0.1, seconds=0.2),
        "best_epoch": 4,
        "confusion": rng.integers(0, 9, (k, k)),
        "classes": classes,
        "mistakes": mistakes(3),
        "findings": [Finding("dead ReLUs", Severity.HARMFUL, "1 (ReLU)", "30 of 32", "lower lr")],
        "weights": rng.normal(size=(50, 1, 8, 8)),
        "looks": [look()],
        "samples": rng.random((4, 1, 8, 8)),
        "sample_labels": ["0", "1", "7", "0"],
        "settings": [("epochs", "5")],
        "command": "chainrule train digits --epochs 5",
        "environment": [("NumPy", "2.4")],
    }
    return Report(**{**facts, **changes})


def checked(report):
    """The page, after the checks that every page must pass."""
    text = render(report)
    text.encode("utf-8")
    page = Page(text)
    ET.fromstring(text.partition("\n")[2])
    for address in page.values("src") + page.values("href"):
        assert address.startswith(("data:image/png;base64,", "data:,", "#"))
    assert "script" not in page.tags
    assert "@import" not in text
    assert "url(" not in text
    assert len(page.values("alt")) == page.tags.count("img")
    assert page.tags.count("h1") == 1
    sections = ET.fromstring(text.partition("\n")[2]).findall(".//section")
    assert all(len(section.find("header/p").text) > 40 for section in sections)
    return text


def test_a_full_page_has_every_section():
    text = checked(full())
    ids = re.findall(r'<section id="(\w+)"', text)
    assert ids == [
        "findings",
        "curves",
        "confusion",
        "mistakes",
        "weights",
        "columns",
        "data",
        "network",
        "repeat",
    ]
    for told in ("98.1 %", "best epoch 4", "read <strong>7</strong>, was <strong>1</strong>"):
        assert told in text
    assert "98 % sure" in text
    assert "30 of 50 units" in text


def test_the_same_run_gives_the_same_page():
    assert render(full()) == render(full())


def test_a_title_is_enough():
    assert "<section" not in checked(Report("a run"))


def test_what_comes_from_outside_is_only_text():
    pair = [(HOSTILE, HOSTILE)]
    text = checked(
        full(
            classes=[HOSTILE, "b", "c"],
            title=HOSTILE,
            headline=pair,
            data=pair,
            settings=pair,
            environment=pair,
            command=HOSTILE,
            network=[{HOSTILE: HOSTILE}],
            findings=[Finding(HOSTILE, Severity.BROKEN, HOSTILE, HOSTILE, HOSTILE)],
            looks=[look(HOSTILE)],
            sample_labels=[HOSTILE] * 4,
            mistakes=[
                Mistake(np.zeros((1, 2, 2)), HOSTILE, HOSTILE, HOSTILE, 0.9, 1),
                Mistake(None, HOSTILE, HOSTILE, HOSTILE, 0.9, 1),
            ],
        )
    )
    assert "<script" not in text
    assert not Page(text).values("onerror")


def test_it_forbids_itself_to_load_anything():
    assert "default-src 'none'" in Page(render(full())).values("content")[0]


def test_a_diverged_run():
    rows = history()
    rows[2]["loss"] = math.nan
    rows[4]["validation_loss"] = math.inf
    text = checked(full(history=rows))
    assert "not a number" in text


def test_one_epoch():
    checked(full(history=history(1), best_epoch=1))


def test_measures_may_come_late_or_not_at_all():
    rows = [{"loss": 1.0}, {"loss": 0.5, "validation_loss": 0.7}]
    text = checked(full(history=rows, best_epoch=None))
    assert "Accuracy" not in text
    assert "–" in text


def test_a_steep_loss_is_drawn_logarithmically():
    rows = [{"epoch": i, "loss": 10.0**-i} for i in range(5)]
    assert "Loss, on a logarithmic scale" in checked(full(history=rows))


def test_the_learning_rate_is_drawn_if_it_moves():
    moving = [{"epoch": i, "loss": 1.0, "learning_rate": 1 / i} for i in (1, 2, 3)]
    assert "<title>Learning rate</title>" in checked(full(history=moving))
    assert "<title>Learning rate</title>" not in checked(full())


def test_thousands_of_epochs_stay_readable():
    text = checked(full(history=history(3000), best_epoch=1777))
    assert text.count("<tr") < 600
    assert len(text) < 1_000_000
    assert '<tr class="best"><td class="number">1777</td>' in text


def test_findings_say_what_was_seen_and_what_to_do():
    one = Finding("loss too high", Severity.BROKEN, "", "4.1 where ln(10) = 2.3", "scale the data")
    text = checked(full(findings=[one]))
    assert '<li class="broken"><h3>loss too high<small>must be mended</small></h3>' in text
    assert "<p>4.1 where ln(10) = 2.3</p>" in text
    assert "<b>Do: </b>scale the data" in text
    assert 'id="findings"' not in checked(full(findings=[]))
    hint = Finding("classes of unlike size", Severity.HINT, "", "9 of 10 are cats", "weigh them")
    text = checked(full(findings=[hint, one]))
    assert text.index("loss too high") < text.index("classes of unlike size")


def test_no_mistakes():
    text = checked(full(mistakes=[], confusion=np.diag([5, 5, 5])))
    assert "Nothing in the test set was confused." in text
    assert 'id="mistakes"' not in text


def test_mistakes_in_a_table():
    text = checked(full(mistakes=mistakes(3, picture=False)))
    assert "age 3 · sex 1" in text
    assert "said <strong>7</strong>" in text


def test_more_mistakes_than_are_shown():
    assert "The first 42 of 100." in checked(full(mistakes=mistakes(100)))


def test_two_classes():
    text = checked(full(classes=("no", "yes"), confusion=np.array([[90, 10], [5, 95]])))
    assert "Most frequent: no taken for yes (10), yes taken for no (5)." in text
    assert "94.7 %" in text  # precision of "no": 90 of 95
    assert "95.0 %" in text  # recall of "yes"


def test_forty_classes_with_long_names():
    names = [f"a species of beetle with the number {i}" for i in range(40)]
    counts = np.eye(40, dtype=int) * 9
    counts[3] = 0
    text = checked(full(classes=names, confusion=counts, sample_labels=names[:4]))
    assert "The other 24 classes, better found" in text


def test_regression():
    truth = np.linspace(0, 10, 60)
    rows = [{"epoch": i, "loss": 9 / i, "mae": 3 / i, "validation_mae": 4 / i} for i in (1, 2, 3)]
    one = Mistake(None, "rooms 4", "5.1", "9.0", math.nan, 3)
    text = checked(
        Report("prices", history=rows, scatter=(truth, truth**1.1), mistakes=[one], best_epoch=3)
    )
    assert "<title>MAE</title>" in text
    assert "How near it comes" in text
    assert "Its largest mistakes" in text
    assert "sure<" not in text


def test_points_in_the_plane():
    grid = np.random.default_rng(0).dirichlet([1, 1], (20, 30))
    boundary = Boundary(grid, (-1, 1, -1, 1), np.zeros((5, 2)), np.array([0, 1, 0, 1, 1]), "x", "y")
    text = checked(Report("circles", boundary=boundary, classes=["ring", "cluster"]))
    assert "Decision regions" in text


@pytest.mark.parametrize("shape", [(5, 1, 28, 28), (5, 3, 5, 5), (5, 16, 3, 3)])
def test_weights_of_any_number_of_channels(shape):
    weights = np.ones(shape)
    weights[0, 0, 0, 0] = np.nan
    text = checked(Report("a run", weights=weights))
    assert ("channels" in text) == (shape[1] > 1)


def test_photographs_are_made_small():
    rng = np.random.default_rng(0)
    photo = rng.random((3, 500, 400))
    text = checked(full(mistakes=[Mistake(photo, "", "a", "b", 0.999, i) for i in range(42)]))
    assert len(text) < 2_500_000
    assert "over 99 % sure" in text


def test_small_pictures_stay_crisp():
    assert 'class="pixelated"' in checked(full())


def test_what_does_not_fit_is_told():
    with pytest.raises(ShapeError, match="labels"):
        render(full(sample_labels=["0"]))
    with pytest.raises(ShapeError, match="labels"):
        render(full(classes=["0"], confusion=np.eye(2)))
    with pytest.raises(ShapeError, match=r"\(units, C, H, W\)"):
        render(full(weights=np.zeros((3, 3))))


def test_written_whole(tmp_path):
    write(full(), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render(full())
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]

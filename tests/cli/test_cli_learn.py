"""`chainrule learn`: the list, a lesson in the terminal, as a page and as a notebook."""

import importlib
import json
import re
import webbrowser
from pathlib import Path

import pytest

from lessons import material


@pytest.fixture(autouse=True)
def opened(tmp_path, monkeypatch):
    """Two made-up lessons, and a browser that only remembers what it is asked to open."""
    folder = tmp_path / "two"
    folder.mkdir()
    (folder / "01_twice.py").write_text(material.TWICE, encoding="utf-8")
    (folder / "02_the_half_of_it.py").write_text(material.HALF, encoding="utf-8")
    (folder / "09_falling.py").write_text(material.PICTURE, encoding="utf-8")
    monkeypatch.setattr(
        importlib.import_module("chainrule.learn.lesson"), "_folder", lambda: folder
    )
    pages = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return pages


def test_list(chainrule):
    code, out, err = chainrule("learn")
    assert (code, err) == (0, "")
    in_order = [
        "A slope and a step",
        "  1  Twice & as < much",
        "Two of everything, at 1.5 times the price?",
        "  2  The half of it",
        "From numbers to arrays",
        "  9  Falling",
        "chainrule learn 3 --page",
    ]
    places = [out.index(words) for words in in_order]
    assert places == sorted(places)


def test_a_lesson_in_the_terminal(chainrule):
    code, out, err = chainrule("learn twice")
    assert (code, err) == (0, "")
    in_order = [
        "Twice & as < much",
        'print("begin")',
        "\nbegin\n",
        "A list",
        "double(21)",
        "\n42\n",
    ]
    places = [out.index(words) for words in in_order]
    assert places == sorted(places)
    assert "Next: the half (chainrule learn 2)." in out


def test_a_picture_is_named_in_the_terminal(chainrule):
    out = chainrule("learn 9").out
    assert "picture: falling & falling; see it with chainrule learn 9 --page" in out
    assert list(Path().iterdir()) == []


def test_page(chainrule, opened):
    code, out, err = chainrule("learn 9 --page")
    assert (code, out, err) == (0, "09_falling.html written\n", "")
    assert opened == [Path("09_falling.html").resolve().as_uri()]
    page = Path("09_falling.html").read_text(encoding="utf-8")
    assert re.search(r"<figure><svg .*<title>falling &amp; falling</title>", page)
    assert chainrule("learn 9 --page --no-open").code == 0
    assert len(opened) == 1


def test_notebook(chainrule):
    code, out, err = chainrule("learn 1 --notebook")
    assert (code, err) == (0, "")
    assert out == "01_twice.ipynb written; open it with: jupyter lab 01_twice.ipynb\n"
    assert len(json.loads(Path("01_twice.ipynb").read_text(encoding="utf-8"))["cells"]) == 5


def test_page_and_notebook_together(chainrule):
    assert chainrule("learn 9 --page --notebook").code == 0
    assert sorted(path.name for path in Path().iterdir()) == ["09_falling.html", "09_falling.ipynb"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "learn twise",
            "there is no lesson 'twise'; give a number from 1 to 9 or a part of a name",
        ),
        ("learn 4", "there is no lesson '4'"),
        ("learn t", "'t' may mean 01_twice, 02_the_half_of_it; give the number of one"),
        ("learn --page", "--page and --notebook are for one lesson; give its number or name"),
        ("learn 1 --no-open", "--no-open goes with --page"),
        ("learn half", "lesson 02_the_half_of_it stopped in line 8: ZeroDivisionError"),
        ("learn half --page", "lesson 02_the_half_of_it stopped in line 8: ZeroDivisionError"),
        ("learn 1 2", "unexpected extra argument (2)"),
    ],
)
def test_refusals(chainrule, line, words):
    code, _, err = chainrule(line)
    assert code == 2
    assert re.fullmatch(r"error: .*\n", err)
    assert words in err
    assert list(Path().iterdir()) == []


def test_a_notebook_that_is_there_is_left_alone(chainrule):
    Path("01_twice.ipynb").write_text("mine")
    code, _, err = chainrule("learn 1 --notebook")
    assert code == 2
    assert err.startswith("error: 01_twice.ipynb is there already and may hold your changes")
    assert Path("01_twice.ipynb").read_text() == "mine"

"""Lessons taken apart, found by name, run and shown."""

import importlib
import json
import warnings
from html.parser import HTMLParser

import pytest

from chainrule import learn
from chainrule.errors import ChainruleError, DataError, OptionError
from lessons.material import HALF, PICTURE


def test_cells(twice):
    kinds = [(cell.is_code, cell.line) for cell in twice.cells]
    assert kinds == [(False, 2), (True, 8), (False, 11), (True, 20), (True, 24)]
    lines = twice.path.read_text().splitlines()
    for cell in twice.cells:
        assert lines[cell.line - 1].removeprefix("# ") == cell.text.splitlines()[0]
    heading, items, after = twice.cells[2].text.split("\n\n")
    assert (heading, items) == ("## A *list*", "- of one `item`\n  with two lines")
    assert after == "Next: [the half](02_the_half_of_it.py)."
    assert twice.cells[3].text == "def double(x):\n    return 2 * x"


def test_what_a_lesson_says_of_itself(twice):
    assert (twice.number, twice.name, twice.title) == (1, "01_twice", "Twice & as < much")
    assert twice.promise == "Two of everything, at 1.5 times the price?"
    assert twice.stair == "A slope and a step"


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("01_code", "print(1)\n"),
        ("01_code_first", "# %%\nprint(1)\n# %% [markdown]\n# # Title\n#\n# Words.\n"),
        ("01_untitled", "# %% [markdown]\n# Title\n#\n# Words.\n"),
        ("01_wordless", "# %% [markdown]\n# # Title\n"),
        ("01_empty", ""),
        ("numberless", HALF),
    ],
)
def test_what_is_no_lesson(lesson_of, name, source):
    with pytest.raises(DataError, match=rf"{name}\.py is no lesson: .* title .* paragraph"):
        lesson_of(source, name)


def test_markers_within_code_are_code(lesson_of):
    lesson = lesson_of("# %% [markdown]\n# # T\n#\n# W.\n# %% the end\nx = '# %%'\n")
    assert lesson.cells[1].text == "x = '# %%'"


# --- finding ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two_lessons")
@pytest.mark.parametrize("name", ["1", "01", "01_twice", "twice", "TWICE", "01_twice.py"])
def test_found(name):
    assert learn.find(name).name == "01_twice"


@pytest.mark.usefixtures("two_lessons")
def test_found_by_words():
    assert learn.find("the half").name == "02_the_half_of_it"


@pytest.mark.usefixtures("two_lessons")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("t", "'t' may mean 01_twice, 02_the_half_of_it; give the number of one"),
        ("3", "there is no lesson '3'; give a number from 1 to 2 or a part of a name$"),
        ("", "there is no lesson ''"),
        ("twise", r"there is no lesson 'twise'; .*; did you mean 'twice'\?"),
    ],
)
def test_not_found(name, words):
    with pytest.raises(OptionError, match=words):
        learn.find(name)


def test_a_package_without_lessons(tmp_path, monkeypatch):
    module = importlib.import_module("chainrule.learn.lesson")
    monkeypatch.setattr(module, "_folder", lambda: tmp_path)
    with pytest.raises(DataError, match=r"there are no lessons in .*; install chainrule anew"):
        learn.find("1")


# --- running ------------------------------------------------------------------------------------


def test_a_session_shares_names_and_gives_back_last_lines(twice, capsys):
    session = learn.Session(twice)
    values = [session.run(cell) for cell in twice.cells if cell.is_code]
    assert values == [None, None, 42]
    assert capsys.readouterr().out == "begin\n"


def test_a_failing_cell_is_one_sentence_with_the_line(lesson_of):
    lesson = lesson_of(HALF)
    with pytest.raises(ChainruleError) as caught:
        learn.Session(lesson).run(lesson.cells[1])
    line = lesson.path.read_text().splitlines().index("    return 1 / x") + 1
    words = f"lesson 02_half stopped in line {line}: ZeroDivisionError: division by zero"
    assert str(caught.value) == words


def test_annotations_and_warnings_are_those_of_the_lesson(lesson_of):
    lesson = lesson_of("# %% [markdown]\n# # T\n#\n# W.\n# %%\ndef f(x: int): ...\n")
    session = learn.Session(lesson)
    session.run(lesson.cells[1])
    shown = session.run(learn.Cell("f.__annotations__", is_code=True, line=9))
    assert shown == {"x": int}  # not 'int', as under this library's own future imports


# --- showing ------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The tags of a page that are open at its end, and the texts in it by their tag."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts = [], []
        self.feed(html)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))


def test_page(twice):
    page = Page(learn.page(twice))
    assert page.open == []
    assert ("title", "Twice & as < much") in page.texts
    assert ("h1", "Twice & as < much") in page.texts
    assert ("pre", "begin") in page.texts
    assert ("pre", "42") in page.texts
    assert ("code", "item") in page.texts
    assert ("code", "chainrule learn 2") in page.texts
    assert "://" not in learn.page(twice)


def test_page_with_a_picture(lesson_of):
    html = learn.page(lesson_of(PICTURE))
    page = Page(html)
    assert page.open == []
    assert ("title", "falling & falling") in page.texts
    assert html.count("<figure>") == 1
    assert not [text for _, text in page.texts if "Svg(" in text]


def test_notebook_is_valid_and_holds_the_cells(twice):
    nbformat = pytest.importorskip("nbformat")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        book = nbformat.reads(learn.notebook(twice), as_version=4)
        nbformat.validate(book)
    assert [cell.source for cell in book.cells if cell.cell_type == "code"] == [
        cell.text for cell in twice.cells if cell.is_code
    ]
    assert book.cells[0].source == twice.cells[0].text
    assert book.cells[2].source.endswith("Next: the half (`chainrule learn 2`).")
    assert [cell.cell_type == "code" for cell in book.cells] == [c.is_code for c in twice.cells]
    assert json.loads(learn.notebook(twice))["nbformat_minor"] == 5


def test_jupytext_reads_a_lesson_as_we_do():
    jupytext = pytest.importorskip("jupytext")
    for lesson in learn.lessons():
        book = jupytext.read(lesson.path, fmt="py:percent")
        assert [cell.source for cell in book.cells] == [cell.text for cell in lesson.cells]

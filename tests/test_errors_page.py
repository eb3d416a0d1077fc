"""The page of wrong programs says what is said."""

import html
import sys
from pathlib import Path

import pytest

from wrong_programs import PROGRAMS

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))

import make_errors as maker

PAGE = maker.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_and_sentence_are_there(name):
    assert html.escape(PROGRAMS[name].sentence) in PAGE
    assert maker.shown(PROGRAMS[name].program) in PAGE


def test_the_page_is_what_is_so():
    torch = pytest.importorskip("torch")
    if f">PyTorch {torch.__version__.partition('+')[0]}<" not in PAGE:
        pytest.skip("the page compares with another version of PyTorch")
    assert maker.page() == PAGE, "run: python docs/make_errors.py"


def test_what_is_said_is_escaped():
    assert maker.row("<script>a & b</script>") == (
        "<tr><td>&lt;script&gt;a &amp; b&lt;/script&gt;</td></tr>"
    )

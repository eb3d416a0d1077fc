"""The page of what is here of PyTorch: it says what is so, and nothing that was here has gone."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS))

import make_compatibility as maker  # noqa: E402

PAGE = maker.PAGE.read_text(encoding="utf-8")
VERSION = torch.__version__.partition("+")[0]
same_version = pytest.mark.skipif(
    f"PyTorch {VERSION}." not in PAGE, reason="the page compares with another version of PyTorch"
)


@pytest.fixture(scope="module")
def sections():
    return {place.title: maker.compared(place) for place in maker.PLACES}


@same_version
def test_the_page_is_what_is_so(sections):
    written = "\n".join(maker.written(list(sections.values()))) + "\n"
    assert written == PAGE, "run: python docs/make_compatibility.py"


@pytest.mark.parametrize("title", [place.title for place in maker.PLACES])
def test_nothing_has_gone(title):
    here = re.search(rf"^## {re.escape(title)}\n\n\*\*Here:\*\* (.*)\.$", PAGE, re.MULTILINE)
    place = next(place for place in maker.PLACES if place.title == title)
    ours = maker.found("chainrule", place.ours)
    gone = [name for name in re.findall(r"`(\w+)`", here[1]) if not hasattr(ours, name)]
    assert not gone


@pytest.mark.parametrize(
    ("title", "share"), [("nn", 0.95), ("nn.functional", 0.95), ("optim", 0.9), ("Tensor", 0.85)]
)
def test_the_most_is_here(sections, title, share):
    assert sections[title].share >= share


def test_no_reason_hides_what_is_here(sections):
    for section in sections.values():
        hidden = {name for names in section.elsewhere.values() for name in names}
        assert not hidden & {*section.present, *section.absent}


def test_every_reason_is_used(sections):
    used = {why for section in sections.values() for why in section.elsewhere}
    assert used == set(maker.ELSEWHERE)

"""Elements escape what comes from outside, whatever it is."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.files import replace_text
from chainrule.picture.markup import Markup, element, escape, join, number


def test_text_is_escaped_and_markup_is_not():
    inner = element("b", "a & b")
    assert element("p", "<i>", inner) == "<p>&lt;i&gt;<b>a &amp; b</b></p>"


def test_attributes_are_quoted():
    assert element("i", title='"><script>') == '<i title="&quot;&gt;&lt;script&gt;"/>'


def test_an_empty_text_opens_and_closes():
    assert element("td", "") == "<td></td>"
    assert element("br") == "<br/>"


def test_none_is_left_out():
    assert element("g", None, "x", class_=None) == "<g>x</g>"
    assert join([None, Markup("<br/>"), "<"]) == "<br/>&lt;"


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_text_survives_as_text(text):
    """Control characters and lone surrogates too: they become the replacement character."""
    page = element("p", text, title=text)
    parsed = ET.fromstring(page)
    assert not list(parsed)
    page.encode("utf-8")
    assert len(escape(text).replace("\r", "\n")) >= len(parsed.text or "")


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (-0.004, "0"), (100.0, "100"), (1 / 3, "0.33"), (-2.5, "-2.5")]
)
def test_numbers_are_brief(value, text):
    assert number(value) == text


def test_a_file_is_replaced_whole(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    replace_text(target, "new\n")
    assert target.read_bytes() == b"new\n"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        replace_text(target, "\ud800")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]

"""A page around whatever is put into it: its title escaped, its policy in its head."""

import pytest

from chainrule.picture import document, element


@pytest.mark.parametrize("scripts", [False, True])
def test_only_who_asks_may_run_scripts(scripts):
    page = document("a page", "", element("p", "words"), scripts=scripts)
    assert ("script-src" in page) is scripts
    assert "default-src" in page
    assert page.startswith("<!doctype html>")


def test_a_title_is_no_markup():
    page = document("</title><script>", "", element("p", "words"))
    assert "<script>" not in page


def test_its_own_style_comes_after_the_colours():
    page = document("a page", "p { color: var(--soft); }", element("p", "words"))
    assert page.index("--soft:") < page.index("p { color: var(--soft); }") < page.index("<body>")

"""Every page, looked at as a careful visitor would: to be read, reached, hit, and never jumping."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

PAGES = "plane", "digits", "descent"
LOOK = (Path(__file__).parent / "audit.js").read_text(encoding="utf-8")
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
OPEN = "() => document.querySelectorAll('details').forEach((one) => (one.open = true))"
CLOSE = "() => document.querySelectorAll('details').forEach((one) => (one.open = false))"


@pytest.fixture(scope="module", params=PAGES)
def page(request, opening):
    """One page, open for all tests of it."""
    with opening() as opened:
        yield opened(request.param, viewport=DESK, color_scheme="light")


@pytest.fixture(autouse=True)
def as_usual(page):
    """On a desk, by day."""
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    page.evaluate(CLOSE)


def clean(page, look, *arguments):
    """Nothing is found wrong with a page; or each fault is told, a line each."""
    page.evaluate(LOOK)
    faults = page.evaluate("([look, given]) => audit[look](...given)", [look, arguments])
    assert not faults, "\n".join(faults)


def test_nothing_jumps_while_it_loads_and_plays(page):
    """First, for the page is still as it was loaded; says how quickly that was."""
    page.evaluate("experiment.play()")
    page.wait_for_timeout(2000)
    page.evaluate("experiment.play(false)")
    times = page.evaluate(
        """() => [performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
                  performance.getEntriesByName("first frame")[0].startTime]"""
    )
    name = page.evaluate("experiment.page")
    print(f"\n{name}: first paint {times[0]:.0f} ms, first frame drawn {times[1]:.0f} ms")
    jumps = page.evaluate("jumps")
    assert sum(jump["value"] for jump in jumps) <= 0.02, jumps


def test_the_policy_is_strict_and_nothing_would_break_it(page):
    policy = page.answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    clean(page, "inlineScripts")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_is_easy_to_read(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.evaluate(OPEN)
    clean(page, "faintTexts")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_easy_to_read_in_every_tab(page, scheme):
    page.emulate_media(color_scheme=scheme)
    for tab in page.get_by_role("tab").all():
        tab.click()
        clean(page, "faintTexts")


def test_everything_can_be_reached_in_the_order_in_which_it_is_seen(page):
    clean(page, "leapsBack")


def test_the_focus_can_be_seen(page):
    clean(page, "focusUnseen")


def test_everything_that_can_be_reached_has_a_name(page):
    session = page.context.new_cdp_session(page.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    focusable = [
        node
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] not in ("RootWebArea", "main")  # which a link leads to
        and any(one["name"] == "focusable" and one["value"]["value"] for one in node["properties"])
    ]
    assert len(focusable) > 5
    nameless = [node for node in focusable if not node.get("name", {}).get("value", "").strip()]
    assert [node["role"]["value"] for node in nameless] == []


def test_drawings_have_words(page):
    clean(page, "wordless")


def test_there_is_one_main_part_and_headings_follow_one_another(page):
    assert page.locator("main").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    levels = page.evaluate(
        "() => [...document.querySelectorAll('h1, h2, h3, h4')].map((one) => +one.tagName[1])"
    )
    assert all(after <= before + 1 for before, after in pairwise(levels))


# Fields that stand close together on a desk are as large as they have to be for a mouse at least.
@pytest.mark.parametrize(
    ("size", "buttons", "fields"), [(DESK, 32, 24), (PHONE, 40, 40)], ids=["desk", "phone"]
)
def test_what_is_pressed_is_large_enough(page, size, buttons, fields):
    page.set_viewport_size(size)
    page.evaluate(OPEN)
    clean(page, "smallTargets", buttons, fields)


# At twice the size, a window of 1280 has room for 640.
@pytest.mark.parametrize("width", [320, 390, 640, 768, 1024, 1280])
def test_nothing_sticks_out_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.evaluate(OPEN)
    page.wait_for_timeout(50)
    clean(page, "sticksOut")


def test_less_motion_where_that_is_asked_for(page):
    page.emulate_media(reduced_motion="reduce")
    clean(page, "moving")

"""Animations: every frame in the GIF, a page that loads nothing, and frames that do not meet."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from chainrule import draw
from chainrule.errors import OptionError, ShapeError
from chainrule.picture import Svg, element, line_chart


def frames(count=3, title="step"):
    return [
        draw.function(lambda x, i=i: (x - i) ** 2, -4, 4, y_range=(0, 9), title=f"{title} {i}")
        for i in range(count)
    ]


class Outline(HTMLParser):
    """The elements of a page, and the text of its titles."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.titles = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.lasttag == "title":
            self.titles.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(tmp_path):
    def saved(*arguments, **options):
        draw.Animation(*arguments, **options).save(tmp_path / "a.html")
        return (tmp_path / "a.html").read_text(encoding="utf-8")

    return saved


# --- GIF -----------------------------------------------------------------------------------------


def test_a_gif_has_every_frame_for_its_time_and_plays_for_ever(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("resvg_py")
    draw.Animation(frames(4), seconds_per_frame=0.3).save(tmp_path / "a.gif")
    with image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 4
        assert gif.size == (560 + 32, 360 + 32)
        assert gif.info["loop"] == 0
        times, pictures = [], []
        for place in range(4):
            gif.seek(place)
            times.append(gif.info["duration"])
            pictures.append(np.asarray(gif.convert("RGB")).astype(int))
    assert times == [300, 300, 300, 1200]
    assert all(np.abs(a - b).max() > 100 for a, b in pairwise(pictures))
    assert pictures[0][0, 0].tolist() == [255, 255, 255]


def test_a_gif_may_be_larger(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("resvg_py")
    draw.Animation(frames(1)).save(tmp_path / "a.gif", scale=2)
    with image.open(tmp_path / "a.gif") as gif:
        assert gif.size == (2 * 592, 2 * 392)


# --- the page ------------------------------------------------------------------------------------


def test_the_page_has_every_frame_and_shows_the_last_without_a_script(page):
    outline = Outline(page(frames(3)))
    shown = [at for at in outline.of("div") if at.get("class") == "frame"]
    assert ["hidden" in at for at in shown] == [True, True, False]
    assert outline.titles == ["step 2", "step 0", "step 1", "step 2"]


def test_the_page_has_a_button_and_a_slider_with_a_name(page):
    outline = Outline(page(frames(3)))
    assert len(outline.of("button")) == 1
    (slider,) = outline.of("input")
    assert (slider["type"], slider["min"], slider["max"]) == ("range", "0", "2")
    assert slider["aria-label"]


def test_the_page_loads_nothing_and_forbids_it(page):
    text = page(frames(2))
    outline = Outline(text)
    addresses = [
        address
        for _, attributes in outline.tags
        for name, address in attributes.items()
        if name in ("src", "href", "srcset", "action", "data")
    ]
    assert all(address.startswith("data:") for address in addresses)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    policy = next(at["content"] for at in outline.of("meta") if "http-equiv" in at)
    assert policy.startswith("default-src 'none'")


def test_the_page_minds_who_has_asked_for_less_motion(page):
    assert "prefers-reduced-motion" in page(frames(2))


def test_its_pace_is_the_one_asked_for(page):
    assert "setInterval(step, 250)" in page(frames(2), seconds_per_frame=0.25)
    assert "$" not in re.sub(r"\$\{", "", page(frames(2)))


def test_hostile_titles_are_only_titles(page):
    text = page(frames(2, title="</title></svg><script>alert(1)</script>"))
    assert text.count("<script>") == 1
    assert Outline(text).titles[0] == "</title></svg><script>alert(1)</script> 1"


def test_in_a_notebook_it_is_a_frame_that_cannot_touch_the_page():
    shown = Outline(draw.Animation(frames(2))._repr_html_())
    ((tag, attributes),) = shown.tags
    assert (tag, attributes["sandbox"]) == ("iframe", "allow-scripts")
    inside = Outline(attributes["srcdoc"])
    assert len([at for at in inside.of("div") if at.get("class") == "frame"]) == 2
    assert float(attributes["height"]) > 360


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.mp4", "a.svg", "a"])
def test_other_endings_are_refused_with_the_ones_there_are(tmp_path, name):
    with pytest.raises(OptionError, match=r"\.gif or \.html"):
        draw.Animation(frames(1)).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("pictures", "seconds", "error", "sentence"),
    [
        ([], 1, OptionError, "got none"),
        (["a.svg"], 1, OptionError, "got str"),
        (frames(1), 0, OptionError, "seconds per frame"),
        (frames(1), float("nan"), OptionError, "seconds per frame"),
        ([*frames(1), line_chart({"a": [1]})], 1, ShapeError, "640 x 360 at 1"),
    ],
)
def test_what_makes_no_animation_is_told(pictures, seconds, error, sentence):
    with pytest.raises(error, match=sentence):
        draw.Animation(pictures, seconds_per_frame=seconds)


def test_a_page_of_one_picture_is_only_that(page):
    dot = Svg(8, 8, "a dot", "", element("circle", cx=4, cy=4, r=3))
    assert "1 of 1" in page([dot])

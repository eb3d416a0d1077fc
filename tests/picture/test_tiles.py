"""Images side by side: every image there, its words beneath, the marked ones set off."""

import base64
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from chainrule.errors import DataError, ShapeError
from chainrule.picture import FAULT, tile_chart

NAMESPACE = "{http://www.w3.org/2000/svg}"


def tree(chart):
    return ET.fromstring(str(chart))


def texts(chart):
    return ["".join(at.itertext()) for at in tree(chart).iter(f"{NAMESPACE}text")]


def pixels_of(chart):
    image = pytest.importorskip("PIL.Image")
    for at in tree(chart).iter(f"{NAMESPACE}image"):
        yield np.asarray(image.open(io.BytesIO(base64.b64decode(at.get("href").split(",")[1]))))


def test_every_image_is_there_as_it_is():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6), dtype=np.uint8)
    assert all(
        np.array_equal(a, b) for a, b in zip(pixels_of(tile_chart(images)), images, strict=True)
    )


def test_marked_images_have_a_frame_and_words_in_the_colour_of_faults():
    chart = tile_chart(np.zeros((3, 8, 8), np.uint8), ["a", "b", "c"], [False, True, False])
    frames = [at.get("stroke") for at in tree(chart).iter(f"{NAMESPACE}rect")][1:]
    assert frames == ["currentColor", FAULT, "currentColor"]
    styles = [at.get("style") or "" for at in tree(chart).iter(f"{NAMESPACE}text")]
    assert [FAULT in style for style in styles] == [False, True, False]
    assert chart.description == "3 images: a; b (marked); c"


def test_rows_break_where_they_are_told():
    chart = tile_chart(np.zeros((7, 8, 8), np.uint8), columns=3)
    places = [
        (float(at.get("x")), float(at.get("y"))) for at in tree(chart).iter(f"{NAMESPACE}image")
    ]
    assert len({x for x, _ in places}) == 3
    assert len({y for _, y in places}) == 3
    assert all(x + 64 <= chart.width and y + 64 <= chart.height for x, y in places)


def test_wide_images_keep_their_shape():
    (image,) = tree(tile_chart(np.zeros((1, 4, 8), np.uint8))).iter(f"{NAMESPACE}image")
    assert (float(image.get("width")), float(image.get("height"))) == (64, 32)


def test_words_that_are_too_long_are_shortened_and_told_whole():
    chart = tile_chart(np.zeros((2, 8, 8), np.uint8), ["a rather long name of a class", "b"])
    titles = [at.text for at in tree(chart).iter(f"{NAMESPACE}title")]
    assert "a rather long name of a class" in titles
    assert any(text.endswith("…") for text in texts(chart))


def test_a_scale_tells_its_ends_and_its_middle():
    chart = tile_chart(np.zeros((2, 3, 3, 3), np.uint8), limit=0.1234)
    assert {"−0.12", "0", "0.12"} <= set(texts(chart))


@pytest.mark.parametrize(
    ("images", "options", "error", "sentence"),
    [
        (np.zeros((2, 8, 8)), {}, DataError, "uint8"),
        (np.zeros((8, 8), np.uint8), {}, DataError, r"\(N, H, W\)"),
        (np.zeros((0, 8, 8), np.uint8), {}, DataError, "expected"),
        (np.zeros((2, 8, 8), np.uint8), {"columns": 0}, DataError, "1 column"),
        (
            np.zeros((2, 8, 8), np.uint8),
            {"captions": ["a"]},
            ShapeError,
            "with 1 captions",
        ),
        (np.zeros((2, 8, 8), np.uint8), {"marked": [True]}, ShapeError, "with 1 marks"),
    ],
)
def test_what_does_not_fit_is_told(images, options, error, sentence):
    with pytest.raises(error, match=sentence):
        tile_chart(images, **options)

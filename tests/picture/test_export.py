"""Pictures as PNG, PDF and GIF: of the right size, with ink and lettering where they belong."""

import io
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from chainrule.errors import MissingExtraError, OptionError
from chainrule.picture import Svg, data_uri, element, encode_png, join, line_chart
from chainrule.picture.palette import rgb
from chainrule.picture.svg import group, label

MARGIN = 16


@pytest.fixture
def pillow():
    return pytest.importorskip("PIL.Image")


@pytest.fixture
def png(pillow):
    """A picture as an array of its pixels, without the margin around it."""
    pytest.importorskip("resvg_py")

    def painted(body, width=60, height=40, scale=1):
        svg = Svg(width, height, "a picture", "", body)
        image = pillow.open(io.BytesIO(svg.to_png(scale=scale))).convert("RGB")
        cut = round(MARGIN * scale)
        return np.asarray(image)[cut:-cut, cut:-cut]

    return painted


def ink(pixels):
    return int((pixels.min(axis=2) < 160).sum())


# --- PNG -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scale", "size"), [(1, (132, 92)), (2, (264, 184)), (0.5, (66, 46))])
def test_a_png_is_as_large_as_the_picture_with_its_paper(tmp_path, pillow, scale, size):
    pytest.importorskip("resvg_py")
    svg = Svg(100, 60, "", "", element("rect", x=0, y=0, width=100, height=60, fill="#0072b2"))
    svg.save(tmp_path / "a.png", scale=scale)
    with pillow.open(tmp_path / "a.png") as image:
        assert image.size == size
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert image.convert("RGB").getpixel((size[0] // 2, size[1] // 2)) == rgb("#0072b2")


def test_a_png_is_twice_as_fine_unless_told_otherwise(tmp_path, pillow):
    pytest.importorskip("resvg_py")
    line_chart({"a": [1, 2]}, width=300, height=200).save(tmp_path / "a.PNG")
    with pillow.open(tmp_path / "a.PNG") as image:
        assert image.size == (664, 464)


def test_colours_opacity_and_inherited_looks_are_painted(png):
    half = element("rect", x=0, y=0, width=30, height=40, fill="#000", fill_opacity=0.5)
    red = group([element("circle", cx=45, cy=20, r=10)], fill="#ff0000")
    pixels = png(join([half, red]))
    assert abs(int(pixels[20, 15, 0]) - 127) <= 2
    assert tuple(pixels[20, 45]) == (255, 0, 0)


def test_small_images_keep_their_squares_or_are_smooth_as_they_ask(png):
    two = {"href": data_uri(encode_png(np.array([[0, 255]], dtype=np.uint8))), "width": 60}
    look = {"height": 40, "preserveAspectRatio": "none"}
    hard = png(element("image", **two, **look, style="image-rendering: pixelated"))
    soft = png(element("image", **two, **look))
    assert set(np.unique(hard[20])) == {0, 255}
    assert len(np.unique(soft[20])) > 10


def test_lettering_is_ours_and_has_the_signs_of_mathematics(png):
    empty = png(label("\ue000", 4, 30, font_size=20))  # a character that no font has
    for sign in "aZ−×·∂σΣ∇→²⁻½≤≈µéжα✓✗…":
        drawn = png(label(sign, 4, 30, font_size=20))
        assert ink(drawn) >= 4, sign
        assert (drawn != empty).any(), sign


def test_a_title_is_bold(png):
    plain, bold = (png(label("hill", 4, 30, font_weight=w)) for w in ("400", "700"))
    assert ink(bold) > 1.1 * ink(plain)


def test_what_shows_under_the_mouse_alone_is_not_painted(png):
    hidden = group([element("rect", x=0, y=0, width=60, height=40)], class_="tip")
    assert ink(png(hidden)) == 0


def test_the_same_picture_gives_the_same_bytes():
    pytest.importorskip("resvg_py")
    chart = line_chart({"a": [1, 2]})
    assert chart.to_png() == chart.to_png()


@pytest.mark.parametrize("scale", [0, -1, float("nan")])
def test_a_scale_that_is_none_is_told(scale):
    with pytest.raises(OptionError, match="scale"):
        line_chart({"a": [1, 2]}).to_png(scale=scale)


def test_a_file_that_would_be_huge_is_refused():
    with pytest.raises(OptionError, match=r"x .* pixels, more than"):
        line_chart({"a": [1, 2]}).to_png(scale=100)


# --- PDF -----------------------------------------------------------------------------------------


@pytest.fixture
def pdf(tmp_path):
    pytest.importorskip("typst")
    return tmp_path / "a.pdf"


def test_a_pdf_is_one_page_as_large_as_the_picture_with_its_title(pdf):
    line_chart({"a": [1, 2]}, title="Loss #1 [x]", width=300, height=200).save(pdf)
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    (box,) = re.findall(rb"/MediaBox\s*\[([\d. ]+)\]", content)
    assert [float(side) for side in box.split()] == [0, 0, 332 * 0.75, 232 * 0.75]  # points
    assert b"ChainruleSans" in content


def test_the_same_picture_gives_the_same_pdf(pdf):
    chart = line_chart({"a": [1, 2]})
    chart.save(pdf)
    first = pdf.read_bytes()
    chart.save(pdf)
    assert pdf.read_bytes() == first


def test_a_pdf_looks_like_the_png(pdf, pillow, png):
    if not shutil.which("pdftoppm"):
        pytest.skip("pdftoppm, which paints a PDF, is not installed")
    left = {"x": 0, "y": 0, "width": 30, "height": 40, "fill": "#0072b2", "fill_opacity": 0.4}
    grid = data_uri(encode_png(np.array([[0, 255]], dtype=np.uint8)))
    smooth = {"x": 30, "y": 0, "width": 30, "height": 20, "preserveAspectRatio": "none"}
    body = element("rect", **left) + element("image", href=grid, **smooth) + label("σ → ∂", 8, 36)
    Svg(60, 40, "both", "", body).save(pdf)
    subprocess.run(
        ["pdftoppm", "-png", "-singlefile", "-r", "96", pdf, pdf.with_suffix("")],
        check=True,
        capture_output=True,
    )
    with pillow.open(pdf.with_suffix(".png")) as image:
        pixels = np.asarray(image.convert("RGB"))[MARGIN:-MARGIN, MARGIN:-MARGIN].astype(int)
    assert np.abs(pixels - png(body)).mean() < 8


# --- endings, and what is missing ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.svgz", "a.pgn"])
def test_other_endings_are_refused_with_the_ones_there_are(tmp_path, name):
    with pytest.raises(OptionError, match=r"\.svg, \.png or \.pdf"):
        line_chart({"a": [1, 2]}).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ending", "library"), [("png", "resvg_py"), ("pdf", "typst")])
def test_what_to_install_is_told(tmp_path, monkeypatch, ending, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=f"{library}.*pip install"):
        line_chart({"a": [1, 2]}).save(tmp_path / f"a.{ending}")
    assert not list(tmp_path.iterdir())


def test_an_svg_takes_no_library(tmp_path, monkeypatch):
    for library in ("resvg_py", "typst", "PIL.Image"):
        monkeypatch.setitem(sys.modules, library, None)
    line_chart({"a": [1, 2]}).save(tmp_path / "a.svg")
    assert "<svg" in (tmp_path / "a.svg").read_text(encoding="utf-8")

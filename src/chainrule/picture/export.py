"""A picture as PNG or PDF, alike on every machine (floor 0).

The SVG of a picture names the fonts of whoever reads it; a file that is painted here carries its
own, from `assets`, so that it needs no font and no program of the system. PNG is painted by resvg,
PDF set by typst, with lines and letters that stay sharp at any size; both are libraries that come
whole with pip. Only a character that our font lacks, as in a Chinese class name, is looked for
among the fonts of the system.
"""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

from chainrule.errors import OptionError, require
from chainrule.picture.palette import FONT

__all__ = ["to_pdf", "to_png"]

_FAMILY = "'Chainrule Sans', sans-serif"
_FONTS = ("ChainruleSans-Regular.ttf", "ChainruleSans-Bold.ttf")
_FOREIGN = re.compile("[\u0180-\u036f\u0460-\u200f\u2400-\u24ff\u2718-\uffef\U00010000-\U0010ffff]")

_MOST_PIXELS = 100_000_000
_SMOOTH = re.compile(r'(<image href="data:image/png;base64,)([^"]+)("(?:(?!pixelated)[^>])*>)')
_FINER = 4  # how many times the pixels of a smooth image are multiplied, across and down

_PAGE = b"""\
#set document(title: sys.inputs.title, date: none)
#set page(width: auto, height: auto, margin: 0pt)
#image(bytes(sys.inputs.svg), format: "svg", alt: sys.inputs.title)
"""


def to_png(svg: str, width: float, height: float, scale: float = 2) -> bytes:
    """Paint an SVG as the bytes of a PNG file, on white paper.

    Args:
        svg: the picture, standing alone.
        width: of the picture with its paper.
        height: of the picture with its paper.
        scale: pixels of the file for each pixel of the picture, across and down.

    Returns:
        The file; the same picture always gives the same bytes.

    Raises:
        OptionError: a scale of 0 or less, or so large that the file would be too.
        MissingExtraError: resvg is not installed.
    """
    if not scale > 0:
        raise OptionError(f"scale: expected a number greater than 0, got {scale}")
    if width * height * scale**2 > _MOST_PIXELS:
        raise OptionError(
            f"scale={scale:g} would make {width * scale:,.0f} x {height * scale:,.0f} pixels, more "
            f"than {_MOST_PIXELS:,}; give a smaller one, or save as .svg or .pdf"
        )
    resvg = require("resvg_py", "pictures", "writing PNG files")
    with _fonts() as folder:
        return bytes(
            resvg.svg_to_bytes(
                svg_string=_lettered(svg),
                zoom=scale,
                font_files=[os.path.join(folder, name) for name in _FONTS],
                skip_system_fonts=not _FOREIGN.search(svg),
            )
        )


def to_pdf(svg: str, title: str) -> bytes:
    """Set an SVG as the bytes of a PDF file of one page, as large as the picture.

    Args:
        svg: the picture, standing alone.
        title: what the document is called, and what is read out for the picture.

    Returns:
        The file; the same picture always gives the same bytes.

    Raises:
        MissingExtraError: typst, or Pillow for smooth images, is not installed.
    """
    typst = require("typst", "pdf", "writing PDF files")
    with _fonts() as folder:
        return bytes(
            typst.compile(
                _PAGE,
                format="pdf",
                font_paths=[folder],
                ignore_system_fonts=not _FOREIGN.search(svg),
                sys_inputs={"svg": _SMOOTH.sub(_finer, _lettered(svg)), "title": title},
            )
        )


@contextmanager
def _fonts() -> Iterator[str]:
    """The folder of our fonts."""
    with resources.as_file(resources.files("chainrule.picture") / "assets") as folder:
        yield str(folder)


def _lettered(svg: str) -> str:
    return svg.replace(FONT, _FAMILY)


def _finer(image: re.Match[str]) -> str:
    """A small smooth image with more pixels: those who show PDF files draw each as a square."""
    pillow: Any = require("PIL.Image", "pdf", "writing PDF files")
    with pillow.open(io.BytesIO(base64.b64decode(image[2]))) as small:
        size = (small.width * _FINER, small.height * _FINER)
        finer = small.resize(size, pillow.Resampling.BICUBIC)
    file = io.BytesIO()
    finer.save(file, "PNG")
    return image[1] + base64.b64encode(file.getvalue()).decode("ascii") + image[3]

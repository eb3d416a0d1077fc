"""Pictures one after another: an animated GIF, or a page with a button and a slider (floor 0).

The page loads nothing and works in any browser, also in a frame of its own inside a notebook or
another page. It plays once by itself, unless its reader has asked for less motion; without scripts
it shows the last picture.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from chainrule.errors import OptionError, ShapeError, require
from chainrule.picture.document import asset, document
from chainrule.picture.markup import Markup, element
from chainrule.picture.palette import STYLESHEET
from chainrule.picture.svg import Svg

__all__ = ["check_frames", "to_frame", "to_gif", "to_page"]

_REST = 4  # how many times as long the last picture stays
_CONTROLS = 96  # pixels that button, slider and margins take below and above a picture
_MARGIN = 40  # and at its sides


def check_frames(frames: Sequence[Svg], seconds: float) -> None:
    """Refuse what does not make an animation.

    Raises:
        OptionError: no pictures, something else than pictures, or a time that is not positive.
        ShapeError: pictures of several sizes.
    """
    if not frames or not all(isinstance(frame, Svg) for frame in frames):
        kinds = ", ".join(dict.fromkeys(type(frame).__name__ for frame in frames)) or "none"
        raise OptionError(f"animation: expected pictures (Svg), one or more, got {kinds}")
    if not 0 < seconds <= 60:
        raise OptionError(
            f"animation: expected more than 0 and up to 60 seconds per frame, got {seconds}"
        )
    first = frames[0]
    for place, frame in enumerate(frames):
        if (frame.width, frame.height) != (first.width, first.height):
            raise ShapeError(
                f"animation: expected pictures of one size, got {first.width:g} x "
                f"{first.height:g} pixels at 0 and {frame.width:g} x {frame.height:g} at {place}"
            )


def to_gif(frames: Sequence[Svg], seconds: float, scale: float = 1) -> bytes:
    """Return pictures as the bytes of a GIF file that plays for ever, resting on the last.

    Args:
        frames: pictures of one size.
        seconds: that each is shown; a GIF counts in hundredths.
        scale: pixels of the file for each pixel of a picture, across and down.

    Raises:
        OptionError: a scale that is 0 or less or too large.
        MissingExtraError: Pillow or resvg is not installed.
    """
    pillow: Any = require("PIL.Image", "pictures", "writing GIF files")
    painted = [_painted(pillow, frame, scale) for frame in frames]
    each = max(20, 10 * round(100 * seconds))
    file = io.BytesIO()
    painted[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=painted[1:],
        duration=[each] * (len(painted) - 1) + [_REST * each],
        loop=0,
    )
    return file.getvalue()


def to_page(frames: Sequence[Svg], seconds: float) -> str:
    """Return a page of HTML, complete in itself, that plays the pictures.

    Args:
        frames: pictures of one size.
        seconds: that each is shown.
    """
    last = len(frames) - 1
    shown = (
        element("div", frame.inline(), class_="frame", hidden=None if place == last else "")
        for place, frame in enumerate(frames)
    )
    slider = element(
        "input", type="range", min=0, max=last, value=last, step=1, aria_label="picture"
    )
    script = asset("film.js").replace("$MILLISECONDS", f"{1000 * seconds:g}")
    body = [
        element("main", *shown),
        element(
            "form",
            element("button", "Play", type="button"),
            slider,
            element("output", f"{last + 1} of {last + 1}"),
            autocomplete="off",
        ),
        element("script", Markup(script)),
    ]
    return document(frames[-1].title, STYLESHEET + asset("film.css"), *body, scripts=True)


def to_frame(frames: Sequence[Svg], seconds: float) -> Markup:
    """Return the page as a frame for a notebook or another page, which it cannot touch."""
    return element(
        "iframe",
        "",
        srcdoc=to_page(frames, seconds),
        sandbox="allow-scripts",
        title=frames[-1].title,
        width=frames[0].width + _MARGIN,
        height=frames[0].height + _CONTROLS,
        style="border: 0; max-width: 100%",
    )


def _painted(pillow: Any, frame: Svg, scale: float) -> Any:
    """A picture in 256 colours of its own."""
    with pillow.open(io.BytesIO(frame.to_png(scale=scale))) as image:
        return image.convert("RGB").quantize(256, dither=pillow.Dither.NONE)

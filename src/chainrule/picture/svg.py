"""The finished picture: an SVG that stands alone, sits in a page, or goes to a file (floor 0).

What it is made of comes from `markup`, its colours and lettering from `palette`, its way into PNG
and PDF from `export`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from chainrule.errors import OptionError, did_you_mean
from chainrule.files import replace_bytes
from chainrule.picture.export import to_pdf, to_png
from chainrule.picture.markup import Markup, element, join, number
from chainrule.picture.palette import ALONE, STYLESHEET

__all__ = ["Svg", "group", "label", "line"]

_NAMESPACE = "http://www.w3.org/2000/svg"
_ENDINGS = (".svg", ".png", ".pdf")
_MARGIN = 16  # pixels of paper around a picture that stands alone


@dataclass(frozen=True)
class Svg:
    """A picture, `width` by `height` pixels.

    Printed or saved it stands alone: it carries its style and its own paper, light or dark as the
    reader's system is. `inline()` is the same for a page that carries `STYLESHEET`: no paper, and
    the page's ink. A notebook shows it as it is.

    Attributes:
        width: pixels across.
        height: pixels down.
        title: what the picture is, for a screen reader and for the mouse resting on it.
        description: what it shows, for whoever cannot see it.
        body: the elements, in drawing order.

    Examples:
        >>> dot = Svg(8, 8, "a dot", "", element("circle", cx=4, cy=4, r=3))
        >>> print(dot.inline())  # doctest: +ELLIPSIS
        <svg class="chainrule" ... viewBox="0 0 8 8"...><title>a dot</title><circle ...
    """

    width: float
    height: float
    title: str
    description: str
    body: Markup

    def __str__(self) -> str:
        frame = {
            "x": -_MARGIN,
            "y": -_MARGIN,
            "width": self.width + 2 * _MARGIN,
            "height": self.height + 2 * _MARGIN,
        }
        style = element("style", Markup("\n" + STYLESHEET + ALONE))
        return self._svg(frame, style, element("rect", **frame, class_="paper"), xmlns=_NAMESPACE)

    def _repr_svg_(self) -> str:
        return str(self)

    def inline(self) -> Markup:
        """Return the picture as an element for a page that carries `STYLESHEET`."""
        return self._svg({"x": 0, "y": 0, "width": self.width, "height": self.height})

    def save(self, path: str | os.PathLike[str], *, scale: float = 2) -> None:
        """Write the picture to a file, beside it first and then renamed.

        Args:
            path: ending in `.svg`, `.png` or `.pdf`.
            scale: for PNG, pixels of the file for each pixel of the picture, across and down.

        Raises:
            OptionError: another ending, or a scale that is 0 or less or too large.
            MissingExtraError: what writes PNG or PDF is not installed.
            OSError: the folder is missing, or may not be written to.
        """
        ending = Path(path).suffix.lower()
        if ending not in _ENDINGS:
            raise OptionError(
                f"a picture is saved as .svg, .png or .pdf, got {os.fspath(path)!r}"
                + did_you_mean(ending, _ENDINGS)
            )
        replace_bytes(path, self._encoded(ending, scale))

    def to_png(self, *, scale: float = 2) -> bytes:
        """Return the picture as the bytes of a PNG file, `scale` pixels for each of its own.

        Raises:
            OptionError: a scale that is 0 or less or too large.
            MissingExtraError: what writes PNG is not installed.
        """
        return to_png(str(self), self.width + 2 * _MARGIN, self.height + 2 * _MARGIN, scale)

    def _encoded(self, ending: str, scale: float) -> bytes:
        if ending == ".svg":
            return f"{self}\n".encode()
        return to_pdf(str(self), self.title) if ending == ".pdf" else self.to_png(scale=scale)

    def _svg(self, frame: dict[str, float], *before: Markup, xmlns: str | None = None) -> Markup:
        return element(
            "svg",
            element("title", self.title),
            element("desc", self.description) if self.description else None,
            *before,
            self.body,
            class_="chainrule",
            role="img",
            xmlns=xmlns,
            width=frame["width"],
            height=frame["height"],
            viewBox=" ".join(number(frame[side]) for side in ("x", "y", "width", "height")),
        )


def label(text: str, x: float, y: float, **attributes: str | float | None) -> Markup:
    """Return a line of text whose baseline begins (or ends, with `text_anchor`) at `x, y`."""
    return element("text", text, x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: str | float | None) -> Markup:
    """Return a straight line from `x1, y1` to `x2, y2`."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def group(parts: Iterable[Markup | None], **attributes: str | float | None) -> Markup:
    """Return several elements as one."""
    return element("g", join(parts), **attributes)

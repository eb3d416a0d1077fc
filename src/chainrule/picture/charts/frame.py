"""The frame of a chart: the plot's rectangle on the paper, its grid, ticks and names (floor 0).

Every chart with two axes is drawn into one. Above the plot lie up to three rows: the title, the
name of the upright axis (written level, so that nobody tilts their head) and a row for marks.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.picture.charts.axis import Axis
from chainrule.picture.markup import Markup, join
from chainrule.picture.svg import group, label, line
from chainrule.picture.text import shorten, text_width

__all__ = ["Frame", "framed"]

_ROW = 20  # from one line of text above the plot to the next


@dataclass(frozen=True)
class Frame:
    """Where a plot lies on the paper, in pixels from its upper left corner, and its two axes.

    Attributes:
        left: of the plot.
        top: of the plot.
        right: of the plot.
        bottom: of the plot.
        height: of the paper.
        across: the level axis.
        up: the upright axis.
        title: what stands above it all.
    """

    left: float
    top: float
    right: float
    bottom: float
    height: float
    across: Axis
    up: Axis
    title: str

    def x(self, value: float) -> float:
        """Return how far from the paper's left edge `value` stands."""
        return self.left + self.across.fraction(value) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return how far below the paper's upper edge `value` stands."""
        return self.bottom - self.up.fraction(value) * (self.bottom - self.top)

    def drawn(self) -> Markup:
        """Return title, grid, ticks and the names of the axes."""
        return join([self._names(), self._rungs(), self._feet()])

    def _names(self) -> Markup:
        middle = (self.left + self.right) / 2
        return join(
            [
                label(self.title, 0, 14, class_="title") if self.title else None,
                label(self.up.name, 0, 14 + _ROW * bool(self.title), class_="soft")
                if self.up.name
                else None,
                label(
                    self.across.name, middle, self.bottom + 38, class_="soft", text_anchor="middle"
                )
                if self.across.name
                else None,
            ]
        )

    def _rungs(self) -> Markup:
        """The level lines of the grid, each with its number at the left."""
        return group(
            part
            for tick, text in zip(self.up.ticks, self.up.labels, strict=True)
            for part in (
                line(self.left, self.y(tick), self.right, self.y(tick), class_="grid"),
                label(text, self.left - 8, self.y(tick) + 4, class_="soft", text_anchor="end"),
            )
        )

    def _feet(self) -> Markup:
        """The lower edge, and the numbers that stand under it."""
        return group(
            [
                line(self.left, self.bottom, self.right, self.bottom, class_="axis"),
                *(
                    part
                    for tick, text in zip(self.across.ticks, self.across.labels, strict=True)
                    for part in (
                        line(
                            self.x(tick), self.bottom, self.x(tick), self.bottom + 5, class_="axis"
                        ),
                        label(
                            text,
                            self.x(tick),
                            self.bottom + 19,
                            class_="soft",
                            text_anchor="middle",
                        ),
                    )
                ),
            ]
        )


def framed(
    width: float,
    across: Axis,
    up: Axis,
    *,
    height: float | None = None,
    ratio: float = 1,
    title: str = "",
    marks: bool = False,
    beside: float = 0,
) -> Frame:
    """Return the frame of a chart on paper of `width` pixels.

    Args:
        width: of the paper.
        across: the level axis.
        up: the upright axis.
        height: of the paper; what `ratio` asks for if not given.
        ratio: the height of the plot as a multiple of its width.
        title: of the chart; shortened to the paper's width.
        marks: whether a row is kept free right above the plot.
        beside: pixels kept free at the right of the plot.

    Returns:
        A frame that leaves room for the labels of both axes.
    """
    rows = bool(title) + bool(up.name) + marks
    ends = text_width(across.labels[-1]) / 2 if across.labels else 0
    left = 8 + max((text_width(text) for text in up.labels), default=0)
    right = width - max(beside, ends, 4)
    top = 12 + _ROW * rows
    below = 46 if across.name else 28
    if height is None:
        height = top + ratio * (right - left) + below
    shortened = shorten(title, width, 15)
    return Frame(left, top, right, height - below, height, across, up, shortened)

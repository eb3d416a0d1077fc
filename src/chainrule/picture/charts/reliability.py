"""How often something came true that was said to be so likely: a reliability diagram (floor 0)."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.errors import ShapeError
from chainrule.picture.charts.axis import drawable, linear_axis
from chainrule.picture.charts.frame import Frame, framed
from chainrule.picture.markup import Markup, element, join
from chainrule.picture.palette import FAULT, SERIES
from chainrule.picture.svg import Svg, group, label, line

__all__ = ["reliability_chart"]

_FAINT = 0.25  # how strongly the bar of the fewest is drawn


def reliability_chart(
    said: Sequence[float],
    came: Sequence[float],
    counts: Sequence[int],
    *,
    title: str = "",
    x_label: str = "how sure it was",
    y_label: str = "how often it was right",
    width: float = 400,
) -> Svg:
    """Draw a bar for each group of answers: as high as how often they came true.

    Args:
        said: of each group the mean probability that was given, 0 to 1.
        came: the share that came true.
        counts: how many there are; a group of none has no bar. The more, the stronger its bar.
        title: what the picture is.
        x_label: what is measured across.
        y_label: what is measured upwards.
        width: of the picture, in pixels; its height follows.

    Returns:
        The chart; on the dotted line what was said and what came are equal, and a stroke leads
        from it to each bar. A number at the foot of a bar says how many there are.

    Raises:
        ShapeError: not as many of each.

    Examples:
        >>> reliability_chart([0.6, 0.9], [0.5, 0.9], [10, 90]).description
        'said 60 %, came 50 % of 10; said 90 %, came 90 % of 90'
    """
    if not len(said) == len(came) == len(counts):
        raise ShapeError(
            f"reliability: {len(said)} probabilities, {len(came)} shares and {len(counts)} counts; "
            "give one of each for a group"
        )
    across, up = (linear_axis([0, 1], name=name, percent=True) for name in (x_label, y_label))
    frame = framed(width, across, up, title=title, ratio=0.9)
    groups = [(a, b, n) for a, b, n in zip(said, came, counts) if n and drawable(a) and drawable(b)]
    most = max((n for _, _, n in groups), default=1)
    wide = (frame.right - frame.left) / max(len(said), 4) * 0.8
    body = [
        frame.drawn(),
        *(_bar(frame, *one, wide, _FAINT + (1 - _FAINT) * one[2] / most) for one in groups),
        line(frame.x(0), frame.y(0), frame.x(1), frame.y(1), class_="mark"),
        *(_gap(frame, a, b) for a, b, _ in groups),
    ]
    words = "; ".join(f"said {a:.0%}, came {b:.0%} of {n:,}" for a, b, n in groups)
    return Svg(width, frame.height, title or "reliability", words.replace("%", " %"), join(body))


def _bar(
    frame: Frame, said: float, came: float, count: int, wide: float, strength: float
) -> Markup:
    x, top = frame.x(said), frame.y(came)
    left, right = max(x - wide / 2, frame.left), min(x + wide / 2, frame.right)
    return group(
        [
            element("title", f"said {said:.0%}, came {came:.0%} of {count:,}"),
            element(
                "rect",
                x=left,
                y=top,
                width=right - left,
                height=frame.bottom - top,
                fill=SERIES[0],
                fill_opacity=0.75 * strength,
            ),
            label(
                f"{count:,}",
                (left + right) / 2,
                frame.bottom - 5,
                text_anchor="middle",
                font_size=9,
            ),
        ]
    )


def _gap(frame: Frame, said: float, came: float) -> Markup:
    x = frame.x(said)
    return line(x, frame.y(said), x, frame.y(came), stroke=FAULT, stroke_width=2)

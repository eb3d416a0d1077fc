"""How often something came true that was said to be so likely: a reliability diagram (floor 0)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from chainrule.errors import ShapeError
from chainrule.picture.charts.axis import drawable, linear_axis
from chainrule.picture.charts.frame import Frame, framed
from chainrule.picture.markup import Markup, element, join
from chainrule.picture.palette import FAULT, SERIES
from chainrule.picture.svg import Svg, group, label, line
from chainrule.picture.text import text_width

__all__ = ["reliability_chart"]

_SMALL = 9  # the size of letters
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
    sides = _sides(frame, [a for a, _, _ in groups], len(said))
    body = [
        frame.drawn(),
        *(
            _bar(frame, side, a, b, n, _FAINT + (1 - _FAINT) * n / most)
            for side, (a, b, n) in zip(sides, groups)
        ),
        *_numbers(frame, sides, [f"{n:,}" for _, _, n in groups]),
        line(frame.x(0), frame.y(0), frame.x(1), frame.y(1), class_="mark"),
        *(_gap(frame, a, b) for a, b, _ in groups),
    ]
    words = "; ".join(f"said {a:.0%}, came {b:.0%} of {n:,}" for a, b, n in groups)
    return Svg(width, frame.height, title or "reliability", words.replace("%", " %"), join(body))


def _sides(frame: Frame, said: Sequence[float], count: int) -> list[tuple[float, float]]:
    """Left and right of each bar: of one width, but where two would overlap they part midway."""
    half = (frame.right - frame.left) / max(count, 4) * 0.4
    xs = [frame.x(a) for a in said]
    return [
        (
            max(x - half, frame.left, *((x + other) / 2 for other in xs if other < x)),
            min(x + half, frame.right, *((x + other) / 2 for other in xs if other > x)),
        )
        for x in xs
    ]


def _bar(
    frame: Frame,
    side: tuple[float, float],
    said: float,
    came: float,
    count: int,
    strength: float,
) -> Markup:
    (left, right), top = side, frame.y(came)
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
        ]
    )


def _numbers(
    frame: Frame, sides: Sequence[tuple[float, float]], numbers: Sequence[str]
) -> Iterator[Markup]:
    """A number at the foot of each bar; one that would run into the last stands a line higher."""
    end, is_higher = -math.inf, False
    for (left, right), number in zip(sides, numbers):
        middle, half = (left + right) / 2, text_width(number, _SMALL) / 2
        is_higher = not is_higher and middle - half < end + 2
        foot = frame.bottom - (5 + _SMALL + 1 if is_higher else 5)
        yield label(number, middle, foot, text_anchor="middle", font_size=_SMALL)
        end = middle + half


def _gap(frame: Frame, said: float, came: float) -> Markup:
    x = frame.x(said)
    return line(x, frame.y(said), x, frame.y(came), stroke=FAULT, stroke_width=2)

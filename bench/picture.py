"""The results as a picture: one lane for each workload, one dot for each library.

Across stands, on a logarithmic axis, how many times as long as chainrule it takes. Of the ways to
use a library the quickest counts; a thin line joins the quartiles.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.measure import Result, Spread, spread
from bench.record import Race, Run
from bench.report import told
from chainrule.picture import Markup, Svg, element, join
from chainrule.picture.charts.axis import Axis, log_axis
from chainrule.picture.palette import SERIES, series_color
from chainrule.picture.svg import group, label, line
from chainrule.picture.text import text_width

__all__ = ["picture"]

WIDTH, LEFT, LANE, TOP = 860, 340, 34, 70  # pixels


def picture(run: Run, threads: int = 1) -> Svg:
    """Draw the races with so many threads."""
    lanes = [(race, dots) for race in run.with_threads(threads) if (dots := _dots(race))]
    libraries = list(dict.fromkeys(name for _, dots in lanes for name in dots))
    ends = [end for _, dots in lanes for found in dots.values() for end in found]
    axis = log_axis([1.0, *ends], name="times as long as chainrule")
    height = TOP + LANE * len(lanes) + 50
    parts = [
        label(f"Others' time divided by ours: {told(threads)}", 0, 14, class_="title"),
        *_keys(libraries),
        _grid(axis, TOP + LANE * len(lanes)),
        *(_lane(axis, i, race, dots, libraries) for i, (race, dots) in enumerate(lanes)),
    ]
    words = "; ".join(_in_words(race, dots) for race, dots in lanes)
    return Svg(WIDTH, height, "Speed against other libraries", words, join(parts))


def _dots(race: Race) -> dict[str, Spread]:
    """For each library the ratio of its quickest contender to ours; of ours, eager's."""
    ours = race.ours()
    if ours is None:
        return {}
    quickest: dict[str, Result] = {}
    for result in sorted(race.peers(), key=lambda r: spread(r.seconds).median):
        quickest.setdefault(result.label.partition(",")[0], result)
    found = {name: result.ratio(ours) for name, result in sorted(quickest.items())}
    eager = race.named("eager") or race.named("scalars-eager")
    if eager and eager is not ours:
        found["chainrule, eager"] = eager.ratio(ours)
    return found


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.fraction(value) * (WIDTH - LEFT - 16)


def _dot(x: float, y: float, i: int) -> Markup:
    """Filled for the first round through the colours, hollow for the second."""
    hollow = i >= len(SERIES)
    return element(
        "circle",
        cx=x,
        cy=y,
        r=4 if hollow else 5,
        fill="none" if hollow else series_color(i),
        stroke=series_color(i),
        stroke_width=2,
    )


def _keys(names: list[str]) -> Iterator[Markup]:
    """The legend: each name as far from the one before as that is long."""
    x, y = 6.0, 36.0
    for i, name in enumerate(names):
        needed = text_width(name) + 34
        if x + needed > WIDTH:
            x, y = 6.0, y + 18
        yield group([_dot(x, y, i), label(name, x + 11, y + 4)])
        x += needed


def _grid(axis: Axis, bottom: float) -> Markup:
    middle = (LEFT + WIDTH - 16) / 2
    feet = [
        part
        for tick, text in zip(axis.ticks, axis.labels, strict=True)
        for part in (
            line(
                _x(axis, tick), TOP, _x(axis, tick), bottom, class_="axis" if tick == 1 else "grid"
            ),
            label(text, _x(axis, tick), bottom + 18, class_="soft", text_anchor="middle"),
        )
    ]
    name = label(axis.name, middle, bottom + 38, class_="soft", text_anchor="middle")
    return group([*feet, name])


def _lane(axis: Axis, i: int, race: Race, dots: dict[str, Spread], libraries: list[str]) -> Markup:
    y = TOP + LANE * (i + 0.5)
    parts = [label(race.workload.title, LEFT - 14, y + 4, text_anchor="end")]
    parts.append(line(LEFT, y, WIDTH - 16, y, class_="grid"))
    for name, (low, median, high) in dots.items():
        k = libraries.index(name)
        whisker = line(_x(axis, low), y, _x(axis, high), y, stroke=series_color(k), stroke_width=2)
        told = element("title", f"{name}: {median:.3g} times as long")
        parts.append(group([told, whisker, _dot(_x(axis, median), y, k)]))
    return group(parts)


def _in_words(race: Race, dots: dict[str, Spread]) -> str:
    told = ", ".join(f"{name} {found.median:.3g}" for name, found in dots.items())
    return f"{race.workload.title}: {told}"

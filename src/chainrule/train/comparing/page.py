"""Runs side by side as a page: `compare.html` (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from chainrule.explain.look.confusion import counted
from chainrule.explain.look.rows import rows_of
from chainrule.picture import Markup, Svg, element, line_chart, matrix_chart
from chainrule.train.comparing.comparison import Comparison, Row
from chainrule.train.job.outcome import Outcome
from chainrule.train.reporting.contents import Passage, Report
from chainrule.train.reporting.sections.curves import measures_of, spoken
from chainrule.train.reporting.sections.parts import image, is_share, look_at, scrolling, table

__all__ = ["page_of"]

_MOST_EXAMPLES = 24
_MOST_CLASSES = 30  # beyond, matrices side by side cannot be read


def page_of(compared: Comparison) -> Report:
    """Return what the page shows.

    Args:
        compared: the runs.
    """
    return Report(
        " · ".join(compared.names),
        kind="Runs side by side",
        passages=list(_passages(compared)),
    )


def _passages(compared: Comparison) -> Iterator[Passage]:
    yield Passage(
        "figures",
        "What each came to",
        "The figures of the tests, and what they took. The best of a row is in bold.",
        _rows(compared, compared.figures),
    )
    differing = [row for row in compared.settings if row.differs]
    alike = [row for row in compared.settings if not row.differs]
    yield Passage(
        "settings",
        "In what they differ",
        "The settings that are not the same in all runs; what is alike is folded away.",
        element(
            "div",
            _rows(compared, differing) if differing else element("p", "All settings are alike."),
            element("details", element("summary", "What is alike"), _rows(compared, alike)),
            class_="content",
        ),
    )
    if any(len(run.history) for run in compared.runs):
        yield Passage(
            "curves",
            "How they learned",
            "The same number of each run, from epoch to epoch, on the validation examples where "
            "there were any.",
            element("div", *(c.inline() for c in _curves(compared)), class_="side-by-side"),
        )
    yield Passage(
        "apart",
        "Whether the difference is one",
        "Of two runs, the test examples on which one is right and the other is not (of numbers: "
        "comes nearer); and how often two equally good networks would differ so much or more by "
        "the luck of the draw (McNemar's exact test). Above 5 % or so nothing has been shown.",
        _apart(compared),
    )
    outcomes = [run.outcome for run in compared.runs if run.outcome is not None]
    if compared.missed is None or not compared.runs[0].classes:
        return
    if len(compared.runs[0].classes) <= _MOST_CLASSES:
        yield Passage(
            "confusion",
            "What each confuses",
            "A row is a true class and a column the class that was given: blue on the diagonal is "
            "right, every orange cell is a mistake.",
            element("div", *_matrices(compared, outcomes), class_="side-by-side"),
        )
    if divided := compared.divided:
        yield Passage(
            "divided",
            "What divides them",
            "Test examples that some are right about and others are not.",
            _divided(compared, outcomes, divided),
        )


def _rows(compared: Comparison, rows: Sequence[Row]) -> Markup:
    head = (element("th", name, scope="col") for name in ("", *compared.names))
    body = (
        element(
            "tr",
            element("th", row.name, scope="row"),
            *(
                element("td", element("strong", told) if i == row.best else told)
                for i, told in enumerate(row.values)
            ),
        )
        for row in rows
    )
    return scrolling(table(head, body))


def _curves(compared: Comparison) -> Iterator[Svg]:
    histories = [run.history.rows for run in compared.runs]
    for measure in measures_of([row for rows in histories for row in rows]):
        key = f"validation_{measure}"
        if not any(key in row for rows in histories for row in rows):
            key = measure
        series = {
            name: np.array([(row.get("epoch", i), row.get(key, math.nan)) for i, row in own])
            for name, rows in zip(compared.names, histories)
            if (own := list(enumerate(rows, start=1)))
        }
        words = "" if key == measure else "Validation "
        yield line_chart(
            series,
            title=words + (spoken(measure).lower() if words else spoken(measure)),
            x_label="epoch",
            y_format="%" if is_share(measure) else "number",
            width=460,
            height=300,
        )


def _apart(compared: Comparison) -> Markup:
    if compared.missed is None:
        return element("p", f"It cannot be said: {compared.why_not}.")
    classes = bool(compared.runs[0].classes)
    words = "only {} is right" if classes else "{} is nearer"
    rows = [
        element(
            "tr",
            *(
                element("td", words.format(compared.names[k]) + f": {count:,}")
                for k, count in ((pair.first, pair.only_first), (pair.second, pair.only_second))
            ),
            element("td", pair.chance_text, class_="number"),
        )
        for pair in compared.pairs
    ]
    heads = (element("th", t) for t in ("", ""))
    by_chance = element("th", "so much by chance", class_="number")
    return scrolling(table([*heads, by_chance], rows))


def _matrices(compared: Comparison, outcomes: Sequence[Outcome]) -> Iterator[Markup]:
    for name, outcome in zip(compared.names, outcomes):
        classes = outcome.test.classes or ()
        counts = counted(outcome.test.y, outcome.outputs.argmax(axis=1), len(classes))
        yield element("div", element("h3", name), look_at(matrix_chart(counts, classes)))


def _divided(compared: Comparison, outcomes: Sequence[Outcome], rows: Sequence[int]) -> Markup:
    test = outcomes[0].test
    classes = test.classes or ()
    named = rows_of(test)
    tiles = []
    for row in rows[:_MOST_EXAMPLES]:
        said = [classes[int(outcome.outputs[row].argmax())] for outcome in outcomes]
        told = element(
            "small",
            f"row {row}",
            *(element("span", f"{name}: {answer}") for name, answer in zip(compared.names, said)),
        )
        truth = element("strong", classes[int(test.y[row])])
        if test.is_image:
            pixels = (test.x[row] / np.float32(test.levels or 255)).astype(np.float32)
            shown = image(pixels, f"row {row}, {classes[int(test.y[row])]}")
            tiles.append(element("figure", shown, element("figcaption", truth, told)))
        else:
            text = element("p", named.told(row))
            tiles.append(element("div", text, truth, told, class_="row"))
    rest = len(rows) - len(tiles)
    note = element("p", f"and {rest:,} more", class_="note") if rest else None
    kind = "tiles" if test.is_image else "rows"
    return element("div", element("div", *tiles, class_=kind), note, class_="content")

"""The examples that a network gets most wrong (floor 4)."""

from __future__ import annotations

import math

import numpy as np

from chainrule.explain.look.mistakes import Mistake, sure_text
from chainrule.picture import Markup, element, join
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import image, section

__all__ = ["mistakes"]

_MOST_MISTAKES = 42
_READING_MISTAKES = (
    "Rows of the test set that it got wrong, the ones it was surest of first: some a person would "
    "misread too, some show what the network has not understood, and now and then the given label "
    "is the one that is wrong."
)
_READING_ERRORS = (
    "Rows of the test set whose prediction is farthest from the truth: look for what they have in "
    "common, for that is what the network has not understood."
)


def mistakes(report: Report) -> Markup | None:
    """The mistakes, as pictures or as rows."""
    if not report.mistakes:
        return None
    shown = report.mistakes[:_MOST_MISTAKES]
    verb = "read" if max(map(len, report.classes), default=9) <= 2 else "said"
    pictures = [_mistake(one, verb) for one in shown if one.picture is not None]
    rows = [_wrong_row(one) for one in shown if one.picture is None]
    more = f"The first {len(shown)} of {len(report.mistakes):,}."
    return section(
        "mistakes",
        "Its largest mistakes" if report.scatter else "Its surest mistakes",
        _READING_ERRORS if report.scatter else _READING_MISTAKES,
        element("div", *pictures, class_="tiles") if pictures else None,
        element("div", *rows, class_="rows") if rows else None,
        element("p", more, class_="note") if len(shown) < len(report.mistakes) else None,
    )


def _mistake(one: Mistake, verb: str) -> Markup:
    alt = f"row {one.index}: {verb} {one.predicted}, was {one.truth}"
    return element(
        "figure",
        image(np.asarray(one.picture), alt),
        element("figcaption", *_verdict(one, verb)),
    )


def _wrong_row(one: Mistake) -> Markup:
    return element("div", element("p", one.text), *_verdict(one, "said"), class_="row")


def _verdict(one: Mistake, verb: str) -> list[Markup]:
    """`read 7, was 1` and, smaller, `98 % sure` and `row 1234`."""
    asides = [] if math.isnan(one.confidence) else [f"{sure_text(one.confidence)} sure"]
    asides.append(f"row {one.index}")
    return [
        join(
            [f"{verb} ", element("strong", one.predicted), ", was ", element("strong", one.truth)]
        ),
        element("small", *(element("span", aside) for aside in asides)),
    ]

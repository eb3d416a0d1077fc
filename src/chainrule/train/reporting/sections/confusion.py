"""Which classes are taken for which, and how well each is found (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from chainrule.explain.look.confusion import Confusion
from chainrule.ops import Array
from chainrule.picture import Markup, element, join, matrix_chart
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import section, share_cell, table

__all__ = ["confusion"]

_MOST_CLASSES = 16  # rows of the per-class table before the rest is folded away


def confusion(report: Report) -> Markup | None:
    """The matrix, the table by class, and what is confused most."""
    if report.confusion is None:
        return None
    counts = np.asarray(report.confusion)
    chart = matrix_chart(counts, report.classes)
    matrix = element(
        "div", chart.inline(), class_="scroll", style=f"--least: {0.7 * chart.width:.0f}px"
    )
    table = element("div", _class_table(counts, report.classes))
    few = len(report.classes) <= 10
    return section(
        "confusion",
        "Which classes it confuses",
        "A row of the matrix is a true class and a column the class that was given, so blue on "
        "the diagonal is right and every orange cell is a mistake. Recall is how many of a class "
        "were found, precision how many of those given a class belonged to it, and F1 is their "
        "harmonic mean.",
        element("div", matrix, table, class_="matrix-and-table") if few else join([matrix, table]),
        _commonest(Confusion(counts, tuple(report.classes))),
    )


def _commonest(found: Confusion) -> Markup:
    """The three most frequent confusions as a sentence."""
    told = [f"{truth} taken for {given} ({n:,})" for truth, given, n in found.commonest(3)]
    text = f"Most frequent: {', '.join(told)}." if told else "Nothing in the test set was confused."
    return element("p", text, class_="note")


def _f1(recall: float, precision: float) -> float:
    """Their harmonic mean; NaN where either is."""
    both = recall + precision
    return 2 * recall * precision / both if both else 0.0


def _class_table(counts: Array, classes: Sequence[str]) -> Markup:
    """Precision and recall of each class; of many classes the worst found first."""
    found = Confusion(counts, tuple(classes))
    recall, precision = list(found.recall.values()), list(found.precision.values())
    order = list(range(len(classes)))
    if len(order) > _MOST_CLASSES:
        order.sort(key=lambda k: (math.isnan(recall[k]), recall[k]))
    rows = [
        element(
            "tr",
            element("th", classes[k], scope="row"),
            element("td", f"{counts[k].sum():,}", class_="number"),
            share_cell(recall[k]),
            share_cell(precision[k]),
            share_cell(_f1(recall[k], precision[k])),
        )
        for k in order
    ]
    head = (
        element("th", name, class_="number" if name == "rows" else None, scope="col")
        for name in ("class", "rows", "recall", "precision", "F1")
    )
    heads = join(head)
    first = table([heads], rows[:_MOST_CLASSES])
    if len(rows) <= _MOST_CLASSES:
        return first
    rest = table([heads], rows[_MOST_CLASSES:])
    told = f"The other {len(rows) - _MOST_CLASSES} classes, better found"
    return join([first, element("details", element("summary", told), rest)])

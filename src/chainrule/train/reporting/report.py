"""A training run as one page to read, keep and send: `report.html` (floor 4).

Plain data in, one self-contained file out: no script, no font, no address outside the page, and a
policy in its head that forbids them all. Whatever of the data is missing, its section is left out.
The sections are in `sections`, the look of the page is in `report.css`.
"""

from __future__ import annotations

import os
from importlib.resources import files

from chainrule.files import replace_text
from chainrule.picture import STYLESHEET, Markup, document, element
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.confusion import confusion
from chainrule.train.reporting.sections.curves import curves
from chainrule.train.reporting.sections.data import data
from chainrule.train.reporting.sections.errors import scatter
from chainrule.train.reporting.sections.findings import findings
from chainrule.train.reporting.sections.foreseen import foreseen
from chainrule.train.reporting.sections.look import look
from chainrule.train.reporting.sections.mistakes import mistakes
from chainrule.train.reporting.sections.network import network
from chainrule.train.reporting.sections.parts import section
from chainrule.train.reporting.sections.regions import regions
from chainrule.train.reporting.sections.repeat import repeat
from chainrule.train.reporting.sections.use import use
from chainrule.train.reporting.sections.weights import weights
from chainrule.train.reporting.sections.worth import worth

__all__ = ["render", "write"]


def render(report: Report) -> str:
    """Return the page of a run as HTML that needs nothing else.

    Args:
        report: what the run left behind.

    Returns:
        The page; the same report always gives the same text.

    Raises:
        ShapeError: arrays and names that do not fit together.

    Examples:
        >>> page = render(Report("a run", headline=[("test accuracy", "98.1 %")]))
        >>> page.startswith("<!doctype html>"), "98.1 %" in page, "<script" in page
        (True, True, False)
    """
    sections = (
        *(section(p.name, p.title, p.reading, p.content) for p in report.passages),
        findings(report),
        worth(report),
        curves(report),
        regions(report),
        scatter(report),
        confusion(report),
        *map(look, report.judged),
        mistakes(report),
        weights(report),
        *map(look, report.looks),
        data(report),
        network(report),
        foreseen(report),
        repeat(report),
        use(report),
    )
    style = files("chainrule.train.reporting").joinpath("report.css").read_text(encoding="utf-8")
    body = (_band(report), element("main", *sections), _footer())
    return document(report.title, style + STYLESHEET, *body)


def write(report: Report, path: str | os.PathLike[str]) -> None:
    """Write the page of a run to a file, beside it first and then renamed.

    Args:
        report: what the run left behind.
        path: where to, usually `report.html`.

    Raises:
        ShapeError: arrays and names that do not fit together.
        OSError: the folder is missing, or may not be written to.
    """
    replace_text(path, render(report))


def _band(report: Report) -> Markup:
    numbers = (
        element("div", element("dt", name), element("dd", value)) for name, value in report.headline
    )
    return element(
        "header",
        element(
            "div",
            element("p", report.kind, class_="kind"),
            element("h1", report.title),
            element("dl", *numbers, class_="headline") if report.headline else None,
        ),
        class_="band",
    )


def _footer() -> Markup:
    return element("footer", "Written by chainrule. This page is whole: it loads nothing.")

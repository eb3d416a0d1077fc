"""How a run is done again: its command, settings and environment (floor 4)."""

from __future__ import annotations

from chainrule.picture import Markup, element
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import facts, section

__all__ = ["repeat"]


def repeat(report: Report) -> Markup | None:
    """The command that does it again, and under what it ran."""
    if not (report.command or report.settings or report.environment):
        return None
    columns = [
        element("div", element("h3", title), facts(pairs))
        for title, pairs in (("Settings", report.settings), ("Environment", report.environment))
        if pairs
    ]
    return section(
        "repeat",
        "Do it again",
        "The command repeats this run; with the same settings, data and versions it gives the "
        "same numbers. One click selects it.",
        element("pre", element("code", report.command)) if report.command else None,
        element("div", *columns, class_="side-by-side") if columns else None,
    )

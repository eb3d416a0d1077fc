"""What a run was predicted to take, beside what it took (floor 4)."""

from __future__ import annotations

from chainrule.picture import Markup, element
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import scrolling, section, table

__all__ = ["foreseen"]


def foreseen(report: Report) -> Markup | None:
    """A row for each thing that was predicted."""
    if not report.foreseen:
        return None
    rows = [
        element(
            "tr",
            element("th", name, scope="row"),
            *(element("td", told, class_="number") for told in both),
        )
        for name, *both in report.foreseen
    ]
    names = ("", "predicted", "measured")
    head = [element("th", n, class_="number" if n else None, scope="col") for n in names]
    return section(
        "foreseen",
        "What it took",
        "Reckoned before the first step, from the operations of one step and from what this "
        "machine was measured to do; and what it was. Where the two are far apart, the machine "
        "was busy, or something besides the network takes the time.",
        scrolling(table(head, rows)),
    )

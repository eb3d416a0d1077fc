"""The layers of a network as a table (floor 4)."""

from __future__ import annotations

from chainrule.picture import Markup, element
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import scrolling, section, table

__all__ = ["network"]


def network(report: Report) -> Markup | None:
    """A row for each layer."""
    if not report.network:
        return None
    columns = list(dict.fromkeys(name for row in report.network for name in row))
    numeric = {
        name: all(_is_number(row.get(name, "")) for row in report.network) for name in columns
    }
    look = {name: "number" if numeric[name] else None for name in columns}
    rows = [
        element(
            "tr",
            *(element("td", row.get(name, ""), class_=look[name]) for name in columns),
            class_="total" if "total" in map(str.lower, row.values()) else None,
        )
        for row in report.network
    ]
    head = (element("th", name, class_=look[name], scope="col") for name in columns)
    return section(
        "network",
        "The network",
        "The layers in the order the data passes through them: what leaves each, how many numbers "
        "it learns, and how many multiply-adds it takes for one example.",
        scrolling(table(head, rows)),
    )


def _is_number(text: str) -> bool:
    """Whether a cell holds a count, or nothing."""
    return text.replace(",", "").replace(".", "").strip(" –-").isdecimal() or not text.strip(" –-")

"""What is not well: the findings of a doctor (floor 4)."""

from __future__ import annotations

from chainrule.explain.doctor.finding import Finding, Severity
from chainrule.picture import Markup, element
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import section

__all__ = ["findings"]

_HOW_BAD = {
    Severity.HINT: "may be meant",
    Severity.HARMFUL: "harms training",
    Severity.BROKEN: "must be mended",
}


def findings(report: Report) -> Markup | None:
    """The findings, the worst first."""
    if not report.findings:
        return None
    worst_first = sorted(report.findings, key=lambda one: -one.severity)
    return section(
        "findings",
        "What is not well",
        "Found in the data, the network and the run, the worst first: what was measured, and one "
        "thing to do about it. What comes later in the list may come of what is before it.",
        element("ol", *map(_finding, worst_first), class_="findings"),
    )


def _finding(one: Finding) -> Markup:
    return element(
        "li",
        element("h3", one.title, element("small", _HOW_BAD[one.severity])),
        element("p", one.evidence),
        element("p", element("b", "Do: "), one.advice, class_="advice"),
        class_=one.severity.name.lower(),
    )

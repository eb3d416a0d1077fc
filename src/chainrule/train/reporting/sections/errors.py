"""How near a network comes that predicts a number (floor 4)."""

from __future__ import annotations

from chainrule.picture import Markup, scatter_chart
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import section

__all__ = ["scatter"]


def scatter(report: Report) -> Markup | None:
    """Predictions against the truth."""
    if report.scatter is None:
        return None
    chart = scatter_chart(*report.scatter, title="Predicted against truth")
    return section(
        "scatter",
        "How near it comes",
        "Each dot is one row of the test set; on the dotted line the prediction equals the truth, "
        "above it the network said too much, below it too little.",
        chart.inline(),
    )

"""What a classifier of points in the plane says where (floor 4)."""

from __future__ import annotations

from chainrule.picture import Markup, region_chart
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import section

__all__ = ["regions"]


def regions(report: Report) -> Markup | None:
    """The plane in the colours of the classes."""
    if (boundary := report.boundary) is None:
        return None
    chart = region_chart(
        boundary.probabilities,
        boundary.extent,
        boundary.points,
        boundary.targets,
        report.classes,
        title="Decision regions",
        x_label=boundary.x_label,
        y_label=boundary.y_label,
    )
    return section(
        "regions",
        "What it says where",
        "Every place in the plane has the colour of the class the network would give a point "
        "there, the stronger the surer it is; a dot is a point of the data in the colour of its "
        "true class, so a dot on the other colour is a mistake.",
        chart.inline(),
    )

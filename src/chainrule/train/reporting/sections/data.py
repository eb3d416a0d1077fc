"""What a network learned from (floor 4)."""

from __future__ import annotations

from chainrule.errors import ShapeError
from chainrule.picture import Markup, element
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import facts, image, section

__all__ = ["data"]

_MOST_SAMPLES = 24


def data(report: Report) -> Markup | None:
    """What is known of the data."""
    if not report.data and report.samples is None:
        return None
    return section(
        "data",
        "What it learned from",
        "The data the network was shown, and what is known about it; a network knows nothing that "
        "is not in here.",
        _samples(report),
        facts(report.data),
    )


def _samples(report: Report) -> Markup | None:
    if report.samples is None:
        return None
    if len(report.samples) != len(report.sample_labels):
        raise ShapeError(
            f"{len(report.samples)} samples with {len(report.sample_labels)} labels; give one each"
        )
    shown = list(zip(report.samples, report.sample_labels, strict=True))[:_MOST_SAMPLES]
    tiles = (
        element("figure", image(one, f"an example of {name}"), element("figcaption", name))
        for one, name in shown
    )
    roomy = max(map(len, report.sample_labels), default=0) > 6
    return element("div", *tiles, class_="tiles" if roomy else "tiles small")

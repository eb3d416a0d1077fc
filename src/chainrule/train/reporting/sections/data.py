"""What a network learned from (floor 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from chainrule.errors import ShapeError
from chainrule.picture import GOOD, Markup, Strip, bar_chart, element, format_value, strip_chart
from chainrule.train.reporting.contents import ColumnSeen, Report
from chainrule.train.reporting.sections.parts import facts, image, look_at, section

__all__ = ["data"]

_MOST_SAMPLES = 24
_MOST_CLASSES = 30
_MOST_COLUMNS = 40
_MOST_CATEGORIES = 8


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
        _means(report),
        _classes(report),
        _columns(report),
        facts(report.data),
    )


def _means(report: Report) -> Markup | None:
    """The mean image of each class: what all of it have in common."""
    means = report.class_means
    if means is None or len(means) > _MOST_CLASSES:
        return None
    tiles = (
        element("figure", image(one, f"the mean of {name}"), element("figcaption", name))
        for one, name in zip(means, report.classes)
    )
    return element("div", element("h3", "The mean of each class"), _tiles(tiles, report.classes))


def _classes(report: Report) -> Markup | None:
    if not report.class_counts:
        return None
    chart = bar_chart(
        dict(sorted(report.class_counts.items(), key=lambda item: -item[1])),
        title="Examples of each class",
        told=lambda count: f"{count:,.0f}",
        color=GOOD,
        most=_MOST_CLASSES,
        width=480,
    )
    return chart.inline()


def _columns(report: Report) -> Markup | None:
    """Histograms of the numbers, and the commonest categories."""
    shown = report.columns[:_MOST_COLUMNS]
    numbers = [_strip(one) for one in shown if one.values is not None]
    named = [_bars(one) for one in shown if one.values is None]
    rest = len(report.columns) - len(shown)
    parts = [
        element("h3", "The columns") if shown else None,
        look_at(strip_chart(numbers)) if numbers else None,
        element("div", *named, class_="side-by-side") if named else None,
        element("p", f"and {rest:,} more columns", class_="note") if rest > 0 else None,
    ]
    return element("div", *parts, class_="content") if shown else None


def _strip(one: ColumnSeen) -> Strip:
    values = np.asarray(one.values, dtype=np.float64)
    missing = float(np.mean(np.isnan(values))) if values.size else 0.0
    known = values[np.isfinite(values)]
    figures = {
        "mean": format_value(float(f"{known.mean():.3g}")) if known.size else "–",
        "deviation": format_value(float(f"{known.std():.3g}")) if known.size else "–",
        "missing": format_value(missing, percent=True) if missing else "–",
    }
    return Strip(one.name, known, figures, one.kind)


def _bars(one: ColumnSeen) -> Markup:
    chart = bar_chart(
        one.counts,
        title=f"{one.name}, {one.kind}",
        told=lambda count: f"{count:,.0f}",
        color=GOOD,
        most=_MOST_CATEGORIES,
        width=380,
    )
    return chart.inline()


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
    return _tiles(tiles, report.sample_labels)


def _tiles(tiles: Iterable[Markup], names: Sequence[str]) -> Markup:
    """Pictures side by side, the smaller the shorter their names are."""
    roomy = max(map(len, names), default=0) > 6
    return element("div", *tiles, class_="tiles" if roomy else "tiles small")

"""What a network is worth beside something simple (floor 4)."""

from __future__ import annotations

import math
from functools import partial

from chainrule.picture import GOOD, Markup, bar_chart, element, format_value
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import is_share, section

__all__ = ["worth"]

_NETWORK = "this network"
_SPOKEN = {"accuracy": "accuracy", "mae": "mean error", "r2": "R2: the share that is explained"}


def _told(value: float, percent: bool) -> str:
    return format_value(float(f"{value:.4g}"), percent=percent)


def worth(report: Report) -> Markup | None:
    """Bars of the network's figure and those of something simple."""
    charts = []
    for figure, own in report.figures.items():
        others = {name: of[figure] for name, of in report.baselines if figure in of}
        if figure not in _SPOKEN or not others or not math.isfinite(own):
            continue
        chart = bar_chart(
            {**others, _NETWORK: own},
            title=f"Test {_SPOKEN[figure]}" + " (less is better)" * (figure == "mae"),
            told=partial(_told, percent=is_share(figure)),
            color=GOOD,
            width=480,
        )
        charts.append(chart.inline())
    if not charts:
        return None
    return section(
        "worth",
        "What it is worth",
        "Beside it, on the same test examples, what can be had for nothing, and what a model "
        "without hidden layers comes to. What it is better by is what the network is for; where "
        "it is not better, use the simple one.",
        element("div", *charts, class_="content"),
    )

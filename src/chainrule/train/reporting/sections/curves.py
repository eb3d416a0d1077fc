"""How a run went from epoch to epoch: curves, and the same in numbers (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from chainrule.picture import Markup, Svg, element, format_value, line_chart
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import is_share, scrolling, section, table

__all__ = ["curves", "measures_of", "spoken"]

_MOST_EPOCHS = 400  # rows of the table of numbers
_STEEP = 50  # a loss that falls by more than this ratio is drawn logarithmically


def curves(report: Report) -> Markup | None:
    """A curve for each measure, and all of them as a table."""
    if not report.history:
        return None
    charts = [_curve(report, measure) for measure in measures_of(report.history)]
    numbers = element("details", element("summary", "The same in numbers"), _epochs(report))
    return section(
        "curves",
        "How it learned",
        "Each curve follows one number from epoch to epoch, an epoch being one pass over the "
        "training data. While training and validation get better together the network learns what "
        "holds for all such data; from where validation no longer follows, it learns the training "
        "data by heart.",
        element("div", *(chart.inline() for chart in charts), numbers, class_="side-by-side"),
    )


def measures_of(history: Sequence[Mapping[str, float]]) -> list[str]:
    """The measures of a run in the order they appear, the learning rate last and if it moves."""
    keys = dict.fromkeys(key for row in history for key in row)
    names = dict.fromkeys(key.removeprefix("validation_") for key in keys)
    measures = [
        name
        for name in names
        if name not in {"epoch", "seconds", "learning_rate", "examples_per_second"}
    ]
    rates = {row["learning_rate"] for row in history if "learning_rate" in row}
    return measures + ["learning_rate"] * (len(rates) > 1)


def _curve(report: Report, measure: str) -> Svg:
    """A measure in training and validation; the learning rate, which has only one side, smaller."""
    rate = measure == "learning_rate"
    keys = {"" if rate else "training": measure, "validation": f"validation_{measure}"}
    series = {
        name: [float(row.get(key, math.nan)) for row in report.history]
        for name, key in keys.items()
        if any(key in row for row in report.history)
    }
    best = report.best_epoch
    steep = measure == "loss" and _steep(series.values())
    return line_chart(
        series,
        x=_epoch_numbers(report.history),
        title=spoken(measure) + (", on a logarithmic scale" if steep else ""),
        x_label="epoch",
        marks=None if best is None or rate else {best: f"best epoch {best}"},
        y_format="%" if is_share(measure) else "number",
        log_y=steep,
        width=420,
        height=210 if rate else 300,
    )


def _epoch_numbers(history: Sequence[Mapping[str, float]]) -> list[float]:
    return [row.get("epoch", i) for i, row in enumerate(history, start=1)]


def _steep(lines: Iterable[Sequence[float]]) -> bool:
    """Whether a loss falls so far that a linear axis would show its first epochs only."""
    values = [value for line in lines for value in line if math.isfinite(value)]
    return bool(values) and max(values) > _STEEP * min(values) > 0


def spoken(name: str) -> str:
    """`learning_rate` as a person would write it at the head of a picture."""
    words = name.replace("_", " ")
    return words.upper() if words in {"mae", "mse", "rmse"} else words[:1].upper() + words[1:]


def _epochs(report: Report) -> Markup:
    """The history as a table; of a very long one, rows taken evenly, and the best and the last."""
    keys = [
        key for key in dict.fromkeys(k for row in report.history for k in row) if key != "epoch"
    ]
    numbers = _epoch_numbers(report.history)
    every = -(-len(numbers) // _MOST_EPOCHS)
    rows = [
        element(
            "tr",
            element("td", f"{number:g}", class_="number"),
            *(element("td", _measured(row, key), class_="number") for key in keys),
            class_="best" if number == report.best_epoch else None,
        )
        for i, (number, row) in enumerate(zip(numbers, report.history, strict=True))
        if i % every == 0 or number == report.best_epoch or i == len(numbers) - 1
    ]
    head = (element("th", key.replace("_", " "), class_="number") for key in ("epoch", *keys))
    return scrolling(table(head, rows))


def _measured(row: Mapping[str, float], key: str) -> str:
    return format_value(float(row[key]), percent=is_share(key)) if key in row else "–"

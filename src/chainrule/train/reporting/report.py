"""A training run as one page to read, keep and send: `report.html` (floor 4).

Plain data in, one self-contained file out: no script, no font, no address outside the page, and a
policy in its head that forbids them all. It knows nothing of training, only of the numbers and
pictures that a run leaves behind; whatever of them is missing, its section is left out. Every
text from outside passes through `picture.element`, which escapes it. The look of the page is in
`report.css`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ShapeError
from chainrule.explain.doctor.finding import Finding, Severity
from chainrule.explain.look.confusion import Confusion
from chainrule.explain.look.mistakes import Mistake, sure_text
from chainrule.files import replace_text
from chainrule.picture import (
    STYLESHEET,
    Markup,
    Svg,
    data_uri,
    diverging,
    document,
    element,
    encode_png,
    format_value,
    join,
    line_chart,
    matrix_chart,
    region_chart,
    scatter_chart,
    shrink,
    to_pixels,
)

__all__ = ["Boundary", "Look", "Mistake", "Passage", "Report", "render", "write"]

Array: TypeAlias = NDArray[Any]

_MOST_MISTAKES = 42
_MOST_SAMPLES = 24
_MOST_WEIGHTS = 30
_MOST_CLASSES = 16  # rows of the per-class table before the rest is folded away
_MOST_EPOCHS = 400  # rows of the table of numbers
_PICTURE_SIDE = 96  # pixels; larger pictures are averaged down
_STEEP = 50  # a loss that falls by more than this ratio is drawn logarithmically

_READING_MISTAKES = (
    "Rows of the test set that it got wrong, the ones it was surest of first: some a person would "
    "misread too, some show what the network has not understood, and now and then the given label "
    "is the one that is wrong."
)
_READING_ERRORS = (
    "Rows of the test set whose prediction is farthest from the truth: look for what they have in "
    "common, for that is what the network has not understood."
)


@dataclass(frozen=True)
class Look:
    """A section with pictures of what is in the network.

    Attributes:
        name: its address on the page.
        title: what it shows.
        reading: how to read it, in a sentence or two.
        pictures: one below the other.
    """

    name: str
    title: str
    reading: str
    pictures: Sequence[Svg]


@dataclass(frozen=True)
class Passage:
    """A section of words, made by others.

    Attributes:
        name: its address on the page.
        title: what it says.
        reading: how to read it, in a sentence or two.
        content: elements, escaped already.
    """

    name: str
    title: str
    reading: str
    content: Markup


@dataclass(frozen=True)
class Boundary:
    """What a classifier of points in the plane says on a grid, and the points.

    Attributes:
        probabilities: `(H, W, K)` at the nodes of the grid, the first row at the least y; or the
            classes themselves, `(H, W)`.
        extent: x of the first and the last column, y of the first and the last row.
        points: `(N, 2)`.
        targets: `(N,)`, the class of each point, 0 to K - 1.
        x_label: the name of the first feature.
        y_label: the name of the second feature.
    """

    probabilities: Array
    extent: tuple[float, float, float, float]
    points: Array
    targets: Array
    x_label: str = ""
    y_label: str = ""


@dataclass(frozen=True)
class Report:
    """What a training run leaves behind; everything but the title may be missing.

    Attributes:
        title: `"chainrule train digits"`.
        kind: what the page is, in small letters above its title.
        passages: what comes before everything else.
        headline: the few numbers that matter, the most important first, as name and value.
        data: facts on the data: rows, classes, shape, source, licence.
        network: a row a layer: layer, output shape, parameters, multiply-adds.
        history: a row an epoch: epoch, loss, validation_loss, any other measure and its
            validation, learning_rate, seconds; a measure may be absent or NaN.
        best_epoch: the epoch whose weights were kept.
        confusion: `(K, K)` counts, a row for each true class.
        classes: the names of the K classes.
        mistakes: the most confidently wrong first.
        findings: what a doctor found, the worst first.
        weights: `(units, C, H, W)`, the first layer's weights as images.
        looks: what else is seen in the network.
        scatter: for regression, truth and prediction, each `(N,)`.
        boundary: for points in the plane, the decision regions.
        samples: a few example images, `(N, C, H, W)` floats 0 to 1.
        sample_labels: the class of each.
        settings: what the run was told, as name and value.
        command: the command line that repeats it.
        environment: versions and machine.
    """

    title: str
    kind: str = "Training report"
    passages: Sequence[Passage] = ()
    headline: Sequence[tuple[str, str]] = ()
    data: Sequence[tuple[str, str]] = ()
    network: Sequence[Mapping[str, str]] = ()
    history: Sequence[Mapping[str, float]] = ()
    best_epoch: int | None = None
    confusion: Array | None = None
    classes: Sequence[str] = ()
    mistakes: Sequence[Mistake] = ()
    findings: Sequence[Finding] = ()
    weights: Array | None = None
    looks: Sequence[Look] = ()
    scatter: tuple[Array, Array] | None = None
    boundary: Boundary | None = None
    samples: Array | None = None
    sample_labels: Sequence[str] = ()
    settings: Sequence[tuple[str, str]] = ()
    command: str = ""
    environment: Sequence[tuple[str, str]] = ()


def render(report: Report) -> str:
    """Return the page of a run as HTML that needs nothing else.

    Args:
        report: what the run left behind.

    Returns:
        The page; the same report always gives the same text.

    Raises:
        ShapeError: arrays and names that do not fit together.

    Examples:
        >>> page = render(Report("a run", headline=[("test accuracy", "98.1 %")]))
        >>> page.startswith("<!doctype html>"), "98.1 %" in page, "<script" in page
        (True, True, False)
    """
    sections = (
        *(_section(p.name, p.title, p.reading, p.content) for p in report.passages),
        _findings(report),
        _curves(report),
        _boundary(report),
        _scatter(report),
        _confusion(report),
        _mistakes(report),
        _weights(report),
        *(_look(look) for look in report.looks),
        _data(report),
        _network(report),
        _repeat(report),
    )
    style = files("chainrule.train.reporting").joinpath("report.css").read_text(encoding="utf-8")
    body = (_band(report), element("main", *sections), _footer())
    return document(report.title, style + STYLESHEET, *body)


def write(report: Report, path: str | os.PathLike[str]) -> None:
    """Write the page of a run to a file, beside it first and then renamed.

    Args:
        report: what the run left behind.
        path: where to, usually `report.html`.

    Raises:
        ShapeError: arrays and names that do not fit together.
        OSError: the folder is missing, or may not be written to.
    """
    replace_text(path, render(report))


# --- the page around the sections ------------------------------------------------------------


def _band(report: Report) -> Markup:
    numbers = (
        element("div", element("dt", name), element("dd", value)) for name, value in report.headline
    )
    return element(
        "header",
        element(
            "div",
            element("p", report.kind, class_="kind"),
            element("h1", report.title),
            element("dl", *numbers, class_="headline") if report.headline else None,
        ),
        class_="band",
    )


def _footer() -> Markup:
    return element("footer", "Written by chainrule. This page is whole: it loads nothing.")


def _section(name: str, title: str, reading: str, *content: str | None) -> Markup:
    """One section: its title, a sentence on how to read it, and what there is to read."""
    return element(
        "section",
        element("header", element("h2", title), element("p", reading)),
        element("div", *content, class_="content"),
        id=name,
    )


# --- what is not well ------------------------------------------------------------------------

_HOW_BAD = {
    Severity.HINT: "may be meant",
    Severity.HARMFUL: "harms training",
    Severity.BROKEN: "must be mended",
}


def _findings(report: Report) -> Markup | None:
    if not report.findings:
        return None
    worst_first = sorted(report.findings, key=lambda one: -one.severity)
    return _section(
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


# --- learning curves -------------------------------------------------------------------------


def _curves(report: Report) -> Markup | None:
    if not report.history:
        return None
    charts = [_curve(report, measure) for measure in _measures(report.history)]
    numbers = element("details", element("summary", "The same in numbers"), _epochs(report))
    return _section(
        "curves",
        "How it learned",
        "Each curve follows one number from epoch to epoch, an epoch being one pass over the "
        "training data. While training and validation get better together the network learns what "
        "holds for all such data; from where validation no longer follows, it learns the training "
        "data by heart.",
        element("div", *(chart.inline() for chart in charts), numbers, class_="side-by-side"),
    )


def _measures(history: Sequence[Mapping[str, float]]) -> list[str]:
    """The measures of a run in the order they appear, the learning rate last and if it moves."""
    keys = dict.fromkeys(key for row in history for key in row)
    names = dict.fromkeys(key.removeprefix("validation_") for key in keys)
    measures = [name for name in names if name not in {"epoch", "seconds", "learning_rate"}]
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
        title=_spoken(measure) + (", on a logarithmic scale" if steep else ""),
        x_label="epoch",
        marks=None if best is None or rate else {best: f"best epoch {best}"},
        y_format="%" if _is_share(measure) else "number",
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


def _is_share(measure: str) -> bool:
    return measure.endswith(("accuracy", "precision", "recall", "f1"))


def _spoken(name: str) -> str:
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
    return _scrolling(_table(head, rows))


def _measured(row: Mapping[str, float], key: str) -> str:
    return format_value(float(row[key]), percent=_is_share(key)) if key in row else "–"


# --- what it gets right and wrong ------------------------------------------------------------


def _boundary(report: Report) -> Markup | None:
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
    return _section(
        "regions",
        "What it says where",
        "Every place in the plane has the colour of the class the network would give a point "
        "there, the stronger the surer it is; a dot is a point of the data in the colour of its "
        "true class, so a dot on the other colour is a mistake.",
        chart.inline(),
    )


def _scatter(report: Report) -> Markup | None:
    if report.scatter is None:
        return None
    chart = scatter_chart(*report.scatter, title="Predicted against truth")
    return _section(
        "scatter",
        "How near it comes",
        "Each dot is one row of the test set; on the dotted line the prediction equals the truth, "
        "above it the network said too much, below it too little.",
        chart.inline(),
    )


def _confusion(report: Report) -> Markup | None:
    if report.confusion is None:
        return None
    counts = np.asarray(report.confusion)
    chart = matrix_chart(counts, report.classes)
    matrix = element(
        "div", chart.inline(), class_="scroll", style=f"--least: {0.7 * chart.width:.0f}px"
    )
    table = element("div", _class_table(counts, report.classes))
    few = len(report.classes) <= 10
    return _section(
        "confusion",
        "Which classes it confuses",
        "A row of the matrix is a true class and a column the class that was given, so blue on "
        "the diagonal is right and every orange cell is a mistake. Recall is how many of a class "
        "were found, precision how many of those given a class belonged to it.",
        element("div", matrix, table, class_="matrix-and-table") if few else join([matrix, table]),
        _commonest(Confusion(counts, tuple(report.classes))),
    )


def _commonest(found: Confusion) -> Markup:
    """The three most frequent confusions as a sentence."""
    told = [f"{truth} taken for {given} ({n:,})" for truth, given, n in found.commonest(3)]
    text = f"Most frequent: {', '.join(told)}." if told else "Nothing in the test set was confused."
    return element("p", text, class_="note")


def _class_table(counts: Array, classes: Sequence[str]) -> Markup:
    """Precision and recall of each class; of many classes the worst found first."""
    found = Confusion(counts, tuple(classes))
    recall, precision = list(found.recall.values()), list(found.precision.values())
    order = list(range(len(classes)))
    if len(order) > _MOST_CLASSES:
        order.sort(key=lambda k: (math.isnan(recall[k]), recall[k]))
    rows = [
        element(
            "tr",
            element("th", classes[k], scope="row"),
            element("td", f"{counts[k].sum():,}", class_="number"),
            _share_cell(recall[k]),
            _share_cell(precision[k]),
        )
        for k in order
    ]
    head = (
        element("th", name, class_="number" if name == "rows" else None, scope="col")
        for name in ("class", "rows", "recall", "precision")
    )
    heads = join(head)
    first = _table([heads], rows[:_MOST_CLASSES])
    if len(rows) <= _MOST_CLASSES:
        return first
    rest = _table([heads], rows[_MOST_CLASSES:])
    told = f"The other {len(rows) - _MOST_CLASSES} classes, better found"
    return join([first, element("details", element("summary", told), rest)])


def _share_cell(share: float) -> Markup:
    if math.isnan(share):
        return element("td", "–", class_="share")
    bar = element("i", element("b", "", style=f"width:{100 * share:.1f}%"))
    return element("td", format_value(share, percent=True), bar, class_="share")


# --- mistakes, weights, looks, data ----------------------------------------------------------


def _mistakes(report: Report) -> Markup | None:
    if not report.mistakes:
        return None
    shown = report.mistakes[:_MOST_MISTAKES]
    verb = "read" if max(map(len, report.classes), default=9) <= 2 else "said"
    pictures = [_mistake(one, verb) for one in shown if one.picture is not None]
    rows = [_wrong_row(one) for one in shown if one.picture is None]
    more = f"The first {len(shown)} of {len(report.mistakes):,}."
    return _section(
        "mistakes",
        "Its largest mistakes" if report.scatter else "Its surest mistakes",
        _READING_ERRORS if report.scatter else _READING_MISTAKES,
        element("div", *pictures, class_="tiles") if pictures else None,
        element("div", *rows, class_="rows") if rows else None,
        element("p", more, class_="note") if len(shown) < len(report.mistakes) else None,
    )


def _mistake(one: Mistake, verb: str) -> Markup:
    alt = f"row {one.index}: {verb} {one.predicted}, was {one.truth}"
    return element(
        "figure",
        _image(np.asarray(one.picture), alt),
        element("figcaption", *_verdict(one, verb)),
    )


def _wrong_row(one: Mistake) -> Markup:
    return element("div", element("p", one.text), *_verdict(one, "said"), class_="row")


def _verdict(one: Mistake, verb: str) -> list[Markup]:
    """`read 7, was 1` and, smaller, `98 % sure` and `row 1234`."""
    asides = [] if math.isnan(one.confidence) else [f"{sure_text(one.confidence)} sure"]
    asides.append(f"row {one.index}")
    return [
        join(
            [f"{verb} ", element("strong", one.predicted), ", was ", element("strong", one.truth)]
        ),
        element("small", *(element("span", aside) for aside in asides)),
    ]


def _weights(report: Report) -> Markup | None:
    if report.weights is None or not len(report.weights):
        return None
    weights = np.asarray(report.weights, dtype=float)
    if weights.ndim != 4:
        raise ShapeError(f"weights: expected shape (units, C, H, W), got {weights.shape}")
    flat = weights[:_MOST_WEIGHTS].mean(axis=1)  # (units, H, W)
    sizes = np.abs(np.where(np.isfinite(flat), flat, 0))
    limit = float(np.quantile(sizes, 0.995))  # at the very greatest, all others would be pale
    tiles = [
        element("figure", _picture(diverging(one, limit), f"weights of unit {unit}"))
        for unit, one in enumerate(flat)
    ]
    notes = [f"{len(flat)} of {len(weights):,} units"] if len(flat) < len(weights) else []
    notes += [f"mean of {weights.shape[1]} channels"] if weights.shape[1] > 1 else []
    return _section(
        "weights",
        "What the first layer looks for",
        "Each picture is the weights of one unit, laid out as the image it looks at: a bright "
        "pixel where the picture is red speaks for the unit, one where it is blue speaks against "
        "it, and where it is white the pixel does not matter.",
        element("div", *tiles, class_="tiles small"),
        _key(limit, notes),
    )


def _look(look: Look) -> Markup:
    pictures = (
        element(
            "div",
            picture.inline(),
            class_="scroll",
            style=f"--least: {min(0.8 * picture.width, 560):.0f}px",
        )
        for picture in look.pictures
    )
    return _section(look.name, look.title, look.reading, *pictures)


def _key(limit: float, notes: Sequence[str]) -> Markup:
    """The colours from the lowest weight to the highest, and what is shown of all."""
    ramp = diverging(np.linspace(-1, 1, 81)[None])
    return element(
        "div",
        format_value(-float(f"{limit:.2g}")),
        element("img", src=data_uri(encode_png(ramp)), alt="from blue through white to red"),
        format_value(float(f"{limit:.2g}")),
        *(element("span", f"· {note}") for note in notes),
        class_="key",
    )


def _data(report: Report) -> Markup | None:
    if not report.data and report.samples is None:
        return None
    return _section(
        "data",
        "What it learned from",
        "The data the network was shown, and what is known about it; a network knows nothing that "
        "is not in here.",
        _samples(report),
        _facts(report.data),
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
        element("figure", _image(image, f"an example of {name}"), element("figcaption", name))
        for image, name in shown
    )
    roomy = max(map(len, report.sample_labels), default=0) > 6
    return element("div", *tiles, class_="tiles" if roomy else "tiles small")


def _image(image: Array, alt: str) -> Markup:
    return _picture(shrink(to_pixels(image), _PICTURE_SIDE), alt)


def _picture(pixels: NDArray[np.uint8], alt: str) -> Markup:
    """Small pictures are enlarged as the squares they are made of, large ones smoothly."""
    small = max(pixels.shape[:2]) < 64
    return element(
        "img",
        src=data_uri(encode_png(pixels)),
        alt=alt,
        class_="pixelated" if small else None,
    )


# --- the network, and how to do it again -----------------------------------------------------


def _network(report: Report) -> Markup | None:
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
    return _section(
        "network",
        "The network",
        "The layers in the order the data passes through them: what leaves each, how many numbers "
        "it learns, and how many multiply-adds it takes for one example.",
        _scrolling(_table(head, rows)),
    )


def _is_number(text: str) -> bool:
    """Whether a cell holds a count, or nothing."""
    return text.replace(",", "").replace(".", "").strip(" –-").isdecimal() or not text.strip(" –-")


def _repeat(report: Report) -> Markup | None:
    if not (report.command or report.settings or report.environment):
        return None
    facts = [
        element("div", element("h3", title), _facts(pairs))
        for title, pairs in (("Settings", report.settings), ("Environment", report.environment))
        if pairs
    ]
    return _section(
        "repeat",
        "Do it again",
        "The command repeats this run; with the same settings, data and versions it gives the "
        "same numbers. One click selects it.",
        element("pre", element("code", report.command)) if report.command else None,
        element("div", *facts, class_="side-by-side") if facts else None,
    )


def _facts(pairs: Sequence[tuple[str, str]]) -> Markup | None:
    if not pairs:
        return None
    lines = (element("div", element("dt", name), element("dd", value)) for name, value in pairs)
    return element("dl", *lines, class_="facts")


def _table(head: Iterable[Markup], rows: Iterable[Markup]) -> Markup:
    return element("table", element("thead", element("tr", *head)), element("tbody", *rows))


def _scrolling(content: Markup) -> Markup:
    return element("div", content, class_="scroll")

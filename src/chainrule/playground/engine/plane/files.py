"""What can be had of the plane as a file: the model, the points, a picture (floor 5)."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np

from chainrule.errors import DataError
from chainrule.export.plain import MOST_NUMBERS, json_text
from chainrule.io import save
from chainrule.picture import Svg, contour_chart, region_chart
from chainrule.playground.engine.plane.frames import finite
from chainrule.playground.engine.plane.subject import chances
from chainrule.playground.engine.plane.training import Training
from chainrule.playground.engine.session import Download

__all__ = ["data_file", "model_file", "picture"]

_NODES = 80  # along each side of the picture's grid


def model_file(training: Training) -> Download:
    """Return layers and weights as JSON that a person can read; of a large network weights alone.

    Args:
        training: whose network it is.

    Raises:
        DataError: a weight is no finite number.
    """
    data = training.data
    about = {
        "features": training.subject.labels,
        "classes": list(data.classes),
        "axes": [axis._asdict() for axis in data.axes],
        "target": data.target._asdict(),
        "span": data.span,
        "steps": training.steps,
    }
    if training.count < MOST_NUMBERS:
        text = json_text(training.model, about)
        return Download("model.json", "application/json", text.encode())
    content = io.BytesIO()
    save(training.model.state_dict(), content)
    return Download("model.safetensors", "application/octet-stream", content.getvalue())


def data_file(training: Training) -> Download:
    """Return all points as CSV, in the units in which they came, each with its class or number.

    Args:
        training: whose points they are.
    """
    data, text = training.data, io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(axis.name for axis in data.axes), data.target.name])
    x, y = data.original()
    answers: Any = [data.classes[k] for k in y] if data.classes else y
    writer.writerows([str(a), str(b), str(answer)] for (a, b), answer in zip(x, answers))
    return Download("data.csv", "text/csv", text.getvalue().encode())


def picture(training: Training) -> Download:
    """Return the plane as the network sees it, and the points, as SVG.

    Args:
        training: of the network.

    Raises:
        DataError: what the network gives is no finite number.
    """
    data = training.data
    along = np.linspace(-data.span, data.span, _NODES)
    x1, x2 = np.meshgrid(along, along)
    places = np.stack([x1.ravel(), x2.ravel()], axis=1)
    outputs = training.outputs(training.features(places))
    if not np.isfinite(outputs).all():
        raise DataError(
            "the network gives numbers that are not finite; take back what led there, or begin anew"
        )
    across, up = data.axes
    extent = (across.low, across.high, up.low, up.high)
    names: Any = {"x_label": across.name, "y_label": up.name}
    drawn: Svg
    if data.classes:
        shares = chances(outputs).reshape(_NODES, _NODES, -1)
        x, y = data.original()
        title = f"What the network says after {training.steps:,} steps"
        drawn = region_chart(shares, extent, x, y, data.classes, title=title, **names)
    else:
        answers = outputs.reshape(_NODES, _NODES).astype(np.float64)
        middle, half = (
            (data.target.low + data.target.high) / 2,
            (data.target.high - data.target.low) / 2,
        )
        title = f"{data.target.name} as the network predicts it after {training.steps:,} steps"
        drawn = contour_chart(finite(middle + half * answers), extent, title=title, **names)
    return Download("picture.svg", "image/svg+xml", str(drawn).encode())

"""The first layer's weights as pictures (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.errors import ShapeError
from chainrule.picture import Markup, data_uri, diverging, element, encode_png, format_value
from chainrule.train.reporting.contents import Report
from chainrule.train.reporting.sections.parts import picture, section

__all__ = ["weights"]

_MOST_WEIGHTS = 30


def weights(report: Report) -> Markup | None:
    """A picture for each unit."""
    if report.weights is None or not len(report.weights):
        return None
    weights = np.asarray(report.weights, dtype=float)
    if weights.ndim != 4:
        raise ShapeError(f"weights: expected shape (units, C, H, W), got {weights.shape}")
    flat = weights[:_MOST_WEIGHTS].mean(axis=1)  # (units, H, W)
    sizes = np.abs(np.where(np.isfinite(flat), flat, 0))
    limit = float(np.quantile(sizes, 0.995))  # at the very greatest, all others would be pale
    tiles = [
        element("figure", picture(diverging(one, limit), f"weights of unit {unit}"))
        for unit, one in enumerate(flat)
    ]
    notes = [f"{len(flat)} of {len(weights):,} units"] if len(flat) < len(weights) else []
    notes += [f"mean of {weights.shape[1]} channels"] if weights.shape[1] > 1 else []
    return section(
        "weights",
        "What the first layer looks for",
        "Each picture is the weights of one unit, laid out as the image it looks at: a bright "
        "pixel where the picture is red speaks for the unit, one where it is blue speaks against "
        "it, and where it is white the pixel does not matter.",
        element("div", *tiles, class_="tiles small"),
        _key(limit, notes),
    )


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

"""What the network makes of a point: each unit's value, what comes out, who is near (floor 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.autograd import no_grad
from chainrule.autograd.tape import wrap
from chainrule.ops import Array
from chainrule.playground.engine.plane.subject import Subject, chances

__all__ = ["activations", "look"]

# As far as the mouse may be from the middle of a point that it means, as a share of the span.
_NEAR = 0.05


def activations(subject: Subject, x: float, y: float) -> list[Array]:
    """Return what each layer gives at a place: features, hidden layers, output.

    Args:
        subject: the network.
        x: across.
        y: up.

    Returns:
        An array (units,) for each layer; the last holds probabilities, or the number.
    """
    values = wrap(subject.inputs(x, y))
    found = [values.array[0]]
    with no_grad():
        for stage in subject.stages:
            values = stage.linear(values)
            if stage.activation is not None:
                values = stage.activation(values)
            found.append(values.array[0])
    if subject.classes:
        found[-1] = chances(found[-1][None])[0]
    return found


def look(subject: Subject, values: Mapping[str, Any], most: int = 64) -> dict[str, Any]:
    """Answer what the network makes of a place.

    Args:
        subject: the network and its data.
        values: x and y.
        most: units shown of a layer, the first.

    Raises:
        OptionError: x and y are no place of the plane.
    """
    x, y, _ = subject.place({**values, "label": None})
    found = activations(subject, x, y)
    last = found[-1]
    near = subject.nearest(x, y, _NEAR * subject.span)
    shown = None if near is None else {"x": near.x, "y": near.y, "label": near.label}
    return {
        "layers": [
            {"name": name, "values": np.asarray(layer[:most], np.float32)}
            for name, layer in zip(subject.names(), found, strict=True)
        ],
        "output": {"probabilities": np.asarray(last, np.float32)}
        if subject.classes
        else {"number": float(last[0])},
        "nearest": shown if shown is None or near is None else {**shown, "test": near.test},
    }

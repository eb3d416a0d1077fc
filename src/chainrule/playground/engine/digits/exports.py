"""What can be had of a network that reads digits: its weights, a picture of its run (floor 5)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from chainrule.errors import DataError
from chainrule.export.plain import MOST_NUMBERS, json_text
from chainrule.io import save
from chainrule.ops import Array
from chainrule.picture import line_chart, stacked
from chainrule.playground.engine.digits.network import CLASSES, Network
from chainrule.playground.engine.session import Download

__all__ = ["model_file", "picture_of"]


def model_file(network: Network, about: Mapping[str, Any]) -> Download:
    """Return layers and weights as JSON that a person can read; of a large network weights alone.

    Args:
        network: as it is.
        about: plain data to keep with it.
    """
    facts = {"classes": [str(k) for k in range(CLASSES)], **about}
    if network.weights < MOST_NUMBERS:
        text = json_text(network.trained, facts)
        return Download("digits.json", "application/json", text.encode())
    content = io.BytesIO()
    save(network.trained.state_dict(), content)
    return Download("digits.safetensors", "application/octet-stream", content.getvalue())


def picture_of(curve: Mapping[str, Array], title: str) -> Download:
    """Return the curves of loss and accuracy as a picture.

    Args:
        curve: as a frame has it.
        title: of the picture.

    Raises:
        DataError: there is nothing to draw yet.
    """
    if len(curve["epoch"]) < 2:
        raise DataError("there is no curve yet; train a little first")
    epochs = curve["epoch"].tolist()
    loss = line_chart(
        {"training": curve["train"], "test": curve["test"]},
        x=epochs,
        x_label="epoch",
        y_label="loss",
    )
    score = line_chart(
        {"training": curve["score_train"], "test": curve["score_test"]},
        x=epochs,
        x_label="epoch",
        y_label="read right",
        y_format="%",
    )
    return Download(
        "digits.svg", "image/svg+xml", str(stacked([loss, score], title=title)).encode()
    )

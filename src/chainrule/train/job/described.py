"""What the description of a run says of its model: written, and believed where it can be (floor 4).

The description, `model.json`, comes from outside like any file when it is read.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from chainrule.data import Examples
from chainrule.errors import DataError
from chainrule.ops import Array
from chainrule.train.job.outcome import Settings

__all__ = ["Input", "classes_of", "description_of", "input_of"]


class Input(NamedTuple):
    """What a model takes.

    Attributes:
        shape: of one example.
        levels: of images the number that means full intensity.
        columns: the names of a table's columns, if they have any.
    """

    shape: tuple[int, ...]
    levels: float
    columns: list[str] | None


def description_of(
    examples: Examples, settings: Settings, figures: Mapping[str, float], info: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is kept with a model: what it takes and says, and how it came about.

    Args:
        examples: all that was loaded.
        settings: that it was trained with.
        figures: of the test: name and value.
        info: what else is to be kept, such as where the examples are from.
    """
    return {
        **info,
        "classes": None if examples.classes is None else list(examples.classes),
        "columns": list(examples.columns),
        "shape": list(examples.x.shape[1:]),
        "levels": examples.levels,
        "recipe": None if examples.recipe is None else examples.recipe.described(),
        "test": dict(figures),
        "settings": dataclasses.asdict(settings),
    }


def input_of(info: dict[str, Any], run: str) -> Input:
    """Return what the model takes.

    Args:
        info: the description.
        run: the folder, for the sentence.

    Raises:
        DataError: it does not say, or says what cannot be.
    """
    shape, columns = info.get("shape"), info.get("columns") or None
    levels = info.get("levels") or 255
    if (
        not isinstance(shape, list)
        or len(shape) not in (1, 3)
        or not all(type(n) is int and n > 0 for n in shape)
        or not (columns is None or _is_texts(columns))
        or type(levels) not in (int, float)
        or not 0 < levels < math.inf
    ):
        raise DataError(f"{run} does not say what inputs its model takes; train it anew")
    return Input(tuple(shape), float(levels), columns)


def classes_of(info: dict[str, Any], outputs: Array, run: str) -> list[str]:
    """Return the names of the classes; none where the model predicts a number.

    Args:
        info: the description.
        outputs: some that the model gives, `(N, K)`.
        run: the folder, for the sentence.

    Raises:
        DataError: there is not one name for each output.
    """
    classes: Any = info.get("classes") or []
    if not _is_texts(classes) or outputs.shape[1:] != (len(classes) or 1,):
        raise DataError(f"{run} does not say what the outputs of its model mean; train it anew")
    return list(classes)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)

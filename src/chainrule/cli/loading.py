"""The data that a command line names, and what a run notes of where they came from (floor 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.data import Examples, load
from chainrule.explain.telling.waiting import counted

__all__ = ["LOADED", "examples_of", "noted"]

# The options that say how data are loaded; the seed is one of the training's.
LOADED = ("target", "categorical", "numeric", "drop", "memory", "image_size", "grey", "data_dir")


def examples_of(data: str, options: Mapping[str, Any]) -> Examples:
    """Load the data.

    Args:
        data: a name or path.
        options: of the command line, by name.

    Raises:
        DataError: nothing has that name, or what has it is not what it should be.
        OptionError: an option that this kind of data does not have.
    """
    with counted() as told:
        return load(
            data,
            data_dir=options["data_dir"],
            target=options["target"],
            size=options["image_size"],
            grey=options["grey"],
            categorical=options["categorical"],
            numeric=options["numeric"],
            drop=options["drop"],
            memory=options["memory"],
            told=told,
            seed=options["seed"],
        )


def noted(data: str, options: Mapping[str, Any], examples: Examples) -> dict[str, Any]:
    """Return what a run keeps of its data, so that they can be loaded again as they were.

    Args:
        data: a name or path.
        options: of the command line, by name.
        examples: that were loaded.
    """
    return {
        "data": examples.name,
        "source": data,
        "target": options["target"],
        "image_size": options["image_size"],
        "grey": options["grey"],
        "categorical": list(options["categorical"]),
        "numeric": list(options["numeric"]),
        "drop": list(options["drop"]),
        "memory": options["memory"],
    }

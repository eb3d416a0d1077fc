"""The parts that a job cuts its examples into, and what is measured on the last (floor 4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainrule.data import Examples
from chainrule.errors import OptionError
from chainrule.ops import Array
from chainrule.train.job.outcome import Settings
from chainrule.train.metrics.classes import accuracy
from chainrule.train.metrics.metric import Metric
from chainrule.train.metrics.numbers import mae

__all__ = ["figures_of", "split"]


def split(examples: Examples, settings: Settings) -> tuple[Examples, Examples | None, Examples]:
    """Return training, validation (or none) and test examples; the same of the same settings.

    Args:
        examples: loaded already; a test set that they bring is kept.
        settings: the shares, and the seed of the draw.

    Raises:
        OptionError: there is nothing to test on.
        DataError: too few examples.
    """
    if examples.test is not None:
        rest, test = examples, examples.test
    elif settings.test > 0:
        rest, test = examples.split(settings.test, settings.seed)
    else:
        raise OptionError(
            f"{examples.name} brings no test set, so --test must be above 0: "
            "the share of the examples to measure on"
        )
    if settings.validation == 0:
        return rest, None, test
    training, validation = rest.split(settings.validation, settings.seed + 1)
    return training, validation, test


def figures_of(
    outputs: Array, test: Examples, further: Mapping[str, Metric] | None = None
) -> dict[str, float]:
    """Return how well a network does on the test set: the accuracy, or mean error and R2.

    Args:
        outputs: of the network for it.
        test: with the answers.
        further: what is measured besides.
    """
    asked = {name: metric(outputs, test.y) for name, metric in (further or {}).items()}
    return {**_usual(outputs, test), **{k: v for k, v in asked.items() if isinstance(v, float)}}


def _usual(outputs: Array, test: Examples) -> dict[str, float]:
    if test.classes is not None:
        return {"accuracy": accuracy(outputs, test.y)}
    guesses = outputs.reshape(-1)
    residual = float(np.sum((test.y - guesses) ** 2))
    total = float(np.sum((test.y - test.y.mean()) ** 2))
    figures = {"mae": mae(guesses, test.y)}
    # Where all targets are the same there is no spread that could be explained.
    return {**figures, "r2": 1 - residual / total} if total else figures

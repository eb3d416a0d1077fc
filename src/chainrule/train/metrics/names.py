"""Metrics by name, those that suit the targets, and which way is better (floor 4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from chainrule.errors import OptionError, chosen, kind_of
from chainrule.nn.usual import are_classes
from chainrule.ops import Array
from chainrule.train.metrics.chances import brier, log_loss, perplexity
from chainrule.train.metrics.classes import (
    AVERAGES,
    SHARES,
    accuracy,
    averaged,
    balanced_accuracy,
    confusion,
    matthews,
    top,
)
from chainrule.train.metrics.metric import Metric, Whole
from chainrule.train.metrics.numbers import mae, mape, median_absolute_error, mse, r2, rmse
from chainrule.train.metrics.ranking import average_precision, roc_auc

__all__ = ["METRICS", "Given", "is_larger_better", "metric_of", "metrics_of"]

# What a person says: nothing, names and functions in a list, or names of their own for them.
Given: TypeAlias = "Sequence[str | Metric | Callable[[Array, Array], float]] | Mapping[str, Any]"

_ALONE: tuple[Metric, ...] = (
    *(accuracy, balanced_accuracy, top(3), top(5), matthews, roc_auc, average_precision),
    *(log_loss, brier, perplexity, confusion),
    *(mae, rmse, mse, r2, mape, median_absolute_error),
)
_AVERAGED = [averaged(share, average) for share in SHARES for average in AVERAGES]

METRICS: dict[str, Metric] = {one.name: one for one in (*_ALONE, *_AVERAGED)}

_TOP = re.compile(r"top_([1-9]\d{0,5})")

# Of the other figures of an epoch, whether larger is better.
_OTHERS = {"loss": False}


def metric_of(name: str) -> Metric:
    """Return the metric of a name from `METRICS`, or `top_K` for any K.

    Raises:
        OptionError: there is none of that name.

    Examples:
        >>> import numpy as np
        >>> metric_of("rmse")(np.array([3.0, 4.0]), np.array([0.0, 0.0])).__round__(4)
        3.5355
    """
    found = _TOP.fullmatch(name)
    if found:
        return top(int(found[1]))
    metric: Metric = chosen("metric", name, METRICS)
    return metric


def metrics_of(given: Given | str | None, targets: Array) -> dict[str, Metric]:
    """Return the metrics that were asked for, by name.

    Args:
        given: names, or functions of outputs and targets, in a list; a mapping of names to either;
            or `None` for what suits the targets: accuracy for classes, the mean absolute error
            for numbers.
        targets: at least one of them.

    Raises:
        OptionError: there is none of that name, or it is neither name nor function.

    Examples:
        >>> import numpy as np
        >>> metrics_of(["f1", "top_2"], np.array([0, 1]))
        {'f1': <metric f1>, 'top_2': <metric top_2>}
    """
    if given is None:
        usual = accuracy if are_classes(targets) else mae
        return {usual.name: usual}
    if isinstance(given, Mapping):
        return {str(name): _metric(str(name), one) for name, one in given.items()}
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, (list, tuple)):
        raise OptionError(
            f"metrics must be a list of names or functions, or a mapping, got {kind_of(given)}"
        )
    return {_name(one): _metric(_name(one), one) for one in given}


def _name(one: Any) -> str:
    if isinstance(one, str):
        return one
    return str(getattr(one, "name", None) or getattr(one, "__name__", type(one).__name__))


def _metric(name: str, one: Any) -> Metric:
    if isinstance(one, Metric):
        return one
    return metric_of(one) if isinstance(one, str) else Whole.own(name, one)


def is_larger_better(figure: str, metrics: Mapping[str, Metric]) -> bool:
    """Return whether a larger figure of an epoch is a better one.

    Args:
        figure: its name, such as "validation_f1".
        metrics: of the run.

    Raises:
        OptionError: that is not known.

    Examples:
        >>> is_larger_better("validation_roc_auc", {}), is_larger_better("loss", {})
        (True, False)
    """
    name = figure.removeprefix("validation_")
    if name in _OTHERS:
        return _OTHERS[name]
    own = metrics.get(name)
    known = own if own is not None and own.largest is not None else METRICS.get(name)
    known = top(1) if _TOP.fullmatch(name) else known
    if known is None or known.largest is None:
        raise OptionError(
            f"whether a larger {figure!r} is better is not known; say so by largest=True or False"
        )
    return known.largest

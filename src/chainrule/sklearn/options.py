"""The parameters of the estimators: what each may be, in a sentence (floor 5).

scikit-learn looks at parameters when an estimator is fitted, not when it is made; so it is here.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import OptionError, did_you_mean, kind_of
from chainrule.optim.names import OPTIMIZERS
from chainrule.sklearn.losses import CLASSIFICATION, REGRESSION
from chainrule.sklearn.network import ACTIVATIONS
from chainrule.sklearn.targets import OUTPUTS
from chainrule.train import Callback

__all__ = ["checked"]


class Rule(NamedTuple):
    """What a parameter may be.

    Attributes:
        allows: whether it may be that.
        told: what it must be.
        names: to guess from.
    """

    allows: Callable[[Any], bool]
    told: str
    names: Sequence[str] = ()


def _is_truth(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


def number(
    low: float, high: float = math.inf, *, open_low: bool = False, open_high: bool = False
) -> Rule:
    """A number within bounds."""

    def allows(value: Any) -> bool:
        if _is_truth(value) or not isinstance(value, numbers.Real):
            return False
        x = float(value)
        return (x > low if open_low else x >= low) and (x < high if open_high else x <= high)

    bounds = f"{'above' if open_low else 'at least'} {low:g}"
    if high < math.inf:
        bounds += f" and {'below' if open_high else 'at most'} {high:g}"
    return Rule(allows, f"a number, {bounds}")


def whole(low: int) -> Rule:
    """A whole number."""

    def allows(value: Any) -> bool:
        return not _is_truth(value) and isinstance(value, numbers.Integral) and int(value) >= low

    return Rule(allows, f"a whole number of at least {low}")


def name(*names: str, more: Callable[[Any], bool] | None = None, told: str = "") -> Rule:
    """One of some names, or something else that is allowed."""

    def allows(value: Any) -> bool:
        return (isinstance(value, str) and value in names) or bool(more and more(value))

    return Rule(allows, "one of " + ", ".join(map(repr, names)) + told, names)


def either(rule: Rule, more: Callable[[Any], bool], told: str) -> Rule:
    """What a rule allows, or something else."""
    return Rule(lambda v: rule.allows(v) or more(v), f"{rule.told}, or {told}", rule.names)


def _is_none(value: Any) -> bool:
    return value is None


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray))


def _list_of(rule: Rule) -> Rule:
    return either(
        rule,
        lambda v: _is_list(v) and all(rule.allows(one) for one in v),
        "a list of such, one for each hidden layer",
    )


_TRUTH = Rule(_is_truth, "True or False")
_SHARE = number(0, 1, open_high=True)

RULES: dict[str, Rule] = {
    "hidden_layer_sizes": Rule(
        lambda v: all(whole(1).allows(n) for n in (v if _is_list(v) else [v])),
        "whole numbers of at least 1",
    ),
    "activation": _list_of(name(*ACTIVATIONS)),
    "out_activation": name(*OUTPUTS, more=_is_none, told=", or None"),
    "solver": name("adam", "sgd", "lbfgs", *(n for n in OPTIMIZERS if n not in ("adam", "sgd"))),
    "alpha": number(0, open_high=True),
    "batch_size": either(whole(1), lambda v: isinstance(v, str) and v == "auto", "'auto'"),
    "learning_rate": name("constant", "invscaling", "adaptive"),
    "learning_rate_init": number(0, open_low=True, open_high=True),
    "power_t": number(0),
    "max_iter": whole(1),
    "shuffle": _TRUTH,
    "tol": number(0),
    "warm_start": _TRUTH,
    "momentum": number(0, 1),
    "nesterovs_momentum": _TRUTH,
    "early_stopping": _TRUTH,
    "validation_fraction": _SHARE,
    "beta_1": _SHARE,
    "beta_2": _SHARE,
    "epsilon": number(0, open_low=True),
    "n_iter_no_change": either(
        whole(1), lambda v: isinstance(v, float) and v == math.inf, "infinity"
    ),
    "max_fun": whole(1),
    "dropout": _list_of(_SHARE),
    "batch_norm": _TRUTH,
    "layer_norm": _TRUTH,
    "handle_missing": _TRUTH,
    "calibrate": _TRUTH,
    "n_members": whole(1),
    "quantile": number(0, 1, open_low=True, open_high=True),
    "delta": number(0, open_low=True, open_high=True),
    "callbacks": Rule(
        lambda v: v is None or (_is_list(v) and all(isinstance(one, Callback) for one in v)),
        "a list of chainrule.train.Callback objects, or None",
    ),
}

_LOSS = {
    True: name(*CLASSIFICATION, more=callable, told=", or a function of outputs and targets"),
    False: name(*REGRESSION, more=callable, told=", or a function of outputs and targets"),
}


def checked(parameters: dict[str, Any], is_classifier: bool) -> None:
    """Raise unless all parameters are what they may be.

    Raises:
        OptionError: one is not.
    """
    for key, value in parameters.items():
        rule = _LOSS[is_classifier] if key == "loss" else RULES.get(key)
        if rule is None or rule.allows(value):
            continue
        guess = did_you_mean(value, rule.names) if isinstance(value, str) else ""
        shown = kind_of(value) if callable(value) else f"{value!r:.60}"
        raise OptionError(f"{key} must be {rule.told}, got {shown}{guess}")
    if is_classifier and parameters.get("out_activation") not in (None, "softmax", "logistic"):
        raise OptionError(
            "out_activation of a classifier must be None, 'softmax' or 'logistic', got "
            f"{parameters['out_activation']!r}"
        )

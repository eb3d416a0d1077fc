"""What kind of loss it is, found out by asking it: no name of any loss is known here (floor 4).

A loss is a function that a person may have written. What matters of it shows in a few values:
whether it has a softmax or a sigmoid of its own, and what one class weighs beside another.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.autograd import no_grad
from chainrule.autograd.tape import wrap
from chainrule.errors import ChainruleError
from chainrule.explain.doctor.case import Case
from chainrule.ops import Array

__all__ = ["has_sigmoid", "has_softmax", "value", "weight_ratio"]

_NEAR = 1e-3


def value(case: Case, outputs: Array, y: Array) -> float:
    """The loss of some outputs; NaN if it refuses them."""
    try:
        with case.aside(), no_grad(), np.errstate(all="ignore"):
            return float(case.asked(wrap(outputs.astype(np.float32)), wrap(y)))
    except ChainruleError:
        return math.nan


def has_softmax(case: Case, outputs: Array, y: Array) -> bool:
    """Whether the loss takes scores of classes: one number more in every score changes nothing.

    And scores that are all alike cost the logarithm of the number of classes, a row or in all.
    """
    scores = np.asarray(np.random.default_rng(0).normal(size=outputs.shape))
    shifted = _alike(value(case, scores, y), value(case, scores + 1.0, y))
    even, chance = value(case, np.zeros(outputs.shape), y), math.log(outputs.shape[-1])
    return shifted and (_alike(even, chance) or _alike(even, chance * len(y)))


def has_sigmoid(case: Case, outputs: Array, y: Array) -> bool:
    """Whether the loss takes scores of yes and no: a score of 0 costs ln 2, whatever the answer."""
    zeros = np.zeros(outputs.shape)
    even = [value(case, zeros, np.full(y.shape, answer, y.dtype)) for answer in (0.0, 1.0)]
    return all(_alike(v, math.log(2)) for v in even)


def weight_ratio(case: Case, this: int, other: int) -> float:
    """How many times as much a mistake about a class costs as one about another; 1 if unknown.

    Two rows, one of each class, and the scores right for one of them: what is left of a weighted
    mean is the weight of the other.
    """
    outputs = case.visit.outputs
    if outputs is None or outputs.ndim != 2 or outputs.shape[1] <= max(this, other):
        return 1.0
    y = np.array([this, other], case.y.dtype)
    scores = np.zeros((2, outputs.shape[1]))
    scores[:, other] = 20.0  # both rows are taken for the other class, so the first is wrong
    wrong_about_this = value(case, scores, y)
    scores = np.zeros((2, outputs.shape[1]))
    scores[:, this] = 20.0
    wrong_about_other = value(case, scores, y)
    return wrong_about_this / wrong_about_other if wrong_about_other > 0 else 1.0


def _alike(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_NEAR, abs_tol=_NEAR)

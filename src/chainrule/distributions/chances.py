"""Probabilities and their logarithms: the two ways to give discrete distributions (floor 3)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import enable_grad
from chainrule.distributions.distribution import Scalar, one_of

__all__ = ["Binary", "logits_to_probs", "probs_to_logits"]


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """The probabilities whose logarithms, or log odds, are `logits`.

    Args:
        logits: of every category, up to a constant; `is_binary`: log(p / (1 - p)).
        is_binary: of one event rather than of categories along the last dimension.

    Examples:
        >>> logits_to_probs(np.zeros(2))
        array([0.5, 0.5])
    """
    return ops.sigmoid(logits) if is_binary else ops.softmax(logits, -1)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """The logarithms, or log odds, of probabilities, which are kept off 0 and 1.

    Args:
        probs: probabilities.
        is_binary: of one event rather than of categories along the last dimension.

    Examples:
        >>> probs_to_logits(np.array([0.5]), is_binary=True)
        array([0.])
    """
    eps = float(np.finfo(probs.dtype).eps)
    kept = ops.clip(probs, min=eps, max=1 - eps)
    return ops.log(kept) - ops.log1p(-kept) if is_binary else ops.log(kept)


class Binary(Scalar):
    """What is known by the probability of one event: given as such, or as log odds.

    Attributes:
        given: "probs" or "logits", whichever the person gave.
    """

    given: str

    def _set_chance(self, probs: Any, logits: Any, validate_args: bool | None, **more: Any) -> None:
        self.given = one_of(probs=probs, logits=logits)
        chance = {self.given: probs if logits is None else logits}
        self._set(validate_args, **more, **chance)

    @functools.cached_property
    @enable_grad()
    def probs(self) -> Any:
        """The probability of the event."""
        return logits_to_probs(self.logits, is_binary=True)

    @functools.cached_property
    @enable_grad()
    def logits(self) -> Any:
        """Its log odds, log(p / (1 - p))."""
        return probs_to_logits(self.probs, is_binary=True)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return vars(self)[self.given].shape

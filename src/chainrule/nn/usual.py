"""Losses by name, and the one that suits the targets where nobody names one (floor 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from chainrule.autograd import Tensor
from chainrule.errors import chosen
from chainrule.nn import functional as F
from chainrule.ops import Array

__all__ = ["LOSSES", "Loss", "are_classes", "loss_of"]

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]

LOSSES: dict[str, Loss] = {
    "cross_entropy": F.cross_entropy,
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "huber": F.huber_loss,
    "bce_with_logits": F.binary_cross_entropy_with_logits,
    "hinge": F.multi_margin_loss,
}


def are_classes(targets: Array) -> bool:
    """Whether targets are the numbers of classes, which integers are taken to be."""
    return targets.dtype.kind in "iu"


def loss_of(given: Loss | str | None, targets: Array) -> Loss:
    """Return the loss that was asked for.

    Args:
        given: the loss itself, a name from `LOSSES`, or `None` for what suits the targets:
            cross-entropy for classes, mean squared error for numbers.
        targets: at least one of them.

    Raises:
        OptionError: there is none of that name.

    Examples:
        >>> import numpy as np
        >>> loss_of(None, np.array([0, 1])) is F.cross_entropy
        True
    """
    if isinstance(given, str):
        loss: Loss = chosen("loss", given, LOSSES)
        return loss
    if given is None:
        return F.cross_entropy if are_classes(targets) else F.mse_loss
    return given

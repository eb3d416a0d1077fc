"""Losses by name, and the one that suits the targets where nobody names one (floor 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.errors import chosen
from chainrule.nn import functional as F
from chainrule.nn.loss import CrossEntropyLoss, NLLLoss
from chainrule.ops import Array
from chainrule.ops.core import Value
from chainrule.ops.loss import checked_labels, label_weights

__all__ = ["LOSSES", "Loss", "are_classes", "loss_of", "rows_weighed"]

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]

LOSSES: dict[str, Loss] = {
    "cross_entropy": F.cross_entropy,
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "huber": F.huber_loss,
    "bce_with_logits": F.binary_cross_entropy_with_logits,
    "hinge": F.multi_margin_loss,
}

_PLAIN = CrossEntropyLoss()  # which ignores the labels that its function ignores


def are_classes(targets: Value) -> bool:
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


def rows_weighed(loss: object, targets: Value) -> Value | None:
    """Return how much each row counts in the mean that a loss is; `None` where all count alike.

    Args:
        loss: of one with class weights, or with labels that it ignores, rows count differently.
        targets: (N, ...), an array or a tensor.

    Raises:
        DataError: a label that there is no class weight for.

    Examples:
        >>> import numpy as np
        >>> from chainrule.autograd import tensor
        >>> loss = CrossEntropyLoss(weight=tensor([1.0, 3.0]))
        >>> rows_weighed(loss, np.array([1, 0, -100]))
        array([3., 1., 0.], dtype=float32)
    """
    if loss is F.cross_entropy or loss is F.nll_loss:
        loss = _PLAIN
    if not isinstance(loss, (CrossEntropyLoss, NLLLoss)) or not are_classes(targets):
        return None
    if loss.reduction != "mean":
        return None
    weight: Value = loss.weight
    if weight is not None:
        checked_labels(targets, len(weight), loss.ignore_index)
        weight = weight if isinstance(targets, Tensor) else weight.array
    each = label_weights(targets, weight, loss.ignore_index, np.float32)
    return ops.sum(ops.reshape(each, (len(targets), -1)), dim=1)

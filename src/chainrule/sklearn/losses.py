"""The losses of the estimators, a number for each row, so that rows can have weights (floor 5).

Where scikit-learn has the loss, its value is scikit-learn's. With several outputs its squared error
is told as the mean over them, while the gradient is that of the sum; so it is here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from chainrule.autograd import Tensor
from chainrule.errors import OptionError
from chainrule.nn import functional as F

__all__ = ["CLASSIFICATION", "REGRESSION", "Objective", "RowLoss", "numbers_loss"]

# Takes outputs and targets, (N, ...), returns (N,).
RowLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def one_of_many(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of scores (N, K) and the numbers of classes, as floats (N, 1)."""
    return F.cross_entropy(outputs, targets[:, 0].long(), reduction="none")


def each_by_itself(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of scores (N, L) and labels that are 0 or 1, (N, L), over all labels."""
    rows = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
    return rows.sum(dim=1)


def margins(outputs: Tensor, targets: Tensor) -> Tensor:
    """Hinge loss of scores (N, K) and the numbers of classes, as floats (N, 1)."""
    return F.multi_margin_loss(outputs, targets[:, 0].long(), reduction="none")


def half_square(outputs: Tensor, targets: Tensor) -> Tensor:
    """(p - y)^2 / 2, over all outputs."""
    return 0.5 * F.mse_loss(outputs, targets, reduction="none").sum(dim=1)


def distance(outputs: Tensor, targets: Tensor) -> Tensor:
    """|p - y|, over all outputs."""
    return F.l1_loss(outputs, targets, reduction="none").sum(dim=1)


def huber(outputs: Tensor, targets: Tensor, delta: float) -> Tensor:
    """(p - y)^2 / 2 up to a distance of delta, from there delta (|p - y| - delta / 2)."""
    return F.huber_loss(outputs, targets, reduction="none", delta=delta).sum(dim=1)


def pinball(outputs: Tensor, targets: Tensor, quantile: float) -> Tensor:
    """max(q (y - p), (q - 1) (y - p)), least where a share q of the y is below p."""
    off = targets - outputs
    return (quantile * off).maximum((quantile - 1) * off).sum(dim=1)


def poisson_of_logs(outputs: Tensor, targets: Tensor) -> Tensor:
    """Half of the Poisson deviance of e^outputs from the targets."""
    rows = F.poisson_nll_loss(outputs, targets, log_input=True, reduction="none")
    return (rows + _least_poisson(targets)).sum(dim=1)


def poisson_of_rates(outputs: Tensor, targets: Tensor) -> Tensor:
    """Half of the Poisson deviance of the outputs from the targets."""
    rows = F.poisson_nll_loss(outputs, targets, log_input=False, reduction="none")
    return (rows + _least_poisson(targets)).sum(dim=1)


def _least_poisson(targets: Tensor) -> Tensor:
    """y log y - y: what the loss p - y log p would be at p = y, less."""
    return targets * targets.clamp(min=_LEAST).log() - targets


_LEAST = float(np.finfo(np.float32).tiny)  # of which the logarithm is finite; y log y is 0 at 0

CLASSIFICATION = ("log_loss", "hinge")
REGRESSION = ("squared_error", "poisson", "absolute_error", "huber", "quantile")


def numbers_loss(name: str, *, quantile: float, delta: float, has_logs: bool) -> RowLoss:
    """Return the loss of that name, of predicted numbers.

    Args:
        name: from `REGRESSION`.
        quantile: the level of "quantile", between 0 and 1.
        delta: of "huber", where the square ends.
        has_logs: whether outputs are the logarithms of what is predicted, for "poisson".
    """
    plain: dict[str, RowLoss] = {
        "squared_error": half_square,
        "poisson": poisson_of_logs if has_logs else poisson_of_rates,
        "absolute_error": distance,
        "huber": partial(huber, delta=delta),
        "quantile": partial(pinball, quantile=quantile),
    }
    return plain[name]


@dataclass(frozen=True)
class Objective:
    """What is made small: the weighted mean of the loss of rows, and a penalty on large weights.

    It is sum(w l) / W + alpha / (2 W) |weights|^2, where w are the weights of the rows of a batch
    and W their sum; without weights, W is the number of rows.

    Args:
        loss: of rows; or, if a person's own, of a batch, one number.
        told: the share of the loss that is told; gradients are of the whole.
        by_rows: whether `loss` gives a number for each row.
        is_class: whether a person's loss gets the numbers of classes, (N,).
    """

    loss: Callable[..., Any]
    told: float = 1.0
    by_rows: bool = True
    is_class: bool = False

    def __call__(self, outputs: Tensor, packed: Tensor, penalty: Any = 0.0) -> Tensor:
        """Return the loss of a batch.

        Args:
            outputs: of the network, (N, K).
            packed: targets, and in the last column weights, (N, T + 1).
            penalty: alpha |weights|^2 / 2.
        """
        targets, weights = packed[:, :-1], packed[:, -1]
        if self.is_class:
            targets = targets[:, 0].long()
        loss = self.loss(outputs, targets)
        total = weights.sum()
        mean = (loss * weights).sum() / total if self.by_rows else loss
        if self.told != 1:
            mean = mean - mean.detach() * (1 - self.told)
        return mean + penalty / total

    def probed(self, outputs: Tensor, packed: Tensor) -> Objective:
        """Return the same, knowing whether a person's loss gives a number for each row.

        Args:
            outputs: of a few rows, (N, K).
            packed: their targets and weights, (N, T + 1).

        Raises:
            OptionError: it gives something else.
        """
        targets = packed[:, :-1]
        found = self.loss(outputs, targets[:, 0].long() if self.is_class else targets)
        shape = tuple(found.shape) if isinstance(found, Tensor) else None
        if shape not in {(), (len(packed),)}:
            what = type(found).__name__ if shape is None else f"a tensor of shape {shape}"
            raise OptionError(
                "loss must return a tensor, of one number or of a number for each row, got " + what
            )
        return Objective(self.loss, self.told, shape != (), self.is_class)

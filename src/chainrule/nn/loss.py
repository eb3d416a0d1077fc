"""Losses as modules; the formulas are with the functions of the same name (floor 3)."""

from __future__ import annotations

from chainrule.autograd import Tensor
from chainrule.nn import functional as F
from chainrule.nn.module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MultiMarginLoss",
    "NLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
]


class _Loss(Module):
    """A loss with a reduction: "mean", "sum" or "none"."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss in which classes, or elements, may count differently."""

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class MSELoss(_Loss):
    """The mean of (x - target)^2."""

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of x against a target of the same shape."""
        return F.mse_loss(x, target, self.reduction)


class L1Loss(_Loss):
    """The mean of |x - target|."""

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of x against a target of the same shape."""
        return F.l1_loss(x, target, self.reduction)


class SmoothL1Loss(_Loss):
    """The Huber loss divided by its delta, here beta."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of x against a target of the same shape."""
        return F.smooth_l1_loss(x, target, self.reduction, self.beta)


class HuberLoss(_Loss):
    """Squared error near 0, absolute error beyond delta."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of x against a target of the same shape."""
        return F.huber_loss(x, target, self.reduction, self.delta)


class CrossEntropyLoss(_WeightedLoss):
    """-ln softmax(x) at the label: for scores of classes, before any softmax."""

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of scores (N, C, ...) against labels (N, ...) or probabilities."""
        return F.cross_entropy(
            x, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class NLLLoss(_WeightedLoss):
    """-x at the label: for log-probabilities of classes."""

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of log-probabilities (N, C, ...) against labels (N, ...)."""
        return F.nll_loss(x, target, self.weight, self.ignore_index, self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """The hinge loss of several classes."""

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, reduction)
        self.p = p
        self.margin = margin

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of scores (N, C) against labels (N,)."""
        return F.multi_margin_loss(x, target, self.p, self.margin, self.weight, self.reduction)


class HingeEmbeddingLoss(_Loss):
    """x where the target is 1, max(0, margin - x) where it is -1."""

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of distances x against targets 1 or -1."""
        return F.hinge_embedding_loss(x, target, self.margin, self.reduction)


class SoftMarginLoss(_Loss):
    """ln(1 + e^(-target x)), the target being 1 or -1."""

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of scores x against targets 1 or -1."""
        return F.soft_margin_loss(x, target, self.reduction)


class BCELoss(_WeightedLoss):
    """Binary cross-entropy of probabilities."""

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of probabilities x against targets from 0 to 1."""
        return F.binary_cross_entropy(x, target, self.weight, self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """Binary cross-entropy of sigmoid(x): for scores."""

    def __init__(
        self,
        weight: Tensor | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of scores x against targets from 0 to 1."""
        return F.binary_cross_entropy_with_logits(
            x, target, self.weight, self.reduction, self.pos_weight
        )


class KLDivLoss(_Loss):
    """target (ln target - x): how far the target is from e^x."""

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the loss of log-probabilities x against probabilities."""
        return F.kl_div(x, target, self.reduction, self.log_target)

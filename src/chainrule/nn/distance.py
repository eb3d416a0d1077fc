"""Lengths, angles and products of pairs of vectors, as modules (floor 3)."""

from __future__ import annotations

import math
from typing import Any

from chainrule.autograd import Generator, Tensor
from chainrule.nn import functional as F
from chainrule.nn.module import Module
from chainrule.nn.weights import even, placed, positive, spread_evenly

__all__ = ["Bilinear", "CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> CosineSimilarity()(ones(1, 2), ones(1, 2)).round()
        tensor([1.])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Any:
        """Return the cosine of each pair."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps over the last dimension.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> PairwiseDistance(p=1.0)(tensor([[1.0, 1.0]]), tensor([[0.0, 0.0]])).round()
        tensor([2.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        self.p = self.norm = p  # PyTorch's name for it is the second
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Any:
        """Return the distance of each pair."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class Bilinear(Module):
    """y_k = x1^T W_k x2 + b_k.

    Args:
        in1_features: size of x1.
        in2_features: size of x2.
        out_features: size of y.
        bias: whether to add b.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        generator: where the initial weights come from.

    Attributes:
        weight: W, (out_features, in1_features, in2_features).
        bias: b, (out_features,), or `None`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Bilinear(2, 3, 4)(ones(5, 2), ones(5, 3)).shape
        (5, 4)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        positive(in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        bound = 1 / math.sqrt(in1_features)
        self.weight = even((out_features, in1_features, in2_features), bound, generator)
        self.bias = even((out_features,), bound, generator) if bias else None
        placed(self, device, dtype)

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        spread_evenly(self, 1 / math.sqrt(self.in1_features))

    def forward(self, input1: Tensor, input2: Tensor) -> Any:
        """Map (..., in1_features) and (..., in2_features) to (..., out_features)."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )

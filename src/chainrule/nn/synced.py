"""Batch norm over the batches of all ranks together (floor 3).

Each rank tells the others how many values its channels have, their mean and how far they spread
about it; from these everybody has the mean and variance of all. One exchange on the way forward,
one on the way back. The formula that is applied with them is `ops.batch_norm_eval`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor, full, no_grad
from chainrule.backend.ranks import world
from chainrule.nn import functional as F
from chainrule.nn.module import Module
from chainrule.nn.norm import _BatchNorm
from chainrule.nn.running import move
from chainrule.nn.weights import placed
from chainrule.ops.exchange import sum_over_ranks

__all__ = ["SyncBatchNorm"]


class SyncBatchNorm(_BatchNorm):
    """Batch norm whose mean and variance, in training, are those of all ranks' batches.

    With n_r values a channel on rank r, of mean m_r and variance v_r, and n of all ranks,

        mean = sum over r of n_r m_r / n
        variance = sum over r of n_r (v_r + (m_r - mean)^2) / n

    so that ranks with a part of a batch each take the step of one process that has all of it. In
    use, and in a process alone, it is `BatchNorm2d`, whose arguments it has.

    The formula is that of T. Chan, G. Golub and R. LeVeque, "Updating formulae and a pairwise
    algorithm for computing sample variances", 1979.

    Args:
        num_features: C, channels; of inputs (N, C) or (N, C, ...).
        eps: keeps the root away from 0.
        momentum: weight of the newest batch in the running values; `None` for their plain average.
        affine: whether there are weight and bias to learn.
        track_running_stats: whether to keep running values.
        process_group: PyTorch's; all ranks take part.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.
        bias: whether there is a bias, if `affine`.

    Attributes:
        share: the weight of this rank's loss among all; that of the `DistributedDataParallel` which
            the layer is in.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> SyncBatchNorm(1)(tensor([[1.0], [3.0]])).round().tolist()
        [[-1.0], [1.0]]
    """

    dimensions = (2, 3, 4, 5)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        self._begin(num_features, eps, momentum, affine, track_running_stats, bias)
        placed(self, device, dtype)
        self.share = np.ones(())

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Return `module` with every batch norm in it, or itself, replaced; their numbers are kept.

        Args:
            module: changed in place, unless it is a batch norm itself.
            process_group: PyTorch's; all ranks take part.

        Examples:
            >>> from chainrule import nn
            >>> model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
            >>> type(nn.SyncBatchNorm.convert_sync_batchnorm(model)[1]).__name__
            'SyncBatchNorm'
        """
        if isinstance(module, _BatchNorm) and not isinstance(module, cls):
            return cls._like(module)
        for name, child in module.named_children():
            setattr(module, name, cls.convert_sync_batchnorm(child))
        return module

    @classmethod
    def _like(cls, module: _BatchNorm) -> SyncBatchNorm:
        """One with the settings, and the very parameters and buffers, of another batch norm."""
        tracked = module.track_running_stats
        found = cls(module.num_features, module.eps, module.momentum, module.affine, tracked)
        found.weight, found.bias = module.weight, module.bias
        for name, buffer in module.named_buffers(recurse=False):
            setattr(found, name, buffer)
        return found.train(module.training)

    def _normalised(self, x: Tensor, *settings: Any) -> Any:
        if not self.training or world().size == 1:
            return super()._normalised(x, *settings)
        running_mean, running_var, weight, bias, _, newest, eps = settings
        count, mean, variance = _of_all_ranks(x, self.share)
        with no_grad():
            move(running_mean, mean, newest)
            move(running_var, variance * (count / (count - 1).clamp(min=1)), newest)
        centre, spread = mean.to(x.dtype), variance.to(x.dtype)
        return ops.batch_norm_eval(x, centre, spread, weight, bias, eps)


def _of_all_ranks(x: Tensor, share: Any) -> tuple[Tensor, Tensor, Tensor]:
    """How many values a channel has on all ranks, their mean and (population) variance, (C,)."""
    channels, rest = x.shape[1], [d for d in range(x.ndim) if d != 1]
    count = math.prod(x.shape[d] for d in rest)
    x = x.to(np.promote_types(x.dtype, np.float32))  # counts are beyond float16
    mean = x.sum(rest) / max(count, 1)  # a rank may have no rows
    spread = (x - mean.reshape(1, -1, *[1] * (x.ndim - 2))).square().sum(rest)
    own = ops.cat([full((1,), float(count), dtype=x.dtype), mean, spread])
    before, after = world().rank, world().size - 1 - world().rank
    table = sum_over_ranks(F.pad(own[None], (0, 0, before, after)), share)
    counts, means, spreads = table[:, :1], table[:, 1 : channels + 1], table[:, channels + 1 :]
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    return total, mean, (spreads + counts * (means - mean).square()).sum(0) / total

"""A softmax over many classes, the rare ones with fewer weights (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.errors import OptionError, ShapeError
from chainrule.nn import functional as F
from chainrule.nn.containers import ModuleList, Sequential
from chainrule.nn.layers import Linear
from chainrule.nn.module import Module
from chainrule.nn.weights import placed

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    """What the layer gives: the log-probability of each target, and the loss."""

    output: Any
    loss: Any


class AdaptiveLogSoftmaxWithLoss(Module):
    """Softmax in two steps: over frequent classes and clusters of rare ones, then in a cluster.

    E. Grave and others, "Efficient softmax approximation for GPUs", ICML 2017. Every cluster is
    computed for every row here, whatever the targets are.

    Args:
        in_features: size of the input.
        n_classes: classes, the frequent ones first.
        cutoffs: where clusters begin, growing.
        div_value: by how much the size shrinks from cluster to cluster.
        head_bias: whether the first step has biases.
        device: where its numbers are; the default device if `None`.
        dtype: of the weights.

    Attributes:
        head: the layer of the first step.
        tail: two layers for each cluster.

    Raises:
        OptionError: cutoffs that do not grow from 1 to n_classes - 1.

    Examples:
        >>> from chainrule.autograd import ones, tensor
        >>> layer = AdaptiveLogSoftmaxWithLoss(4, 10, [2, 5], div_value=2.0)
        >>> layer.log_prob(ones(3, 4)).exp().sum(1).round().tolist()
        [1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        ends = [int(c) for c in cutoffs]
        if not ends or ends != sorted(set(ends)) or ends[0] < 1 or ends[-1] >= n_classes:
            raise OptionError(
                f"cutoffs must grow from at least 1 to at most {n_classes - 1}, got {list(cutoffs)}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*ends, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = ends[0]
        self.n_clusters = len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias)
        self.tail = ModuleList(
            [
                self._cluster(int(in_features // div_value ** (i + 1)), stop - start)
                for i, (start, stop) in enumerate(zip(self.cutoffs, self.cutoffs[1:]))
            ]
        )
        placed(self, device, dtype)

    def _cluster(self, inside: int, classes: int) -> Sequential:
        down = Linear(self.in_features, inside, bias=False)
        return Sequential(down, Linear(inside, classes, bias=False))

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        for layer in self.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters()

    def forward(self, input: Tensor, target: Tensor) -> _ASMoutput:
        """Return the log-probability of each target, and the mean of their negatives.

        Args:
            input: (N, in_features) or (in_features,).
            target: classes, (N,) or a single one.

        Raises:
            ShapeError: shapes that do not go together.
            DataError: a target outside the classes.
        """
        if target.ndim > 1 or tuple(input.shape[:-1]) != tuple(target.shape):
            raise ShapeError(
                f"expected inputs (N, {self.in_features}) with targets (N,), got shapes "
                f"{tuple(input.shape)} and {tuple(target.shape)}"
            )
        # The loss checks the labels and picks the entries.
        output = -F.nll_loss(self.log_prob(input), target, reduction="none")
        return _ASMoutput(output, -output.mean())

    def log_prob(self, input: Tensor) -> Any:
        """Return the log-probabilities of all classes, (N, n_classes)."""
        head = F.log_softmax(self.head(input), dim=-1)
        parts = [head[..., : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            at = self.shortlist_size + i
            parts.append(F.log_softmax(cluster(input), dim=-1) + head[..., at : at + 1])
        return ops.cat(parts, dim=-1)

    def predict(self, input: Tensor) -> Any:
        """Return the most likely class of each row, (N,)."""
        return self.log_prob(input).argmax(-1)

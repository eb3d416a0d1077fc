"""Several networks as one, which predicts by the mean of what they predict (floor 3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.errors import OptionError, ShapeError, chosen, kind_of
from chainrule.nn import functional as F
from chainrule.nn.module import Module

__all__ = ["Ensemble"]

_AVERAGES = {"probabilities": "of classes", "values": "of numbers"}


class Ensemble(Module):
    """Networks for the same task, trained each by itself; predicts by the mean of their answers.

    For classes the members' outputs z_1, ..., z_M are scores, and the output is the logarithm of
    the mean of their probabilities::

        y = log(1/M sum_m softmax(z_m)) = logsumexp_m(log_softmax(z_m)) - log M

    so that the softmax of the output is that mean, and `cross_entropy` of it the loss of the
    mean. For numbers the output is the mean itself, y = 1/M sum_m z_m.

    Args:
        modules: the members, which may be of different kinds; they take the same input and give
            outputs of the same shape.
        average: what the mean is taken of: "probabilities", of scores (N, K, ...) of K classes or
            (K,) of one example; or "values", for numbers.

    Raises:
        OptionError: no such average, or something that is no module.
        ShapeError: there are no members, their outputs have different shapes, or probabilities
            are asked for of a single class, which is always certain.

    Examples:
        >>> from chainrule import nn, tensor
        >>> class Always(nn.Module):
        ...     def __init__(self, *chances):
        ...         self.chances = tensor([chances])
        ...     def forward(self, x):
        ...         return self.chances.log()
        >>> both = Ensemble([Always(0.5, 0.5), Always(0.1, 0.9)])
        >>> both(tensor([1.0])).softmax(1)
        tensor([[0.3000, 0.7000]])

    References:
        Lakshminarayanan, Pritzel, Blundell, Simple and Scalable Predictive Uncertainty Estimation
        using Deep Ensembles, 2017.
    """

    def __init__(self, modules: Iterable[Any] = (), average: str = "probabilities") -> None:
        chosen("average", average, _AVERAGES)
        self.average = average
        if isinstance(modules, Module) or not isinstance(modules, Iterable):
            raise OptionError(
                f"Ensemble takes a list of modules, got {kind_of(modules)}; put it into brackets"
            )
        for place, module in enumerate(modules):
            if not isinstance(module, Module):
                raise OptionError(f"Ensemble takes modules, got {kind_of(module)} at {place}")
            self.add_module(str(place), module)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._own("module"))

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return the mean of what the members make of the input, as log-probabilities or values."""
        found = [member(*args, **kwargs) for member in self]
        shapes = list(dict.fromkeys(tuple(z.shape) for z in found))
        if len(shapes) != 1:
            told = " and ".join(map(str, shapes)) or "none, for there are no members"
            raise ShapeError(f"members of an Ensemble give outputs of one shape, got {told}")
        if self.average == "values":
            return ops.stack(found).mean(dim=0)
        return self._log_mean(found, shapes[0])

    def _log_mean(self, scores: list[Tensor], shape: tuple[int, ...]) -> Tensor:
        """The logarithm of the mean of the probabilities, which may be too small to be told."""
        classes = 1 if len(shape) > 1 else 0  # the dimension, as `cross_entropy` has it
        if shape[classes : classes + 1] in ((), (1,)):
            raise ShapeError(
                f"probabilities need two classes or more, the members give outputs of shape "
                f"{shape}; of numbers, take the mean with average='values'"
            )
        logarithms = ops.stack([F.log_softmax(z, dim=classes) for z in scores])
        return ops.logsumexp(logarithms, dim=0) - math.log(len(scores))

    def extra_repr(self) -> str:
        """Say what the mean is taken of."""
        return f"average={self.average!r}"

"""The dropout family as layers; the formulas are with the functions of the same name (floor 3)."""

from __future__ import annotations

from typing import Any, ClassVar

from chainrule.autograd import Generator, Tensor
from chainrule.errors import OptionError
from chainrule.nn import functional as F
from chainrule.nn.module import Module

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class _Dropout(Module):
    """A layer that leaves out by chance in training, and in use returns its input."""

    _function: ClassVar[Any]

    def __init__(
        self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None
    ) -> None:
        if not 0 <= p <= 1:
            raise OptionError(f"dropout's probability must be between 0 and 1, got {p}")
        self.p = p
        self.inplace = inplace
        self.generator = generator

    def forward(self, x: Tensor) -> Any:
        """Drop in training; return x as it is in use."""
        return self._function(x, self.p, self.training, self.inplace, generator=self.generator)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, each element is 0 with probability p, the others scaled by 1 / (1 - p).

    Args:
        p: 0 to 1.
        inplace: whether the input takes over the result.
        generator: where the random numbers come from.

    Raises:
        OptionError: p outside 0 to 1.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Dropout(0.5).eval()(ones(3))
        tensor([1., 1., 1.])
    """

    _function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """In training, each channel of (N, C, L) is 0 with probability p; arguments as of `Dropout`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Dropout1d(1.0)(ones(2, 3, 4)).sum()
        tensor(0.)
    """

    _function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """In training, each channel of (N, C, H, W) is 0 with probability p; arguments as of `Dropout`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Dropout2d(1.0)(ones(2, 3, 4, 4)).sum()
        tensor(0.)
    """

    _function = staticmethod(F.dropout2d)


class Dropout3d(_Dropout):
    """In training, each channel of (N, C, D, H, W) is 0 with probability p; else as `Dropout`.

    Examples:
        >>> from chainrule.autograd import ones
        >>> Dropout3d(1.0)(ones(2, 3, 4, 4, 4)).sum()
        tensor(0.)
    """

    _function = staticmethod(F.dropout3d)


class AlphaDropout(_Dropout):
    """In training, each element is SELU's floor with probability p; mean 0 and variance 1 are kept.

    Args:
        p: 0 to 1.
        inplace: whether the input takes over the result.
        generator: where the random numbers come from.

    Examples:
        >>> from chainrule.autograd import ones
        >>> AlphaDropout(0.5).eval()(ones(3))
        tensor([1., 1., 1.])
    """

    _function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels of (N, C, ...).

    Examples:
        >>> from chainrule.autograd import ones
        >>> FeatureAlphaDropout(0.5).eval()(ones(1, 3, 2)).shape
        (1, 3, 2)
    """

    _function = staticmethod(F.feature_alpha_dropout)

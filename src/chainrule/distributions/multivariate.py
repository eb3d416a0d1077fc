"""The normal distribution of vectors (floor 3)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import as_tensor, enable_grad
from chainrule.distributions import draw
from chainrule.distributions.constraints import lower_cholesky, positive_definite, real_vector
from chainrule.distributions.distribution import Distribution, one_of
from chainrule.errors import ShapeError

__all__ = ["MultivariateNormal", "log_scale", "whitened"]


class MultivariateNormal(Distribution):
    """exp(-(x - loc)^T S^-1 (x - loc) / 2) / sqrt(det(2 pi S)), S the covariance.

    Args:
        loc: the mean, (..., d).
        covariance_matrix: S, (..., d, d).
        precision_matrix: the inverse of S, instead.
        scale_tril: the lower triangle L with S = L L^T, instead; the quickest.
        validate_args: whether parameters and values are checked; by default they are.

    Raises:
        OptionError: not exactly one of the three is given, or it is not what it must be.
        ShapeError: a mean without a dimension, or a matrix without two.

    Examples:
        >>> from chainrule.autograd import eye, zeros
        >>> round(MultivariateNormal(zeros(2), eye(2)).log_prob(zeros(2)).item(), 4)
        -1.8379
    """

    arg_constraints = {
        "loc": real_vector,
        "covariance_matrix": positive_definite,
        "precision_matrix": positive_definite,
        "scale_tril": lower_cholesky,
    }
    support = real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        matrices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        name = one_of(**matrices)
        loc, matrix = as_tensor(loc), as_tensor(matrices[name])
        if loc.ndim < 1 or matrix.ndim < 2:
            raise ShapeError(
                f"MultivariateNormal takes a loc of shape (..., d) and a {name} of shape "
                f"(..., d, d), got {tuple(loc.shape)} and {tuple(matrix.shape)}"
            )
        d = loc.shape[-1]
        batch = np.broadcast_shapes(loc.shape[:-1], matrix.shape[:-2])
        self.loc = loc.expand(*batch, d)
        setattr(self, name, matrix.expand(*batch, *matrix.shape[-2:]))
        super().__init__(batch, (d,), validate_args)
        if name == "covariance_matrix":
            self.scale_tril = ops.cholesky(self.covariance_matrix)
        elif name == "precision_matrix":
            self.scale_tril = _from_precision(self.precision_matrix)

    @functools.cached_property
    @enable_grad()
    def scale_tril(self) -> Any:
        """The lower triangle whose product with its transpose is the covariance."""
        raise self._lacks("scale_tril")  # set by __init__ in every case

    @functools.cached_property
    @enable_grad()
    def covariance_matrix(self) -> Any:
        """The covariance, (..., d, d)."""
        return self.scale_tril @ self.scale_tril.mT

    @functools.cached_property
    @enable_grad()
    def precision_matrix(self) -> Any:
        """Its inverse."""
        return ops.cholesky_inverse(self.scale_tril)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.loc

    mode = mean

    @property
    def variance(self) -> Any:
        """The diagonal of the covariance."""
        return (self.scale_tril**2).sum(-1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw vectors through which a gradient reaches the parameters."""
        noise = draw.normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at the vectors `value`."""
        self._validate_sample(value)
        away = whitened(self.scale_tril, value - self.loc)
        d = self.event_shape[0]
        spread = -0.5 * (d * math.log(2 * math.pi) + (away**2).sum(-1))
        return spread - log_scale(self.scale_tril)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        d = self.event_shape[0]
        return 0.5 * d * (1 + math.log(2 * math.pi)) + log_scale(self.scale_tril)


def whitened(scale_tril: Any, vectors: Any) -> Any:
    """L^-1 x for vectors (..., d), their dimensions broadcast against those of L."""
    return ops.solve_triangular(scale_tril, vectors.unsqueeze(-1), upper=False).squeeze(-1)


def log_scale(scale_tril: Any) -> Any:
    """Half of the logarithm of the covariance's determinant."""
    return ops.diagonal(scale_tril, dim1=-2, dim2=-1).log().sum(-1)


def _from_precision(precision: Any) -> Any:
    """L with L L^T = P^-1: of P turned about both ways the factor's inverse, turned back."""
    factor = ops.cholesky(ops.flip(precision, (-2, -1)))
    turned = ops.matrix_transpose(ops.flip(factor, (-2, -1)))
    identity = as_tensor(np.eye(precision.shape[-1], dtype=precision.dtype))
    return ops.solve_triangular(turned, identity, upper=False)

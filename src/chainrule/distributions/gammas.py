"""The gamma distribution and its kin: Exponential, Chi2, Beta, Dirichlet, ... (floor 3).

All but the exponential ones are made of gamma variables, whose derivative by the concentration is
implicit (`ops.gamma_drift`), so a gradient reaches every parameter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import as_tensor, zeros_like
from chainrule.distributions import draw
from chainrule.distributions.constraints import (
    greater_than_eq,
    independent,
    nonnegative,
    positive,
    simplex,
    unit_interval,
)
from chainrule.distributions.distribution import Distribution, Scalar
from chainrule.distributions.location import EULER
from chainrule.errors import ShapeError

__all__ = [
    "Beta",
    "Chi2",
    "Dirichlet",
    "Exponential",
    "FisherSnedecor",
    "Gamma",
    "InverseGamma",
    "Kumaraswamy",
    "Pareto",
    "Weibull",
]


class Exponential(Scalar):
    """rate exp(-rate x) for x of 0 or more.

    Args:
        rate: one over the mean.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Exponential(2.0).mean.item(), 4)
        0.5
    """

    arg_constraints = {"rate": positive}
    support = nonnegative
    has_rsample = True
    rate: Any

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, rate=rate)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return 1 / self.rate

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        return zeros_like(self.rate)

    @property
    def stddev(self) -> Any:
        """The root of the variance."""
        return 1 / self.rate

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self.rate**-2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        shape = self._extended_shape(sample_shape)
        return draw.exponential(shape, self.rate) / self.rate

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        self._validate_sample(value)
        return -(-self.rate * value).expm1()

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`."""
        return -ops.log1p(-value) / self.rate

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return 1 - self.rate.log()


class Gamma(Scalar):
    """rate^a x^(a - 1) exp(-rate x) / gamma(a), a the concentration.

    Args:
        concentration: the shape.
        rate: one over the scale.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Gamma(3.0, 2.0).mean.item(), 4)
        1.5
    """

    arg_constraints = {"concentration": positive, "rate": positive}
    support = nonnegative
    has_rsample = True
    concentration: Any
    rate: Any

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, concentration=concentration, rate=rate)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.concentration / self.rate

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        shape = self._extended_shape(sample_shape)
        return draw.gamma(self.concentration.expand(*shape)) / self.rate

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return ops.xlogy(a, rate) + ops.xlogy(a - 1, value) - rate * value - a.lgamma()

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`; without gradient by the concentration."""
        self._validate_sample(value)
        return ops.gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()


class Chi2(Gamma):
    """The sum of the squares of df normal variables: Gamma(df / 2, 1 / 2).

    Args:
        df: the degrees of freedom.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Chi2(3.0).mean.item(), 4)
        3.0
    """

    arg_constraints = {"df": positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args)

    @property
    def df(self) -> Any:
        """The degrees of freedom."""
        return self.concentration * 2


class InverseGamma(Scalar):
    """Of one over a gamma variable.

    Args:
        concentration: of that variable.
        rate: of that variable.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(InverseGamma(3.0, 2.0).mean.item(), 4)
        1.0
    """

    arg_constraints = {"concentration": positive, "rate": positive}
    support = positive
    has_rsample = True
    concentration: Any
    rate: Any

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, concentration=concentration, rate=rate)

    @property
    def mean(self) -> Any:
        """The expectation."""
        a = self.concentration
        return ops.where(a > 1, self.rate / (a - 1), math.inf)

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        a = self.concentration
        return ops.where(a > 2, self.rate**2 / ((a - 1) ** 2 * (a - 2)), math.inf)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        shape = self._extended_shape(sample_shape)
        return self.rate / draw.gamma(self.concentration.expand(*shape))

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return a * rate.log() - (a + 1) * ops.log(value) - rate / value - a.lgamma()

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`; without gradient by the concentration."""
        self._validate_sample(value)
        return ops.gammaincc(self.concentration, self.rate / value)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()


class Beta(Scalar):
    """x^(a - 1) (1 - x)^(b - 1) / B(a, b) between 0 and 1.

    Args:
        concentration1: a.
        concentration0: b.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Beta(2.0, 6.0).mean.item(), 4)
        0.25
    """

    arg_constraints = {"concentration1": positive, "concentration0": positive}
    support = unit_interval
    has_rsample = True
    concentration1: Any
    concentration0: Any

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        self._set(validate_args, concentration1=concentration1, concentration0=concentration0)

    def _pair(self) -> Dirichlet:
        both = ops.stack([self.concentration1, self.concentration0], -1)
        return Dirichlet(both, validate_args=False)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        return self._pair().mode[..., 0]

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        return self._pair().rsample(sample_shape)[..., 0]

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        a, b = self.concentration1, self.concentration0
        normaliser = a.lgamma() + b.lgamma() - (a + b).lgamma()
        return ops.xlogy(a - 1, value) + ops.xlog1py(b - 1, -value) - normaliser

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return self._pair().entropy()


class Dirichlet(Distribution):
    """Vectors of numbers above 0 that add up to 1: the product of x^(a - 1), over B(a).

    Args:
        concentration: a, (..., K).
        validate_args: whether parameters and values are checked; by default they are.

    Raises:
        ShapeError: the concentration has no dimension.

    Examples:
        >>> Dirichlet(np.array([1.0, 3.0])).mean.tolist()
        [0.25, 0.75]
    """

    arg_constraints = {"concentration": independent(positive, 1)}
    support = simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        self.concentration = as_tensor(concentration)
        if not self.concentration.ndim:
            raise ShapeError("Dirichlet's concentration needs a dimension: one number per part")
        shape = self.concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Any:
        """Where the density is highest; of concentrations all below 1 the corner of the largest."""
        a = self.concentration
        over = (a - 1).clamp(min=0)
        total = over.sum(-1, keepdim=True)
        inside = over / ops.where(total > 0, total, 1.0)
        corner = ops.one_hot(a.argmax(-1), a.shape[-1])
        return ops.where((a < 1).all(-1, keepdim=True), corner, inside)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        a = self.concentration
        total = a.sum(-1, keepdim=True)
        return a * (total - a) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        wide = self.concentration.expand(*self._extended_shape(sample_shape)).to(np.float64)
        parts = draw.gamma(wide)
        return (parts / parts.sum(-1, keepdim=True)).to(self.concentration.dtype)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        return ops.xlogy(self.concentration - 1, value).sum(-1) - self._normaliser()

    def _normaliser(self) -> Any:
        a = self.concentration
        return a.lgamma().sum(-1) - a.sum(-1).lgamma()

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        a, parts = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        spread = (total - parts) * total.digamma() - ((a - 1) * a.digamma()).sum(-1)
        return self._normaliser() + spread


class FisherSnedecor(Scalar):
    """Of one chi-squared variable over another, each divided by its degrees of freedom.

    Args:
        df1: of the one above.
        df2: of the one below.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(FisherSnedecor(1.0, 4.0).mean.item(), 4)
        2.0
    """

    arg_constraints = {"df1": positive, "df2": positive}
    support = positive
    has_rsample = True
    df1: Any
    df2: Any

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, df1=df1, df2=df2)

    @property
    def mean(self) -> Any:
        """The expectation; NaN for df2 of 2 or less."""
        return ops.where(self.df2 > 2, self.df2 / (self.df2 - 2), math.nan)

    @property
    def mode(self) -> Any:
        """Where the density is highest; NaN for df1 of 2 or less."""
        there = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return ops.where(self.df1 > 2, there, math.nan)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        a, b = self.df1, self.df2
        finite = 2 * b**2 * (a + b - 2) / (a * (b - 2) ** 2 * (b - 4))
        return ops.where(b > 4, finite, math.nan)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        shape = self._extended_shape(sample_shape)
        above, below = (draw.gamma((df / 2).expand(*shape)) / df for df in (self.df1, self.df2))
        return above / below

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        a, b = self.df1 / 2, self.df2 / 2
        ratio = self.df1 / self.df2
        normaliser = (a + b).lgamma() - a.lgamma() - b.lgamma()
        near = a * ratio.log() + (a - 1) * ops.log(value)
        return normaliser + near - (a + b) * (ratio * value).log1p()


# --- powers of an exponential variable ----------------------------------------------------------


class Weibull(Scalar):
    """1 - exp(-(x / scale)^k) is the probability of at most x, k the concentration.

    Args:
        scale: how large.
        concentration: the shape.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Weibull(2.0, 1.0).mean.item(), 4)
        2.0
    """

    arg_constraints = {"scale": positive, "concentration": positive}
    support = positive
    has_rsample = True
    scale: Any
    concentration: Any

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, scale=scale, concentration=concentration)

    def _moment(self, n: int) -> Any:
        return self.scale**n * (1 + n / self.concentration).lgamma().exp()

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self._moment(1)

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        k = self.concentration
        return self.scale * ((k - 1).clamp(min=0) / k) ** (1 / k)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self._moment(2) - self._moment(1) ** 2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        waiting = draw.exponential(self._extended_shape(sample_shape), self.scale)
        return self.scale * waiting ** (1 / self.concentration)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        k, x = self.concentration, value / self.scale
        return k.log() - self.scale.log() + (k - 1) * x.log() - x**k

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        self._validate_sample(value)
        return -(-((value / self.scale) ** self.concentration)).expm1()

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`."""
        return self.scale * (-ops.log1p(-value)) ** (1 / self.concentration)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        k = self.concentration
        return EULER * (1 - 1 / k) + (self.scale / k).log() + 1


class Pareto(Scalar):
    """alpha scale^alpha / x^(alpha + 1) from scale on.

    Args:
        scale: the smallest value.
        alpha: how fast it falls.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Pareto(1.0, 2.0).mean.item(), 4)
        2.0
    """

    arg_constraints = {"alpha": positive, "scale": positive}
    has_rsample = True
    scale: Any
    alpha: Any

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, scale=scale, alpha=alpha)

    @property
    def support(self) -> Any:
        """Where values lie."""
        return greater_than_eq(self.scale)

    @property
    def mean(self) -> Any:
        """The expectation."""
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        return self.scale

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        a = self.alpha.clamp(min=2)
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        waiting = draw.exponential(self._extended_shape(sample_shape), self.scale)
        return self.scale * (waiting / self.alpha).exp()

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        a = self.alpha
        return a.log() + a * self.scale.log() - (a + 1) * ops.log(value)

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        self._validate_sample(value)
        return 1 - (self.scale / value) ** self.alpha

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`."""
        return self.scale / (1 - value) ** (1 / self.alpha)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return (self.scale / self.alpha).log() + 1 + 1 / self.alpha


class Kumaraswamy(Scalar):
    """1 - (1 - x^a)^b is the probability of at most x, between 0 and 1.

    Args:
        concentration1: a.
        concentration0: b.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Kumaraswamy(1.0, 1.0).mean.item(), 4)
        0.5
    """

    arg_constraints = {"concentration1": positive, "concentration0": positive}
    support = unit_interval
    has_rsample = True
    concentration1: Any
    concentration0: Any

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        self._set(validate_args, concentration1=concentration1, concentration0=concentration0)

    def _moment(self, n: int) -> Any:
        a, b = 1 + n / self.concentration1, self.concentration0
        return (b.log() + a.lgamma() + b.lgamma() - (a + b).lgamma()).exp()

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self._moment(1)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self._moment(2) - self._moment(1) ** 2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        shape = self._extended_shape(sample_shape)
        return self.icdf(draw.uniform(shape, self.concentration1))

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        a, b = self.concentration1, self.concentration0
        return (a * b).log() + (a - 1) * ops.log(value) + (b - 1) * (-(value**a)).log1p()

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        self._validate_sample(value)
        return 1 - (1 - value**self.concentration1) ** self.concentration0

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`."""
        return (1 - (1 - value) ** (1 / self.concentration0)) ** (1 / self.concentration1)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        a, b = self.concentration1, self.concentration0
        harmonic = (b + 1).digamma() + EULER
        return (1 - 1 / b) + (1 - 1 / a) * harmonic - (a * b).log()

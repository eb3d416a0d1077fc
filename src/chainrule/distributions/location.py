"""Distributions of any number, known by where they are and how wide (floor 3).

All are drawn as location + scale times a number that depends on neither, so a gradient reaches
both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from chainrule import ops
from chainrule.autograd import full_like, zeros_like
from chainrule.distributions import draw
from chainrule.distributions.constraints import (
    dependent,
    interval,
    nonnegative,
    positive,
    real,
)
from chainrule.distributions.distribution import Scalar, holds
from chainrule.ops.core import checked

__all__ = [
    "Cauchy",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Laplace",
    "Normal",
    "StudentT",
    "Uniform",
]

EULER = 0.57721566490153286


class Normal(Scalar):
    """exp(-(x - loc)^2 / (2 scale^2)) / (scale sqrt(2 pi)).

    Args:
        loc: the mean.
        scale: the standard deviation.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Normal(0.0, 1.0).log_prob(0.0).item(), 4)
        -0.9189
        >>> Normal(2.0, 3.0)
        Normal(loc: 2.0, scale: 3.0)
    """

    arg_constraints = {"loc": real, "scale": positive}
    support = real
    has_rsample = True
    loc: Any
    scale: Any

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.loc

    mode = mean

    @property
    def stddev(self) -> Any:
        """The root of the variance."""
        return self.scale

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self.scale**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        shape = self._extended_shape(sample_shape)
        return self.loc + draw.normal(shape, self.loc) * self.scale

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        spread = -((value - self.loc) ** 2) / (2 * self.scale**2)
        return spread - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        self._validate_sample(value)
        return 0.5 * (1 + ((value - self.loc) / self.scale / math.sqrt(2)).erf())

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`."""
        return self.loc + self.scale * ops.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Laplace(Scalar):
    """exp(-|x - loc| / scale) / (2 scale).

    Args:
        loc: the mean.
        scale: how wide.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Laplace(0.0, 1.0).log_prob(1.0).item(), 4)
        -1.6931
    """

    arg_constraints = {"loc": real, "scale": positive}
    support = real
    has_rsample = True
    loc: Any
    scale: Any

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.loc

    mode = mean

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return 2 * self.scale**2

    @property
    def stddev(self) -> Any:
        """The root of the variance."""
        return math.sqrt(2) * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        return self.icdf(draw.uniform(self._extended_shape(sample_shape), self.loc))

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        self._validate_sample(value)
        away = value - self.loc
        return 0.5 - 0.5 * away.sign() * (-away.abs() / self.scale).expm1()

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`."""
        away = value - 0.5
        return self.loc - self.scale * ops.sign(away) * ops.log1p(-2 * abs(away))

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return 1 + (2 * self.scale).log()


class Cauchy(Scalar):
    """1 / (pi scale (1 + ((x - loc) / scale)^2)); it has no mean.

    Args:
        loc: the median.
        scale: half of the width at half of the height.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Cauchy(0.0, 1.0).cdf(1.0).item(), 4)
        0.75
    """

    arg_constraints = {"loc": real, "scale": positive}
    support = real
    has_rsample = True
    loc: Any
    scale: Any

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        """The expectation: NaN."""
        return full_like(self.loc, math.nan)

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        return self.loc

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean: infinite."""
        return full_like(self.loc, math.inf)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        return self.icdf(draw.uniform(self._extended_shape(sample_shape), self.loc))

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        away = (value - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - (away**2).log1p()

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        self._validate_sample(value)
        return ((value - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`."""
        return ops.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return math.log(4 * math.pi) + self.scale.log()


class Gumbel(Scalar):
    """exp(-z - exp(-z)) / scale with z = (x - loc) / scale: of the largest of many.

    Args:
        loc: where the density is highest.
        scale: how wide.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Gumbel(0.0, 1.0).mean.item(), 4)
        0.5772
    """

    arg_constraints = {"loc": real, "scale": positive}
    support = real
    has_rsample = True
    loc: Any
    scale: Any

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        return self.loc

    @property
    def stddev(self) -> Any:
        """The root of the variance."""
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self.stddev**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        waiting = draw.exponential(self._extended_shape(sample_shape), self.loc)
        return self.loc - self.scale * waiting.log()

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        z = (self.loc - value) / self.scale
        return z - z.exp() - self.scale.log()

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        self._validate_sample(value)
        return (-((self.loc - value) / self.scale).exp()).exp()

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`."""
        return self.loc - self.scale * ops.log(-ops.log(value))

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return self.scale.log() + (1 + EULER)


class Half(Scalar):
    """Of the absolute value of a variable that is spread evenly about 0."""

    arg_constraints = {"scale": positive}
    support = nonnegative
    has_rsample = True
    scale: Any

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, scale=scale)

    @property
    def _whole(self) -> Scalar:
        """The distribution of the variable itself."""
        raise self._lacks("_whole")

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        return zeros_like(self.scale)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        return self._whole.rsample(sample_shape).abs()

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        density = self._whole.log_prob(value) + math.log(2)
        return ops.where(ops.ge(value, 0), density, -math.inf)

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        self._validate_sample(value)
        return 2 * self._whole.cdf(value) - 1

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`."""
        return self._whole.icdf((value + 1) / 2)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return self._whole.entropy() - math.log(2)


class HalfNormal(Half):
    """Of the absolute value of a normal variable with mean 0.

    Args:
        scale: the standard deviation of that variable.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(HalfNormal(1.0).mean.item(), 4)
        0.7979
    """

    @property
    def _whole(self) -> Scalar:
        return Normal(0.0, self.scale, validate_args=False)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self.scale**2 * (1 - 2 / math.pi)


class HalfCauchy(Half):
    """Of the absolute value of a Cauchy variable with median 0.

    Args:
        scale: the scale of that variable.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(HalfCauchy(1.0).cdf(1.0).item(), 4)
        0.5
    """

    @property
    def _whole(self) -> Scalar:
        return Cauchy(0.0, self.scale, validate_args=False)

    @property
    def mean(self) -> Any:
        """The expectation: infinite."""
        return full_like(self.scale, math.inf)

    variance = mean


class StudentT(Scalar):
    """Of a normal variable over the root of an independent chi-squared one divided by df.

    Args:
        df: the degrees of freedom.
        loc: the median.
        scale: how wide.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(StudentT(3.0).variance.item(), 4)
        3.0
    """

    arg_constraints = {"df": positive, "loc": real, "scale": positive}
    support = real
    has_rsample = True
    df: Any
    loc: Any
    scale: Any

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        self._set(validate_args, df=df, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        """The expectation; NaN for one degree of freedom or less."""
        return ops.where(self.df <= 1, math.nan, self.loc)

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        return self.loc

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        narrow = self.df > 2
        finite = self.scale**2 * self.df / (ops.where(narrow, self.df, 3.0) - 2)
        return ops.where(narrow, finite, ops.where(self.df > 1, math.inf, math.nan))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        shape = self._extended_shape(sample_shape)
        squares = 2 * draw.gamma((self.df / 2).expand(*shape))  # chi-squared
        t = draw.normal(shape, self.df) * (squares / self.df).rsqrt()
        return self.loc + self.scale * t

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        t = (value - self.loc) / self.scale
        return -0.5 * (self.df + 1) * (t**2 / self.df).log1p() - self._normaliser()

    def _normaliser(self) -> Any:
        return (
            self.scale.log()
            + 0.5 * self.df.log()
            + 0.5 * math.log(math.pi)
            + (0.5 * self.df).lgamma()
            - (0.5 * (self.df + 1)).lgamma()
        )

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        return self._normaliser() + more * (more.digamma() - half.digamma())


class Uniform(Scalar):
    """1 / (high - low) from low to high, without high.

    Args:
        low: where it begins.
        high: where it ends.
        validate_args: whether parameters and values are checked; by default they are.

    Raises:
        OptionError: low is not below high.

    Examples:
        >>> round(Uniform(0.0, 4.0).entropy().item(), 4)
        1.3863
    """

    arg_constraints = {"low": dependent, "high": dependent}
    has_rsample = True
    low: Any
    high: Any

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, low=low, high=high)
        if self._validate_args:
            checked(holds(_ASCENDING), self.high > self.low)

    @property
    def support(self) -> Any:
        """Where values lie."""
        return interval(self.low, self.high)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Any:
        """Where the density is highest: nowhere in particular, NaN."""
        return full_like(self.low, math.nan)

    @property
    def stddev(self) -> Any:
        """The root of the variance."""
        return (self.high - self.low) / math.sqrt(12)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        return self.icdf(draw.uniform(self._extended_shape(sample_shape), self.low))

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        inside = (self.low <= value) & (self.high > value)
        return ops.where(inside, -(self.high - self.low).log(), -math.inf)

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`."""
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return (self.high - self.low).log()


_ASCENDING = "Uniform needs low < high everywhere; give the smaller number first"

"""Distributions of whole numbers: Bernoulli, Binomial, Geometric, Poisson, ... (floor 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from chainrule import ops
from chainrule.autograd import arange, bernoulli, no_grad, zeros_like
from chainrule.distributions import draw
from chainrule.distributions.chances import Binary
from chainrule.distributions.constraints import (
    boolean,
    greater_than_eq,
    half_open_interval,
    integer_interval,
    nonnegative,
    nonnegative_integer,
    real,
    unit_interval,
)
from chainrule.distributions.distribution import Scalar

__all__ = ["Bernoulli", "Binomial", "Geometric", "NegativeBinomial", "Poisson"]


class Bernoulli(Binary):
    """1 with probability p, else 0.

    Args:
        probs: p.
        logits: log(p / (1 - p)), instead.
        validate_args: whether parameters and values are checked; by default they are.

    Raises:
        OptionError: both are given, or neither.

    Examples:
        >>> round(Bernoulli(0.25).log_prob(1.0).exp().item(), 4)
        0.25
        >>> Bernoulli(probs=0.5)
        Bernoulli(probs: 0.5)
    """

    arg_constraints = {"probs": unit_interval, "logits": real}
    support = boolean
    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._set_chance(probs, logits, validate_args)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.probs

    @property
    def mode(self) -> Any:
        """The more likely value; NaN where both are equally so."""
        higher = (self.probs >= 0.5).to(self.probs.dtype)
        return ops.where(self.probs == 0.5, math.nan, higher)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw zeros and ones."""
        with no_grad():
            return bernoulli(self.probs.expand(*self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the probability of `value`."""
        self._validate_sample(value)
        return value * self.logits - ops.softplus(self.logits)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return ops.softplus(self.logits) - self.probs * self.logits

    def enumerate_support(self, expand: bool = True) -> Any:
        """Return 0 and 1, along a first dimension."""
        return enumerated(self, 2, expand)


class Geometric(Binary):
    """How many failures there are before the first success: p (1 - p)^k.

    Args:
        probs: p, of a success.
        logits: log(p / (1 - p)), instead.
        validate_args: whether parameters and values are checked; by default they are.

    Raises:
        OptionError: both are given, or neither.

    Examples:
        >>> round(Geometric(0.25).mean.item(), 4)
        3.0
    """

    arg_constraints = {"probs": unit_interval, "logits": real}
    support = nonnegative_integer

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._set_chance(probs, logits, validate_args)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return 1 / self.probs - 1

    @property
    def mode(self) -> Any:
        """The most likely value."""
        return zeros_like(self.probs)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw whole numbers."""
        with no_grad():
            shape = self._extended_shape(sample_shape)
            waiting = draw.exponential(shape, self.probs)
            return (waiting / -(-self.probs).log1p()).floor()

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the probability of `value`."""
        self._validate_sample(value)
        return ops.xlog1py(value, -self.probs) + self.probs.log()

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return (ops.softplus(self.logits) - self.probs * self.logits) / self.probs


class Binomial(Binary):
    """How many of so many independent events happen, each with probability p.

    Args:
        total_count: how many there are.
        probs: p.
        logits: log(p / (1 - p)), instead.
        validate_args: whether parameters and values are checked; by default they are.

    Raises:
        OptionError: both are given, or neither.

    Examples:
        >>> round(Binomial(4, 0.5).log_prob(2.0).exp().item(), 4)
        0.375
    """

    arg_constraints = {"total_count": nonnegative_integer, "probs": unit_interval, "logits": real}
    has_enumerate_support = True
    total_count: Any

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._set_chance(probs, logits, validate_args, total_count=total_count)

    @property
    def support(self) -> Any:
        """Where values lie."""
        return integer_interval(0, self.total_count)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.total_count * self.probs

    @property
    def mode(self) -> Any:
        """The most likely value."""
        return ops.minimum(((self.total_count + 1) * self.probs).floor(), self.total_count)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw whole numbers."""
        with no_grad():
            shape = self._extended_shape(sample_shape)
            return draw.binomial(self.total_count.expand(*shape), self.probs.expand(*shape))

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the probability of `value`."""
        self._validate_sample(value)
        n = self.total_count
        ways = (n + 1).lgamma() - ops.lgamma(value + 1) - (n - value + 1).lgamma()
        return ways + value * self.logits - n * ops.softplus(self.logits)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`, by adding up; all counts must be the same.

        Raises:
            NotImplementedError: they are not.
        """
        log_prob = self.log_prob(self.enumerate_support(expand=False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Any:
        """Return 0 to the count, along a first dimension.

        Raises:
            NotImplementedError: the counts differ within the batch.
        """
        count = int(self.total_count.max().item())
        if not (self.total_count == count).all():
            raise NotImplementedError(
                "the values of binomial distributions with different total_count have no common "
                "list; make one distribution for each count"
            )
        return enumerated(self, 1 + count, expand)


class NegativeBinomial(Binary):
    """How many successes there are before so many failures: a Poisson mixture.

    Args:
        total_count: the failures, any number above 0.
        probs: of a success.
        logits: log(p / (1 - p)), instead.
        validate_args: whether parameters and values are checked; by default they are.

    Raises:
        OptionError: both are given, or neither.

    Examples:
        >>> round(NegativeBinomial(3.0, 0.5).mean.item(), 4)
        3.0
    """

    arg_constraints = {
        "total_count": greater_than_eq(0),
        "probs": half_open_interval(0.0, 1.0),
        "logits": real,
    }
    support = nonnegative_integer
    total_count: Any

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._set_chance(probs, logits, validate_args, total_count=total_count)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Any:
        """The most likely value."""
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self.mean / ops.sigmoid(-self.logits)

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw whole numbers."""
        with no_grad():
            shape = self._extended_shape(sample_shape)
            rate = draw.gamma(self.total_count.expand(*shape)) * self.logits.exp()
            return draw.poisson(rate)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the probability of `value`."""
        self._validate_sample(value)
        n = self.total_count
        ways = (n + value).lgamma() - ops.lgamma(value + 1.0) - n.lgamma()
        chance = n * ops.log_sigmoid(-self.logits) + value * ops.log_sigmoid(self.logits)
        return ops.where(n + value == 0, 0.0, ways) + chance


class Poisson(Scalar):
    """rate^k exp(-rate) / k!: how often a rare event happens.

    Args:
        rate: the mean.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(Poisson(4.0).variance.item(), 4)
        4.0
    """

    arg_constraints = {"rate": nonnegative}
    support = nonnegative_integer
    rate: Any

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self._set(validate_args, rate=rate)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.rate

    variance = mean

    @property
    def mode(self) -> Any:
        """The most likely value."""
        return self.rate.floor()

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw whole numbers."""
        with no_grad():
            return draw.poisson(self.rate.expand(*self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the probability of `value`."""
        self._validate_sample(value)
        return ops.xlogy(value, self.rate) - self.rate - ops.lgamma(value + 1.0)


def enumerated(distribution: Any, count: int, expand: bool) -> Any:
    """The values 0 to `count` - 1 along a first dimension, the batch's after it."""
    shape = distribution.batch_shape
    values = arange(count, dtype=vars(distribution)[distribution.given].dtype)
    values = values.reshape(count, *[1] * len(shape))
    return values.expand(count, *shape) if expand else values

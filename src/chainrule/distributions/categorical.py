"""Distributions over categories: one of them, as a number or one-hot, or many draws (floor 3)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import arange, as_tensor, enable_grad, eye, full, no_grad
from chainrule.autograd import multinomial as drawn
from chainrule.distributions import draw
from chainrule.distributions.chances import Binary, logits_to_probs, probs_to_logits
from chainrule.distributions.constraints import (
    integer_interval,
    multinomial,
    one_hot,
    real,
    real_vector,
    simplex,
    unit_interval,
)
from chainrule.distributions.discrete import Binomial
from chainrule.distributions.distribution import Distribution, broadcast_all, one_of
from chainrule.errors import OptionError, ShapeError

__all__ = [
    "Categorical",
    "Multinomial",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
]


class Categories(Distribution):
    """What is known by the probabilities of categories: given as such, or as logarithms.

    Attributes:
        given: "probs" or "logits", whichever the person gave.
    """

    arg_constraints = {"probs": simplex, "logits": real_vector}
    given: str

    def _set_chances(self, probs: Any, logits: Any) -> Any:
        """Keep the probabilities adding up to 1, or the logits so that theirs do."""
        self.given = one_of(probs=probs, logits=logits)
        chances = as_tensor(probs if logits is None else logits)
        if not chances.ndim:
            raise ShapeError(
                f"{type(self).__name__}'s {self.given} needs a dimension: a number per category"
            )
        if self.given == "probs":
            self.probs = chances / chances.sum(-1, keepdim=True)
        else:
            self.logits = chances - chances.logsumexp(-1, keepdim=True)
        return chances.shape

    @functools.cached_property
    @enable_grad()
    def probs(self) -> Any:
        """The probability of every category."""
        return logits_to_probs(self.logits)

    @functools.cached_property
    @enable_grad()
    def logits(self) -> Any:
        """Its logarithm."""
        return probs_to_logits(self.probs)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return vars(self)[self.given].shape

    @property
    def _num_events(self) -> int:
        return int(self.param_shape[-1])

    def _number(self, sample_shape: Sequence[int]) -> Any:
        """Draw numbers of categories."""
        with no_grad():
            rows = self.probs.reshape(-1, self._num_events)
            numbers = drawn(rows, math.prod(sample_shape), replacement=True)
            return numbers.T.reshape(*sample_shape, *self.batch_shape)

    def _surprise(self) -> Any:
        """The expectation of -log p of one draw."""
        lowest = float(np.finfo(self.logits.dtype).min)
        return -(self.logits.clamp(min=lowest) * self.probs).sum(-1)


class Categorical(Categories):
    """The number of a category, 0 to K - 1.

    Args:
        probs: of the categories, (..., K); scaled so that they add up to 1.
        logits: their logarithms, up to a constant, instead.
        validate_args: whether parameters and values are checked; by default they are.

    Raises:
        OptionError: both are given, or neither, or they are no probabilities.
        ShapeError: a single number is given.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> m = Categorical(tensor([0.25, 0.75]))
        >>> round(m.log_prob(tensor(1)).exp().item(), 4)
        0.75
        >>> m.sample((5,)).shape
        (5,)
    """

    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        shape = self._set_chances(probs, logits)
        super().__init__(shape[:-1], (), validate_args)

    @property
    def support(self) -> Any:
        """Where values lie."""
        return integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Any:
        """The expectation: categories have none, NaN."""
        return full(self.batch_shape, math.nan, dtype=self.probs.dtype)

    variance = mean

    @property
    def mode(self) -> Any:
        """The most likely category."""
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw numbers of categories, int64."""
        return self._number(sample_shape)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the probability of the categories `value`."""
        self._validate_sample(value)
        number = as_tensor(value).long().unsqueeze(-1)
        shape = np.broadcast_shapes(number.shape[:-1], self.batch_shape)
        logits = self.logits.expand(*shape, self._num_events)
        return logits.gather(-1, number.expand(*shape, 1)).squeeze(-1)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return self._surprise()

    def enumerate_support(self, expand: bool = True) -> Any:
        """Return the numbers of all categories, along a first dimension."""
        count = self._num_events
        values = arange(count).reshape(count, *[1] * len(self.batch_shape))
        return values.expand(count, *self.batch_shape) if expand else values


class OneHotCategorical(Categories):
    """A category as a vector of zeros with a single 1.

    Args:
        probs: of the categories, (..., K); scaled so that they add up to 1.
        logits: their logarithms, up to a constant, instead.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> round(OneHotCategorical(tensor([0.25, 0.75])).sample().sum().item(), 4)
        1.0
    """

    support = one_hot
    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        shape = self._set_chances(probs, logits)
        super().__init__(shape[:-1], shape[-1:], validate_args)

    def _hot(self, number: Any) -> Any:
        return ops.one_hot(number, self._num_events).to(self.probs.dtype)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.probs

    @property
    def mode(self) -> Any:
        """The most likely category."""
        return self._hot(self.probs.argmax(-1))

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw vectors."""
        return self._hot(self._number(sample_shape))

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the probability of the vectors `value`."""
        self._validate_sample(value)
        # Of a category that cannot be, 0 times minus infinity.
        return ops.where(ops.eq(value, 0), 0.0, self.logits).sum(-1)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return self._surprise()

    def enumerate_support(self, expand: bool = True) -> Any:
        """Return the vectors of all categories, along a first dimension."""
        count = self._num_events
        values = eye(count, dtype=self.probs.dtype)
        values = values.reshape(count, *[1] * len(self.batch_shape), count)
        return values.expand(count, *self.batch_shape, count) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """`OneHotCategorical` whose draws pass a gradient on as if they were the probabilities.

    Y. Bengio, N. Leonard, A. Courville, "Estimating or propagating gradients through stochastic
    neurons for conditional computation", 2013.
    """

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw vectors whose derivative is that of the probabilities."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(Categories):
    """How often each category comes in so many draws.

    Args:
        total_count: how many draws.
        probs: of the categories, (..., K); scaled so that they add up to 1.
        logits: their logarithms, up to a constant, instead.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> round(Multinomial(10, tensor([0.25, 0.75])).sample().sum().item(), 4)
        10.0
    """

    def __init__(
        self,
        total_count: int = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise OptionError(f"Multinomial's total_count is one int, got {total_count!r}")
        self.total_count = total_count
        shape = self._set_chances(probs, logits)
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def support(self) -> Any:
        """Where values lie."""
        return multinomial(self.total_count)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.probs * self.total_count

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw counts."""
        numbers = self._number((self.total_count, *sample_shape))
        return ops.one_hot(numbers, self._num_events).sum(0).to(self.probs.dtype)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the probability of the counts `value`."""
        self._validate_sample(value)
        value = as_tensor(value, dtype=self.logits.dtype)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        return ways + ops.where(value == 0, 0.0, self.logits * value).sum(-1)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`, by adding up over the counts of each category."""
        n = self.total_count
        counts = arange(1, n + 1, dtype=self.logits.dtype).reshape(n, *[1] * self.probs.ndim)
        of_each = Binomial(n, probs=self.probs, validate_args=False).log_prob(counts)
        expected = (of_each.exp() * (counts + 1).lgamma()).sum((0, -1))
        return n * self._surprise() - math.lgamma(n + 1) + expected


# --- relaxed: points between the categories -----------------------------------------------------


class RelaxedOneHotCategorical(Categories):
    """A point of the simplex near a corner: softmax((logits + Gumbel noise) / temperature).

    C. J. Maddison, A. Mnih, Y. W. Teh, "The Concrete distribution"; E. Jang, S. Gu, B. Poole,
    "Categorical reparameterization with Gumbel-softmax"; both 2017.

    Args:
        temperature: how far from the corners.
        probs: of the categories, (..., K); scaled so that they add up to 1.
        logits: their logarithms, up to a constant, instead.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> near = RelaxedOneHotCategorical(tensor(0.5), tensor([0.25, 0.75]))
        >>> abs(near.rsample().sum().item() - 1) < 1e-5
        True
    """

    support = simplex
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        shape = self._set_chances(probs, logits)
        (wide,) = broadcast_all(temperature)
        self.temperature = wide.expand(*shape[:-1])
        super().__init__(shape[:-1], shape[-1:], validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw points through which a gradient reaches the parameters."""
        noise = -draw.exponential(self._extended_shape(sample_shape), self.logits).log()
        return ((self.logits + noise) / self.temperature.unsqueeze(-1)).softmax(-1)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at the points `value`."""
        self._validate_sample(value)
        count, t = self._num_events, self.temperature
        log_value = ops.log(value)
        score = (self.logits - log_value * t.unsqueeze(-1)).log_softmax(-1)
        return score.sum(-1) + math.lgamma(count) + (count - 1) * t.log() - log_value.sum(-1)


class RelaxedBernoulli(Binary):
    """A number between 0 and 1, near either: sigmoid((logits + logistic noise) / temperature).

    Args:
        temperature: how far from 0 and 1.
        probs: of 1.
        logits: log(p / (1 - p)), instead.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> 0 < RelaxedBernoulli(0.5, 0.25).rsample().item() < 1
        True
    """

    arg_constraints = {"probs": unit_interval, "logits": real}
    support = unit_interval
    has_rsample = True
    temperature: Any

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self._set_chance(probs, logits, validate_args, temperature=temperature)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw numbers through which a gradient reaches the parameters."""
        u = draw.uniform(self._extended_shape(sample_shape), self.logits)
        return ((self.logits + u.log() - (-u).log1p()) / self.temperature).sigmoid()

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        odds = ops.log(value) - ops.log1p(-value)
        slope = ops.log(value) + ops.log1p(-value)  # of the sigmoid there
        away = self.logits - odds * self.temperature
        return self.temperature.log() + away - 2 * ops.softplus(away) - slope

"""Distributions made of distributions: independent, transformed, mixed (floor 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from chainrule.autograd import no_grad
from chainrule.distributions import constraints
from chainrule.distributions.categorical import Categorical
from chainrule.distributions.constraints import positive, real, simplex
from chainrule.distributions.distribution import Distribution, add_up
from chainrule.distributions.location import Normal
from chainrule.distributions.transforms import (
    ComposeTransform,
    ExpTransform,
    StickBreakingTransform,
    Transform,
)
from chainrule.errors import OptionError, ShapeError

__all__ = [
    "Independent",
    "LogNormal",
    "LogisticNormal",
    "MixtureSameFamily",
    "TransformedDistribution",
]


class Independent(Distribution):
    """A batch of distributions as one of vectors: `log_prob` adds up over the batch.

    Args:
        base_distribution: the batch.
        reinterpreted_batch_ndims: how many of its batch dimensions, from the last, become the
            event's.
        validate_args: whether values are checked; by default they are.

    Raises:
        OptionError: it has not as many.

    Examples:
        >>> from chainrule.autograd import zeros
        >>> round(Independent(Normal(zeros(3), 1.0), 1).log_prob(zeros(3)).item(), 4)
        -2.7568
    """

    def __init__(
        self,
        base_distribution: Any,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        batch = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(batch):
            raise OptionError(
                f"reinterpreted_batch_ndims is {reinterpreted_batch_ndims}, but "
                f"{base_distribution!r} has only {len(batch)} batch dimensions"
            )
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        kept = len(batch) - reinterpreted_batch_ndims
        event = (*batch[kept:], *base_distribution.event_shape)
        super().__init__(batch[:kept], event, validate_args)

    @property
    def has_rsample(self) -> Any:
        """Whether a gradient passes through its values."""
        return bool(self.base_dist.has_rsample)

    @property
    def support(self) -> Any:
        """Where values lie."""
        dims = self.reinterpreted_batch_ndims
        base = self.base_dist.support
        return constraints.independent(base, dims) if dims else base

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self.base_dist.mean

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        return self.base_dist.mode

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values, without gradient."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        return add_up(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return add_up(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"


class TransformedDistribution(Distribution):
    """Of t(x), with x from another distribution.

    Args:
        base_distribution: of x.
        transforms: t, or a list of maps, the first to be done first.
        validate_args: whether values are checked; by default they are.

    Raises:
        OptionError: no `Transform` is given.
        ShapeError: the maps take more dimensions than the values have.

    Examples:
        >>> from chainrule.distributions.transforms import TanhTransform
        >>> squashed = TransformedDistribution(Normal(0.0, 1.0), [TanhTransform(cache_size=1)])
        >>> squashed.rsample((5,)).shape
        (5,)
    """

    base_dist: Any

    def __init__(
        self, base_distribution: Any, transforms: Any, validate_args: bool | None = None
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(t, Transform) for t in self.transforms):
            raise OptionError(f"transforms must be Transforms, got {transforms!r}")
        whole = ComposeTransform(self.transforms)
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        if len(shape) < whole.domain.event_dim:
            raise ShapeError(
                f"{base_distribution!r} gives values of shape {shape}; the transforms take "
                f"{whole.domain.event_dim} dimensions or more"
            )
        given = whole.forward_shape(shape)
        wide = whole.inverse_shape(given)  # of a map whose own parameters are a batch
        if wide != shape:
            kept = len(wide) - len(base_distribution.event_shape)
            base_distribution = base_distribution.expand(wide[:kept])
        # What the map takes together of the base's batch is no batch any more, and what it
        # gives as one is one event.
        together = max(whole.domain.event_dim - len(base_distribution.event_shape), 0)
        self.base_dist = Independent(base_distribution, together) if together else base_distribution
        grown = whole.codomain.event_dim - whole.domain.event_dim
        event = max(whole.codomain.event_dim, len(self.base_dist.event_shape) + grown)
        cut = len(given) - event
        super().__init__(given[:cut], given[cut:], validate_args)

    @property
    def has_rsample(self) -> Any:
        """Whether a gradient passes through its values."""
        return bool(self.base_dist.has_rsample)

    @property
    def support(self) -> Any:
        """Where values lie."""
        if not self.transforms:
            return self.base_dist.support
        found = ComposeTransform(self.transforms).codomain
        more = len(self.event_shape) - found.event_dim
        return constraints.independent(found, more) if more > 0 else found

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """Return the distribution, its parameters stretched over a larger batch."""
        whole = (*batch_shape, *self.event_shape)
        base_shape = ComposeTransform(self.transforms).inverse_shape(whole)
        cut = len(base_shape) - len(self.base_dist.event_shape)
        out = super().expand(batch_shape, _instance)
        out.base_dist = self.base_dist.expand(base_shape[:cut])
        return out

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values, without gradient."""
        with no_grad():
            return self._mapped(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values through which a gradient reaches the parameters."""
        return self._mapped(self.base_dist.rsample(sample_shape))

    def _mapped(self, x: Any) -> Any:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        dims, y, total = len(self.event_shape), value, 0.0
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            stretch = transform.log_abs_det_jacobian(x, y)
            total = total - add_up(stretch, dims - transform.domain.event_dim)
            y = x
        own = len(self.base_dist.event_shape)
        return add_up(self.base_dist.log_prob(y), dims - own) + total

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`, where the maps rise or fall throughout."""
        self._validate_sample(value)
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        return self._turned(self.base_dist.cdf(value))

    def icdf(self, value: Any) -> Any:
        """Return what is not exceeded with probability `value`."""
        return self._mapped(self.base_dist.icdf(self._turned(value)))

    def _turned(self, chance: Any) -> Any:
        """A probability; that of the other side where the maps fall."""
        sign = math.prod(transform.sign for transform in self.transforms)
        return chance if isinstance(sign, int) and sign == 1 else sign * (chance - 0.5) + 0.5


class LogNormal(TransformedDistribution):
    """Of e^x, with x normal.

    Args:
        loc: the mean of x.
        scale: the standard deviation of x.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> round(LogNormal(0.0, 1.0).mean.item(), 4)
        1.6487
    """

    arg_constraints = {"loc": real, "scale": positive}

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args)

    @property
    def loc(self) -> Any:
        """The mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self) -> Any:
        """The standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self) -> Any:
        """The expectation."""
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Any:
        """Where the density is highest."""
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Any:
        """The expectation of the square of the deviation from the mean."""
        squared = self.scale**2
        return squared.expm1() * (2 * self.loc + squared).exp()

    def entropy(self) -> Any:
        """Return the expectation of -`log_prob`."""
        return self.base_dist.entropy() + self.loc


class LogisticNormal(TransformedDistribution):
    """Of points of the simplex: stick-breaking of normal numbers.

    Args:
        loc: their means, (..., K - 1).
        scale: their standard deviations.
        validate_args: whether parameters and values are checked; by default they are.

    Examples:
        >>> from chainrule.autograd import ones
        >>> LogisticNormal(ones(2), ones(2)).sample().shape
        (3,)
    """

    arg_constraints = {"loc": real, "scale": positive}
    support = simplex

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args)

    @property
    def loc(self) -> Any:
        """The means of the normal numbers."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Any:
        """Their standard deviations."""
        return self.base_dist.base_dist.scale


class MixtureSameFamily(Distribution):
    """One of K distributions, drawn by its weight, and a value from it.

    Args:
        mixture_distribution: a `Categorical` of K weights.
        component_distribution: its last batch dimension are the K.
        validate_args: whether values are checked; by default they are.

    Raises:
        OptionError: the weights are no `Categorical`.
        ShapeError: the shapes do not fit.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> halves = Categorical(tensor([0.5, 0.5]))
        >>> round(MixtureSameFamily(halves, Normal(tensor([-1.0, 1.0]), 0.1)).variance.item(), 4)
        1.01
    """

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Any,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise OptionError(
                "MixtureSameFamily's mixture_distribution is a Categorical, got "
                f"{mixture_distribution!r}"
            )
        batch = component_distribution.batch_shape
        count = mixture_distribution._num_events
        if not batch or batch[-1] != count:
            raise ShapeError(
                f"there are weights for {count} components, but the batch of components has shape "
                f"{tuple(batch)}; its last dimension must be {count}"
            )
        self.mixture_distribution = mixture_distribution.expand(batch[:-1])
        self.component_distribution = component_distribution
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """Return the distribution, its parameters stretched over a larger batch."""
        out = super().expand(batch_shape, _instance)
        wide = (*batch_shape, self.mixture_distribution._num_events)
        out.component_distribution = self.component_distribution.expand(wide)
        return out

    @property
    def support(self) -> Any:
        """Where values lie, if that is the same for all components."""
        return self.component_distribution.support

    def _validate_sample(self, value: Any) -> None:
        """Raise on a value that is none of any component's."""
        if self._validate_args:
            self.component_distribution._validate_sample(self._beside(value))

    def _beside(self, value: Any) -> Any:
        """`value` with a dimension of components, after those of the batch."""
        return value.unsqueeze(-1 - len(self.event_shape))

    @property
    def _place(self) -> int:
        """The dimension of the components."""
        return -1 - len(self.event_shape)

    def _weighted(self, moments: Any) -> Any:
        weights = self.mixture_distribution.probs
        for _ in self.event_shape:
            weights = weights.unsqueeze(-1)
        return (weights * moments).sum(self._place)

    @property
    def mean(self) -> Any:
        """The expectation."""
        return self._weighted(self.component_distribution.mean)

    @property
    def variance(self) -> Any:
        """Within the components, and between them."""
        between = self.component_distribution.mean - self._beside(self.mean)
        return self._weighted(self.component_distribution.variance + between**2)

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most `value`."""
        within = self.component_distribution.cdf(self._beside(value))
        return (within * self.mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density at `value`."""
        self._validate_sample(value)
        within = self.component_distribution.log_prob(self._beside(value))
        return (within + self.mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Any:
        """Draw values, without gradient."""
        with no_grad():
            which = self.mixture_distribution.sample(sample_shape)
            values = self.component_distribution.sample(sample_shape)
            for _ in range(1 + len(self.event_shape)):
                which = which.unsqueeze(-1)
            shape = list(values.shape)
            shape[self._place] = 1
            return values.gather(self._place, which.expand(*shape)).squeeze(self._place)

    def __repr__(self) -> str:
        parts = f"{self.mixture_distribution!r},\n  {self.component_distribution!r}"
        return f"MixtureSameFamily(\n  {parts})"

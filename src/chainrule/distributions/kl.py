"""Kullback and Leibler's divergence between pairs of distributions (floor 3).

KL(p || q) is the expectation under p of log p(x) - log q(x). Each pair of kinds has its formula,
entered with `register_kl`; of several that fit, that of the nearest classes is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from chainrule import ops
from chainrule.distributions.categorical import Categorical, OneHotCategorical
from chainrule.distributions.composed import Independent, TransformedDistribution
from chainrule.distributions.discrete import Bernoulli, Binomial, Geometric, Poisson
from chainrule.distributions.distribution import Distribution, add_up
from chainrule.distributions.gammas import Beta, Dirichlet, Exponential, Gamma
from chainrule.distributions.location import (
    EULER,
    Cauchy,
    Gumbel,
    HalfNormal,
    Laplace,
    Normal,
    Uniform,
)
from chainrule.distributions.multivariate import MultivariateNormal, log_scale, whitened
from chainrule.errors import OptionError

__all__ = ["kl_divergence", "register_kl"]

Formula = Callable[[Any, Any], Any]
FORMULAS: dict[tuple[type, type], Formula] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Formula], Formula]:
    """Decorate `f(p, q)` as the divergence between two kinds of distributions.

    Args:
        type_p: a subclass of `Distribution`.
        type_q: another.

    Raises:
        OptionError: they are none.

    Examples:
        >>> class Certain(Distribution):
        ...     "Always 0."
        >>> @register_kl(Certain, Certain)
        ... def none(p, q):
        ...     return 0.0
        >>> kl_divergence(Certain(), Certain())
        0.0
    """
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise OptionError(f"register_kl takes subclasses of Distribution, got {kind!r}")

    def entered(formula: Formula) -> Formula:
        FORMULAS[type_p, type_q] = formula
        return formula

    return entered


def kl_divergence(p: Any, q: Any) -> Any:
    """Return KL(p || q), for each distribution of the batch.

    Args:
        p: under which the expectation is taken.
        q: what it is compared with.

    Raises:
        NotImplementedError: there is no formula for the pair.

    Examples:
        >>> round(kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0)).item(), 4)
        0.5
    """
    lines = type(p).__mro__, type(q).__mro__
    near = [
        (lines[0].index(a) + lines[1].index(b), formula)
        for (a, b), formula in FORMULAS.items()
        if a in lines[0] and b in lines[1]
    ]
    if not near:
        raise NotImplementedError(
            f"there is no formula for the divergence of {type(p).__name__} from "
            f"{type(q).__name__}; enter one with register_kl, or average "
            "p.log_prob(x) - q.log_prob(x) over samples x of p"
        )
    return min(near, key=lambda found: found[0])[1](p, q)


# --- the same kind twice ------------------------------------------------------------------------


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Any:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Any:
    return kl_divergence(p._whole, q._whole)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Any:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * (-away / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Any:
    apart = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return apart.log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Any:
    ratio, own, other = p.scale / q.scale, p.loc / q.scale, q.loc / q.scale
    stretched = (other + (1 + ratio).lgamma() - own).exp()
    return -ratio.log() - other + own + ratio * EULER + stretched - (1 + EULER)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Any:
    apart = ((q.high - q.low) / (p.high - p.low)).log()
    return ops.where((q.low > p.low) | (q.high < p.high), math.inf, apart)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Any:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Any:
    a, b = p.concentration, q.concentration
    rates = b * (p.rate / q.rate).log() + a * (q.rate / p.rate - 1)
    return rates + b.lgamma() - a.lgamma() + (a - b) * a.digamma()


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Any:
    return kl_divergence(p._pair(), q._pair())


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Any:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    normalisers = total.lgamma() - b.sum(-1).lgamma() + (b.lgamma() - a.lgamma()).sum(-1)
    spread = (a - b) * (a.digamma() - total.digamma().unsqueeze(-1))
    return normalisers + spread.sum(-1)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Any:
    d = p.event_shape[0]
    stretched = ops.solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    away = whitened(q.scale_tril, q.loc - p.loc)
    spread = (stretched**2).sum((-2, -1)) + (away**2).sum(-1) - d
    return log_scale(q.scale_tril) - log_scale(p.scale_tril) + 0.5 * spread


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Any:
    happens = p.probs * (ops.softplus(-q.logits) - ops.softplus(-p.logits))
    found = happens + (1 - p.probs) * (ops.softplus(q.logits) - ops.softplus(p.logits))
    impossible = ((q.probs == 0) & (p.probs > 0)) | ((q.probs == 1) & (p.probs < 1))
    return ops.where(impossible, math.inf, found)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Any:
    of_each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    found = p.total_count * of_each
    return ops.where(p.total_count > q.total_count, math.inf, found)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Any:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Any:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Categorical, Categorical)
def _categorical(p: Any, q: Any) -> Any:
    term = p.probs * (p.logits - q.logits)
    term = ops.where((q.probs == 0).expand(*term.shape), math.inf, term)
    return ops.where((p.probs == 0).expand(*term.shape), 0.0, term).sum(-1)


register_kl(OneHotCategorical, OneHotCategorical)(_categorical)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError(
            "the divergence of Independents takes as many reinterpreted_batch_ndims of both, got "
            f"{p.reinterpreted_batch_ndims} and {q.reinterpreted_batch_ndims}"
        )
    return add_up(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Any:
    if p.transforms != q.transforms:
        raise NotImplementedError(
            "the divergence of transformed distributions takes the same transforms of both"
        )
    return kl_divergence(p.base_dist, q.base_dist)


# --- two kinds ----------------------------------------------------------------------------------


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Any:
    return kl_divergence(Gamma(1.0, p.rate, validate_args=False), q)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> Any:
    return kl_divergence(p, Gamma(1.0, q.rate, validate_args=False))


@register_kl(Uniform, Normal)
def _uniform_normal(p: Uniform, q: Normal) -> Any:
    squares = p.variance + (p.mean - q.loc) ** 2
    return (q.scale * math.sqrt(2 * math.pi)).log() + squares / (2 * q.scale**2) - p.entropy()


@register_kl(Laplace, Normal)
def _laplace_normal(p: Laplace, q: Normal) -> Any:
    squares = p.variance + (p.loc - q.loc) ** 2
    return (q.scale * math.sqrt(2 * math.pi)).log() + squares / (2 * q.scale**2) - p.entropy()


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Any:
    z = (p.loc - q.loc) / p.scale
    away = p.scale * (math.sqrt(2 / math.pi) * (-(z**2) / 2).exp() + z * (z / math.sqrt(2)).erf())
    return (2 * q.scale).log() + away / q.scale - p.entropy()


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Any:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)

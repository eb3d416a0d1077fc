"""Probability distributions: samples, densities, divergences, all with gradients (floor 3).

PyTorch's names, as in `torch.distributions`. Samples come from the default generator, which
`chainrule.manual_seed` seeds; the tape remembers how `rsample` made its values, so that the
expectation of a loss can be differentiated by a distribution's parameters.

Examples:
    >>> from chainrule.autograd import tensor
    >>> from chainrule.distributions import Categorical, Normal, kl_divergence
    >>> logits = tensor([0.0, 0.0], requires_grad=True)
    >>> policy = Categorical(logits=logits)
    >>> (-policy.log_prob(tensor(0))).backward()
    >>> logits.grad.tolist()
    [-0.5, 0.5]
"""

from typing import Any

from chainrule.distributions import constraints, transforms
from chainrule.distributions.categorical import (
    Categorical,
    Multinomial,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    RelaxedBernoulli,
    RelaxedOneHotCategorical,
)
from chainrule.distributions.composed import (
    Independent,
    LogisticNormal,
    LogNormal,
    MixtureSameFamily,
    TransformedDistribution,
)
from chainrule.distributions.discrete import (
    Bernoulli,
    Binomial,
    Geometric,
    NegativeBinomial,
    Poisson,
)
from chainrule.distributions.distribution import Distribution
from chainrule.distributions.gammas import (
    Beta,
    Chi2,
    Dirichlet,
    Exponential,
    FisherSnedecor,
    Gamma,
    InverseGamma,
    Kumaraswamy,
    Pareto,
    Weibull,
)
from chainrule.distributions.kl import kl_divergence, register_kl
from chainrule.distributions.location import (
    Cauchy,
    Gumbel,
    HalfCauchy,
    HalfNormal,
    Laplace,
    Normal,
    StudentT,
    Uniform,
)
from chainrule.distributions.multivariate import MultivariateNormal
from chainrule.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    ComposeTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PowerTransform,
    ReshapeTransform,
    SigmoidTransform,
    SoftmaxTransform,
    SoftplusTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
from chainrule.errors import did_you_mean

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Chi2",
    "ComposeTransform",
    "CumulativeDistributionTransform",
    "Dirichlet",
    "Distribution",
    "ExpTransform",
    "Exponential",
    "FisherSnedecor",
    "Gamma",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Independent",
    "IndependentTransform",
    "InverseGamma",
    "Kumaraswamy",
    "Laplace",
    "LogNormal",
    "LogisticNormal",
    "LowerCholeskyTransform",
    "MixtureSameFamily",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Pareto",
    "Poisson",
    "PowerTransform",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StickBreakingTransform",
    "StudentT",
    "TanhTransform",
    "Transform",
    "TransformedDistribution",
    "Uniform",
    "Weibull",
    "constraints",
    "identity_transform",
    "kl_divergence",
    "register_kl",
    "transforms",
]


def __getattr__(name: str) -> Any:
    raise AttributeError(f"chainrule.distributions has no {name!r}" + did_you_mean(name, __all__))

"""Special functions under PyTorch's names, as in `torch.special` (floor 3).

Examples:
    >>> from chainrule import special, tensor
    >>> special.expit(tensor([0.0])).item()
    0.5
"""

from __future__ import annotations

from typing import Any

from chainrule.autograd.functions import log_softmax, logsumexp, round, softmax
from chainrule.errors import did_you_mean
from chainrule.ops import (
    digamma,
    entr,
    erf,
    erfc,
    erfcx,
    erfinv,
    exp2,
    expm1,
    gammainc,
    gammaincc,
    i0,
    i0e,
    i1,
    i1e,
    log1p,
    log_ndtr,
    logit,
    multigammaln,
    ndtr,
    ndtri,
    polygamma,
    sinc,
    xlog1py,
    xlogy,
    zeta,
)
from chainrule.ops import lgamma as gammaln
from chainrule.ops import sigmoid as expit

psi = digamma

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
    "zeta",
]


def __getattr__(name: str) -> Any:
    raise AttributeError(f"chainrule.special has no {name!r}" + did_you_mean(name, __all__))

"""Muon: steps along a momentum made orthogonal, for matrices of hidden layers (floor 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.errors import OptionError, ShapeError
from chainrule.optim.group import ParamGroup
from chainrule.optim.number import ANY, AT_LEAST_0, Allowed
from chainrule.optim.optimizer import Optimizer

__all__ = ["Muon"]

_TRIPLE = Allowed(ANY.low, ANY.high, "three finite numbers", 3)
_MOST_STEPS = 100


class Muon(Optimizer):
    """Muon: p = (1 - lr weight_decay) p - lr' orthogonal(m), m = momentum m + (1 - momentum) g.

    With `nesterov`, g moved by `momentum` towards m takes the place of m. `orthogonal` gives nearly
    U V^T of the singular value decomposition U S V^T, by the steps X = a X + (b A + c A^2) X with
    A = X X^T, from X = m / |m|. K. Jordan and others, "Muon: an optimizer for hidden layers in
    neural networks", 2024. Give it matrices alone; biases, embeddings and the last layer are for
    AdamW. PyTorch takes the steps to `orthogonal` in 8 bits of precision, here it is p's own.

    Args:
        params: matrices, with names or without, or parameter groups.
        lr: learning rate, at least 0.
        weight_decay: share of p, times lr, lost at each step, at least 0.
        momentum: share of m kept, at least 0.
        nesterov: look ahead along m.
        ns_coefficients: a, b and c.
        eps: the least |m| to divide by.
        ns_steps: how many steps towards the orthogonal matrix, below 100.
        adjust_lr_fn: lr' for a matrix of n rows and m columns: "original", or `None`, lr times
            sqrt(max(1, n / m)); "match_rms_adamw": lr times 0.2 sqrt(max(n, m)).

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.
        ShapeError: a parameter is no matrix.

    Examples:
        >>> p = Tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
        >>> optimizer = Muon([p], lr=0.1, weight_decay=0)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> bool(p[0, 0] < 0.95)
        True
    """

    numbers = {
        "lr": AT_LEAST_0,
        "weight_decay": AT_LEAST_0,
        "momentum": AT_LEAST_0,
        "ns_coefficients": _TRIPLE,
        "eps": AT_LEAST_0,
    }

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ShapeError(
                        f"Muon is for matrices, got a parameter of shape {tuple(p.shape)}; "
                        "give what is no matrix to AdamW"
                    )

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if options["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise OptionError(
                "adjust_lr_fn must be 'original' or 'match_rms_adamw', "
                f"got {options['adjust_lr_fn']!r}"
            )
        if not 0 <= options["ns_steps"] < _MOST_STEPS:
            raise OptionError(f"ns_steps must be from 0 to 99, got {options['ns_steps']}")

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        return ("momentum_buffer",)

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        m = self._state_of(p, group)["momentum_buffer"]
        lr, decay, momentum = self._numbers(group, "lr", "weight_decay", "momentum")
        ops.assign(m, m + (p.grad - m) * (1 - momentum))
        along = p.grad + (m - p.grad) * momentum if group["nesterov"] else m
        turned = self._orthogonal(along, group)
        ops.assign(p, p * (1 - lr * decay) - turned * (lr * _stretch(p, group["adjust_lr_fn"])))

    def _orthogonal(self, x: Tensor, group: ParamGroup) -> Tensor:
        """Return nearly U V^T of x = U S V^T."""
        coefficients, least = self._numbers(group, "ns_coefficients", "eps")
        a, b, c = (coefficients[i] for i in range(3))
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / ops.maximum((x * x).sum().sqrt(), least)
        for _ in range(group["ns_steps"]):
            gram = x @ x.T
            x = a * x + (b * gram + c * (gram @ gram)) @ x
        return x.T if tall else x


def _stretch(p: Tensor, adjust: str | None) -> float:
    """What lr is multiplied by for a matrix of this shape."""
    rows, columns = p.shape
    if adjust == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1.0, rows / columns))

"""Stochastic gradient descent, with or without momentum (floor 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.errors import OptionError
from chainrule.optim.group import ParamGroup
from chainrule.optim.number import ANY, AT_LEAST_0
from chainrule.optim.optimizer import UNUSED, Optimizer

__all__ = ["SGD"]

_NO_DAMPENING = np.zeros(())


class SGD(Optimizer):
    """Stochastic gradient descent: p -= lr v, v = momentum v + (1 - dampening) g.

    The first v is g itself. With `nesterov`, p -= lr (g + momentum v). `weight_decay` adds
    weight_decay p to g. H. Robbins and S. Monro, "A stochastic approximation method", 1951;
    momentum as in I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance of
    initialization and momentum in deep learning", ICML 2013.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, at least 0.
        momentum: share of v kept from step to step, at least 0.
        dampening: share of g left out of v.
        weight_decay: strength of the penalty weight_decay / 2 |p|^2, at least 0.
        nesterov: look ahead along v; needs momentum and no dampening.
        maximize: go uphill.
        foreach, differentiable, fused: PyTorch's ways of taking a step; there is one here.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = SGD([p], lr=0.1, momentum=0.9)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p
        tensor([0.8000], requires_grad=True)
    """

    numbers = {
        "lr": AT_LEAST_0,
        "momentum": AT_LEAST_0,
        "dampening": ANY,
        "weight_decay": AT_LEAST_0,
    }

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        momentum, dampening = options["momentum"], options["dampening"]
        if options["nesterov"] and (not momentum or dampening):
            raise OptionError(
                "nesterov needs momentum above 0 and no dampening, "
                f"got momentum={momentum} and dampening={dampening}"
            )

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        return ("momentum_buffer",) if group.array("momentum") else ()

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        # From a buffer of zeros and undampened, the first v comes out as g itself.
        first = "momentum_buffer" not in self.state[p]
        state = self._state_of(p, group)
        ops.sgd_step(
            p,
            p.grad,
            state.get("momentum_buffer", UNUSED),
            group.array("lr"),
            group.array("momentum"),
            _NO_DAMPENING if first else group.array("dampening"),
            group.array("weight_decay"),
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )

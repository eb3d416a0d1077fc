"""Adadelta: steps in the size of recent steps, so that no rate need be chosen (floor 3)."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.ops.update import increment
from chainrule.optim.group import ParamGroup
from chainrule.optim.number import AT_LEAST_0, SHARE
from chainrule.optim.optimizer import Optimizer

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """Adadelta: p -= lr d, d = sqrt(u + eps) / sqrt(v + eps) g.

    v = rho v + (1 - rho) g^2 and u = rho u + (1 - rho) d^2, both from 0, u after d. M. D. Zeiler,
    "ADADELTA: an adaptive learning rate method", arXiv:1212.5701, 2012.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: what each step is multiplied by, at least 0.
        rho: how much of u and v is kept, from 0 to 1.
        eps: keeps the quotient finite and the first steps going, at least 0.
        weight_decay: strength of the penalty weight_decay / 2 |p|^2, at least 0.
        foreach, capturable, differentiable: PyTorch's ways of taking a step; there is one here.
        maximize: go uphill.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = Adadelta([p], eps=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p
        tensor([0.1056], requires_grad=True)
    """

    numbers = {"lr": AT_LEAST_0, "rho": SHARE, "eps": AT_LEAST_0, "weight_decay": AT_LEAST_0}

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "square_avg", "acc_delta")

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        state = self._state_of(p, group)
        increment(state["step"])  # nothing here reads it; a state dict has it
        lr, rho, eps = self._numbers(group, "lr", "rho", "eps")
        g, v, u = self._slope(p, group), state["square_avg"], state["acc_delta"]
        ops.assign(v, rho * v + (1 - rho) * g * g)
        d = (u + eps).sqrt() / (v + eps).sqrt() * g
        ops.assign(u, rho * u + (1 - rho) * d * d)
        ops.assign(p, p - lr * d)

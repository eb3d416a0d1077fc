"""Adagrad: steps divided by the size of all gradients so far (floor 3)."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor, full_like
from chainrule.ops.update import increment
from chainrule.optim.group import ParamGroup
from chainrule.optim.number import AT_LEAST_0
from chainrule.optim.optimizer import Optimizer

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Adagrad: p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps), s the sum of all g^2 so far.

    `weight_decay` adds weight_decay p to g; t counts the steps. J. Duchi, E. Hazan and Y. Singer,
    "Adaptive subgradient methods for online learning and stochastic optimization", JMLR 12, 2011.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, at least 0.
        lr_decay: how fast the rate falls, at least 0.
        weight_decay: strength of the penalty weight_decay / 2 |p|^2, at least 0.
        initial_accumulator_value: what s starts from, at least 0.
        eps: keeps the quotient finite, at least 0.
        foreach, differentiable, fused: PyTorch's ways of taking a step; there is one here.
        maximize: go uphill.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = Adagrad([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p
        tensor([0.9000], requires_grad=True)
    """

    numbers = {
        "lr": AT_LEAST_0,
        "lr_decay": AT_LEAST_0,
        "weight_decay": AT_LEAST_0,
        "initial_accumulator_value": AT_LEAST_0,
        "eps": AT_LEAST_0,
    }

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "sum")

    def _initial(self, name: str, p: Tensor, group: ParamGroup) -> Tensor:
        if name == "sum":
            return full_like(p, group["initial_accumulator_value"])
        return super()._initial(name, p, group)

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        state = self._state_of(p, group)
        ops.adagrad_step(
            p,
            p.grad,
            state["sum"],
            group.array("lr"),
            increment(state["step"]),
            group.array("lr_decay"),
            group.array("weight_decay"),
            group.array("eps"),
            maximize=group["maximize"],
        )

"""Averaged stochastic gradient descent (floor 3)."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor, full, ones
from chainrule.ops.update import increment
from chainrule.optim.group import ParamGroup
from chainrule.optim.number import ANY, AT_LEAST_0
from chainrule.optim.optimizer import Optimizer

__all__ = ["ASGD"]


class ASGD(Optimizer):
    """ASGD: p = (1 - lambd eta) p - eta g, and the mean of all p after the first `t0` steps.

    eta = lr / (1 + lambd lr t)^alpha falls with the count t of steps. The mean is `ax` in the
    parameter's state. B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic approximation
    by averaging", 1992.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, at least 0.
        lambd: how fast p and eta fall.
        alpha: the power by which eta falls.
        t0: the step at which the mean begins.
        weight_decay: strength of the penalty weight_decay / 2 |p|^2, at least 0.
        foreach, differentiable, capturable: PyTorch's ways of taking a step; there is one here.
        maximize: go uphill.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = ASGD([p], lr=0.1, lambd=0)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.8
    """

    numbers = {
        "lr": AT_LEAST_0,
        "lambd": ANY,
        "alpha": ANY,
        "t0": ANY,
        "weight_decay": AT_LEAST_0,
    }

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "eta", "mu", "ax")

    def _initial(self, name: str, p: Tensor, group: ParamGroup) -> Tensor:
        if name == "eta":
            return full((), group["lr"])
        if name == "mu":
            return ones(())
        return super()._initial(name, p, group)

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        state = self._state_of(p, group)
        lr, lambd, alpha, t0 = self._numbers(group, "lr", "lambd", "alpha", "t0")
        t = increment(state["step"])
        g, eta, mu, mean = self._slope(p, group), state["eta"], state["mu"], state["ax"]
        ops.assign(p, p * (1 - lambd * eta) - g * eta)
        ops.assign(mean, mean + (p - mean) * mu)
        ops.assign(eta, lr / (1 + lambd * lr * t) ** alpha)
        ops.assign(mu, 1 / ops.maximum(t - t0, 1.0))

"""Adam, and AdamW, whose weight decay does not go through the gradient (floor 3)."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.ops.update import increment
from chainrule.optim.group import ParamGroup
from chainrule.optim.number import AT_LEAST_0, PAIR_BELOW_1
from chainrule.optim.optimizer import UNUSED, Optimizer

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam: p -= lr m' / (sqrt(v') + eps), m and v running means of g and g^2.

    m = beta1 m + (1 - beta1) g and v = beta2 v + (1 - beta2) g^2 start at 0, which their correction
    m' = m / (1 - beta1^t), v' = v / (1 - beta2^t) makes up for; t counts the steps. `weight_decay`
    adds weight_decay p to g. D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization",
    ICLR 2015.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, at least 0.
        betas: how much of m and of v is kept, each below 1.
        eps: keeps the quotient finite, at least 0.
        weight_decay: strength of the penalty weight_decay / 2 |p|^2, at least 0.
        amsgrad: divide by the root of the largest v so far. S. J. Reddi, S. Kale and S. Kumar, "On
            the convergence of Adam and beyond", ICLR 2018.
        foreach, capturable, differentiable, fused: PyTorch's ways of taking a step; there is one.
        maximize: go uphill.
        decoupled_weight_decay: decay p itself, as `AdamW` does.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = Adam([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p
        tensor([0.9000], requires_grad=True)
    """

    numbers = {
        "lr": AT_LEAST_0,
        "betas": PAIR_BELOW_1,
        "eps": AT_LEAST_0,
        "weight_decay": AT_LEAST_0,
    }

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        names = ("step", "exp_avg", "exp_avg_sq")
        return (*names, "max_exp_avg_sq") if group["amsgrad"] else names

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        state = self._state_of(p, group)
        ops.adam_step(
            p,
            p.grad,
            state["exp_avg"],
            state["exp_avg_sq"],
            state.get("max_exp_avg_sq", UNUSED),
            group.array("lr"),
            increment(state["step"]),
            group.array("betas"),
            group.array("eps"),
            group.array("weight_decay"),
            amsgrad=group["amsgrad"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


class AdamW(Adam):
    """Adam with decoupled weight decay: p -= lr weight_decay p before each step of Adam.

    The decay does not pass through m and v, so it is equally strong for all parameters.
    I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, at least 0.
        betas: how much of m and of v is kept, each below 1.
        eps: keeps the quotient finite, at least 0.
        weight_decay: share of p, times lr, lost at each step, at least 0.
        amsgrad: divide by the root of the largest v so far.
        maximize: go uphill.
        foreach, capturable, differentiable, fused: PyTorch's ways of taking a step; there is one.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = AdamW([p], lr=0.1, weight_decay=0.5)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p
        tensor([0.8500], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

"""RMSprop: steps divided by the recent size of the gradient (floor 3)."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.ops.update import increment
from chainrule.optim.group import ParamGroup
from chainrule.optim.number import AT_LEAST_0
from chainrule.optim.optimizer import UNUSED, Optimizer

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """RMSprop: p -= lr g / (sqrt(v) + eps), v = alpha v + (1 - alpha) g^2.

    `centered` takes the square of the running mean of g off v; with `momentum`, b = momentum b +
    g / (sqrt(v) + eps) and p -= lr b. `weight_decay` adds weight_decay p to g. T. Tieleman and
    G. Hinton, "Lecture 6.5: RMSProp", Coursera, 2012; centered: A. Graves, "Generating sequences
    with recurrent neural networks", arXiv:1308.0850, 2013.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, at least 0.
        alpha: how much of v is kept, at least 0.
        eps: keeps the quotient finite, at least 0.
        weight_decay: strength of the penalty weight_decay / 2 |p|^2, at least 0.
        momentum: share of the last step kept, at least 0.
        centered: divide by the deviation of g rather than its root mean square.
        capturable, foreach, differentiable: PyTorch's ways of taking a step; there is one here.
        maximize: go uphill.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = RMSprop([p], lr=0.01)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p
        tensor([0.9000], requires_grad=True)
    """

    numbers = {
        "lr": AT_LEAST_0,
        "alpha": AT_LEAST_0,
        "eps": AT_LEAST_0,
        "weight_decay": AT_LEAST_0,
        "momentum": AT_LEAST_0,
    }

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        names: tuple[str, ...] = ("step", "square_avg")
        names += ("momentum_buffer",) if group.array("momentum") else ()
        return names + (("grad_avg",) if group["centered"] else ())

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        state = self._state_of(p, group)
        increment(state["step"])  # nothing here reads it; a state dict has it
        ops.rmsprop_step(
            p,
            p.grad,
            state["square_avg"],
            state.get("momentum_buffer", UNUSED),
            state.get("grad_avg", UNUSED),
            group.array("lr"),
            group.array("alpha"),
            group.array("eps"),
            group.array("weight_decay"),
            group.array("momentum"),
            centered=group["centered"],
            maximize=group["maximize"],
        )

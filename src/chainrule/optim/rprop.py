"""Rprop: steps that only the sign of the gradient decides (floor 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor, full_like
from chainrule.errors import OptionError
from chainrule.ops.update import increment
from chainrule.optim.group import ParamGroup
from chainrule.optim.number import AT_LEAST_0, PAIR
from chainrule.optim.optimizer import Optimizer

__all__ = ["Rprop"]


class Rprop(Optimizer):
    """Rprop: p -= sign(g) s, each s growing while g keeps its sign and shrinking when it turns.

    s begins at lr; it becomes etaplus s while g has the sign of the step before, etaminus s where
    it turns, and there p waits for one step. M. Riedmiller and H. Braun, "A direct adaptive method
    for faster backpropagation learning: the RPROP algorithm", 1993. For full batches: it takes no
    notice of how large g is.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: the first step, at least 0.
        etas: etaminus, between 0 and 1, and etaplus, above 1.
        step_sizes: the least and the greatest s.
        capturable, foreach, differentiable: PyTorch's ways of taking a step; there is one here.
        maximize: go uphill.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = Rprop([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.9
    """

    numbers = {"lr": AT_LEAST_0, "etas": PAIR, "step_sizes": PAIR}

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        minus, plus = options["etas"]
        if not 0 < minus < 1 < plus:
            raise OptionError(f"etas must be one below and one above 1, got {options['etas']}")

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "prev", "step_size")

    def _initial(self, name: str, p: Tensor, group: ParamGroup) -> Tensor:
        if name == "step_size":
            return full_like(p, group["lr"])
        return super()._initial(name, p, group)

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        state = self._state_of(p, group)
        increment(state["step"])  # nothing here reads it; a state dict has it
        etas, limits = self._numbers(group, "etas", "step_sizes")
        g = -p.grad if group["maximize"] else p.grad
        turn = (g * state["prev"]).sign()
        factor = ops.where(turn > 0, etas[1], ops.where(turn < 0, etas[0], 1.0))
        size = ops.minimum(ops.maximum(state["step_size"] * factor, limits[0]), limits[1])
        ops.assign(state["step_size"], size)
        g = ops.where(turn < 0, 0.0, g)
        ops.assign(p, p - g.sign() * state["step_size"])
        ops.assign(state["prev"], g)

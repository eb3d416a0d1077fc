"""Adafactor: the second moments of a matrix from those of its rows and columns (floor 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor
from chainrule.errors import OptionError
from chainrule.ops.update import increment
from chainrule.optim.group import ParamGroup
from chainrule.optim.number import ANY, AT_LEAST_0
from chainrule.optim.optimizer import Optimizer

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    """Adafactor: p -= a u / max(1, rms(u) / d), u = g / sqrt(v), a = max(eps2, rms(p)) rho.

    v is a running mean of g^2, of which the step t is given the weight t^beta2_decay; for a matrix
    it is made from the means over rows and columns, which take n + m numbers in the place of n m.
    rho = min(lr, 1 / sqrt(t)). N. Shazeer and M. Stern, "Adafactor: adaptive learning rates with
    sublinear memory cost", ICML 2018.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: greatest step in proportion to the size of p, at least 0.
        beta2_decay: the power by which the weight of a step falls, at most 0.
        eps: the least root of v, that of the format if `None`, and the least size of p.
        d: u is shortened to this root mean square, at least 1.
        weight_decay: share of p, times lr, lost at each step, at least 0.
        foreach: PyTorch's way of taking a step; there is one here.
        maximize: go uphill.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = Adafactor([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.9
    """

    numbers = {"lr": AT_LEAST_0, "beta2_decay": ANY, "d": ANY, "weight_decay": AT_LEAST_0}

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, options: Mapping[str, Any]) -> None:
        super()._check_options(options)
        if options["beta2_decay"] > 0:
            raise OptionError(f"beta2_decay must be at most 0, got {options['beta2_decay']}")
        if options["d"] < 1:
            raise OptionError(f"d must be at least 1, got {options['d']}")
        least, size = options["eps"]
        if not (least is None or least >= 0) or size < 0:
            raise OptionError(f"eps must be two numbers of at least 0, got {options['eps']}")

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "row_var", "col_var") if p.ndim > 1 else ("step", "variance")

    def _initial(self, name: str, p: Tensor, group: ParamGroup) -> Tensor:
        if name == "row_var":
            return p.new_zeros(*p.shape[:-1], 1)
        if name == "col_var":
            return p.new_zeros(*p.shape[:-2], 1, p.shape[-1])
        return super()._initial(name, p, group)

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        state = self._state_of(p, group)
        lr, power, longest, decay = self._numbers(group, "lr", "beta2_decay", "d", "weight_decay")
        least, size = group["eps"]
        least = float(np.finfo(p.dtype).eps) if least is None else least
        t = increment(state["step"])
        rate = ops.maximum(_rms(p), size) * ops.minimum(lr, t**-0.5)
        g = -p.grad if group["maximize"] else p.grad
        v = self._variance(state, g, t**power, least)
        u = g / ops.maximum(v, least * least).sqrt()
        length = ops.maximum(_rms(u) / longest, 1.0)
        ops.assign(p, p * (1 - lr * decay) - u * (rate / length))

    def _variance(
        self, state: dict[str, Tensor], g: Tensor, weight: Tensor, least: float
    ) -> Tensor:
        """Take g^2 into the running means, and return v."""
        square = g * g
        if "variance" in state:
            return _moved(state["variance"], square, weight)
        rows = _moved(state["row_var"], square.mean(dim=-1, keepdim=True), weight)
        columns = _moved(state["col_var"], square.mean(dim=-2, keepdim=True), weight)
        return rows * columns / ops.maximum(rows.mean(dim=-2, keepdim=True), least)


def _moved(mean: Tensor, value: Tensor, weight: Tensor) -> Tensor:
    ops.assign(mean, mean + (value - mean) * weight)
    return mean


def _rms(x: Tensor) -> Tensor:
    return (x * x).mean().sqrt()

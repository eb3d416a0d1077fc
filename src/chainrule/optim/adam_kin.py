"""Adam's kin: Adamax, NAdam, RAdam, SparseAdam, each with one thing done otherwise (floor 3)."""

from __future__ import annotations

from typing import Any

from chainrule import ops
from chainrule.autograd import Tensor, ones
from chainrule.ops.update import increment
from chainrule.optim.group import ParamGroup
from chainrule.optim.number import AT_LEAST_0, PAIR_BELOW_1
from chainrule.optim.optimizer import Optimizer

__all__ = ["Adamax", "NAdam", "RAdam", "SparseAdam"]

_NUMBERS = {
    "lr": AT_LEAST_0,
    "betas": PAIR_BELOW_1,
    "eps": AT_LEAST_0,
    "weight_decay": AT_LEAST_0,
}


class _Moments(Optimizer):
    """Running means of g and of its square, and a count of steps."""

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "exp_avg", "exp_avg_sq")

    def _decay(self, p: Tensor, group: ParamGroup) -> Tensor:
        """Shrink p itself, if decay is decoupled, or return the gradient with the penalty's."""
        decoupled = group["decoupled_weight_decay"]
        if decoupled and group.array("weight_decay"):
            lr, decay = self._numbers(group, "lr", "weight_decay")
            ops.assign(p, p * (1 - lr * decay))
        return self._slope(p, group, penalised=not decoupled)

    def _advance(self, state: dict[str, Tensor], g: Tensor, betas: Tensor) -> None:
        """Take the gradient into both means."""
        m, v = state["exp_avg"], state["exp_avg_sq"]
        ops.assign(m, m + (g - m) * (1 - betas[0]))
        ops.assign(v, betas[1] * v + (1 - betas[1]) * g * g)


class Adamax(Optimizer):
    """Adamax: p -= lr / (1 - beta1^t) m / u, u = max(beta2 u, |g| + eps).

    m = beta1 m + (1 - beta1) g as in Adam, whose root mean square has become a maximum. `t` counts
    the steps. D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015,
    section 7.1.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, at least 0.
        betas: how much of m and of u is kept, each below 1.
        eps: keeps the quotient finite, at least 0.
        weight_decay: strength of the penalty weight_decay / 2 |p|^2, at least 0.
        foreach, differentiable, capturable: PyTorch's ways of taking a step; there is one here.
        maximize: go uphill.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = Adamax([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.9
    """

    numbers = _NUMBERS

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "exp_avg", "exp_inf")

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        state = self._state_of(p, group)
        lr, betas, eps = self._numbers(group, "lr", "betas", "eps")
        t = increment(state["step"])
        g, m, u = self._slope(p, group), state["exp_avg"], state["exp_inf"]
        ops.assign(m, m + (g - m) * (1 - betas[0]))
        ops.assign(u, ops.maximum(betas[1] * u, g.abs() + eps))
        ops.assign(p, p - lr / (1 - betas[0] ** t) * (m / u))


class NAdam(_Moments):
    """NAdam: Adam with Nesterov's look ahead along m.

    p -= lr (mu_next m / (1 - M mu_next) + (1 - mu) g / (1 - M)) / (sqrt(v') + eps), where mu =
    beta1 (1 - 0.96^(t momentum_decay) / 2) grows towards beta1, mu_next is that of the next step
    and M the product of all mu so far; m and v' as in Adam. T. Dozat, "Incorporating Nesterov
    momentum into Adam", ICLR workshop 2016.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, at least 0.
        betas: how much of m and of v is kept, each below 1.
        eps: keeps the quotient finite, at least 0.
        weight_decay: strength of the penalty weight_decay / 2 |p|^2, at least 0.
        momentum_decay: how soon mu reaches beta1, at least 0.
        decoupled_weight_decay: decay p itself, as `AdamW` does.
        foreach, capturable, differentiable: PyTorch's ways of taking a step; there is one here.
        maximize: go uphill.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = NAdam([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.item() < 1
        True
    """

    numbers = {**_NUMBERS, "momentum_decay": AT_LEAST_0}

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _state_names(self, p: Tensor, group: ParamGroup) -> tuple[str, ...]:
        return ("step", "mu_product", "exp_avg", "exp_avg_sq")

    def _initial(self, name: str, p: Tensor, group: ParamGroup) -> Tensor:
        if name == "mu_product":
            return ones(())
        return super()._initial(name, p, group)

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        state = self._state_of(p, group)
        lr, betas, eps, slowness = self._numbers(group, "lr", "betas", "eps", "momentum_decay")
        t = increment(state["step"])
        g = self._decay(p, group)
        mu, mu_next = (betas[0] * (1 - 0.5 * 0.96 ** (k * slowness)) for k in (t, t + 1))
        product = state["mu_product"]
        ops.assign(product, product * mu.to(product.dtype))
        product = product.double()
        self._advance(state, g, betas)
        root = (state["exp_avg_sq"] / (1 - betas[1] ** t)).sqrt() + eps
        along_g = lr * (1 - mu) / (1 - product)
        along_m = lr * mu_next / (1 - product * mu_next)
        ops.assign(p, p - along_g * (g / root) - along_m * (state["exp_avg"] / root))


class RAdam(_Moments):
    """RAdam: Adam that begins without dividing, until v can be trusted.

    With r = R - 2 t beta2^t / (1 - beta2^t), R = 2 / (1 - beta2) - 1: p -= lr m' while r is at most
    5, then p -= lr m' s / (sqrt(v') + eps), where m' and v' are corrected as in Adam and s^2 =
    (r - 4) (r - 2) R / ((R - 4) (R - 2) r). L. Liu and others, "On the variance of the adaptive
    learning rate and beyond", ICLR 2020.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, at least 0.
        betas: how much of m and of v is kept, each below 1.
        eps: keeps the quotient finite, at least 0.
        weight_decay: strength of the penalty weight_decay / 2 |p|^2, at least 0.
        decoupled_weight_decay: decay p itself, as `AdamW` does.
        foreach, capturable, differentiable: PyTorch's ways of taking a step; there is one here.
        maximize: go uphill.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> p = Tensor([1.0], requires_grad=True)
        >>> optimizer = RAdam([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> round(p.item(), 4)
        0.8
    """

    numbers = _NUMBERS

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        state = self._state_of(p, group)
        lr, betas, eps = self._numbers(group, "lr", "betas", "eps")
        t = increment(state["step"])
        self._advance(state, self._decay(p, group), betas)
        whole1, whole2 = 1 - betas[0] ** t, 1 - betas[1] ** t
        limit = 2 / (1 - betas[1]) - 1
        r = limit - 2 * t * betas[1] ** t / whole2
        trusted = r > 5
        # Where it is not, what stands under the root may be negative, and is not used.
        safe = ops.where(trusted, r, 6.0)
        square = (safe - 4) * (safe - 2) * limit / ((limit - 4) * (limit - 2) * safe)
        size = (whole2 * ops.where(trusted, square, 1.0)).sqrt()
        by = ops.where(trusted, size / (state["exp_avg_sq"].sqrt() + eps), 1.0)
        ops.assign(p, p - state["exp_avg"] * (lr / whole1) * by)


class SparseAdam(_Moments):
    """SparseAdam: Adam for which what has no gradient stands still, for large embeddings.

    m, v and p of a row change only when its gradient is not all zeros; elsewhere Adam would go on
    along m, and forget.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, at least 0.
        betas: how much of m and of v is kept, each below 1.
        eps: keeps the quotient finite, at least 0.
        maximize: go uphill.

    Raises:
        OptionError: an option is outside what it may be, or `params` are not what they should be.

    Examples:
        >>> table = Tensor([[1.0], [1.0]], requires_grad=True)
        >>> optimizer = SparseAdam([table], lr=0.1)
        >>> table[0].sum().backward()
        >>> optimizer.step()
        >>> [round(x, 4) for x in table.flatten().tolist()]
        [0.9, 1.0]
    """

    numbers = {name: allowed for name, allowed in _NUMBERS.items() if name != "weight_decay"}

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize}
        super().__init__(params, defaults)

    def _update(self, p: Tensor, group: ParamGroup) -> None:
        state = self._state_of(p, group)
        lr, betas, eps = self._numbers(group, "lr", "betas", "eps")
        t = increment(state["step"])
        g = -p.grad if group["maximize"] else p.grad
        there = g != 0
        if g.ndim > 1:
            there = there.any(dim=tuple(range(1, g.ndim)), keepdim=True)
        m, v = state["exp_avg"], state["exp_avg_sq"]
        ops.assign(m, ops.where(there, m + (g - m) * (1 - betas[0]), m))
        ops.assign(v, ops.where(there, v + (g * g - v) * (1 - betas[1]), v))
        size = lr * (1 - betas[1] ** t).sqrt() / (1 - betas[0] ** t)
        ops.assign(p, ops.where(there, p - size * (m / (v.sqrt() + eps)), p))

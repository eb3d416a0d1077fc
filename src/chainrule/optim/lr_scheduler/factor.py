"""Schedules that multiply the learning rate by a factor now and then (floor 3)."""

from __future__ import annotations

import copy
import types
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.errors import OptionError
from chainrule.optim.lr_scheduler.base import LRScheduler, check_state, per_group
from chainrule.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]


class _FactorLR(LRScheduler):
    """The rate changes by a factor, the same for all groups."""

    def get_lr(self) -> list[float]:
        factor = self._factor()
        return [rate * factor for rate in self._rates()]

    def _closed_form(self) -> list[float]:
        whole = self._factor_since_start()
        return [base * whole for base in self.base_lrs]

    def _factor(self) -> float:
        """What the rate is multiplied by in going to `last_epoch`."""
        raise NotImplementedError

    def _factor_since_start(self) -> float:
        """What the initial rate is multiplied by, at `last_epoch`."""
        raise NotImplementedError


class StepLR(_FactorLR):
    """lr = initial lr gamma^floor(t / step_size): a factor every `step_size` calls.

    Args:
        optimizer: whose groups it sets.
        step_size: calls from one change to the next, at least 1.
        gamma: the factor.
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: `step_size` is below 1.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = StepLR(optimizer, step_size=2, gamma=0.5)
        >>> for _ in range(4):
        ...     print(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     scheduler.step()
        1.0
        1.0
        0.5
        0.5
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if step_size < 1:
            raise OptionError(f"step_size must be at least 1, got {step_size}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return self.gamma if due else 1.0

    def _factor_since_start(self) -> float:
        return float(self.gamma ** (self.last_epoch // self.step_size))


class MultiStepLR(_FactorLR):
    """lr = initial lr gamma^k, k the number of milestones reached.

    Args:
        optimizer: whose groups it sets.
        milestones: the calls at which the rate changes; one that stands twice counts twice.
        gamma: the factor.
        last_epoch: see `LRScheduler`.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
        >>> for _ in range(4):
        ...     print(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     scheduler.step()
        1.0
        0.5
        0.5
        0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Sequence[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return float(self.gamma ** self.milestones.count(self.last_epoch))

    def _factor_since_start(self) -> float:
        return float(self.gamma ** bisect_right(self.milestones, self.last_epoch))


class ConstantLR(_FactorLR):
    """lr = factor initial lr for `total_iters` calls, then the initial lr.

    Args:
        optimizer: whose groups it sets.
        factor: above 0 and at most 1.
        total_iters: calls until the factor goes.
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: `factor` is outside what it may be.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> for _ in range(3):
        ...     print(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     scheduler.step()
        0.5
        0.5
        1.0
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        _check_factor("factor", factor)
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else 1.0

    def _factor_since_start(self) -> float:
        return self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)


class LinearLR(_FactorLR):
    """lr = f initial lr, f going from `start_factor` to `end_factor` in equal steps.

    Args:
        optimizer: whose groups it sets.
        start_factor: above 0 and at most 1.
        end_factor: from 0 to 1.
        total_iters: calls until `end_factor` is reached, at least 1.
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: an option is outside what it may be.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = LinearLR(optimizer, start_factor=0.5, total_iters=2)
        >>> for _ in range(3):
        ...     print(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     scheduler.step()
        0.5
        0.75
        1.0
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        _check_factor("start_factor", start_factor)
        if not 0 <= end_factor <= 1:
            raise OptionError(f"end_factor must be from 0 to 1, got {end_factor}")
        if total_iters < 1:
            raise OptionError(f"total_iters must be at least 1, got {total_iters}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        rise = self.end_factor - self.start_factor
        return 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)

    def _factor_since_start(self) -> float:
        rise = self.end_factor - self.start_factor
        return self.start_factor + rise * min(self.total_iters, self.last_epoch) / self.total_iters


class ExponentialLR(_FactorLR):
    """lr = initial lr gamma^t: a factor at every call.

    Args:
        optimizer: whose groups it sets.
        gamma: the factor.
        last_epoch: see `LRScheduler`.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = ExponentialLR(optimizer, gamma=0.5)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return 1.0 if self._is_initial else self.gamma

    def _factor_since_start(self) -> float:
        return float(self.gamma**self.last_epoch)


class PolynomialLR(_FactorLR):
    """lr = initial lr (1 - t / total_iters)^power, 0 from there on.

    Args:
        optimizer: whose groups it sets.
        total_iters: calls until the rate is 0, at least 1.
        power: 1 for a straight line.
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: `total_iters` is below 1.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = PolynomialLR(optimizer, total_iters=2, power=2.0)
        >>> for _ in range(3):
        ...     print(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     scheduler.step()
        1.0
        0.25
        0.0
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        if total_iters < 1:
            raise OptionError(f"total_iters must be at least 1, got {total_iters}")
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        left = 1.0 - self.last_epoch / self.total_iters
        return float((left / (1.0 - (self.last_epoch - 1) / self.total_iters)) ** self.power)

    def _factor_since_start(self) -> float:
        return float(
            (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power
        )


class LambdaLR(LRScheduler):
    """lr = initial lr f(t), f a function of one's own.

    A state dict does not hold functions; of a callable object it holds the attributes.

    Args:
        optimizer: whose groups it sets.
        lr_lambda: f, or a list with one for each group.
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: the list is not as long as there are groups.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = LambdaLR(optimizer, lambda t: 1 / (1 + t))
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = per_group("lr_lambda", optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the initial rates times the functions at `last_epoch`."""
        self._check_groups()
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that the schedule remembers, without the functions."""
        names = set(vars(self)) - {"optimizer", "lr_lambdas"}
        kept = {name: copy.deepcopy(v) for name, v in vars(self).items() if name in names}
        kept["lr_lambdas"] = [
            None
            if isinstance(f, types.FunctionType)
            else copy.deepcopy(getattr(f, "__dict__", None))
            for f in self.lr_lambdas
        ]
        return kept

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; the functions stay.

        Raises:
            OptionError: it was saved by another schedule.
        """
        check_state(self, state_dict, self.state_dict())
        kept = copy.deepcopy(dict(state_dict))
        for f, attributes in zip(self.lr_lambdas, kept.pop("lr_lambdas")):
            if attributes is not None:
                vars(f).update(attributes)
        vars(self).update(kept)


class MultiplicativeLR(LambdaLR):
    """lr *= f(t) at every call, f a function of one's own.

    Args:
        optimizer: whose groups it sets.
        lr_lambda: f, or a list with one for each group.
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: the list is not as long as there are groups.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = MultiplicativeLR(optimizer, lambda t: 1 / t)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> round(scheduler.get_last_lr()[0], 4)
        0.1667
    """

    def get_lr(self) -> list[float]:
        """Return the present rates times the functions at `last_epoch`."""
        self._check_groups()
        if self._is_initial:
            return self._rates()
        return [rate * f(self.last_epoch) for f, rate in zip(self.lr_lambdas, self._rates())]


def _check_factor(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise OptionError(f"{name} must be above 0 and at most 1, got {value}")

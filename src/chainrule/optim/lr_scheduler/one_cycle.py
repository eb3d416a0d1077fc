"""The schedule that rises to a large rate and falls to a tiny one, momentum opposite (floor 3)."""

from __future__ import annotations

import math
from typing import Any

from chainrule.errors import OptionError
from chainrule.optim.group import ParamGroup
from chainrule.optim.lr_scheduler.base import LRScheduler, check_optimizer, per_group
from chainrule.optim.optimizer import Optimizer

__all__ = ["CyclesMomentum", "OneCycleLR"]

# From one named rate, and momentum, of a group to the next.
_RISE = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
_RETURN = ("max_lr", "initial_lr", "base_momentum", "max_momentum")
_VANISH = ("initial_lr", "min_lr", "max_momentum", "max_momentum")
_FALL = ("max_lr", "min_lr", "base_momentum", "max_momentum")


class CyclesMomentum(LRScheduler):
    """A schedule that may turn the momentum, or Adam's beta1, as well."""

    use_beta1: bool

    def _start_momentum(
        self, optimizer: Optimizer, base_momentum: Any, max_momentum: Any, last_epoch: int
    ) -> None:
        self.use_beta1 = "betas" in optimizer.defaults
        if not self.use_beta1 and "momentum" not in optimizer.defaults:
            raise OptionError(
                f"{type(optimizer).__name__} has no momentum to cycle; pass cycle_momentum=False"
            )
        lowest = per_group("base_momentum", optimizer, base_momentum)
        highest = per_group("max_momentum", optimizer, max_momentum)
        if last_epoch != -1:
            return
        for group, low, high in zip(optimizer.param_groups, lowest, highest):
            group["base_momentum"], group["max_momentum"] = low, high
            self._set_momentum(group, high)

    def _set_momentum(self, group: ParamGroup, value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class OneCycleLR(CyclesMomentum):
    """lr from max_lr / div_factor up to max_lr, then down to that start / final_div_factor.

    Called after every batch, not every epoch. Momentum (beta1 for Adam) goes the other way. L. N.
    Smith and N. Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", 2019.

    Args:
        optimizer: whose groups it sets.
        max_lr: the highest rate, or one for each group.
        total_steps: calls in all, or else
        epochs: times
        steps_per_epoch: of them.
        pct_start: share of the steps spent rising, from 0 to 1.
        anneal_strategy: `"cos"`, or `"linear"`.
        cycle_momentum: move momentum too.
        base_momentum: the lowest momentum, when the rate is highest, or one for each group.
        max_momentum: the highest momentum, or one for each group.
        div_factor: max_lr over the initial rate.
        final_div_factor: the initial rate over the last.
        three_phase: fall to the initial rate in as many steps as it rose, then to the last.
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: an option is outside what it may be, the optimiser has no momentum to move, or
            `step` is called more than `total_steps` times.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=0.1, momentum=0.9)
        >>> scheduler = OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
        >>> rates = scheduler.get_last_lr()
        >>> for _ in range(9):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates += scheduler.get_last_lr()
        >>> [round(rate, 2) for rate in rates]
        [0.04, 0.52, 1.0, 0.95, 0.81, 0.61, 0.39, 0.19, 0.05, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        if not 0 <= pct_start <= 1:
            raise OptionError(f"pct_start must be from 0 to 1, got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise OptionError(f"anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        self.pct_start = pct_start
        self.anneal_strategy = anneal_strategy
        self.three_phase = three_phase
        self.cycle_momentum = cycle_momentum
        rates = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, rates):
                group["max_lr"] = rate
                group["initial_lr"] = rate / div_factor
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            self._start_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _phases(self) -> list[tuple[float, tuple[str, str, str, str]]]:
        """The last step of each phase, and what goes from where to where in it."""
        last = self.total_steps - 1
        top = float(self.pct_start * self.total_steps) - 1
        if not self.three_phase:
            return [(top, _RISE), (last, _FALL)]
        return [(top, _RISE), (2 * top, _RETURN), (last, _VANISH)]

    def _position(self) -> tuple[tuple[str, str, str, str], float]:
        """The phase that `last_epoch` is in, and the share of it that is over."""
        start = 0.0
        phases = self._phases()
        for end, names in phases:
            if self.last_epoch <= end or (end, names) == phases[-1]:
                break
            start = end
        # A phase of no length is over; PyTorch divides by zero there.
        return names, (self.last_epoch - start) / (end - start) if end != start else 1.0

    def get_lr(self) -> list[float]:
        """Return the rates for `last_epoch`; sets momentum as well."""
        self._check_groups()
        if self.last_epoch > self.total_steps:
            raise OptionError(
                f"step() number {self.last_epoch} of a schedule made for {self.total_steps}; "
                "set total_steps to the number of batches times the number of epochs"
            )
        (lr_from, lr_to, momentum_from, momentum_to), done = self._position()
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[lr_from], group[lr_to], done))
            if self.cycle_momentum:
                value = self._between(group[momentum_from], group[momentum_to], done)
                self._set_momentum(group, value)
        return rates

    def _between(self, start: float, end: float, done: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * done + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * done) + 1)


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise OptionError("OneCycleLR needs total_steps, or both epochs and steps_per_epoch")
    given = {"total_steps": total_steps, "epochs": epochs, "steps_per_epoch": steps_per_epoch}
    for name, value in given.items():
        if value is not None and (not isinstance(value, int) or value < 1):
            raise OptionError(f"{name} must be a whole number of at least 1, got {value}")
    if total_steps is not None:
        return total_steps
    assert epochs is not None
    assert steps_per_epoch is not None
    return epochs * steps_per_epoch

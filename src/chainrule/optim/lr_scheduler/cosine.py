"""Schedules that follow half a wave of the cosine, once or again and again (floor 3)."""

from __future__ import annotations

import math

from chainrule.errors import OptionError
from chainrule.optim.lr_scheduler.base import LRScheduler
from chainrule.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (initial lr - eta_min) (1 + cos(pi t / T_max)) / 2.

    After T_max calls it rises again. I. Loshchilov and F. Hutter, "SGDR: stochastic gradient
    descent with warm restarts", ICLR 2017 (without the restarts).

    Args:
        optimizer: whose groups it sets.
        T_max: calls from the initial rate to the lowest, at least 1.
        eta_min: the lowest rate.
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: `T_max` is below 1.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = CosineAnnealingLR(optimizer, T_max=4)
        >>> for _ in range(5):
        ...     print(round(optimizer.param_groups[0]["lr"], 4))
        ...     optimizer.step()
        ...     scheduler.step()
        1.0
        0.8536
        0.5
        0.1464
        0.0
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_max < 1:
            raise OptionError(f"T_max must be at least 1, got {T_max}")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the next rates from the last: the formula's ratio from one call to the next."""
        self._check_groups()
        if self._is_initial:
            return self._rates()
        if self._step_count == 1 and self.last_epoch > 0:
            return self._closed_form()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            return self._from_the_bottom()
        ratio = self._height(self.last_epoch) / self._height(self.last_epoch - 1)
        return [ratio * (rate - self.eta_min) + self.eta_min for rate in self._rates()]

    def _height(self, t: int) -> float:
        return 1 + math.cos(math.pi * t / self.T_max)

    def _from_the_bottom(self) -> list[float]:
        # The last rate was eta_min, of which nothing is a multiple.
        rise = (1 - math.cos(math.pi / self.T_max)) / 2
        return [
            rate + (base - self.eta_min) * rise for rate, base in zip(self._rates(), self.base_lrs)
        ]

    def _closed_form(self) -> list[float]:
        height = self._height(self.last_epoch) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (initial lr - eta_min) (1 + cos(pi t / T)) / 2, t counted anew after T calls.

    T begins as T_0 and is multiplied by T_mult at each restart. I. Loshchilov and F. Hutter, "SGDR:
    stochastic gradient descent with warm restarts", ICLR 2017.

    Args:
        optimizer: whose groups it sets.
        T_0: calls until the first restart, at least 1.
        T_mult: how much longer each stretch is than the last, at least 1.
        eta_min: the lowest rate.
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: `T_0` or `T_mult` is no whole number of at least 1.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=2)
        >>> for _ in range(4):
        ...     print(round(optimizer.param_groups[0]["lr"], 4))
        ...     optimizer.step()
        ...     scheduler.step()
        1.0
        0.5
        1.0
        0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        for name, value in {"T_0": T_0, "T_mult": T_mult}.items():
            if not isinstance(value, int) or value < 1:
                raise OptionError(f"{name} must be a whole number of at least 1, got {value}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates for `T_cur` calls after the last restart."""
        self._check_groups()
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the rates for the next steps of the optimiser.

        Args:
            epoch: the place in the schedule, which need not be whole: epoch + batch / batches. The
                next call if `None`.

        Raises:
            OptionError: `epoch` is below 0.
        """
        self._step_count += 1
        if epoch is None and self.last_epoch >= 0:
            self.last_epoch += 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._place(epoch or 0)
        self._set(self.get_lr())

    def _place(self, epoch: float) -> None:
        if epoch < 0:
            raise OptionError(f"epoch must be at least 0, got {epoch}")
        self.last_epoch = math.floor(epoch)
        self.T_i, self.T_cur = self.T_0, epoch
        if epoch < self.T_0:
            return
        if self.T_mult == 1:
            self.T_cur = epoch % self.T_0
            return
        restarts = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
        over = self.T_0 * (self.T_mult**restarts - 1) / (self.T_mult - 1)
        self.T_cur, self.T_i = epoch - over, self.T_0 * self.T_mult**restarts

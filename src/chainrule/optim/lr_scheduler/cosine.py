"""The schedule that follows half a wave of the cosine (floor 3)."""

from __future__ import annotations

import math

from chainrule.errors import OptionError
from chainrule.optim.lr_scheduler.base import LRScheduler
from chainrule.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR"]


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

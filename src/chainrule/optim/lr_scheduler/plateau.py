"""The schedule that lowers the rate when a figure has stopped improving (floor 3)."""

from __future__ import annotations

import math
from typing import Any

from chainrule.errors import OptionError
from chainrule.optim.lr_scheduler.base import LRScheduler, check_optimizer, per_group
from chainrule.optim.optimizer import Optimizer

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """lr *= factor once a figure has not improved for more than `patience` calls.

    Args:
        optimizer: whose groups it sets.
        mode: `"min"` if the figure should fall, `"max"` if it should rise.
        factor: below 1.
        patience: calls without improvement that are let pass.
        threshold: how much counts as an improvement,
        threshold_mode: `"rel"`: as a share of the best so far; `"abs"`: as it is.
        cooldown: calls after a change that are not counted.
        min_lr: what the rate does not fall below, or one for each group.
        eps: a change by less than this is not made.

    Raises:
        OptionError: an option is outside what it may be.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = ReduceLROnPlateau(optimizer, patience=1)
        >>> for loss in [3.0, 2.0, 2.0, 2.0]:
        ...     scheduler.step(loss)
        ...     print(scheduler.get_last_lr())
        [1.0]
        [1.0]
        [1.0]
        [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if not factor < 1:
            raise OptionError(f"factor must be below 1, got {factor}")
        if mode not in ("min", "max"):
            raise OptionError(f"mode must be 'min' or 'max', got {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise OptionError(f"threshold_mode must be 'rel' or 'abs', got {threshold_mode!r}")
        self.optimizer = check_optimizer(optimizer)
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.min_lrs = per_group("min_lr", optimizer, min_lr)
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = self._rates()
        self._reset()

    def _reset(self) -> None:
        """Forget all figures."""
        self.best = math.inf if self.mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether calls are not counted at present."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take note of the figure, and lower the rates if it is time.

        Args:
            metrics: the figure: a number or a tensor with one element.
            epoch: the number of this call; the next if `None`.
        """
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self.num_bad_epochs += 1
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._rates()

    def _is_better(self, current: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            bound = self.best * (1.0 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return current < bound if self.mode == "min" else current > bound

    def _reduce(self) -> None:
        # Groups that have come since take the last of the limits.
        groups = self.optimizer.param_groups
        self.min_lrs += self.min_lrs[-1:] * (len(groups) - len(self.min_lrs))
        for group, lowest in zip(groups, self.min_lrs):
            rate = max(group["lr"] * self.factor, lowest)
            if group["lr"] - rate > self.eps:
                group["lr"] = rate

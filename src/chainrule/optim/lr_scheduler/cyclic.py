"""The schedule that goes up and down between two rates (floor 3)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

from chainrule.errors import OptionError
from chainrule.optim.lr_scheduler.base import check_optimizer, check_state, per_group
from chainrule.optim.lr_scheduler.one_cycle import CyclesMomentum
from chainrule.optim.optimizer import Optimizer

__all__ = ["CyclicLR"]

# How much of the height is left: by the number of the cycle, from 1, or by that of the call.
_MODES = {"triangular": "cycle", "triangular2": "cycle", "exp_range": "iterations"}


class CyclicLR(CyclesMomentum):
    """lr = base_lr + (max_lr - base_lr) h s, h from 0 up to 1 and down again in each cycle.

    The scale s is 1 ("triangular"), a half of the last cycle's ("triangular2") or gamma^t
    ("exp_range"). The momentum goes the other way. L. N. Smith, "Cyclical learning rates for
    training neural networks", 2017.

    Args:
        optimizer: whose groups it sets.
        base_lr: the lowest rate, or one for each group.
        max_lr: the highest rate, or one for each group.
        step_size_up: calls on the way up.
        step_size_down: calls on the way down, `step_size_up` if `None`.
        mode: "triangular", "triangular2" or "exp_range".
        gamma: of "exp_range".
        scale_fn: s as a function of one's own; `mode` does not matter then.
        scale_mode: whether it is given the number of the "cycle" or of the call, "iterations".
        cycle_momentum: turn the momentum, or Adam's beta1, as well.
        base_momentum: the lowest, or one for each group.
        max_momentum: the highest, or one for each group.
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: an option is outside what it may be, or there is no momentum to turn.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0, momentum=0.9)
        >>> scheduler = CyclicLR(optimizer, base_lr=0.0, max_lr=1.0, step_size_up=2)
        >>> for _ in range(5):
        ...     print(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     scheduler.step()
        0.0
        0.5
        1.0
        0.5
        0.0
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if mode not in _MODES and scale_fn is None:
            raise OptionError(f"mode must be one of {', '.join(_MODES)}, got {mode!r}")
        if step_size_up < 1:
            raise OptionError(f"step_size_up must be at least 1, got {step_size_up}")
        lowest = per_group("base_lr", optimizer, base_lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, lowest):
                group["lr"] = rate
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up + down)
        self.step_ratio = step_size_up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else _MODES[mode]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
            self._start_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lowest

    def scale_fn(self, x: float) -> float:
        """Return s at the cycle or call x."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return float(self.gamma**x) if self.mode == "exp_range" else 1 / 2.0 ** (x - 1)

    def get_lr(self) -> list[float]:
        """Return the rates for `last_epoch`; sets momentum as well."""
        self._check_groups()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        up = x <= self.step_ratio
        height = x / self.step_ratio if up else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            groups = self.optimizer.param_groups
            for group, low, high in zip(groups, self.base_momentums, self.max_momentums):
                self._set_momentum(group, high - (high - low) * height * scale)
        return [
            low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that the schedule remembers; of a `scale_fn` its attributes."""
        left_out = ("optimizer", "_scale_fn_custom")
        kept = {k: copy.deepcopy(v) for k, v in vars(self).items() if k not in left_out}
        own = getattr(self._scale_fn_custom, "__dict__", None) or None
        return {**kept, "_scale_fn_custom": copy.deepcopy(own)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; the function stays.

        Raises:
            OptionError: it was saved by another schedule.
        """
        check_state(self, state_dict, self.state_dict())
        kept = copy.deepcopy(dict(state_dict))
        own = kept.pop("_scale_fn_custom")
        if own:
            vars(self._scale_fn_custom).update(own)
        vars(self).update(kept)

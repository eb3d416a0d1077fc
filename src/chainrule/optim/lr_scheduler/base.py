"""What all schedules share: counting, writing the rate into the groups, saving (floor 3)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from chainrule.errors import OptionError
from chainrule.optim.optimizer import Optimizer

__all__ = ["LRScheduler", "check_optimizer", "check_state", "per_group"]


class LRScheduler:
    """Base of the schedules. A schedule of one's own writes `get_lr`.

    As in PyTorch, most schedules multiply what is in `group["lr"]` rather than set it, so that two
    of them, or a schedule and a change by hand, act together.

    Args:
        optimizer: whose groups it sets.
        last_epoch: how often it has been called before, less one; -1 to start. A later start needs
            `"initial_lr"` in each group, which loading the optimizer's state dict brings.

    Attributes:
        last_epoch: calls of `step` so far.
        base_lrs: the rates that the groups started from.

    Raises:
        OptionError: `optimizer` is none, or an option is outside what it may be.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.autograd import tensor
        >>> class InverseRoot(LRScheduler):
        ...     def get_lr(self):
        ...         return [base / (1 + self.last_epoch) ** 0.5 for base in self.base_lrs]
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> scheduler = InverseRoot(optimizer)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> optimizer.param_groups[0]["lr"]
        0.5
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = check_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise OptionError(
                    f"to go on from last_epoch={last_epoch}, group {i} of the optimizer needs "
                    '"initial_lr"; load the state dict of the optimizer first'
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._last_lr: list[float] = []
        self._start()

    def _start(self) -> None:
        """Set the rates for the first time."""
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def get_lr(self) -> list[float]:
        """Return the rate of each group for `last_epoch`, from the rates that they have."""
        raise NotImplementedError(f"{type(self).__name__} needs a get_lr of its own")

    def get_last_lr(self) -> list[float]:
        """Return the rates that the last `step` has set, one per group."""
        return list(self._last_lr)

    def step(self, epoch: int | None = None) -> None:
        """Set the rates for the next steps of the optimiser. Call it after those.

        Args:
            epoch: the number of the call that this one is to be, whatever came before; the next if
                `None`.
        """
        self._step_count += 1
        if epoch is None:
            self.last_epoch += 1
            self._set(self.get_lr())
        else:
            self.last_epoch = epoch
            self._set(self._closed_form())

    def _closed_form(self) -> list[float]:
        """Return the rates for `last_epoch`, from the initial ones where the schedule can."""
        return self.get_lr()

    def _check_groups(self) -> None:
        """Raise if groups have come or gone, for schedules that start each from its own rate."""
        now = len(self.optimizer.param_groups)
        if now != len(self.base_lrs):
            raise OptionError(
                f"the optimizer has {now} parameter groups, it had {len(self.base_lrs)} when "
                f"{type(self).__name__} was made; add groups first, or make the schedule anew"
            )

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates):
            group["lr"] = rate
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        """The rates that the groups have."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that the schedule remembers, without the optimizer."""
        kept = {name: v for name, v in vars(self).items() if name != "optimizer"}
        return copy.deepcopy(kept)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; load the optimizer's as well, which has the rates.

        Raises:
            OptionError: it was saved by another schedule.
        """
        check_state(self, state_dict, self.state_dict())
        vars(self).update(copy.deepcopy(dict(state_dict)))


def check_optimizer(optimizer: Any) -> Optimizer:
    """Return `optimizer`, or raise an `OptionError` if it is none."""
    if not isinstance(optimizer, Optimizer):
        raise OptionError(f"a schedule needs an Optimizer, got {type(optimizer).__name__}")
    return optimizer


def check_state(scheduler: LRScheduler, given: Any, own: Mapping[str, Any]) -> None:
    """Let a state dict pass that has the entries that the schedule has itself."""
    missing = sorted(set(own) - set(given)) if isinstance(given, Mapping) else ["anything"]
    unknown = sorted(set(given) - set(own)) if isinstance(given, Mapping) else []
    if missing or unknown:
        found = f"it has no {missing[0]!r}" if missing else f"it has {unknown[0]!r}"
        raise OptionError(
            f"the state dict does not fit {type(scheduler).__name__}: {found}; "
            "was it saved by another schedule?"
        )


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """Return `value` once for each group, or its elements if it is a list of as many.

    Raises:
        OptionError: the list has another length.
    """
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise OptionError(f"{name} has {len(value)} entries, the optimizer {count} groups")
    return list(value)

"""Several schedules: one after another, or all at once (floor 3)."""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.errors import OptionError
from chainrule.optim.lr_scheduler.base import LRScheduler, check_optimizer, check_state
from chainrule.optim.lr_scheduler.plateau import ReduceLROnPlateau
from chainrule.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class _Several(LRScheduler):
    """Schedules within a schedule, saved and loaded with it."""

    _schedulers: list[LRScheduler]

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that the schedules remember, without the optimizer."""
        left_out = ("optimizer", "_schedulers")
        kept = {k: copy.deepcopy(v) for k, v in vars(self).items() if k not in left_out}
        return {**kept, "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises:
            OptionError: it was saved by other schedules.
        """
        check_state(self, state_dict, self.state_dict())
        kept = copy.deepcopy(dict(state_dict))
        inner = kept.pop("_schedulers")
        if len(inner) != len(self._schedulers):
            raise OptionError(
                f"the state dict has {len(inner)} schedules, here are {len(self._schedulers)}"
            )
        for scheduler, state in zip(self._schedulers, inner):
            scheduler.load_state_dict(state)
        vars(self).update(kept)


class SequentialLR(_Several):
    """The first schedule up to the first milestone, there the second from its beginning, and so on.

    Args:
        optimizer: whose groups they set.
        schedulers: made for the same optimiser.
        milestones: the calls at which the next one takes over, one fewer.
        last_epoch: see `LRScheduler`.

    Raises:
        OptionError: numbers do not match, a schedule is for another optimiser, or it needs a figure
            at each step.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.optim.lr_scheduler import ExponentialLR, LinearLR
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> warm_up = LinearLR(optimizer, start_factor=0.5, total_iters=2)
        >>> decay = ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler = SequentialLR(optimizer, [warm_up, decay], milestones=[2])
        >>> for _ in range(5):
        ...     print(scheduler.get_last_lr())
        ...     optimizer.step()
        ...     scheduler.step()
        [0.5]
        [0.75]
        [1.0]
        [0.5]
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = check_optimizer(optimizer)
        _check_schedulers(optimizer, schedulers, milestones)
        self._schedulers = list(schedulers)
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        # Each schedule has set its first rate when it was made; only the first one's is to count.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self._undo()
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._start()
        self._last_lr = first.get_last_lr()

    def _undo(self) -> None:
        for scheduler in self._schedulers:
            if isinstance(scheduler, SequentialLR):
                scheduler._undo()
            else:
                scheduler.last_epoch -= 1

    def step(self, epoch: int | None = None) -> None:
        """Set the rates for the next steps of the optimiser.

        Args:
            epoch: the number of the call that this one is to be; the next if `None`.
        """
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        i = bisect_right(self._milestones, self.last_epoch)
        current = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            current.step(0)
        else:
            current.step()
        self._last_lr = current.get_last_lr()


class ChainedScheduler(_Several):
    """All schedules at each call, each acting on what those before it have made of the rate.

    Args:
        schedulers: made for the same optimiser.
        optimizer: whose groups they set; that of the first if `None`.

    Raises:
        OptionError: there are none, one is for another optimiser, or it needs a figure.

    Examples:
        >>> from chainrule.optim import SGD
        >>> from chainrule.optim.lr_scheduler import ConstantLR, ExponentialLR
        >>> from chainrule.autograd import tensor
        >>> optimizer = SGD([tensor([0.0], requires_grad=True)], lr=1.0)
        >>> warm_up = ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> scheduler = ChainedScheduler([warm_up, ExponentialLR(optimizer, gamma=0.5)])
        >>> for _ in range(3):
        ...     print(scheduler.get_last_lr())
        ...     optimizer.step()
        ...     scheduler.step()
        [0.5]
        [0.25]
        [0.25]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if not schedulers:
            raise OptionError("ChainedScheduler needs at least one schedule, got none")
        self.optimizer = check_optimizer(optimizer or schedulers[0].optimizer)
        _check_each(self.optimizer, schedulers)
        self._schedulers = list(schedulers)
        self._last_lr = self._rates()

    def step(self, epoch: int | None = None) -> None:
        """Let every schedule set the rates, in order."""
        for scheduler in self._schedulers:
            scheduler.step(epoch)
        self._last_lr = self._rates()


def _check_schedulers(
    optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]
) -> None:
    if not schedulers:
        raise OptionError("SequentialLR needs at least one schedule, got none")
    _check_each(optimizer, schedulers)
    if len(milestones) != len(schedulers) - 1:
        raise OptionError(
            f"{len(schedulers)} schedules need {len(schedulers) - 1} milestones, "
            f"got {len(milestones)}"
        )


def _check_each(optimizer: Optimizer, schedulers: Sequence[LRScheduler]) -> None:
    for i, scheduler in enumerate(schedulers):
        name = type(scheduler).__name__
        if isinstance(scheduler, ReduceLROnPlateau):
            raise OptionError(f"schedule {i} is {name}, whose step needs a figure; call it apart")
        if scheduler.optimizer is not optimizer:
            raise OptionError(f"schedule {i} ({name}) was made for another optimizer")

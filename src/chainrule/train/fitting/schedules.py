"""Learning rates that change from step to step, by name, and the way up to them (floor 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from chainrule.errors import OptionError, chosen, kind_of
from chainrule.optim import Optimizer, lr_scheduler

__all__ = ["SCHEDULES", "schedule_of", "warmup_steps"]

# Makes the schedule of an optimiser for so many steps; `None` where the rate stays.
Maker: TypeAlias = Callable[[Optimizer, int], Any]

SCHEDULES: dict[str, Maker] = {
    "constant": lambda optimizer, steps: None,
    "cosine": lambda optimizer, steps: lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps),
    "linear": lambda optimizer, steps: lr_scheduler.LinearLR(
        optimizer, start_factor=1.0, end_factor=0.0, total_iters=steps
    ),
    "onecycle": lambda optimizer, steps: lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=max(steps, 2),
        cycle_momentum=False,
    ),
    "step": lambda optimizer, steps: lr_scheduler.StepLR(
        optimizer, step_size=max(steps // 3, 1), gamma=0.1
    ),
}


def schedule_of(name: str, optimizer: Optimizer, steps: int, warmup: float = 0) -> Any:
    """Return the schedule of a name, with a way up to its first rate if that is wanted.

    In the way up of w steps, step i, from 1, is taken with i / (w + 1) of the rate.

    Args:
        name: from `SCHEDULES`.
        optimizer: whose rates it sets, from those that it has.
        steps: of the run.
        warmup: steps of the way up, or if below 1 their share of all steps.

    Returns:
        An object whose `step()` is called after each step; `None` where the rate stays.

    Raises:
        OptionError: there is none of that name, or `warmup` is not what it should be.

    Examples:
        >>> import chainrule as cr
        >>> from chainrule import optim
        >>> sgd = optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = schedule_of("linear", sgd, steps=7, warmup=3)
        >>> rates = []
        >>> for _ in range(7):
        ...     rates.append(sgd.param_groups[0]["lr"])
        ...     sgd.step()
        ...     schedule.step()
        >>> rates
        [0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25]
    """
    make: Maker = chosen("schedule", name, SCHEDULES)
    way = warmup_steps(warmup, steps)
    if not way:
        return make(optimizer, steps)
    if name == "onecycle":
        raise OptionError("onecycle has a way up of its own; leave warmup out, or choose another")
    up = lr_scheduler.LinearLR(optimizer, start_factor=1 / (way + 1), total_iters=way)
    then = make(optimizer, steps - way) or lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return lr_scheduler.SequentialLR(optimizer, [up, then], milestones=[way])


def warmup_steps(warmup: Any, steps: int) -> int:
    """Return how many of a run's steps are the way up: a number of them, or a share below 1.

    Raises:
        OptionError: it is neither, or there is no step left.

    Examples:
        >>> warmup_steps(0.1, 50), warmup_steps(8, 50)
        (5, 8)
    """
    if isinstance(warmup, bool) or not isinstance(warmup, (int, float)):
        raise OptionError(f"warmup is a number of steps or a share of them, got {kind_of(warmup)}")
    if not warmup >= 0 or (warmup >= 1 and warmup != int(warmup)):
        raise OptionError(f"warmup is a whole number of steps or a share below 1, got {warmup}")
    way = round(warmup * steps) if warmup < 1 else int(warmup)
    if way and way >= steps:
        raise OptionError(f"warmup takes {way} steps, the whole run has {steps}")
    return way

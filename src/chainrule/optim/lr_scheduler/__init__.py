"""Schedules: how the learning rate changes as training goes on, with PyTorch's numbers (floor 3).

    scheduler = lr_scheduler.StepLR(optimizer, step_size=30)
    for epoch in range(90):
        for x, y in loader:
            ...
            optimizer.step()
        scheduler.step()

A schedule writes into `group["lr"]`, behind which is an array, so a recorded training step follows
it; the schedule's own `step()` is called outside of the recorded step.
"""

from chainrule.optim.lr_scheduler.base import LRScheduler
from chainrule.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from chainrule.optim.lr_scheduler.cyclic import CyclicLR
from chainrule.optim.lr_scheduler.factor import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from chainrule.optim.lr_scheduler.one_cycle import OneCycleLR
from chainrule.optim.lr_scheduler.plateau import ReduceLROnPlateau
from chainrule.optim.lr_scheduler.sequential import ChainedScheduler, SequentialLR

_LRScheduler = LRScheduler  # the former name, from which programs derive schedules of their own

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

"""What the settings of a job come to: the arguments of `fit`, callbacks, metrics (floor 4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.data import Examples
from chainrule.errors import ChainruleError, OptionError, chosen
from chainrule.optim.names import OPTIMIZERS
from chainrule.optim.zero import ZeroRedundancyOptimizer
from chainrule.train.callbacks.average import EMA
from chainrule.train.callbacks.best import BestWeights
from chainrule.train.callbacks.callback import Callback
from chainrule.train.callbacks.stopping import EarlyStopping
from chainrule.train.fitting.augment import CHANGES, AugmentImages
from chainrule.train.job.outcome import Settings
from chainrule.train.job.task import Task
from chainrule.train.metrics.metric import Metric
from chainrule.train.metrics.names import is_larger_better, metric_of

__all__ = [
    "augment_of",
    "callbacks_of",
    "check_choices",
    "fit_options",
    "measured_by",
    "names_in",
    "sharded",
]


def names_in(text: str) -> list[str]:
    """Return the names in a list with commas.

    Examples:
        >>> names_in("f1, roc_auc,")
        ['f1', 'roc_auc']
    """
    return [name for name in (part.strip() for part in text.split(",")) if name]


def measured_by(settings: Settings, task: Task) -> dict[str, Metric]:
    """Return what a job measures: what its task does, and what a person asked for besides.

    Args:
        settings: with `metric` and `monitor`.
        task: what is learned.
    """
    watched = _watched(settings)
    asked = names_in(settings.metric) + [watched] * (watched not in ("loss", *task.metrics))
    return {**task.metrics, **{name: metric_of(name) for name in asked}}


def _watched(settings: Settings) -> str:
    return settings.monitor.removeprefix("validation_")


def callbacks_of(settings: Settings) -> list[Callback]:
    """Return what averages, keeps the best weights and stops, as a person asked for."""
    monitor = f"validation_{_watched(settings)}"
    found: list[Callback] = [EMA(settings.ema)] if settings.ema else []
    found.append(BestWeights(monitor))
    if settings.patience is not None:
        found.append(EarlyStopping(settings.patience, monitor))
    return found


def augment_of(settings: Settings) -> AugmentImages | None:
    """Return what changes images on their way to a step; `None` where they are left as they are."""
    names = names_in(settings.augment)
    return AugmentImages(*names, generator=Generator(settings.seed + 1)) if names else None


def fit_options(settings: Settings, task: Task) -> dict[str, Any]:
    """Return the arguments of `fit` that settings decide.

    Args:
        settings: with the epochs that are used.
        task: what is learned.
    """
    return {
        "epochs": settings.epochs or 1,
        "batch_size": settings.batch_size,
        "lr": settings.lr,
        "weight_decay": settings.weight_decay,
        "schedule": settings.schedule,
        "warmup": settings.warmup,
        "max_grad_norm": settings.max_grad_norm or None,
        "accumulate": settings.accumulate,
        "augment": augment_of(settings),
        "metrics": measured_by(settings, task),
        "threads": settings.threads,
    }


def sharded(settings: Settings, model: nn.Module) -> dict[str, Any]:
    """Return the arguments of `fit` for an optimizer of which each rank has a part, if it is to be.

    Args:
        settings: likewise.
        model: the network, the same on every rank.
    """
    if not settings.shard_optimizer:
        return {}
    made = ZeroRedundancyOptimizer(
        model.parameters(),
        OPTIMIZERS[settings.optimizer],
        lr=settings.lr,
        weight_decay=settings.weight_decay,
    )
    return {"optimizer": made, "lr": None, "weight_decay": None}


def check_choices(settings: Settings, task: Task, training: Examples) -> None:
    """Refuse metrics that such targets have not, and changes that such examples do not bear.

    Raises:
        OptionError: there is one.
    """
    for name in names_in(settings.augment):
        chosen("augmentation", name, CHANGES)
        if not training.is_image:
            raise OptionError(f"--augment {name} is for images, and {training.name} has none")
    is_larger_better(_watched(settings), {})
    for name, metric in measured_by(settings, task).items():
        try:
            metric(np.zeros((min(len(training), 2), task.outputs), np.float32), training.y[:2])
        except ChainruleError:
            kind = "classes" if training.classes is not None else "a number"
            raise OptionError(
                f"{name} is no measure of {kind}, which is what is learned from {training.name}"
            ) from None

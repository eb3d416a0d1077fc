"""What a training job begins with: the parts of the data, and the network (floor 4).

Made from what a person chose, once that is checked; nothing is trained or written here.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

from chainrule import nn
from chainrule.autograd import Generator
from chainrule.backend.devices import CPU, available
from chainrule.data import Examples
from chainrule.errors import OptionError, chosen
from chainrule.explain.overview.summary import Summary, summary
from chainrule.optim.names import OPTIMIZERS
from chainrule.train.fitting.engine import ENGINES, explicit_step
from chainrule.train.fitting.run import Step
from chainrule.train.fitting.schedules import SCHEDULES
from chainrule.train.job.choices import check_choices
from chainrule.train.job.models import build_model, chosen_model
from chainrule.train.job.narrate import explain_smoothing, introduce, show_network
from chainrule.train.job.outcome import Settings
from chainrule.train.job.parts import split
from chainrule.train.job.task import Task, task_of

__all__ = ["Job", "prepare", "show"]


class Job(NamedTuple):
    """All that there is before training.

    Attributes:
        examples: all that was loaded.
        parts: to train on, to choose the best weights by (or `None`), and to test on.
        settings: with what a person left open.
        task: what is to be learned.
        model: the network, untrained.
        step: a training step of its own; that of the tape if `None`.
        generator: where the order of the examples comes from.
        summary: of the network, for one example.
    """

    examples: Examples
    parts: tuple[Examples, Examples | None, Examples]
    settings: Settings
    task: Task
    model: nn.Module
    step: Step | None
    generator: Generator
    summary: Summary


def prepare(examples: Examples, settings: Settings, seed: int | None = None) -> Job:
    """Split the examples and build the network.

    Args:
        examples: loaded already.
        settings: what a person chose.
        seed: of everything but the parts of the data, which are always those of the settings; as
            in the settings if `None`.

    Raises:
        OptionError: a setting outside its range.
        DataError: examples that cannot be trained on.
    """
    _checked(settings)
    training, validation, test = split(examples, settings)
    settings = dataclasses.replace(
        settings,
        epochs=_epochs(settings, len(training)),
        model=chosen_model(settings.model, training.x),
        seed=settings.seed if seed is None else seed,
    )
    task = task_of(training, settings.label_smoothing)
    check_choices(settings, task, training)
    generator = Generator(settings.seed)
    model = build_model(
        settings.model,
        training.x,
        task.outputs,
        hidden=settings.hidden,
        activation=settings.activation,
        dropout=settings.dropout,
        recipe=training.recipe,
        generator=generator,
    )
    if task.last is not None:
        model.append(task.last)
    step = explicit_step(model, task.explicit_loss) if settings.engine == "layers" else None
    of_one = summary(model, training.x[:1])
    parts = training, validation, test
    return Job(examples, parts, settings, task, model, step, generator, of_one)


def show(job: Job, console: Any) -> None:
    """Tell the person what there is.

    Args:
        job: prepared.
        console: a rich console.
    """
    introduce(console, job.examples, *job.parts)
    show_network(console, job.summary)
    explain_smoothing(console, job.settings.label_smoothing, job.examples)


def _epochs(settings: Settings, examples: int) -> int:
    """Passes enough for some 700 steps, from 5 to 300."""
    steps = -(-examples // (settings.batch_size * settings.accumulate))
    return settings.epochs or min(max(-(-700 // max(steps, 1)), 5), 300)


def _checked(settings: Settings) -> None:
    for name in ("validation", "test", "label_smoothing", "ema"):
        share = getattr(settings, name)
        if not 0 <= share < 1:
            raise OptionError(
                f"--{name.replace('_', '-')} is a share from 0 to below 1, got {share}"
            )
    for name in ("epochs", "batch_size", "accumulate", "patience", "threads"):
        count = getattr(settings, name)
        if count is not None and count < 1:
            raise OptionError(f"--{name.replace('_', '-')} must be at least 1, got {count}")
    if not settings.lr > 0 or not math.isfinite(settings.lr):
        raise OptionError(f"--lr must be above 0, got {settings.lr}")
    for name in ("weight_decay", "max_grad_norm", "warmup"):
        number = getattr(settings, name)
        if not 0 <= number < math.inf:
            raise OptionError(f"--{name.replace('_', '-')} must be at least 0, got {number}")
    if settings.seed < 0:
        raise OptionError(f"--seed must be at least 0, got {settings.seed}")
    if any(n < 1 for n in settings.hidden):
        raise OptionError(f"--hidden sizes must be at least 1, got {settings.hidden}")
    chosen("engine", settings.engine, ENGINES)
    chosen("optimizer", settings.optimizer, OPTIMIZERS)
    chosen("schedule", settings.schedule, SCHEDULES)
    if available(settings.device) is not CPU and settings.engine == "layers":
        raise OptionError(
            f"--engine layers computes on the processor, and not on {settings.device}; leave "
            "--device out, or use --engine tensor"
        )
    if settings.engine == "layers":
        _plain(settings)


def _plain(settings: Settings) -> None:
    """Refuse what explicit backpropagation, which descends plainly, does not do."""
    asked = f"--optimizer {settings.optimizer}" if settings.optimizer != "sgd" else ""
    usual = Settings()
    for name in ("shard_optimizer", "weight_decay", "max_grad_norm", "ema", "accumulate"):
        if getattr(settings, name) != getattr(usual, name):
            asked = asked or f"--{name.replace('_', '-')}"
    if asked:
        raise OptionError(
            f"--engine layers descends plainly, weight -= lr * gradient, and knows no {asked}; "
            "leave it out, or use --engine tensor"
        )

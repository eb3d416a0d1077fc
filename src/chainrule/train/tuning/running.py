"""One training of a search, run and measured on the validation examples (floor 4).

Nothing is written, and the test examples are not looked at.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chainrule import nn
from chainrule.autograd import from_numpy, no_grad
from chainrule.data import Examples
from chainrule.errors import ChainruleError, DataError
from chainrule.train.fitting.loop import fit, predict
from chainrule.train.job.choices import callbacks_of, fit_options
from chainrule.train.job.outcome import Settings
from chainrule.train.job.parts import figures_of
from chainrule.train.job.prepare import Job, prepare
from chainrule.train.job.task import task_of
from chainrule.train.tuning.space import Value
from chainrule.train.tuning.trials import Done, Trial

__all__ = ["Attempt", "attempted", "best_run", "run_trial", "settings_of"]


class Attempt(NamedTuple):
    """What came of a training.

    Attributes:
        figures: on the validation examples: name and value; none if it failed.
        seconds: that it took.
        parameters: of its network.
        error: why it failed; empty if it did not.
        model: the network, with its best weights; `None` if it failed.
    """

    figures: Mapping[str, float]
    seconds: float
    parameters: int = 0
    error: str = ""
    model: nn.Module | None = None


def settings_of(base: Settings, values: Mapping[str, Value], epochs: int) -> Settings:
    """Return the settings of a trial.

    Args:
        base: what is not searched.
        values: what is; `hidden` is the width of each of `depth` layers, or all sizes.
        epochs: to train for.

    Examples:
        >>> settings_of(Settings(), {"hidden": 64, "depth": 2, "lr": 0.01}, 5).hidden
        (64, 64)
    """
    changed: dict[str, Any] = {k: v for k, v in values.items() if k not in ("hidden", "depth")}
    width = values.get("hidden", base.hidden)
    if not isinstance(width, tuple):
        width = (int(width),)
    if "depth" in values and len(set(width)) == 1:
        width = width[:1] * int(values["depth"])  # type: ignore[arg-type]
    return dataclasses.replace(base, epochs=epochs, doctor=False, hidden=width, **changed)


def best_run(settings: Settings) -> Settings:
    """Return the settings of a training that is kept, of those that have proved good in a search.

    Half of the validation examples, by which nothing is chosen any more but the best weights, are
    trained on.

    Args:
        settings: of a trial.
    """
    return dataclasses.replace(settings, validation=settings.validation / 2, doctor=True)


def run_trial(examples: Examples, base: Settings, trial: Trial) -> Done:
    """Train and measure; a training that fails is a trial that did, with its sentence.

    Args:
        examples: of the study.
        base: the settings that are not searched.
        trial: what is.
    """
    settings = settings_of(base, trial.values, trial.epochs)
    came = attempted(lambda: prepare(examples, settings))
    return Done(*trial, came.figures, came.seconds, came.parameters, came.error)


def attempted(prepared: Callable[[], Job]) -> Attempt:
    """Train and measure; a training that fails is an attempt that did, with its sentence.

    Args:
        prepared: gives the job, or raises why it cannot be.
    """
    begun = time.perf_counter()
    try:
        job = prepared()
        _train(job)
        figures = _measured(job)
    except (ChainruleError, MemoryError) as error:
        sentence = str(error) or type(error).__name__
        return Attempt({}, time.perf_counter() - begun, error=sentence)
    taken = time.perf_counter() - begun
    return Attempt(figures, taken, job.summary.parameters, model=job.model)


def _train(job: Job) -> None:
    """Fit the network of a job, and leave it with its best weights."""
    settings = job.settings
    training, validation, _ = job.parts
    assert validation is not None
    job.model.to(settings.device)
    fit(
        job.model,
        (training.x, training.y),
        job.task.loss,
        settings.optimizer,
        **fit_options(settings, job.task),
        validation=(validation.x, validation.y),
        callbacks=callbacks_of(settings),
        step=job.step,
        generator=job.generator,
        progress=False,
    )


def _measured(job: Job) -> dict[str, float]:
    """The figures on the validation examples; the loss without smoothing, so that all compare."""
    _, validation, _ = job.parts
    assert validation is not None
    outputs = predict(job.model, validation.x)
    with no_grad():
        loss = task_of(validation, 0.0).loss(from_numpy(outputs), from_numpy(validation.y)).item()
    figures = {**figures_of(outputs, validation), "loss": float(loss)}
    if not all(math.isfinite(value) for value in figures.values()):
        raise DataError("the network gives no finite numbers for the validation examples")
    return figures

"""`tune`: a search from beginning to end (floor 4)."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from chainrule.data import Examples
from chainrule.errors import OptionError
from chainrule.train.job.outcome import Settings
from chainrule.train.tuning.ensemble import check_count, train_ensemble
from chainrule.train.tuning.study import Study
from chainrule.train.tuning.trials import Done
from chainrule.train.tuning.workers import Here, Processes, Runner, search

__all__ = ["check_jobs", "cores", "runner_of", "tune"]


def tune(
    examples: Examples,
    folder: str | Path,
    settings: Settings | None = None,
    *,
    space: Mapping[str, Any] | None = None,
    method: str = "halving",
    trials: int = 30,
    jobs: int = 1,
    ensemble: int = 0,
    told: Callable[[Done], None] = lambda one: None,
) -> Study:
    """Search for settings that do well on the validation examples.

    The same call goes on with a search that was stopped, at whatever instant, and comes to what it
    would have come to.

    Args:
        examples: to train on; the test examples are not looked at.
        folder: for the record; new, empty, or of this very search.
        settings: what is not searched; by default those of `chainrule train`, with a validation
            share of 0.2 and one thread.
        space: what is searched, see `Study`.
        method: "halving", "random" or "grid".
        trials: how many are begun.
        jobs: how many processes run trials; 1: this one. With more, a script has to call it under
            `if __name__ == "__main__":`.
        ensemble: train so many of the best once more, and write them as one model, which predicts
            by the mean of their answers, into `ensemble` in the folder; none if 0.
        told: is called with each trial that is done.

    Returns:
        The study: `best` is the best trial, `best_settings` are its settings, `done` is all of it.

    Raises:
        OptionError: a setting, a space or a folder that cannot be.
        DataError: what is recorded in the folder is damaged.

    Examples:
        >>> import tempfile
        >>> from chainrule.data import moons
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     space = {"lr": "1e-3..1e-1", "hidden": [8, 16]}
        ...     study = tune(moons(200), folder, Settings(epochs=3), space=space, trials=3)
        >>> len(study.done), study.best.epochs, study.best_settings.hidden[0] in (8, 16)
        (4, 3, True)

    References:
        Jamieson, Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
        Optimization, 2016 (successive halving); Bergstra, Bengio, Random Search for
        Hyper-Parameter Optimization, 2012.
    """
    chosen = settings or Settings(validation=0.2)
    chosen = dataclasses.replace(chosen, threads=chosen.threads or 1)
    check_jobs(jobs, chosen.threads or 1)
    with (
        Study(folder, examples, chosen, space=space, method=method, trials=trials) as study,
        closing(runner_of(study, jobs)) as runner,
    ):
        check_count(ensemble, study.plan)
        search(study, runner, told)
        if ensemble:
            train_ensemble(study, runner, ensemble, info={"data": examples.name})
    return study


def runner_of(study: Study, jobs: int) -> Runner:
    """Return who runs the trials of a study.

    Args:
        study: whose examples and settings they have.
        jobs: how many at a time.
    """
    if jobs == 1:
        return Here(study.examples, study.settings)
    return Processes(jobs, study.examples, study.settings)


def cores() -> int:
    """Return how many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_jobs(jobs: int, threads: int) -> None:
    """Refuse more threads than there are cores: they would wait for one another.

    Args:
        jobs: processes.
        threads: of each.

    Raises:
        OptionError: there are too many, or none.
    """
    if jobs < 1:
        raise OptionError(f"jobs must be at least 1, got {jobs}")
    if jobs > 1 and jobs * threads > cores():
        raise OptionError(
            f"{jobs} jobs of {threads} thread{'s' * (threads > 1)} need {jobs * threads} cores, "
            f"there are {cores()}; give fewer"
        )

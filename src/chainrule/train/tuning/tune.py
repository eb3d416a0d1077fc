"""`tune`: a search from beginning to end (floor 4)."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from chainrule.backend import ranks
from chainrule.backend.ranks.agreement import all_or_none
from chainrule.data import Examples
from chainrule.distributed import init
from chainrule.errors import OptionError
from chainrule.train.job.outcome import Settings
from chainrule.train.tuning.ensemble import check_count, train_ensemble
from chainrule.train.tuning.ranks import Ranks, leading, parting, take_trials
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
    would have come to. Where `mpiexec` has started the program all ranks make this call: the first
    leads and writes to the folder, the others run the trials, and all return the same.

    Args:
        examples: to train on; the test examples are not looked at.
        folder: for the record; new, empty, or of this very search.
        settings: what is not searched; by default those of `chainrule train`, with a validation
            share of 0.2 and one thread.
        space: what is searched, see `Study`.
        method: "halving", "random" or "grid".
        trials: how many are begun.
        jobs: how many processes run trials; 1: this one. With more, a script has to call it under
            `if __name__ == "__main__":`. How many ranks there are is the launcher's to say.
        ensemble: train so many of the best once more, and write them as one model, which predicts
            by the mean of their answers, into `ensemble` in the folder; none if 0.
        told: is called with each trial that is done; of several ranks on the first.

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
    begun = partial(Study, folder, examples, chosen, space=space, method=method, trials=trials)
    if ranks.launched():
        return _on_ranks(begun, examples, jobs, ensemble, told)
    check_jobs(jobs, chosen.threads or 1)
    return _search(begun, partial(runner_of, jobs=jobs), ensemble, told)


def _search(
    begun: Callable[[], Study],
    runner: Callable[[Study], Runner],
    ensemble: int,
    told: Callable[[Done], None],
) -> Study:
    with begun() as study, closing(runner(study)) as running:
        check_count(ensemble, study.plan)
        search(study, running, told)
        if ensemble:
            train_ensemble(study, running, ensemble, info={"data": study.examples.name})
    return study


def _on_ranks(
    begun: Callable[..., Study],
    examples: Examples,
    jobs: int,
    ensemble: int,
    told: Callable[[Done], None],
) -> Study:
    """Search on the ranks that a launcher started; who has not joined them before parts again."""
    has_joined = ranks.is_joined()
    init()
    world = ranks.world()
    with nullcontext() if has_joined else parting():
        found: list[Study] = []
        with all_or_none():
            if jobs != 1:
                raise OptionError("the launcher says how many trials run at a time; leave out jobs")
            if world.rank:
                take_trials(world, lambda: examples)
            else:
                with leading(world):
                    found.append(_search(begun, partial(_runner, world), ensemble, told))
        rows = world.tell([dataclasses.asdict(one) for study in found for one in study.done])[0]
    return found[0] if found else begun(found=rows)


def _runner(world: ranks.Alone, study: Study) -> Runner:
    return Ranks(world, study.examples, study.settings)


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

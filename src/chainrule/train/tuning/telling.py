"""A search seen in a terminal: a bar, a line for each trial, and a table at the end (floor 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column
from rich.text import Text

from chainrule.errors import one_line
from chainrule.picture import format_value
from chainrule.train.callbacks.progress import format_seconds
from chainrule.train.reporting.reporting import figure_pairs
from chainrule.train.tuning.ensemble import Ensembled
from chainrule.train.tuning.study import Study
from chainrule.train.tuning.trials import METHODS, Done

__all__ = [
    "Seen",
    "ensembled_pairs",
    "figure_text",
    "introduce",
    "ranked",
    "value_text",
    "values_text",
]

_TOP = 5


def figure_text(one: Done) -> str:
    """Return what a trial came to, in a word or two.

    Examples:
        >>> figure_text(Done(0, 0, 1, {}, {"accuracy": 0.975, "loss": 0.1}))
        'accuracy 97.5 %'
    """
    if "accuracy" in one.figures:
        return f"accuracy {format_value(one.figures['accuracy'], percent=True)}"
    if "mae" in one.figures:
        error = float(f"{one.figures['mae']:.4g}")
        return f"mean error {format_value(error)}"
    return "failed"


def value_text(value: Any) -> str:
    """Return a value of a setting as a person types it.

    Examples:
        >>> value_text((64, 32)), value_text(0.002)
        ('64x32', '0.002')
    """
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def values_text(values: Mapping[str, Any]) -> str:
    """Return the values of a trial on one line."""
    return ", ".join(f"{n.replace('_', ' ')} {value_text(v)}" for n, v in values.items())


def introduce(console: Any, study: Study, jobs: int) -> None:
    """Say what is searched, and how."""
    plan = study.plan
    console.print(Text(f"{METHODS[study.method]} over {', '.join(study.space)}"), soft_wrap=True)
    rungs = ", ".join(f"{count:,} of {n:,} epochs" for count, n in zip(plan.counts, plan.budgets))
    console.print(f"{plan.total:,} trainings: {rungs}; {jobs} at a time")
    if study.note:
        console.print(Text(study.note), style="yellow", soft_wrap=True)
    if study.done:
        console.print(f"{len(study.done):,} are recorded, and are not run again")
    console.print()


class Seen:
    """Shows how a search goes on: to be told of each trial.

    Args:
        console: a rich console; in a terminal it has a bar as well.
        study: that is searched.
        jobs: how many trainings run at a time.
    """

    def __init__(self, console: Any, study: Study, jobs: int) -> None:
        self._study, self._jobs, self._console = study, jobs, console
        self._spent = self._epochs = 0.0
        whole = Column(no_wrap=True, min_width=14)
        self._bar = Bar(
            TextColumn("{task.completed}/{task.total} trainings"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[left]}", table_column=whole),
            TextColumn("{task.fields[best]}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(
            "search", total=study.plan.total, completed=len(study.done), left="", best=self._best()
        )

    def __enter__(self) -> Seen:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, one: Done) -> None:
        """Show a trial that is done."""
        self._spent += one.seconds
        self._epochs += one.epochs
        told = (
            one_line(one.error) if one.error else f"{figure_text(one)}  {values_text(one.values)}"
        )
        self._bar.console.print(
            f"trial {one.number}, {one.epochs} epoch{'s' * (one.epochs > 1)}: {told}",
            soft_wrap=True,
            markup=False,
        )
        self._bar.update(self._task, advance=1, left=self._left(), best=self._best())

    def _left(self) -> str:
        """The time left: epochs that are to be taken, each as long as those until now."""
        done = sum(one.epochs for one in self._study.done)
        ahead = max(self._study.plan.epochs - done, 0)
        seconds = ahead * self._spent / max(self._epochs, 1) / self._jobs
        return f"{format_seconds(seconds)} left"

    def _best(self) -> str:
        best = self._study.best
        return "" if best is None else f"best: trial {best.number}, {figure_text(best)}"


def ranked(study: Study, most: int = _TOP) -> list[str]:
    """Return the best of the trials that were trained longest, a line for each."""
    longest = max((one.rung for one in study.done if not one.error), default=0)
    sound = [one for one in study.done if not one.error and one.rung == longest]
    sound.sort(key=lambda one: one.rank)
    shown = sound[:most] + [one for one in sound[most:] if one.number == 0]
    wide = len(str(max(one.number for one in shown)))
    return [
        f"trial {one.number:>{wide}}: {figure_text(one)}  {_differing(study, one)}" for one in shown
    ]


def _differing(study: Study, one: Done) -> str:
    if study.plan.kept and one.number == 0:
        return "with the settings as they were"
    return values_text(one.values)


def ensembled_pairs(found: Ensembled) -> list[tuple[str, str]]:
    """Return what each member came to on the test examples, and last all together.

    Args:
        found: what came of an ensemble.

    Examples:
        >>> from pathlib import Path
        >>> members = {3: {"accuracy": 0.96}, 12: {"accuracy": 0.95}}
        >>> for name, told in ensembled_pairs(Ensembled(Path("e"), {"accuracy": 0.97}, members)):
        ...     print(name, "-", told)
        trial 3 - test accuracy 96.0 %
        trial 12 - test accuracy 95.0 %
        all 2 together - test accuracy 97.0 %
    """
    pairs = [(f"trial {number}", _test(figures)) for number, figures in found.members.items()]
    return [*pairs, (f"all {len(pairs)} together", _test(found.figures))]


def _test(figures: Mapping[str, float]) -> str:
    spoken = {"mae": "mean error", "r2": "R2"}
    return ", ".join(
        f"test {spoken.get(name, name)} {told}" for name, told in figure_pairs(figures)
    )

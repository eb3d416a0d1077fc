"""A search as a folder: what is searched, what was found, and what is still to be run (floor 4).

`study.json` says what the study is, `trials.jsonl` what came of each trial. Stopped at any instant
and taken up again it comes to what it would have come to.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from chainrule.data import Examples
from chainrule.errors import DataError, OptionError
from chainrule.files import replace_text
from chainrule.train.job.folder import fingerprint
from chainrule.train.job.outcome import Settings
from chainrule.train.job.prepare import prepare
from chainrule.train.tuning.record import Record, Told
from chainrule.train.tuning.running import settings_of
from chainrule.train.tuning.space import (
    Choice,
    Range,
    described,
    read_space,
    usual_space,
)
from chainrule.train.tuning.trials import Done, Trial, plan_of

__all__ = ["Study", "noted_arguments"]

_ABOUT, _TRIALS = "study.json", "trials.jsonl"
_FORMAT = 1
_MOST_BYTES = 16 << 20


class Study:
    """A search for good settings, in a folder that can be taken up again.

    Trials are chosen by what they come to on the validation examples; the test examples are kept
    for the end.

    Args:
        folder: new, empty, or of this very study, which then goes on.
        examples: to train on.
        settings: what is not searched; `epochs` is the length of the longest training.
        space: what is searched, as `read_space` takes it, in place of the usual space; a setting
            with one value is not searched but set.
        method: "halving": many short trainings, of which one in three is trained three times as
            long, and so on; "random": all are trained as long; "grid": every combination.
        trials: how many are begun.
        arguments: of the command line that began it, kept in the folder.
        found: the lines of its record, told by the process that keeps the folder, which this one
            then leaves alone.

    Attributes:
        folder: as given.
        examples: as given.
        settings: with the epochs that were left open.
        space: what is searched.
        plan: which trials there are.
        method: its name.

    Raises:
        OptionError: a setting or a space that cannot be, or a folder with something else in it.
        DataError: what is recorded is damaged.

    Examples:
        >>> import tempfile
        >>> from chainrule.data import moons
        >>> settings = Settings(epochs=4, validation=0.2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Study(folder, moons(120), settings, space={"lr": "1e-3..1e-1"}, trials=9) as s:
        ...         print(s.plan.budgets, [trial.number for trial in s.due()][:4], s.best)
        (1, 4) [0, 1, 2, 3] None
    """

    def __init__(
        self,
        folder: str | Path,
        examples: Examples,
        settings: Settings | None = None,
        *,
        space: Mapping[str, Any] | None = None,
        method: str = "halving",
        trials: int = 30,
        arguments: Sequence[str] = (),
        found: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.examples = examples
        self.method = method
        base = settings or Settings(validation=0.2)
        if base.validation == 0:
            raise OptionError(
                "trials are chosen by their validation examples, so validation must be above 0"
            )
        job = prepare(examples, base)
        usual = usual_space(job.settings, examples.classes is not None)
        given = usual if space is None else read_space(space)
        _fitting(given, job.settings, examples)
        self.space = {n: a for n, a in given.items() if _moves(a)}
        if not self.space:
            raise OptionError("there is nothing to search: every setting has one value")
        fixed = {n: a.at(0) for n, a in given.items() if not _moves(a)}
        self.settings = settings_of(job.settings, fixed, job.settings.epochs or 1)
        prepare(examples, self.settings)  # so that what cannot be is told before anything is run
        self.plan = plan_of(
            method,
            self.space,
            seed=base.seed,
            trials=trials,
            epochs=self.settings.epochs or 1,
            first=_as_values(self.settings),
        )
        self._record: Record | Told
        if found is None:
            self._keep(arguments)
            self._record = Record(self.folder / _TRIALS, self.plan)
        else:
            self._record = Told(found, self.plan)

    def __enter__(self) -> Study:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others work at the study."""
        self._record.close()

    @property
    def done(self) -> list[Done]:
        """What came of the trials, in the order in which they were recorded."""
        return list(self._record.done.values())

    @property
    def note(self) -> str:
        """What had to be left out of the record; empty if nothing had."""
        return self._record.note

    @property
    def best(self) -> Done | None:
        """The best trial of those that were trained longest; `None` while there is none."""
        sound = [one for one in self.done if not one.error]
        longest = max((one.rung for one in sound), default=0)
        among = [one for one in sound if one.rung == longest]
        return min(among, key=lambda one: one.rank, default=None)

    @property
    def best_settings(self) -> Settings:
        """The settings of the best trial, for the longest training.

        Raises:
            DataError: no trial has come to anything.
        """
        if self.best is None:
            reason = next((f": {one.error}" for one in self.done if one.error), "")
            raise DataError(f"no trial of {self.folder} has come to anything{reason}")
        return settings_of(self.settings, self.best.values, self.plan.budgets[-1])

    def due(self) -> list[Trial]:
        """Return the trials that can be run by now, in order; none when the search is over."""
        return self.plan.due(self._record.done)

    def add(self, one: Done) -> None:
        """Record what came of a trial.

        Args:
            one: whose trial was due.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._record.add(one)

    def _keep(self, arguments: Sequence[str]) -> None:
        """Write what the study is, or hold what is there against it."""
        about = json.loads(json.dumps(self._about()))
        path = self.folder / _ABOUT
        if path.exists():
            _check_same(about, _noted(path), self.folder)
            return
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise OptionError(f"{self.folder} has something else in it; choose another folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**about, "arguments": list(arguments)}, indent=2, allow_nan=False)
        replace_text(path, text + "\n")

    def _about(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "data": self.examples.name,
            "fingerprint": fingerprint(self.examples),
            "method": self.method,
            "trials": len(self.plan.values),
            "space": described(self.space),
            "settings": dataclasses.asdict(self.settings),
        }


def _moves(among: Range | Choice) -> bool:
    return isinstance(among, Range) or len(among.values) > 1


def _as_values(settings: Settings) -> dict[str, Any]:
    """The settings as a trial would have them."""
    sizes = settings.hidden
    alike = len(set(sizes)) == 1
    return {
        **{n: getattr(settings, n) for n in vars(settings)},
        "hidden": sizes[0] if alike else sizes,
        "depth": len(sizes),
    }


def _fitting(space: Iterable[str], settings: Settings, examples: Examples) -> None:
    """Refuse to search what this network or these data do not have."""
    for name in space:
        if settings.model == "linear" and name in ("hidden", "depth", "dropout", "activation"):
            raise OptionError(f"a linear model has no {name} to search; leave it out of the space")
        if examples.classes is None and name == "label_smoothing":
            raise OptionError("label_smoothing is for classes; leave it out of the space")


def noted_arguments(folder: str | Path) -> list[str]:
    """Return the arguments of the command line that began a study.

    Args:
        folder: of the study.

    Raises:
        DataError: it is the folder of none, or was not begun by a command line.
    """
    path = Path(folder) / _ABOUT
    if not path.exists():
        raise DataError(f"{folder} is no folder of a study: it has no {_ABOUT}")
    arguments = _noted(path).get("arguments")
    if not isinstance(arguments, list) or not all(isinstance(a, str) for a in arguments):
        raise DataError(f"{path} does not say by which command line the study was begun")
    if not arguments:
        raise DataError(f"{path} was not begun by a command line; go on with it in Python")
    return arguments


def _noted(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} is too large for the description of a study")
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    if not isinstance(about, dict):
        raise DataError(f"{path} does not describe a study")
    return about


def _check_same(meant: dict[str, Any], noted: dict[str, Any], folder: Path) -> None:
    """Refuse to go on with a study that is another one."""
    for name, value in meant.items():
        if noted.get(name) == value:
            continue
        words = "other data" if name == "fingerprint" else f"another {name}"
        if name in ("space", "settings") and isinstance(noted.get(name), dict):
            there = noted[name]
            differing = [k for k in {**value, **there} if there.get(k) != value.get(k)]
            words = f"another {differing[0]!r:.40} in its {name}" if differing else words
        raise OptionError(
            f"{folder} holds a study with {words}; choose another folder, or go on with that "
            "study by --resume"
        )

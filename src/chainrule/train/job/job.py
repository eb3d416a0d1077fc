"""The job behind `chainrule train`: data in, a folder with model, figures and report out (floor 4).

Load, split, build, fit, measure on examples never seen, write. What it says goes to a console that
is given to it; what goes wrong is one sentence, raised before anything is written.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.backend import threads
from chainrule.data import Examples
from chainrule.errors import ChainruleError, OptionError
from chainrule.files import replace_bytes
from chainrule.io import save_model
from chainrule.train.callbacks.callback import Callback
from chainrule.train.callbacks.logs import JsonLines
from chainrule.train.callbacks.progress import Progress
from chainrule.train.fitting.loop import fit, predict
from chainrule.train.fitting.run import History
from chainrule.train.job.baseline import baselines_of
from chainrule.train.job.choices import callbacks_of, fit_options, measured_by
from chainrule.train.job.foresee import Foresight, foresee
from chainrule.train.job.narrate import conclude
from chainrule.train.job.outcome import Outcome, Settings
from chainrule.train.job.parts import figures_of
from chainrule.train.job.prepare import prepare, show
from chainrule.train.reporting.report import write
from chainrule.train.reporting.reporting import report_of

__all__ = ["foresee_job", "run_job"]

FIGURES = "metrics.jsonl"


def run_job(
    examples: Examples,
    settings: Settings,
    folder: Path,
    *,
    info: dict[str, Any],
    console: Any,
    command: str,
    overwrite: bool = False,
) -> Outcome:
    """Train on `examples` and write what comes of it into `folder`.

    Args:
        examples: loaded already.
        settings: what a person chose.
        folder: where model, figures and report go; must be new or empty.
        info: further plain data to keep in the model's description.
        console: a rich console that is told what happens.
        command: what repeats the job, for the report.
        overwrite: replace what is in the folder.

    Raises:
        OptionError: a setting outside its range, or a folder with something in it.
        DataError: examples that cannot be trained on.
    """
    job = prepare(examples, settings)
    settings, task, model = job.settings, job.task, job.model
    training, validation, test = job.parts
    with _opened(folder, overwrite):
        show(job, console)
        callbacks: list[Callback] = [*callbacks_of(settings), JsonLines(folder / FIGURES)]
        callbacks.append(Progress(console))
        history = History()
        started = time.perf_counter()
        interrupted = False
        try:
            fit(
                model,
                (training.x, training.y),
                task.loss,
                settings.optimizer,
                **fit_options(settings, task),
                validation=None if validation is None else (validation.x, validation.y),
                callbacks=callbacks,
                step=job.step,
                generator=job.generator,
                history=history,
                doctor=settings.doctor,
                progress=False,
            )
        except KeyboardInterrupt:
            interrupted = True
            console.print(f"stopped in epoch {len(history) + 1}; {_kept(history)}")
        seconds = time.perf_counter() - started
        with threads.policy(settings.threads):
            outputs = predict(model, test.x)
        if not np.isfinite(outputs).all():
            raise ChainruleError(
                "the trained network gives no finite numbers for the test examples; use a lower "
                f"learning rate than {settings.lr:g}, or look for unscaled numbers in the data"
            )
        outcome = Outcome(
            model,
            history,
            examples,
            test,
            outputs,
            figures_of(outputs, test, measured_by(settings, task)),
            job.summary,
            seconds,
            settings,
            interrupted,
            folder,
            history.findings,
            baselines_of(training, test),
        )
        save_model(folder, model, _description(outcome, info))
    write(report_of(outcome, command), folder / "report.html")
    conclude(console, outcome)
    return outcome


def foresee_job(
    examples: Examples, settings: Settings, folder: Path, *, console: Any, overwrite: bool = False
) -> Foresight:
    """Say what `run_job` would work on and what it would take, and write nothing.

    Args:
        examples: as `run_job` takes them, and so are all others.
        settings: likewise.
        folder: likewise.
        console: likewise.
        overwrite: likewise.

    Raises:
        OptionError: what `run_job` would refuse.
        DataError: likewise.
    """
    job = prepare(examples, settings)
    _usable(folder, overwrite)
    show(job, console)
    foreseen = foresee(job)
    foreseen.tell(console)
    return foreseen


def _usable(folder: Path, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"--out {folder} is a file; give a folder")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise OptionError(f"--out {folder} is not empty; choose another, or pass --overwrite")


@contextmanager
def _opened(folder: Path, overwrite: bool) -> Iterator[None]:
    """Make the folder; what fails inside leaves everything as it was before."""
    _usable(folder, overwrite)
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    figures = folder / FIGURES
    before = figures.read_bytes() if figures.exists() else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"--out {folder} cannot be made: {error.strerror or error}") from None
    try:
        yield
    except BaseException:
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        elif before is None:
            figures.unlink(missing_ok=True)
        else:
            replace_bytes(figures, before)
        with suppress(OSError):  # another run may be in them by now
            for place in new[1:]:
                place.rmdir()
        raise


def _kept(history: History) -> str:
    if history.best_epoch is None:
        return "keeping the weights as they are"
    return f"keeping the best weights so far, those of epoch {history.best_epoch}"


def _description(outcome: Outcome, info: dict[str, Any]) -> dict[str, Any]:
    examples = outcome.examples
    return {
        **info,
        "classes": None if examples.classes is None else list(examples.classes),
        "columns": list(examples.columns),
        "shape": list(examples.x.shape[1:]),
        "levels": examples.levels,
        "recipe": None if examples.recipe is None else examples.recipe.described(),
        "baselines": [baseline._asdict() for baseline in outcome.baselines],
        "test": outcome.figures,
        "best_epoch": outcome.history.best_epoch,
        "settings": dataclasses.asdict(outcome.settings),
    }

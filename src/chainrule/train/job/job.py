"""The job behind `chainrule train`: data in, a folder with model, figures and report out (floor 4).

Load, split, build, fit, measure on examples never seen, write. What it says goes to a console that
is given to it; what goes wrong is one sentence, raised before anything is written. A run that was
broken off is taken up again from its own folder. On several ranks all of them train, and rank 0
says and writes what one process would.
"""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.backend import ranks, threads
from chainrule.backend.devices import available
from chainrule.data import Examples
from chainrule.errors import ChainruleError, DataError, OptionError
from chainrule.io import save_model
from chainrule.nn.exchanged import DistributedDataParallel
from chainrule.train.callbacks.checkpoint import Checkpoint
from chainrule.train.callbacks.logs import JsonLines
from chainrule.train.callbacks.progress import Progress
from chainrule.train.fitting.loop import fit, predict
from chainrule.train.fitting.run import History
from chainrule.train.job.baseline import baselines_of
from chainrule.train.job.choices import callbacks_of, fit_options, measured_by, sharded
from chainrule.train.job.described import description_of
from chainrule.train.job.folder import (
    FIGURES,
    Journal,
    checkpoints_of,
    fingerprint,
    held,
    opened,
    usable,
)
from chainrule.train.job.foresee import Foresight, beside, foresee, foreseen_at_once
from chainrule.train.job.narrate import conclude
from chainrule.train.job.outcome import Outcome, Settings
from chainrule.train.job.parts import figures_of
from chainrule.train.job.prepare import Job, prepare, show
from chainrule.train.job.revisit import data_of
from chainrule.train.job.together import (
    alike,
    check_alike,
    check_sensible,
    in_turn,
    told_ranks,
)
from chainrule.train.reporting.report import write
from chainrule.train.reporting.reporting import report_of

__all__ = ["assist_job", "assist_resumed", "foresee_job", "resume_job", "run_job"]


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
    job = alike(lambda: _usable(examples, settings, folder, overwrite))
    check_alike(examples, settings)
    journal = Journal(job.settings, info, command, fingerprint(examples))
    with ExitStack() as inside:
        alike(lambda: _entered(inside, opened(folder, overwrite), journal, folder))
        outcome = _trained(job, journal, folder, console)
    return _finished(outcome, journal, console)


def resume_job(
    folder: Path,
    *,
    console: Any,
    source: str | None = None,
    data_dir: str | None = None,
    device: str | None = None,
) -> Outcome:
    """Go on with a run that was broken off, as if it had not been.

    Data, settings and command are those that it has noted. Its model and its figures will be those,
    to the last bit, that it would have come to, on a device and a machine of the same kind.

    Args:
        folder: of the run.
        console: a rich console that is told what happens.
        source: its data, by name or path, if they are elsewhere by now.
        data_dir: the folder where data sets such as mnist are kept.
        device: where it goes on, if elsewhere.

    Raises:
        OptionError: the run has finished, another process is at it, or there is no such device.
        DataError: something in the folder is damaged, or the data are others by now.
    """
    journal, job = in_turn(lambda: _revisited(folder, source, data_dir, device))
    with ExitStack() as inside:
        journal.state = "running"
        alike(lambda: _entered(inside, held(folder), journal, folder))
        outcome = _trained(job, journal, folder, console)
    return _finished(outcome, journal, console)


def assist_job(examples: Examples, settings: Settings, folder: Path) -> None:
    """Train with rank 0, which does the same by `run_job`, and say and write nothing.

    Args:
        examples: as `run_job` takes them, and so are all others.
        settings: likewise.
        folder: that rank 0 writes to.
    """
    job = alike(lambda: prepare(examples, settings))
    check_alike(examples, settings)
    alike(lambda: None)  # rank 0 opens the folder
    _fitted(job, folder, History(), settings.threads or 1, None)


def assist_resumed(
    folder: Path,
    source: str | None = None,
    data_dir: str | None = None,
    device: str | None = None,
) -> None:
    """Go on with rank 0, which does so by `resume_job`, and say and write nothing.

    Args:
        folder: as `resume_job` takes it, and so are all others.
        source: likewise.
        data_dir: likewise.
        device: likewise.
    """
    _, job = in_turn(lambda: _revisited(folder, source, data_dir, device))
    alike(lambda: None)  # rank 0 opens the folder
    _fitted(job, folder, History(), job.settings.threads or 1, None)


def _entered(
    inside: ExitStack, place: AbstractContextManager[None], journal: Journal, folder: Path
) -> None:
    """Open the folder of a run until the stack is left, and note in it what the run is."""
    inside.enter_context(place)
    journal.write(folder)


def _usable(examples: Examples, settings: Settings, folder: Path, overwrite: bool) -> Job:
    """The job, if the folder can be written to."""
    check_sensible(settings)
    job = prepare(examples, settings)
    usable(folder, overwrite)
    return job


def _revisited(
    folder: Path, source: str | None, data_dir: str | None, device: str | None
) -> tuple[Journal, Job]:
    """What a run that was broken off has noted, and what it begins with."""
    journal = Journal.read(folder)
    if device is not None:
        journal.settings = dataclasses.replace(journal.settings, device=device)
    settings = journal.settings
    try:
        available(settings.device)
    except OptionError as error:
        advice = "; --device cpu goes on with the run on the processor" if device is None else ""
        raise OptionError(f"{error}{advice}") from None
    check_sensible(settings)
    source = source or journal.source
    examples = data_of(journal.info, str(folder), settings.seed, source, data_dir)
    if fingerprint(examples) != journal.data:
        raise DataError(
            f"{examples.name} is not what {folder} was trained on: the data have changed since; "
            "bring them back to what they were, or train anew"
        )
    return journal, prepare(examples, settings)


def _fitted(job: Job, folder: Path, history: History, threads: int, console: Any) -> None:
    """Train, from the newest checkpoint where there is one.

    Args:
        job: prepared.
        folder: of the run.
        history: where the figures go.
        threads: the most that are used.
        console: told how it goes; `None` on a rank that does not speak.
    """
    settings, task, world = job.settings, job.task, ranks.world()
    training, validation, _ = job.parts
    saved = checkpoints_of(folder)
    is_resumed = world.tell(saved.exists())[0]
    saver = Checkpoint(saved, seconds=settings.checkpoint)
    saver.advice = f"To go on: chainrule train --resume {folder}"
    job.model.to(settings.device)
    network = None
    if world.size > 1:  # no buffer changes in training, nor is a gradient looked at after its step
        network = DistributedDataParallel(
            job.model, broadcast_buffers=False, gradient_as_bucket_view=True
        )
    try:
        fit(
            job.model if network is None else network,
            (training.x, training.y),
            task.loss,
            **{
                "optimizer": settings.optimizer,
                **fit_options(settings, task),
                **sharded(settings, job.model),
                "threads": threads,
            },
            validation=None if validation is None else (validation.x, validation.y),
            callbacks=[
                *callbacks_of(settings),
                JsonLines(folder / FIGURES),
                saver,
                *([] if console is None else [Progress(console)]),
            ],
            step=job.step,
            generator=job.generator,
            history=history,
            doctor=settings.doctor,
            progress=False,
            resume=saved if is_resumed else None,
        )
    finally:
        if network is not None:
            network.release()  # rank 0 looks at it alone from here on


def _trained(job: Job, journal: Journal, folder: Path, console: Any) -> Outcome:
    """Train, from the newest checkpoint where there is one, measure, and save the model."""
    settings, task, model = job.settings, job.task, job.model
    training, _, test = job.parts
    together = ranks.world().size > 1
    allowed = settings.threads or (1 if together else journal.threads)
    show(job, console)
    if together or settings.shard_optimizer:
        console.print(told_ranks(allowed, settings.shard_optimizer))
    foreseen = None if together or checkpoints_of(folder).exists() else foreseen_at_once(job)
    history = History()
    interrupted = False
    with threads.policy(allowed):
        try:
            _fitted(job, folder, history, allowed, console)
        except KeyboardInterrupt:
            interrupted = True
            console.print(f"stopped in epoch {len(history) + 1}; {_kept(history)}")
        outputs = predict(model, test.x)
    model.to("cpu")  # for whoever looks at it from here on
    if not np.isfinite(outputs).all():
        raise ChainruleError(
            "the trained network gives no finite numbers for the test examples; use a lower "
            f"learning rate than {settings.lr:g}, or look for unscaled numbers in the data"
        )
    outcome = Outcome(
        model,
        history,
        job.examples,
        test,
        outputs,
        figures_of(outputs, test, measured_by(settings, task)),
        job.summary,
        history.seconds,
        settings,
        interrupted,
        folder,
        history.findings,
        baselines_of(training, test),
        beside(foreseen, history),
    )
    save_model(
        folder,
        model,
        {
            **description_of(outcome.examples, settings, outcome.figures, journal.info),
            "baselines": [baseline._asdict() for baseline in outcome.baselines],
            "best_epoch": history.best_epoch,
        },
    )
    return outcome


def _finished(outcome: Outcome, journal: Journal, console: Any) -> Outcome:
    """Write the report, and leave nothing to resume unless a person stopped it."""
    folder = outcome.folder
    write(report_of(outcome, journal.command), folder / "report.html")
    if outcome.interrupted:
        journal.state = "interrupted"
        journal.write(folder)
    else:
        journal.finish(folder)
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
    usable(folder, overwrite)
    show(job, console)
    foreseen = foresee(job)
    foreseen.tell(console)
    return foreseen


def _kept(history: History) -> str:
    if history.best_epoch is None:
        return "keeping the weights as they are"
    return f"keeping the best weights so far, those of epoch {history.best_epoch}"

"""`chainrule train`: from options to a training job (floor 5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from chainrule import distributed
from chainrule.cli.loading import examples_of, noted
from chainrule.data import Examples
from chainrule.errors import OptionError, chosen
from chainrule.train.fitting.engine import ENGINES
from chainrule.train.job.job import (
    assist_job,
    assist_resumed,
    foresee_job,
    resume_job,
    run_job,
)
from chainrule.train.job.outcome import Settings
from chainrule.train.job.together import alike, in_turn

__all__ = ["train_command"]


# What may be given beside --resume: it says where things are.
_BESIDE = {"resume", "data", "data_dir", "device"}


def train_command(
    data: str, options: Mapping[str, Any], command: str, given: Collection[str] = ()
) -> int:
    """Run the job that the options describe, and return the exit code.

    Args:
        data: a name or path.
        options: of the command line, by name.
        command: the whole line, which repeats the run.
        given: the names of the options that a person gave.
    """
    distributed.init()
    if options["resume"] is not None:
        return _resumed(data, options, given)
    examples = in_turn(lambda: examples_of(data, options))
    names = [field.name for field in dataclasses.fields(Settings)]
    usual = chosen("engine", options["engine"], ENGINES)._asdict()
    settings = Settings(**{n: usual.get(n) if options[n] is None else options[n] for n in names})
    folder = alike(lambda: Path(options["out"]) if options["out"] else _next_folder(examples))
    if distributed.rank() > 0:
        if not options["dry_run"]:
            return _assisted(lambda: assist_job(examples, settings, folder))
        return 0
    console, overwrite = Console(highlight=False, emoji=False), options["overwrite"]
    if options["dry_run"]:
        foresee_job(examples, settings, folder, console=console, overwrite=overwrite)
        return 0
    outcome = run_job(
        examples,
        settings,
        folder,
        info=noted(data, options, examples),
        console=console,
        command=command,
        overwrite=overwrite,
    )
    return 130 if outcome.interrupted else 0


def _resumed(data: str, options: Mapping[str, Any], given: Collection[str]) -> int:
    """Go on with a run, and return the exit code."""
    for name in options:
        if name in given and name not in _BESIDE:
            raise OptionError(
                f"--{name.replace('_', '-')} cannot be given beside --resume: a run goes on with "
                "the options that it was begun with; leave it out, or train anew"
            )
    folder = Path(options["resume"])
    places = {
        "source": data if "data" in given else None,
        "data_dir": options["data_dir"],
        "device": options["device"] if "device" in given else None,
    }
    if distributed.rank() > 0:
        return _assisted(lambda: assist_resumed(folder, **places))
    outcome = resume_job(folder, console=Console(highlight=False, emoji=False), **places)
    return 130 if outcome.interrupted else 0


def _assisted(work: Callable[[], None]) -> int:
    """Do what a rank that does not speak does, and return the exit code."""
    try:
        work()
    except KeyboardInterrupt:  # a person's Ctrl-C, of which rank 0 speaks
        return 130
    return 0


def _next_folder(examples: Examples) -> Path:
    """The first of runs/DATA-1, -2, ... that is not taken."""
    stem = Path(examples.name).stem or "data"
    number = 1
    while (folder := Path("runs") / f"{stem}-{number}").exists():
        number += 1
    return folder

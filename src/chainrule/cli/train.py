"""`chainrule train`: from options to a training job (floor 5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from chainrule.cli.loading import examples_of, noted
from chainrule.data import Examples
from chainrule.errors import chosen
from chainrule.train.fitting.engine import ENGINES
from chainrule.train.job.job import foresee_job, run_job
from chainrule.train.job.outcome import Settings

__all__ = ["train_command"]


def train_command(data: str, options: Mapping[str, Any], command: str) -> int:
    """Run the job that the options describe, and return the exit code.

    Args:
        data: a name or path.
        options: of the command line, by name.
        command: the whole line, which repeats the run.
    """
    examples = examples_of(data, options)
    names = [field.name for field in dataclasses.fields(Settings)]
    usual = chosen("engine", options["engine"], ENGINES)._asdict()
    settings = Settings(**{n: usual.get(n) if options[n] is None else options[n] for n in names})
    folder = Path(options["out"]) if options["out"] else _next_folder(examples)
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


def _next_folder(examples: Examples) -> Path:
    """The first of runs/DATA-1, -2, ... that is not taken."""
    stem = Path(examples.name).stem or "data"
    number = 1
    while (folder := Path("runs") / f"{stem}-{number}").exists():
        number += 1
    return folder

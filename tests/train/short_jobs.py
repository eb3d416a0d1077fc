"""Short jobs by name, each run when first asked for: for tests of what a job leaves."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from chainrule.data import Examples
from chainrule.train.job.job import run_job
from chainrule.train.job.outcome import Outcome, Settings


def jobs_in(home: Path, jobs: Mapping[str, tuple[Examples, Settings]]) -> Callable[[str], Outcome]:
    """Return a function from the name of a job to its outcome."""
    made: dict[str, Any] = {}

    def job(name):
        if name not in made:
            quiet = Console(file=io.StringIO())
            made[name] = run_job(
                *jobs[name], home / name, info={}, console=quiet, command="chainrule train"
            )
        return made[name]

    return job

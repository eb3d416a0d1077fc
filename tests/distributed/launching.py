"""Programs on several ranks, for tests: started by mpiexec, waited for, and never left behind."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Ended", "Run", "launch", "needs_mpi", "start"]

MPIEXEC = Path(sys.executable).with_name("mpiexec")

needs_mpi = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or not MPIEXEC.exists(),
    reason="needs mpi4py and the mpich package, of the extra mpi",
)


@dataclass
class Ended:
    """What came of a program.

    Attributes:
        code: its exit code, the launcher's.
        said: what all ranks wrote on standard output.
        complained: and on standard error.
        seconds: how long it took.
    """

    code: int
    said: str
    complained: str
    seconds: float


class Run:
    """A program that runs on several ranks.

    Args:
        arguments: what follows the name of Python: a file, or "-m" and a module, and so on.
        ranks: how many.
        flags: of mpiexec.
        folder: where it runs.
        environment: what is set besides what is.
    """

    def __init__(
        self,
        arguments: list[str],
        ranks: int,
        flags: tuple[str, ...] = (),
        folder: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        # Without a buffer a line and its end are written one by one, and those of ranks mix.
        buffered = {"PYTHONUNBUFFERED": ""}
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            [str(MPIEXEC), *flags, "-n", str(ranks), sys.executable, "-W", "error", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, **one_thread, **buffered, **(environment or {})},
            start_new_session=True,
        )

    def wait(self, seconds: float = 180.0) -> Ended:
        """Return what came of it.

        Raises:
            AssertionError: it is still there after so many seconds; then it is ended.
        """
        try:
            said, complained = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            said, complained = self.process.communicate()
            raise AssertionError(f"hangs after {seconds} s: {said}{complained}") from None
        return Ended(self.process.returncode, said, complained, time.monotonic() - self.begun)


def start(program: str, ranks: int, *flags: str, folder: Path, **environment: str) -> Run:
    """Start a program, given as its text, on several ranks."""
    file = folder / "program.py"
    file.write_text(textwrap.dedent(program), encoding="utf-8")
    return Run([str(file)], ranks, flags, folder, environment)


def launch(program: str, ranks: int, *flags: str, folder: Path, **environment: str) -> Ended:
    """Start a program, given as its text, on several ranks, and return what came of it."""
    return start(program, ranks, *flags, folder=folder, **environment).wait()

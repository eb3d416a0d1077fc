"""What a search has recorded: a line for each trial, kept whatever happens in between (floor 4).

A line is written, and brought to the disk, when its trial is done. A last line that was cut off in
the middle is left out, and told; its trial runs again. Lines come from outside like any file: one
is believed only if it is what the plan of the study would have written.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from chainrule.errors import DataError, OptionError
from chainrule.train.tuning.trials import Done, Plan

__all__ = ["Record", "Told"]

_MOST_BYTES = 256 << 20


class Record:
    """The trials that are done, in a file that only grows.

    Args:
        path: of the file; it is made if it is not there.
        plan: of the study.

    Attributes:
        done: by number and rung, in the order in which they were done.
        note: what had to be left out; empty if nothing had.

    Raises:
        DataError: the file is damaged, or of another study.
        OptionError: another process is writing to it.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self.done: dict[tuple[int, int], Done] = {}
        self.note = ""
        self._path, self._plan = path, plan
        self._file: BinaryIO = path.open("ab")
        try:
            _lock(self._file, path)
            self._read()
        except BaseException:
            self._file.close()
            raise

    def add(self, one: Done) -> None:
        """Write what came of a trial.

        Args:
            one: of the plan.

        Raises:
            OSError: the disk is full, or gone.
        """
        line = json.dumps(dataclasses.asdict(one), allow_nan=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.done[one.number, one.rung] = one

    def close(self) -> None:
        """Let others write."""
        self._file.close()

    def _read(self) -> None:
        size = self._path.stat().st_size
        if size > _MOST_BYTES:
            raise DataError(f"{self._path} has {size:,} bytes, too many for the trials of a study")
        whole, end, cut = self._path.read_bytes().rpartition(b"\n")
        for number, line in enumerate(whole.split(b"\n") if end else [], start=1):
            one = self._believed(line, number)
            self.done.setdefault((one.number, one.rung), one)
        if cut:
            self.note = (
                f"the last line of {self._path} was cut off after {len(cut)} bytes; "
                "its trial runs again"
            )
            self._file.truncate(len(whole) + len(end))

    def _believed(self, line: bytes, number: int) -> Done:
        try:
            return _done(json.loads(line), self._plan)
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
            raise DataError(
                f"{self._path} is damaged: line {number} is no trial of this study "
                f"({type(error).__name__}); remove the line, and its trial runs again"
            ) from None


class Told:
    """The trials that another process has recorded, as it has told them.

    Args:
        rows: the lines of the record, in their order.
        plan: of the study.

    Attributes:
        done: by number and rung, in the order in which they were done.
        note: empty.
    """

    note = ""

    def __init__(self, rows: Iterable[Any], plan: Plan) -> None:
        found = [_done(row, plan) for row in rows]
        self.done = {(one.number, one.rung): one for one in found}

    def add(self, one: Done) -> None:
        """Keep what came of a trial, in memory alone."""
        self.done[one.number, one.rung] = one

    def close(self) -> None:
        """Nothing is held."""


def _done(row: Any, plan: Plan) -> Done:
    """A trial as the plan has it, or an error."""
    found = Done(
        _count(row["number"]),
        _count(row["rung"]),
        _count(row["epochs"]),
        {k: tuple(v) if isinstance(v, list) else v for k, v in row["values"].items()},
        _figures(row["figures"]),
        _finite(row["seconds"]),
        _count(row["parameters"]),
        _text(row["error"]),
    )
    meant = plan.values[found.number], plan.budgets[found.rung]
    if (found.values, found.epochs) != meant or not (found.figures or found.error):
        raise ValueError
    return found


def _figures(value: Mapping[str, Any]) -> dict[str, float]:
    figures = {_text(name): _finite(number) for name, number in value.items()}
    if figures and not ("loss" in figures and {"accuracy", "mae"} & figures.keys()):
        raise ValueError
    return figures


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _finite(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep others from writing, where the system can; the lock ends with the process."""
    try:
        import fcntl
    except ImportError:  # on Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OptionError(
            f"another process is working at the study in {path.parent}; wait for it or stop it"
        ) from None

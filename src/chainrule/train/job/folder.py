"""The folder of a run, from before its first step until it is finished (floor 4).

While a run is under way, or broken off, a file says what it is: `job.json`, with its settings, its
data and the command. Beside it are its checkpoints. Both go when the run is finished; what is left
is the model, its figures and its report. Nothing in a folder is trusted that is read again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.backend import threads
from chainrule.data import Examples
from chainrule.errors import ChainruleError, DataError, OptionError
from chainrule.files import replace_bytes, replace_text
from chainrule.train.checkpointing import store
from chainrule.train.job.outcome import Settings
from chainrule.train.job.revisit import settings_of

__all__ = ["FIGURES", "Journal", "checkpoints_of", "fingerprint", "held", "opened", "usable"]

FIGURES = "metrics.jsonl"
_FORMAT = 1
_JOURNAL, _FINISHED = "job.json", "finished"
_MOST_BYTES = 1 << 20
_MOST_THREADS = 1024
_HASHED = 64 << 20  # bytes of the data that are looked at; of larger ones rows at equal distances


@dataclasses.dataclass
class Journal:
    """What a run under way says of itself.

    Attributes:
        settings: with the epochs that it is to have.
        info: where its data are from, and what else is noted in the model's description.
        command: what repeats the job.
        data: the fingerprint of its examples.
        threads: the most processor threads that it uses.
        place: the folder that paths of its data start from.
        state: "running", which it says of itself also when it was killed; "interrupted"; or, until
            all is tidied up, "finished".
    """

    settings: Settings
    info: dict[str, Any]
    command: str
    data: str
    threads: int = dataclasses.field(default_factory=threads.get_num_threads)
    place: str = dataclasses.field(default_factory=os.getcwd)
    state: str = "running"

    def write(self, folder: Path) -> None:
        """Put it into the folder.

        Args:
            folder: of the run.

        Raises:
            DataError: it cannot be written.
        """
        said = {"format": _FORMAT, **dataclasses.asdict(self)}
        try:
            replace_text(folder / _JOURNAL, json.dumps(said, indent=1) + "\n")
        except OSError as error:
            raise DataError(
                f"{folder / _JOURNAL} cannot be written: {error.strerror or error}"
            ) from None

    @classmethod
    def read(cls, folder: Path) -> Journal:
        """Return what the folder of a run that was broken off says.

        Args:
            folder: of the run.

        Raises:
            OptionError: the run has finished, or there is none.
            DataError: the file is damaged.
        """
        path = folder / _JOURNAL
        if not path.is_file():
            if (folder / "model.json").is_file():
                raise _finished(folder)
            raise OptionError(
                f"{folder} is no run that was broken off, for there is no {_JOURNAL} in it; give "
                "the folder that chainrule train writes to"
            )
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise DataError(f"{path} has {path.stat().st_size:,} bytes, too many for a job")
            said = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError, OSError) as error:
            if isinstance(error, ChainruleError):
                raise
            raise DataError(f"{path} is damaged: {error}; train anew") from None
        whole = isinstance(said, dict) and said.get("format") == _FORMAT
        kinds = {"info": dict, "command": str, "data": str, "threads": int}
        kinds |= {"place": str, "state": str}
        if not whole or not all(type(said.get(name)) is kind for name, kind in kinds.items()):
            raise DataError(f"{path} does not describe a job of format {_FORMAT}; train anew")
        if not 1 <= said["threads"] <= _MOST_THREADS:
            raise DataError(f"{path} says threads = {said['threads']}, which cannot be; train anew")
        known = {name: said[name] for name in kinds}
        found = cls(settings_of(said.get("settings"), str(folder)), **known)
        if found.state == _FINISHED:  # and killed while it was tidied up
            found.finish(folder)
            raise _finished(folder)
        return found

    @property
    def source(self) -> str | None:
        """Where its data are, if that is a path that starts from elsewhere than here."""
        noted = self.info.get("source")
        if not isinstance(noted, str) or os.path.exists(noted):
            return None
        there = os.path.join(self.place, noted)
        return there if noted and os.path.exists(there) else None

    def finish(self, folder: Path) -> None:
        """Say that there is nothing left to resume.

        Args:
            folder: of the run.
        """
        self.state = _FINISHED  # first, should it be killed now
        self.write(folder)
        store.clear(checkpoints_of(folder))
        (folder / _JOURNAL).unlink(missing_ok=True)


def _finished(folder: Path) -> OptionError:
    return OptionError(
        f"{folder} has finished: there is nothing to resume; to train longer, train anew with "
        "more --epochs"
    )


def checkpoints_of(folder: Path) -> Path:
    """Where the checkpoints of a run are."""
    return folder / "checkpoints"


def fingerprint(examples: Examples) -> str:
    """Return what tells data from others: SHA-256 of shapes, names and numbers.

    Args:
        examples: loaded.
    """
    total = hashlib.sha256()
    part: Examples | None = examples
    while part is not None:
        total.update(repr((part.classes, part.columns)).encode())
        for array in (part.x, part.y):
            total.update(repr((array.shape, array.dtype.str)).encode())
            apart = max(1, -(-array.nbytes // _HASHED))
            total.update(np.ascontiguousarray(array[::apart]).data)
        part = part.test
    return total.hexdigest()


def usable(folder: Path, overwrite: bool) -> None:
    """Let a folder pass that a run can be written to.

    Args:
        folder: new, or empty.
        overwrite: or not.

    Raises:
        OptionError: it is a file, or there is something in it.
    """
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"--out {folder} is a file; give a folder")
    if folder.is_dir() and not overwrite and any(not _is_part(p) for p in folder.iterdir()):
        raise OptionError(
            f"--out {folder} is not empty; choose another, or pass --overwrite"
            + f"; a run that was broken off goes on by --resume {folder}"
            * (folder / _JOURNAL).exists()
        )


def _is_part(path: Path) -> bool:
    """Whether it was begun to be written when a run was killed."""
    return path.name.startswith(".") and path.suffix == ".part"


@contextmanager
def opened(folder: Path, overwrite: bool) -> Iterator[None]:
    """Make the folder; what fails inside before anything was saved leaves all as it was before.

    Args:
        folder: new, or empty.
        overwrite: replace what is in it.

    Raises:
        OptionError: it cannot be used.
    """
    usable(folder, overwrite)
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    figures = folder / FIGURES
    before = figures.read_bytes() if figures.exists() else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"--out {folder} cannot be made: {error.strerror or error}") from None
    with held(folder):
        store.clear(checkpoints_of(folder))
        try:
            yield
        except BaseException as error:
            if store.exist(checkpoints_of(folder)):
                error.add_note(f"what was saved goes on by: chainrule train --resume {folder}")
                raise
            _put_back(folder, new, before)
            raise


def _put_back(folder: Path, new: list[Path], figures: bytes | None) -> None:
    """Leave the folder, and those above, as they were."""
    (folder / _JOURNAL).unlink(missing_ok=True)
    store.clear(checkpoints_of(folder))
    if new:
        shutil.rmtree(folder, ignore_errors=True)
    elif figures is None:
        (folder / FIGURES).unlink(missing_ok=True)
    else:
        replace_bytes(folder / FIGURES, figures)
    with suppress(OSError):  # another run may be in them by now
        for place in new[1:]:
            place.rmdir()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes from training into the same folder; a process that dies lets go.

    Args:
        folder: it must exist.

    Raises:
        OptionError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows, where nobody is kept away
        yield
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OptionError(
                f"another process is training into {folder}; wait for its end, or stop it"
            ) from None
        except OSError:  # a file system that knows no locks
            pass
        yield
    finally:
        os.close(place)

"""A folder of checkpoints: written whole or not at all, checked when read (floor 4).

Each is a safetensors file with a checksum over all that is in it, written beside, brought to the
disk and renamed. An older one goes only when a newer one is there. Nothing in a file is trusted and
nothing of it is executed. This file knows arrays and plain values, nothing of training.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import DataError
from chainrule.io.nested import packed, unpacked
from chainrule.io.weights import parsed, read_bytes, write_weights
from chainrule.ops import Array

__all__ = ["Newest", "clear", "exist", "newest", "write"]

_FORMAT = 1
_NAME = re.compile(r"step-(\d{1,18})\.safetensors")


class Newest(NamedTuple):
    """The newest checkpoint that is whole.

    Attributes:
        state: what was kept; `None` if there is no such checkpoint.
        path: of the file; `None` likewise.
        damaged: a sentence for each newer one that is not whole.
    """

    state: Any
    path: Path | None
    damaged: tuple[str, ...]


def write(folder: Path, step: int, state: Any, keep: int) -> Path:
    """Write a checkpoint, and let go of those that are too many then.

    Args:
        folder: made if it is not there.
        step: its number.
        state: tensors, arrays and plain values in dictionaries, lists and tuples.
        keep: how many files to leave, the newest.

    Returns:
        The path of the file.

    Raises:
        DataError: it cannot be written, or there is something else in it; those before are left.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     for step in (10, 20, 30):
        ...         path = write(Path(place), step, {"step": step}, keep=2)
        ...     sorted(path.name for path in Path(place).iterdir()), newest(Path(place)).state
        (['step-000000020.safetensors', 'step-000000030.safetensors'], {'step': 30})
    """
    arrays, described = packed(state)
    text = json.dumps(
        {"format": _FORMAT, "sha256": _checksum(arrays, described), "state": described}
    )
    path = folder / f"step-{step:09d}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder} cannot be made: {error.strerror or error}") from None
    write_weights(path, arrays, text)
    _to_disk(folder)
    for old in _found(folder)[keep:]:
        old.unlink(missing_ok=True)
    return path


def newest(folder: Path, most_bytes: int | None = None) -> Newest:
    """Return the newest checkpoint that is whole, and what is wrong with those after it.

    Args:
        folder: it need not exist.
        most_bytes: how large a file may be that is read.
    """
    damaged: list[str] = []
    for path in _found(folder):
        try:
            return Newest(_read(path, most_bytes), path, tuple(damaged))
        except DataError as error:
            damaged.append(f"the checkpoint {path.name} is damaged and left out: {error}")
    return Newest(None, None, tuple(damaged))


def exist(folder: Path) -> bool:
    """Return whether there is any checkpoint.

    Args:
        folder: it need not exist.
    """
    return bool(_found(folder))


def clear(folder: Path, *, parts_only: bool = False) -> None:
    """Remove the checkpoints and what is left of those that were being written.

    Args:
        folder: it goes too where it is empty then; it need not exist.
        parts_only: remove only what was never finished.
    """
    for path in [] if parts_only else _found(folder):
        path.unlink(missing_ok=True)
    for part in folder.glob(".step-*.part"):
        part.unlink(missing_ok=True)
    if not parts_only:
        with suppress(OSError):
            folder.rmdir()


def _found(folder: Path) -> list[Path]:
    """The files, newest first."""
    names = [_NAME.fullmatch(path.name) for path in folder.glob("step-*.safetensors")]
    numbered = sorted(((int(m[1]), m[0]) for m in names if m), reverse=True)
    return [folder / name for _, name in numbered]


def _read(path: Path, most_bytes: int | None) -> Any:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror or error}") from None
    if most_bytes is not None and size > most_bytes:
        raise DataError(f"it has {size:,} bytes, more than such a run has any use for")
    arrays, text = parsed(read_bytes(path), "it")
    try:
        about = json.loads(text or "")
        found, given, described = (about[name] for name in ("format", "sha256", "state"))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DataError("it does not say what is in it") from None
    if found != _FORMAT or not isinstance(described, str):
        raise DataError(f"it is of another format than {_FORMAT}")
    if given != _checksum(arrays, described):
        raise DataError("its contents are not those that were written")
    return unpacked(arrays, described)


def _checksum(arrays: Mapping[str, Array], described: str) -> str:
    """SHA-256 of every name, format, shape and number, and of the structure."""
    total = hashlib.sha256(described.encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        total.update(repr((name, array.dtype.str, array.shape)).encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def _to_disk(folder: Path) -> None:
    """Bring the names in a folder to the disk, where that can be asked for."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place)
    finally:
        os.close(place)

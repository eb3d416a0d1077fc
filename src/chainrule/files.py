"""Writing a file whole or not at all (floor 0, the standard library only)."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["replace_bytes", "replace_text"]


def replace_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` beside `path`, then rename it there.

    A reader, or a crash half way, meets the old file or the new one and never a part of it.

    Args:
        path: the file to make or replace; its folder must exist.
        content: what is to stand in it.

    Raises:
        OSError: the folder is missing, or may not be written to, or the disk is full.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     replace_bytes(Path(folder, "note.txt"), b"done")
        ...     print([(file.name, file.read_text()) for file in Path(folder).iterdir()])
        [('note.txt', 'done')]
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def replace_text(path: str | os.PathLike[str], text: str) -> None:
    """`replace_bytes` for text, as UTF-8 with line feeds."""
    replace_bytes(path, text.encode("utf-8"))

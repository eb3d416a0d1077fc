"""Writing a text file whole or not at all (floor 0, the standard library only)."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["replace_text"]


def replace_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` beside `path` as UTF-8, then rename it there.

    A reader, or a crash half way, meets the old file or the new one and never a part of it.

    Args:
        path: the file to make or replace; its folder must exist.
        text: what is to stand in it.

    Raises:
        OSError: the folder is missing, or may not be written to.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     replace_text(Path(folder, "note.txt"), "done")
        ...     print([(file.name, file.read_text()) for file in Path(folder).iterdir()])
        [('note.txt', 'done')]
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)

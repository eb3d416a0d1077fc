"""Writing a file whole or not at all, and where to keep what can be made again (floor 0).

The standard library only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["cache_folder", "replace_bytes", "replace_text"]


def replace_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` beside `path`, then rename it there.

    A reader, or a crash half way, meets the old file or the new one and never a part of it.

    Args:
        path: the file to make or replace; its folder must exist.
        content: what is to stand in it.

    Raises:
        OSError: the folder is missing, or may not be written to, or the disk is full; it names
            `path`.

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
    except OSError as error:
        error.filename, error.filename2 = os.fspath(path), None  # what the person named
        raise
    finally:
        beside.unlink(missing_ok=True)


def replace_text(path: str | os.PathLike[str], text: str) -> None:
    """`replace_bytes` for text, as UTF-8 with line feeds."""
    replace_bytes(path, text.encode("utf-8"))


def cache_folder() -> Path:
    """Return the folder of this package in the user's cache; it need not exist.

    XDG_CACHE_HOME where it is set (and absolute, as its specification asks), else the local
    application data on Windows, else `~/.cache`.

    Examples:
        >>> cache_folder().name
        'chainrule'
    """
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(xdg):
        return Path(xdg, "chainrule")
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        if local:
            return Path(local, "chainrule")
    return Path(os.path.expanduser("~"), ".cache", "chainrule")

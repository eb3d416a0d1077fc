"""Text to learn from: names and Shakespeare, published and shipped (floor 3).

Two texts are read from a folder or downloaded: "names", 32,033 first names from the records of the
US Social Security Administration as A. Karpathy's makemore publishes them, and "shakespeare", a
million letters of the plays from his char-rnn. Two small ones are part of the package, for where
there is neither folder nor network. This file knows which files they are and what must be in them.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from chainrule.data.fetch import fetch
from chainrule.data.places import places
from chainrule.errors import DataError, OptionError, did_you_mean

__all__ = ["text"]


class _Published(NamedTuple):
    """A file as we keep it, the SHA-256 of its bytes, and its address."""

    file: str
    sha256: str
    address: str


PUBLISHED = MappingProxyType(
    {
        "names": _Published(
            "names.txt",
            "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
            "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
        ),
        "shakespeare": _Published(
            "tinyshakespeare.txt",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
            "input.txt",
        ),
    }
)
SHIPPED = MappingProxyType({"small-names": "small-names.txt", "sonnets": "sonnets.txt"})


def text(name: str, data_dir: Path | str | None = None) -> str:
    """Return a text by its name.

    "names" (32,033 first names, one a line) and "shakespeare" (1,115,394 letters of the plays) are
    looked for in `data_dir`, in its subfolder `text`, in the folder of the environment variable
    CHAINRULE_DATA, in its subfolder `text`, and in the user's cache; where none has the file, it is
    downloaded into the cache. "small-names" (some 470 first names, one a line) and "sonnets" (four
    of Shakespeare's) come with the package.

    Args:
        name: "names", "shakespeare", "small-names" or "sonnets".
        data_dir: a folder with `names.txt` or `tinyshakespeare.txt`.

    Returns:
        The whole text, its lines ending in a line feed.

    Raises:
        OptionError: no text has that name.
        DataError: the file is another than the published one, or there is none and no connection.
        MissingExtraError: there is none, and pooch, which downloads it, is not installed.

    Examples:
        >>> print(text("sonnets")[:42])
        Shall I compare thee to a summer's day?
        Th
        >>> text("small-names").split()[:3]
        ['ada', 'adam', 'adele']
    """
    if name in SHIPPED:
        return _decoded((resources.files("chainrule.data") / "assets" / SHIPPED[name]).read_bytes())
    if name not in PUBLISHED:
        known = [*PUBLISHED, *SHIPPED]
        raise OptionError(
            f"there is no text {name!r}; use one of {', '.join(known)}{did_you_mean(name, known)}"
        )
    return _published(name, places("text", data_dir))


def _published(name: str, folders: list[Path]) -> str:
    """Read the text from the first folder that has its file, the last one after a download."""
    file, sha256, address = PUBLISHED[name]
    found = next((path for path in (folder / file for folder in folders) if path.is_file()), None)
    if found is None:
        fetch(f"the text {name!r}", {file: sha256}, [address], folders)
        found = folders[-1] / file
    contents = found.read_bytes()
    has = hashlib.sha256(contents).hexdigest()
    if has != sha256:
        raise DataError(
            f"{found} is not the published file: its SHA-256 should be {sha256[:12]}..., is "
            f"{has[:12]}...; get the file again"
        )
    return _decoded(contents)


def _decoded(contents: bytes) -> str:
    # A copy of the package that git has given Windows line endings is still the same text.
    return contents.decode("utf-8").replace("\r\n", "\n")

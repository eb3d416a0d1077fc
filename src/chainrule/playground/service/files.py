"""The files of the pages, read once from beside the code; nothing else is ever read (floor 5)."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

__all__ = ["Static", "static_files"]

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PAGES = "plane", "digits", "descent"


class Static(NamedTuple):
    """One file.

    Attributes:
        kind: its MIME type.
        content: its bytes.
    """

    kind: str
    content: bytes


def static_files() -> dict[str, Static]:
    """Return every file by its path: `/plane` for a page, `/shared/api.js` for what it loads."""
    found = dict(_below(files("chainrule.playground") / "pages", ""))
    colours = files("chainrule.picture") / "assets" / "page.css"
    found["/page.css"] = Static(_KINDS[".css"], colours.read_bytes())
    for name in _PAGES:
        found[f"/{name}"] = found.pop(f"/{name}/index.html")
    return found


def _below(folder: Traversable, path: str) -> list[tuple[str, Static]]:
    found = []
    for one in sorted(folder.iterdir(), key=lambda entry: entry.name):
        suffix = "." + one.name.rpartition(".")[2]
        if one.is_dir():
            found += _below(one, f"{path}/{one.name}")
        elif suffix in _KINDS:
            found.append((f"{path}/{one.name}", Static(_KINDS[suffix], one.read_bytes())))
    return found

"""Every module of the library, by its dotted name: the file it is in."""

from __future__ import annotations

from pathlib import Path

import chainrule

ROOT = Path(chainrule.__file__).parent


def name_of(path: Path) -> str:
    """The dotted name of the module in a file."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# An installed package has the lessons in it, which are programs and no modules.
MODULES = {
    name_of(path): path
    for path in sorted(ROOT.rglob("*.py"))
    if path.parent != ROOT / "learn" / "lessons"
}

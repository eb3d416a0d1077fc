"""Names of a package that are imported when they are first used (floor 0).

So a package offers many things, and importing it costs next to nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from chainrule.errors import did_you_mean

__all__ = ["later"]


def later(
    package: str, files: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package that imports names when first used.

    Args:
        package: its `__name__`.
        files: for each name the file in the package that has it, as "plots.images".

    Examples:
        >>> find, names = later("chainrule.draw", {"images": "plots.images"})
        >>> find("images").__name__, "images" in names()
        ('images', True)
    """

    def find(name: str) -> Any:
        if name not in files:
            raise AttributeError(f"{package} has no {name!r}" + did_you_mean(name, files))
        found = getattr(importlib.import_module(f"{package}.{files[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *files})

    return find, names

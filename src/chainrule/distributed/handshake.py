"""Whether all ranks run the same code, asked before the work begins (floor 4)."""

from __future__ import annotations

import functools
import hashlib
import platform
from pathlib import Path

import numpy as np

from chainrule.backend.ranks.agreement import agree

__all__ = ["agree", "agree_on_code", "source_hash"]


def agree_on_code() -> None:
    """Do nothing, if every rank runs the same code.

    Raises:
        EverywhereError: on every rank, where one runs another; an `OptionError`.
    """
    agree(
        "code",
        {
            "chainrule's source": source_hash(),
            "Python": platform.python_version(),
            "NumPy": np.__version__,
        },
        "install the same versions everywhere",
    )


@functools.cache
def source_hash() -> str:
    """Return the first digits of a hash of all of this package's Python files."""
    folder, total = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:12]

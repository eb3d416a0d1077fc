"""What has been measured of this machine: found once, then read from the user's cache (floor 2).

A figure that takes a fraction of a second to measure is kept in a small file whose name is a digest
of what it depends on: the processor, how many threads may be used, and the versions. Whoever wants
another figure of this machine keeps it here too, so that there is one set of them.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from chainrule import __version__
from chainrule.backend.threads import get_num_threads
from chainrule.files import cache_folder, replace_text

__all__ = ["forget", "is_kept", "measured", "processor"]

T = TypeVar("T")


def measured(name: str, measure: Callable[[], Any], read: Callable[[Any], T]) -> T:
    """Return what has been measured of this machine under a name, or measure it now and keep it.

    Args:
        name: of the figure.
        measure: finds it, as numbers, texts, lists and dictionaries.
        read: makes of these what is wanted, and raises a `KeyError`, `TypeError` or `ValueError` if
            they are not what `measure` finds: then a file is as good as none.

    Examples:
        >>> import os, tempfile
        >>> from unittest.mock import patch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with patch.dict(os.environ, XDG_CACHE_HOME=folder):
        ...         first = measured("speed", lambda: 12.5, float)
        ...         second = measured("speed", lambda: 99.0, float)
        >>> first, second
        (12.5, 12.5)
    """
    file = cache_folder() / "machine" / f"{name}-{_digest()}.json"
    with suppress(OSError, KeyError, TypeError, ValueError):
        return read(json.loads(file.read_text(encoding="utf-8")))
    found = measure()
    _keep(file, found)
    return read(found)


def is_kept(name: str) -> bool:
    """Whether something has been measured of this machine whose name begins so."""
    with suppress(OSError):
        return any((cache_folder() / "machine").glob(f"{name}*-{_digest()}.json"))
    return False


def forget() -> None:
    """Throw away what has been measured of this machine, so that it is measured anew."""
    with suppress(OSError):
        for file in (cache_folder() / "machine").glob(f"*-{_digest()}.json"):
            file.unlink()


def _keep(file: Path, found: Any) -> None:
    # Where nothing can be kept, it is measured again next time.
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_text(file, json.dumps(found))


def _digest() -> str:
    about = [processor(), get_num_threads(), __version__, np.__version__, sys.version]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]


@cache
def processor() -> str:
    """Return the name of the processor, as the system tells it."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if named:
            return named[0]
    return platform.processor() or platform.machine()

"""How much memory this process has held, as the operating system counts it (floor 4)."""

from __future__ import annotations

import sys

__all__ = ["peak_memory"]


def peak_memory() -> int:
    """Return the most bytes that this process has held; 0 where the system does not say.

    Python and the libraries count, and what is at hand of files that are read as arrays.

    Examples:
        >>> peak_memory() >= 0
        True
    """
    try:
        import resource
    except ImportError:  # on Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

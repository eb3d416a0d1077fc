"""The accelerator at hand, whichever it is: a GPU, or none (floor 3).

Examples:
    >>> from chainrule import accelerator
    >>> accelerator.is_available() == (accelerator.current_accelerator() is not None)
    True
"""

from __future__ import annotations

from chainrule import cuda
from chainrule.absent import missing
from chainrule.backend.devices import device
from chainrule.cuda import current_device as current_device_index
from chainrule.cuda import device_count, empty_cache, is_available, synchronize
from chainrule.cuda import set_device as set_device_index

__all__ = [
    "current_accelerator",
    "current_device_index",
    "device_count",
    "empty_cache",
    "is_available",
    "set_device_index",
    "synchronize",
]


def current_accelerator(check_available: bool = False) -> device | None:
    """Return the kind of the accelerator at hand, "cuda", or `None` where there is none."""
    return device("cuda") if cuda.is_available() else None


__getattr__ = missing("accelerator", "see chainrule.cuda for what there is")

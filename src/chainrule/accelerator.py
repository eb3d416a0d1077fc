"""What programs ask of an accelerator of any kind before they use it, all answered no (floor 3).

Examples:
    >>> from chainrule import accelerator
    >>> accelerator.is_available(), accelerator.current_accelerator()
    (False, None)
"""

from chainrule.absent import device_count, empty_cache, is_available, missing

__all__ = ["current_accelerator", "device_count", "empty_cache", "is_available"]


def current_accelerator(check_available: bool = False) -> None:
    """Return the accelerator at hand: there is none."""


__getattr__ = missing("accelerator", "everything runs on the processor, so leave it out")

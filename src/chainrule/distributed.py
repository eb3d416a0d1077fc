"""Many processes, as programs ask for them before they use them: there is one (floor 2).

Examples:
    >>> from chainrule import distributed
    >>> distributed.is_available(), distributed.is_initialized()
    (False, False)
"""

from chainrule.absent import is_available, is_initialized, missing

__all__ = ["is_available", "is_initialized"]

__getattr__ = missing("distributed", "a program runs in one process here, so leave it out")

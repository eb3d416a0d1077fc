"""Many processes, as programs ask for them before they use them: there is one (floor 4).

Examples:
    >>> from chainrule import distributed
    >>> distributed.is_available(), distributed.is_initialized()
    (False, False)
"""

from chainrule.absent import is_available, is_initialized, missing, refuse

__all__ = [
    "all_gather",
    "all_reduce",
    "barrier",
    "broadcast",
    "destroy_process_group",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_initialized",
]

_instead = "a program runs in one process here, so leave it out"
__getattr__ = missing("distributed", _instead)

# What programs import by name, whether or not they come to use it.
init_process_group = refuse("distributed.init_process_group", _instead)
destroy_process_group = refuse("distributed.destroy_process_group", _instead)
get_rank = refuse("distributed.get_rank", _instead)
get_world_size = refuse("distributed.get_world_size", _instead)
barrier = refuse("distributed.barrier", _instead)
broadcast = refuse("distributed.broadcast", _instead)
all_reduce = refuse("distributed.all_reduce", _instead)
all_gather = refuse("distributed.all_gather", _instead)

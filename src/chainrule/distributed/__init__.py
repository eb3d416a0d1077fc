"""Many processes on one machine or several, by MPI, with PyTorch's names (floor 4).

Start a program with `mpiexec -n 4 python train.py`; in it, `init()` joins the processes, and
`DistributedDataParallel(model)` averages their gradients. Without a launcher there is one process,
of rank 0, and everything does what it does for one.

Examples:
    >>> from chainrule import distributed
    >>> distributed.rank(), distributed.world_size()
    (0, 1)
"""

from chainrule.absent import missing
from chainrule.data.sampler import DistributedSampler
from chainrule.distributed.exchange import (
    ReduceOp,
    Work,
    all_gather,
    all_gather_object,
    all_reduce,
    barrier,
    broadcast,
    broadcast_object_list,
)
from chainrule.distributed.group import (
    destroy_process_group,
    get_backend,
    get_rank,
    get_world_size,
    init,
    init_process_group,
    is_available,
    is_initialized,
    is_mpi_available,
    rank,
    world_size,
)
from chainrule.nn.parallel import DistributedDataParallel

__all__ = [
    "DistributedDataParallel",
    "DistributedSampler",
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_object",
    "all_reduce",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "get_backend",
    "get_rank",
    "get_world_size",
    "init",
    "init_process_group",
    "is_available",
    "is_initialized",
    "is_mpi_available",
    "rank",
    "world_size",
]

__getattr__ = missing("distributed", "its page in the documentation says what there is")

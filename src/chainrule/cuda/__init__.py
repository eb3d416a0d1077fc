"""What programs ask of CUDA before they use it, all answered no (floor 3).

Examples:
    >>> from chainrule import cuda
    >>> "cuda" if cuda.is_available() else "cpu"
    'cpu'
"""

from chainrule.absent import (
    device_count,
    empty_cache,
    is_available,
    is_bf16_supported,
    is_initialized,
    manual_seed,
    manual_seed_all,
    max_memory_allocated,
    memory_allocated,
    memory_reserved,
    missing,
    reset_peak_memory_stats,
)
from chainrule.cuda import amp

__all__ = [
    "amp",
    "device_count",
    "empty_cache",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
]

__getattr__ = missing("cuda", "everything runs on the processor, so leave it out")

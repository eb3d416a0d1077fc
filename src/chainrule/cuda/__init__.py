"""GPUs of NVIDIA's, by CuPy: what is there, which is used, queues, memory and seeds (floor 3).

Where there is none the questions are answered no, and what needs one says what is missing.

Examples:
    >>> from chainrule import cuda
    >>> device = "cuda" if cuda.is_available() else "cpu"
"""

from chainrule.absent import is_bf16_supported, missing
from chainrule.cuda import amp
from chainrule.cuda.hardware import (
    current_device,
    device,
    device_count,
    get_device_capability,
    get_device_name,
    get_device_properties,
    is_available,
    is_initialized,
    set_device,
    synchronize,
)
from chainrule.cuda.memory import (
    empty_cache,
    max_memory_allocated,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_reserved,
    reset_peak_memory_stats,
)
from chainrule.cuda.seeds import (
    get_rng_state,
    initial_seed,
    manual_seed,
    manual_seed_all,
    set_rng_state,
)
from chainrule.cuda.streams import Event, Stream, current_stream, default_stream, stream

__all__ = [
    "Event",
    "Stream",
    "amp",
    "current_device",
    "current_stream",
    "default_stream",
    "device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "initial_seed",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device",
    "set_rng_state",
    "stream",
    "synchronize",
]

__getattr__ = missing("cuda", "see docs/gpu for what there is")

"""Which GPUs there are, and which one "cuda" means (floor 3)."""

from __future__ import annotations

from typing import Any, NamedTuple

from chainrule.backend import devices
from chainrule.backend.arrays import gpu

__all__ = [
    "current_device",
    "device",
    "device_count",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "index_of",
    "is_available",
    "is_initialized",
    "set_device",
    "synchronize",
]


class Properties(NamedTuple):
    """What a GPU is.

    Attributes:
        name: the maker's.
        major: of its generation: the number before the point of its compute capability,
        minor: and the one behind.
        total_memory: bytes.
        multi_processor_count: how many multiprocessors it has.
    """

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int


def is_available() -> bool:
    """Whether there is a GPU that this process can use.

    The first question imports CuPy, where it is installed.
    """
    return devices.gpus() > 0


def is_initialized() -> bool:
    """Whether a GPU can be used; it is made ready by the first question for one."""
    return is_available()


def device_count() -> int:
    """How many GPUs this process can use."""
    return devices.gpus()


def index_of(device: Any) -> int:
    """Return the number of the GPU that is meant; of the current one for `None`.

    Raises:
        OptionError: it is not there, or no GPU.
    """
    wanted = "cuda" if device is None else device
    if isinstance(wanted, str) and wanted.isdigit():
        wanted = int(wanted)
    found = devices.available(wanted)
    return devices.current() if found.index is None else found.index


def current_device() -> int:
    """Return the number of the GPU that "cuda" means in this thread.

    Raises:
        OptionError: there is no GPU.
    """
    return index_of(None)


def set_device(device: Any) -> None:
    """Let "cuda" mean this GPU from now on, in this thread.

    Operations run on it: with several GPUs, choose the one that the tensors are on, once for a
    process of its own, or in `with device(n):`.

    Args:
        device: its number or name.

    Raises:
        OptionError: it is not there.
    """
    devices.use(index_of(device))


class device:  # noqa: N801  # PyTorch's name
    """Within the block, "cuda" means this GPU; where new tensors are made stays as it is.

    Args:
        device: its number or name; `None` changes nothing.

    Raises:
        OptionError: on entering, if it is not there.
    """

    def __init__(self, device: Any) -> None:
        self.idx = device
        self._before: int | None = None

    def __enter__(self) -> None:
        if self.idx is not None:
            self._before = current_device()
            set_device(self.idx)

    def __exit__(self, *_: object) -> None:
        """Go back to the one before."""
        if self._before is not None:
            devices.use(self._before)


def get_device_properties(device: Any = None) -> Properties:
    """Return name, generation, memory and size of a GPU.

    Raises:
        OptionError: it is not there.
    """
    found = gpu_properties(index_of(device))
    name = found["name"]
    return Properties(
        name.decode() if isinstance(name, bytes) else str(name),
        int(found["major"]),
        int(found["minor"]),
        int(found["totalGlobalMem"]),
        int(found["multiProcessorCount"]),
    )


def gpu_properties(index: int) -> Any:
    """What the driver says of a GPU."""
    return gpu().cuda.runtime.getDeviceProperties(index)


def get_device_name(device: Any = None) -> str:
    """Return the maker's name of a GPU.

    Raises:
        OptionError: it is not there.
    """
    return get_device_properties(device).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Return the generation of a GPU: (9, 0) is compute capability 9.0.

    Raises:
        OptionError: it is not there.
    """
    found = get_device_properties(device)
    return found.major, found.minor


def synchronize(device: Any = None) -> None:
    """Wait until a GPU has done all that it was given.

    Raises:
        OptionError: it is not there.
    """
    index = index_of(device)
    gpu().cuda.Device(index).synchronize()

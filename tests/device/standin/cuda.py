"""`cupy.cuda` of the stand-in: devices, streams, events, graphs, memory and its pools."""

from __future__ import annotations

import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from device.emulator import launch
from device.standin.launches import MACHINE, DeviceError, synchronize

__all__ = ["MemoryPointer", "address_of", "namespace"]


class Device:
    """A GPU by its number; as a context, the one that is used inside."""

    def __init__(self, device: Any = None) -> None:
        self.id = MACHINE.current if device is None else int(device)
        if not 0 <= self.id < MACHINE.count:
            raise DeviceError("cudaErrorInvalidDevice: invalid device ordinal")
        self._before: list[int] = []

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self) -> int:
        return hash(("device", self.id))

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def __enter__(self) -> Device:
        self._before.append(MACHINE.current)
        self.use()
        return self

    def __exit__(self, *_: object) -> None:
        MACHINE.current = self._before.pop()

    def use(self) -> None:
        MACHINE.current = self.id

    def synchronize(self) -> None:
        synchronize("Device.synchronize")

    @property
    def compute_capability(self) -> str:
        return "90"

    @property
    def mem_info(self) -> tuple[int, int]:
        return TOTAL - MACHINE.used[self.id], TOTAL

    @property
    def attributes(self) -> dict[str, int]:
        return {
            "MultiProcessorCount": 132,
            "MaxThreadsPerBlock": 1024,
            "MaxSharedMemoryPerBlockOptin": launch.MOST_SHARED,
            "WarpSize": 32,
        }

    @property
    def pci_bus_id(self) -> str:
        return f"0000:{self.id:02x}:00.0"


TOTAL = 80 << 30


class Graph:
    """What a stream was given while it was captured."""

    def __init__(self, noted: list[Callable[[], None]]) -> None:
        self._noted = noted

    def launch(self, stream: Stream | None = None) -> None:
        with np.errstate(all="ignore"):
            for work in self._noted:
                work()

    def upload(self, stream: Stream | None = None) -> None:
        """Make the graph ready on the device, which here it is."""


class Stream:
    """A queue of work; here all of it is done before the call returns."""

    null: Stream
    ptds: Stream

    def __init__(
        self,
        null: bool = False,
        non_blocking: bool = False,
        ptds: bool = False,
        priority: int | None = None,
    ) -> None:
        self.is_non_blocking = non_blocking
        self.priority = priority or 0
        self.noted: list[Callable[[], None]] | None = None
        self.ptr = 0 if null else id(self)
        self.device_id = MACHINE.current
        self._before: list[Any] = []

    @property
    def done(self) -> bool:
        return True

    def __enter__(self) -> Stream:
        self._before.append(MACHINE.stream())
        return self.use()

    def __exit__(self, *_: object) -> None:
        MACHINE.streams[MACHINE.current] = self._before.pop()

    def use(self) -> Stream:
        MACHINE.streams[MACHINE.current] = self
        return self

    def synchronize(self) -> None:
        if self.noted is not None:
            raise DeviceError("cudaErrorStreamCaptureUnsupported: the stream is being captured")

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let later work wait for `event`, which has come already."""

    def launch_host_func(self, callback: Callable[[Any], None], arg: Any) -> None:
        callback(arg)

    def add_callback(self, callback: Callable[[Any, int, Any], None], arg: Any) -> None:
        callback(self, 0, arg)

    def begin_capture(self, mode: int | None = None) -> None:
        if self.ptr == 0:
            raise DeviceError("cudaErrorStreamCaptureUnsupported: the null stream")
        if self.noted is not None:
            raise DeviceError("cudaErrorIllegalState: the stream is being captured already")
        self.noted = []

    def is_capturing(self) -> bool:
        return self.noted is not None

    def end_capture(self) -> Graph:
        if self.noted is None:
            raise DeviceError("cudaErrorIllegalState: the stream is not being captured")
        graph, self.noted = Graph(self.noted), None
        return graph


Stream.null = Stream(null=True)
Stream.ptds = Stream(ptds=True)


class Event:
    """A moment in a stream."""

    def __init__(
        self, block: bool = False, disable_timing: bool = False, interprocess: bool = False
    ) -> None:
        self.time: float | None = None
        self.timed = not disable_timing

    @property
    def done(self) -> bool:
        return True

    def record(self, stream: Stream | None = None) -> None:
        self.time = time.perf_counter()

    def synchronize(self) -> None:
        synchronize("Event.synchronize")


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    if start_event.time is None or end_event.time is None:
        raise DeviceError("cudaErrorInvalidResourceHandle: an event was not recorded")
    if not (start_event.timed and end_event.timed):
        raise DeviceError("cudaErrorInvalidResourceHandle: an event without timing")
    return (end_event.time - start_event.time) * 1e3


def get_current_stream(device_id: int = -1) -> Stream:
    return MACHINE.stream() or Stream.null


def address_of(memory: np.ndarray) -> int:
    """Where memory begins."""
    return memory.__array_interface__["data"][0]


class Memory:
    """Bytes on the device."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.bytes = np.empty(size, np.uint8)
        self.ptr = address_of(self.bytes)
        self.device_id = MACHINE.current


class MemoryPointer:
    """A place in memory."""

    def __init__(self, mem: Any, offset: int) -> None:
        self.mem = mem
        self.offset = offset
        self.ptr = mem.ptr + offset
        self.device_id = mem.device_id

    @property
    def device(self) -> Device:
        return Device(self.device_id)

    def __int__(self) -> int:
        return self.ptr

    def __add__(self, offset: int) -> MemoryPointer:
        return MemoryPointer(self.mem, self.offset + offset)


def alloc(size: int) -> MemoryPointer:
    return MemoryPointer(Memory(int(size)), 0)


class MemoryPool:
    """Counts of what arrays hold; the memory itself is NumPy's."""

    def used_bytes(self) -> int:
        return MACHINE.used[MACHINE.current]

    def total_bytes(self) -> int:
        return MACHINE.peak[MACHINE.current]

    def free_bytes(self) -> int:
        return self.total_bytes() - self.used_bytes()

    def n_free_blocks(self) -> int:
        return int(self.free_bytes() > 0)

    def free_all_blocks(self, stream: Stream | None = None) -> None:
        MACHINE.peak[MACHINE.current] = MACHINE.used[MACHINE.current]

    def get_limit(self) -> int:
        return 0

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        """Accept a limit, which is not held."""

    def malloc(self, size: int) -> MemoryPointer:
        return alloc(size)


@contextmanager
def using_allocator(allocator: Callable[[int], Any] | None = None) -> Iterator[None]:
    """Take memory from `allocator` inside: here all of it is NumPy's."""
    yield


class PinnedMemory(bytearray):
    """What `alloc_pinned_memory` gives here: the interpreter's own buffer, with CuPy's `size`."""

    def size(self) -> int:
        return len(self)


def alloc_pinned_memory(size: int) -> PinnedMemory:
    return PinnedMemory(int(size))


class PinnedMemoryPool:
    """The pool of buffers that do not move."""

    def malloc(self, size: int) -> PinnedMemory:
        return alloc_pinned_memory(size)

    def free_all_blocks(self) -> None:
        """Give back what is not used, which is nothing."""

    def n_free_blocks(self) -> int:
        return 0


def _runtime() -> types.SimpleNamespace:
    properties = {
        "name": b"a stand-in for a GPU",
        "totalGlobalMem": TOTAL,
        "major": 9,
        "minor": 0,
        "multiProcessorCount": 132,
        "maxThreadsPerBlock": 1024,
        "sharedMemPerBlock": 48 << 10,
        "sharedMemPerBlockOptin": launch.MOST_SHARED,
        "warpSize": 32,
    }
    return types.SimpleNamespace(
        CUDARuntimeError=DeviceError,
        getDeviceCount=lambda: MACHINE.count,
        getDevice=lambda: MACHINE.current,
        getDeviceProperties=lambda device: dict(properties),
        deviceSynchronize=lambda: synchronize("deviceSynchronize"),
        driverGetVersion=lambda: 13000,
        runtimeGetVersion=lambda: 12090,
        memGetInfo=lambda: Device().mem_info,
        streamCaptureModeGlobal=0,
        streamCaptureModeThreadLocal=1,
        streamCaptureModeRelaxed=2,
    )


def namespace() -> types.ModuleType:
    """`cupy.cuda`."""
    module = types.ModuleType("cupy.cuda")
    for thing in (
        Device,
        Event,
        Graph,
        MemoryPointer,
        MemoryPool,
        PinnedMemoryPool,
        Stream,
        alloc,
        alloc_pinned_memory,
        get_current_stream,
        get_elapsed_time,
        using_allocator,
    ):
        setattr(module, thing.__name__, thing)
    module.get_device_id = lambda: MACHINE.current
    module.is_available = lambda: MACHINE.count > 0
    module.runtime = _runtime()
    return module

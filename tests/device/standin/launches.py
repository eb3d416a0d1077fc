"""What reaches the device of the stand-in: work that is done at once, or noted in a graph.

All that computes goes through `made` (work that gives new arrays) or `changed` (work that changes
memory). While the current stream is captured, the work is noted and not done, as on a GPU: what
`made` gives then has a shape and no numbers, NaN or the like, until the graph is launched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class DeviceError(RuntimeError):
    """What the driver refuses; CuPy's `CUDARuntimeError`."""


class Machine:
    """The state of the machine: its devices, the current one, the current streams.

    Attributes:
        count: how many devices there are.
        current: the number of the one that is used now.
        streams: the stream that is used now, by device.
        used: bytes held by arrays on each device.
        peak: the most that they have been.
        copies: how often memory went from the devices to the host: each waits for all work.
    """

    def __init__(self, count: int = 2) -> None:
        self.count = count
        self.current = 0
        self.streams: dict[int, Any] = {}
        self.used = [0] * count
        self.peak = [0] * count
        self.copies = 0

    def stream(self) -> Any:
        """The stream that work goes to now."""
        return self.streams.get(self.current)

    def noting(self) -> list[Callable[[], None]] | None:
        """Where work is noted while a stream is captured; `None` while none is."""
        stream = self.stream()
        return stream.noted if stream is not None else None


MACHINE = Machine()


def nonsense(y: np.ndarray) -> None:
    """Fill memory with what cannot be mistaken for a result."""
    if y.flags.writeable:
        y.fill(np.nan if y.dtype.kind in "fc" else y.dtype.type(1))


def made(work: Callable[[], Any]) -> Any:
    """The new array, or tuple of them, that `work` gives: now, or when the graph is launched."""
    with np.errstate(all="ignore"):
        y = work()
    noted = MACHINE.noting()
    if noted is None:
        return y
    ys = y if isinstance(y, tuple) else (y,)
    kept = tuple(np.array(one, copy=True, order="K", ndmin=np.ndim(one)) for one in ys)

    def again() -> None:
        new = work()
        for place, one in zip(kept, new if isinstance(new, tuple) else (new,)):
            np.copyto(place, one)

    for one in kept:
        nonsense(one)
    noted.append(again)
    return kept if isinstance(y, tuple) else kept[0]


def changed(work: Callable[[], Any]) -> None:
    """Do `work`, which changes memory and gives nothing: now, or when the graph is launched."""
    noted = MACHINE.noting()
    if noted is not None:
        noted.append(work)
        return
    with np.errstate(all="ignore"):
        work()


def synchronize(what: str) -> None:
    """Wait for all work, for `what`: impossible while a stream is captured."""
    if MACHINE.noting() is not None:
        raise DeviceError(
            f"cudaErrorStreamCaptureUnsupported: {what} waits for the device, which is not "
            "permitted while a stream is captured"
        )

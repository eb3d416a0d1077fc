"""Queues of work on a GPU, and moments in them (floor 3).

What is given to one queue is done in order; two queues may run at the same time. They are CuPy's,
under PyTorch's names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chainrule.backend.arrays import gpu
from chainrule.cuda.hardware import index_of

__all__ = ["Event", "Stream", "current_stream", "default_stream", "stream"]


class Stream:
    """A queue of work.

    Args:
        device: the GPU; the current one if `None`.
        priority: negative for one that goes before others.
        inside: CuPy's stream, to stand for that one instead of making a new one.

    Raises:
        OptionError: the GPU is not there.
    """

    def __init__(self, device: Any = None, priority: int = 0, inside: Any = None) -> None:
        index = index_of(device)
        if inside is None:
            with gpu().cuda.Device(index):
                inside = gpu().cuda.Stream(non_blocking=True, priority=priority)
        self.inside = inside

    @property
    def cuda_stream(self) -> int:
        """The address of the driver's stream."""
        return int(self.inside.ptr)

    def query(self) -> bool:
        """Whether all that it was given is done."""
        return bool(self.inside.done)

    def synchronize(self) -> None:
        """Wait until all that it was given is done."""
        self.inside.synchronize()

    def record_event(self, event: Event | None = None) -> Event:
        """Return a moment that comes when all that was given so far is done."""
        found = event or Event()
        found.record(self)
        return found

    def wait_event(self, event: Event) -> None:
        """Let what is given from now on wait for a moment in another queue."""
        self.inside.wait_event(event.inside)

    def wait_stream(self, stream: Stream) -> None:
        """Let what is given from now on wait for all that `stream` was given so far."""
        self.wait_event(stream.record_event())

    def __enter__(self) -> Stream:
        self.inside.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Go back to the queue that was used before."""
        self.inside.__exit__(*error)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.cuda_stream == self.cuda_stream

    def __hash__(self) -> int:
        return hash(self.cuda_stream)


class Event:
    """A moment in a queue of work.

    Args:
        enable_timing: whether `elapsed_time` will be asked.
        blocking: whether who waits sleeps meanwhile.
        interprocess: whether other processes may wait for it.

    Raises:
        OptionError: there is no GPU.
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        index_of(None)
        self.inside = gpu().cuda.Event(blocking, not enable_timing, interprocess)

    def record(self, stream: Stream | None = None) -> None:
        """Let it come when all that a queue, the current one if `None`, was given is done."""
        self.inside.record((stream or current_stream()).inside)

    def query(self) -> bool:
        """Whether it has come."""
        return bool(self.inside.done)

    def synchronize(self) -> None:
        """Wait until it comes."""
        self.inside.synchronize()

    def wait(self, stream: Stream | None = None) -> None:
        """Let what a queue, the current one if `None`, is given from now on wait for it."""
        (stream or current_stream()).wait_event(self)

    def elapsed_time(self, end_event: Event) -> float:
        """Return the milliseconds from this moment to another; both have come, and are timed."""
        return float(gpu().cuda.get_elapsed_time(self.inside, end_event.inside))


def current_stream(device: Any = None) -> Stream:
    """Return the queue that this thread's work is given to.

    Raises:
        OptionError: there is no GPU.
    """
    index = index_of(device)
    return Stream(index, inside=gpu().cuda.get_current_stream(index))


def default_stream(device: Any = None) -> Stream:
    """Return the queue that is used unless another is chosen.

    Raises:
        OptionError: there is no GPU.
    """
    index = index_of(device)
    return Stream(index, inside=gpu().cuda.Stream.null)


@contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """Give the work of the block to this queue; to the same as before for `None`."""
    if stream is None:
        yield
        return
    with stream:
        yield

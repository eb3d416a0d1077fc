"""Batches brought to a GPU, the next one while this one is worked on (floor 3).

A batch goes into pinned memory and from there, in a queue of its own, to the GPU; whoever works on
it waits in the GPU's queue and not in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from chainrule.autograd import Tensor
from chainrule.autograd.tape import wrap
from chainrule.backend.arrays import gpu, is_gpu
from chainrule.backend.devices import CPU, available, device, working_on
from chainrule.backend.pinned import pinned
from chainrule.ops import Array

__all__ = ["on_device", "pinned_batch"]


def on_device(batches: Iterable[Any], device: Any, ahead: bool = True) -> Iterator[Any]:
    """Yield batches with every tensor in them on a device.

    Args:
        batches: tensors, also within tuples, lists and dictionaries.
        device: where to.
        ahead: take a batch, and begin to copy it, before the one in front of it is given.

    Raises:
        OptionError: the device is not available.

    Examples:
        >>> from chainrule.autograd import ones
        >>> list(on_device([ones(2)], "cpu"))
        [tensor([1., 1.])]
    """
    where = available(device)
    if where is CPU:
        yield from batches
        return
    queue = _Queue(where)
    waiting: _Coming | None = None
    for batch in batches:
        coming = queue.started(batch)
        if waiting is not None:
            yield queue.arrived(waiting)
        if ahead:
            waiting = coming
        else:
            yield queue.arrived(coming)
    if waiting is not None:
        yield queue.arrived(waiting)


def pinned_batch(batch: Any) -> Any:
    """Return a batch with every tensor in it in pinned memory, where there is a GPU."""
    return _mapped(batch, lambda t: t if t.is_cuda else t.pin_memory())


class _Coming(NamedTuple):
    """A batch on its way.

    Attributes:
        batch: on the GPU.
        event: when it is whole.
        kept: the memory that it is copied from.
    """

    batch: Any
    event: Any
    kept: list[Array]


class _Queue:
    """Copies batches to a GPU, beside the work that it is given."""

    def __init__(self, where: device) -> None:
        self._where = where
        with working_on(where):
            self._stream = gpu().cuda.Stream(non_blocking=True)
        self._last: _Coming | None = None

    def started(self, batch: Any) -> _Coming:
        """Begin to copy a batch."""
        if self._last is not None:  # whose memory on this side may be taken again from here on
            self._last.event.synchronize()
        kept: list[Array] = []
        # Memory of batches that have gone may be taken for this one: not before they are done with.
        with working_on(self._where):
            self._stream.wait_event(gpu().cuda.get_current_stream().record())
            with self._stream:
                copy = _mapped(
                    batch, lambda t: t if t.is_cuda else wrap(self._copied(t.array, kept))
                )
                event = self._stream.record()
        self._last = _Coming(copy, event, kept)
        return self._last

    def _copied(self, array: Array, kept: list[Array]) -> Any:
        source = pinned(array)
        if not source.flags.c_contiguous:
            source = source.copy()
        kept.append(source)
        copy = gpu().empty(source.shape, source.dtype)
        copy.set(source, stream=self._stream)
        return copy

    def arrived(self, coming: _Coming) -> Any:
        """Return a batch to work on: what the GPU is given from now on waits for it."""
        gpu().cuda.get_current_stream(self._where.index).wait_event(coming.event)
        return coming.batch


def _mapped(batch: Any, moved: Callable[[Tensor], Tensor]) -> Any:
    """A batch with each tensor in it replaced."""
    if isinstance(batch, Tensor):
        return moved(batch)
    if is_gpu(batch):
        return wrap(batch)
    if isinstance(batch, Mapping):
        return {key: _mapped(value, moved) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        parts = [_mapped(part, moved) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch

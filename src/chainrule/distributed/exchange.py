"""Tensors and plain values from rank to rank, with PyTorch's names (floor 4).

Where PyTorch changes a tensor in place, so do these. Plain values travel as JSON. `all_reduce` and
`broadcast` are operations, so that a recorded step has them in its program; the rest, and what goes
on in the background, is refused where a step is recorded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.autograd import Tensor
from chainrule.autograd.tape import mark_changed
from chainrule.backend.ranks import Operation, Pending, world
from chainrule.errors import OptionError, ShapeError, kind_of
from chainrule.ops import Array
from chainrule.ops.core import LISTENERS, tell
from chainrule.ops.exchange import exchange_reduce, from_rank

__all__ = [
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_object",
    "all_reduce",
    "barrier",
    "broadcast",
    "broadcast_object_list",
]


class ReduceOp:
    """How the numbers of all ranks become one; PyTorch's names."""

    SUM = "sum"
    PRODUCT = "product"
    MIN = "min"
    MAX = "max"
    AVG = "mean"


_OPERATIONS: dict[str, Operation] = {
    "sum": "sum",
    "product": "product",
    "min": "min",
    "max": "max",
    "mean": "sum",
}


class Work:
    """An exchange that goes on while the program does; `wait()` before its tensor is used."""

    def __init__(self, pending: Pending, array: Array, divide_by: int) -> None:
        self._pending, self._array, self._divisor = pending, array, divide_by

    def is_completed(self) -> bool:
        """Whether it is over."""
        return self._pending.done()

    def wait(self) -> None:
        """Return when it is over.

        Raises:
            RankLostError: another process is gone.
        """
        self._pending.wait()
        if self._divisor != 1:
            np.divide(self._array, self._divisor, out=self._array, casting="same_kind")
            self._divisor = 1


def all_reduce(
    tensor: Tensor, op: str = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Make `tensor`, in place, the sum (or another `op`) of everybody's.

    Every rank gets the same numbers, to the last bit.

    Args:
        tensor: of one shape and dtype on every rank; on the processor. Its history knows nothing of
            the others.
        op: from `ReduceOp`.
        group: PyTorch's; all ranks take part.
        async_op: return at once, with something to `wait()` for.

    Raises:
        OptionError: it is no such tensor, or there is no such `op`.
        RankLostError: another process is gone.

    Examples:
        >>> import chainrule as cr
        >>> x = cr.tensor([1.0, 2.0])
        >>> all_reduce(x)
        >>> x
        tensor([1., 2.])
    """
    array = _array(tensor, "all_reduce")
    if op not in _OPERATIONS:
        raise OptionError(f"op must be one of ReduceOp's, got {op!r}")
    if op == "mean" and array.dtype.kind != "f":
        raise OptionError(f"ReduceOp.AVG is for floating-point numbers, got {array.dtype}")
    if not async_op:
        exchange_reduce(tensor, how=op)
        return None
    _refuse_recording("all_reduce(..., async_op=True)")
    here = world()
    mark_changed(tensor)
    return Work(
        here.start_sum(array, _OPERATIONS[op]), array, here.size if op == ReduceOp.AVG else 1
    )


def broadcast(
    tensor: Tensor, src: int = 0, group: Any = None, async_op: bool = False
) -> Work | None:
    """Make `tensor`, in place, what it is on rank `src`.

    Args:
        tensor: of one shape and dtype on every rank; on the processor. Its history knows nothing of
            the others.
        src: a rank.
        group: PyTorch's; all ranks take part.
        async_op: return something to `wait()` for; it is over by then.

    Raises:
        OptionError: there is no such rank, or it is no such tensor.
        RankLostError: another process is gone.
    """
    array = _array(tensor, "broadcast")
    world().check_rank(src)
    from_rank(tensor, root=src)
    return Work(Pending(), array, 1) if async_op else None


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Fill `tensor_list`, in place, with everybody's `tensor`, by rank.

    Args:
        tensor_list: one tensor for each rank, of the shape of what that rank gives.
        tensor: what this rank gives.
        group: PyTorch's; all ranks take part.
        async_op: return something to `wait()` for; it is over by then.

    Raises:
        ShapeError: there are more or fewer tensors than ranks, or one is of another shape.
        RankLostError: another process is gone.

    Examples:
        >>> import chainrule as cr
        >>> found = [cr.zeros(2)]
        >>> all_gather(found, cr.ones(2))
        >>> found
        [tensor([1., 1.])]
    """
    _refuse_recording("all_gather")
    given = _array(tensor, "all_gather")
    places = [_array(t, "all_gather") for t in tensor_list]
    found = world().gather(given)
    if [p.shape for p in places] != [y.shape for y in found]:
        raise ShapeError(
            f"the ranks give tensors of shapes {', '.join(str(y.shape) for y in found)}, and the "
            f"list has {', '.join(str(p.shape) for p in places) or 'none'}"
        )
    for place, y in zip(places, found):
        np.copyto(place, y, casting="same_kind")
    mark_changed(*tensor_list)
    return Work(Pending(), given, 1) if async_op else None


def barrier(group: Any = None, async_op: bool = False) -> Work | None:
    """Return when every rank has come here.

    Raises:
        RankLostError: another process is gone.
    """
    _refuse_recording("barrier")
    world().barrier()
    return Work(Pending(), np.empty(0), 1) if async_op else None


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """Fill `object_list` with everybody's plain value: numbers, strings, lists, dictionaries.

    Examples:
        >>> found = [None]
        >>> all_gather_object(found, {"loss": 0.5})
        >>> found
        [{'loss': 0.5}]
    """
    _refuse_recording("all_gather_object")
    object_list[:] = world().tell(obj)


def broadcast_object_list(object_list: list[Any], src: int = 0, group: Any = None) -> None:
    """Make the plain values in `object_list` what they are on rank `src`."""
    _refuse_recording("broadcast_object_list")
    world().check_rank(src)
    object_list[:] = world().tell(object_list if world().rank == src else None)[src]


def _refuse_recording(name: str) -> None:
    """Let a step that is being recorded be refused: a replay would not do this."""
    if LISTENERS and world().size > 1:
        tell(
            "unrecorded",
            f"{name} exchanges with other ranks what a replay would not; leave it outside of what "
            "is compiled",
        )


def _array(tensor: Any, name: str) -> Array:
    """The numbers of a tensor that may be changed in place."""
    if not isinstance(tensor, Tensor):
        raise OptionError(f"{name} takes a Tensor, got {kind_of(tensor)}")
    if not isinstance(tensor.array, np.ndarray):
        raise OptionError(
            f"{name} takes tensors on the processor, and this one is on {tensor.device}; use .cpu()"
        )
    found: Array = tensor.array
    return found

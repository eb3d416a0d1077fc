"""Exchanges between ranks, as operations (floor 1).

They are not in the registry: a process alone never performs one. But they go through the one door,
so that a recorded step has them in its program. What is started is an update of the array that
travels, and so is waiting for it; between the two the array belongs to the exchange.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from chainrule.backend.arrays import to_host
from chainrule.backend.ranks import Operation, Pending, world
from chainrule.errors import ShapeError
from chainrule.ops.core import Array, Cost, Op, Shape, Value, peek, same_shape
from chainrule.ops.update import CHANGED, assign

__all__ = [
    "MEETINGS",
    "Bucket",
    "exchange_fill",
    "exchange_reduce",
    "exchange_start",
    "exchange_wait",
    "from_rank",
    "hand_out",
    "sum_over_ranks",
]


class Bucket:
    """Gradients, or parameters, that travel together.

    Args:
        name: for programs that are printed.
        shapes: of them.
        dtype: of all of them.
        memory: bytes in which they are to lie, if not in their own.
        is_last: whether there is nothing to compute while they are under way.

    Attributes:
        buffer: their memory, flat.
        views: what is in it, each in its shape.
        pending: the exchange that is under way, if there is one.

    Examples:
        >>> bucket = Bucket("last", [(2, 1), (3,)], np.dtype(float))
        >>> bucket.buffer.shape, [v.shape for v in bucket.views]
        ((5,), [(2, 1), (3,)])
    """

    def __init__(
        self,
        name: str,
        shapes: list[Shape],
        dtype: np.dtype[Any],
        memory: Array | None = None,
        *,
        is_last: bool = False,
    ) -> None:
        sizes = [int(np.prod(shape)) for shape in shapes]
        ends = np.cumsum([0, *sizes]).tolist()
        self.name, self.is_last = name, is_last
        if memory is None:
            self.buffer = np.zeros(ends[-1], dtype)
        else:
            self.buffer = memory[: ends[-1] * dtype.itemsize].view(dtype)
        parts = [self.buffer[a : a + n] for a, n in zip(ends, sizes)]
        self.views = [part.reshape(shape) for part, shape in zip(parts, shapes)]
        self.pending: Pending | None = None

    def __repr__(self) -> str:
        return f"<bucket {self.name}>"


def _start(buffer: Array, share: Array, *gradients: Array, bucket: Bucket) -> Array:
    """Begin, in `buffer`, the mean over all ranks of their gradients times their shares."""
    if bucket.pending is not None:  # of a step that was broken off
        _wait(buffer, bucket=bucket)
    ranks = world()
    factor = float(share) / ranks.size  # a number of NumPy's would make all of it float64
    for view, g in zip(bucket.views, gradients, strict=True):
        if view.shape != g.shape:
            raise ShapeError(f"the gradient has shape {g.shape}, the parameter {view.shape}")
        np.multiply(g, factor, out=view, casting="same_kind")
    bucket.pending = ranks.start_sum(buffer, helped=not bucket.is_last)
    return buffer


def _wait(buffer: Array, *, bucket: Bucket) -> Array:
    """Wait for what `exchange_start` has begun."""
    if bucket.pending is not None:
        bucket.pending.wait()
        bucket.pending = None
    return buffer


def _moved(buffer: Shape, *_others: Shape, **_attrs: Any) -> Cost:
    return Cost(0, 2 * int(np.prod(buffer)))


exchange_start = Op("exchange_start", _start, kind="update", shape=same_shape, cost=_moved)
exchange_wait = Op("exchange_wait", _wait, kind="update", shape=same_shape, cost=_moved, arity=1)


def _from_rank(x: Array, *, root: int) -> Array:
    """Make x what it is on rank `root`."""
    world().broadcast_(x, root)
    return x


from_rank = Op("from_rank", _from_rank, kind="update", shape=same_shape, cost=_moved, arity=1)


def _filled(buffer: Array, *values: Array, bucket: Bucket) -> Array:
    """Put values side by side into the memory of a bucket, before it sets out."""
    for view, x in zip(bucket.views, values, strict=True):
        np.copyto(view, to_host(x))
    return buffer


exchange_fill = Op("exchange_fill", _filled, kind="update", shape=same_shape, cost=_moved)


def hand_out(bucket: Bucket, things: Sequence[Value], root: int) -> None:
    """Make things, tensors or arrays that fit into a bucket, what they are on rank `root`."""
    is_own = world().rank == root
    if is_own:
        exchange_fill(bucket.buffer, *map(peek, things), bucket=bucket)
    from_rank(bucket.buffer, root=root)
    for x, view in zip(things, () if is_own else bucket.views):
        assign(x, view)


def _reduced(x: Array, *, how: Operation | Literal["mean"]) -> Array:
    """Make x what everybody's x comes to together, element by element."""
    ranks = world()
    ranks.sum_(x, "sum" if how == "mean" else how)
    if how == "mean":
        np.divide(x, ranks.size, out=x, casting="same_kind")
    return x


exchange_reduce = Op(
    "exchange_reduce", _reduced, kind="update", shape=same_shape, cost=_moved, arity=1
)

_IN_PLACE = exchange_start, exchange_wait, exchange_fill, exchange_reduce, from_rank
CHANGED.update({op.name: (0,) for op in _IN_PLACE})

# Those for which all ranks have to meet, so that they are to come in one order on every rank.
MEETINGS = frozenset({"exchange_start", "exchange_reduce", "from_rank", "sum_over_ranks"})


_EVEN = np.ones(())


def _summed(x: Array, share: Array, *, back: bool) -> Array:
    y = np.multiply(x, share if back else 1, dtype=x.dtype, order="C", casting="same_kind")
    world().sum_(y)
    if back and share:
        y /= share
    return y


_sum = Op(
    "sum_over_ranks",
    _summed,
    kind="gather",
    shape=lambda x, _share, back: x,
    vjp=[lambda g, _y, _x, share, back: _sum(g, share, back=not back), None],
    cost=_moved,
    arity=2,
)


def sum_over_ranks(x: Value, share: Value = _EVEN) -> Value:
    """The sum of everybody's x, element by element: y = x_0 + x_1 + ... on every rank.

    Every rank's loss depends on every rank's x through it. Where what is minimised is the sum of
    share_r L_r over ranks r, and rank q multiplies its gradients by share_q afterwards, that of its
    x is

        dL/dx_q = (sum over r of share_r dL_r/dy) / share_q

    Args:
        x: numbers of one shape on every rank.
        share: what this rank's loss is multiplied by, without dimensions.

    Examples:
        >>> sum_over_ranks(np.array([1.0, 2.0]))
        array([1., 2.])
    """
    return _sum(x, share, back=False)

"""Attention on a GPU without the scores ever being in memory, and the way back (floor 2)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.backend import arrays
from chainrule.kernels.draws import least_kept
from chainrule.kernels.launch import (
    NOWHERE,
    Declined,
    GpuArray,
    blocks,
    contiguous,
    launch,
    real_of,
    shared_at_most,
    widened,
)

__all__ = ["attention", "attention_back"]

_SIDE, _THREADS = 32, 256
# Columns of queries and of values that the threads' registers hold.
_WIDEST = 128


class _Heads:
    """Sizes and options of attention, as the kernels are told them."""

    def __init__(
        self,
        query: GpuArray,
        key: GpuArray,
        value: GpuArray,
        mask: GpuArray | None = None,
        place: Any = None,
        scale: float = 1.0,
        causal: bool = False,
        p: float = 0.0,
    ) -> None:
        self.heads, self.own = (x.shape[-3] if x.ndim > 2 else 1 for x in (query, key))
        self.lead = math.prod(query.shape[:-3])
        self.rows, self.keys = query.shape[-2], key.shape[-2]
        self.inside, self.outside = query.shape[-1], value.shape[-1]
        self.real = real_of(query, key, value)
        if max(self.inside, self.outside) > _WIDEST or self.lead * self.heads > 65535:
            raise Declined
        sizes = (self.heads, self.own, self.rows, self.keys, self.inside, self.outside)
        dropped: tuple[Any, ...] = (NOWHERE, np.uint64(0), 1.0)
        if p and place is not None:
            kept = 0.0 if p >= 1 else float(1 / (1 - p))
            dropped = (contiguous(arrays.to_gpu(place)), least_kept(p), kept)
        masked = self._mask(mask, query.shape[:-2])
        self.numbers = (*sizes, float(scale), int(causal), *masked, *dropped)

    def _mask(self, mask: GpuArray | None, lead: tuple[int, ...]) -> tuple[Any, ...]:
        """The kind of the mask, the mask, and its steps by batch, head, row and key."""
        if mask is None:
            return 0, NOWHERE, NOWHERE, 0, 0, 0, 0
        binary = mask.dtype.kind == "b"
        if not binary:
            mask = mask.astype(self.real, copy=False)
        shape = (*[1] * (len(lead) + 2 - mask.ndim), *mask.shape)
        rows, keys = shape[-2:]
        mask = mask.reshape(shape)
        if any(n > 1 for n in shape[:-2]):  # one for each head, or for each batch
            mask = arrays.gpu().broadcast_to(mask, (*lead, rows, keys))
            by_batch, by_head = self.heads * rows * keys, rows * keys
        else:
            by_batch = by_head = 0
        mask = contiguous(mask)
        steps = (by_batch, by_head, keys if rows > 1 else 0, int(keys > 1))
        held = (mask.view(np.uint8), NOWHERE) if binary else (NOWHERE, mask)
        return (1 if binary else 2, *held, *steps)

    def memory(self, inner: int, outer: int, squares: int) -> int:
        """Bytes of tiles: so many of queries' width, of values' width, and of scores.

        Raises:
            Declined: the GPU does not have as much.
        """
        widths = inner * (self.inside + 1) + outer * (self.outside + 1) + squares * (_SIDE + 1)
        size = _SIDE * widths * int(self.real.itemsize)
        if size > shared_at_most():
            raise Declined
        return size

    def launch(self, name: str, heads: int, rows: int, memory: int, *given: GpuArray) -> None:
        """Launch a kernel with a block for each tile of rows of each head."""
        grid, numbers = (blocks(rows, _SIDE), self.lead * heads), self.numbers
        launch("attention", name, self.real, grid, (_THREADS,), *given, *numbers, shared=memory)


@widened
def attention(
    query: GpuArray, key: GpuArray, value: GpuArray, *others: Any, **attrs: Any
) -> GpuArray:
    """The kernel of `ops.attention`."""
    at = _Heads(query, key, value, *others, **attrs)
    y = arrays.gpu().empty((*query.shape[:-1], value.shape[-1]), at.real)
    if y.size:
        given = (*map(contiguous, (query, key, value)), y)
        at.launch("attend", at.heads, at.rows, at.memory(2, 1, 1), *given)
    return y


@widened
def attention_back(
    g: GpuArray, query: GpuArray, key: GpuArray, value: GpuArray, *others: Any, **attrs: Any
) -> GpuArray:
    """The kernels of `ops.attention_back`: by queries, then by keys."""
    at = _Heads(query, key, value, *others, **attrs)
    real_of(g, query)
    module = arrays.gpu()
    sizes = [x.size for x in (query, key, value)]
    packed = module.empty(sum(sizes), at.real)
    if not (g.size and query.size):
        packed.fill(0)
    else:
        dq, dk, dv = np.split(packed, np.cumsum(sizes)[:2].tolist())
        found = module.empty((*query.shape[:-1], 3), at.real)
        given = tuple(map(contiguous, (g, query, key, value)))
        for_rows, for_keys = at.memory(2, 2, 1), at.memory(2, 2, 2)
        at.launch("attend_back_rows", at.heads, at.rows, for_rows, *given, found, dq)
        at.launch("attend_back_keys", at.own, at.keys, for_keys, *given, found, dk, dv)
    if query.shape == key.shape == value.shape:
        return packed.reshape(3, *query.shape)
    return packed

"""Looking up vectors by number, as functions with PyTorch's names and arguments (floor 3)."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor, as_tensor, no_grad
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.ops.core import Within, checked, constant
from chainrule.ops.shape import ARRAY

__all__ = ["embedding", "embedding_bag"]


def embedding(
    input: Any,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """Return the rows of `weight` that the integers in `input` name.

    Args:
        input: integers (...), 0 to num_embeddings - 1.
        weight: (num_embeddings, embedding_dim).
        padding_idx: a row that gets no gradient.
        max_norm: the length to which rows that are looked up, and are longer, are cut in place.
        norm_type: the p of that length.
        scale_grad_by_freq: whether a row's gradient is divided by how often it is looked up.
        sparse: PyTorch's, and taken so that its scripts run; the gradient is a dense one.

    Returns:
        (..., embedding_dim).

    Raises:
        DataError: an index that is no integer, or outside.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> embedding(tensor([1]), tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[3., 4.]])
    """
    index = input if isinstance(input, Tensor) else as_tensor(np.asarray(input))
    if index.dtype.kind not in "iu":
        raise DataError(f"an embedding is looked up by integers, got {index.dtype}")
    count = weight.shape[0]
    checked(Within(0, count - 1, partial(_no_rows, count=count)), index)
    padding_idx = _padding(padding_idx, weight.shape[0])
    if max_norm is not None:
        _shorten(weight, index, max_norm, norm_type)
    y = ops.getitem(weight, index)
    if padding_idx is not None:
        y = ops.where(ops.eq(index, padding_idx).unsqueeze(-1), y.detach(), y)
    if scale_grad_by_freq and y.requires_grad:
        often = ops.index(_frequencies(index, weight), index, key=(ARRAY,))
        y.register_hook(lambda g: g / often.unsqueeze(-1))
    return y


def _no_rows(index: ops.Array, count: int) -> None:
    wrong = index.min() if index.min() < 0 else index.max()
    raise DataError(f"index {wrong} is outside the {count} embeddings 0 to {count - 1}")


def _padding(index: int | None, count: int) -> int | None:
    if index is not None and not -count <= index < count:
        raise OptionError(f"padding_idx={index} is not one of {count} things")
    return None if index is None else index % count


def _frequencies(index: Tensor, weight: Tensor) -> Any:
    """How often each row is named, (num_embeddings,)."""
    once = constant(np.ones(tuple(index.shape), dtype=weight.dtype))
    return ops.unindex(as_tensor(once), index, key=(ARRAY,), shape=(weight.shape[0],))


@no_grad()
def _shorten(weight: Tensor, index: Tensor, longest: float, p: float) -> None:
    """Cut the rows that are named to the length `longest`, in place."""
    length = ops.norm(weight, p=p, dim=-1, keepdim=True)
    named = ops.gt(_frequencies(index, weight), 0).unsqueeze(-1)
    # The small number is PyTorch's.
    factor = ops.where(ops.gt(length, longest), longest / (length + 1e-7), 1.0)
    ops.assign(weight, ops.where(named, weight * factor, weight))


def embedding_bag(
    input: Any,
    weight: Tensor,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Return the sum, mean or largest of the vectors in each bag.

    Args:
        input: integers: bags of one size (B, n), or all one after another (total,).
        weight: (num_embeddings, embedding_dim).
        offsets: where each bag begins, (B,), if they come one after another.
        max_norm: the length to which rows that are looked up are cut in place.
        norm_type: the p of that length.
        scale_grad_by_freq: whether a row's gradient is divided by how often it is looked up.
        mode: "sum", "mean" or "max".
        sparse: PyTorch's, and taken so that its scripts run; the gradient is a dense one.
        per_sample_weights: a factor for each vector, of the shape of `input`; with "sum" alone.
        include_last_offset: whether `offsets` ends with the size of `input`.
        padding_idx: a row that does not count.

    Returns:
        (B, embedding_dim); of an empty bag zeros.

    Raises:
        OptionError: another mode, or weights in another than "sum".
        ShapeError: shapes that do not go together.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> table = tensor([[1.0], [2.0], [4.0]])
        >>> embedding_bag(tensor([0, 1, 2]), table, tensor([0, 2]), mode="sum").tolist()
        [[3.0], [4.0]]
    """
    if mode not in ("sum", "mean", "max"):
        raise OptionError(f"mode must be 'sum', 'mean' or 'max', got {mode!r}")
    if per_sample_weights is not None and mode != "sum":
        raise OptionError(f"per_sample_weights go with mode='sum', not with {mode!r}")
    index, bag, count = _bags(as_tensor(input), offsets, include_last_offset)
    rows = embedding(index, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    padding = _padding(padding_idx, weight.shape[0])
    kept = ops.ge(index, 0) if padding is None else ops.ne(index, padding)
    if mode == "max":
        return _largest(rows, kept, bag, count)
    factor = ops.cast(kept, dtype=weight.dtype)
    if per_sample_weights is not None:
        if tuple(per_sample_weights.shape) != tuple(as_tensor(input).shape):
            raise ShapeError(
                f"per_sample_weights must have the shape of the input, "
                f"{tuple(as_tensor(input).shape)}, got {tuple(per_sample_weights.shape)}"
            )
        factor = factor * per_sample_weights.reshape(-1)
    total = _gathered(rows * factor.unsqueeze(-1), bag, count)
    if mode == "sum":
        return total
    return total / ops.clip(_gathered(factor, bag, count), min=1).unsqueeze(-1)


def _bags(index: Tensor, offsets: Any, with_last: bool) -> tuple[Tensor, Any, int]:
    """All indices one after another, the bag that each is in, and how many bags there are."""
    if index.ndim == 2:
        if offsets is not None:
            raise ShapeError("bags in the rows of a matrix have no offsets")
        count, size = index.shape
        return index.reshape(-1), constant(np.repeat(np.arange(count), size)), count
    if index.ndim != 1 or offsets is None:
        raise ShapeError(
            f"bags come as a matrix, or as a vector with offsets; got shape {tuple(index.shape)}"
        )
    offsets = as_tensor(offsets)
    count = offsets.shape[0] - with_last
    places = constant(np.arange(index.shape[0])[:, None])
    begun = ops.cast(ops.ge(places, offsets[:count].unsqueeze(0)), dtype=np.int64)
    return index, ops.sub(ops.sum(begun, dim=1), 1), count


def _gathered(x: Any, bag: Any, count: int) -> Any:
    """The sums of x (total, ...) over each bag."""
    return ops.unindex(x, bag, key=(ARRAY,), shape=(count, *x.shape[1:]))


def _largest(rows: Any, kept: Any, bag: Any, count: int) -> Any:
    """The largest of each bag, element by element; zeros of one in which nothing counts."""
    inside = ops.eq(ops.unsqueeze(bag, 0), constant(np.arange(count)[:, None]))
    inside = ops.logical_and(inside, kept.unsqueeze(0)).unsqueeze(-1)  # (B, total, 1)
    filled = ops.amax(inside, dim=1)
    all_rows = ops.where(inside, rows.unsqueeze(0), -math.inf)
    first = ops.argmax(all_rows, dim=1)
    taken = ops.take_along(rows, first, dim=0)
    return ops.where(filled, taken, 0.0)

"""Sequences of unequal length in one tensor: padded, or packed step by step (floor 3).

Packed, the rows of all sequences at the first step come first, then those at the second, the
longest sequence first in each; a recurrent layer goes through them without computing on padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import ops
from chainrule.autograd import Tensor, as_tensor, from_numpy, full
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.ops.core import constant
from chainrule.ops.shape import ARRAY

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence(NamedTuple):
    """Sequences of unequal length, step after step; made by `pack_padded_sequence`.

    Attributes:
        data: the rows of all steps, (rows, ...).
        batch_sizes: how many sequences there are at each step.
        sorted_indices: the sequences by length, or `None` if they came so.
        unsorted_indices: the way back.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Return the sequences with the rows in another dtype."""
        return self._replace(data=self.data.to(*args, **kwargs))

    def float(self) -> PackedSequence:
        """Return the sequences in float32."""
        return self.to(np.float32)

    def double(self) -> PackedSequence:
        """Return the sequences in float64."""
        return self.to(np.float64)

    def cpu(self) -> PackedSequence:
        """Return the sequences themselves."""
        return self

    @property
    def is_cuda(self) -> bool:
        """Whether the rows are on a graphics card: never."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the permutation that undoes one.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> invert_permutation(tensor([2, 0, 1])).tolist()
        [1, 2, 0]
    """
    return None if permutation is None else ops.argsort(permutation)


def _lengths(lengths: Any, count: int) -> list[int]:
    found = [int(n) for n in (lengths.tolist() if hasattr(lengths, "tolist") else lengths)]
    if len(found) != count or min(found, default=1) < 1:
        raise DataError(
            f"{count} sequences need as many lengths, each at least 1; got {found[:10]}"
        )
    return found


def _batch_sizes(lengths: Sequence[int]) -> list[int]:
    return [sum(n > t for n in lengths) for t in range(max(lengths))]


def _places(lengths: Sequence[int], steps: int) -> ops.Array:
    """Where the packed rows of sequences, the longest first, are among rows (sequence, step)."""
    order = [n * steps + t for t, size in enumerate(_batch_sizes(lengths)) for n in range(size)]
    return constant(np.array(order, dtype=np.int64))


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Return padded sequences packed.

    Args:
        input: (L, N, ...), or (N, L, ...) with `batch_first`.
        lengths: of each sequence, a list or tensor (N,).
        batch_first: how `input` is laid out.
        enforce_sorted: whether the sequences have to come sorted, the longest first; if not, they
            are sorted here.

    Raises:
        DataError: not as many lengths as sequences, a length of 0, or lengths that are not sorted.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> packed = pack_padded_sequence(tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)
        >>> packed.data.tolist(), packed.batch_sizes.tolist()
        ([1, 3, 2], [2, 1])
    """
    x = input if batch_first else input.transpose(0, 1)
    found = _lengths(lengths, x.shape[0])
    order = None
    if not enforce_sorted:
        sequence = np.argsort([-n for n in found], kind="stable").astype(np.int64)
        order = from_numpy(constant(sequence)).to(input.device)
        x, found = ops.index_select(x, 0, order), sorted(found, reverse=True)
    elif found != sorted(found, reverse=True):
        raise DataError(
            f"lengths must not grow from one sequence to the next, got {found[:10]}; sort the "
            "sequences, or pass enforce_sorted=False"
        )
    if found[0] > x.shape[1]:
        raise DataError(f"a sequence of length {found[0]} does not fit into {x.shape[1]} steps")
    rows = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
    data = ops.index(rows, _places(found, x.shape[1]), key=(ARRAY,))
    sizes = from_numpy(constant(np.array(_batch_sizes(found), dtype=np.int64)))
    return PackedSequence(data, sizes, order, invert_permutation(order))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return packed sequences padded, and their lengths.

    Args:
        sequence: packed.
        batch_first: whether to give (N, L, ...) instead of (L, N, ...).
        padding_value: what stands after the end of a sequence.
        total_length: L, if it is to be more than that of the longest.

    Raises:
        OptionError: `total_length` is less than that of the longest.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> packed = pack_padded_sequence(tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)
        >>> y, lengths = pad_packed_sequence(packed, batch_first=True)
        >>> y.tolist(), lengths.tolist()
        ([[1, 2], [3, 0]], [2, 1])
    """
    sizes = sequence.batch_sizes.tolist()
    lengths = [sum(n < size for size in sizes) for n in range(sizes[0])]
    steps = lengths[0] if total_length is None else total_length
    if steps < lengths[0]:
        raise OptionError(f"total_length={steps} is less than the longest sequence, {lengths[0]}")
    rest = tuple(sequence.data.shape[1:])
    kind = {"dtype": sequence.data.dtype, "device": sequence.data.device}
    empty = full((sizes[0] * steps, *rest), padding_value, **kind)
    places = _places(lengths, steps)
    y = ops.index_put(empty, sequence.data, places, key=(ARRAY,))
    y = y.reshape(sizes[0], steps, *rest)
    counts = from_numpy(constant(np.array(lengths, dtype=np.int64)))
    if sequence.unsorted_indices is not None:
        y = ops.index_select(y, 0, sequence.unsorted_indices)
        counts = ops.index_select(counts, 0, sequence.unsorted_indices.cpu())
    return (y if batch_first else y.transpose(0, 1)), counts


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Return tensors (L_i, ...) in one (L, N, ...), padded to the longest.

    Args:
        sequences: the tensors.
        batch_first: whether to give (N, L, ...).
        padding_value: what they are filled up with.
        padding_side: "right" for after the end, "left" for before the beginning.

    Raises:
        OptionError: no sequences, or another side.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> pad_sequence([tensor([1, 2]), tensor([3])], batch_first=True).tolist()
        [[1, 2], [3, 0]]
    """
    if padding_side not in ("left", "right"):
        raise OptionError(f"padding_side must be 'left' or 'right', got {padding_side!r}")
    found = [as_tensor(s) for s in sequences]
    if not found:
        raise OptionError("pad_sequence needs at least one sequence")
    longest = max(s.shape[0] for s in found)
    padded = []
    for s in found:
        if s.shape[1:] != found[0].shape[1:]:
            raise ShapeError(
                f"sequences must agree in all dimensions but the first, got shapes "
                f"{tuple(found[0].shape)} and {tuple(s.shape)}"
            )
        more = longest - s.shape[0]
        ends = (more, 0) if padding_side == "left" else (0, more)
        widths = (ends, *((0, 0) for _ in s.shape[1:]))
        padded.append(ops.pad_constant(s, widths=widths, value=padding_value))
    return ops.stack(padded, dim=0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """Return the sequences of a padded tensor, each of its length.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> [s.tolist() for s in unpad_sequence(tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)]
        [[1, 2], [3]]
    """
    x = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [x[i][:n] for i, n in enumerate(_lengths(lengths, x.shape[0]))]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Return tensors (L_i, ...) packed.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> pack_sequence([tensor([1, 2]), tensor([3])]).data.tolist()
        [1, 3, 2]
    """
    lengths = [s.shape[0] for s in sequences]
    padded = pad_sequence(sequences, batch_first=True)
    return pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Return the sequences of packed ones, each by itself.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> [s.tolist() for s in unpack_sequence(pack_sequence([tensor([1, 2]), tensor([3])]))]
        [[1, 2], [3]]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)

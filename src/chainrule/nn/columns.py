"""The columns of a table, numbers and categories, as numbers that a network likes (floor 3).

Being the first layer of a network it travels with it: what is left to others is to read cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.autograd import Generator, Tensor, as_tensor, from_numpy
from chainrule.autograd.functions import cat, where
from chainrule.errors import OptionError, ShapeError
from chainrule.nn.containers import ModuleList
from chainrule.nn.embedding import Embedding
from chainrule.nn.module import Module
from chainrule.nn.weights import is_there
from chainrule.ops import Array

__all__ = ["Columns"]

_BLOCK = 65_536  # rows that are scaled by together: a table may be larger than memory
_SMALL = 0.1  # the deviation of the vectors of categories before they are learned


class Columns(Module):
    """A row of mixed cells as one vector: numbers scaled, gaps marked, categories looked up.

    A number x becomes (x - mean) / std. Where it is missing (NaN) it becomes 0, which is the mean;
    a column of which numbers may be missing gives a second value too, 1 where it is missing and
    else 0. A category is a whole number from 0 to K - 1 and becomes a learned vector, which begins
    as normal numbers with the deviation 0.1.

    In the output the numbers come first, in their order, then the marks of gaps, then the vectors.

    Args:
        sizes: of each column 0 if it holds numbers, else how many categories it has, K.
        gaps: of each column whether numbers may be missing; of none by default.
        widths: of each column how long the vectors of its categories are; 0 for numbers. By
            default min(50, (K + 1) // 2).
        generator: where the initial vectors come from.

    Attributes:
        mean: a buffer, (numeric columns,); 0 until it is set.
        std: a buffer, likewise; 1 until it is set.
        tables: an `Embedding` for each column of categories.
        out_features: how many numbers a row becomes.

    Raises:
        OptionError: arguments that do not fit together.
        ShapeError: an input with another number of columns.
        DataError: a category outside 0 to K - 1.

    References:
        Guo and Berkhahn, Entity Embeddings of Categorical Variables, 2016.

    Examples:
        >>> from chainrule.autograd import tensor
        >>> columns = Columns([0, 3], gaps=[True, False], widths=[0, 2])
        >>> columns.out_features
        4
        >>> columns(tensor([[0.5, 2.0], [float("nan"), 0.0]])).detach()[:, :2]
        tensor([[0.5000, 0.0000],
                [0.0000, 1.0000]])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        gaps: Sequence[bool] | None = None,
        widths: Sequence[int] | None = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        self.sizes = tuple(int(n) for n in sizes)
        self.gaps = tuple(map(bool, gaps)) if gaps is not None else (False,) * len(self.sizes)
        usual = tuple(min(50, (n + 1) // 2) for n in self.sizes)
        self.widths = usual if widths is None else tuple(int(n) for n in widths)
        self._check()
        self._numbers = [i for i, n in enumerate(self.sizes) if not n]
        self._gaps = [i for i in self._numbers if self.gaps[i]]
        self._categories = [i for i, n in enumerate(self.sizes) if n]
        self.register_buffer("mean", from_numpy(np.zeros(len(self._numbers), np.float32)))
        self.register_buffer("std", from_numpy(np.ones(len(self._numbers), np.float32)))
        self.tables = ModuleList(
            Embedding(self.sizes[i], self.widths[i], generator=generator) for i in self._categories
        )
        for table in self.tables:  # large ones would be learned by heart beside the numbers
            if is_there(table.weight):
                table.weight.detach().mul_(_SMALL)
        self.out_features = len(self._numbers) + len(self._gaps) + sum(self.widths)

    def _check(self) -> None:
        if not self.sizes or min(self.sizes) < 0:
            raise OptionError(
                f"Columns takes a size of at least 0 for each column, got {self.sizes}"
            )
        if not len(self.sizes) == len(self.gaps) == len(self.widths):
            raise OptionError("Columns takes as many gaps and widths as sizes")
        if any((width > 0) != (size > 0) for size, width in zip(self.sizes, self.widths)):
            raise OptionError("Columns takes a width above 0 for categories, and 0 for numbers")

    def scale(self, x: Any) -> Columns:
        """Set mean and std to those of the numbers in x, (N, columns); return the layer.

        Missing numbers are passed over; a column that is the same everywhere is only shifted.
        """
        x, which = np.asarray(x), self._numbers
        count, total = _over_blocks(x, which, lambda numbers: numbers)
        mean = total / np.maximum(count, 1)
        _, squares = _over_blocks(x, which, lambda numbers: np.square(numbers - mean))
        spread = np.sqrt(squares / np.maximum(count, 1))
        self.mean.copy_(from_numpy(mean.astype(np.float32)))
        self.std.copy_(from_numpy(np.where(spread > 0, spread, 1.0).astype(np.float32)))
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Return the vectors, (N, out_features)."""
        x = as_tensor(x)
        if x.ndim != 2 or x.shape[1] != len(self.sizes):
            raise ShapeError(f"expected (N, {len(self.sizes)}) columns, got {tuple(x.shape)}")
        x = x if x.is_floating_point() else x.to(self.mean.dtype)
        parts = []
        if self._numbers:
            scaled = (x[:, self._numbers] - self.mean) / self.std
            parts.append(where(scaled.isnan(), 0.0, scaled) if self._gaps else scaled)
        if self._gaps:
            parts.append(x[:, self._gaps].isnan().to(x.dtype))
        for i, table in zip(self._categories, self.tables):
            parts.append(table(x[:, i].long()))
        return cat(parts, dim=1)

    def extra_repr(self) -> str:
        """Return how many columns of each kind there are."""
        return f"{len(self._numbers)} numbers, {len(self._categories)} categories"


def _over_blocks(
    x: Array, which: list[int], value: Callable[[Array], Array]
) -> tuple[Array, Array]:
    """Of some columns how many numbers are known, and the sum of a value of each."""
    count, total = np.zeros(len(which)), np.zeros(len(which))
    for i in range(0, len(x), _BLOCK):
        numbers = x[i : i + _BLOCK, which].astype(np.float64)
        known = np.isfinite(numbers)
        count += known.sum(axis=0)
        total += np.where(known, value(numbers), 0.0).sum(axis=0)
    return count, total

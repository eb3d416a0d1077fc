"""Rows of products with sparse matrices."""

from __future__ import annotations

import numpy as np

from case import case, just, real, torch, whole


def dense_first(rows, columns, values, dense, *, size):
    """The matrix written out in full, times the other."""
    matrix = np.zeros((size, len(dense)))
    for r, c, v in zip(rows, columns, values):
        matrix[r, c] += v
    return matrix @ dense


def index_put(rows, columns, values, dense, *, size):
    """PyTorch's: its product of a sparse matrix has no second derivative."""
    zeros = torch.zeros(size, len(dense), dtype=values.dtype)
    return torch.index_put(zeros, (rows, columns), values, accumulate=True) @ dense


SPARSE = [
    case(
        "coo_product",
        [whole(0, 4, 9), whole(0, 3, 9), real(9), real(3, 5)],
        dense_first,
        index_put,
        wrt=[2, 3],
        size=4,
    ),
    case(
        "coo_product",
        [just([1, 1, 1]), just([0, 2, 0]), real(3), real(3, 2)],
        dense_first,
        index_put,
        note="a place twice",
        wrt=[2, 3],
        size=3,
    ),
]

"""Sparse matrices by PyTorch's names: products and sums, for networks on graphs (floor 3).

Examples:
    >>> from chainrule import autograd, sparse
    >>> adjacency = autograd.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 1.0], (2, 2))
    >>> sparse.mm(adjacency, autograd.tensor([[1.0], [2.0]])).tolist()
    [[2.0], [1.0]]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule import ops
from chainrule.autograd import SparseTensor, sparse_coo_tensor
from chainrule.backend.dtypes import float32, float64, int64
from chainrule.errors import did_you_mean

__all__ = [
    "DoubleTensor",
    "FloatTensor",
    "LongTensor",
    "SparseTensor",
    "addmm",
    "mm",
    "smm",
    "spmm",
    "sum",
]


def mm(sparse: Any, dense: Any) -> Any:
    """Return the product of a sparse matrix with a dense one; both may want gradients."""
    return ops.matmul(sparse, dense)


spmm = smm = mm


def addmm(mat: Any, mat1: Any, mat2: Any, *, beta: float = 1.0, alpha: float = 1.0) -> Any:
    """Return beta mat + alpha (mat1 mat2), mat1 sparse."""
    return beta * mat + alpha * mm(mat1, mat2)


def sum(input: SparseTensor, dim: int | None = None) -> Any:
    """Return the sum of all entries, or along a dimension, sparse."""
    return input.sum(dim)


# --- the old spellings --------------------------------------------------------------------------


def _typed(dtype: Any, name: str) -> Any:
    def made(indices: Any, values: Any, size: Sequence[int] | None = None) -> SparseTensor:
        return sparse_coo_tensor(indices, values, size, dtype=dtype)

    made.__name__ = made.__qualname__ = name
    made.__doc__ = f"Return a sparse tensor of {dtype}: the old spelling of `sparse_coo_tensor`."
    return made


FloatTensor = _typed(float32, "FloatTensor")
DoubleTensor = _typed(float64, "DoubleTensor")
LongTensor = _typed(int64, "LongTensor")


def __getattr__(name: str) -> Any:
    raise AttributeError(f"chainrule.sparse has no {name!r}" + did_you_mean(name, __all__))

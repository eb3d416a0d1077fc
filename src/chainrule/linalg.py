"""Linear algebra under PyTorch's names, as in `torch.linalg` (floor 3).

Every function takes stacks of matrices in the last two dimensions, and its gradient is recorded.
What needs complex numbers (`eig`, `eigvals`) is not there.

Examples:
    >>> from chainrule import linalg, tensor
    >>> linalg.solve(tensor([[2.0, 0.0], [0.0, 4.0]]), tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule import ops
from chainrule.errors import did_you_mean
from chainrule.ops import (
    LinAlgError,
    cholesky,
    cond,
    cross,
    det,
    eigh,
    eigvalsh,
    lstsq,
    matmul,
    matrix_exp,
    matrix_norm,
    matrix_power,
    matrix_rank,
    multi_dot,
    pinv,
    qr,
    slogdet,
    solve,
    solve_triangular,
    svd,
    svdvals,
    tensorinv,
    tensorsolve,
    vecdot,
    vector_norm,
)
from chainrule.ops import inverse as inv

__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]


def diagonal(x: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Return the diagonals of matrices in the last two dimensions.

    Examples:
        >>> from chainrule import ones
        >>> diagonal(ones(2, 3, 3)).shape
        (2, 3)
    """
    return ops.diagonal(x, offset, dim1, dim2)


def vander(x: Any, *, N: int | None = None) -> Any:
    """Return the powers 0 to N - 1 of each element along a new last dimension.

    Examples:
        >>> from chainrule import tensor
        >>> vander(tensor([2.0]), N=3).tolist()
        [[1.0, 2.0, 4.0]]
    """
    return ops.vander(x, N, increasing=True)


def norm(
    x: Any, ord: Any = None, dim: int | Sequence[int] | None = None, keepdim: bool = False
) -> Any:
    """Return the norm of vectors, or of matrices where two dimensions or an `ord` of theirs say so.

    Args:
        x: any shape.
        ord: that of `vector_norm` or `matrix_norm`; if left out the root of the sum of squares.
        dim: one dimension for vectors, two for matrices; all if left out.
        keepdim: keep them with size 1.

    Examples:
        >>> from chainrule import tensor
        >>> norm(tensor([[3.0, 4.0]])).item()
        5.0
    """
    if ord is None:
        return ops.vector_norm(x, 2, dim, keepdim)
    if isinstance(ord, str) or (dim is None and len(x.shape) == 2) or _is_pair(dim):
        return ops.matrix_norm(x, ord, (-2, -1) if dim is None else dim, keepdim)
    return ops.vector_norm(x, ord, dim, keepdim)


def _is_pair(dim: int | Sequence[int] | None) -> bool:
    return dim is not None and not isinstance(dim, int) and len(dim) == 2


_INSTEAD = {"eig": "eigh", "eigvals": "eigvalsh"}


def __getattr__(name: str) -> Any:
    if name in _INSTEAD:
        raise AttributeError(
            f"linalg.{name} gives complex numbers, which chainrule does not have; for a symmetric "
            f"matrix use linalg.{_INSTEAD[name]}"
        )
    raise AttributeError(f"chainrule.linalg has no {name!r}" + did_you_mean(name, __all__))

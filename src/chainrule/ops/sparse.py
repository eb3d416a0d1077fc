"""Products with matrices of which only some entries are kept (floor 1)."""

from __future__ import annotations

from chainrule.backend.arrays import module_of
from chainrule.errors import ShapeError
from chainrule.ops.core import Value, composite, constant
from chainrule.ops.elementwise import mul
from chainrule.ops.gather import index_select
from chainrule.ops.indexing import index_add
from chainrule.ops.shape import unsqueeze


@composite
def coo_product(rows: Value, columns: Value, values: Value, dense: Value, *, size: int) -> Value:
    """The matrix with these values at these places, zeros elsewhere, times a dense one.

    Row r of the product is the sum of value * dense[column] over the entries in row r: one
    gathering and one adding up of as many rows as there are entries.

    Args:
        rows: of each entry, (nnz,); a place named twice holds the sum.
        columns: of each entry, (nnz,).
        values: of each entry, (nnz,).
        dense: (n, k).
        size: how many rows the matrix has.

    Returns:
        (size, k).

    Raises:
        ShapeError: `dense` is no matrix.

    Examples:
        >>> i, j, v = np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([1.0, 2.0, 3.0])
        >>> coo_product(i, j, v, np.array([[1.0], [10.0]]), size=2)
        array([[21.],
               [30.]])
    """
    if len(dense.shape) != 2:
        raise ShapeError(
            f"a sparse matrix is multiplied by a matrix (n, k), got shape {tuple(dense.shape)}; "
            "make a vector (n, 1) with unsqueeze(-1)"
        )
    parts = mul(index_select(dense, 0, columns), unsqueeze(values, -1))
    zeros = constant(module_of(dense).zeros((size, dense.shape[1]), dtype=parts.dtype))
    return index_add(zeros, 0, rows, parts)

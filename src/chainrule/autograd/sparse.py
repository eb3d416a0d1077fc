"""Tensors of which only some entries are kept: their places and values (floor 2).

A `SparseTensor` is a list of places, a list of values, which may want gradients, and a shape: what
a graph's adjacency matrix needs. It is no `Tensor` and has few operations, all written with ops on
its values; any other operation is refused in a sentence that says to make it dense.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.autograd import functions
from chainrule.autograd.tape import Traced, wrap
from chainrule.backend.arrays import to_host
from chainrule.backend.devices import available, beside, get_default_device, moved
from chainrule.backend.dtypes import get_default_dtype
from chainrule.errors import OptionError, ShapeError
from chainrule.ops.core import READERS, Op

__all__ = ["SparseTensor", "sparse_coo_tensor", "sparse_csr_tensor", "to_sparse"]


class SparseTensor:
    """Some entries of a tensor, the others being zero; made by `sparse_coo_tensor`, `to_sparse`.

    Attributes:
        shape: of the whole tensor.
        layout: "sparse_coo", or "sparse_csr" for one that was made or asked for so.

    Examples:
        >>> a = sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0], (2, 2))
        >>> a.to_dense().tolist()
        [[0.0, 2.0], [3.0, 0.0]]
        >>> (a @ wrap(np.ones((2, 1)))).tolist()
        [[2.0], [3.0]]
    """

    is_sparse = True

    def __init__(
        self,
        indices: Any,
        values: Any,
        shape: Sequence[int],
        coalesced: bool = False,
        layout: str = "sparse_coo",
    ) -> None:
        self._places = indices  # (sparse dimensions, entries)
        self._kept = values
        self.shape = tuple(int(n) for n in shape)
        self.layout = layout
        self._ordered = coalesced

    # --- looking --------------------------------------------------------------------------------

    @property
    def dtype(self) -> Any:
        """The format of the values."""
        return self._kept.dtype

    @property
    def device(self) -> Any:
        """Where places and values are."""
        return self._kept.device

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def requires_grad(self) -> bool:
        """Whether the values are, or depend on, what wants a gradient."""
        return bool(self._kept.requires_grad)

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.ndim

    def numel(self) -> int:
        """Return the number of elements, zeros included."""
        return math.prod(self.shape)

    def is_coalesced(self) -> bool:
        """Say whether the places are in order, none twice."""
        return self._ordered

    def indices(self) -> Any:
        """Return the places, (dimensions, entries).

        Raises:
            OptionError: they are not in order yet.
        """
        return self._in_order()._places

    def values(self) -> Any:
        """Return the values, (entries, ...).

        Raises:
            OptionError: they are not in order yet.
        """
        return self._in_order()._kept

    def _in_order(self) -> SparseTensor:
        if not self._ordered:
            raise OptionError(
                "this sparse tensor may hold a place twice; call .coalesce() on it first, or take "
                "_indices() and _values() as they are"
            )
        return self

    def _indices(self) -> Any:
        return self._places

    def _values(self) -> Any:
        return self._kept

    def _nnz(self) -> int:
        return int(self._places.shape[1])

    def crow_indices(self) -> Any:
        """Return where each row begins among the values, and where the last one ends."""
        rows = to_host(self.coalesce()._places.array[0])
        counts = np.bincount(rows, minlength=self.shape[0])
        return self._beside(np.concatenate([[0], np.cumsum(counts)]))

    def col_indices(self) -> Any:
        """Return the column of each value."""
        return self.coalesce()._places[1]

    def __repr__(self) -> str:
        return (
            f"tensor(indices={self._places!r},\n       values={self._kept!r},\n"
            f"       size={self.shape}, nnz={self._nnz()}, layout={self.layout})"
        )

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ops.Array:
        raise _refusal("NumPy")

    # --- forms ----------------------------------------------------------------------------------

    def _with(self, values: Any) -> SparseTensor:
        """The same places with other values."""
        return SparseTensor(self._places, values, self.shape, self._ordered, self.layout)

    def _beside(self, numbers: ops.Array) -> Any:
        """A tensor where the values are."""
        return wrap(beside(numbers, self._kept.array))

    def coalesce(self) -> SparseTensor:
        """Return it with its places in order, the values of a place that came twice added up."""
        if self._ordered:
            return self
        sizes = self.shape[: len(self._places.array)]
        flat = np.ravel_multi_index(tuple(to_host(self._places.array)), sizes)
        found, which = np.unique(flat, return_inverse=True)
        values = self._beside(np.zeros((found.size, *self._kept.shape[1:]), self.dtype))
        added = ops.index_add(values, 0, self._beside(which), self._kept)
        places = self._beside(np.stack(np.unravel_index(found, sizes)).astype(np.int64))
        return SparseTensor(places, added, self.shape, True, self.layout)

    def to_dense(self) -> Any:
        """Return a tensor with all the zeros."""
        count = self._places.shape[0]
        zeros = self._beside(np.zeros(self.shape, self.dtype))
        places = tuple(self._places[i] for i in range(count))
        return functions.index_put(zeros, places, self._kept, accumulate=True)

    def to_sparse(self) -> SparseTensor:
        """Return it as it is."""
        return self

    def to_sparse_coo(self) -> SparseTensor:
        """Return it as places and values."""
        return SparseTensor(self._places, self._kept, self.shape, self._ordered)

    def to_sparse_csr(self) -> SparseTensor:
        """Return it ordered by rows."""
        ordered = self.coalesce()
        return SparseTensor(ordered._places, ordered._kept, self.shape, True, "sparse_csr")

    def to(self, *args: Any, **kwargs: Any) -> SparseTensor:
        """Return it on another device, or with its values in another format."""
        kept = self._kept.to(*args, **kwargs)
        places = self._places.to(kept.device)
        return SparseTensor(places, kept, self.shape, self._ordered, self.layout)

    def float(self) -> SparseTensor:
        """Return it with its values in float32."""
        return self.to(np.float32)

    def double(self) -> SparseTensor:
        """Return it with its values in float64."""
        return self.to(np.float64)

    def cpu(self) -> SparseTensor:
        """Return it in the processor's memory."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> SparseTensor:
        """Return it on a GPU, the one of that number or the current one."""
        return self.to("cuda" if device is None else device)

    def detach(self) -> SparseTensor:
        """Return it without the history of its values."""
        return self._with(self._kept.detach())

    def clone(self) -> SparseTensor:
        """Return a copy."""
        return self._with(self._kept.clone())

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:
        """Want a gradient of the values, and return it."""
        self._kept.requires_grad_(requires_grad)
        return self

    def transpose(self, dim0: int, dim1: int) -> SparseTensor:
        """Return it with two dimensions exchanged."""
        order = list(range(self.ndim))
        order[dim0], order[dim1] = order[dim1], order[dim0]
        if self._places.shape[0] != self.ndim:
            raise ShapeError("transpose takes a sparse tensor whose values are numbers")
        places = ops.index_select(self._places, 0, self._beside(np.array(order)))
        return SparseTensor(places, self._kept, [self.shape[i] for i in order])

    def t(self) -> SparseTensor:
        """Return the transpose of a matrix."""
        return self.transpose(0, 1)

    T = property(t)

    # --- arithmetic -----------------------------------------------------------------------------

    def matmul(self, other: Any) -> Any:
        """Return the product with a dense matrix or vector.

        Raises:
            ShapeError: it is no matrix, or the sizes do not fit.
        """
        if isinstance(other, SparseTensor):
            other = other.to_dense()
        if self.ndim != 2 or self._places.shape[0] != 2:
            raise ShapeError(f"a product takes a sparse matrix, this has shape {self.shape}")
        if not other.ndim or other.shape[0] != self.shape[1]:
            raise ShapeError(
                f"a sparse matrix of shape {self.shape} is multiplied by {self.shape[1]} rows, got "
                f"shape {tuple(other.shape)}"
            )
        vector = other.ndim == 1
        dense = other.unsqueeze(-1) if vector else other
        rows, columns = self._places[0], self._places[1]
        y = ops.coo_product(rows, columns, self._kept, dense, size=self.shape[0])
        return y.squeeze(-1) if vector else y

    mm = spmm = mv = __matmul__ = matmul

    def __rmatmul__(self, other: Any) -> Any:
        # A B = (B' A')'
        y = self.t() @ (other if other.ndim == 1 else other.t())
        return y if other.ndim == 1 else y.t()

    def mul(self, other: Any) -> SparseTensor:
        """Return the product with a number, or element by element with a dense tensor."""
        if isinstance(other, SparseTensor):
            other = other.to_dense()
        if np.ndim(other):
            places = tuple(self._places[i] for i in range(self._places.shape[0]))
            other = ops.broadcast_to(other, shape=self.shape)[places]
        return self._with(self._kept * other)

    __mul__ = __rmul__ = mul

    def div(self, other: Any) -> SparseTensor:
        """Return the quotient by a number."""
        return self._with(self._kept / other)

    __truediv__ = div

    def __neg__(self) -> SparseTensor:
        return self._with(-self._kept)

    def add(self, other: Any) -> Any:
        """Return the sum with another sparse tensor, or with a dense one, which is dense."""
        if not isinstance(other, SparseTensor):
            return self.to_dense() + other
        if self.shape != other.shape:
            raise ShapeError(f"sparse tensors of shapes {self.shape} and {other.shape} do not add")
        places = ops.cat([self._places, other._places], 1)
        return SparseTensor(places, ops.cat([self._kept, other._kept]), self.shape).coalesce()

    __add__ = __radd__ = add

    def __sub__(self, other: Any) -> Any:
        return self.add(-other)

    def sum(self, dim: int | None = None) -> Any:
        """Return the sum of all entries, or along a dimension of a matrix, sparse."""
        if dim is None:
            return self._kept.sum()
        if self.ndim != 2:
            raise ShapeError(f"sum along a dimension takes a sparse matrix, got {self.shape}")
        left = 1 - dim % 2
        return SparseTensor(
            self._places[left : left + 1], self._kept, (self.shape[left],)
        ).coalesce()


def _read(op: Op, args: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """The reader of operations whose first value is a sparse tensor: it knows three."""
    known = {"matrix_product": "matmul", "mul": "mul", "add": "add"}
    if op.name not in known:
        raise _refusal(op.name)
    return getattr(args[0], known[op.name])(args[1])


def _refusal(what: str) -> OptionError:
    return OptionError(
        f"{what} takes no sparse tensor; call .to_dense() on it first, or work on its values(); "
        "in a product with a dense matrix the sparse one comes first"
    )


READERS[SparseTensor] = _read


def _as_value(data: Any, dtype: Any) -> Any:
    """`data` as a tensor, its history kept."""
    if isinstance(data, Traced):
        return data if dtype is None else ops.cast(data, dtype=np.dtype(dtype))
    array = np.asarray(data)
    usual = get_default_dtype() if array.dtype.kind == "f" and isinstance(data, list) else None
    return wrap(moved(np.array(array, dtype=dtype or usual), get_default_device()))


def sparse_coo_tensor(
    indices: Any,
    values: Any,
    size: Sequence[int] | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> SparseTensor:
    """Return a tensor of which only some entries are kept; a place named twice holds the sum.

    Args:
        indices: the places, (dimensions, entries).
        values: of each entry.
        size: the shape; by default as small as it can be.
        dtype: the format of the values.
        device: where to put it; by default where the values are.
        requires_grad: whether the values want a gradient.
        check_invariants: for PyTorch's sake; places are always checked.
        is_coalesced: that the places are in order, none twice.

    Raises:
        ShapeError: the numbers of places and values differ.
        OptionError: a place is outside of the shape.

    Examples:
        >>> sparse_coo_tensor([[0, 0], [1, 1]], [2.0, 3.0]).to_dense().tolist()
        [[0.0, 5.0]]
    """
    kept = _as_value(values, dtype)
    kept = kept if device is None else kept.to(available(device))
    places = _as_value(indices, np.int64).to(kept.device)
    if places.ndim != 2 or kept.ndim < 1 or places.shape[1] != kept.shape[0]:
        raise ShapeError(
            "sparse_coo_tensor takes places (dimensions, entries) and as many values, got shapes "
            f"{tuple(places.shape)} and {tuple(kept.shape)}"
        )
    known = to_host(places.array)
    least = (known.max(1) + 1).tolist() if known.size else [0] * places.shape[0]
    shape = (*least, *kept.shape[1:]) if size is None else tuple(size)
    outside = any(n > limit for n, limit in zip(least, shape))
    if outside or (known < 0).any() or len(shape) != len(least) + kept.ndim - 1:
        raise OptionError(f"places up to {tuple(least)} do not lie within a tensor of size {shape}")
    out = SparseTensor(places, kept, shape, bool(is_coalesced))
    return out.requires_grad_() if requires_grad else out


def sparse_csr_tensor(
    crow_indices: Any,
    col_indices: Any,
    values: Any,
    size: Sequence[int] | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> SparseTensor:
    """Return a sparse matrix whose entries are given row by row.

    Args:
        crow_indices: where each row begins among the values, and where the last one ends.
        col_indices: the column of each value.
        values: the values.
        size: the shape; by default as small as it can be.
        dtype: the format of the values.
        device: where to put it; by default where the values are.
        requires_grad: whether the values want a gradient.
        check_invariants: for PyTorch's sake; places are always checked.

    Raises:
        ShapeError: the numbers of places and values differ.
        OptionError: a place is outside of the shape.

    Examples:
        >>> sparse_csr_tensor([0, 1, 3], [1, 0, 1], [2.0, 3.0, 4.0]).to_dense().tolist()
        [[0.0, 2.0], [3.0, 4.0]]
    """
    begins, columns = (
        to_host(_as_value(given, np.int64).array) for given in (crow_indices, col_indices)
    )
    rows = np.repeat(np.arange(len(begins) - 1), np.diff(begins))
    if len(rows) != len(columns):
        raise ShapeError(f"crow_indices speak of {len(rows)} columns, there are {len(columns)}")
    width = int(columns.max(initial=-1)) + 1
    made = sparse_coo_tensor(
        np.stack([rows, columns]),
        values,
        size or (len(begins) - 1, width),
        dtype=dtype,
        device=device,
        requires_grad=requires_grad,
    )
    return made.to_sparse_csr()


def to_sparse(x: Any) -> SparseTensor:
    """Return the entries of a tensor that are not 0, with its history.

    Examples:
        >>> to_sparse(wrap(np.array([[0.0, 2.0]]))).values().tolist()
        [2.0]
    """
    places = tuple(wrap(p) for p in np.nonzero(x.array))
    indices = wrap(np.stack([p.array for p in places]))
    return SparseTensor(indices, x[places], x.shape, coalesced=True)

"""Products of vectors, matrices and stacks of them, and distances (floor 1, composites).

Each is written with `matmul`, and says in a sentence which shapes it takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chainrule.errors import OptionError, ShapeError
from chainrule.ops.core import Value, composite, normal_dim, normal_dims
from chainrule.ops.elementwise import add, mul, sub
from chainrule.ops.linalg import matmul, outer
from chainrule.ops.rearrange import broadcast_tensors, roll
from chainrule.ops.reduce import norm, sum
from chainrule.ops.shape import permute, reshape, unsqueeze


def _dims(name: str, *wanted: tuple[Value, int]) -> None:
    """Say so if the operands of `name` do not have the dimensions it takes."""
    if any(len(x.shape) != n for x, n in wanted):
        takes = " and ".join({1: "a vector", 2: "a matrix", 3: "a stack"}[n] for _, n in wanted)
        got = " and ".join(str(tuple(x.shape)) for x, _ in wanted)
        raise ShapeError(f"{name} takes {takes}, got {got}; matmul takes any of them")


@composite
def mm(a: Value, b: Value) -> Value:
    """The product of two matrices.

    Examples:
        >>> mm(np.array([[1, 2]]), np.array([[3], [4]]))
        array([[11]])
    """
    _dims("mm", (a, 2), (b, 2))
    return matmul(a, b)


@composite
def bmm(a: Value, b: Value) -> Value:
    """The products of two stacks of matrices, (n, i, j) and (n, j, k), one by one.

    Examples:
        >>> bmm(np.ones((5, 2, 3)), np.ones((5, 3, 4))).shape
        (5, 2, 4)
    """
    _dims("bmm", (a, 3), (b, 3))
    if a.shape[0] != b.shape[0]:
        raise ShapeError(f"bmm takes stacks of one size, got {tuple(a.shape)} and {tuple(b.shape)}")
    return matmul(a, b)


@composite
def mv(a: Value, v: Value) -> Value:
    """The product of a matrix and a vector.

    Examples:
        >>> mv(np.array([[1, 2], [3, 4]]), np.array([1, 1]))
        array([3, 7])
    """
    _dims("mv", (a, 2), (v, 1))
    return matmul(a, v)


@composite
def dot(a: Value, b: Value) -> Value:
    """The inner product of two vectors.

    Examples:
        >>> dot(np.array([1, 2]), np.array([3, 4]))
        np.int64(11)
    """
    _dims("dot", (a, 1), (b, 1))
    return matmul(a, b)


@composite
def inner(a: Value, b: Value) -> Value:
    """The inner products of all rows, along the last dimension, of a and of b.

    Examples:
        >>> inner(np.array([[1, 2], [3, 4]]), np.array([1, 1]))
        array([3, 7])
    """
    if not a.shape or not b.shape:
        return mul(a, b)
    if a.shape[-1] != b.shape[-1]:
        raise ShapeError(
            f"inner takes rows of one length, got shapes {tuple(a.shape)} and {tuple(b.shape)}"
        )
    return tensordot(a, b, ((-1,), (-1,)))


@composite
def vecdot(a: Value, b: Value, *, dim: int = -1) -> Value:
    """The inner products of the vectors along `dim`, the other dimensions broadcast.

    Examples:
        >>> vecdot(np.array([[1, 2], [3, 4]]), np.array([1, 1]))
        array([3, 7])
    """
    return sum(mul(a, b), dim=dim)


@composite
def tensordot(a: Value, b: Value, dims: int | Sequence[Sequence[int]] = 2) -> Value:
    """The sum of products over pairs of dimensions.

    Args:
        a: any shape.
        b: any shape.
        dims: how many of the last of a and the first of b, or the two lists of dimensions.

    Examples:
        >>> tensordot(np.ones((2, 3, 4)), np.ones((4, 3, 5)), ((1, 2), (1, 0))).shape
        (2, 5)
    """
    if isinstance(dims, int):
        dims = range(len(a.shape) - dims, len(a.shape)), range(dims)
    left = normal_dims(list(dims[0]), len(a.shape))
    right = normal_dims(list(dims[1]), len(b.shape))
    if [a.shape[d] for d in left] != [b.shape[d] for d in right]:
        raise ShapeError(
            f"tensordot over dims {left} of {tuple(a.shape)} and {right} of {tuple(b.shape)}: "
            "the sizes must be equal, pair by pair"
        )
    rows = [d for d in range(len(a.shape)) if d not in left]
    columns = [d for d in range(len(b.shape)) if d not in right]
    summed = math.prod(a.shape[d] for d in left)
    flat = matmul(
        reshape(permute(a, dims=(*rows, *left)), shape=(_size(a, rows), summed)),
        reshape(permute(b, dims=(*right, *columns)), shape=(summed, _size(b, columns))),
    )
    return reshape(flat, shape=(*(a.shape[d] for d in rows), *(b.shape[d] for d in columns)))


def _size(x: Value, dims: Sequence[int]) -> int:
    return math.prod(x.shape[d] for d in dims)


@composite
def kron(a: Value, b: Value) -> Value:
    """Kronecker's product: every element of a times the whole of b, in its place.

    Examples:
        >>> kron(np.array([1, 10]), np.array([[1, 2]]))
        array([[ 1,  2, 10, 20]])
    """
    ndim = max(len(a.shape), len(b.shape))
    big, small = ((1,) * (ndim - len(v.shape)) + tuple(v.shape) for v in (a, b))
    apart = reshape(a, shape=tuple(n for pair in zip(big, (1,) * ndim) for n in pair))
    inside = reshape(b, shape=tuple(n for pair in zip((1,) * ndim, small) for n in pair))
    return reshape(mul(apart, inside), shape=tuple(n * m for n, m in zip(big, small)))


@composite
def cross(a: Value, b: Value, dim: int = -1) -> Value:
    """The vector product of vectors of three numbers along `dim`.

    Examples:
        >>> cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
        array([0., 0., 1.])
    """
    if len(a.shape) != len(b.shape) or not a.shape:
        raise ShapeError(f"cross takes equal dimensions, got {tuple(a.shape)}, {tuple(b.shape)}")
    a, b = broadcast_tensors(a, b)
    d = normal_dim(dim, len(a.shape))
    if a.shape[d] != 3:
        raise ShapeError(f"cross needs 3 elements along dim {dim}, got shape {tuple(a.shape)}")
    ahead = mul(roll(a, -1, d), roll(b, -2, d))
    return sub(ahead, mul(roll(a, -2, d), roll(b, -1, d)))


@composite
def multi_dot(tensors: Sequence[Value]) -> Value:
    """The product of several matrices, multiplied in the order that takes the least work.

    The first may be a row and the last a column, given as vectors. Cormen, Leiserson, Rivest and
    Stein, "Introduction to algorithms": the matrix chain.

    Examples:
        >>> multi_dot([np.ones((2, 3)), np.ones((3, 4)), np.ones(4)])
        array([12., 12.])
    """
    if len(tensors) < 2:
        raise ShapeError(f"multi_dot takes two matrices or more, got {len(tensors)}")
    first, *middle, last = tensors
    rows = unsqueeze(first, 0) if len(first.shape) == 1 else first
    columns = unsqueeze(last, 1) if len(last.shape) == 1 else last
    chain = [rows, *middle, columns]
    _dims("multi_dot", *((x, 2) for x in chain))
    whole = _multiplied(chain, _cuts([*(x.shape[0] for x in chain), columns.shape[1]]))
    return reshape(whole, shape=(*first.shape[:-1], *last.shape[1:]))


def _cuts(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each stretch of a chain the place where to cut it in two."""
    count = len(sizes) - 1
    work = dict.fromkeys(((i, i + 1) for i in range(count)), 0)
    cuts = {}
    for length in range(2, count + 1):
        for i in range(count - length + 1):
            j = i + length
            work[i, j], cuts[i, j] = min(
                (work[i, k] + work[k, j] + sizes[i] * sizes[k] * sizes[j], k)
                for k in range(i + 1, j)
            )
    return cuts


def _multiplied(chain: Sequence[Value], cuts: dict[tuple[int, int], int], start: int = 0) -> Value:
    if len(chain) == 1:
        return chain[0]
    cut = cuts[start, start + len(chain)] - start
    left = _multiplied(chain[:cut], cuts, start)
    return matmul(left, _multiplied(chain[cut:], cuts, start + cut))


# --- sums with products -------------------------------------------------------------------------


def _plus(x: Value, product: Value, beta: float, alpha: float) -> Value:
    """beta x + alpha product; at beta = 0 x does not count, whatever it holds."""
    scaled = product if alpha == 1 else mul(product, alpha)
    return scaled if beta == 0 else add(x if beta == 1 else mul(x, beta), scaled)


@composite
def addmm(x: Value, mat1: Value, mat2: Value, *, beta: float = 1, alpha: float = 1) -> Value:
    """beta x + alpha mat1 mat2, for matrices.

    Examples:
        >>> addmm(np.array([1, 2]), np.array([[1, 2]]), np.array([[3, 0], [0, 4]]))
        array([[ 4, 10]])
    """
    return _plus(x, mm(mat1, mat2), beta, alpha)


@composite
def addmv(x: Value, mat: Value, vec: Value, *, beta: float = 1, alpha: float = 1) -> Value:
    """beta x + alpha mat vec.

    Examples:
        >>> addmv(np.array([1]), np.array([[1, 2]]), np.array([3, 4]))
        array([12])
    """
    return _plus(x, mv(mat, vec), beta, alpha)


@composite
def addr(x: Value, vec1: Value, vec2: Value, *, beta: float = 1, alpha: float = 1) -> Value:
    """beta x + alpha times the outer product of two vectors.

    Examples:
        >>> addr(np.ones((2, 2)), np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        array([[4., 5.],
               [7., 9.]])
    """
    return _plus(x, outer(vec1, vec2), beta, alpha)


@composite
def baddbmm(x: Value, batch1: Value, batch2: Value, *, beta: float = 1, alpha: float = 1) -> Value:
    """beta x + alpha times the products of two stacks of matrices.

    Examples:
        >>> baddbmm(np.array(1.0), np.ones((1, 1, 2)), np.ones((1, 2, 1)))
        array([[[3.]]])
    """
    return _plus(x, bmm(batch1, batch2), beta, alpha)


@composite
def addbmm(x: Value, batch1: Value, batch2: Value, *, beta: float = 1, alpha: float = 1) -> Value:
    """beta x + alpha times the sum of the products of two stacks of matrices.

    Examples:
        >>> addbmm(np.array([[1.0]]), np.ones((5, 1, 2)), np.ones((5, 2, 1)))
        array([[11.]])
    """
    return _plus(x, sum(bmm(batch1, batch2), dim=0), beta, alpha)


# --- distances ----------------------------------------------------------------------------------


@composite
def dist(a: Value, b: Value, p: float = 2) -> Value:
    """The p-norm of a - b.

    Examples:
        >>> dist(np.array([1.0, 2.0]), np.array([4.0, 6.0]))
        np.float64(5.0)
    """
    return norm(sub(a, b), p)


@composite
def cdist(x1: Value, x2: Value, p: float = 2.0) -> Value:
    """The p-norm of the difference of every row of x1 and every row of x2; slope 0 where it is 0.

    Args:
        x1: (..., n, d).
        x2: (..., m, d).
        p: 0 or more.

    Returns:
        (..., n, m).

    Examples:
        >>> cdist(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
        array([[5., 1.]])
    """
    if len(x1.shape) < 2 or len(x2.shape) < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            "cdist takes rows of one length, (..., n, d) and (..., m, d), got "
            f"{tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    if p < 0:
        raise OptionError(f"cdist takes a norm of p from 0 up, got {p}")
    return norm(sub(unsqueeze(x1, -2), unsqueeze(x2, -3)), p, dim=-1)

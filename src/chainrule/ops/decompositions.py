"""Inverses, determinants and decompositions of matrices, forward by LAPACK (floor 1).

All take stacks of matrices in the last two dimensions. A primitive gives one array, so what a
decomposition consists of is packed into one, rows upon rows, and taken apart by the composite that
a person calls. Rules are those of M. Giles, "Collected matrix derivative results for forward and
reverse mode algorithmic differentiation", 2008; where eigenvalues or singular values are equal,
vectors have no slope, and nothing flows through their differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.backend.arrays import module_of, near
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.ops import results
from chainrule.ops.both import solvers_raise
from chainrule.ops.core import (
    Array,
    Cost,
    Shape,
    Value,
    broadcast_shape,
    composite,
    constant,
    primitive,
)
from chainrule.ops.diagonal import diag_embed, tril, triu
from chainrule.ops.elementwise import add, div, eq, lt, mul, neg, reciprocal, square, sub, where
from chainrule.ops.linalg import matmul, matrix_product
from chainrule.ops.reduce import sum
from chainrule.ops.shape import (
    broadcast_to,
    cat,
    matrix_transpose,
    narrow,
    reshape,
    squeeze,
    unbroadcast,
    unsqueeze,
)


class LinAlgError(DataError, np.linalg.LinAlgError):
    """A matrix without an inverse, a Cholesky factor, or a decomposition that converges."""


def by_lapack(sentence: str, function: Callable[..., Any], *xs: Array, **options: Any) -> Any:
    """Return what one of NumPy's functions gives, or raise `sentence` where it cannot."""
    try:
        with solvers_raise(*xs):
            return function(*xs, **options)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(sentence) from error


def matrices(shape: Shape, **_attrs: Any) -> Shape:
    """Shape rule of what takes matrices of any shape and keeps it."""
    if len(shape) < 2:
        raise ShapeError(f"a matrix has two dimensions or more, got shape {shape}")
    return shape


def squares(shape: Shape, **_attrs: Any) -> Shape:
    """Shape rule of what takes square matrices and keeps their shape."""
    if matrices(shape)[-1] != shape[-2]:
        raise ShapeError(f"a square matrix is needed, got shape {shape}")
    return shape


def cubic(shape: Shape, *_shapes: Shape, **_attrs: Any) -> Cost:
    """Cost rule: in proportion to m n min(m, n)."""
    size = int(np.prod(shape))
    return Cost(size * min(shape[-2:], default=0), 2 * size)


def _transposed_inverse(x: Value) -> Value:
    return matrix_transpose(inverse(x))


def _as_matrix(g: Value) -> Value:
    """A number for each matrix with two dimensions of size 1."""
    return unsqueeze(unsqueeze(g, -1), -1)


# --- inverses and equations ---------------------------------------------------------------------


def _inverse_vjp(g: Value, y: Value, _x: Value) -> Value:
    across = matrix_transpose(y)
    return neg(matrix_product(matrix_product(across, g), across))


@primitive(kind="contract", shape=squares, vjp=[_inverse_vjp], cost=cubic)
def inverse(x: Array) -> Array:
    """The y with y x = x y = 1.

    Raises:
        LinAlgError: there is none.

    Examples:
        >>> inverse(np.array([[2.0, 0.0], [0.0, 4.0]]))
        array([[0.5 , 0.  ],
               [0.  , 0.25]])
    """
    squares(x.shape)
    return by_lapack("the matrix is singular and has no inverse", np.linalg.inv, x)


def _solved(a: Shape, b: Shape) -> Shape:
    if squares(a)[-1] != matrices(b)[-2]:
        raise ShapeError(f"solve with a matrix {a} needs right sides of as many rows, got {b}")
    return (*broadcast_shape(a[:-2], b[:-2]), *b[-2:])


def _matrix_rule(g: Value, y: Value, a: Value, _b: Value) -> Value:
    back = solution(matrix_transpose(a), g)
    return unbroadcast(neg(matrix_product(back, matrix_transpose(y))), a.shape)


@primitive(
    kind="contract",
    shape=_solved,
    vjp=[
        _matrix_rule,
        lambda g, _y, a, _b: unbroadcast(solution(matrix_transpose(a), g), _b.shape),
    ],
    cost=cubic,
)
def solution(a: Array, b: Array) -> Array:
    """The x with a x = b, for matrices.

    Raises:
        LinAlgError: a is singular.

    Examples:
        >>> solution(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([[2.0], [2.0]]))
        array([[1. ],
               [0.5]])
    """
    _solved(a.shape, b.shape)
    return by_lapack("the equations have no single solution: singular", np.linalg.solve, a, b)


@composite
def solve(a: Value, b: Value, *, left: bool = True) -> Value:
    """The x with a x = b, or x a = b; b is a matrix, a vector, or stacks of them.

    Examples:
        >>> solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 2.0]))
        array([1. , 0.5])
    """
    if not left:
        return matrix_transpose(solve(matrix_transpose(a), matrix_transpose(b)))
    if len(b.shape) == 1 or (len(a.shape) - 1 == len(b.shape) and b.shape == a.shape[:-1]):
        return squeeze(solution(a, unsqueeze(b, -1)), -1)
    return solution(a, b)


@composite
def solve_triangular(
    a: Value, b: Value, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Value:
    """`solve` with the upper or lower triangle of a, the rest of which does not count.

    Args:
        a: square.
        b: a matrix, or a stack of them.
        upper: which triangle.
        left: a x = b rather than x a = b.
        unitriangular: take the diagonal for ones.

    Examples:
        >>> a, b = np.array([[2.0, 9.0], [0.0, 4.0]]), np.array([[2.0], [4.0]])
        >>> solve_triangular(a, b, upper=False)
        array([[1.],
               [1.]])
    """
    if unitriangular:
        beside = triu(a, 1) if upper else tril(a, -1)
        a = add(beside, constant(np.eye(a.shape[-1], dtype=a.dtype), a))
    return solve(triu(a) if upper else tril(a), b, left=left)


def _pinv_vjp(g: Value, y: Value, x: Value, *, rtol: float | None = None) -> Value:
    across, back = matrix_transpose(y), matrix_transpose(g)
    direct = matmul(matmul(across, g), across)
    # What the change of rows and of columns that x does not reach adds.
    left = matmul(matmul(back, y), across)
    right = matmul(matmul(across, y), back)
    outside_rows = sub(left, matmul(x, matmul(y, left)))
    outside_columns = sub(right, matmul(matmul(right, y), x))
    return add(sub(outside_rows, direct), outside_columns)


@primitive(
    kind="contract",
    shape=lambda shape, **_: (*matrices(shape)[:-2], shape[-1], shape[-2]),
    vjp=[_pinv_vjp],
    cost=cubic,
    arity=1,
)
def pseudoinverse(x: Array, rtol: float | None = None) -> Array:
    """Moore and Penrose's inverse of any matrix; singular values below `rtol` of the largest are 0.

    G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
    problems whose variables separate", SIAM Journal on Numerical Analysis 10, 1973.

    Examples:
        >>> pseudoinverse(np.array([[2.0], [0.0]]))
        array([[0.5, 0. ]])
    """
    if rtol is None:
        rtol = max(matrices(x.shape)[-2:]) * float(np.finfo(x.dtype).eps)
    return by_lapack("no singular values were found", np.linalg.pinv, x, rcond=rtol)


@composite
def pinv(x: Value, *, rtol: float | None = None, hermitian: bool = False) -> Value:
    """`pseudoinverse`.

    Examples:
        >>> pinv(np.array([[2.0], [0.0]]))
        array([[0.5, 0. ]])
    """
    return pseudoinverse(x, rtol=rtol)


# --- determinants -------------------------------------------------------------------------------


def _one_each(shape: Shape) -> Shape:
    return squares(shape)[:-2]


@primitive(
    kind="contract",
    shape=_one_each,
    vjp=[lambda g, _y, x: mul(_as_matrix(g), cofactors(x))],
    cost=cubic,
)
def det(x: Array) -> Array:
    """The determinant; its slope is the matrix of cofactors.

    Examples:
        >>> det(np.array([[1.0, 2.0], [3.0, 4.0]])).round(6)
        np.float64(-2.0)
    """
    squares(x.shape)
    return np.linalg.det(x)


def _cofactors_vjp(g: Value, y: Value, x: Value) -> Value:
    across = _transposed_inverse(x)
    along = sum(mul(g, across), dim=(-2, -1), keepdim=True)
    turned = matmul(matmul(across, matrix_transpose(g)), y)
    return sub(mul(along, y), turned)


@primitive(kind="contract", shape=squares, vjp=[_cofactors_vjp], cost=cubic)
def cofactors(x: Array) -> Array:
    """The slopes of the determinant: det(x) times the transposed inverse, also where there is none.

    Its own gradient needs an inverse.

    Examples:
        >>> cofactors(np.array([[1.0, 2.0], [3.0, 4.0]])).round(6)
        array([[ 4., -3.],
               [-2.,  1.]])
    """
    squares(x.shape)
    u, s, vh = by_lapack("no singular values were found", np.linalg.svd, x)
    others = np.stack([np.prod(np.delete(s, i, -1), -1) for i in range(s.shape[-1])], -1)
    side = np.linalg.det(u) * np.linalg.det(vh)
    return (side[..., None, None] * ((u * others[..., None, :]) @ vh)).astype(x.dtype)


@primitive(
    kind="contract",
    shape=_one_each,
    vjp=[lambda g, _y, x: mul(_as_matrix(g), _transposed_inverse(x))],
    cost=cubic,
)
def log_abs_det(x: Array) -> Array:
    """The logarithm of the determinant's size, without overflow.

    Examples:
        >>> log_abs_det(np.diag([1e200, 1e200])).round(2)
        np.float64(921.03)
    """
    squares(x.shape)
    return np.linalg.slogdet(x)[1]


@primitive(kind="contract", shape=_one_each, cost=cubic)
def det_sign(x: Array) -> Array:
    """The sign of the determinant: -1, 0 or 1.

    Examples:
        >>> det_sign(np.array([[0.0, 1.0], [1.0, 0.0]]))
        np.float64(-1.0)
    """
    squares(x.shape)
    return np.linalg.slogdet(x)[0]


@composite
def slogdet(x: Value) -> Value:
    """The sign of the determinant, and the logarithm of its size.

    Examples:
        >>> slogdet(np.array([[0.0, 1.0], [1.0, 0.0]])).sign
        np.float64(-1.0)
    """
    return results.linalg_slogdet(det_sign(x), log_abs_det(x))


@composite
def logdet(x: Value) -> Value:
    """The logarithm of the determinant; NaN if that is negative.

    Examples:
        >>> float(logdet(np.eye(2)))
        0.0
    """
    return where(lt(det_sign(x), 0), np.nan, log_abs_det(x))


# --- decompositions -----------------------------------------------------------------------------


def _half_below(x: Value) -> Value:
    """The lower triangle, its diagonal halved."""
    n = x.shape[-1]
    return mul(x, constant((np.tri(n) - np.eye(n) / 2).astype(x.dtype), x))


def _cholesky_vjp(g: Value, y: Value, _x: Value) -> Value:
    across = matrix_transpose(y)
    inside = _half_below(matmul(across, g))
    outer = solution(across, matrix_transpose(solution(across, matrix_transpose(inside))))
    return mul(add(outer, matrix_transpose(outer)), 0.5)


@primitive(kind="contract", shape=squares, vjp=[_cholesky_vjp], cost=cubic)
def cholesky_factor(x: Array) -> Array:
    """The lower triangle L with x = L L^T, for a symmetric x, whose gradient is symmetric too.

    Raises:
        LinAlgError: x is not positive definite.

    Examples:
        >>> cholesky_factor(np.array([[4.0, 2.0], [2.0, 5.0]]))
        array([[2., 0.],
               [1., 2.]])
    """
    squares(x.shape)
    return by_lapack("the matrix is not positive definite", np.linalg.cholesky, x)


@composite
def cholesky(x: Value, upper: bool = False) -> Value:
    """`cholesky_factor`, or its transpose.

    Examples:
        >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]), upper=True)
        array([[2., 1.],
               [0., 2.]])
    """
    factor = cholesky_factor(x)
    return matrix_transpose(factor) if upper else factor


@composite
def cholesky_solve(b: Value, factor: Value, upper: bool = False) -> Value:
    """The x with a x = b for the a whose Cholesky factor is given.

    Examples:
        >>> cholesky_solve(np.array([[4.0]]), np.array([[2.0]]))
        array([[1.]])
    """
    lower = matrix_transpose(factor) if upper else factor
    half = solve_triangular(lower, b, upper=False)
    return solve_triangular(matrix_transpose(lower), half, upper=True)


@composite
def cholesky_inverse(factor: Value, upper: bool = False) -> Value:
    """The inverse of the matrix whose Cholesky factor is given.

    Examples:
        >>> cholesky_inverse(np.array([[2.0]]))
        array([[0.25]])
    """
    eye = constant(np.eye(squares(tuple(factor.shape))[-1], dtype=factor.dtype), factor)
    return cholesky_solve(broadcast_to(eye, shape=tuple(factor.shape)), factor, upper)


def _tall(shape: Shape) -> Shape:
    if matrices(shape)[-2] < shape[-1]:
        raise ShapeError(f"as many rows as columns or more are needed, got shape {shape}")
    return shape


def _orthonormal_vjp(g: Value, y: Value, x: Value) -> Value:
    across = matrix_transpose(y)
    triangle, inside = matmul(across, x), matmul(across, g)
    turned = tril(sub(inside, matrix_transpose(inside)), -1)
    moved = add(g, matmul(y, sub(turned, inside)))
    return matrix_transpose(solution(triangle, matrix_transpose(moved)))


@primitive(kind="contract", shape=_tall, vjp=[_orthonormal_vjp], cost=cubic)
def orthonormal(x: Array) -> Array:
    """The Q of x = Q R: orthonormal columns that span those of x, one after another.

    Examples:
        >>> orthonormal(np.array([[3.0], [4.0]])).round(6)
        array([[-0.6],
               [-0.8]])
    """
    _tall(x.shape)
    return np.linalg.qr(x)[0]


@primitive(
    kind="contract",
    shape=lambda shape: (*_tall(shape)[:-1], shape[-2] - shape[-1]),
    cost=cubic,
)
def complement(x: Array) -> Array:
    """Orthonormal columns that make up a square orthogonal matrix with those of x; no gradient.

    Examples:
        >>> complement(np.array([[1.0], [0.0]])).round(6)
        array([[0.],
               [1.]])
    """
    _tall(x.shape)
    return np.linalg.qr(x, mode="complete")[0][..., x.shape[-1] :]


@composite
def qr(x: Value, mode: str = "reduced") -> Value:
    """x = Q R: orthonormal columns times an upper triangle.

    Args:
        x: (..., m, n).
        mode: "reduced", "complete" (Q is square), or "r" (Q is empty).

    Raises:
        OptionError: another mode.

    Examples:
        >>> q, r = qr(np.array([[3.0, 1.0], [4.0, 2.0]]))
        >>> (q @ r).round(6)
        array([[3., 1.],
               [4., 2.]])
    """
    if mode not in ("reduced", "complete", "r"):
        raise OptionError(f"qr's mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    m, n = matrices(tuple(x.shape))[-2:]
    q = orthonormal(narrow(x, -1, 0, min(m, n)))
    if mode == "complete" and m > n:
        q = cat([q, complement(q)], -1)
    r = triu(matmul(matrix_transpose(q), x))
    return results.linalg_qr(nothing_of(x) if mode == "r" else q, r)


def nothing_of(x: Value) -> Value:
    """A vector of no elements."""
    return narrow(reshape(x, shape=(-1,)), 0, 0, 0)


def _gaps(values: Value) -> Value:
    """1 / (v_j - v_i), and 0 where they are equal."""
    gap = sub(unsqueeze(values, -2), unsqueeze(values, -1))
    same = eq(gap, 0)
    return where(same, 0.0, reciprocal(where(same, 1.0, gap)))


def _eigh_vjp(g: Value, y: Value, _x: Value) -> Value:
    (values, vectors), (g_values, g_vectors) = _eigen(y), _eigen(g)
    across = matrix_transpose(vectors)
    inside = mul(matmul(across, g_vectors), _gaps(values))
    return matmul(matmul(vectors, add(inside, diag_embed(g_values))), across)


def _eigen(packed: Value) -> tuple[Value, Value]:
    n = packed.shape[-1]
    return squeeze(narrow(packed, -2, 0, 1), -2), narrow(packed, -2, 1, n)


@primitive(
    kind="contract",
    shape=lambda shape, **_: (*squares(shape)[:-2], shape[-2] + 1, shape[-1]),
    vjp=[lambda g, y, _x, *, lower=True: _eigh_vjp(g, y, _x)],
    cost=cubic,
    arity=1,
)
def eigen_packed(x: Array, lower: bool = True) -> Array:
    """Eigenvalues, in ascending order, in the first row, and under each its eigenvector.

    Examples:
        >>> eigen_packed(np.diag([3.0, 2.0]))[0]
        array([2., 3.])
    """
    squares(x.shape)
    side = "L" if lower else "U"
    values, vectors = by_lapack("no eigenvalues were found", np.linalg.eigh, x, UPLO=side)
    return np.concatenate([values[..., None, :], vectors], -2)


@composite
def eigh(x: Value, UPLO: str = "L") -> Value:
    """x = V diag(values) V^T, for a symmetric x, of which one triangle is read.

    Returns:
        The eigenvalues in ascending order, (..., n), and the eigenvectors, columns of (..., n, n).

    Examples:
        >>> eigh(np.diag([3.0, 2.0])).eigenvalues
        array([2., 3.])
    """
    return results.linalg_eigh(*_eigen(eigen_packed(x, lower=_is_lower(UPLO))))


@composite
def eigvalsh(x: Value, UPLO: str = "L") -> Value:
    """The eigenvalues of a symmetric matrix, in ascending order.

    Examples:
        >>> eigvalsh(np.diag([3.0, 2.0]))
        array([2., 3.])
    """
    return eigh(x, UPLO).eigenvalues


def _is_lower(side: str) -> bool:
    if side.upper() not in ("L", "U"):
        raise OptionError(f"UPLO says which triangle is read, 'L' or 'U', got {side!r}")
    return side.upper() == "L"


def _rank(shape: Shape) -> int:
    return min(matrices(shape)[-2:])


def _singular(packed: Value, m: int, n: int) -> tuple[Value, Value, Value]:
    """U, S and V from their packed rows."""
    s = squeeze(narrow(packed, -2, m, 1), -2)
    return narrow(packed, -2, 0, m), s, narrow(packed, -2, m + 1, n)


def _skew(x: Value) -> Value:
    return sub(x, matrix_transpose(x))


def _svd_vjp(g: Value, y: Value, _x: Value) -> Value:
    m, n = _x.shape[-2:]
    (u, s, v), (g_u, g_s, g_v) = _singular(y, m, n), _singular(g, m, n)
    u_across, v_across = matrix_transpose(u), matrix_transpose(v)
    gaps, row, column = _gaps(square(s)), unsqueeze(s, -2), unsqueeze(s, -1)
    inside_u = mul(mul(_skew(matmul(u_across, g_u)), gaps), row)
    inside_v = mul(column, mul(_skew(matmul(v_across, g_v)), gaps))
    inside = add(add(inside_u, inside_v), diag_embed(g_s))
    total = matmul(matmul(u, inside), v_across)
    if m > n:
        outside = div(sub(g_u, matmul(u, matmul(u_across, g_u))), row)
        total = add(total, matmul(outside, v_across))
    elif n > m:
        outside = div(sub(g_v, matmul(v, matmul(v_across, g_v))), row)
        total = add(total, matmul(u, matrix_transpose(outside)))
    return total


@primitive(
    kind="contract",
    shape=lambda shape: (*shape[:-2], shape[-2] + 1 + shape[-1], _rank(shape)),
    vjp=[_svd_vjp],
    cost=cubic,
)
def singular_packed(x: Array) -> Array:
    """Left singular vectors, under each its singular value, and the right singular vector.

    Examples:
        >>> singular_packed(np.diag([2.0, 3.0]))[2]
        array([3., 2.])
    """
    matrices(x.shape)
    sentence = "no singular values were found"
    u, s, vh = by_lapack(sentence, np.linalg.svd, x, full_matrices=False)
    return np.concatenate([u, s[..., None, :], np.swapaxes(vh, -2, -1)], -2)


@composite
def svd(x: Value, full_matrices: bool = True) -> Value:
    """x = U diag(S) Vh, with orthonormal columns of U and rows of Vh, S in descending order.

    Args:
        x: (..., m, n).
        full_matrices: complete U and Vh to square ones; no gradient flows through what is added.

    Examples:
        >>> svd(np.diag([2.0, 3.0])).S
        array([3., 2.])
    """
    m, n = matrices(tuple(x.shape))[-2:]
    u, s, v = _singular(singular_packed(x), m, n)
    if full_matrices and m > n:
        u = cat([u, complement(u)], -1)
    elif full_matrices and n > m:
        v = cat([v, complement(v)], -1)
    return results.linalg_svd(u, s, matrix_transpose(v))


def _values_vjp(g: Value, _y: Value, x: Value) -> Value:
    u, _, vh = svd(x, full_matrices=False)
    return matmul(mul(u, unsqueeze(g, -2)), vh)


@primitive(
    kind="contract",
    shape=lambda shape: (*shape[:-2], _rank(shape)),
    vjp=[_values_vjp],
    cost=cubic,
)
def svdvals(x: Array) -> Array:
    """The singular values, in descending order.

    Examples:
        >>> svdvals(np.diag([2.0, 3.0]))
        array([3., 2.])
    """
    matrices(x.shape)
    return by_lapack("no singular values were found", np.linalg.svd, x, compute_uv=False)


# --- the exponential ----------------------------------------------------------------------------


def _exponential_vjp(g: Value, _y: Value, x: Value) -> Value:
    # exp of ((a, g), (0, a)) has the derivative of exp at a in the direction g in its corner.
    n, across = x.shape[-1], matrix_transpose(x)
    low = cat([constant(module_of(x).zeros(tuple(x.shape), x.dtype)), across], -1)
    whole = matrix_exp(cat([cat([across, g], -1), low], -2))
    return narrow(narrow(whole, -2, 0, n), -1, n, n)


@primitive(kind="contract", shape=squares, vjp=[_exponential_vjp], cost=cubic)
def matrix_exp(x: Array) -> Array:
    """1 + x + x^2 / 2! + ..., by Taylor's series of x / 2^s and s squarings.

    C. Moler and C. Van Loan, "Nineteen dubious ways to compute the exponential of a matrix,
    twenty-five years later", SIAM Review 45, 2003.

    Examples:
        >>> matrix_exp(np.array([[0.0, 1.0], [0.0, 0.0]]))
        array([[1., 1.],
               [0., 1.]])
    """
    squares(x.shape)
    size = float(np.abs(x).sum(-1).max()) if x.size else 0.0
    squarings = max(0, int(np.ceil(np.log2(max(size, 1e-300)))) + 1) if np.isfinite(size) else 0
    scaled = x / x.dtype.type(2.0**squarings)
    eye = near(np.eye(x.shape[-1], dtype=x.dtype), x)
    y = np.broadcast_to(eye, x.shape)
    for k in range(18, 0, -1):  # Horner: at size 1/2 the next term is below 1e-23
        y = eye + scaled @ y / x.dtype.type(k)
    for _ in range(squarings):
        y = y @ y
    return y

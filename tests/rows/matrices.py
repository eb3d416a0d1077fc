"""Rows of products of matrices, their inverses, determinants and decompositions."""

from __future__ import annotations

import math

import numpy as np

import references as ref
from case import at, case, in_a_row, kink, listed, real, torch, verdict

# A row is a line, or little more. PyTorch is left out where it has no gradient, or one for the
# triangle of a matrix that is not read.
# fmt: off


def plus(product):
    """beta x + alpha times a product."""
    return lambda x, a, b, beta=1, alpha=1: beta * x + alpha * product(a, b)


def crossed(a, b, dim=-1):
    """The vector product by its three formulas."""
    a, b = (np.moveaxis(v, dim, 0) for v in np.broadcast_arrays(a, b))
    y = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    return np.moveaxis(np.stack(y), 0, dim)


def distances(a, b, p=2.0):
    """Every row against every row."""
    return ref.vector_norm(a[..., :, None, :] - b[..., None, :, :], p, -1)


by_dims = in_a_row("dims")

PRODUCTS_BY_NAME = [
    case("mm", [real(2, 3), real(3, 4)], ref.products, torch.mm),
    case("bmm", [real(5, 2, 3), real(5, 3, 4)], ref.products, torch.bmm),
    case("mv", [real(2, 3), real(3)], ref.products, torch.mv),
    case("dot", [real(3), real(3)], ref.products, torch.dot),
    case("inner", [real(2, 3), real(4, 3)], np.inner, torch.inner),
    case("inner", [real(2, 3), real()], np.inner, torch.inner, note="number"),
    case("vecdot", [real(2, 3), real(3)], lambda a, b: (a * b).sum(-1), torch.linalg.vecdot),
    case("vecdot", [real(2, 3), real(2, 3)], lambda a, b, dim: (a * b).sum(dim),
         torch.linalg.vecdot, note="first", dim=0),
    case("tensordot", [real(2, 3, 4), real(3, 4, 5)], np.tensordot, torch.tensordot),
    case("tensordot", [real(2, 3), real(4)], np.tensordot, torch.tensordot, note="none",
         form=by_dims, dims=0),
    case("tensordot", [real(2, 3, 4), real(4, 5, 2)], np.tensordot, torch.tensordot, note="lists",
         form=by_dims, dims=([0, -1], [2, 0])),
    case("kron", [real(2, 3), real(3, 2)], np.kron, torch.kron),
    case("kron", [real(2), real(2, 2)], np.kron, torch.kron, note="vector"),
    case("cross", [real(2, 3), real(2, 3)], crossed, torch.linalg.cross),
    case("cross", [real(3, 2), real(3, 1)], crossed, torch.linalg.cross, note="first", dim=0),
    case("multi_dot", [real(2, 5), real(5, 1), real(1, 4), real(4, 2)],
         lambda xs: xs[0] @ xs[1] @ xs[2] @ xs[3], torch.linalg.multi_dot, form=listed),
    case("multi_dot", [real(5), real(5, 2), real(2)], lambda xs: xs[0] @ xs[1] @ xs[2],
         torch.linalg.multi_dot, note="vectors", form=listed),
    *(
        case(name, [real(*x), real(*a), real(*b)], plus(product), getattr(torch, name),
             note=note, **attrs)
        for name, x, a, b, product in [
            ("addmm", (4,), (2, 3), (3, 4), np.matmul),
            ("addmv", (2,), (2, 3), (3,), np.matmul),
            ("addr", (2, 1), (2,), (3,), np.outer),
            ("baddbmm", (5, 2, 1), (5, 2, 3), (5, 3, 4), np.matmul),
            ("addbmm", (2, 4), (5, 2, 3), (5, 3, 4), lambda a, b: (a @ b).sum(0)),
        ]
        for note, attrs in [("", {}), ("scaled", {"beta": 0.5, "alpha": -2.0})]
    ),
    kink("addmm", [at(math.nan, 1), real(2, 3), real(3, 2)], lambda x, a, b, beta: a @ b,
         torch.addmm, note="alone", beta=0),
    case("dist", [real(2, 3), real(3)], lambda a, b, p=2: ref.vector_norm(a - b, p), torch.dist),
    case("dist", [real(2, 3), real(3)], lambda a, b, p=2: ref.vector_norm(a - b, p), torch.dist,
         note="one", p=1),
    case("cdist", [real(3, 2), real(4, 2)], distances, torch.cdist),
    *(
        case("cdist", [real(5, 3, 2), real(5, 4, 2)], distances, torch.cdist, note=f"{p}", p=p)
        for p in (1.0, 3.0, math.inf)
    ),
    kink("cdist", [at([0, 0]), at([0, 0], [3, 4])], distances, torch.cdist,
         slopes=[[[-0.6, -0.8]], [[0, 0], [0.6, 0.8]]]),
]


def sound(*shape: int):
    """Square matrices far from singular."""
    return lambda rng: rng.standard_normal(shape) + 5 * np.eye(shape[-1])


def symmetric(f):
    """`f` of the symmetric part of its first input."""
    return lambda x, **attrs: f((x + x.mT) / 2 if x.shape[-2] == x.shape[-1] else x, **attrs)


def of_square(f):
    """`f` of x x^T, which is positive definite."""
    return lambda x, **attrs: f(x @ x.mT, **attrs)


def pinv(a):
    """By the normal equations."""
    tall = a.shape[-2] >= a.shape[-1]
    return np.linalg.inv(a.mT @ a) @ a.mT if tall else a.mT @ np.linalg.inv(a @ a.mT)


def by_columns(f):
    """`solve`, one column at a time by Cramer's rule."""

    def solved(a, b):
        y = np.empty(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:])
        for j in range(a.shape[-1]):
            for k in range(b.shape[-1]):
                swapped = np.array(np.broadcast_to(a, y.shape[:-2] + a.shape[-2:]))
                swapped[..., :, j] = b[..., :, k]
                y[..., j, k] = np.linalg.det(swapped) / np.linalg.det(a)
        return y

    return f(solved)


def solve(solved):
    """With vectors and from the right."""

    def reference(a, b, left=True):
        if not left:
            return reference(a.mT, b.mT).mT
        return solved(a, b[..., None])[..., 0] if b.ndim == 1 else solved(a, b)

    return reference


cramer = by_columns(solve)


def triangular(a, b, upper, left=True, unitriangular=False):
    """A triangle of a alone."""
    a = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        a = a - a * np.eye(len(a)) + np.eye(len(a))
    return cramer(a, b, left)


EQUATIONS = [
    case("inverse", [sound(3, 3)], lambda x: cramer(x, np.eye(3)), torch.linalg.inv),
    case("inverse", [sound(2, 3, 3)], np.linalg.inv, torch.linalg.inv, note="stack"),
    case("solution", [sound(3, 3), real(3, 2)], cramer, torch.linalg.solve),
    case("solution", [sound(3, 3), real(2, 3, 2)], cramer, torch.linalg.solve, note="broadcast"),
    case("solve", [sound(3, 3), real(3)], cramer, torch.linalg.solve, note="vector"),
    case("solve", [sound(3, 3), real(3, 2)], cramer, torch.linalg.solve),
    case("solve", [sound(2, 3, 3), real(2, 3)], lambda a, b: cramer(a, b[..., None])[..., 0],
         torch.linalg.solve, note="vectors"),
    case("solve", [sound(3, 3), real(2, 3)], cramer, torch.linalg.solve, note="right", left=False),
    *(
        case("solve_triangular", [sound(3, 3), real(3, 3)], triangular,
             torch.linalg.solve_triangular, note=f"{upper}-{left}-{one}", upper=upper, left=left,
             unitriangular=one)
        for upper in (True, False) for left in (True, False) for one in (True, False)
    ),
    case("pseudoinverse", [real(4, 3)], pinv, torch.linalg.pinv),
    case("pseudoinverse", [real(2, 3, 4)], pinv, torch.linalg.pinv, note="wide"),
    case("pinv", [real(4, 3)], pinv, torch.linalg.pinv),
    case("lstsq", [real(5, 3), real(5, 2)],
         lambda a, b: (pinv(a) @ b, ((a @ pinv(a) @ b - b) ** 2).sum(0), np.array(3), np.zeros(0)),
         form=lambda f: lambda a, b: [*f(a, b)][:3]),
    case("lstsq", [real(5, 3), real(5, 2)], lambda a, b: pinv(a) @ b, torch.linalg.lstsq,
         note="solution", form=lambda f: lambda a, b: getattr(y := f(a, b), "solution", y)),
    case("tensorinv", [lambda rng: sound(6, 6)(rng).reshape(2, 3, 6)], np.linalg.tensorinv,
         torch.linalg.tensorinv, ind=2),
    case("tensorsolve", [lambda rng: sound(6, 6)(rng).reshape(2, 3, 6), real(2, 3)],
         np.linalg.tensorsolve, torch.linalg.tensorsolve),
    case("tensorsolve", [lambda rng: sound(6, 6)(rng).reshape(2, 6, 3), real(2, 3)],
         lambda a, b, dims: np.linalg.tensorsolve(a, b, dims), torch.linalg.tensorsolve,
         note="dims", dims=(1,)),
]

DETERMINANTS = [
    case("det", [sound(3, 3)], np.linalg.det, torch.linalg.det),
    case("det", [real(2, 3, 3)], np.linalg.det, torch.linalg.det, note="stack"),
    kink("det", [at([1, 2], [2, 4])], lambda x: 0.0, note="singular",
         slopes=[[[4, -2], [-2, 1]]]),
    case("cofactors", [sound(3, 3)], lambda x: np.linalg.det(x) * np.linalg.inv(x).T),
    case("log_abs_det", [sound(3, 3)], lambda x: np.log(np.abs(np.linalg.det(x))),
         lambda x: torch.linalg.slogdet(x)[1]),
    verdict("det_sign", [real(5, 3, 3)], lambda x: np.sign(np.linalg.det(x)),
            lambda x: torch.linalg.slogdet(x)[0]),
    case("slogdet", [sound(2, 3, 3)], np.linalg.slogdet, torch.linalg.slogdet),
    case("logdet", [sound(3, 3)], lambda x: np.log(np.linalg.det(x)), torch.logdet),
    kink("logdet", [at([0, 1], [1, 0])], lambda x: math.nan, torch.logdet, note="negative"),
]


def up_to_signs(f):
    """What of a decomposition does not depend on the signs of its vectors."""

    def call(x, *rest, **attrs):
        parts = f(x, *rest, **attrs)
        return [part * part for part in parts]

    return call


def eigen_squares(f):
    """Eigenvalues, and eigenvectors up to signs."""
    return symmetric(lambda x, **attrs: [(y := f(x, **attrs))[0], y[1] * y[1]])


def singular_squares(f):
    """Singular values, and singular vectors up to signs."""
    return lambda x, **attrs: [(y := f(x, **attrs))[0] * y[0], y[1], y[2] * y[2]]


def packed(f):
    """The parts of what a decomposition packs: all rows but those of values up to signs."""
    return lambda x, **attrs: f(x, **attrs) * f(x, **attrs)


DECOMPOSITIONS = [
    case("cholesky_factor", [sound(3, 3)], np.linalg.cholesky, torch.linalg.cholesky,
         form=of_square),
    case("cholesky", [sound(2, 3, 3)], np.linalg.cholesky, torch.linalg.cholesky, note="stack",
         form=of_square),
    case("cholesky", [sound(3, 3)], lambda x, upper: np.linalg.cholesky(x).mT,
         torch.linalg.cholesky, form=of_square, upper=True),
    *(
        case("cholesky_solve", [real(3, 2), sound(3, 3)],
             lambda b, u, upper: cramer(np.triu(u).T @ np.triu(u) if upper else
                                        np.tril(u) @ np.tril(u).T, b),
             note=f"{upper}", upper=upper)
        for upper in (False, True)
    ),
    case("cholesky_inverse", [sound(3, 3)], lambda u: np.linalg.inv(np.tril(u) @ np.tril(u).T)),
    case("orthonormal", [real(4, 3)], lambda x: np.linalg.qr(x)[0],
         lambda x: torch.linalg.qr(x)[0], form=packed),
    case("orthonormal", [real(2, 3, 3)], lambda x: np.linalg.qr(x)[0],
         lambda x: torch.linalg.qr(x)[0], note="stack", form=packed),
    case("complement", [real(4, 3)], lambda x: np.linalg.qr(x, "complete")[0][:, 3:],
         lambda x: torch.linalg.qr(x, "complete")[0][:, 3:], form=packed, wrt=[]),
    *(
        case("qr", [real(*shape)], np.linalg.qr, torch.linalg.qr, note=note, form=up_to_signs)
        for note, shape in [("", (4, 3)), ("wide", (3, 4)), ("stack", (2, 3, 3))]
    ),
    case("qr", [real(4, 3)], lambda x, mode: np.linalg.qr(x, mode), torch.linalg.qr,
         note="complete", form=up_to_signs, wrt=[], mode="complete"),
    case("eigen_packed", [real(3, 3)], lambda x: np.vstack(np.linalg.eigh(x)),
         form=lambda f: symmetric(packed(f))),
    case("eigh", [real(3, 3)], np.linalg.eigh, torch.linalg.eigh, form=eigen_squares),
    case("eigh", [real(2, 3, 3)], lambda x, UPLO: np.linalg.eigh(x, UPLO), torch.linalg.eigh,
         note="upper", form=eigen_squares, UPLO="U"),
    case("eigvalsh", [real(3, 3)], np.linalg.eigvalsh, torch.linalg.eigvalsh, form=symmetric),
    case("singular_packed", [real(4, 3)],
         lambda x: np.vstack([(y := np.linalg.svd(x, full_matrices=False))[0], y[1], y[2].T]),
         form=packed),
    *(
        case("svd", [real(*shape)], lambda x, **_: np.linalg.svd(x, full_matrices=False),
             torch.linalg.svd, note=note, form=singular_squares, full_matrices=False)
        for note, shape in [("", (4, 3)), ("wide", (3, 4)), ("stack", (2, 3, 3))]
    ),
    *(
        case("svd", [real(*shape)], np.linalg.svd, torch.linalg.svd, note=f"full-{note}",
             form=singular_squares, wrt=[])
        for note, shape in [("tall", (3, 2)), ("wide", (2, 3))]
    ),
    case("svdvals", [real(4, 3)], lambda x: np.linalg.svd(x)[1], torch.linalg.svdvals),
    case("svdvals", [real(2, 2, 3)], lambda x: np.linalg.svd(x)[1], torch.linalg.svdvals,
         note="stack"),
]


def exponential(x):
    """The series, term by term, to its end."""
    y, term = np.eye(x.shape[-1]) + 0 * x, np.eye(x.shape[-1]) + 0 * x
    for k in range(1, 60):
        term = term @ x / k
        y = y + term
    return y


def matrix_norm(x, ord="fro", dim=(-2, -1), keepdim=False):
    """NumPy's."""
    return np.linalg.norm(x, ord, dim, keepdim)


MEASURES = [
    case("matrix_exp", [real(3, 3)], exponential, torch.linalg.matrix_exp),
    case("matrix_exp", [real(2, 2, 2)], exponential, torch.linalg.matrix_exp, note="stack"),
    case("matrix_exp", [lambda rng: 1.5 * rng.standard_normal((3, 3))],
         lambda x: np.linalg.matrix_power(exponential(x / 64), 64), torch.linalg.matrix_exp,
         note="large"),
    *(
        case("matrix_power", [sound(3, 3)], np.linalg.matrix_power, torch.linalg.matrix_power,
             note=f"{n}", form=in_a_row("n"), n=n)
        for n in (0, 1, 2, 5, -3)
    ),
    case("vector_norm", [real(2, 3)], ref.vector_norm, torch.linalg.vector_norm),
    case("vector_norm", [real(2, 3)], lambda x, ord, dim: ref.vector_norm(x, ord, dim),
         torch.linalg.vector_norm, note="three", ord=3, dim=1),
    *(
        case("matrix_norm", [real(3, 4)], matrix_norm, torch.linalg.matrix_norm, note=f"{p}",
             ord=p)
        for p in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)
    ),
    case("matrix_norm", [real(3, 2, 4)], matrix_norm, torch.linalg.matrix_norm, note="kept",
         ord=1, dim=(0, 2), keepdim=True),
    verdict("matrix_rank", [at([1, 2, 3], [2, 4, 6], [1, 0, 1])], np.linalg.matrix_rank,
            torch.linalg.matrix_rank),
    verdict("matrix_rank", [real(2, 3, 4)], lambda x, atol: np.sum(np.linalg.svd(x)[1] > atol, -1),
            torch.linalg.matrix_rank, note="least", atol=1.0),
    *(
        case("cond", [sound(3, 3)], np.linalg.cond, judge, note=f"{p}", p=p)
        for p, judge in [(None, torch.linalg.cond), (-2, torch.linalg.cond), (1, None),
                         ("fro", None)]
    ),
    case("vander", [real(3)], np.vander),
    case("vander", [real(3)], np.vander, note="up", N=4, increasing=True),
]
